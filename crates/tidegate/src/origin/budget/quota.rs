//! How often the origin may be asked: by its operator's limit, and by what its answers say.

use std::time::Duration;

use tidegate_core::Time;

/// The longest time for which an origin's word is taken; one that says more is asked again after this.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// The share of a second's fetches that may go at once after a silence.
const BURST: f64 = 0.1;

/// A steady rate with small bursts.
#[derive(Debug)]
pub(super) struct Rate {
    /// Between two fetches; none where there is no limit.
    gap: Option<Duration>,
    /// How far ahead of the steady rate a burst may run.
    slack: Duration,
    /// When the next one is due at the steady rate.
    due: Time,
}

impl Rate {
    /// So many a second.
    pub(super) fn new(per_second: Option<u32>) -> Rate {
        let gap = per_second.map(|count| Duration::from_secs(1) / count.max(1));
        let at_once = per_second.map_or(1.0, |count| (f64::from(count) * BURST).floor().max(1.0));
        Rate { gap, slack: gap.unwrap_or_default().mul_f64(at_once - 1.0), due: Time::default() }
    }

    /// From when one may go.
    pub(super) fn ready_at(&self) -> Time {
        Time::from_start(self.due.since_start().saturating_sub(self.slack))
    }

    /// One goes.
    pub(super) fn take(&mut self, now: Time) {
        if let Some(gap) = self.gap {
            self.due = self.due.max(now) + gap;
        }
    }
}

/// How many requests an origin says are left, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Requests left.
    pub(super) remaining: u64,
    /// Until there are more.
    pub(super) reset: Duration,
}

/// What is left of what the origin allows, spread over the time until it allows more.
#[derive(Debug, Default)]
pub(super) struct Quota {
    remaining: u64,
    until: Time,
    last: Time,
}

impl Quota {
    /// The origin says what is left; `under_way` requests may not be in its count yet.
    pub(super) fn tell(&mut self, now: Time, told: Told, under_way: usize) {
        self.remaining = told.remaining.saturating_sub(under_way as u64);
        self.until = now + told.reset.min(LONGEST);
    }

    /// From when one may go. What somebody waits for is not spread, as long as there is anything left.
    pub(super) fn ready_at(&self, now: Time, awaited: bool) -> Time {
        match self.remaining {
            _ if now >= self.until => now,
            0 => self.until,
            _ if awaited => now,
            remaining => {
                let gap = self.until.since(self.last) / u32::try_from(remaining).unwrap_or(u32::MAX);
                self.last + gap
            }
        }
    }

    /// Until when nothing is left.
    pub(super) fn empty_until(&self, now: Time) -> Option<Time> {
        (self.remaining == 0 && now < self.until).then_some(self.until)
    }

    /// One goes.
    pub(super) fn take(&mut self, now: Time) {
        self.remaining = self.remaining.saturating_sub(1);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_start(Duration::from_millis(ms))
    }

    /// How many go within these milliseconds when as many as may do.
    fn go(ms: std::ops::Range<u64>, mut ready: impl FnMut(Time) -> bool) -> u64 {
        ms.map(|ms| (0..).take_while(|_| ready(at(ms))).count() as u64).sum()
    }

    #[test]
    fn a_rate_holds_over_each_second_but_for_a_small_burst() {
        for per_second in [1, 3, 10, 100, 900] {
            let mut rate = Rate::new(Some(per_second));
            let mut one = |now| {
                let goes = rate.ready_at() <= now;
                if goes {
                    rate.take(now);
                }
                goes
            };
            let first = go(0..1000, &mut one);
            let limit = u64::from(per_second);
            assert!(first >= limit && first <= limit + limit / 10 + 1, "{first} of {limit}");
            let later = go(5000..15_000, &mut one);
            assert!(
                later >= 10 * limit && later <= 10 * limit + limit / 10 + 1,
                "{later} of {limit} a second"
            );
        }
        assert_eq!(Rate::new(None).ready_at(), at(0));
    }

    #[test]
    fn what_is_left_is_spread_until_there_is_more() {
        let mut quota = Quota::default();
        quota.tell(at(0), Told { remaining: 52, reset: Duration::from_secs(10) }, 2);
        let mut last = at(0);
        let mut count = 0;
        for ms in 0..10_000 {
            if quota.ready_at(at(ms), false) <= at(ms) {
                quota.take(at(ms));
                let gap = at(ms).since(last).as_millis();
                assert!(count == 0 || (195..=206).contains(&gap), "{gap} ms before number {count}");
                last = at(ms);
                count += 1;
            }
        }
        assert!((48..=50).contains(&count), "{count}");
        assert_eq!(quota.ready_at(at(10_000), false), at(10_000));
    }

    #[test]
    fn readers_take_from_the_same_store_and_find_it_empty() {
        let mut quota = Quota::default();
        quota.tell(at(0), Told { remaining: 3, reset: Duration::from_secs(86_400) }, 0);
        for _ in 0..3 {
            assert_eq!(quota.ready_at(at(5), true), at(5));
            quota.take(at(5));
        }
        assert_eq!(quota.ready_at(at(5), true), at(3_600_000), "and no origin is believed for longer");
        assert_eq!(quota.empty_until(at(5)), Some(at(3_600_000)));
        assert_eq!(quota.empty_until(at(3_600_000)), None);
    }
}
