//! When a certificate is valid.
//!
//! Owns the one thing about certificates that the TLS library does not tell a server, and that operators forget most
//! often. Whether a certificate is valid now is not an error of a configuration (clocks differ, and it may become valid
//! in a minute): whoever has a clock warns.

use tidegate_wire::Timestamp;

use crate::der::{Der, INTEGER, SEQUENCE};

/// From when to when, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
}

// The tags of X.690 that lead to the two times.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Validity {
    /// Of a certificate in DER form (RFC 5280 §4.1). `None` if it is none.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = Der(certificate).take(SEQUENCE)?;
        let mut fields = Der(Der(certificate).take(SEQUENCE)?);
        // The version is optional; serial number, algorithm and issuer come before the validity.
        if fields.0.first() == Some(&VERSION) {
            fields.take(VERSION)?;
        }
        fields.take(INTEGER)?;
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut times = Der(fields.take(SEQUENCE)?);
        Some(Self { from: times.time()?, until: times.time()? })
    }
}

/// A moment to the second, for people: `2026-01-31 09:30:00 UTC`.
pub fn day_and_time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} UTC", text.split('.').next().unwrap_or_default().replace('T', " "))
}

impl Der<'_> {
    /// The next value as one of the two kinds of time, which are in UTC and to the second (RFC 5280 §4.1.2.5).
    fn time(&mut self) -> Option<Timestamp> {
        let (century, digits) = match *self.0.first()? {
            UTC_TIME => {
                let digits = std::str::from_utf8(self.take(UTC_TIME)?).ok()?;
                (if digits.get(..2)? < "50" { "20" } else { "19" }, digits)
            }
            _ => ("", std::str::from_utf8(self.take(GENERALIZED_TIME)?).ok()?),
        };
        let text = format!("{century}{digits}");
        let part = |range: std::ops::Range<usize>| text.get(range);
        let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
        let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
        let zone = text.get(14..)?;
        format!("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        let check = |from, until, expected: (&str, &str)| {
            let validity = Validity::of(&certificate(from, until)).unwrap();
            assert_eq!((&*day_and_time(validity.from), &*day_and_time(validity.until)), expected);
        };
        check((1975, 1, 1), (2049, 12, 31), ("1975-01-01 00:00:00 UTC", "2049-12-31 00:00:00 UTC"));
        check((2026, 2, 28), (2050, 1, 1), ("2026-02-28 00:00:00 UTC", "2050-01-01 00:00:00 UTC"));
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let whole = certificate((2026, 1, 2), (2026, 3, 4));
        // The two times stand in the first half of a certificate; whatever is cut there is not understood.
        for length in 0..60 {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
        for flipped in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[flipped] ^= 0xff;
            let _ = Validity::of(&damaged);
        }
        assert_eq!(Validity::of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
