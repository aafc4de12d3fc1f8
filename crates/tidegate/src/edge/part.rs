//! A part of an answer that is one caller's alone: it is taken out here, because no hub keeps the whole.
//!
//! Whoever asks for a part never gets the whole in its place: what nothing can be selected from is refused.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tidegate_core::json::{MAX_DEPTH, Selection};
use tidegate_core::{Document, Form, Unselectable, select};
use tidegate_hub::{Body, OF_THE_WHOLE};
use tidegate_wire::{Problem, ProblemKind};
use tokio::time::timeout;

use super::{answer, refusal};
use crate::origin::form_of;

/// How long the rest of an answer may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Has a request ask for all of a representation, as it is: what a condition or a range says of the part is not true of
/// the whole.
pub(super) fn ask_for_the_whole(request: &mut Request<Body>) {
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let of_the_part =
        [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE, ACCEPT_ENCODING];
    of_the_part.iter().for_each(|name| _ = request.headers_mut().remove(name));
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// The part of the origin's answer; what is no success is passed on. `most`: the longest body that is looked at.
pub(super) async fn of(
    response: Response<Body>,
    selection: &Selection,
    method: &Method,
    most: usize,
) -> Response<Body> {
    if !response.status().is_success() {
        return response;
    }
    let coded = response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let form = form_of(response.headers()).filter(|_| response.status() == StatusCode::OK && !coded);
    if form != Some(Form::Json) {
        return not_selectable(&Unselectable::Text.to_string());
    }
    let (mut head, body) = response.into_parts();
    let Ok(Some(body)) = timeout(BODY_TIMEOUT, all_of(body, most)).await else {
        let detail = "the origin's answer did not come to its end";
        return refusal::told(&Problem::new(ProblemKind::OriginBodyTimeout).with_detail(detail));
    };
    if body.len() > most {
        return not_selectable("the answer is over this gateway's `max_body`");
    }
    let document = match Document::new(&body, Form::Json, MAX_DEPTH) {
        Ok(document) => document,
        Err(error) => {
            return refusal::told(&Problem::new(ProblemKind::OriginMalformed).with_detail(error.to_string()));
        }
    };
    let part = match select(selection, &document, Form::Json) {
        Ok(part) => part.text(),
        Err(why) => return not_selectable(&why.to_string()),
    };
    OF_THE_WHOLE.iter().for_each(|name| _ = head.headers.remove(*name));
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(part.len()));
    let part = if method == Method::HEAD { Bytes::new() } else { part };
    Response::from_parts(head, answer::full(part))
}

/// A body up to its end, or until it is longer than `most` bytes; none where it breaks off.
async fn all_of(mut body: Body, most: usize) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > most {
            break;
        }
    }
    Some(bytes.freeze())
}

fn not_selectable(why: &str) -> Response<Body> {
    refusal::told(&Problem::new(ProblemKind::NotSelectable).with_detail(why))
}
