//! The answer to a subscriber: the head of a stream, or the plain answer that says why there is none.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use httpdate::HttpDate;
use tidegate_core::{Position, Unfit, Wish, negotiation};
use tidegate_hub::{Body, Coding, Resume};
use tidegate_wire::{CONTENT_TYPE_FIELD, Problem, ProblemKind};

use super::{answer, asked};

/// The longest `Last-Event-ID` that is looked at; ours are far shorter.
const MAX_ID: usize = 128;

/// Where the client wants to go on; whatever it says that is not a position of ours is foreign, never an error.
pub(super) fn resume(fields: &HeaderMap, parameter: Option<&str>) -> Resume {
    let header = fields.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    match header.or(parameter) {
        None | Some("") => Resume::Nowhere,
        Some(text) if text.len() <= MAX_ID => text.parse::<Position>().map_or(Resume::Foreign, Resume::From),
        Some(_) => Resume::Foreign,
    }
}

/// How old the client lets its data become: what `Cache-Control: max-age` says, else the parameter. Zero says nothing, and
/// neither does `no-cache`, which `EventSource` sends by itself. None where the parameter is no number of seconds.
pub(super) fn wish(fields: &HeaderMap, parameter: Option<&str>) -> Option<Wish> {
    let parameter = match parameter {
        Some(text) => seconds(text)?,
        None => Wish::NONE,
    };
    let lines = fields.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).filter_map(|directive| directive.split_once('='));
    let mut ages = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    // RFC 9111 §5.2 lets an argument be quoted.
    let age = ages.find_map(|(_, age)| seconds(age.trim().trim_matches('"')));
    Some(age.filter(|age| *age != Wish::NONE).unwrap_or(parameter))
}

/// Digits (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Option<Wish> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // All digits, so it fails only when it is too large.
    is_number.then(|| text.parse().map_or(Wish::MOST, Wish::seconds))
}

/// How a stream is coded for a client that sent these fields.
pub(super) fn coding(fields: &HeaderMap) -> Coding {
    if asked::accepts_gzip(fields) { Coding::Gzip } else { Coding::Identity }
}

/// The head of the answer that is a stream.
pub(super) fn head(content_type: Option<HeaderValue>, coding: Coding) -> Response<()> {
    let mut response = Response::new(());
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(negotiation::EVENT_STREAM));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx and those that learnt it from there hold answers back unless told not to.
    fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Some(content_type) = content_type {
        fields.insert(HeaderName::from_static(CONTENT_TYPE_FIELD), content_type);
    }
    if coding == Coding::Gzip {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    fields.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    answer::via(fields);
    response
}

/// The head as HTTP/1.1 writes it. The stream ends with its connection: so its bytes are the same for everyone, and
/// no part of them needs a length (RFC 9112 §6.3).
pub(super) fn wire_head(head: &Response<()>, now: SystemTime) -> Bytes {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status().as_str().as_bytes());
    out.extend_from_slice(b" OK\r\n");
    for (name, value) in head.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("date: {}\r\nconnection: close\r\n\r\n", HttpDate::from(now)).as_bytes());
    out.into()
}

/// Lets an answer through to a client that asked for a stream only if it is one, or says itself why not.
///
/// The origin may have streams of its own. Anything else that it answers successfully, and that cannot be a document,
/// would end an `EventSource` without a word.
pub(super) fn only_streams(response: Response<Body>, unfit: Option<Unfit>) -> Response<Body> {
    let content_type =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case(negotiation::EVENT_STREAM) || response.status() != StatusCode::OK {
        return response;
    }
    let problem = match unfit {
        Some(Unfit::TooLarge) => Problem::new(ProblemKind::OriginTooLarge).with_detail(
            "the origin's answer is over this gateway's `max_body`; read it without `text/event-stream`",
        ),
        _ => Problem::new(ProblemKind::NotStreamable).with_detail(format!(
            "the origin's answer is {media}, which cannot be streamed; read it without `text/event-stream`"
        )),
    };
    answer::problem(&problem, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_on_the_wire() {
        let head = head(Some(HeaderValue::from_static("application/json")), Coding::Gzip);
        let text = String::from_utf8(wire_head(&head, SystemTime::UNIX_EPOCH).to_vec()).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        for line in [
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "content-encoding: gzip",
            "tidegate-content-type: application/json",
            "date: Thu, 01 Jan 1970 00:00:00 GMT",
            "connection: close",
            "vary: Accept, Accept-Encoding",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
        assert!(!text.contains("content-length") && !text.contains("transfer-encoding"), "{text}");
    }

    #[test]
    fn how_old_data_may_become() {
        let check = |control: &'static str, parameter: Option<&str>, expected: Option<u64>| {
            let fields = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(control))]);
            assert_eq!(wish(&fields, parameter), expected.map(Wish::seconds), "{control} {parameter:?}");
        };
        check("", None, Some(0));
        check("no-cache", None, Some(0));
        check("max-age=30", None, Some(30));
        check("no-transform, Max-Age=\"30\"", Some("5"), Some(30));
        check("max-age=0", Some("5"), Some(5));
        check("max-age=x", None, Some(0));
        check("no-cache", Some("5"), Some(5));
        check("no-cache", Some("0"), Some(0));
        check("max-age=99999999999999999999999", None, Some(3600));
        check("", Some("99999999999999999999999"), Some(3600));
        for parameter in ["", "-1", "1.5", "soon"] {
            check("max-age=30", Some(parameter), None);
        }
    }

    #[test]
    fn any_id_is_taken_and_only_ours_proves_anything() {
        let ours = "0000000000001.42.0000007";
        let check = |header: Option<&[u8]>, parameter: Option<&str>, expected: Resume| {
            let mut fields = HeaderMap::new();
            if let Some(value) = header {
                fields.insert("last-event-id", HeaderValue::from_bytes(value).unwrap());
            }
            assert_eq!(resume(&fields, parameter), expected, "{header:?} {parameter:?}");
        };
        let position = Resume::From(ours.parse().unwrap());
        check(None, None, Resume::Nowhere);
        check(Some(b""), None, Resume::Nowhere);
        check(Some(ours.as_bytes()), None, position);
        check(None, Some(ours), position);
        check(Some(b"other"), Some(ours), Resume::Foreign);
        check(Some(b"\xff\xfe"), None, Resume::Foreign);
        check(Some(&[b'1'; 4000]), None, Resume::Foreign);
        check(None, Some("42"), Resume::Foreign);
    }
}
