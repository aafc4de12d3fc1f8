//! A feed as its shard sees it: the head, the status, the members, and the steps to the head.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_core::{Mode, Offset, Time};
use tidegate_wire::sse::UNPROVEN;
use tidegate_wire::{Format, Kind};

use super::command::{FeedPort, Manner, Step, ViewId};
use super::subscriber::{Counted, Cursor, Progress};
use crate::clock::Clock;
use crate::encoded::Encoded;
use crate::frame::Frame;
use crate::published::{Published, StatusView};
use crate::stats::FeedCounters;
use crate::terms::Terms;

/// Patches kept for streams that get every update are never more than this, whatever they weigh.
const MOST_KEPT: usize = 1024;

/// Patches kept may always weigh this much, in bytes, however small the document is.
const LEAST_KEPT_BYTES: usize = 64 * 1024;

/// How many versions an answered step may lie behind the head and still be of use to those who waited for it.
const STEP_LIFE: u64 = 64;

/// What comes next for a subscriber.
pub(super) enum Next {
    Frame(Frame, Progress, Counted),
    /// It needs the step of this kind from here to the head.
    Awaited(Offset, Kind),
    /// It is at the head.
    Nothing,
}

/// A step over several versions that was asked for.
#[derive(Debug, Default)]
struct Asked {
    /// The answer, once it is there.
    step: Option<(Offset, Option<Arc<Encoded>>)>,
    /// Who waits for it.
    waiting: Vec<usize>,
}

/// What nearly every member of a feed is to get next: the patch to the head.
#[derive(Debug)]
pub(super) struct Usual {
    from: Offset,
    to: Offset,
    told: u64,
    step: Arc<Encoded>,
}

impl Usual {
    /// Whether it is all that a subscriber lacks.
    pub(super) fn is_all_for(&self, at: Progress, terms: Terms) -> bool {
        let plain = terms.mode == Mode::Patch && terms.rate.is_none();
        plain && at.cursor == Cursor::At(self.from) && at.told == Some(self.told)
    }

    /// Its bytes for this subscriber, and how far that is then. Nothing is cloned: with each subscriber in turn that
    /// would be much of the work there is.
    pub(super) fn write(&self, at: Progress, format: Format) -> (&Bytes, Progress) {
        let (bytes, coded) = at.coded.write_shared(self.step.frame(format));
        (bytes, Progress { coded, ..at.moved_to(self.to) })
    }
}

/// Where the work on a feed's members stands.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// It is in the queue of feeds that have something for their members.
    pub(super) queued: bool,
    /// The next member to be served.
    pub(super) next: usize,
    /// When it is through, there is to be another.
    pub(super) again: bool,
}

pub(super) struct FeedView<P> {
    id: ViewId,
    pub(super) port: P,
    pub(super) manner: Manner,
    pub(super) counters: Arc<FeedCounters>,
    pub(super) members: Vec<usize>,
    pub(super) pass: Pass,
    head: Arc<Published>,
    pub(super) status: StatusView,
    /// What those who know of another are told, in each format.
    status_events: [Option<Frame>; Format::ALL.len()],
    steps: HashMap<(Offset, Kind), Asked>,
    /// The patches up to the head, without a gap, where every update is to be told.
    kept: VecDeque<Arc<Encoded>>,
    kept_bytes: usize,
    /// Several of them in one, by where they begin, as far as they are worth keeping.
    joined: HashMap<(Offset, Format), (u64, Frame)>,
    joined_bytes: usize,
}

impl<P: FeedPort> FeedView<P> {
    pub(super) fn new(
        id: ViewId,
        port: P,
        manner: Manner,
        head: Arc<Published>,
        status: StatusView,
        counters: Arc<FeedCounters>,
    ) -> FeedView<P> {
        FeedView {
            id,
            port,
            manner,
            counters,
            members: Vec::new(),
            pass: Pass::default(),
            head,
            status,
            status_events: Default::default(),
            steps: HashMap::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            joined: HashMap::new(),
            joined_bytes: 0,
        }
    }

