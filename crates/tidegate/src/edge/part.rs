//! A part of an answer that is one caller's alone: it is taken out here, because no hub keeps the whole.
//!
//! Whoever asks for a part never gets the whole in its place: what nothing can be selected from is refused.
//!
//! Such an answer is held and parsed for one caller, so callers decide how often that is done at a time. What all of them
//! hold together is bounded, and who comes when that is used up is refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tidegate_core::json::{MAX_DEPTH, Selection};
use tidegate_core::{Document, Form, Unselectable, select};
use tidegate_hub::{Body, OF_THE_WHOLE, heavily};
use tidegate_wire::{Problem, ProblemKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::{answer, refusal};
use crate::origin::form_of;

/// How long the rest of an answer may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many of the longest bodies are held at a time.
const LONGEST_HELD: usize = 4;

/// What a permit stands for, in bytes.
const PER_PERMIT: usize = 1024;

/// Takes parts out of answers.
#[derive(Debug)]
pub(super) struct Parts {
    /// The longest body that is looked at, in bytes.
    most: usize,
    /// A permit for each KiB of the bodies that may be held together.
    room: Arc<Semaphore>,
}

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

impl Parts {
    /// Of bodies of up to `most` bytes.
    pub(super) fn new(most: usize) -> Parts {
        let permits = most.div_ceil(PER_PERMIT).saturating_mul(LONGEST_HELD);
        Parts { most, room: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// The part of the origin's answer; what is no success is passed on.
    pub(super) async fn of(
        &self,
        response: Response<Body>,
        selection: &Selection,
        method: &Method,
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
        let held = match timeout(BODY_TIMEOUT, self.hold(body)).await {
            Ok(Ok(held)) => held,
            Ok(Err(Unheld::NoRoom)) => return refusal::told(&refusal::short_of_memory()),
            Ok(Err(Unheld::TooLong)) => {
                return not_selectable("the answer is over this gateway's `max_body`");
            }
            Ok(Err(Unheld::Broken)) | Err(_) => {
                let detail = "the origin's answer did not come to its end";
                return refusal::told(&Problem::new(ProblemKind::OriginBodyTimeout).with_detail(detail));
            }
        };
        let selection = selection.clone();
        let part = match heavily(held.bytes.len(), move || held.part(&selection)).await {
            Ok(part) => part,
            Err(problem) => return refusal::told(&problem),
        };
        OF_THE_WHOLE.iter().for_each(|name| _ = head.headers.remove(*name));
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(part.len()));
        let part = if method == Method::HEAD { Bytes::new() } else { part };
        Response::from_parts(head, answer::full(part))
    }

    /// A body up to its end. Nobody waits for room while it holds some.
    async fn hold(&self, mut body: Body) -> Result<Held, Unheld> {
        if body.size_hint().lower() > self.most as u64 {
            return Err(Unheld::TooLong);
        }
        let mut held = Held { bytes: BytesMut::new(), room: self.room(1)? };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Unheld::Broken)?.into_data() else { continue };
            let length = held.bytes.len() + data.len();
            if length > self.most {
                return Err(Unheld::TooLong);
            }
            let more = length.div_ceil(PER_PERMIT).saturating_sub(held.room.num_permits());
            held.room.merge(self.room(more)?);
            held.bytes.extend_from_slice(&data);
        }
        Ok(held)
    }

    fn room(&self, permits: usize) -> Result<OwnedSemaphorePermit, Unheld> {
        let permits = u32::try_from(permits).map_err(|_| Unheld::NoRoom)?;
        self.room.clone().try_acquire_many_owned(permits).map_err(|error| match error {
            // Nobody closes it.
            TryAcquireError::NoPermits | TryAcquireError::Closed => Unheld::NoRoom,
        })
    }
}

/// A body, and the room that it takes until its part is taken out.
struct Held {
    bytes: BytesMut,
    room: OwnedSemaphorePermit,
}

impl Held {
    fn part(self, selection: &Selection) -> Result<Bytes, Problem> {
        let Held { bytes, room: _room } = self;
        let malformed = |error: String| Problem::new(ProblemKind::OriginMalformed).with_detail(error);
        let document = Document::new(&bytes.freeze(), Form::Json, MAX_DEPTH)
            .map_err(|error| malformed(error.to_string()))?;
        let part = select(selection, &document, Form::Json);
        part.map(|part| part.text()).map_err(|why| unselectable(&why.to_string()))
    }
}

/// Why a body is not held.
#[derive(Debug, PartialEq, Eq)]
enum Unheld {
    /// It broke off.
    Broken,
    TooLong,
    NoRoom,
}

/// The refusal of a part of what has none.
pub(super) fn not_selectable(why: &str) -> Response<Body> {
    refusal::told(&unselectable(why))
}

fn unselectable(why: &str) -> Problem {
    Problem::new(ProblemKind::NotSelectable).with_detail(why)
}

#[cfg(test)]
mod tests;
