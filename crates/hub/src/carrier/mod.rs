//! A connection that carries several subscriptions, each a subscriber of its own on the same shard.
//!
//! A carrier owns the connection, and takes turns in writing to it: whoever's message went in part has it to itself until
//! the rest is gone, and what the connection itself has to say (an answer to a ping, a refusal, a heartbeat) goes between
//! messages. To its shard each subscription looks like any other, with a [sink](CarrierSink) of its own, so that cursors,
//! conflation and resuming are the same. The bytes of an update are shared by all; the number of a subscription comes in
//! front of them as a prefix.
//!
//! It must not know what clients say: a [`Listener`] is given the bytes.
//!
//! Locks: the state is held for one write at most, by the shard's thread or by whoever has something to say. Nothing else
//! is locked meanwhile, and no shard is told anything but through its queue.

mod carriers;
mod seats;
mod sink;
mod state;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tidegate_core::Time;
use tidegate_wire::{Format, json_message, websocket};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::owner::ShardIndex;
use crate::shard::{Command, SubscriberId};
use crate::shard_thread::ShardHandle;

pub(crate) use self::carriers::Carriers;
use self::carriers::TICK;
pub use self::seats::{Seat, SeatError};
pub(crate) use self::sink::CarrierSink;
pub(crate) use self::state::Pipe;
use self::state::State;

/// What hears a carrier's client. Called by the shard's thread, so it must not wait.
pub trait Listener: Send + Sync {
    /// Bytes came.
    fn heard(&self, carrier: &Arc<Carrier>, bytes: &[u8]);

    /// The connection is gone.
    fn left(&self) {}
}

/// How a carrier is run.
#[derive(Debug, Clone, Copy)]
pub struct CarrierLimits {
    /// The most time without a byte on the connection.
    pub heartbeat: Duration,
    /// Subscriptions at one time.
    pub seats: usize,
    /// Bytes that the connection may owe its client beside updates: answers, refusals.
    pub owed: usize,
}

/// A connection that carries several subscriptions.
pub struct Carrier {
    id: u64,
    shard: ShardIndex,
    handle: ShardHandle,
    clock: Clock,
    format: Format,
    limits: CarrierLimits,
    listener: Box<dyn Listener>,
    state: Mutex<State>,
    /// Told when somebody who is about to subscribe may not be wanted any more.
    unwanted: Notify,
    errors: AtomicU32,
}

/// How long a client may take for its last words.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// How many heartbeats may go without a sound from a client that has to answer them.
const SILENT_BEATS: u32 = 3;

/// What is read of a connection before others have their turn, in bytes.
const HEAR_TURN: usize = 64 * 1024;

/// What is read at a time, in bytes.
const HEAR_BUFFER: usize = 4 * 1024;

/// What became of a look at what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// All was read.
    All,
    /// There may be more.
    More,
    /// The connection is gone.
    Gone,
}

