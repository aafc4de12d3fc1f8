//! What a client process counts over all its connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fanout::latency::{Counted, Latencies};
use crate::fanout::stamp::Stamp;

/// The counts since the last mark.
#[derive(Debug)]
pub(crate) struct Tally {
    since: u64,
    events: u64,
    pub(crate) bytes: u64,
    gaps: u64,
    missed: u64,
    backward: u64,
    repeated: u64,
    /// Connections that failed or ended, by the reason.
    pub(crate) failures: BTreeMap<String, u64>,
    from_told: Latencies,
    from_change: Latencies,
}

/// The counts, for the parent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Events with a version that were received.
    pub(crate) events: u64,
    /// Bytes that were received, heads and framing included.
    pub(crate) bytes: u64,
    /// Events that skipped versions.
    pub(crate) gaps: u64,
    /// Versions that were skipped.
    pub(crate) missed: u64,
    /// Events with an older version than one before: never right.
    pub(crate) backward: u64,
    /// Events with the version that the connection already had.
    pub(crate) repeated: u64,
    /// Streams that are open.
    pub(crate) open: u64,
    /// Connections that failed or ended, by the reason.
    pub(crate) failures: BTreeMap<String, u64>,
    /// From when the source told the version (answered with it, or began to push it) to the event's last byte here.
    pub(crate) from_told: Counted,
    /// From when the state changed at the source.
    pub(crate) from_change: Counted,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Tally {
        Tally {
            since: 0,
            events: 0,
            bytes: 0,
            gaps: 0,
            missed: 0,
            backward: 0,
            repeated: 0,
            failures: BTreeMap::new(),
            from_told: Latencies::new(),
            from_change: Latencies::new(),
        }
    }

    /// Forgets all. What was told before `now` has no time that counts: it was told to whoever came before.
    pub(crate) fn mark(&mut self, now: u64) {
        *self = Tally { since: now, ..Tally::new() };
    }

    /// Counts an event that came `now` to a connection at `version`.
    pub(crate) fn event(&mut self, stamp: Stamp, version: u64, now: u64, slow: bool) {
        self.events += 1;
        match stamp.version {
            new if new == version => self.repeated += 1,
            new if new < version => self.backward += 1,
            new if version > 0 && new > version + 1 => {
                self.gaps += 1;
                self.missed += new - version - 1;
            }
            _ => {}
        }
        if stamp.version > version && stamp.told >= self.since && !slow {
            self.from_told.record(now.saturating_sub(stamp.told));
            self.from_change.record(now.saturating_sub(stamp.changed));
        }
    }

    /// Counts a connection that failed or ended.
    pub(crate) fn failure(&mut self, reason: String) {
        *self.failures.entry(reason).or_default() += 1;
    }

    /// The counts.
    pub(crate) fn report(&self, open: u64) -> Report {
        Report {
            events: self.events,
            bytes: self.bytes,
            gaps: self.gaps,
            missed: self.missed,
            backward: self.backward,
            repeated: self.repeated,
            open,
            failures: self.failures.clone(),
            from_told: self.from_told.counted(),
            from_change: self.from_change.counted(),
        }
    }
}

impl Report {
    /// The sum of two processes' counts, but for the times, which their reader adds up.
    pub(crate) fn plus(mut self, other: &Report) -> Report {
        self.events += other.events;
        self.bytes += other.bytes;
        self.gaps += other.gaps;
        self.missed += other.missed;
        self.backward += other.backward;
        self.repeated += other.repeated;
        self.open += other.open;
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_repeats_and_steps_back() {
        let mut tally = Tally::new();
        tally.mark(100);
        let mut version = 0;
        for (new, told) in [(5, 50), (6, 110), (6, 110), (9, 120), (8, 130)] {
            tally.event(Stamp { version: new, changed: told - 10, told }, version, 200, false);
            version = new;
        }
        let report = tally.report(1);
        assert_eq!((report.events, report.gaps, report.missed), (5, 1, 2));
        assert_eq!((report.repeated, report.backward), (1, 1));
        let mut times = Latencies::new();
        times.add(&report.from_told);
        assert_eq!(times.quantiles().count, 2, "of 6 and 9: 5 was told before the mark, 8 is older than 9");
        tally.event(Stamp { version: 10, changed: 1, told: 150 }, 9, 200, true);
        let slow = tally.report(1);
        assert_eq!(slow.events, 6);
        assert_eq!(tally.report(1).plus(&slow).events, 12);
    }
}
