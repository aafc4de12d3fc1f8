//! The two quantities of the feed and their one text form: prices in cents, times in microseconds.
//!
//! Prices are integers all the way, so a price prints as a real feed prints it (`101.10`, never `101.1` or
//! `101.09999`).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An amount in hundredths: a price in cents, or a percentage in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cents(pub(crate) i64);

/// Exactly two decimals; zero has no sign.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", amount / 100, amount % 100)
    }
}

impl Cents {
    /// This amount as a percentage of `base`, which is positive: rounded to two decimals, halves away from zero.
    pub(crate) fn percent_of(self, base: Cents) -> Cents {
        let scaled = i128::from(self.0) * 10_000;
        let base = i128::from(base.0);
        let half = if scaled < 0 { -base / 2 } else { base / 2 };
        Cents(((scaled + half) / base) as i64)
    }
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub(crate) u64);

impl Timestamp {
    /// The time of the system's clock; a time before 1970 counts as 1970.
    pub(crate) fn from_system(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// The same point for the standard library.
    pub(crate) fn to_system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.0)
    }

    /// The point `by` later.
    pub(crate) fn plus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this; zero where that is not earlier.
    pub(crate) fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000;
        let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
        let (year, month, day) = civil(days);
        let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (second, milli) = (of_day / 1_000 % 60, of_day % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Count from 0000-03-01, so that the leap day is the last day of a year and of each 4, 100 and 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have lengths 31 30 31 30 31 | 31 30 31 30 31 | 31 …: 153 days for each five.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_two_decimals() {
        for (cents, text) in [
            (10110, "101.10"),
            (10100, "101.00"),
            (5, "0.05"),
            (0, "0.00"),
            (-5, "-0.05"),
            (-42, "-0.42"),
            (-12345, "-123.45"),
        ] {
            assert_eq!(Cents(cents).to_string(), text);
        }
    }

    #[test]
    fn percentages_round_halves_away_from_zero() {
        for (change, base, text) in [
            (-42, 10152, "-0.41"),
            (1, 3, "33.33"),
            (2, 3, "66.67"),
            (1, 20_000, "0.01"),
            (-1, 20_000, "-0.01"),
            (1, 30_000, "0.00"),
            (-1, 30_000, "0.00"),
            (0, 100, "0.00"),
        ] {
            assert_eq!(Cents(change).percent_of(Cents(base)).to_string(), text, "{change} of {base}");
        }
    }

    #[test]
    fn times_print_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_799, "2000-02-29T23:59:59.000Z"),
            (1_769_851_800, "2026-01-31T09:30:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(seconds * 1_000_000).to_string(), text);
        }
        assert_eq!(Timestamp(1_769_851_800_250_999).to_string(), "2026-01-31T09:30:00.250Z");
    }

    /// The calendar agrees with another one, day by day over 130 years.
    #[test]
    fn the_calendar_agrees_with_http_dates() {
        for day in 0..47_500u64 {
            let time = Timestamp(day * 86_400_000_000);
            let (year, _, date) = civil(day);
            let http = httpdate::fmt_http_date(time.to_system());
            assert_eq!(http[5..7], format!("{date:02}"), "{time} {http}");
            assert_eq!(http[12..16], format!("{year}"), "{time} {http}");
        }
    }
}
