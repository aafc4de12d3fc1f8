//! Byte-level searches: how far two texts agree, and where a JSON string or scalar ends.
//!
//! Everything here works on words or on the C library's comparison, because these few loops are where a diff's time
//! goes. It must not know what the bytes mean beyond RFC 8259's tokens.

/// The longest block that is compared at once.
const BLOCK: usize = 4096;

/// How many bytes two texts have in common from their beginnings. Costs one comparison of that many bytes.
///
/// Blocks of growing size are left to the slice comparison, which is the C library's; the block that differs is
/// searched again in smaller ones.
pub(crate) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let end = left.len().min(right.len());
    let (left, right) = (&left[..end], &right[..end]);
    let mut at = 0;
    let mut size = 32;
    let mut grows = true;
    loop {
        if at + size <= end && left[at..at + size] == right[at..at + size] {
            at += size;
            if grows && size < BLOCK {
                size *= 2;
            }
        } else if size > 32 {
            grows = false;
            size /= 4;
            if size < 32 {
                size = 32;
            }
        } else {
            break;
        }
    }
    while let (Some(a), Some(b)) = (word(left, at), word(right, at)) {
        let difference = a ^ b;
        if difference != 0 {
            return at + difference.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < end && left[at] == right[at] {
        at += 1;
    }
    at
}

/// How many bytes two texts have in common at their ends.
pub(crate) fn common_suffix(left: &[u8], right: &[u8]) -> usize {
    let end = left.len().min(right.len());
    let (left, right) = (&left[left.len() - end..], &right[right.len() - end..]);
    let mut rest = end;
    for size in [BLOCK, 256, 16] {
        while rest >= size && left[rest - size..rest] == right[rest - size..rest] {
            rest -= size;
        }
    }
    while rest > 0 && left[rest - 1] == right[rest - 1] {
        rest -= 1;
    }
    end - rest
}

/// The eight bytes from `at` on, the first in the lowest place; none where there are fewer.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks (with its highest bit) every byte that is a quote, a backslash or a control character. Marks above the lowest
/// one may be wrong.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let quotes = word ^ (ONES * 0x22);
    let slashes = word ^ (ONES * 0x5C);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    ((word.wrapping_sub(ONES * 0x20) & !word) | zero(quotes) | zero(slashes)) & HIGHS
}

/// Where a run of plain string bytes ends.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    /// The first byte that is a quote, a backslash or a control character; or the end.
    pub(crate) end: usize,
    /// No byte before it has its highest bit set.
    pub(crate) ascii: bool,
}

/// Steps over the bytes of a string that stand for themselves.
#[inline(always)]
pub(crate) fn plain_string(bytes: &[u8], from: usize) -> Plain {
    let mut at = from;
    let mut seen = 0;
    while let Some(word) = word(bytes, at) {
        let found = specials(word);
        if found != 0 {
            let before = found.trailing_zeros() & !7;
            // The bytes before the special one; a shift by 64 cannot happen, because one bit is set.
            seen |= word & !(u64::MAX << before);
            return Plain { end: at + before as usize / 8, ascii: seen & HIGHS == 0 };
        }
        seen |= word;
        at += 8;
    }
    let mut ascii = seen & HIGHS == 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        ascii &= byte < 0x80;
        at += 1;
    }
    Plain { end: at, ascii }
}

/// The place after the string whose opening quote stands at `start`, in a text that is known to be well-formed (in any
/// other, some place after it).
#[inline(always)]
pub(crate) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        at = plain_string(bytes, at).end;
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}

/// The place after the scalar that begins at `start`, in a text that is known to be well-formed.
#[inline(always)]
pub(crate) fn scalar_end(bytes: &[u8], start: usize) -> usize {
    if bytes[start] == b'"' {
        return string_end(bytes, start);
    }
    let mut at = start + 1;
    while bytes.get(at).is_some_and(|&byte| is_bare(byte)) {
        at += 1;
    }
    at
}

/// Whether the byte may stand inside a number or a literal.
#[inline(always)]
pub(crate) fn is_bare(byte: u8) -> bool {
    const BARE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            let it = byte as u8;
            table[byte] = it.is_ascii_alphanumeric() || it == b'+' || it == b'-' || it == b'.';
            byte += 1;
        }
        table
    };
    BARE[byte as usize]
}

/// RFC 8259 §2's four, which are fewer than ASCII's.
#[inline(always)]
pub(crate) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_agree_as_far_as_they_do(
            length in 0..9000usize,
            differs in prop::collection::vec(0..9000usize, 0..3),
            cut in 0..200usize,
        ) {
            let left: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            let mut right = left.clone();
            for at in differs {
                if let Some(byte) = right.get_mut(at) {
                    *byte ^= 0x10;
                }
            }
            let expected = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(common_prefix(&left, &right), expected);
            let expected = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(common_suffix(&left, &right), expected);
            right.truncate(right.len().saturating_sub(cut));
            let expected = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(common_prefix(&left, &right), expected);
        }

        #[test]
        fn plain_bytes_end_at_the_first_special_one(text in prop::collection::vec(any::<u8>(), 0..40), filler in 0..40usize) {
            let mut bytes = vec![b'x'; filler];
            bytes.extend(text);
            let end = bytes.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(bytes.len());
            let plain = plain_string(&bytes, 0);
            prop_assert_eq!(plain.end, end);
            prop_assert_eq!(plain.ascii, bytes[..end].is_ascii());
        }
    }
}
