//! What an answer's caching fields mean for plain reads from memory (RFC 9111).
//!
//! A live feed may hold what it streams, `no-store` included, for its own subscribers while they watch. Plain reads
//! are stricter: they are served from memory only where a shared cache could serve them after validating, and the
//! feed's polls are that validation.

use std::time::Duration;

use http::{HeaderMap, header};

/// What may be done with a representation for plain readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainReads {
    /// Whether a later reader with an equal key may have it while it is confirmed.
    pub from_memory: bool,
    /// Whether it may be served although it is not confirmed any more.
    pub when_stale: bool,
}

impl PlainReads {
    /// Reads the answer's fields. `authorized`: the request carried `Authorization`.
    pub fn of(fields: &HeaderMap, authorized: bool) -> PlainReads {
        let directives = Directives::of(fields);
        let shareable = !authorized
            || directives.has("public")
            || directives.has("s-maxage")
            || directives.has("must-revalidate");
        let from_memory = shareable
            && !directives.has("no-store")
            && !directives.has("private")
            && !fields.contains_key(header::SET_COOKIE);
        // RFC 9111 §4.2.4, §5.2.2.2, §5.2.2.8, §5.2.2.10: these forbid it; `no-cache` needs a validation each time.
        let when_stale = from_memory
            && !["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"]
                .iter()
                .any(|name| directives.has(name));
        PlainReads { from_memory, when_stale }
    }
}

/// The longest lifetime that is believed; what is more counts as this (RFC 9111 §1.2.2).
const LONGEST: Duration = Duration::from_secs(1 << 31);

/// For how long the origin calls an answer fresh, from when it was made: `s-maxage`, then `max-age`, then `Expires` less
/// `Date` (RFC 9111 §4.2.1). `None` where it does not say; zero where what it says is not valid, or is said twice and
/// differs. Nothing is guessed from `Last-Modified` (§4.2.2).
pub fn lifetime(fields: &HeaderMap) -> Option<Duration> {
    let directives = Directives::of(fields);
    for name in ["s-maxage", "max-age"] {
        if directives.has(name) {
            return Some(directives.seconds(name).unwrap_or_default());
        }
    }
    let mut expires = fields.get_all(header::EXPIRES).iter();
    let (first, more) = (expires.next()?, expires.next());
    let date = |value: &http::HeaderValue| httpdate::parse_http_date(value.to_str().ok()?.trim()).ok();
    let lifetime = match (more, date(first), fields.get(header::DATE).and_then(date)) {
        (None, Some(expires), Some(made)) => expires.duration_since(made).unwrap_or_default(),
        // "0" and other nonsense means already expired (§5.3), and so does a date that nothing can be compared with.
        _ => Duration::ZERO,
    };
    Some(lifetime.min(LONGEST))
}

/// Whether a request insists on an answer that the origin confirms now (RFC 9111 §5.2.1.1, §5.2.1.4, §5.4).
pub fn insists(fields: &HeaderMap) -> bool {
    let directives = Directives::of(fields);
    let old_style = !fields.contains_key(header::CACHE_CONTROL)
        && fields.get(header::PRAGMA).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"));
    directives.has("no-cache")
        || directives.has("no-store")
        || directives.value("max-age") == Some("0")
        || old_style
}

