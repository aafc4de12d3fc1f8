//! The checksum of a stream from the checksums of its parts.
//!
//! CRC-32 (RFC 1952 §8) reads bytes as a polynomial over GF(2) and keeps its remainder by [`POLYNOMIAL`]. Bytes that
//! follow multiply what was before by x for each of their bits, so the checksum of A then B is
//!
//! ```text
//! crc(A B) = crc(A) · x^(8 · |B|) + crc(B)   (mod POLYNOMIAL)
//! ```
//!
//! The inversions at the beginning and the end of a CRC-32 are additions of constants, and cancel out in that sum. The
//! power of x depends on B alone: a [`Part`] has it ready, and each reader pays for one multiplication.

/// The bytes that end a stream: an empty last block, the checksum and the length.
pub const TRAILER_BYTES: usize = 10;

/// x³² + x²⁶ + … + 1 without its x³², with the coefficient of x⁰ in the highest bit, as all remainders here are written.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The polynomials 1 and x⁸.
const ONE: u32 = 1 << 31;
const X_TO_THE_8: u32 = ONE >> 8;

/// What a checksum must know of bytes that are added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Their own CRC-32.
    crc: u32,
    /// x^(8 · length) mod [`POLYNOMIAL`].
    shift: u32,
    /// How many they are, mod 2³², as ISIZE counts (RFC 1952 §2.3.1).
    length: u32,
}

impl Part {
    pub(super) fn of(plain: &[u8]) -> Part {
        let mut crc = flate2::Crc::new();
        crc.update(plain);
        Part { crc: crc.sum(), shift: shift(plain.len() as u64), length: plain.len() as u32 }
    }
}

/// The checksum and length of what a reader was sent so far; eight bytes, and all that a stream needs to end validly.
///
/// A segment counts from its first byte that is sent, and then all its bytes must be sent before the trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Running {
    crc: u32,
    length: u32,
}

impl Running {
    /// The checksum after `segment` too; some thirty nanoseconds, however long the segment is.
    #[must_use]
    pub fn after(self, segment: &super::Segment) -> Running {
        self.and(segment.part())
    }

    fn and(self, part: &Part) -> Running {
        Running {
            crc: product(self.crc, part.shift) ^ part.crc,
            length: self.length.wrapping_add(part.length),
        }
    }

    /// How a stream of these bytes ends: a last block without content (RFC 1951 §3.2.6: final, fixed codes, end of
    /// block), the CRC-32 and the length mod 2³² (RFC 1952 §2.3.1).
    pub fn trailer(self) -> [u8; TRAILER_BYTES] {
        let [c0, c1, c2, c3] = self.crc.to_le_bytes();
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        [0b011, 0, c0, c1, c2, c3, l0, l1, l2, l3]
    }
}

/// x^(8 · `length`) mod [`POLYNOMIAL`], by repeated squaring.
fn shift(length: u64) -> u32 {
    let (mut power, mut square, mut rest) = (ONE, X_TO_THE_8, length);
    while rest > 0 {
        if rest & 1 == 1 {
            power = product(power, square);
        }
        square = product(square, square);
        rest >>= 1;
    }
    power
}

/// The product of two remainders, mod [`POLYNOMIAL`]: the sum of b · xⁱ for each xⁱ in a, without a branch.
fn product(a: u32, b: u32) -> u32 {
    let mut sum = 0;
    let mut shifted = b;
    for i in 0..32 {
        sum ^= shifted & mask(a >> (31 - i));
        shifted = (shifted >> 1) ^ (POLYNOMIAL & mask(shifted));
    }
    sum
}

/// All ones where the lowest bit is set, otherwise all zeros.
fn mask(bits: u32) -> u32 {
    (bits & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_value_of_the_algorithm() {
        assert_eq!(Part::of(b"123456789").crc, 0xcbf4_3926);
        assert_eq!(Part::of(b""), Part { crc: 0, shift: ONE, length: 0 });
        let halves = Running::default().and(&Part::of(b"12345")).and(&Part::of(b"6789"));
        assert_eq!(halves, Running { crc: 0xcbf4_3926, length: 9 });
    }

    #[test]
    fn x_generates_all_remainders() {
        // x has the order 2³² - 1, since the polynomial is primitive: so x^(8 · length) comes round after 2³² - 1 bytes.
        let round = u64::from(u32::MAX);
        assert_eq!(shift(round), ONE);
        assert_eq!(shift(2 * round + 5), shift(5));
        for factor in [3, 5, 17, 257, 65_537] {
            assert_ne!(shift(round / factor), ONE, "{factor}");
        }
    }

    #[test]
    fn the_length_comes_round() {
        let running = Running { crc: 7, length: u32::MAX };
        assert_eq!(running.and(&Part::of(b"ab")).length, 1);
    }

    #[test]
    fn a_trailer_is_little_endian() {
        let running = Running { crc: 0x0102_0304, length: 0x0506_0708 };
        assert_eq!(running.trailer(), [3, 0, 4, 3, 2, 1, 8, 7, 6, 5]);
    }

    proptest! {
        #[test]
        fn parts_sum_up_to_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let running = parts.iter().fold(Running::default(), |running, part| running.and(&Part::of(part)));
            let whole = parts.concat();
            let mut oracle = flate2::Crc::new();
            oracle.update(&whole);
            prop_assert_eq!(running, Running { crc: oracle.sum(), length: whole.len() as u32 });
        }

        #[test]
        fn shifts_add_lengths(a in any::<u32>(), b in any::<u32>()) {
            let (a, b) = (u64::from(a), u64::from(b));
            prop_assert_eq!(product(shift(a), shift(b)), shift(a + b));
        }

        #[test]
        fn products_are_a_field(a in any::<u32>(), b in any::<u32>(), c in any::<u32>()) {
            prop_assert_eq!(product(a, ONE), a);
            prop_assert_eq!(product(a, b), product(b, a));
            prop_assert_eq!(product(a, b ^ c), product(a, b) ^ product(a, c));
            prop_assert_eq!(product(product(a, b), c), product(a, product(b, c)));
        }
    }
}