    /// There is a new version.
    pub(super) fn publish(&mut self, head: Arc<Published>) {
        debug_assert!(head.offset() > self.head.offset(), "a feed never goes backwards");
        self.joined.clear();
        self.joined_bytes = 0;
        if !self.manner.conflate {
            self.keep(&head);
        }
        let oldest = Offset(head.offset().0.saturating_sub(STEP_LIFE));
        self.steps.retain(|_, asked| match &asked.step {
            None => true,
            Some((to, _)) => *to >= oldest,
        });
        self.head = head;
    }

    fn keep(&mut self, head: &Published) {
        let Some(patch) = head.step(Kind::Patch) else {
            self.kept.clear();
            self.kept_bytes = 0;
            return;
        };
        self.kept.push_back(patch.clone());
        self.kept_bytes += patch.text_len();
        let most = worth_keeping(head);
        while self.kept_bytes > most || self.kept.len() > MOST_KEPT {
            let Some(patch) = self.kept.pop_front() else { break };
            self.kept_bytes -= patch.text_len();
        }
    }

    /// What those who have the version before the head get, where that is a patch.
    pub(super) fn usual(&self) -> Option<Usual> {
        let (from, to) = (self.head.previous()?, self.head.offset());
        let step = self.head.step(Kind::Patch)?.clone();
        Some(Usual { from, to, told: self.status.status.sequence, step })
    }

    /// The status changed.
    pub(super) fn tell(&mut self, status: StatusView) {
        self.status = status;
        self.status_events = Default::default();
    }

    /// A step that was asked for is there. Gives those who wait for it.
    pub(super) fn answer(&mut self, from: Offset, kind: Kind, step: Step) -> Vec<usize> {
        let asked = self.steps.entry((from, kind)).or_default();
        asked.step = Some(match step {
            Step::To(step) => (step.offset(), Some(step)),
            Step::Snapshot => (self.head.offset(), None),
        });
        let waiting = std::mem::take(&mut asked.waiting);
        let weight = |asked: &Asked| match &asked.step {
            Some((_, Some(step))) => step.text_len(),
            _ => 0,
        };
        if self.steps.values().map(weight).sum::<usize>() > 4 * worth_keeping(&self.head) {
            // Whoever still needs one of the others asks again.
            self.steps.retain(|of, asked| asked.step.is_none() || *of == (from, kind));
        }
        waiting
    }

    /// Notes that a member waits for the step of this kind from here; asks for it if nobody did, or if what was answered no longer
    /// leads to the head.
    pub(super) fn wait(&mut self, from: Offset, kind: Kind, member: usize) {
        if self.steps.get(&(from, kind)).is_none_or(|asked| asked.step.is_some()) {
            self.port.request_step(from, kind);
            self.steps.insert((from, kind), Asked::default());
        }
        if let Some(asked) = self.steps.get_mut(&(from, kind)) {
            asked.waiting.push(member);
        }
    }

    /// The update that brings a subscriber forward, or that it waits for one. `answered`: the step that it waited for
    /// was made, so that it takes it even where it leads to an older head by now; else a busy feed would never let it
    /// have one.
    pub(super) fn next_update(&mut self, at: Progress, terms: Terms, answered: bool) -> Next {
        let head = self.head.offset();
        let from = match at.cursor {
            Cursor::Unproven => {
                let after = Progress { cursor: Cursor::Fresh, ..at };
                return match terms.format.note(UNPROVEN) {
                    note if note.is_empty() => self.snapshot(after, terms.format),
                    note => Next::Frame(Frame::new(note), after, Counted::default()),
                };
            }
            Cursor::Fresh => return self.snapshot(at, terms.format),
            Cursor::At(offset) if offset == head => return Next::Nothing,
            Cursor::At(offset) => offset,
        };
        let Some(kind) = terms.step_kind() else { return self.snapshot(at, terms.format) };
        if self.head.previous() == Some(from) {
            return match self.head.step(kind) {
                Some(step) => update(step.frame(terms.format).clone(), at, head, 1, 0),
                None => self.snapshot(at, terms.format),
            };
        }
        if terms.mode == Mode::Patch && terms.rate.is_none() {
            // Alone, because the first status comes between the first update and the second; or because each has a
            // prefix of its own.
            let alone = terms.format.is_carried() || (!at.updated && at.told.is_none());
            if alone && let Some(patch) = self.kept_after(from) {
                return update(patch.frame(terms.format).clone(), at, patch.offset(), 1, 0);
            }
            if let Some((updates, joined)) = self.joined_from(from, terms.format) {
                return update(joined, at, head, updates, 0);
            }
        }
        match self.steps.get(&(from, kind)).and_then(|asked| asked.step.as_ref()) {
            Some((to, step)) if answered || *to == head => match step {
                Some(step) => update(step.frame(terms.format).clone(), at, *to, 1, to.0 - from.0 - 1),
                None => self.snapshot(at, terms.format),
            },
            _ => Next::Awaited(from, kind),
        }
    }

