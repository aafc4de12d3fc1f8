//! What is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::{FailureKind, Outcome};

use crate::failures::{FailureCounters, FailureStats};
use crate::problems::kind_of;
use crate::shard::Tally;

#[derive(Debug, Default)]
struct Counts {
    sends: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    snapshots: AtomicU64,
    patches: AtomicU64,
    joined: AtomicU64,
    conflated: AtomicU64,
    unpinned: AtomicU64,
    fetches: AtomicU64,
    not_modified: AtomicU64,
    failures: AtomicU64,
    origin_bytes: AtomicU64,
    versions: AtomicU64,
    unproven: AtomicU64,
    streams: AtomicU64,
    failed: FailureCounters,
}

/// Counts of one feed, or of several together: what is counted in one counts in what it is within, too.
#[derive(Debug, Default)]
pub struct FeedCounters {
    counts: Counts,
    within: Option<Arc<FeedCounters>>,
}

/// The counts at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Writes that subscribers' connections took something of.
    pub sends: u64,
    /// Frames begun in them, heartbeats and statuses included.
    pub frames: u64,
    /// Bytes taken over by connections, with the heads of answers that the shards write themselves.
    pub bytes: u64,
    /// Snapshots among the frames.
    pub snapshots: u64,
    /// Patches among the frames; one that joins several counts as so many.
    pub patches: u64,
    /// Updates that left in the same write as another before them.
    pub joined: u64,
    /// Versions that were not told on their own: a later update brought their effect.
    pub conflated: u64,
    /// Streams closed because unfinished writes kept too much in memory.
    pub unpinned: u64,
    /// Requests made to the origin.
    pub fetches: u64,
    /// Those that it answered with 304.
    pub not_modified: u64,
    /// Those that brought no representation where there should have been one: the sum of [`FeedStats::failed`].
    pub failures: u64,
    /// Body bytes that came from the origin, as they came over the wire.
    pub origin_bytes: u64,
    /// Versions published.
    pub versions: u64,
    /// Versions sent whole because their patch did not stand its proof: each is a bug.
    pub unproven: u64,
    /// Streams begun.
    pub streams: u64,
    /// Failed fetches by kind.
    pub failed: FailureStats,
}

/// How a stream came to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was the first request, and its shard writes it.
    First,
    /// It was a later request on a connection that was taken out of the HTTP library's hands for its shard.
    TakenOver,
    /// It goes through the HTTP library.
    Through,
    /// It is one of several on its connection.
    Carried,
}

/// Streams begun, by how they came to their connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WayStats {
    /// [`Way::First`].
    pub first: u64,
    /// [`Way::TakenOver`].
    pub taken_over: u64,
    /// [`Way::Through`].
    pub through: u64,
    /// [`Way::Carried`].
    pub carried: u64,
}

#[derive(Debug, Default)]
pub(crate) struct WayCounters {
    first: AtomicU64,
    taken_over: AtomicU64,
    through: AtomicU64,
    carried: AtomicU64,
}

impl WayCounters {
    pub(crate) fn count(&self, way: Way) {
        let counter = match way {
            Way::First => &self.first,
            Way::TakenOver => &self.taken_over,
            Way::Through => &self.through,
            Way::Carried => &self.carried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> WayStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WayStats {
            first: get(&self.first),
            taken_over: get(&self.taken_over),
            through: get(&self.through),
            carried: get(&self.carried),
        }
    }
}

impl FeedCounters {
    /// Counters whose counts count in `whole`, too.
    pub fn within(whole: Arc<FeedCounters>) -> FeedCounters {
        FeedCounters { counts: Counts::default(), within: Some(whole) }
    }

    fn add(&self, counter: impl Fn(&Counts) -> &AtomicU64, amount: u64) {
        let mut counters = Some(self);
        while let Some(each) = counters {
            // Statistics: no other memory depends on them.
            counter(&each.counts).fetch_add(amount, Ordering::Relaxed);
            counters = each.within.as_deref();
        }
    }

    pub(crate) fn wrote(&self, tally: &Tally) {
        let Tally { sends, frames, bytes, snapshots, patches, joined, conflated } = *tally;
        if sends == 0 {
            return;
        }
        self.add(|counts| &counts.sends, sends);
        self.add(|counts| &counts.frames, frames);
        self.add(|counts| &counts.bytes, bytes);
        self.add(|counts| &counts.snapshots, snapshots);
        self.add(|counts| &counts.patches, patches);
        self.add(|counts| &counts.joined, joined);
        self.add(|counts| &counts.conflated, conflated);
    }

    pub(crate) fn unpinned(&self) {
        self.add(|counts| &counts.unpinned, 1);
    }

    pub(crate) fn fetched(&self, outcome: &Outcome, wire_bytes: u64) {
        self.add(|counts| &counts.fetches, 1);
        self.add(|counts| &counts.origin_bytes, wire_bytes);
        if matches!(outcome, Outcome::NotModified { .. }) {
            self.add(|counts| &counts.not_modified, 1);
        }
    }

    /// A fetch brought no representation.
    pub(crate) fn failed(&self, kind: FailureKind) {
        let kind = kind_of(kind);
        self.add(|counts| &counts.failures, 1);
        self.add(|counts| counts.failed.of(kind), 1);
    }

    pub(crate) fn published(&self) {
        self.add(|counts| &counts.versions, 1);
    }

    pub(crate) fn unproven(&self) {
        self.add(|counts| &counts.unproven, 1);
    }

    pub(crate) fn streamed(&self) {
        self.add(|counts| &counts.streams, 1);
    }

    /// The counts now.
    pub fn read(&self) -> FeedStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.counts;
        FeedStats {
            sends: get(&counts.sends),
            frames: get(&counts.frames),
            bytes: get(&counts.bytes),
            snapshots: get(&counts.snapshots),
            patches: get(&counts.patches),
            joined: get(&counts.joined),
            conflated: get(&counts.conflated),
            unpinned: get(&counts.unpinned),
            fetches: get(&counts.fetches),
            not_modified: get(&counts.not_modified),
            failures: get(&counts.failures),
            origin_bytes: get(&counts.origin_bytes),
            versions: get(&counts.versions),
            unproven: get(&counts.unproven),
            streams: get(&counts.streams),
            failed: counts.failed.read(),
        }
    }
}
