//! A carrier on a pipe that takes what a test lets it take, with subscribers as their shard has them; and what its client
//! reads.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;
use tidegate_wire::{Format, json_message, websocket};
use tokio::sync::Semaphore;

use crate::carrier::*;
use crate::shard::{Sink, Written};
use crate::shard_thread::{IdleShard, Told};

/// A pipe that takes what a test allows, as a socket does or as a slot.
#[derive(Clone, Default)]
pub(crate) struct Fake(pub(super) Arc<Mutex<Ends>>);

#[derive(Default)]
pub(super) struct Ends {
    pub(super) out: Vec<u8>,
    pub(super) room: usize,
    /// The most that one write takes while there is more room: a socket's slice.
    pub(super) slice: usize,
    /// Each write says that it waits, as a slot does.
    pub(super) is_slot: bool,
    /// What was taken over and not passed on, as an encrypted connection has it; none where there is no such thing.
    pub(super) record: Option<Vec<u8>>,
    /// A write was told to wait.
    pub(super) owes_event: bool,
    pub(super) heard: VecDeque<Vec<u8>>,
    pub(super) finished: bool,
    pub(super) broken: bool,
}

impl Fake {
    pub(super) fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::carrier) fn write(&mut self, pieces: &[Bytes], skip: usize) -> io::Result<Written> {
        let mut ends = self.ends();
        assert!(!ends.finished, "written behind the end");
        if ends.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let all = pieces.concat();
        if ends.record.is_some() {
            return Ok(ends.encrypt(&all[skip..]));
        }
        let offered = (all.len() - skip).min(ends.slice);
        if offered == 0 {
            return Ok(Written { bytes: 0, blocked: false });
        }
        let bytes = match ends.is_slot && ends.owes_event {
            true => 0,
            false => offered.min(ends.room),
        };
        ends.out.extend_from_slice(&all[skip..skip + bytes]);
        ends.room -= bytes;
        let blocked = bytes < offered || ends.is_slot;
        ends.owes_event |= blocked;
        Ok(Written { bytes, blocked })
    }

    pub(in crate::carrier) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ends().heard.pop_front() {
            None => Err(ErrorKind::WouldBlock.into()),
            Some(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        }
    }

    pub(in crate::carrier) fn finish(&mut self) -> io::Result<bool> {
        self.ends().finished = true;
        Ok(true)
    }
}

impl Ends {
    /// Takes a message whole, unless part of one is left, and passes on what there is room for.
    pub(in crate::carrier) fn encrypt(&mut self, offered: &[u8]) -> Written {
        let mut record = self.record.take().unwrap_or_default();
        let pass = |ends: &mut Ends, record: &mut Vec<u8>| {
            let goes = record.len().min(ends.room);
            ends.out.extend(record.drain(..goes));
            ends.room -= goes;
            record.is_empty()
        };
        let bytes = if pass(self, &mut record) { offered.len() } else { 0 };
        record.extend_from_slice(&offered[..bytes]);
        let blocked = !pass(self, &mut record);
        self.owes_event |= blocked;
        self.record = Some(record);
        Written { bytes, blocked }
    }
}

/// Answers each byte with so many pongs.
pub(super) struct Echo;

impl Listener for Echo {
    fn heard(&self, carrier: &Arc<Carrier>, bytes: &[u8]) {
        for byte in bytes {
            carrier.say(websocket::pong(&[*byte]));
        }
    }
}

/// A subscriber as its shard has it.
pub(super) struct Follower {
    pub(super) sub: u32,
    pub(super) sink: CarrierSink,
    pub(super) frames: VecDeque<Bytes>,
    pub(super) pending: Option<(Bytes, usize)>,
    pub(super) blocked: bool,
}

/// A carrier with what its shard knows.
pub(super) struct Scene {
    pub(super) carrier: Arc<Carrier>,
    pub(super) fake: Fake,
    pub(super) shard: IdleShard,
    pub(super) followers: BTreeMap<u64, Follower>,
    /// Those that have something to do of their own.
    pub(super) ready: VecDeque<u64>,
    pub(super) next: u64,
    /// The messages that each subscription was given, by its number.
    pub(super) given: BTreeMap<u32, Vec<String>>,
    /// The ends of subscriptions, by their numbers.
    pub(super) ended: BTreeMap<u32, u32>,
    pub(super) said: Vec<u8>,
    pub(super) lost: bool,
}

pub(super) const BEAT: Duration = Duration::from_secs(15);

pub(super) fn scene(format: Format, is_slot: bool, slice: usize, owed: usize) -> Scene {
    let fake = Fake::default();
    (fake.ends().is_slot, fake.ends().slice) = (is_slot, slice);
    let (handle, shard) = IdleShard::new();
    let limits = CarrierLimits { heartbeat: BEAT, seats: 4, owed };
    let pipe = Pipe::Fake(fake.clone());
    let carrier =
        Carrier::new(1000, (ShardIndex(0), handle), Clock::new(), format, limits, pipe, Box::new(Echo));
    Scene {
        carrier: Arc::new(carrier),
        fake,
        shard,
        followers: BTreeMap::new(),
        ready: VecDeque::new(),
        next: 0,
        given: BTreeMap::new(),
        ended: BTreeMap::new(),
        said: Vec::new(),
        lost: false,
    }
}

impl Scene {
    pub(in crate::carrier) fn join(&mut self, sub: u32) -> Result<u64, SeatError> {
        let mut seat = self.carrier.reserve(sub)?;
        self.next += 1;
        let id = SubscriberId(self.next);
        assert!(seat.take(id));
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let sink = CarrierSink::new(&seat, id, permit);
        let follower = Follower { sub, sink, frames: VecDeque::new(), pending: None, blocked: false };
        self.followers.insert(id.0, follower);
        Ok(id.0)
    }

