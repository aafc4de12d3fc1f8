//! How much a number may differ and still be the same.
//!
//! Owns the comparison. It is made in decimals, because people write them: 101.11 and 101.10 differ by 0.01, which
//! binary floating point denies. Numbers of more digits than fit are compared in floating point, where the error is
//! smaller than anything that a tolerance could mean.

use std::cmp::Ordering;

use crate::Number;

/// A number that is not negative and not infinite, in the unit of the numbers that it is for.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Tolerance(f64);

impl Tolerance {
    /// `None` for what is negative, infinite or not a number. Zero is a tolerance: that of `1.0` and `1.00`.
    pub fn new(most: f64) -> Option<Tolerance> {
        (most.is_finite() && most >= 0.0).then_some(Tolerance(most))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The larger of the two.
    pub fn max(self, other: Tolerance) -> Tolerance {
        Tolerance(self.0.max(other.0))
    }

    /// The smaller of the two.
    pub fn min(self, other: Tolerance) -> Tolerance {
        Tolerance(self.0.min(other.0))
    }

    /// Whether two numbers differ by no more than this. Exact where the numbers and this have up to some 30 digits
    /// between the first and the last of all three; else as near as 64-bit floating point is. A number beyond its
    /// range (`1e400`) is only within any tolerance of the very same text.
    pub fn covers(self, a: &Number, b: &Number) -> bool {
        let (a, b) = (a.as_str(), b.as_str());
        a == b || self.covers_exactly(a, b).unwrap_or_else(|| self.covers_nearly(a, b))
    }

    /// `None` where the numbers do not fit.
    fn covers_exactly(self, a: &str, b: &str) -> Option<bool> {
        let (a, b) = (Decimal::of(a)?, Decimal::of(b)?);
        // The shortest text that reads as this very number is what was written, if it had up to 15 digits.
        let most = Decimal::of(&format!("{:e}", self.0))?;
        let exponent = a.exponent.min(b.exponent).min(most.exponent);
        let difference = a.scaled(exponent)?.checked_sub(b.scaled(exponent)?)?;
        Some(difference.unsigned_abs().cmp(&most.scaled(exponent)?.unsigned_abs()) != Ordering::Greater)
    }

    fn covers_nearly(self, a: &str, b: &str) -> bool {
        // Texts of JSON numbers always are numbers to Rust, infinite ones where they exceed the range.
        let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        finite(a).zip(finite(b)).is_some_and(|(a, b)| (a - b).abs() <= self.0)
    }
}

/// `units` × 10^`exponent`.
struct Decimal {
    units: i128,
    exponent: i32,
}

impl Decimal {
    fn of(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let units = format!("{integer}{fraction}").parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Decimal { units, exponent })
    }

    /// The units of an exponent that is not larger than its own.
    fn scaled(&self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        // Zero has no digits to run out of, whatever its exponent.
        if self.units == 0 { Some(0) } else { self.units.checked_mul(10_i128.checked_pow(shift)?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_tolerance() {
        for (most, is_one) in [
            (0.0, true),
            (-0.0, true),
            (0.01, true),
            (f64::MAX, true),
            (f64::MIN_POSITIVE, true),
            (-0.01, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
            (f64::NAN, false),
        ] {
            assert_eq!(Tolerance::new(most).is_some(), is_one, "{most}");
        }
    }

    #[test]
    fn at_the_boundary_and_around_it() {
        for (most, a, b, covered) in [
            // Binary floating point would deny the first four.
            (0.01, "101.10", "101.11", true),
            (0.1, "0.3", "0.2", true),
            (0.1, "1.1", "1", true),
            (1e-7, "1.0000003", "1.0000002", true),
            (0.01, "101.10", "101.1101", false),
            (0.01, "-0.005", "0.005", true),
            (0.01, "-0.005", "0.0050001", false),
            (0.0, "1.0", "1.00", true),
            (0.0, "1e2", "100", true),
            (0.0, "0", "-0.0", true),
            (0.0, "0e99999999", "0", true),
            (0.0, "1", "1.0000000000000000000000000001", false),
            (1.0, "9007199254740993", "9007199254740992", true),
            (0.5, "9007199254740993", "9007199254740992", false),
            (1.0, "123456789012345678901234567890", "123456789012345678901234567891", true),
            (0.9, "123456789012345678901234567890", "123456789012345678901234567891", false),
            (1e300, "1e300", "0", true),
            (1e-300, "1e-300", "0", true),
            (1e-301, "1e-300", "0", false),
            // More digits than fit: as near as floating point is.
            (0.01, "1e-400", "0", true),
            (1e10, "1e50", "1", false),
            (1.0, "0.1234567890123456789012345678901234567890", "0.5", true),
            (
                1.0,
                "1234567890123456789012345678901234567890",
                "1234567890123456789012345678901234567891",
                true,
            ),
            // Beyond the range: only what is the same text.
            (f64::MAX, "1e400", "1e400", true),
            (f64::MAX, "1e400", "10e399", false),
            (f64::MAX, "1e400", "1e308", false),
            (f64::MAX, "-1e400", "1e400", false),
            (1.0, "1e99999999999999999999", "1e99999999999999999998", false),
        ] {
            let number = |text: &str| text.parse::<Number>().unwrap();
            let tolerance = Tolerance::new(most).unwrap();
            assert_eq!(tolerance.covers(&number(a), &number(b)), covered, "{a} and {b} within {most}");
            assert_eq!(tolerance.covers(&number(b), &number(a)), covered, "{b} and {a} within {most}");
        }
    }
}
