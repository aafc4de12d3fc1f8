//! A request's body on its way up, and whose turn it is meanwhile.
//!
//! A slow client must not look like a slow origin: while the body waits for the client, the time for the answer's
//! head stands still; whenever a part of it was passed on, that time starts anew.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tidegate_hub::{self as hub, BoxError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::origin::Turn;

/// The body, and whose turn it is.
pub(super) fn watched(body: hub::Body) -> (Upload, watch::Receiver<Turn>) {
    let (turn, progress) = watch::channel(Turn::Origin(Instant::now()));
    (Upload { body, turn }, progress)
}

/// A body that tells how it gets on.
pub(super) struct Upload {
    body: hub::Body,
    turn: watch::Sender<Turn>,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.turn.send_replace(match polled {
            Poll::Pending => Turn::Client,
            Poll::Ready(_) => Turn::Origin(Instant::now()),
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
