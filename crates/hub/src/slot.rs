//! The sink of a stream that hyper writes: a slot for one frame between a shard and a response body.
//!
//! The shard puts a frame in when the slot is empty; hyper takes it out when the connection has room, and the shard
//! hears of it. So what a slow connection holds back is one frame, whatever happens meanwhile.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Frame;

use crate::origin::BoxError;
use crate::shard::{Sink, SubscriberId};

#[derive(Debug, Default)]
struct State {
    frame: Option<Bytes>,
    /// What comes after the frame, before the end.
    last: Option<Bytes>,
    closed: bool,
    /// The body was dropped, and the connection with it.
    gone: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Slot(Mutex<State>);

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; were it to, the state is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.state();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the shard is told by a body.
pub(crate) trait Notify: Send + Sync + 'static {
    /// The slot is empty again.
    fn ready(&self, id: SubscriberId);
    /// The connection is gone.
    fn gone(&self, id: SubscriberId);
}

/// The shard's side.
#[derive(Debug)]
pub(crate) struct SlotSink(Arc<Slot>);

impl Sink for SlotSink {
    fn is_ready(&self) -> bool {
        let state = self.0.state();
        state.frame.is_none() && !state.closed
    }

    fn send(&mut self, frame: Bytes) {
        self.0.change(|state| {
            debug_assert!(state.frame.is_none(), "one frame at a time");
            state.frame = Some(frame);
        });
    }

    fn close(&mut self, last: Bytes) {
        self.0.change(|state| {
            state.last = Some(last);
            state.closed = true;
        });
    }

    fn is_gone(&self) -> bool {
        self.0.state().gone
    }
}

impl Drop for SlotSink {
    fn drop(&mut self) {
        // A shard that lets go of a subscriber must never leave its client waiting for bytes.
        self.0.change(|state| state.closed = true);
    }
}

/// The connection's side: the body of a streaming answer.
pub struct StreamBody {
    slot: Arc<Slot>,
    id: SubscriberId,
    shard: Box<dyn Notify>,
}

/// Both sides of a new slot.
pub(crate) fn slot(id: SubscriberId, shard: impl Notify) -> (SlotSink, StreamBody) {
    let slot = Arc::new(Slot::default());
    (SlotSink(slot.clone()), StreamBody { slot, id, shard: Box::new(shard) })
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.slot.state();
        if let Some(frame) = state.frame.take() {
            drop(state);
            self.shard.ready(self.id);
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if let Some(last) = state.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        // Marked first: a shard that has not heard of the subscriber yet sees it when it does.
        self.slot.state().gone = true;
        self.shard.gone(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use http_body::Body;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Heard {
        Ready,
        Gone,
    }

    impl Notify for mpsc::Sender<Heard> {
        fn ready(&self, _: SubscriberId) {
            let _ = self.send(Heard::Ready);
        }
        fn gone(&self, _: SubscriberId) {
            let _ = self.send(Heard::Gone);
        }
    }

    fn poll(body: &mut StreamBody) -> Poll<Option<Bytes>> {
        let polled = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
        polled.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
    }

    #[test]
    fn one_frame_at_a_time_then_the_shard_hears_of_it() {
        let (sender, heard) = mpsc::channel();
        let (mut sink, mut body) = slot(SubscriberId(1), sender);
        assert!(poll(&mut body).is_pending() && sink.is_ready());
        sink.send(Bytes::from_static(b"a"));
        assert!(!sink.is_ready());
        assert_eq!(heard.try_recv().ok(), None);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"a"))));
        assert_eq!(heard.try_recv().ok(), Some(Heard::Ready));
        assert!(sink.is_ready());
        assert!(!sink.is_gone());
        drop(body);
        assert!(sink.is_gone());
        assert_eq!(heard.try_recv().ok(), Some(Heard::Gone));
    }

    #[test]
    fn closing_lets_what_was_given_through_and_then_the_last_frame() {
        let (sender, _heard) = mpsc::channel();
        let (mut sink, mut body) = slot(SubscriberId(1), sender);
        sink.send(Bytes::from_static(b"frame"));
        sink.close(Bytes::from_static(b"last"));
        drop(sink);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"frame"))));
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"last"))));
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }
}
