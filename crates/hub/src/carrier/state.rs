//! What a carrier has under way.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use mio::{Registry, Token};
use tidegate_core::Time;

use super::seats::Seats;
use crate::shard::{Sink, SubscriberId, Written};
use crate::slot::SlotSink;
use crate::socket::SocketSink;

/// The connection itself.
pub(crate) enum Pipe {
    /// The shard writes it. With what was read of it before.
    Socket(SocketSink<()>, Bytes),
    /// hyper writes it.
    Slot(SlotSink),
}

impl Pipe {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Pipe::Socket(socket, _) => socket.register(registry, token),
            Pipe::Slot(_) => Ok(()),
        }
    }

    fn write(&mut self, pieces: &[Bytes], skip: usize) -> io::Result<Written> {
        match self {
            Pipe::Socket(socket, _) => socket.write(pieces, skip),
            Pipe::Slot(slot) => slot.write(pieces, skip),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Pipe::Socket(_, read) if !read.is_empty() => {
                let count = read.len().min(buffer.len());
                buffer[..count].copy_from_slice(&read.split_to(count));
                Ok(count)
            }
            Pipe::Socket(socket, _) => socket.read(buffer),
            // An answer has nothing to hear.
            Pipe::Slot(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        match self {
            Pipe::Socket(socket, _) => socket.finish(),
            Pipe::Slot(slot) => slot.finish(),
        }
    }
}

/// Whose message went in part.
#[derive(Debug)]
struct Writer {
    id: SubscriberId,
    /// The message itself was not begun: so much of its prefix is gone.
    in_prefix: Option<(Bytes, usize)>,
}

pub(super) struct State {
    /// None once the connection is gone.
    pub(super) pipe: Option<Pipe>,
    writer: Option<Writer>,
    /// What goes before the next message.
    owed: VecDeque<Bytes>,
    owed_bytes: usize,
    /// Those whose turn comes when the connection has room and nobody's message is under way.
    waiting: VecDeque<SubscriberId>,
    pub(super) seats: Seats,
    pub(super) last_sent: Time,
    pub(super) last_heard: Time,
    pub(super) last_ping: Time,
    /// It ends, at this time at the latest.
    pub(super) closing: Option<Time>,
    /// What is said when the last subscriber has left a connection that ends.
    pub(super) last_words: Option<Bytes>,
    /// Nothing will be written any more.
    finished: bool,
}

impl State {
    pub(super) fn new(pipe: Pipe, now: Time) -> State {
        State {
            pipe: Some(pipe),
            writer: None,
            owed: VecDeque::new(),
            owed_bytes: 0,
            waiting: VecDeque::new(),
            seats: Seats::default(),
            last_sent: now,
            last_heard: now,
            last_ping: now,
            closing: None,
            last_words: None,
            finished: false,
        }
    }

    pub(super) fn taken_seats(&self) -> Vec<SubscriberId> {
        self.seats.taken().collect()
    }

    /// Nobody's message is under way, and nothing is owed.
    pub(super) fn is_silent(&self) -> bool {
        self.writer.is_none() && self.owed.is_empty()
    }

    pub(super) fn is_due_for_ping(&self, now: Time, beat: Duration) -> bool {
        now.since(self.last_ping.max(self.last_heard)) >= beat
    }

    /// It has come to its end, or has taken too long for that.
    pub(super) fn is_spent(&self, now: Time) -> bool {
        let late = self.closing.is_some_and(|until| now >= until);
        self.pipe.is_none() || late || (self.finished && now >= self.last_sent + Duration::from_secs(1))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pipe.as_mut().map_or(Err(ErrorKind::NotConnected.into()), |pipe| pipe.read(buffer))
    }

    /// Has something said before the next message. An error if that is more than `most` bytes together.
    pub(super) fn owe(&mut self, bytes: Bytes, most: usize) -> io::Result<()> {
        if bytes.is_empty() || self.finished {
            return Ok(());
        }
        self.owed_bytes += bytes.len();
        self.owed.push_back(bytes);
        if self.owed_bytes > most { Err(ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }

    /// Writes what is owed, unless somebody's message is under way. True if something went.
    pub(super) fn pass_owed(&mut self) -> io::Result<bool> {
        if self.writer.is_some() {
            return Ok(false);
        }
        let mut went = false;
        loop {
            if self.owed.is_empty()
                && self.seats.is_empty()
                && let Some(last) = self.last_words.take()
            {
                self.owed_bytes += last.len();
                self.owed.push_back(last);
            }
            if self.owed.is_empty() {
                break;
            }
            let Some(pipe) = &mut self.pipe else { return Err(ErrorKind::NotConnected.into()) };
            let Written { bytes, blocked } = pipe.write(self.owed.make_contiguous(), 0)?;
            self.owed_bytes -= bytes;
            went |= bytes > 0;
            let mut left = bytes;
            while let Some(first) = self.owed.front_mut() {
                if left < first.len() {
                    *first = first.slice(left..);
                    break;
                }
                left -= first.len();
                self.owed.pop_front();
            }
            if blocked {
                break;
            }
        }
        if self.owed.is_empty() && self.closing.is_some() && self.last_words.is_none() && !self.finished {
            // The rest is the client's: it closes, or time is up.
            self.finished = self.pipe.as_mut().is_some_and(|pipe| matches!(pipe.finish(), Ok(true) | Err(_)));
        }
        Ok(went)
    }

    fn wait(&mut self, id: SubscriberId) {
        if !self.waiting.contains(&id) {
            self.waiting.push_back(id);
        }
    }

    /// Those whose turn it is.
    pub(super) fn woken(&mut self) -> Vec<SubscriberId> {
        match &self.writer {
            Some(writer) => vec![writer.id],
            None if self.owed.is_empty() => self.waiting.drain(..).collect(),
            None => Vec::new(),
        }
    }

    /// Writes messages of one subscription, as [`Sink::write`] says. What counts is the messages' own bytes.
    pub(super) fn write(
        &mut self,
        id: SubscriberId,
        prefix: &Bytes,
        frames: &[Bytes],
        skip: usize,
    ) -> io::Result<Written> {
        const WAITS: Written = Written { bytes: 0, blocked: true };
        if self.pipe.is_none() {
            return Err(ErrorKind::NotConnected.into());
        }
        if frames.is_empty() {
            return Ok(Written { bytes: 0, blocked: false });
        }
        let is_writer = self.writer.as_ref().is_some_and(|writer| writer.id == id);
        if !is_writer {
            self.pass_owed()?;
            if !self.is_silent() {
                self.wait(id);
                return Ok(WAITS);
            }
        }
        // Which pieces are prefixes is told by their places: each message has one before it, but for the rest of one.
        let in_prefix = self.writer.take().and_then(|writer| writer.in_prefix);
        let (first_has_prefix, first_gone) = match (is_writer, in_prefix) {
            (true, None) => (false, skip),
            (true, Some((_, gone))) => (true, gone),
            (false, _) => (true, 0),
        };
        let mut pieces = Vec::with_capacity(2 * frames.len());
        for (index, frame) in frames.iter().enumerate() {
            if index > 0 || first_has_prefix {
                pieces.push(prefix.clone());
            }
            pieces.push(frame.clone());
        }
        let Some(pipe) = &mut self.pipe else { return Err(ErrorKind::NotConnected.into()) };
        let written = pipe.write(&pieces, first_gone)?;
        let mut left = first_gone + written.bytes;
        let mut bytes = 0;
        for (index, piece) in pieces.iter().enumerate() {
            let is_prefix = (index % 2 == 0) == first_has_prefix;
            let gone = left.min(piece.len());
            left -= gone;
            bytes += if is_prefix { 0 } else { gone };
            if gone == piece.len() {
                continue;
            }
            let in_prefix = match (is_prefix, gone) {
                (true, 0) => break,
                (true, gone) => Some((prefix.clone(), gone)),
                // Its prefix went whole.
                (false, 0) => Some((prefix.clone(), prefix.len())),
                (false, _) => None,
            };
            self.writer = Some(Writer { id, in_prefix });
            break;
        }
        // What was gone before is not taken over now.
        if !first_has_prefix {
            bytes -= skip;
        }
        if written.blocked {
            self.wait(id);
        }
        Ok(Written { bytes, blocked: written.blocked })
    }

    /// A subscriber is let go of, with what is left of its message; `end` is what its client is told then, behind its
    /// prefix.
    pub(super) fn release(
        &mut self,
        id: SubscriberId,
        prefix: &Bytes,
        rest: Option<Bytes>,
        end: Option<Bytes>,
    ) {
        self.waiting.retain(|waiting| *waiting != id);
        let mut told = end.clone();
        if let Some(writer) = self.writer.take_if(|writer| writer.id == id) {
            let first = match (writer.in_prefix, rest) {
                (Some((prefix, gone)), _) => {
                    // What was begun has to become a message.
                    let words = told.take().unwrap_or_default();
                    [&prefix[gone..], &words[..]].concat().into()
                }
                (None, rest) => rest.unwrap_or_default(),
            };
            self.owed_bytes += first.len();
            self.owed.push_front(first);
        }
        if let Some(end) = told {
            let message: Bytes = [&prefix[..], &end[..]].concat().into();
            self.owed_bytes += message.len();
            self.owed.push_back(message);
        }
        self.seats.free(id);
    }
}
