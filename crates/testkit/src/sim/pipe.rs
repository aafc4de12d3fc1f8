//! A connection that can be steered exactly: its buffer takes so many bytes and hands them on as far as it is allowed.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use tidegate_hub::shard::{Sink, Written};

#[derive(Debug)]
struct State {
    credit: usize,
    arrived: Vec<u8>,
    /// It was asked to take more than it was allowed to, and the shard waits to hear of it.
    blocked: bool,
    /// The end of what arrived is in the middle of a frame.
    torn: bool,
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
            credit: usize::MAX,
            arrived: Vec::new(),
            blocked: false,
            torn: false,
            closed: false,
            gone: false,
        }));
        (Pipe(state.clone()), PipeSink(state))
    }

    /// From now on it takes `bytes` more and then stalls. `usize::MAX`: it flows freely.
    pub fn allow_write(&self, bytes: usize) {
        self.0.borrow_mut().credit = bytes;
    }

    /// Whether it can stall.
    pub fn is_limited(&self) -> bool {
        self.0.borrow().credit != usize::MAX
    }

    /// Whether there is room again where there was none, so that the shard is to hear of it.
    pub fn takes_again(&self) -> bool {
        let state = &mut *self.0.borrow_mut();
        state.credit > 0 && std::mem::take(&mut state.blocked)
    }

    /// What arrived since the last time.
    pub fn take_arrived(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().arrived)
    }

    /// Whether a frame arrived in part.
    pub fn is_torn(&self) -> bool {
        self.0.borrow().torn
    }

    /// Whether the gateway ended it and everything it gave arrived.
    pub fn is_ended(&self) -> bool {
        let state = self.0.borrow();
        state.closed && state.arrived.is_empty()
    }

    /// Breaks the connection where it is.
    pub fn reset(&self) {
        self.0.borrow_mut().gone = true;
    }
}

impl Sink for PipeSink {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let state = &mut *self.0.borrow_mut();
        assert!(!state.closed && frames.iter().all(|frame| !frame.is_empty()));
        if state.gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut bytes = 0;
        for (index, frame) in frames.iter().enumerate() {
            let rest = &frame[if index == 0 { skip } else { 0 }..];
            let count = rest.len().min(state.credit);
            if count == 0 {
                break;
            }
            assert!(index > 0 || (skip > 0) == state.torn, "a frame goes on where it broke off");
            state.arrived.extend_from_slice(&rest[..count]);
            state.torn = count < rest.len();
            bytes += count;
            if state.credit != usize::MAX {
                state.credit -= count;
            }
        }
        let offered: usize = frames.iter().map(Bytes::len).sum::<usize>() - skip;
        state.blocked |= bytes < offered;
        Ok(Written { bytes, blocked: bytes < offered })
    }

    fn hear(&mut self) -> io::Result<()> {
        match self.0.borrow().gone {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        Ok(true)
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
    fn it_takes_what_it_is_allowed_and_no_more() {
        let (pipe, mut sink) = Pipe::new();
        let frames = [Bytes::from_static(b"abcd"), Bytes::from_static(b"ef")];
        pipe.allow_write(2);
        assert_eq!(sink.write(&frames, 0).unwrap(), Written { bytes: 2, blocked: true });
        assert!(pipe.is_torn() && !pipe.takes_again());
        assert_eq!(pipe.take_arrived(), b"ab");
        pipe.allow_write(usize::MAX);
        assert!(pipe.takes_again() && !pipe.takes_again());
        assert_eq!(sink.write(&frames, 2).unwrap(), Written { bytes: 4, blocked: false });
        drop(sink);
        assert!(!pipe.is_ended(), "the rest has not been read");
        assert_eq!(pipe.take_arrived(), b"cdef");
        assert!(pipe.is_ended() && !pipe.is_torn());
    }
}
