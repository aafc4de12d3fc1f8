//! The answer to a subscriber: the head of a stream, or the plain answer that says why there is none.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use tidegate_core::{Position, Unfit, negotiation};
use tidegate_hub::{Body, Resume, Stream};
use tidegate_wire::{CONTENT_TYPE_FIELD, Problem, ProblemKind};

use super::answer;

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

/// The answer that begins a stream.
pub(super) fn response(stream: Stream) -> Response<Body> {
    let mut response = head(stream.content_type);
    *response.body_mut() = stream.body.boxed_unsync();
    response
}

/// The same answer without its stream, for `HEAD`, which ends at once.
pub(super) fn head(content_type: Option<HeaderValue>) -> Response<Body> {
    let mut response = answer::empty(StatusCode::OK);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(negotiation::EVENT_STREAM));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx and those that learnt it from there hold answers back unless told not to.
    fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Some(content_type) = content_type {
        fields.insert(HeaderName::from_static(CONTENT_TYPE_FIELD), content_type);
    }
    answer::vary(fields, "Accept");
    answer::via(fields);
    response
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