/// The directives of all `Cache-Control` fields, names in lower case.
struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    fn of(fields: &HeaderMap) -> Directives {
        let mut directives = Vec::new();
        for value in fields.get_all(header::CACHE_CONTROL) {
            // A value that is not ASCII could hide anything: taken as the strictest.
            let Ok(text) = value.to_str() else {
                directives.push(("no-store".to_owned(), None));
                continue;
            };
            for directive in split_outside_quotes(text) {
                let (name, argument) = match directive.split_once('=') {
                    Some((name, argument)) => (name, Some(argument.trim().trim_matches('"').to_owned())),
                    None => (directive, None),
                };
                let name = name.trim().to_ascii_lowercase();
                // `no-cache="field"` and `private="field"` concern that field only (RFC 9111 §5.2.2.4, §5.2.2.7):
                // for `private` we stay on the safe side and do not share.
                let of_one_field = name == "no-cache" && argument.is_some();
                if !name.is_empty() && !of_one_field {
                    directives.push((name, argument));
                }
            }
        }
        Directives(directives)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(directive, _)| directive == name)
    }

    /// A number of seconds (RFC 9111 §1.2.2); none where the argument is no number, or is given twice and differs.
    fn seconds(&self, name: &str) -> Option<Duration> {
        let mut found = None;
        for (_, argument) in self.0.iter().filter(|(directive, _)| directive == name) {
            let text = argument.as_deref()?;
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // All digits, so parsing fails only where they are too many.
            let seconds =
                is_number.then(|| text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST))?;
            if found.is_some_and(|earlier| earlier != seconds) {
                return None;
            }
            found = Some(seconds);
        }
        found
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(directive, _)| directive == name)?.1.as_deref()
    }
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(control: &str, authorized: bool) -> (bool, bool) {
        let fields = [(header::CACHE_CONTROL, control.parse().unwrap())].into_iter().collect();
        let reads = PlainReads::of(&fields, authorized);
        (reads.from_memory, reads.when_stale)
    }

    #[test]
    fn directives_decide_about_plain_reads() {
        for (control, authorized, expected) in [
            ("", false, (true, true)),
            ("public", false, (true, true)),
            ("no-store", false, (false, false)),
            ("No-Store", false, (false, false)),
            ("private", false, (false, false)),
            ("private=\"x-user\"", false, (false, false)),
            ("no-cache", false, (true, false)),
            ("no-cache=\"set-cookie, x\"", false, (true, true)),
            ("max-age=5, must-revalidate", false, (true, false)),
            ("s-maxage=5", false, (true, false)),
            ("x=\"a, no-store\"", false, (true, true)),
            ("", true, (false, false)),
            ("max-age=5", true, (false, false)),
            ("public", true, (true, true)),
            ("must-revalidate", true, (true, false)),
        ] {
            assert_eq!(reads(control, authorized), expected, "{control:?} {authorized}");
        }
    }

    #[test]
    fn how_long_an_answer_is_fresh() {
        const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let check = |fields: &[(&str, &str)], expected: Option<u64>| {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                map.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            assert_eq!(lifetime(&map), expected.map(Duration::from_secs), "{fields:?}");
        };
        let control = |value: &'static str| ("cache-control", value);
        check(&[], None);
        check(&[DATE, ("last-modified", "Sun, 06 Nov 1994 08:49:00 GMT")], None);
        check(&[control("max-age=30")], Some(30));
        check(&[control("max-age=\"30\"")], Some(30));
        check(&[control("MAX-AGE=30, s-maxage=5")], Some(5));
        check(&[control("max-age=30"), control("max-age=30")], Some(30));
        check(&[control("max-age=30, max-age=31")], Some(0));
        check(&[control("max-age=-1")], Some(0));
        check(&[control("max-age")], Some(0));
        check(&[control("max-age=99999999999999999999")], Some(1 << 31));
        check(&[control("no-store")], None);
        check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60));
        check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:48:37 GMT")], Some(0));
        check(&[DATE, ("expires", "0")], Some(0));
        check(&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(0));
        check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("expires", "0")], Some(0));
        check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), control("max-age=5")], Some(5));
    }

    #[test]
    fn set_cookie_is_for_one_reader() {
        let fields = [(header::SET_COOKIE, "a=1".parse().unwrap())].into_iter().collect();
        assert!(!PlainReads::of(&fields, false).from_memory);
    }

    #[test]
    fn a_reader_can_insist() {
        for (name, value, expected) in [
            ("cache-control", "no-cache", true),
            ("cache-control", "max-age=0", true),
            ("cache-control", "max-age=10", false),
            ("pragma", "no-cache", true),
            ("accept", "no-cache", false),
        ] {
            let fields =
                [(http::HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect();
            assert_eq!(insists(&fields), expected, "{name}: {value}");
        }
    }
}
