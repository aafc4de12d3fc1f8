//! The body of an answer, while it arrives.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::lanes::Lease;

/// A body as it comes, with its place on the connection that brings it.
#[derive(Debug)]
pub(crate) struct Incoming {
    body: hyper::body::Incoming,
    /// Given back with the body.
    _lease: Option<Lease>,
}

impl Incoming {
    pub(super) fn new(body: hyper::body::Incoming, lease: Option<Lease>) -> Incoming {
        Incoming { body, _lease: lease }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
