//! When to ask the origin next.
//!
//! Invariants: the interval counts from the start of a cycle, so a slow origin is not asked less often than a fast
//! one until it is slower than the interval; two feeds that begin together drift apart (jitter); a failing origin
//! is asked ever more rarely, up to a cap, and never before the time that it named.

use std::time::Duration;

use crate::time::{Jitter, Time};

/// How many of a feed's first intervals are shortened, and to which share of them at most: feeds that begin together,
/// because all their clients came back at once, are spread over the interval after these.
const SETTLING: (u32, f64) = (2, 0.5);

/// The most that an interval is stretched or shortened by jitter, as a share of it.
const SPREAD: f64 = 0.05;

/// The longest wait between two tries at a failing origin that names no time of its own.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The longest `Retry-After` that is obeyed; an origin that asks for more is asked again after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The poll schedule of one feed.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    failures: u32,
    /// Cycles that are still to spread this feed's polls among those of others.
    settling: u32,
    jitter: Jitter,
}

impl Schedule {
    /// A schedule with this interval; `seed` spreads it.
    pub(crate) fn new(interval: Duration, seed: u64) -> Schedule {
        Schedule { interval, failures: 0, settling: SETTLING.0, jitter: Jitter::new(seed) }
    }

    /// The most time between the starts of two cycles while the origin answers.
    pub(crate) fn longest_interval(&self) -> Duration {
        self.interval.mul_f64(1.0 + SPREAD)
    }

    /// The origin answered a cycle that began at `started`: when the next one begins.
    pub(crate) fn after_success(&mut self, started: Time, now: Time) -> Time {
        self.failures = 0;
        let (least, most) = match self.settling {
            0 => (1.0 - SPREAD, 1.0 + SPREAD),
            _ => (SETTLING.1, 1.0),
        };
        self.settling = self.settling.saturating_sub(1);
        let next = started + self.jitter.scale(self.interval, least, most);
        next.max(now)
    }

    /// What failed before says nothing about the next try.
    pub(crate) fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// The cycle failed: when the next one begins. `retry_after` is what the origin asked for, if it did.
    pub(crate) fn after_failure(&mut self, now: Time, retry_after: Option<Duration>) -> Time {
        // The first retry is quick, so that a single failure need not be told.
        let doubled = (self.interval / 2).saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let cap = MAX_BACKOFF.max(self.interval);
        let backoff = self.jitter.scale(doubled.min(cap), 0.5, 1.0);
        now + backoff.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_start(Duration::from_millis(ms))
    }

    #[test]
    fn the_interval_counts_from_the_cycles_start_with_jitter() {
        let mut schedule = settled(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let next = schedule.after_success(at(5000), at(5300));
            assert!(next >= at(5950) && next <= at(6050), "{next:?}");
            seen.insert(next);
        }
        assert!(seen.len() > 100, "the interval is spread");
    }

    fn settled(seed: u64) -> Schedule {
        let mut schedule = Schedule::new(Duration::from_millis(1000), seed);
        (0..SETTLING.0).for_each(|_| _ = schedule.after_success(at(0), at(0)));
        schedule
    }

    #[test]
    fn feeds_that_begin_together_are_spread_over_the_interval() {
        let mut tenths = [0; 10];
        for seed in 0..1000 {
            let mut schedule = Schedule::new(Duration::from_millis(1000), seed);
            let mut next = at(0);
            for _ in 0..SETTLING.0 {
                let after = schedule.after_success(next, next);
                assert!(
                    after >= next + Duration::from_millis(500) && after <= next + Duration::from_millis(1000)
                );
                next = after;
            }
            tenths[next.since_start().as_millis() as usize % 1000 / 100] += 1;
        }
        assert!(tenths.iter().all(|count| *count > 10), "{tenths:?}");
    }

    #[test]
    fn a_cycle_longer_than_the_interval_is_followed_at_once() {
        let mut schedule = Schedule::new(Duration::from_millis(1000), 7);
        assert_eq!(schedule.after_success(at(0), at(4000)), at(4000));
    }

    #[test]
    fn failures_back_off_to_a_cap_and_a_success_forgets_them() {
        let mut schedule = Schedule::new(Duration::from_millis(500), 1);
        let mut longest = Duration::ZERO;
        for failure in 0..40u32 {
            let wait = schedule.after_failure(at(0), None).since_start();
            let full = Duration::from_millis(250 * (1 << failure.min(16))).min(MAX_BACKOFF);
            assert!(wait >= full / 2 && wait <= full, "failure {failure}: {wait:?} of {full:?}");
            longest = longest.max(wait);
        }
        assert!(longest > MAX_BACKOFF / 2);
        schedule.after_success(at(0), at(0));
        assert!(schedule.after_failure(at(0), None) <= at(250), "the first retry is quick");
    }

    #[test]
    fn the_origins_own_wish_is_obeyed_within_reason() {
        let mut schedule = Schedule::new(Duration::from_millis(500), 1);
        assert_eq!(schedule.after_failure(at(0), Some(Duration::from_secs(120))), at(120_000));
        let capped = schedule.after_failure(at(0), Some(Duration::from_secs(86_400 * 365)));
        assert_eq!(capped.since_start(), MAX_RETRY_AFTER);
    }
}
