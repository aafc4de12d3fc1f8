//! An origin that cannot be connected to: a few try, and the others are told at once what those found.

use std::time::Duration;

use tidegate_core::{Failure, Time};

/// So many failures to connect in a row, and the origin counts as down.
const DOWN_AFTER: u32 = 5;

/// Tries under way at one time while it is down.
const PROBES: usize = 2;

/// Between the beginnings of two tries while it is down: the time that ten thousand feeds may be late in noticing.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// Whether the origin can be connected to.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    failures: u32,
    last: Option<Failure>,
    next_probe: Time,
}

impl Circuit {
    /// What to tell instead of trying, where enough try already.
    pub(super) fn refuses(&self, now: Time, under_way: usize) -> Option<&Failure> {
        let down = self.failures >= DOWN_AFTER;
        let enough = under_way >= PROBES || now < self.next_probe;
        self.last.as_ref().filter(|_| down && enough)
    }

    /// A fetch begins.
    pub(super) fn begins(&mut self, now: Time) {
        self.next_probe = now + PROBE_EVERY;
    }

    /// No connection.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        self.last = Some(failure);
    }

    /// The origin is there, whatever it says.
    pub(super) fn connected(&mut self) {
        self.failures = 0;
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::FailureKind;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_start(Duration::from_millis(ms))
    }

    #[test]
    fn an_origin_that_is_down_is_tried_by_few() {
        let failure = Failure::new(FailureKind::Unreachable, "no connection to h");
        let mut circuit = Circuit::default();
        for _ in 0..DOWN_AFTER {
            assert_eq!(circuit.refuses(at(0), 1000), None);
            circuit.begins(at(0));
            circuit.failed(failure.clone());
        }
        assert_eq!(circuit.refuses(at(0), 0), Some(&failure));
        assert_eq!(circuit.refuses(at(250), 1), None);
        circuit.begins(at(250));
        assert_eq!(circuit.refuses(at(260), 1), Some(&failure));
        assert_eq!(circuit.refuses(at(9000), PROBES), Some(&failure));
        circuit.connected();
        assert_eq!(circuit.refuses(at(260), 1000), None);
    }
}
