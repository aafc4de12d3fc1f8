//! What goes out of one view of a feed: its head, the shards that are told, and the steps that they asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_core::{Mode, Offset};
use tidegate_wire::{Format, Kind};

use super::{ShardIndex, Terms};
use crate::frame::Coding;
use crate::published::Published;
use crate::shard::{Start, Step, ViewId};

/// Steps to the present head that are kept for others who stand at the same version.
const MOST_STEPS: usize = 256;

/// One view's side towards the shards.
pub(super) struct Outlet {
    pub(super) id: ViewId,
    pub(super) head: Option<Arc<Published>>,
    /// Subscribers on each shard, so that only those shards are told.
    shards: HashMap<ShardIndex, usize>,
    /// Steps to the present head, made once.
    steps: HashMap<(Offset, Kind), Step>,
    /// In which formats some of its subscribers want gzip, and what they get when there is a new head: it is packed by the
    /// owner, not on their shards.
    packs: HashSet<(Format, Kind)>,
    /// Some of its subscribers want merge patches, or did since there last was none.
    merges: bool,
}

impl Outlet {
    pub(super) fn new(id: ViewId) -> Outlet {
        let (shards, steps) = Default::default();
        Outlet { id, head: None, shards, steps, packs: Default::default(), merges: false }
    }

    /// The shards that have subscribers of it.
    pub(super) fn shards(&self) -> impl Iterator<Item = ShardIndex> {
        self.shards.keys().copied()
    }

    /// Whether merge patches are to be made.
    pub(super) fn merges(&self) -> bool {
        self.merges
    }

    /// It has a new head.
    pub(super) fn publish(&mut self, head: Arc<Published>) {
        for (format, kind) in &self.packs {
            head.pack(*format, *kind);
        }
        self.head = Some(head);
        self.steps.clear();
    }

    /// A subscriber is attached on these terms.
    pub(super) fn attached(&mut self, shard: ShardIndex, start: Start, terms: Terms, coding: Coding) {
        *self.shards.entry(shard).or_default() += 1;
        self.merges |= terms.step_kind() == Some(Kind::Merge);
        let (Coding::Gzip, Some(head)) = (coding, &self.head) else { return };
        let (format, kind) = (terms.format, terms.step_kind().unwrap_or(Kind::Snapshot));
        if terms.mode != Mode::First {
            self.packs.insert((format, kind));
        }
        match start {
            Start::At(offset) if offset == head.offset() => {}
            Start::At(offset) if Some(offset) == head.previous() => head.pack(format, kind),
            // It gets a step, packed when it is made.
            Start::At(_) if kind != Kind::Snapshot => {}
            Start::At(_) | Start::Fresh | Start::Unproven => head.pack(format, Kind::Snapshot),
        }
    }

    /// A subscriber left. False if none was there.
    pub(super) fn detached(&mut self, shard: ShardIndex) -> bool {
        let Some(count) = self.shards.get_mut(&shard) else { return false };
        *count -= 1;
        if *count == 0 {
            self.shards.remove(&shard);
        }
        if self.shards.is_empty() {
            self.end();
        }
        true
    }

    /// All its subscribers were let go.
    pub(super) fn end(&mut self) {
        self.shards.clear();
        self.packs.clear();
        self.merges = false;
    }

    /// The step from a version to the head, made by `make` if it was not asked for before.
    pub(super) fn step(&mut self, from: Offset, kind: Kind, make: impl FnOnce() -> Step) -> Step {
        if self.steps.len() >= MOST_STEPS {
            self.steps.clear();
        }
        let step = self.steps.entry((from, kind)).or_insert_with(make).clone();
        for (format, _) in self.packs.iter().filter(|(_, wanted)| *wanted == kind) {
            match (&step, &self.head) {
                (Step::To(step), _) => _ = step.frame(*format).segment(),
                (Step::Snapshot, Some(head)) => head.pack(*format, Kind::Snapshot),
                (Step::Snapshot, None) => {}
            }
        }
        step
    }
}
