//! Points in time as the wire prints them: RFC 3339, UTC, milliseconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since the Unix epoch, leap seconds not counted. Printed as
/// `2026-01-31T09:30:00.250Z`; the years 0000 to 9999 have that form, which is all that RFC 3339 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 date and time, such as 2026-01-31T09:30:00.250Z")
    }
}

impl std::error::Error for ParseTimestampError {}

const MS_PER_DAY: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z
const FIRST: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The point `ms` milliseconds after the Unix epoch, moved into the years 0000 to 9999 where it is outside.
    pub fn from_unix_ms(ms: i64) -> Timestamp {
        Timestamp(ms.clamp(FIRST, LAST))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this; 0 when this is the earlier one.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Timestamp {
        let ms = match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp::from_unix_ms(ms)
    }
}

/// Year, month and day of the proleptic Gregorian calendar, `days` days after 1970-01-01.
///
/// Years are counted from March, so that the leap day is a year's last and the months' lengths follow one linear
/// formula (153 days in five months); 146,097 days are 400 years.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

/// Takes `digits` decimal digits off the front of `rest`.
fn take_number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(digits)?;
    let number = head
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))?;
    *rest = tail;
    Some(number)
}

fn take_byte(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (&first, tail) = rest.split_first()?;
    *rest = tail;
    allowed.contains(&first).then_some(first)
}

/// Digits after the point, cut to milliseconds. RFC 3339 §5.6 allows any number of them, but not none.
fn take_fraction(rest: &mut &[u8]) -> Option<i64> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, tail) = rest.split_at(count);
    *rest = tail;
    let ms =
        digits.iter().chain([b'0'; 2].iter()).take(3).fold(0, |ms, byte| ms * 10 + i64::from(byte - b'0'));
    (count > 0).then_some(ms)
}

fn parse(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let year = take_number(&mut rest, 4)?;
    take_byte(&mut rest, b"-")?;
    let month = take_number(&mut rest, 2).filter(|month| (1..=12).contains(month))?;
    take_byte(&mut rest, b"-")?;
    let day = take_number(&mut rest, 2).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    take_byte(&mut rest, b"Tt ")?;
    let hour = take_number(&mut rest, 2).filter(|hour| *hour < 24)?;
    take_byte(&mut rest, b":")?;
    let minute = take_number(&mut rest, 2).filter(|minute| *minute < 60)?;
    take_byte(&mut rest, b":")?;
    // 60 is a leap second; it counts as the first second of the next minute.
    let second = take_number(&mut rest, 2).filter(|second| *second <= 60)?;
    let ms = if rest.first() == Some(&b'.') {
        rest = &rest[1..];
        take_fraction(&mut rest)?
    } else {
        0
    };
    let offset_minutes = match take_byte(&mut rest, b"Zz+-")? {
        b'Z' | b'z' => 0,
        sign => {
            let hours = take_number(&mut rest, 2).filter(|hours| *hours < 24)?;
            take_byte(&mut rest, b":")?;
            let minutes = take_number(&mut rest, 2).filter(|minutes| *minutes < 60)?;
            (hours * 60 + minutes) * if sign == b'-' { -1 } else { 1 }
        }
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    rest.is_empty().then_some((seconds - offset_minutes * 60) * 1_000 + ms)
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads any RFC 3339 date and time; digits beyond milliseconds are cut off.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes()).map(Timestamp::from_unix_ms).ok_or(ParseTimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_769_851_800_250, "2026-01-31T09:30:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (FIRST, "0000-01-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(ms).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_unix_ms(ms)), "{text}");
        }
        assert_eq!(Timestamp::from_unix_ms(i64::MAX).unix_ms(), LAST);
        assert_eq!(Timestamp::from_unix_ms(i64::MIN).unix_ms(), FIRST);
    }

    #[test]
    fn other_spellings_of_the_same_moment() {
        for text in [
            "2026-01-31T09:30:00.25Z",
            "2026-01-31t09:30:00.2509z",
            "2026-01-31 10:30:00.250+01:00",
            "2026-01-31T04:00:00.250-05:30",
            "2026-01-31T09:29:60.250Z",
        ] {
            assert_eq!(text.parse(), Ok(Timestamp::from_unix_ms(1_769_851_800_250)), "{text}");
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T09:60:00Z",
            "2026-01-31T09:30:61Z",
            "2026-01-31T09:30:00.Z",
            "2026-01-31T09:30:00Z ",
            "26-01-31T09:30:00Z",
            "2026-01-31T09:30:00+1:00",
            "2026-01-31T09:30:00,25Z",
            "+026-01-31T09:30:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips_and_keeps_order(a in FIRST..=LAST, b in FIRST..=LAST) {
            let (a, b) = (Timestamp::from_unix_ms(a), Timestamp::from_unix_ms(b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
