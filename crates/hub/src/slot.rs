//! The sink of a stream that hyper writes: a slot between a shard and a response body.
//!
//! The shard puts in what it has for the subscriber when the slot is empty, up to [`ROOM`]; hyper takes it out when the
//! connection has room, and the shard hears of it. So a slow connection holds back that much, whatever happens meanwhile,
//! and nothing larger is kept in memory for its sake that the shard does not know of.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Frame;

use crate::origin::BoxError;
use crate::shard::{Sink, SubscriberId, Written};

/// The most that one write puts in, in bytes.
const ROOM: usize = 32 * 1024;

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
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

/// What there is room for, and how many bytes that is. A part of a frame is copied, because it would keep all of it.
fn pieces(frames: &[Bytes], skip: usize) -> (VecDeque<Bytes>, usize) {
    let (mut pieces, mut bytes) = (VecDeque::new(), 0);
    for (index, frame) in frames.iter().enumerate() {
        let rest = &frame[if index == 0 { skip } else { 0 }..];
        let fits = rest.len().min(ROOM - bytes);
        if fits == frame.len() {
            pieces.push_back(frame.clone());
        } else if fits > 0 {
            pieces.push_back(Bytes::copy_from_slice(&rest[..fits]));
        }
        bytes += fits;
        if fits < rest.len() {
            break;
        }
    }
    (pieces, bytes)
}

impl Sink for SlotSink {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        if frames.is_empty() || !self.0.state().frames.is_empty() {
            return Ok(Written { bytes: 0, blocked: !frames.is_empty() });
        }
        let (pieces, bytes) = pieces(frames, skip);
        self.0.change(|state| state.frames = pieces);
        Ok(Written { bytes, blocked: bytes > 0 })
    }

    fn hear(&mut self) -> io::Result<()> {
        match self.0.state().gone {
            true => Err(ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        self.0.change(|state| state.closed = true);
        Ok(true)
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
        if let Some(frame) = state.frames.pop_front() {
            let emptied = state.frames.is_empty() && !state.closed;
            drop(state);
            if emptied {
                self.shard.ready(self.id);
            }
            return Poll::Ready(Some(Ok(Frame::data(frame))));
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
    fn what_one_write_had_then_the_shard_hears_of_it() {
        let (sender, heard) = mpsc::channel();
        let (mut sink, mut body) = slot(SubscriberId(1), sender);
        let frames = [Bytes::from_static(b"abc"), Bytes::from_static(b"d")];
        assert!(poll(&mut body).is_pending());
        assert_eq!(sink.write(&frames, 1).unwrap(), Written { bytes: 3, blocked: true });
        assert_eq!(sink.write(&frames, 0).unwrap(), Written { bytes: 0, blocked: true });
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"bc"))));
        assert_eq!(heard.try_recv().ok(), None);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"d"))));
        assert_eq!(heard.try_recv().ok(), Some(Heard::Ready));
        assert!(sink.hear().is_ok());
        drop(body);
        assert!(sink.hear().is_err());
        assert_eq!(heard.try_recv().ok(), Some(Heard::Gone));
    }

    #[test]
    fn what_is_large_goes_in_parts_and_is_not_kept() {
        let (sender, _heard) = mpsc::channel();
        let (mut sink, mut body) = slot(SubscriberId(1), sender);
        let frames = [Bytes::from(vec![1; 10]), Bytes::from(vec![2; 2 * ROOM])];
        let total = 10 + 2 * ROOM;
        let (mut gone, mut read) = (0, Vec::new());
        for _ in 0..3 {
            let (of, skip) = if gone < 10 { (&frames[..], gone) } else { (&frames[1..], gone - 10) };
            gone += sink.write(of, skip).unwrap().bytes;
            while let Poll::Ready(Some(part)) = poll(&mut body) {
                assert!(part.len() <= ROOM);
                read.push(part);
            }
        }
        assert_eq!(gone, total);
        assert_eq!(read.concat(), frames.concat());
        assert!(frames[0].clone().try_into_mut().is_err(), "what fits is shared");
        let [_, large] = frames;
        assert!(large.try_into_mut().is_ok(), "what does not is nobody else's");
        assert_eq!(sink.write(&[Bytes::new()], 0).unwrap(), Written { bytes: 0, blocked: false });
    }

    #[test]
    fn closing_lets_what_was_given_through() {
        let (sender, _heard) = mpsc::channel();
        let (mut sink, mut body) = slot(SubscriberId(1), sender);
        sink.write(&[Bytes::from_static(b"last")], 0).unwrap();
        assert!(sink.finish().unwrap());
        drop(sink);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Bytes::from_static(b"last"))));
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }
}
