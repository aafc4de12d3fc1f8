//! What a fetch of the origin brought: a representation, or one of the ways of not getting one.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::document::Form;
use crate::failure::{Failure, FailureKind, Phase};
use crate::sharing::Vary;

pub use crate::validators::Validators;

/// A complete answer of the origin that can be a feed's next version.
#[derive(Debug, Clone)]
pub struct Representation {
    /// The body with every content coding removed.
    pub body: Bytes,
    /// What sort of text it is.
    pub form: Form,
    /// The answer's end-to-end header fields, without those of the transfer and of the content coding.
    pub fields: HeaderMap,
}

impl Representation {
    /// The fields that the origin says chose this representation.
    pub fn vary(&self) -> Vary {
        Vary::of(&self.fields)
    }
}

/// What came of asking the origin once.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// 304: the validators that were sent still hold. The fields update the stored ones (RFC 9111 §4.3.4).
    NotModified {
        /// The end-to-end header fields of the 304.
        fields: HeaderMap,
    },
    /// 200 with a body that can be a document.
    Fresh(Representation),
    /// Any other complete answer: an error, a redirect, an empty success.
    Answered(Answer),
    /// A successful answer that cannot be a document, for its own good reasons: it passes through.
    Unfit(Unfit),
    /// No answer, or a broken one.
    Failed(Failure),
}

/// A complete answer that is no representation of the resource.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The end-to-end header fields.
    pub fields: HeaderMap,
    /// The body with every content coding removed.
    pub body: Bytes,
}

impl Answer {
    /// Whether it speaks of the origin's state for now and not of the resource (RFC 9110 §15.6, RFC 6585 §4).
    pub fn passes(&self) -> bool {
        self.status.is_server_error()
            || matches!(self.status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
    }
}

/// Why a successful answer cannot be a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Its media type is binary, or a stream of its own (`text/event-stream`, `multipart/*`, NDJSON).
    MediaType,
    /// It is larger than the limit for documents.
    TooLarge,
    /// It goes on for longer than a plain reader should wait.
    Slow,
}

impl Unfit {
    /// What it is for those who watch a document: it came where the next version should have.
    pub fn as_failure(self) -> Failure {
        let (kind, detail) = match self {
            Unfit::MediaType => (FailureKind::NotStreamable, "the answer's media type cannot be streamed"),
            Unfit::TooLarge => (FailureKind::TooLarge, "the answer's body is over the limit"),
            Unfit::Slow => (FailureKind::TimedOut(Phase::Body), "the answer's body takes too long"),
        };
        Failure::new(kind, detail)
    }
}

/// The delay that `Retry-After` asks for, where it is given in seconds (RFC 9110 §10.2.3). A date would need the
/// wall clock, which core does not have; whoever fetched turns it into seconds.
pub fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
