//! The answer to a subscriber: the head of a stream, or the plain answer that says why there is none.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use httpdate::HttpDate;
use tidegate_core::Unfit;
use tidegate_core::negotiation::StreamType;
use tidegate_hub::{Body, Coding};
use tidegate_wire::{CONTENT_TYPE_FIELD, Format, Problem, ProblemKind};

use super::asks::SUBSCRIBE;
use super::{answer, asked};

/// How a stream is coded for a client that sent these fields.
pub(super) fn coding(fields: &HeaderMap) -> Coding {
    if asked::accepts_gzip(fields) { Coding::Gzip } else { Coding::Identity }
}

/// The head of the answer that is a stream.
pub(super) fn head(format: Format, content_type: Option<HeaderValue>, coding: Coding) -> Response<()> {
    let mut response = Response::new(());
    if format == Format::Braid {
        *response.status_mut() = subscription();
        // That the server understood it (draft-toomim-httpbis-braid-http-04 §4).
        response.headers_mut().insert(SUBSCRIBE, HeaderValue::from_static("true"));
    }
    let fields = response.headers_mut();
    if let Some(media_type) = format.media_type() {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx and those that learnt it from there hold answers back unless told not to.
    fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Some(content_type) = content_type {
        fields.insert(HeaderName::from_static(CONTENT_TYPE_FIELD), content_type);
    }
    if coding == Coding::Gzip {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    fields.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Tidegate-Select"));
    answer::via(fields);
    response
}

/// The status of a Braid subscription (draft-toomim-httpbis-braid-http-04 §4), which is registered nowhere yet.
fn subscription() -> StatusCode {
    StatusCode::from_u16(209).expect("209 is a status code")
}

/// The answer to a client that has all that it asked for.
pub(super) fn nothing_newer() -> Response<Body> {
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer::via(fields);
    response
}

/// The head as HTTP/1.1 writes it. The stream ends with its connection: so its bytes are the same for everyone, and
/// no part of them needs a length (RFC 9112 §6.3).
pub(super) fn wire_head(head: &Response<()>, now: SystemTime) -> Bytes {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.status().canonical_reason().unwrap_or("Subscription").as_bytes());
    out.extend_from_slice(b"\r\n");
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
pub(super) fn only_streams(format: Format, response: Response<Body>, unfit: Option<Unfit>) -> Response<Body> {
    let content_type =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let (is_asked_for, wish) = match format {
        Format::Ndjson => (StreamType::of(media) == Some(StreamType::Ndjson), "`application/x-ndjson`"),
        // Only a status of its own says that an answer is a subscription.
        Format::Braid => (false, "`Subscribe`"),
        _ => (StreamType::of(media) == Some(StreamType::EventStream), "`text/event-stream`"),
    };
    if is_asked_for || response.status() != StatusCode::OK {
        return response;
    }
    let problem = match unfit {
        Some(Unfit::TooLarge) => Problem::new(ProblemKind::OriginTooLarge).with_detail(format!(
            "the origin's answer is over this gateway's `max_body`; read it without {wish}"
        )),
        _ => Problem::new(ProblemKind::NotStreamable).with_detail(format!(
            "the origin's answer is {media}, which cannot be streamed; read it without {wish}"
        )),
    };
    answer::problem(&problem, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: Format, coding: Coding) -> String {
        let head = head(format, Some(HeaderValue::from_static("application/json")), coding);
        String::from_utf8(wire_head(&head, SystemTime::UNIX_EPOCH).to_vec()).unwrap()
    }

    #[test]
    fn the_head_on_the_wire() {
        let text = text(Format::Sse, Coding::Gzip);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        for line in [
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "content-encoding: gzip",
            "tidegate-content-type: application/json",
            "date: Thu, 01 Jan 1970 00:00:00 GMT",
            "connection: close",
            "vary: Accept, Accept-Encoding, Tidegate-Select",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
        assert!(!text.contains("content-length") && !text.contains("transfer-encoding"), "{text}");
    }

    #[test]
    fn each_format_has_its_head() {
        let lines = text(Format::Ndjson, Coding::Identity);
        assert!(lines.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"), "{lines}");
        let braid = text(Format::Braid, Coding::Identity);
        assert!(braid.starts_with("HTTP/1.1 209 Subscription\r\nsubscribe: true\r\n"), "{braid}");
        assert!(!braid.contains("\r\ncontent-type:"), "each update has its own: {braid}");
    }
}
