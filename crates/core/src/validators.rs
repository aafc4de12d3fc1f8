//! The origin's validators, and when they can be believed.
//!
//! A validator is of use only if every later change changes it. A time in whole seconds does not promise that: what
//! changes twice within a second has the same `Last-Modified` both times, and a conditional request would be answered
//! with 304 until it changes again, for ever if it does not. So such a validator is believed only once its second was
//! over when the answer was made (RFC 9110 §8.8.2.2); until then the representation is fetched whole. That costs whole
//! answers for a second after each change, and nothing later.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header};

/// The origin's validators of one representation (RFC 9110 §8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, as sent.
    pub etag: Option<HeaderValue>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<HeaderValue>,
}

impl Validators {
    /// The validators in an answer's header fields.
    pub fn of(fields: &HeaderMap) -> Validators {
        Validators {
            etag: fields.get(header::ETAG).cloned(),
            last_modified: fields.get(header::LAST_MODIFIED).cloned(),
        }
    }

    /// Whether a conditional request can be made.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// What a conditional request is made of, with the answer that they came with: those that any later change
    /// changes. Empty where that is not sure.
    #[must_use]
    pub fn condition(&self, answer: &HeaderMap) -> Validators {
        let modified = self.last_modified.as_ref().and_then(seconds);
        let over = match (modified, answer.get(header::DATE).and_then(seconds)) {
            (Some(modified), Some(made)) => made > modified,
            // Without a clock of the origin's, nothing says that it is over.
            _ => false,
        };
        let says_more = |tag: &HeaderValue| modified.is_none_or(|modified| !is_made_of(tag, modified));
        match &self.etag {
            Some(tag) if over || says_more(tag) => self.clone(),
            None if over => self.clone(),
            _ => Validators::default(),
        }
    }
}

/// Whether an entity tag is a time of modification and a length, `"65f0a1b2-1c3"`, as nginx makes them: of two files
/// of one length in one second, it says no more than `Last-Modified`.
fn is_made_of(tag: &HeaderValue, modified: u64) -> bool {
    let Ok(text) = tag.to_str() else { return false };
    let opaque = text.trim_start_matches("W/").trim_matches('"');
    let time = opaque.split_once('-').map(|(time, _length)| time);
    time.is_some_and(|time| u64::from_str_radix(time, 16) == Ok(modified))
}

/// The seconds since 1970 of an HTTP date.
fn seconds(date: &HeaderValue) -> Option<u64> {
    let time: SystemTime = httpdate::parse_http_date(date.to_str().ok()?).ok()?;
    time.duration_since(UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SAME_SECOND: &str = MODIFIED;
    const NEXT_SECOND: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    /// 784111777 in hexadecimal, which is `MODIFIED`, and a length.
    const OF_NGINX: &str = "\"2ebc98a1-5f\"";

    #[test]
    fn validators_are_believed_when_every_later_change_changes_them() {
        let value = |text: &str| (!text.is_empty()).then(|| HeaderValue::from_str(text).unwrap());
        for (tag, modified, date, believed) in [
            ("", "", NEXT_SECOND, false),
            // A time alone: once its second is over, by the origin's own clock.
            ("", MODIFIED, NEXT_SECOND, true),
            ("", MODIFIED, SAME_SECOND, false),
            ("", NEXT_SECOND, SAME_SECOND, false),
            ("", MODIFIED, "", false),
            ("", MODIFIED, "yesterday", false),
            ("", "yesterday", NEXT_SECOND, false),
            // A tag is the origin's word, whatever the time says.
            ("\"v1\"", "", "", true),
            ("W/\"v1\"", MODIFIED, SAME_SECOND, true),
            ("\"2ebc98a2-5f\"", MODIFIED, SAME_SECOND, true),
            ("\"5f-2ebc98a1\"", MODIFIED, SAME_SECOND, true),
            ("\"2ebc98a1\"", MODIFIED, SAME_SECOND, true),
            // Unless it is made of that time.
            (OF_NGINX, MODIFIED, SAME_SECOND, false),
            ("W/\"2ebc98a1-5f\"", MODIFIED, SAME_SECOND, false),
            (OF_NGINX, MODIFIED, NEXT_SECOND, true),
            (OF_NGINX, "", SAME_SECOND, true),
        ] {
            let validators = Validators { etag: value(tag), last_modified: value(modified) };
            let answer: HeaderMap = value(date).map(|date| (header::DATE, date)).into_iter().collect();
            let expected = if believed { validators.clone() } else { Validators::default() };
            assert_eq!(validators.condition(&answer), expected, "{tag}, {modified}, {date}");
        }
    }
}
