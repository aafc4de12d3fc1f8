//! Positions: where a version stands in its feed's lineage, and their one text form.

use std::fmt;
use std::str::FromStr;

/// One lineage of a feed's versions. Drawn at random by whoever starts the lineage, so that a position of an
/// earlier run, or of another instance, is recognised as foreign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// Counts the changes in an [`Epoch`]; the first version of a lineage has offset 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset of the first version of a lineage.
    pub const FIRST: Offset = Offset(1);

    /// The offset of the change after this one.
    pub fn next(self) -> Offset {
        Offset(self.0 + 1)
    }
}

/// A short hash of what a position is bound to besides its lineage: the sharing key and the selection.
/// An id that is used elsewhere does not match and is foreign there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding(pub u32);

/// The place of a version: epoch, offset and binding.
///
/// Opaque to clients. The same text stands in an event's `id`, in an `ETag` and in every other transport:
/// epoch (13 characters), `.`, offset in decimal, `.`, binding (7 characters), in lower-case Crockford-like base 32.
/// Only letters, digits and dots, so that it is CORS-safelisted in `Last-Event-ID` (Fetch §2.2.2), at most 42 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The lineage.
    pub epoch: Epoch,
    /// The change in it.
    pub offset: Offset,
    /// What else the position is bound to.
    pub binding: Binding,
}

/// The text is not a position of ours; whoever sent it gets a snapshot, never an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsePositionError;

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a position of this gateway")
    }
}

impl std::error::Error for ParsePositionError {}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const EPOCH_DIGITS: usize = 13;
const BINDING_DIGITS: usize = 7;

fn write_base32(f: &mut fmt::Formatter<'_>, value: u64, digits: usize) -> fmt::Result {
    for digit in (0..digits).rev() {
        let index = (value >> (5 * digit)) & 31;
        fmt::Write::write_char(f, ALPHABET[index as usize] as char)?;
    }
    Ok(())
}

fn read_base32(text: &str, digits: usize) -> Option<u64> {
    if text.len() != digits {
        return None;
    }
    text.bytes().try_fold(0u64, |value, byte| {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)? as u64;
        value.checked_mul(32)?.checked_add(digit)
    })
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, self.epoch.0, EPOCH_DIGITS)?;
        write!(f, ".{}.", self.offset.0)?;
        write_base32(f, u64::from(self.binding.0), BINDING_DIGITS)
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    /// Accepts exactly what [`Position`]'s `Display` writes, and nothing that merely looks like it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let (Some(epoch), Some(offset), Some(binding), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParsePositionError);
        };
        let canonical = offset.bytes().all(|byte| byte.is_ascii_digit()) && !offset.starts_with('0');
        let offset = offset.parse().ok().filter(|_| canonical).ok_or(ParsePositionError)?;
        let epoch = read_base32(epoch, EPOCH_DIGITS).ok_or(ParsePositionError)?;
        let binding = read_base32(binding, BINDING_DIGITS).ok_or(ParsePositionError)?;
        let binding = u32::try_from(binding).map_err(|_| ParsePositionError)?;
        Ok(Position { epoch: Epoch(epoch), offset: Offset(offset), binding: Binding(binding) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(epoch: u64, offset: u64, binding: u32) -> Position {
        Position { epoch: Epoch(epoch), offset: Offset(offset), binding: Binding(binding) }
    }

    #[test]
    fn text_round_trips_and_is_safelisted() {
        for position in
            [position(0, 1, 0), position(u64::MAX, u64::MAX, u32::MAX), position(0x1234_5678, 42, 7)]
        {
            let text = position.to_string();
            assert_eq!(text.parse(), Ok(position), "{text}");
            assert!(
                text.len() <= 42 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_foreign() {
        let good = position(1, 42, 7).to_string();
        for text in [
            "",
            ".",
            "..",
            "...",
            "42",
            "hello",
            "0000000000001.42",
            "0000000000001.042.0000007",
            "0000000000001.+42.0000007",
            "0000000000001.0.0000007",
            "000000000001.42.0000007",
            "0000000000001.42.zzzzzzz",
            "zzzzzzzzzzzzz.42.0000007",
            "0000000000001.42.0000007 ",
            "0000000000001.99999999999999999999.0000007",
            "000000000000I.42.0000007",
        ] {
            assert_eq!(text.parse::<Position>(), Err(ParsePositionError), "{text:?}");
        }
        assert_eq!(good.to_uppercase().parse::<Position>().is_ok(), good == good.to_uppercase());
    }
}
