//! Failed fetches, counted by the code that clients are told.
//!
//! Bounded: the codes are a closed set, and each has its place in one array.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_wire::ProblemKind;

const KINDS: usize = ProblemKind::ALL.len();

/// Counters by code.
#[derive(Debug)]
pub(crate) struct FailureCounters([AtomicU64; KINDS]);

impl Default for FailureCounters {
    fn default() -> FailureCounters {
        FailureCounters(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl FailureCounters {
    /// The counter of a kind.
    pub(crate) fn of(&self, kind: ProblemKind) -> &AtomicU64 {
        &self.0[kind as usize]
    }

    pub(crate) fn read(&self) -> FailureStats {
        FailureStats(std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed)))
    }
}

/// Failed fetches at one time, by code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FailureStats([u64; KINDS]);

impl Default for FailureStats {
    fn default() -> FailureStats {
        FailureStats([0; KINDS])
    }
}

impl FailureStats {
    /// How many were of this kind.
    pub fn of(&self, kind: ProblemKind) -> u64 {
        self.0[kind as usize]
    }

    /// The kinds that occurred, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (ProblemKind, u64)> {
        ProblemKind::ALL.iter().map(|kind| (*kind, self.of(*kind))).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for FailureStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(kind, count)| (kind.code(), count))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_counter_of_its_own() {
        let counters = FailureCounters::default();
        for (index, kind) in ProblemKind::ALL.iter().enumerate() {
            counters.of(*kind).store(index as u64, Ordering::Relaxed);
        }
        let read = counters.read();
        assert!(ProblemKind::ALL.iter().enumerate().all(|(index, kind)| read.of(*kind) == index as u64));
        assert_eq!(read.iter().count(), KINDS - 1, "what never occurred is not listed");
        assert!(format!("{read:?}").contains("origin-tls"), "{read:?}");
    }
}