impl Carrier {
    pub(crate) fn new(
        id: u64,
        (shard, handle): (ShardIndex, ShardHandle),
        clock: Clock,
        format: Format,
        limits: CarrierLimits,
        pipe: Pipe,
        listener: Box<dyn Listener>,
    ) -> Carrier {
        let state = Mutex::new(State::new(pipe, clock.now()));
        Carrier {
            id,
            shard,
            handle,
            clock,
            format,
            limits,
            listener,
            state,
            unwanted: Notify::new(),
            errors: AtomicU32::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; were it to, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The shard that serves it.
    pub(crate) fn shard(&self) -> ShardIndex {
        self.shard
    }

    /// How its messages are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Has something said that belongs to the connection itself, between messages. A client that takes nothing and has more
    /// said to it than the limit allows loses its connection.
    pub fn say(&self, bytes: Bytes) {
        self.say_now(self.state(), bytes);
    }

    fn say_now(&self, mut state: MutexGuard<'_, State>, bytes: Bytes) {
        let said = state.owe(bytes, self.limits.owed).and_then(|()| self.pass_on(&mut state));
        drop(state);
        if said.is_err() {
            self.handle.lose(self.id);
        }
    }

    /// Tells the shard whose turn it is.
    fn wake(&self, woken: Vec<SubscriberId>) {
        woken.into_iter().for_each(|id| self.handle.tell(Command::Ready(id)));
    }

    /// Ends the connection after these last bytes. A message that is under way is finished, and nobody can subscribe any
    /// more.
    pub fn close(&self, last: Bytes) {
        let mut state = self.state();
        if state.closing.is_some() {
            return;
        }
        state.closing = Some(self.clock.now() + LAST_WORDS);
        state.last_words = Some(last);
        let mut leaving = state.taken_seats();
        leaving.retain(|id| state.leave(*id));
        self.say_now(state, Bytes::new());
        for id in leaving {
            self.handle.tell(Command::Detach(id));
        }
        self.unwanted.notify_waiters();
    }

    /// Counts something that its client asked for and that made no sense. Gives how often that was before.
    pub fn count_error(&self) -> u32 {
        self.errors.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether it ends: nothing that its client asks for has a meaning any more.
    pub fn is_closing(&self) -> bool {
        self.state().closing.is_some()
    }

    /// Ends it once nobody is left on it, with these last bytes. To be called before its subscribers are told to end.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        if state.closing.is_none() {
            state.closing = Some(self.clock.now() + LAST_WORDS);
            state.last_words = Some(self.goodbye(websocket::CloseCode::Restart));
        }
        self.say_now(state, Bytes::new());
        self.unwanted.notify_waiters();
    }

    /// Ends it because there is too much to do: those who were on it are given back, to be let go of, and all are told to
    /// come back.
    pub(crate) fn shed(&self) -> Vec<SubscriberId> {
        let mut state = self.state();
        if state.closing.is_some() {
            return Vec::new();
        }
        state.closing = Some(self.clock.now() + LAST_WORDS);
        state.last_words = Some(self.goodbye(websocket::CloseCode::TryAgainLater));
        let leaving = state.taken_seats();
        self.say_now(state, Bytes::new());
        self.unwanted.notify_waiters();
        leaving
    }

    /// What a client is told when a subscription ends; `comes_back`: by the gateway's wish.
    fn end(&self, id: SubscriberId, comes_back: bool) -> Bytes {
        let data = match comes_back {
            true => format!(r#"{{"retry_in_ms":{}}}"#, self.retry_ms(id)),
            false => "{}".to_owned(),
        };
        self.format.message(&json_message::event("end", &data))
    }

    /// What a client is told that is to come back.
    fn goodbye(&self, code: websocket::CloseCode) -> Bytes {
        let reason = format!(r#"{{"retry_in_ms":{}}}"#, self.retry_ms(SubscriberId(0)));
        match self.format {
            Format::WebSocket => websocket::close(code, &reason),
            format => format.lone_message(&json_message::event("end", &reason)),
        }
    }

    /// When somebody is to come back, in milliseconds: spread, so that not all come at once.
    fn retry_ms(&self, id: SubscriberId) -> u64 {
        1000 + (self.id ^ id.0.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 2000
    }

    /// Writes what is owed, where nobody's message is under way.
    fn pass_on(&self, state: &mut State) -> io::Result<()> {
        if state.pass_owed()? {
            state.last_sent = self.clock.now();
        }
        Ok(())
    }

    /// There is room on the connection. Gives those who are to go on.
    pub(crate) fn writable(&self) -> io::Result<Vec<SubscriberId>> {
        let mut state = self.state();
        // The other side has taken what it was given before.
        state.last_heard = self.clock.now();
        if !state.pass_buffered()? {
            return Ok(Vec::new());
        }
        self.pass_on(&mut state)?;
        Ok(state.woken())
    }

    /// Looks at what came.
    pub(crate) fn hear(self: &Arc<Self>) -> Heard {
        let mut buffer = [0; HEAR_BUFFER];
        let mut heard = 0;
        while heard < HEAR_TURN {
            let read = self.state().read(&mut buffer);
            match read {
                Ok(0) => return Heard::Gone,
                Ok(read) => {
                    heard += read;
                    self.state().last_heard = self.clock.now();
                    self.listener.heard(self, &buffer[..read]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::All,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Gone,
            }
        }
        Heard::More
    }

    /// Sees to its heartbeat and its end. False when it is to go.
    pub(crate) fn tick(&self, now: Time) -> bool {
        let mut state = self.state();
        if state.is_spent(now) {
            return false;
        }
        if state.closing.is_some() {
            return true;
        }
        let beat = self.limits.heartbeat;
        // What is due before the next look is due now.
        let soon = now + TICK;
        let answers = self.format == Format::WebSocket;
        if answers && now.since(state.last_heard) > beat * SILENT_BEATS {
            // It would have answered a ping by now.
            return false;
        }
        let quiet = soon.since(state.last_sent) > beat;
        if !(quiet || answers && state.is_due_for_ping(now, beat)) {
            return true;
        }
        if !state.is_silent() {
            // It has not taken what it was given before.
            return true;
        }
        if answers {
            state.last_ping = now;
            if state.owe(websocket::ping(), usize::MAX).is_err() {
                return false;
            }
        }
        let heartbeat = if quiet { self.format.heartbeat() } else { Bytes::new() };
        state.owe(heartbeat, usize::MAX).and_then(|()| self.pass_on(&mut state)).is_ok()
    }

    /// The connection is gone. Gives those who were on it.
    pub(crate) fn gone(&self) -> Vec<SubscriberId> {
        let mut state = self.state();
        state.break_off();
        let left = state.taken_seats();
        drop(state);
        self.unwanted.notify_waiters();
        self.listener.left();
        left
    }

    /// Lets `with` do something to the pipe, if there still is one.
    pub(crate) fn with_pipe<T>(&self, with: impl FnOnce(&mut Pipe) -> T) -> Option<T> {
        self.state().pipe.as_mut().map(with)
    }
}