    /// A message of so many bytes and some.
    pub(in crate::carrier) fn give(&mut self, id: u64, size: usize) {
        let Some(follower) = self.followers.get_mut(&id) else { return };
        let given = self.given.entry(follower.sub).or_default();
        let data = format!("\"{}-{id}-{}\"", given.len(), "x".repeat(size));
        follower.frames.push_back(self.carrier.format.message(&json_message::event("snapshot", &data)));
        given.push(data);
    }

    /// What a shard does in a subscriber's turn.
    pub(in crate::carrier) fn serve(&mut self, id: u64) {
        let Some(follower) = self.followers.get_mut(&id).filter(|it| !it.blocked) else { return };
        let mut plan: Vec<Bytes> = follower.pending.iter().map(|(frame, _)| frame.clone()).collect();
        plan.extend(follower.frames.iter().take(3).cloned());
        if plan.is_empty() {
            return;
        }
        let skip = follower.pending.as_ref().map_or(0, |(_, gone)| *gone);
        let Ok(written) = follower.sink.write(&plan, skip) else { return self.remove(id) };
        follower.blocked = written.blocked;
        let mut left = skip + written.bytes;
        let began_before = follower.pending.is_some();
        if written.bytes > 0 {
            follower.pending = None;
            for (index, frame) in plan.iter().enumerate() {
                if left == 0 {
                    break;
                }
                if index > 0 || !began_before {
                    follower.frames.pop_front();
                }
                if left < frame.len() {
                    follower.pending = Some((frame.clone(), left));
                    break;
                }
                left -= frame.len();
            }
        }
        if !follower.blocked && (follower.pending.is_some() || !follower.frames.is_empty()) {
            self.ready.push_back(id);
        }
    }

    /// Serves those whose turn it is, in order.
    pub(in crate::carrier) fn serve_ready(&mut self) {
        self.heed();
        for id in std::mem::take(&mut self.ready) {
            self.serve(id);
        }
    }

    pub(in crate::carrier) fn remove(&mut self, id: u64) {
        if let Some(mut follower) = self.followers.remove(&id) {
            *self.ended.entry(follower.sub).or_default() += 1;
            follower.sink.abandon(follower.pending.map(|(frame, gone)| frame.slice(gone..)));
        }
    }

    /// Does what the shard was told.
    pub(in crate::carrier) fn heed(&mut self) {
        for told in self.shard.told() {
            match told {
                Told::Ready(id) => self.unblock(id),
                Told::Detach(id) => self.remove(id.0),
                Told::Lose(_) => self.lost = true,
                Told::Other => unreachable!(),
            }
        }
    }

    /// There is room for so many bytes more.
    pub(in crate::carrier) fn room(&mut self, bytes: usize) {
        self.fake.ends().room += bytes;
        if std::mem::take(&mut self.fake.ends().owes_event) {
            let Ok(woken) = self.carrier.writable() else {
                self.lost = true;
                return;
            };
            woken.into_iter().for_each(|id| self.unblock(id));
        }
    }

    pub(in crate::carrier) fn unblock(&mut self, id: SubscriberId) {
        if let Some(follower) = self.followers.get_mut(&id.0) {
            follower.blocked = false;
            self.ready.push_back(id.0);
        }
    }

    pub(in crate::carrier) fn settle(&mut self) {
        // Those that were given something and had no turn since; the others wait to be told.
        let ids: Vec<u64> = self.followers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.serve(id));
        for _ in 0..200 {
            self.room(1 << 20);
            self.serve_ready();
        }
    }

    pub(in crate::carrier) fn out(&self) -> Vec<u8> {
        self.fake.ends().out.clone()
    }
}

/// One thing that a client reads.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    Message(Json),
    Pong(Vec<u8>),
    Ping,
    Close(u16, String),
}

/// Reads what a gateway writes (RFC 6455 §5), and insists on whole messages in at most two fragments.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Read> {
    let mut read = Vec::new();
    let mut begun: Option<Vec<u8>> = None;
    while !bytes.is_empty() {
        assert_eq!(bytes[1] & 0x80, 0, "unmasked");
        let (length, header) = match bytes[1] {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
            length => (usize::from(length), 2),
        };
        let (first, content) = (bytes[0], &bytes[header..header + length]);
        bytes = &bytes[header + length..];
        match first {
            0x01 => {
                assert!(begun.is_none(), "a message inside another");
                begun = Some(content.to_vec());
            }
            0x80 | 0x81 => {
                assert_eq!(begun.is_some(), first == 0x80);
                let text = [&begun.take().unwrap_or_default()[..], content].concat();
                read.push(Read::Message(serde_json::from_slice(&text).unwrap()));
            }
            0x88 => {
                let code = u16::from_be_bytes([content[0], content[1]]);
                read.push(Read::Close(code, String::from_utf8(content[2..].to_vec()).unwrap()));
            }
            0x89 => read.push(Read::Ping),
            0x8a => read.push(Read::Pong(content.to_vec())),
            other => panic!("opcode {other:x}"),
        }
        assert!(first & 0x08 == 0 || begun.is_none(), "between messages");
    }
    assert!(begun.is_none(), "the last message is whole");
    read
}

/// The same for a multiplexed event stream.
pub(super) fn read_events(bytes: &[u8]) -> Vec<Read> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut read = Vec::new();
    for event in text.split_terminator("\n\n") {
        let lines = event.lines().filter(|line| *line != ":");
        let data: Vec<&str> = lines.map(|line| line.strip_prefix("data: ").unwrap()).collect();
        read.push(Read::Message(serde_json::from_str(&data.join("\n")).unwrap()));
    }
    read
}
