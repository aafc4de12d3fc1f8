//! What the simulation finds wrong, by the promise that it breaks.

use std::collections::HashMap;

use tidegate_core::Position;
use tidegate_hub::Terms;
use tidegate_wire::{Format, Kind};

/// The design's promises that the simulation watches over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// 1: what a client holds is what the origin served.
    NeverWrong,
    /// 2: within an epoch a client's offset only grows; no continuity is claimed that was not proven.
    NeverBackwards,
    /// 3: once it reads again, a client gets the newest version, in one step.
    AlwaysCurrent,
    /// 4: one fetch serves all; nobody there, nothing asked.
    AskedOnce,
    /// 6: clients are told how fresh their data is, and no failure closes a healthy stream.
    DegradesInTheOpen,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What was promised.
    pub promise: Promise,
    /// What happened instead.
    pub detail: String,
}

/// What happened in a run, so that a test can see that it tests something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Snapshots processed by clients.
    pub snapshots: usize,
    /// Patches processed by clients that lead to the next version.
    pub patches: usize,
    /// Patches processed by clients that lead over several versions.
    pub composed: usize,
    /// Merge patches processed by clients that lead to the next version.
    pub merges: usize,
    /// Merge patches processed by clients that lead over several versions.
    pub composed_merges: usize,
    /// Updates of clients that read lines of JSON.
    pub lines: usize,
    /// Streams of one snapshot that were ended with all that belongs to them.
    pub firsts: usize,
    /// Updates over several versions for clients that want to be told only so often.
    pub rated: usize,
    /// Streams that began with a patch: resumed.
    pub resumed: usize,
    /// Streams that were told that continuity is not proven.
    pub unproven: usize,
    /// Statuses other than live.
    pub not_live: usize,
    /// Connections that broke in the middle of an event.
    pub torn: usize,
    /// Streams that the gateway ended.
    pub ended: usize,
    /// Plain readers who got a representation.
    pub reads: usize,
    /// Plain readers who came after a write through the gateway, and got a representation.
    pub reads_after_writes: usize,
    /// Fetches that the origin answered with 304.
    pub not_modified: usize,
}

impl Tally {
    /// A client on these terms processed an update; `is_next`: it leads to the next version.
    pub(super) fn count(&mut self, terms: Terms, kind: Kind, is_next: bool) {
        let counter = match (kind, is_next) {
            (Kind::Snapshot, _) => &mut self.snapshots,
            (Kind::Patch, true) => &mut self.patches,
            (Kind::Patch, false) => &mut self.composed,
            (Kind::Merge, true) => &mut self.merges,
            (Kind::Merge, false) => &mut self.composed_merges,
        };
        *counter += 1;
        self.lines += usize::from(terms.format == Format::Ndjson);
        self.rated += usize::from(terms.rate.is_some() && kind != Kind::Snapshot && !is_next);
    }
}

/// What is known to be true, and what was found not to be.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The canonical content of each position, from the body that the origin served for it.
    pub(super) contents: HashMap<Position, String>,
    pub(super) violations: Vec<Violation>,
    pub(super) tally: Tally,
}

impl Book {
    pub(super) fn violated(&mut self, promise: Promise, detail: impl Into<String>) {
        self.violations.push(Violation { promise, detail: detail.into() });
    }

    pub(super) fn require(&mut self, holds: bool, promise: Promise, detail: impl FnOnce() -> String) {
        if !holds {
            self.violated(promise, detail());
        }
    }
}
