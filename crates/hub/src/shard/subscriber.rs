//! One subscriber: how far it got, and what its connection has not taken yet.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use bytes::Bytes;
use tidegate_core::{Mode, Offset, Time, Wish};

use super::command::{SubscriberId, ViewId, Written};
use super::pins::Pin;
use crate::frame::{Coded, Frame};
use crate::terms::Terms;

/// The last version handed to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    Fresh,
    /// The note that precedes the snapshot is still to be sent.
    Unproven,
    At(Offset),
}

/// What a stream has said so far. A plan moves a copy of it; what was really begun becomes the subscriber's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) cursor: Cursor,
    /// It got an update on this connection.
    pub(super) updated: bool,
    /// The sequence number of the last status sent; none before the first.
    pub(super) told: Option<u64>,
    /// How it is coded.
    pub(super) coded: Coded,
}

impl Progress {
    /// It is being given the update that leads to `offset`.
    pub(super) fn moved_to(mut self, offset: Offset) -> Progress {
        debug_assert!(
            !matches!(self.cursor, Cursor::At(before) if before >= offset),
            "a subscriber's cursor only grows"
        );
        self.cursor = Cursor::At(offset);
        self.updated = true;
        self
    }

    /// The first status follows the first update at once: a slow connection to a busy feed would never be at the head
    /// long enough to be told.
    pub(super) fn first_status_due(&self) -> bool {
        self.updated && self.told.is_none()
    }
}

/// What a frame is to the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Versions that it brings the subscriber forward as updates of their own.
    pub(super) updates: u64,
    /// It is a snapshot.
    pub(super) snapshot: bool,
    /// Versions that it stands for without telling them.
    pub(super) conflated: u64,
}

/// The frames that a subscriber is to get next, each with how far it has got once the frame is begun.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) frames: Vec<Bytes>,
    pub(super) after: Vec<(Progress, Counted)>,
}

impl Plan {
    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.after.clear();
    }

    /// Bytes as they are to go out.
    pub(super) fn push(&mut self, bytes: Bytes, after: Progress, counted: Counted) {
        self.frames.push(bytes);
        self.after.push((after, counted));
    }

    /// A frame, coded as the stream is. Gives how far the subscriber is then.
    pub(super) fn push_frame(&mut self, frame: &Frame, mut after: Progress, counted: Counted) -> Progress {
        let (bytes, coded) = after.coded.write(frame);
        after.coded = coded;
        self.push(bytes, after, counted);
        after
    }
}

/// When which subscribers may be told of a change that they were not told of so far.
pub(super) type Ticks = BTreeSet<(Time, usize)>;

/// A subscriber's stream is to end.
#[derive(Debug)]
pub(super) struct Ending {
    /// The last frame, until it is begun.
    pub(super) last: Option<Frame>,
    /// When it is cut.
    pub(super) until: Time,
}

/// When a subscriber may be told of the next change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// Of none before this.
    pub(super) not_before: Time,
    /// It is looked at again then.
    pub(super) ticking: bool,
}

/// A subscriber. There are very many: what few of them have is in a box.
#[derive(Debug)]
pub(super) struct Subscriber<S> {
    pub(super) id: SubscriberId,
    pub(super) view: ViewId,
    pub(super) terms: Terms,
    /// When it may be told of the next change, where it is told only so often.
    pub(super) pace: Option<Box<Pace>>,
    pub(super) wish: Wish,
    /// Its place among the members of its feed.
    pub(super) place: usize,
    /// Its connection, once it has come.
    pub(super) sink: Option<S>,
    pub(super) progress: Progress,
    /// The frame that the connection took in part, or that comes before all else, and how much of it went.
    pub(super) pending: Option<Box<(Bytes, usize)>>,
    pub(super) pin: Option<Pin>,
    /// The connection takes nothing until it says so.
    pub(super) blocked: bool,
    /// It is in the queue of those to be served.
    pub(super) queued: bool,
    /// The step that it needs is being made.
    pub(super) awaits: bool,
    /// The step that it waited for was made.
    pub(super) answered: bool,
    pub(super) heartbeat_due: bool,
    /// It asked to resume and could not prove its position.
    pub(super) unproven: bool,
    /// The most milliseconds without a byte; none where others see to that.
    pub(super) heartbeat: Option<NonZeroU32>,
    pub(super) last_sent: Time,
    /// When its stream has to end.
    pub(super) until: Option<Box<Time>>,
    pub(super) ending: Option<Box<Ending>>,
}

/// What was begun by a write.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Begun {
    pub(super) frames: u64,
    pub(super) updates: u64,
    pub(super) snapshots: u64,
    pub(super) conflated: u64,
}

impl<S> Subscriber<S> {
    /// Whether its connection takes something now.
    pub(super) fn is_open(&self) -> bool {
        self.sink.is_some() && !self.blocked
    }

    /// Whether it is told of no change yet, because it was told of one not long ago, or is about to be. `at`: how far it
    /// is once all is written that is planned.
    pub(super) fn is_held(&self, now: Time, at: Progress) -> bool {
        let moves = matches!(at.cursor, Cursor::At(_)) && at.cursor != self.progress.cursor;
        self.terms.rate.is_some() && (self.waits_until(now).is_some() || moves)
    }

    /// Until when it is told of no change, where that is not over.
    pub(super) fn waits_until(&self, now: Time) -> Option<Time> {
        self.pace.as_ref().map(|pace| pace.not_before).filter(|not_before| now < *not_before)
    }

    /// Has it looked at again when it may be told of the next change.
    pub(super) fn arm(&mut self, key: usize, ticks: &mut Ticks) {
        if let Some(pace) = &mut self.pace
            && !std::mem::replace(&mut pace.ticking, true)
        {
            ticks.insert((pace.not_before, key));
        }
    }

    /// Nothing is to be done for it then.
    pub(super) fn disarm(&mut self, key: usize, ticks: &mut Ticks) {
        if let Some(pace) = &mut self.pace
            && std::mem::take(&mut pace.ticking)
        {
            ticks.remove(&(pace.not_before, key));
        }
    }

    /// Whether there is nothing for it behind what is planned.
    pub(super) fn has_all(&self, at: Progress) -> bool {
        self.terms.mode == Mode::First && at.updated
    }

    /// Whether its connection took all that it is ever to get, and its stream may end.
    pub(super) fn is_done(&self) -> bool {
        self.has_all(self.progress) && self.pending.is_none() && self.ending.is_none()
    }

    /// Takes note of what the connection took of a plan: what was begun has been said, and what was not has not.
    pub(super) fn wrote(&mut self, plan: &Plan, written: Written) -> Begun {
        self.blocked = written.blocked;
        if written.bytes == 0 {
            return Begun::default();
        }
        let before = self.pending.take();
        let mut left = before.as_ref().map_or(0, |pending| pending.1) + written.bytes;
        let mut begun = Begun::default();
        for (index, (frame, (after, counted))) in plan.frames.iter().zip(&plan.after).enumerate() {
            if left == 0 {
                break;
            }
            if index > 0 || before.is_none() {
                self.progress = *after;
                begun.frames += 1;
                begun.updates += counted.updates;
                begun.snapshots += u64::from(counted.snapshot);
                begun.conflated += counted.conflated;
            }
            if left < frame.len() {
                self.pending = Some(Box::new((frame.clone(), left)));
                break;
            }
            left -= frame.len();
        }
        begun
    }
}
