//! Header fields on their way through: what travels, what does not, and small repairs.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use tidegate_core::sharing::{HOP_BY_HOP, connection_options};

/// How the gateway calls itself in `Via` and `Cache-Status`.
pub(crate) const NAME: &str = "tidegate";

/// Fields of the content's coding, length and digest, which are wrong once the coding is removed (RFC 9530 §3).
const OF_THE_CONTENT: [HeaderName; 6] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// The fields without those of the connection, listed or nominated (RFC 9110 §7.6.1). Content coding and length stay.
///
/// A `Content-Length` beside a `Transfer-Encoding` goes as well: it is not what framed the body (RFC 9112 §6.3).
pub(crate) fn end_to_end(fields: &HeaderMap) -> HeaderMap {
    let nominated = connection_options(fields);
    let framed_otherwise = fields.contains_key(header::TRANSFER_ENCODING);
    let mut kept: HeaderMap = fields
        .iter()
        .filter(|(name, _)| {
            let text = name.as_str();
            let misleads = framed_otherwise && *name == header::CONTENT_LENGTH;
            !(HOP_BY_HOP.contains(&text) || nominated.contains(text) || misleads)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // Several lengths were read as one because they agree; they are sent as one (RFC 9110 §8.6).
    let length = kept.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let first = length.and_then(|text| text.split(',').next()?.trim().parse::<u64>().ok());
    if let Some(length) = first {
        kept.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    kept
}

/// The end-to-end fields of a representation whose content coding was removed.
///
/// They are copies: a value as parsed is a slice of the connection's read buffer, all of which it would keep alive for
/// as long as the feed keeps the version.
pub(super) fn of_the_representation(fields: &HeaderMap) -> HeaderMap {
    let mut kept = end_to_end(fields);
    for name in OF_THE_CONTENT {
        kept.remove(name);
    }
    let copied = kept.iter().filter_map(|(name, value)| {
        // Both were parsed before, so neither fails.
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    copied.collect()
}

/// Notes in `Via` that a message received in this version passed through here (RFC 9110 §7.6.3).
pub(crate) fn append_via(fields: &mut HeaderMap, received: Version) {
    let protocol = match received {
        Version::HTTP_10 => "1.0",
        // Its minor version is 0 where one is written (RFC 9110 §2.5).
        Version::HTTP_2 => "2.0",
        _ => "1.1",
    };
    // A version and a token are visible ASCII.
    if let Ok(value) = HeaderValue::from_str(&format!("{protocol} {NAME}")) {
        fields.append(header::VIA, value);
    }
}

/// Turns a `Retry-After` that is a date into seconds from `now` (RFC 9110 §10.2.3), because core has no calendar. What
/// is neither a date nor a number stays as it is.
pub(super) fn retry_after_in_seconds(fields: &mut HeaderMap, now: SystemTime) {
    let Some(date) = fields.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return;
    };
    if let Ok(date) = httpdate::parse_http_date(date.trim()) {
        // Rounded up: asking too early is what the origin does not want. A date in the past means now.
        let wait = date.duration_since(now).unwrap_or_default();
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Whether a path holds `.` or `..` as a segment, plain or percent-encoded.
pub(super) fn has_dot_segments(path: &str) -> bool {
    path.split('/').any(|segment| dots(segment).is_some())
}

/// A path with its dot segments resolved (RFC 3986 §5.2.4); nothing climbs above the root.
pub(crate) fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        match dots(segment) {
            None => kept.push(segment),
            Some(dots) => {
                if dots == 2 {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
        }
    }
    format!("/{}", kept.join("/"))
}

/// How many dots a segment consists of, where it is a dot segment. `%2e` is the same as `.` (RFC 3986 §6.2.2.2).
fn dots(segment: &str) -> Option<usize> {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    matches!(plain.as_str(), "." | "..").then_some(plain.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fields(list: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn the_connection_s_fields_stay_behind() {
        let sent = fields(&[
            ("connection", "X-Private, close"),
            ("connection", "x-second"),
            ("x-private", "1"),
            ("x-second", "1"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("trailer", "x-t"),
            ("proxy-authenticate", "Basic"),
            ("transfer-encoding", "chunked"),
            ("content-length", "9"),
            ("content-encoding", "gzip"),
            ("content-digest", "sha-256=:AA==:"),
            ("etag", "\"a\""),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        let passed = fields(&[
            ("content-encoding", "gzip"),
            ("content-digest", "sha-256=:AA==:"),
            ("etag", "\"a\""),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        assert_eq!(end_to_end(&sent), passed);
        let of_the_document = fields(&[("etag", "\"a\""), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        assert_eq!(of_the_representation(&sent), of_the_document);
        assert_eq!(end_to_end(&fields(&[("content-length", "9")])), fields(&[("content-length", "9")]));
    }

    #[test]
    fn what_is_kept_holds_on_to_no_buffer() {
        let parsed = fields(&[("etag", "\"a\""), ("x-custom", "b")]);
        let kept = of_the_representation(&parsed);
        assert_eq!(kept, parsed);
        for (name, value) in &kept {
            assert_ne!(value.as_bytes().as_ptr(), parsed[name].as_bytes().as_ptr(), "{name}");
        }
    }

    #[test]
    fn a_retry_date_becomes_seconds() {
        // 1994-11-06 08:49:37 UTC
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (sent, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", "0"),
            ("Sun, 06 Nov 1994 08:50:37 GMT", "60"),
            ("Sun, 06 Nov 1994 08:40:37 GMT", "0"),
            ("120", "120"),
            ("soon", "soon"),
        ] {
            let mut fields = fields(&[("retry-after", sent)]);
            retry_after_in_seconds(&mut fields, now);
            assert_eq!(fields[header::RETRY_AFTER], expected, "{sent}");
        }
        let mut sent = fields(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]);
        retry_after_in_seconds(&mut sent, now - Duration::from_millis(1));
        assert_eq!(sent[header::RETRY_AFTER], "61");
    }

    #[test]
    fn dot_segments_are_resolved() {
        for (path, expected) in [
            ("/a/b/c/./../../g", "/a/g"),
            ("/../admin", "/admin"),
            ("/%2e%2E/admin", "/admin"),
            ("/.%2e/.%2e/x/.", "/x/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/..", "/"),
            ("/a//../b", "/a/b"),
        ] {
            assert!(has_dot_segments(path), "{path}");
            assert_eq!(without_dot_segments(path), expected, "{path}");
        }
        for path in ["/", "/a", "/...", "/.well-known/x", "/a..b", "/%2efoo"] {
            assert!(!has_dot_segments(path), "{path}");
        }
    }
}
