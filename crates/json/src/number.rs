//! Numbers by their text, and their comparison by what they denote.
//!
//! Invariant: a [`Number`] holds a text of RFC 8259 §6's grammar and nothing else. No conversion to a machine
//! number happens anywhere, so nothing is rounded and no exponent is too large.

use std::fmt;
use std::str::FromStr;

/// A number by its text: `1.10`, `1E5`, `-0` and 40-digit integers stay what they are. Equality is by text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// The number's text as the origin wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that the parser has already scanned with [`scan`].
    pub(crate) fn from_scanned(text: &str) -> Number {
        debug_assert_eq!(scan(text.as_bytes()), Ok(text.len()));
        Number(text.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a number of RFC 8259 §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseNumberError;

impl fmt::Display for ParseNumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a JSON number")
    }
}

impl std::error::Error for ParseNumberError {}

impl FromStr for Number {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match scan(text.as_bytes()) {
            Ok(end) if end == text.len() => Ok(Number(text.into())),
            _ => Err(ParseNumberError),
        }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Number(value.to_string().into())
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number(value.to_string().into())
    }
}

/// Where the number that begins `bytes` ends (RFC 8259 §6), or where a digit was expected and something else stood.
pub(crate) fn scan(bytes: &[u8]) -> Result<usize, usize> {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let some_digits = |from: usize| match digits(from) {
        end if end == from => Err(from),
        end => Ok(end),
    };
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut at = match bytes.get(start) {
        Some(b'0') => start + 1,
        _ => some_digits(start)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = some_digits(at + 1 + sign)?;
    }
    Ok(at)
}

/// Whether two numbers denote the same value, exactly: `1.10`, `1.1` and `11e-1` do, `-0` and `0` do, and
/// `9007199254740993` and `9007199254740992` do not. This is the equality of RFC 6902 §4.6.
///
/// Costs the length of the two texts, whatever their exponents.
///
/// ```
/// use tidegate_json::{Number, equal_numerically};
/// let number = |text: &str| text.parse::<Number>().unwrap();
/// assert!(equal_numerically(&number("1.10"), &number("11e-1")));
/// assert!(!equal_numerically(&number("1"), &number("1e99999999999999999999")));
/// ```
pub fn equal_numerically(left: &Number, right: &Number) -> bool {
    left == right || Scientific::of(left) == Scientific::of(right)
}

/// ±0.d₁d₂…dₙ × 10^exponent with d₁ and dₙ not zero: the one such form of a number that is not zero.
#[derive(PartialEq, Eq)]
struct Scientific {
    negative: bool,
    digits: Vec<u8>,
    exponent: String,
}

impl Scientific {
    /// None for zero, whatever its sign, digits and exponent.
    fn of(number: &Number) -> Option<Scientific> {
        let text = number.as_str();
        let negative = text.starts_with('-');
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = integer.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1));
        if digits.is_empty() {
            return None;
        }
        let exponent = add(exponent, integer.len() as i128 - leading as i128);
        Some(Scientific { negative, digits, exponent })
    }
}

/// `text + shift` in canonical decimal, where `text` is an integer with an optional sign and of any length.
fn add(text: &str, shift: i128) -> String {
    /// Texts of up to this many digits are added in an `i128`. Longer ones exceed every `shift`, which comes from
    /// the length of a text in memory and so is below 10^20; their sign therefore cannot change.
    const SMALL: usize = 30;
    let negative = text.starts_with('-');
    let magnitude = text.trim_start_matches(['-', '+']).trim_start_matches('0');
    if magnitude.len() <= SMALL {
        // At most 30 digits fit an i128; no digits at all are zero.
        let magnitude: i128 = magnitude.parse().unwrap_or(0);
        return (shift + if negative { -magnitude } else { magnitude }).to_string();
    }
    // School arithmetic from the last digit, with a carry that starts as the whole shift.
    let mut carry = if negative { -shift } else { shift };
    let mut digits: Vec<u8> = magnitude
        .bytes()
        .rev()
        .map(|digit| {
            let sum = i128::from(digit - b'0') + carry;
            carry = sum.div_euclid(10);
            b'0' + sum.rem_euclid(10) as u8
        })
        .collect();
    if carry > 0 {
        digits.push(b'0' + carry as u8);
    }
    let sum: String = digits.iter().rev().map(|&digit| char::from(digit)).collect();
    let sum = sum.trim_start_matches('0');
    if negative { format!("-{sum}") } else { sum.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap_or_else(|_| panic!("{text} is a number"))
    }

    #[test]
    fn grammar() {
        for text in
            ["0", "-0", "1", "10", "1.10", "-0.0", "1E5", "1e+5", "0e-0", "123456789012345678901234567890"]
        {
            assert_eq!(number(text).as_str(), text);
        }
        for text in [
            "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e1", "0x1", "1 ", " 1", "NaN", "1e1.5",
            "--1",
        ] {
            assert_eq!(text.parse::<Number>(), Err(ParseNumberError), "{text:?}");
        }
    }

    #[test]
    fn from_integers() {
        assert_eq!(Number::from(u64::MAX).as_str(), "18446744073709551615");
        assert_eq!(Number::from(i64::MIN).as_str(), "-9223372036854775808");
    }

    #[test]
    fn same_number_in_other_words() {
        let z40 = "0".repeat(40);
        let n40 = "9".repeat(40);
        for (left, right) in [
            ("1.10", "1.1"),
            ("1.1", "11e-1"),
            ("1.1", "0.00011E+4"),
            ("100", "1e2"),
            ("1e2", "1E+0002"),
            ("0", "-0"),
            ("0.000", "0e99999999999999999999999999999999999"),
            ("-5.50", "-55e-1"),
            ("10e0", "1e1"),
            ("12345678901234567890123456789012345678900", "123456789012345678901234567890123456789e2"),
            (&format!("10e{n40}"), &format!("1e1{z40}")),
            (&format!("0.1e1{z40}"), &format!("1e{n40}")),
            (&format!("10e-1{z40}"), &format!("1e-{n40}")),
            (&format!("0.1e-{n40}"), &format!("1e-1{z40}")),
            (&format!("100e{}", "9".repeat(30)), &format!("1e1{}1", "0".repeat(29))),
        ] {
            assert!(equal_numerically(&number(left), &number(right)), "{left} = {right}");
            assert!(equal_numerically(&number(right), &number(left)), "{right} = {left}");
        }
    }

    #[test]
    fn other_numbers() {
        let n40 = "9".repeat(40);
        for (left, right) in [
            ("1", "-1"),
            ("1", "2"),
            ("1", "10"),
            ("0", "1e-99999999999999999999999999999999999"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000000000000000000000001"),
            ("1e5", "1e-5"),
            (&format!("1e{n40}"), &format!("1e-{n40}")),
            (&format!("1e{n40}"), &format!("10e{n40}")),
            ("101", "11"),
        ] {
            assert!(!equal_numerically(&number(left), &number(right)), "{left} ≠ {right}");
            assert!(!equal_numerically(&number(right), &number(left)), "{right} ≠ {left}");
        }
    }
}
