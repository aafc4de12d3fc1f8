//! Requests with a content that chooses what is asked for: `QUERY`, a `POST` that the route declares safe, a GraphQL
//! query.
//!
//! Owns the decision which of them are reads, the bounded taking in of their content, and its way on, untouched, when
//! the request is passed through after all.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use tidegate_hub::Body;
use tokio::time::timeout;

use super::{answer, graphql};
use crate::proxy;
use crate::replay::replayed;

/// Which requests of a route are reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    /// The methods beside `GET` and `HEAD` that the route declares safe.
    pub(super) safe_methods: Vec<Method>,
    /// `POST`s are GraphQL.
    pub(super) graphql: bool,
    /// The most bytes of a content that is in a key.
    pub(super) max_body: usize,
}

/// What a request turned out to be.
pub(super) enum Content {
    /// A read of what the head and this content ask for; the request is as it came.
    Read(Request<Body>, Bytes),
    /// Something else, to be passed through as it came.
    Other(Request<Body>),
    /// A read, but for a content that is over the limit.
    TooLarge(Request<Body>),
    /// The content did not come in time.
    Late,
    /// The client broke off.
    Broken,
}

/// Header fields by which some frameworks let a `POST` be another method.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

impl Reads {
    /// Finds out what a request is; where that takes its content, it has `limit` to come in.
    pub(super) async fn judge(&self, request: Request<Body>, limit: Duration) -> Content {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return match is_bare(&request) && may_be_read(&request) {
                true => Content::Read(request, Bytes::new()),
                false => Content::Other(request),
            };
        }
        let guarded = self.graphql && request.method() == Method::POST;
        if !(guarded || self.safe_methods.contains(request.method())) || !may_be_read(&request) {
            return Content::Other(request);
        }
        let (head, body) = request.into_parts();
        let Ok(gathered) = timeout(limit, gather(body, self.max_body)).await else { return Content::Late };
        let (content, replay) = match gathered {
            Gathered::Whole(content) => (Some(content.clone()), answer::full(content)),
            Gathered::WithTrailers(replay) => return Content::Other(Request::from_parts(head, replay)),
            Gathered::OverLimit(replay) => (None, replay),
            Gathered::Broken => return Content::Broken,
        };
        let request = Request::from_parts(head, replay);
        match content {
            Some(content) if guarded => {
                match graphql::is_query(request.uri().query(), request.headers(), &content) {
                    true => Content::Read(request, content),
                    false => Content::Other(request),
                }
            }
            Some(content) => Content::Read(request, content),
            // Nobody knows what it would have been.
            None if guarded => Content::Other(request),
            None => Content::TooLarge(request),
        }
    }
}

/// Whether a request has no content.
pub(super) fn is_bare(request: &Request<Body>) -> bool {
    let fields = request.headers();
    // HTTP/2 has no need of either field.
    request.body().is_end_stream()
        && !fields.contains_key(TRANSFER_ENCODING)
        && fields.get(CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0")
}

/// Whether the hub can answer, as far as the head tells: a read of the whole that wants no other protocol and whose
/// method is the one it says. The preconditions of RFC 9110 §13.1.1 and §13.1.4 are the origin's to judge, and so is
/// `If-None-Match` where it means something else than with `GET` (§13.1.2).
fn may_be_read(request: &Request<Body>) -> bool {
    let fields = request.headers();
    let is_post_like = !has_conditions(request.method());
    !proxy::is_upgrade(request)
        && ![RANGE, IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| fields.contains_key(name))
        && !(is_post_like && (fields.contains_key(IF_NONE_MATCH) || may_be_another_method(request)))
}

/// Whether conditions on a read by this method are answered with 304.
pub(super) fn has_conditions(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD) || method.as_str() == "QUERY"
}

/// Whether a framework might take it for another method, by a customary field or by the parameter `_method`.
fn may_be_another_method(request: &Request<Body>) -> bool {
    let is_override = |parameter: &str| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        percent_decode_str(name).decode_utf8_lossy().eq_ignore_ascii_case("_method")
    };
    let fields: &HeaderMap = request.headers();
    OVERRIDES.iter().any(|name| fields.contains_key(*name))
        || request.uri().query().is_some_and(|query| query.split(['&', ';']).any(is_override))
}

enum Gathered {
    Whole(Bytes),
    /// Trailers may mean anything (RFC 9110 §6.5.1): such a request is passed on with them.
    WithTrailers(Body),
    OverLimit(Body),
    Broken,
}

/// Takes a content in, up to a limit.
async fn gather(mut body: Body, limit: usize) -> Gathered {
    if body.size_hint().lower() > limit as u64 {
        return Gathered::OverLimit(body);
    }
    let (mut content, mut frames) = (BytesMut::new(), VecDeque::new());
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => content.extend_from_slice(&data),
            Ok(Err(trailers)) => frames.push_back(trailers),
            Err(_) => return Gathered::Broken,
        }
        if content.len() > limit || !frames.is_empty() {
            break;
        }
    }
    let over = content.len() > limit;
    if !over && frames.is_empty() {
        return Gathered::Whole(content.freeze());
    }
    frames.push_front(Frame::data(content.freeze()));
    let replay = replayed(frames, body);
    if over { Gathered::OverLimit(replay) } else { Gathered::WithTrailers(replay) }
}
