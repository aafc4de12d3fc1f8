//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one feed, from its beginning.
#[derive(Debug, Default)]
pub struct FeedCounters {
    frames: AtomicU64,
    bytes: AtomicU64,
    snapshots: AtomicU64,
    patches: AtomicU64,
    fetches: AtomicU64,
    not_modified: AtomicU64,
    failures: AtomicU64,
    origin_bytes: AtomicU64,
    versions: AtomicU64,
}

/// The counts at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Frames given to subscribers' connections, heartbeats and statuses included.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Snapshots among them.
    pub snapshots: u64,
    /// Patches among them.
    pub patches: u64,
    /// Requests made to the origin.
    pub fetches: u64,
    /// Those that it answered with 304.
    pub not_modified: u64,
    /// Those that failed.
    pub failures: u64,
    /// Body bytes that came from the origin, as they came over the wire.
    pub origin_bytes: u64,
    /// Versions published.
    pub versions: u64,
}

fn add(counter: &AtomicU64, amount: usize) {
    // Statistics: no other memory depends on them.
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}

impl FeedCounters {
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.frames, 1);
        add(&self.bytes, bytes);
    }

    pub(crate) fn snapshot(&self) {
        add(&self.snapshots, 1);
    }

    pub(crate) fn patched(&self) {
        add(&self.patches, 1);
    }

    pub(crate) fn fetched(&self, outcome: &tidegate_core::Outcome, wire_bytes: u64) {
        add(&self.fetches, 1);
        add(&self.origin_bytes, usize::try_from(wire_bytes).unwrap_or(usize::MAX));
        match outcome {
            tidegate_core::Outcome::NotModified { .. } => add(&self.not_modified, 1),
            tidegate_core::Outcome::Failed(_) => add(&self.failures, 1),
            _ => {}
        }
    }

    pub(crate) fn published(&self) {
        add(&self.versions, 1);
    }

    /// The counts now.
    pub fn read(&self) -> FeedStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FeedStats {
            frames: get(&self.frames),
            bytes: get(&self.bytes),
            snapshots: get(&self.snapshots),
            patches: get(&self.patches),
            fetches: get(&self.fetches),
            not_modified: get(&self.not_modified),
            failures: get(&self.failures),
            origin_bytes: get(&self.origin_bytes),
            versions: get(&self.versions),
        }
    }
}
