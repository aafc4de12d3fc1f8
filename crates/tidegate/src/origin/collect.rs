//! Taking in a body as it was sent, within bounds, so that it can be handed on untouched at any point.
//!
//! Invariant: what [`Gathered::into_body`] yields is the origin's body from its first byte, whatever happened since.

use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, Version, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tidegate_core::FailureKind;
use tidegate_hub::Body;
use tokio::time::Instant;

use super::cause;
use super::incoming::Incoming;
use crate::replay::replayed;

/// The most that is set aside on the word of a `Content-Length`.
const RESERVE: u64 = 1 << 20;

/// How taking in a body ended.
#[derive(Debug)]
pub(super) enum End {
    /// With all of it.
    Complete,
    /// More than the limit has come; what came is kept.
    OverLimit,
    /// The deadline came first.
    Late,
    /// It broke off.
    Broken(hyper::Error),
}

/// A body as far as it came, and the rest.
pub(super) struct Gathered {
    /// What came, in the origin's content coding.
    pub(super) bytes: Bytes,
    pub(super) end: End,
    rest: Incoming,
}

/// Takes in a body until it ends, is over `limit` bytes, or `deadline` has passed. Trailers are dropped: no fetch asks
/// for them (RFC 9110 §6.5.1).
pub(super) async fn gather(mut body: Incoming, limit: usize, deadline: Instant) -> Gathered {
    let mut bytes = BytesMut::with_capacity(body.size_hint().lower().min(RESERVE) as usize);
    let end = loop {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => break End::Late,
            Ok(None) => break End::Complete,
            Ok(Some(Err(error))) => break End::Broken(error),
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
                if bytes.len() > limit {
                    break End::OverLimit;
                }
            }
        }
    };
    Gathered { bytes: snug(bytes), end, rest: body }
}

/// The bytes without the room that they were gathered in: documents are kept for long, and a small one must not hold
/// on to a large buffer.
pub(super) fn snug(bytes: BytesMut) -> Bytes {
    match bytes.capacity() - bytes.len() > bytes.len() / 8 {
        true => Bytes::copy_from_slice(&bytes),
        false => bytes.freeze(),
    }
}

impl Gathered {
    /// The body as the origin sent it, from its first byte: what was taken in, then the rest as it comes.
    pub(super) fn into_body(self) -> Body {
        replayed([Frame::data(self.bytes)], self.rest)
    }
}

/// Whether only the end of the connection ends an answer's body: then a complete one and one that was cut off look
/// the same (RFC 9112 §8). In HTTP/2 every body says where it ends (RFC 9113 §8.1).
pub(super) fn is_close_delimited(response: &Response<Incoming>) -> bool {
    let framed = |fields: &HeaderMap| {
        [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().any(|name| fields.contains_key(name))
    };
    response.version() < Version::HTTP_2 && !framed(response.headers()) && !response.body().is_end_stream()
}

/// What it means that a body broke off. `sized`: its length was announced.
pub(super) fn how_broken(error: &hyper::Error, sized: bool) -> FailureKind {
    match cause::find::<io::Error>(error).map(io::Error::kind) {
        Some(ErrorKind::UnexpectedEof) if sized => FailureKind::WrongLength,
        // What stands where the size of a chunk should.
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => FailureKind::NotHttp,
        _ => FailureKind::Truncated,
    }
}
