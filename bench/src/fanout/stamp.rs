//! The mark in each event's data by which the load client knows which state it is and when it came to be.
//!
//! A stamp is the value of one string member, `"@0000000001@00000000000000000002@00000000000000000003@"`: the number of
//! the version, when the state changed at the source, and when the source first told it (answered with it, or began to
//! push it). It has a fixed width, so that documents are rendered once and stamped in place, and `@` stands nowhere
//! else in a document, so that one search finds it in a snapshot and in a patch alike.

use std::io::Write;

/// What one state says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Counts, from 1, the versions that the source has told: what it never told is no gap.
    pub(crate) version: u64,
    /// When the state changed, on [`super::clock`].
    pub(crate) changed: u64,
    /// When the source first told it.
    pub(crate) told: u64,
}

/// The width of a stamp.
pub(crate) const WIDTH: usize = 54;

const AT: u8 = b'@';

impl Stamp {
    /// Writes the stamp over the first [`WIDTH`] bytes of `place`.
    pub(crate) fn write(&self, place: &mut [u8]) {
        let mut place = &mut place[..WIDTH];
        write!(place, "@{:010}@{:020}@{:020}@", self.version, self.changed, self.told)
            .expect("the numbers are narrower than their columns");
    }

    /// The last stamp in an event's data: of a patch over several versions, the newest is what counts.
    pub(crate) fn find(data: &[u8]) -> Option<Stamp> {
        let end = memchr::memrchr(AT, data)? + 1;
        let stamp = data.get(end.checked_sub(WIDTH)?..end)?;
        let framed = stamp[0] == AT && stamp[11] == AT && stamp[32] == AT;
        if !framed {
            return None;
        }
        Some(Stamp {
            version: number(&stamp[1..11])?,
            changed: number(&stamp[12..32])?,
            told: number(&stamp[33..53])?,
        })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number.wrapping_mul(10).wrapping_add(u64::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_in_snapshots_and_patches() {
        let stamp = Stamp { version: 7, changed: 1_234_567, told: u64::MAX };
        let mut text = [0; WIDTH];
        stamp.write(&mut text);
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text, "@0000000007@00000000000001234567@18446744073709551615@");
        for data in [
            format!(r#"{{"stamp":"{text}","price":1.5}}"#),
            format!(r#"[{{"op":"replace","path":"/stamp","value":"{text}"}}]"#),
            text.to_owned(),
        ] {
            assert_eq!(Stamp::find(data.as_bytes()), Some(stamp), "{data}");
        }
    }

    #[test]
    fn other_data_has_none() {
        for data in ["", "@", "a@b", r#"{"state":"live"}"#, &"@".repeat(WIDTH), &"x".repeat(60), "@1@2@3@"] {
            assert_eq!(Stamp::find(data.as_bytes()), None, "{data}");
        }
    }
}
