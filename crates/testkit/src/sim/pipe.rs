//! A connection that can be steered exactly: it takes one frame and hands it on as far as it is allowed to.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Buf, Bytes};
use tidegate_hub::shard::Sink;

#[derive(Debug)]
struct State {
    frame: Bytes,
    /// The length of the frame when it was given.
    given: usize,
    credit: usize,
    arrived: Vec<u8>,
    updates: usize,
    closed: bool,
    gone: bool,
}

/// The client's end.
#[derive(Debug, Clone)]
pub struct Pipe(Rc<RefCell<State>>);

/// The shard's end.
#[derive(Debug)]
pub struct PipeSink(Rc<RefCell<State>>);

impl Pipe {
    /// Both ends of a connection that flows freely.
    pub fn new() -> (Pipe, PipeSink) {
        let state = Rc::new(RefCell::new(State {
            frame: Bytes::new(),
            given: 0,
            credit: usize::MAX,
            arrived: Vec::new(),
            updates: 0,
            closed: false,
            gone: false,
        }));
        (Pipe(state.clone()), PipeSink(state))
    }

    /// From now on it hands on `bytes` more and then stalls. `usize::MAX`: it flows freely.
    pub fn allow_write(&self, bytes: usize) {
        self.0.borrow_mut().credit = bytes;
    }

    /// Whether it can stall.
    pub fn is_limited(&self) -> bool {
        self.0.borrow().credit != usize::MAX
    }

    /// Moves what is allowed. True if a frame went out to its end, so that the shard is to hear of it.
    pub fn pump(&self) -> bool {
        let state = &mut *self.0.borrow_mut();
        let count = state.frame.len().min(state.credit);
        if count == 0 {
            return false;
        }
        state.arrived.extend_from_slice(&state.frame[..count]);
        state.frame.advance(count);
        if state.credit != usize::MAX {
            state.credit -= count;
        }
        state.frame.is_empty()
    }

    /// What arrived since the last time.
    pub fn take_arrived(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().arrived)
    }

    /// Snapshots and patches that the shard gave so far.
    pub fn updates(&self) -> usize {
        self.0.borrow().updates
    }

    /// Whether a frame arrived in part.
    pub fn is_torn(&self) -> bool {
        let state = self.0.borrow();
        !state.frame.is_empty() && state.frame.len() < state.given
    }

    /// Whether the gateway ended it and everything it gave arrived.
    pub fn is_ended(&self) -> bool {
        let state = self.0.borrow();
        state.closed && state.frame.is_empty() && state.arrived.is_empty()
    }

    /// Breaks the connection where it is.
    pub fn reset(&self) {
        self.0.borrow_mut().gone = true;
    }
}

impl Sink for PipeSink {
    fn is_ready(&self) -> bool {
        let state = self.0.borrow();
        state.frame.is_empty() && !state.closed
    }

    fn send(&mut self, frame: Bytes) {
        let state = &mut *self.0.borrow_mut();
        assert!(state.frame.is_empty(), "promise 3: one frame at a time is all that a connection pins");
        assert!(!state.closed && !frame.is_empty());
        let is_update = frame.starts_with(b"event: snapshot") || frame.starts_with(b"event: patch");
        state.updates += usize::from(is_update);
        state.given = frame.len();
        state.frame = frame;
    }

    fn close(&mut self, last: Bytes) {
        let state = &mut *self.0.borrow_mut();
        state.closed = true;
        state.frame = [std::mem::take(&mut state.frame), last].concat().into();
    }

    fn is_gone(&self) -> bool {
        self.0.borrow().gone
    }
}

impl Drop for PipeSink {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_hands_on_what_it_is_allowed_and_no_more() {
        let (pipe, mut sink) = Pipe::new();
        pipe.allow_write(2);
        sink.send(Bytes::from_static(b"abcd"));
        assert!(!pipe.pump() && !sink.is_ready());
        assert_eq!(pipe.take_arrived(), b"ab");
        assert!(!pipe.pump());
        pipe.allow_write(usize::MAX);
        assert!(pipe.pump() && sink.is_ready());
        drop(sink);
        assert!(!pipe.is_ended(), "the rest has not arrived");
        assert_eq!(pipe.take_arrived(), b"cd");
        assert!(pipe.is_ended());
    }
}
