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
    /// A test's.
    #[cfg(test)]
    Fake(super::tests::Fake),
}

impl Pipe {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Pipe::Socket(socket, _) => socket.register(registry, token),
            Pipe::Slot(_) => Ok(()),
            #[cfg(test)]
            Pipe::Fake(_) => Ok(()),
        }
    }

    fn write(&mut self, pieces: &[Bytes], skip: usize) -> io::Result<Written> {
        match self {
            Pipe::Socket(socket, _) => socket.write(pieces, skip),
            Pipe::Slot(slot) => slot.write(pieces, skip),
            #[cfg(test)]
            Pipe::Fake(fake) => fake.write(pieces, skip),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Pipe::Socket(_, read) if !read.is_empty() => {
                let count = read.len().min(buffer.len());
                buffer[..count].copy_from_slice(&read[..count]);
                *read = if count == read.len() { Bytes::new() } else { read.slice(count..) };
                Ok(count)
            }
            Pipe::Socket(socket, _) => socket.read(buffer),
            // An answer has nothing to hear.
            Pipe::Slot(_) => Err(ErrorKind::WouldBlock.into()),
            #[cfg(test)]
            Pipe::Fake(fake) => fake.read(buffer),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        match self {
            Pipe::Socket(socket, _) => socket.finish(),
            Pipe::Slot(slot) => slot.finish(),
            #[cfg(test)]
            Pipe::Fake(fake) => fake.finish(),
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

/// What became of a subscription's write, for it and for the others.
#[derive(Debug)]
pub(super) struct Wrote {
    pub(super) written: Written,
    /// Those whose turn it is now.
    pub(super) woken: Vec<SubscriberId>,
    /// It was to leave, and its last message is whole.
    pub(super) left: bool,
}

/// What a piece that is owed takes in memory beside its bytes.
const PIECE: usize = 64;

pub(super) struct State {
    /// None once the connection is gone.
    pub(super) pipe: Option<Pipe>,
    writer: Option<Writer>,
    /// What goes before the next message.
    owed: VecDeque<Bytes>,
    /// What that takes in memory.
    owed_bytes: usize,
    /// Those whose turn comes when the connection has room and nobody's message is under way.
    waiting: VecDeque<SubscriberId>,
    /// Whose message went last.
    last: Option<SubscriberId>,
    /// Those that are to be let go of: they finish the message that is under way, and begin none.
    leaving: Vec<SubscriberId>,
    pub(super) seats: Seats,
    pub(super) last_sent: Time,
    /// When the other side last showed that it is there.
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
            last: None,
            leaving: Vec::new(),
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

    /// Writes to the pipe. After an error nothing more goes: what would follow could not be read.
    fn put(&mut self, pieces: &[Bytes], skip: usize) -> io::Result<Written> {
        let Some(pipe) = &mut self.pipe else { return Err(ErrorKind::NotConnected.into()) };
        let written = pipe.write(pieces, skip);
        if written.is_err() {
            self.break_off();
        }
        written
    }

    /// Writes what the pipe has taken over and not passed on: of an encrypted connection, the rest of a record. True if
    /// there is room for more.
    pub(super) fn pass_buffered(&mut self) -> io::Result<bool> {
        if self.finished {
            return Ok(true);
        }
        self.put(&[], 0).map(|written| !written.blocked)
    }

    /// The connection is of no use any more.
    pub(super) fn break_off(&mut self) {
        self.pipe = None;
        self.writer = None;
        self.owed = VecDeque::new();
        self.owed_bytes = 0;
    }

    /// The last words were said, or are about to be: nothing comes behind them.
    fn has_said_all(&self) -> bool {
        self.closing.is_some() && self.last_words.is_none()
    }

    fn push(&mut self, bytes: Bytes) {
        self.owed_bytes += bytes.len() + PIECE;
        self.owed.push_back(bytes);
    }

    /// Has something said before the next message. An error if that takes more than `most` bytes together.
    pub(super) fn owe(&mut self, bytes: Bytes, most: usize) -> io::Result<()> {
        if bytes.is_empty() || self.has_said_all() || self.pipe.is_none() {
            return Ok(());
        }
        self.push(bytes);
        if self.owed_bytes > most { Err(ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }

    /// Writes what is owed, unless somebody's message is under way. True if something went.
    pub(super) fn pass_owed(&mut self) -> io::Result<bool> {
        if self.writer.is_some() {
            return Ok(false);
        }
        let mut went = false;
        loop {
            if self.seats.taken().next().is_none()
                && let Some(last) = self.last_words.take()
            {
                self.push(last);
            }
            if self.owed.is_empty() {
                break;
            }
            let mut pieces = Vec::from(std::mem::take(&mut self.owed));
            let Written { bytes, blocked } = self.put(&pieces, 0)?;
            went |= bytes > 0;
            self.owed_bytes -= bytes;
            let mut left = bytes;
            let gone = pieces.iter().take_while(|piece| {
                let whole = left >= piece.len();
                left -= if whole { piece.len() } else { 0 };
                whole
            });
            let gone = gone.count();
            self.owed_bytes -= gone * PIECE;
            pieces.drain(..gone);
            if let Some(first) = pieces.first_mut() {
                *first = first.slice(left..);
                self.owed = pieces.into();
            }
            if blocked {
                break;
            }
        }
        if self.owed.is_empty() && self.has_said_all() && !self.finished {
            // The rest is the client's: it closes, or time is up.
            self.finished = self.pipe.as_mut().is_some_and(|pipe| matches!(pipe.finish(), Ok(true) | Err(_)));
        }
        Ok(went)
    }

    /// Puts a subscriber behind the others that wait.
    fn wait(&mut self, id: SubscriberId) {
        self.waiting.retain(|waiting| *waiting != id);
        self.waiting.push_back(id);
    }

    /// Those whose turn it is.
    pub(super) fn woken(&mut self) -> Vec<SubscriberId> {
        match &self.writer {
            Some(writer) => vec![writer.id],
            None if self.owed.is_empty() => {
                let mut woken: Vec<_> = self.waiting.drain(..).collect();
                // A pipe may take a message whole and be full then: whoever wrote it has had its turn.
                if let Some(place) = woken.iter().position(|id| Some(*id) == self.last) {
                    let last = woken.remove(place);
                    woken.push(last);
                }
                woken
            }
            None => Vec::new(),
        }
    }

    /// Whether a message of this subscriber is under way: its prefix alone is none.
    fn is_inside_message(&self, id: SubscriberId) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.id == id && writer.in_prefix.is_none())
    }

    /// Whether its client has said that it leaves.
    pub(super) fn leaves(&self, id: SubscriberId) -> bool {
        self.leaving.contains(&id)
    }

    /// A subscriber is to be let go of. True where that can happen at once: else [`Wrote::left`] tells when.
    pub(super) fn leave(&mut self, id: SubscriberId) -> bool {
        if self.leaving.contains(&id) {
            return false;
        }
        self.leaving.push(id);
        !self.is_inside_message(id)
    }

    /// Writes messages of one subscription, as [`Sink::write`] says. What counts is the messages' own bytes.
    pub(super) fn write(
        &mut self,
        id: SubscriberId,
        prefix: &Bytes,
        mut frames: &[Bytes],
        skip: usize,
    ) -> io::Result<Wrote> {
        let waits = Wrote { written: Written { bytes: 0, blocked: true }, woken: Vec::new(), left: false };
        if self.pipe.is_none() {
            return Err(ErrorKind::NotConnected.into());
        }
        if frames.is_empty() {
            return Ok(Wrote { written: Written { bytes: 0, blocked: false }, ..waits });
        }
        self.waiting.retain(|waiting| *waiting != id);
        let leaving = self.leaving.contains(&id);
        if leaving && !self.is_inside_message(id) {
            return Ok(waits);
        }
        let is_writer = self.writer.as_ref().is_some_and(|writer| writer.id == id);
        if !is_writer {
            self.pass_owed()?;
            if !self.is_silent() {
                self.wait(id);
                return Ok(waits);
            }
        }
        // Others have their turn between two messages.
        let gives_way =
            is_writer && frames.len() > 1 && (leaving || !self.owed.is_empty() || !self.waiting.is_empty());
        if gives_way {
            frames = &frames[..1];
        }
        let mut written = self.write_pieces(id, prefix, frames, skip, is_writer)?;
        if written.bytes > 0 {
            self.last = Some(id);
        }
        let mut woken = Vec::new();
        let room = !written.blocked;
        if room && self.writer.is_none() {
            if gives_way {
                written.blocked = true;
                self.wait(id);
            }
            self.pass_owed()?;
            woken = self.woken();
        } else if written.blocked {
            self.wait(id);
        }
        let left = leaving && !self.is_inside_message(id);
        Ok(Wrote { written, woken, left })
    }

    fn write_pieces(
        &mut self,
        id: SubscriberId,
        prefix: &Bytes,
        frames: &[Bytes],
        skip: usize,
        is_writer: bool,
    ) -> io::Result<Written> {
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
        let written = self.put(&pieces, first_gone)?;
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
        Ok(Written { bytes, blocked: written.blocked })
    }

    /// A subscriber is let go of, with what is left of its message; `end` is what its client is told then, behind its
    /// prefix. An error if `most` bytes of what is left are not enough to keep: then the connection is of no use any more.
    pub(super) fn release(
        &mut self,
        id: SubscriberId,
        prefix: &Bytes,
        rest: Option<Bytes>,
        end: Bytes,
        most: usize,
    ) -> io::Result<()> {
        self.seats.free(id);
        self.waiting.retain(|waiting| *waiting != id);
        self.leaving.retain(|leaving| *leaving != id);
        if self.pipe.is_none() {
            return Ok(());
        }
        let mut end = Some(end);
        if let Some(writer) = self.writer.take_if(|writer| writer.id == id) {
            let first: Bytes = match (writer.in_prefix, rest) {
                // What was begun has to become a message.
                (Some((prefix, gone)), _) => {
                    [&prefix[gone..], &end.take().unwrap_or_default()].concat().into()
                }
                // A copy, because a part of a message would keep all of it.
                (None, Some(rest)) if self.owed_bytes + rest.len() <= most => Bytes::copy_from_slice(&rest),
                (None, _) => {
                    self.break_off();
                    return Err(ErrorKind::OutOfMemory.into());
                }
            };
            self.owed_bytes += first.len() + PIECE;
            self.owed.push_front(first);
        }
        if let Some(end) = end {
            self.push([&prefix[..], &end[..]].concat().into());
        }
        Ok(())
    }
}