    /// Where the patches that are kept go on from here, if none is missing.
    fn place_of_kept(&self, from: Offset) -> Option<usize> {
        let place = self.kept.partition_point(|patch| patch.from() < Some(from));
        (self.kept.get(place)?.from() == Some(from)).then_some(place)
    }

    /// The patch from here to the next version, where all from there on are kept.
    fn kept_after(&self, from: Offset) -> Option<&Arc<Encoded>> {
        self.kept.get(self.place_of_kept(from)?)
    }

    /// Every patch from here to the head in one frame, where all are kept and the whole would not be smaller.
    fn joined_from(&mut self, from: Offset, format: Format) -> Option<(u64, Frame)> {
        if let Some((updates, joined)) = self.joined.get(&(from, format)) {
            return Some((*updates, joined.clone()));
        }
        if format.is_carried() {
            // Each message has a prefix of its own.
            return None;
        }
        let first = self.place_of_kept(from)?;
        let patches = || self.kept.range(first..).map(|patch| patch.frame(format).plain());
        let updates = (self.kept.len() - first) as u64;
        let bytes: usize = patches().map(Bytes::len).sum();
        let mut all = Vec::with_capacity(bytes);
        patches().for_each(|patch| all.extend_from_slice(patch));
        let joined = Frame::new(all.into());
        // Those who share a start come one after the other: what is over the limit is made again for the next of them.
        if self.joined_bytes + bytes <= 4 * worth_keeping(&self.head) {
            self.joined_bytes += bytes;
            self.joined.insert((from, format), (updates, joined.clone()));
        }
        Some((updates, joined))
    }

    /// Whether a subscriber stands before the head.
    pub(super) fn is_behind(&self, at: Progress) -> bool {
        at.cursor != Cursor::At(self.head.offset())
    }

    /// What shifts the grids of its subscribers' rates.
    pub(super) fn grid(&self) -> u64 {
        self.id.feed.0
    }

    fn snapshot(&self, at: Progress, format: Format) -> Next {
        let head = self.head.offset();
        let skipped = match at.cursor {
            Cursor::At(from) => (head.0 - from.0).saturating_sub(1),
            Cursor::Fresh | Cursor::Unproven => 0,
        };
        let counted = Counted { updates: 1, snapshot: true, conflated: skipped };
        Next::Frame(self.head.snapshot().frame(format).clone(), at.moved_to(head), counted)
    }

    /// The status that a subscriber at the head was not told yet, and how far it is then. `retry` draws when it
    /// should come back.
    pub(super) fn next_status(
        &mut self,
        at: Progress,
        format: Format,
        unproven: bool,
        now: Time,
        clock: &Clock,
        retry: impl FnOnce() -> Duration,
    ) -> Option<(Frame, Progress)> {
        let newest = self.status.status.sequence;
        if at.told == Some(newest) {
            return None;
        }
        let after = Progress { told: Some(newest), ..at };
        if at.told.is_none() {
            let first = self.status.first_event(format, now, clock, unproven, retry());
            return Some((Frame::new(first), after));
        }
        let event = &mut self.status_events[format.index()];
        let event = event.get_or_insert_with(|| Frame::new(self.status.event(format, now, clock)));
        Some((event.clone(), after))
    }
}

/// How many bytes of a feed's patches a shard keeps, beside what is on its way.
fn worth_keeping(head: &Published) -> usize {
    head.version().body.len().max(LEAST_KEPT_BYTES)
}

fn update(frame: Frame, at: Progress, to: Offset, updates: u64, conflated: u64) -> Next {
    Next::Frame(frame, at.moved_to(to), Counted { updates, snapshot: false, conflated })
}
