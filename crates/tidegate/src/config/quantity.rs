//! Amounts as people write them: `1.5s`, `16 MiB`, `10000`.
//!
//! Owns the text of durations, sizes and counts, in both directions. Parsing is exact integer arithmetic (never
//! floating point), so what is written is what is meant, and printing then parsing gives the same value back.
//! It does not know which setting an amount belongs to or which amounts a setting allows.

use std::fmt;
use std::time::Duration;

use super::value::ValueError;

/// A number of bytes, printed and parsed with a unit (`16 MiB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(
    /// The size in bytes.
    pub u64,
);

/// Unit names with their size in nanoseconds, smallest first.
const DURATION_UNITS: [(&str, u128); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Unit names with their size in bytes; the binary units, smallest first, then the decimal ones.
const SIZE_UNITS: [(&str, u128); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// More digits than any allowed amount needs, few enough that the arithmetic cannot overflow.
const MAX_DIGITS: usize = 18;

/// Parses `500ms`, `2s`, `1.5s`, `5m`, `1h`.
///
/// # Errors
/// [`ValueError::Duration`] for anything else, also for a fraction of a nanosecond.
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let nanos = scaled(text, &DURATION_UNITS).ok_or(ValueError::Duration)?;
    // Seconds of an amount of at most 18 digits times 3600 fit 64 bits; the check keeps this true whatever changes.
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| ValueError::Duration)?;
    Ok(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// Parses `16 MiB`, `512 KiB`, `1000 B`, `1 MB`; the space is optional.
///
/// # Errors
/// [`ValueError::Size`] for anything else, also for a fraction of a byte.
pub fn parse_size(text: &str) -> Result<ByteSize, ValueError> {
    let bytes = scaled(text, &SIZE_UNITS).ok_or(ValueError::Size)?;
    u64::try_from(bytes).map(ByteSize).map_err(|_| ValueError::Size)
}

/// Parses a count: decimal digits only, no sign.
///
/// # Errors
/// [`ValueError::Count`] for anything else.
pub(super) fn parse_count(text: &str) -> Result<usize, ValueError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::Count);
    }
    text.parse().map_err(|_| ValueError::Count)
}

/// `digits[.digits] unit`, as a whole number of the smallest unit; `None` if it is not written so or is not whole.
fn scaled(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let text = text.trim();
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let unit = unit.trim_start();
    let scale = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || whole.len() + fraction.len() > MAX_DIGITS || fraction.contains('.') {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = digits.checked_mul(scale)?;
    (scaled % divisor == 0).then_some(scaled / divisor)
}

/// Prints an amount in the largest unit that divides it.
fn print(amount: u128, units: &[(&str, u128)], space: &str) -> String {
    let unit = units.iter().rev().find(|(_, scale)| amount.is_multiple_of(*scale) && amount > 0);
    let (name, scale) = unit.unwrap_or(&units[0]);
    if amount.is_multiple_of(*scale) {
        return format!("{}{space}{name}", amount / scale);
    }
    // Only durations get here: the smallest size unit, one byte, divides every size.
    let fraction = format!("{:0width$}", amount % scale, width = scale.ilog10() as usize);
    format!("{}.{}{space}{name}", amount / scale, fraction.trim_end_matches('0'))
}

/// Prints a duration so that [`parse_duration`] reads it back unchanged.
pub fn display_duration(duration: Duration) -> String {
    print(duration.as_nanos(), &DURATION_UNITS, "")
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(u128::from(self.0), &SIZE_UNITS[..4], " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_duration(text).ok(), expected.map(Duration::from_micros), "{text:?}");
        };
        check("500ms", Some(500_000));
        check("2s", Some(2_000_000));
        check("1.5s", Some(1_500_000));
        check("0.001ms", Some(1));
        check("5m", Some(300_000_000));
        check("1h", Some(3_600_000_000));
        check(" 2 s ", Some(2_000_000));
        check("0s", Some(0));
        for bad in [
            "",
            "s",
            "500",
            "-1s",
            "+1s",
            "1.s",
            ".5s",
            "1.2.3s",
            "1,5s",
            "1e3s",
            "2S",
            "2sec",
            "2s 5ms",
            "1d",
            "0.0000001ms",
            "9999999999999999999h",
            "٣s",
            "1_000ms",
            "inf",
            "NaNs",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn sizes() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_size(text).ok(), expected.map(ByteSize), "{text:?}");
        };
        check("16 MiB", Some(16 << 20));
        check("512KiB", Some(512 << 10));
        check("1000 B", Some(1000));
        check("1 MB", Some(1_000_000));
        check("1 kB", Some(1000));
        check("1 KB", Some(1000));
        check("1.5 KiB", Some(1536));
        check("2 GiB", Some(2 << 30));
        for bad in
            ["", "16", "16 mib", "16 M", "1.0001 KiB", "-1 B", "999999999999999999 GiB", "0x10 B", "1 TiB"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn printed_in_the_largest_whole_unit() {
        let check = |text: &str, expected: &str| {
            assert_eq!(display_duration(parse_duration(text).unwrap()), expected);
        };
        check("1000ms", "1s");
        check("90s", "90s");
        check("120m", "2h");
        check("0s", "0ms");
        check("0.25ms", "0.25ms");
        assert_eq!(ByteSize(16 << 20).to_string(), "16 MiB");
        assert_eq!(ByteSize(1000).to_string(), "1000 B");
        assert_eq!(ByteSize(0).to_string(), "0 B");
    }

    proptest! {
        #[test]
        fn printing_then_parsing_changes_nothing(nanos in 0_u64..400_000_000_000_000, bytes in 0_u64..1 << 45) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&display_duration(duration)), Ok(duration));
            prop_assert_eq!(parse_size(&ByteSize(bytes).to_string()), Ok(ByteSize(bytes)));
        }
    }
}
