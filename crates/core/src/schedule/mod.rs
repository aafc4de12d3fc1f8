//! When to ask the origin next.
//!
//! An interval follows what was seen: it is the geometric mean of the route's target and the mean time between two
//! changes, longer where answers are dear, and stays between the target and the ceiling. For changes at random that is
//! the least number of requests for a given mean delay from a change to its detection, over all feeds of an origin. Where
//! changes keep time, the next poll is put just after the next change.
//!
//! Invariants: the interval counts from the start of a cycle, so a slow origin is not asked less often than a fast one
//! until it is slower than the interval; two feeds that begin together, or slow down together, drift apart; what the
//! origin calls fresh is not asked for earlier, where the route obeys; a failing origin is asked ever more rarely, up to
//! a cap, and never before the time that it named.

mod pace;
mod rate;
mod rhythm;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::pace::{Pace, Wish};
use self::rate::Rate;
use self::rhythm::{Rhythm, Window};
use crate::time::{Jitter, Time};

/// How many of a feed's first intervals are shortened: feeds that begin together, because all their clients came back at
/// once, are spread over the interval after these.
const SETTLING: u32 = 2;

/// To which share of it at most an interval is shortened, to spread feeds that have the same history.
const SHORTENED: f64 = 0.5;

/// An interval that is longer than the one before by more than this factor is shortened too: polls that were spread over
/// seconds would fall on minutes in a heap.
const SLOWING: f64 = 1.25;

/// The most that an interval is stretched or shortened by jitter, as a share of it.
const SPREAD: f64 = 0.05;

/// Over which share of the target those polls are spread that expect a change: all that tick by the same clock would come
/// at once.
const TICKING: f64 = 0.5;

/// Waits for a turn that count as none, in milliseconds.
const NO_WAIT: u64 = 16;

/// The longest wait before the first retry.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// The longest wait between two tries at a failing origin that names no time of its own, where the interval is not longer.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The longest that the origin's own wish is obeyed, be it `Retry-After` or a lifetime; after this it is asked anyway.
const MAX_OBEYED: Duration = Duration::from_secs(3600);

/// An answer of so many bytes, or one that takes so long, is a usual one. One that is both costs 1.
const USUAL_BYTES: f64 = 16_384.0;
const USUAL_TIME: f64 = 0.1;

/// The least and the most that an answer is taken to cost.
const COST: (f64, f64) = (0.5, 4.0);

/// The part of an older mean that is kept with each answer.
const SMOOTHING: f64 = 0.8;

/// What a cycle showed that ended with an answer.
#[derive(Debug, Clone, Copy)]
pub struct Cycle {
    /// When it began.
    pub started: Time,
    /// How long the request then waited for its turn before it was sent.
    pub waited: Duration,
    /// When its answer was there.
    pub ended: Time,
    /// What the answer says of the resource.
    pub saw: Saw,
    /// Bytes of its body as they came over the wire; none for one that says that nothing changed.
    pub bytes: u64,
    /// How long ago the resource changed last, if the origin says so.
    pub modified: Option<Duration>,
    /// For how long the origin calls the answer fresh, from when it was made, if it does.
    pub lifetime: Option<Duration>,
    /// How old the answer was when it came.
    pub age: Duration,
}

/// What an answer says of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saw {
    /// What it is: there was nothing to compare it with.
    First,
    /// Nothing new.
    Same,
    /// Something new.
    Changed,
}

/// The poll schedule of one feed.
#[derive(Debug)]
pub struct Schedule {
    route: Pace,
    /// The route's, as far as those who watch need it.
    pace: Pace,
    rate: Rate,
    rhythm: Rhythm,
    /// What an answer costs, smoothed.
    cost: f64,
    /// How long a request waits for its turn, in seconds, smoothed but for peaks.
    waits: f64,
    /// For how long the origin calls the last answer fresh, as far as that is obeyed.
    lifetime: Duration,
    /// When the last request was sent that brought an answer.
    confirmed: Option<Time>,
    /// When the last cycle began that brought one, and the earliest and the usual time after it for the next.
    last: Option<(Time, Time)>,
    interval: Duration,
    failures: u32,
    /// Cycles that are still to spread this feed's polls among those of others.
    settling: u32,
    jitter: Jitter,
}

impl Schedule {
    /// A schedule at this pace; `seed` spreads it.
    pub fn new(pace: Pace, seed: u64) -> Schedule {
        let pace = Pace { ceiling: pace.ceiling.max(pace.target), ..pace };
        let target = pace.target.as_secs_f64();
        Schedule {
            route: pace,
            pace,
            rate: Rate::guessed(target),
            rhythm: Rhythm::new(target),
            cost: 1.0,
            waits: 0.0,
            lifetime: Duration::ZERO,
            confirmed: None,
            last: None,
            interval: pace.target,
            failures: 0,
            settling: SETTLING,
            jitter: Jitter::new(seed),
        }
    }

    /// From now on the feed is polled for subscribers of whom this is the most demanding wish. The result is `planned`, or
    /// an earlier time where that has become too late.
    pub fn set_wish(&mut self, wish: Wish, planned: Option<Time>) -> Option<Time> {
        self.pace = self.route.for_wish(wish);
        let planned = planned?;
        let Some((started, fresh_until)) = self.last.filter(|_| self.failures == 0) else {
            // After a failure the origin's wish comes first.
            return Some(planned);
        };
        let interval = self.interval_now().min(self.pace.ceiling);
        Some(planned.min((started + self.spread(interval)).max(fresh_until)))
    }

    /// The most time between the starts of two cycles while the origin answers: the ceiling, or for how long the last
    /// answer is left alone, and how long a request has to wait for its turn.
    pub fn longest_interval(&self) -> Duration {
        self.longest_for(self.pace)
    }

    /// The same for a subscriber with this wish.
    pub fn longest_for_wish(&self, wish: Wish) -> Duration {
        self.longest_for(self.route.for_wish(wish))
    }

    fn longest_for(&self, pace: Pace) -> Duration {
        pace.ceiling.max(self.lifetime).mul_f64(1.0 + SPREAD) + self.waits()
    }

    /// The interval at which the feed is polled now, were there no jitter.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long a request waits for its turn before it is sent, at most, from what was seen lately.
    pub fn waits(&self) -> Duration {
        // In steps, so that it is not another with each answer; and nothing where it is no more than a busy machine adds by
        // itself.
        let millis = (self.waits * 1000.0).ceil() as u64;
        Duration::from_millis(if millis <= NO_WAIT { 0 } else { millis.next_power_of_two() })
    }

    /// How fresh the data is to be: the shortest interval.
    pub fn target(&self) -> Duration {
        self.pace.target
    }

    /// The cycle brought an answer: when the next one begins.
    pub fn after_success(&mut self, cycle: &Cycle) -> Time {
        let sent = cycle.started + cycle.waited;
        self.learn(cycle, sent);
        self.failures = 0;
        self.confirmed = Some(sent);
        let waited = cycle.waited.as_secs_f64();
        self.waits = waited.max(self.waits * SMOOTHING);
        if self.waits < 0.001 {
            self.waits = 0.0;
        }
        let lifetime = cycle.lifetime.filter(|_| self.route.obeys_lifetime).unwrap_or_default();
        self.lifetime = lifetime.min(MAX_OBEYED);
        let fresh = lifetime.saturating_sub(cycle.age).min(MAX_OBEYED);
        let fresh_until = match fresh {
            Duration::ZERO => cycle.started,
            // What came over a cache goes stale for everyone at once.
            fresh => sent + self.jitter.scale(fresh, 1.0, 1.0 + SPREAD),
        };
        self.last = Some((cycle.started, fresh_until));
        let interval = self.interval_now();
        let next = self.plan(cycle, interval);
        self.interval = interval;
        next.max(fresh_until).max(cycle.ended)
    }

    /// What failed before says nothing about the next try.
    pub fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// The cycle brought an answer that is not believed yet: when the next one begins. It says nothing about how often
    /// the data changes, and nothing is spared by leaving it alone.
    pub fn after_doubt(&mut self, now: Time) -> Time {
        self.failures = 0;
        now + self.jitter.scale(self.pace.target.min(FIRST_RETRY), 1.0, 1.0 + SPREAD)
    }

    /// The cycle failed: when the next one begins. `retry_after` is what the origin asked for, if it did.
    pub fn after_failure(&mut self, now: Time, retry_after: Option<Duration>) -> Time {
        let doubled = match self.failures {
            // Quick, so that a single failure need not be told.
            0 => (self.pace.target / 2).min(FIRST_RETRY),
            failures => self.pace.target.saturating_mul(1 << (failures - 1).min(16)),
        };
        self.failures = self.failures.saturating_add(1);
        // One that is asked rarely while it is well is not asked more often while it is not.
        let cap = MAX_BACKOFF.max(self.interval.max(self.pace.target));
        let backoff = self.jitter.scale(doubled.min(cap), SHORTENED, 1.0);
        now + backoff.max(retry_after.unwrap_or_default().min(MAX_OBEYED))
    }

    /// Takes in what a cycle showed.
    fn learn(&mut self, cycle: &Cycle, sent: Time) {
        let took = cycle.ended.since(sent).as_secs_f64();
        let cost = (cycle.bytes as f64 / USUAL_BYTES + took / USUAL_TIME) / 2.0;
        self.cost = self.cost * SMOOTHING + cost.clamp(COST.0, COST.1) * (1.0 - SMOOTHING);
        let modified = cycle.modified.map(|modified| modified.as_secs_f64());
        let (now, ended) = (sent.since_start().as_secs_f64(), cycle.ended.since_start().as_secs_f64());
        let Some(before) = self.confirmed.filter(|_| cycle.saw != Saw::First) else {
            if let Some(modified) = modified {
                self.rate = Rate::guessed(modified.max(self.route.target.as_secs_f64()));
            }
            return;
        };
        let seconds = sent.since(before).as_secs_f64();
        match cycle.saw {
            Saw::Changed => {
                // `Last-Modified` and `Date` are whole seconds.
                let mut when = Window { after: before.since_start().as_secs_f64(), until: ended };
                if let Some(modified) = modified.filter(|modified| *modified <= ended - when.after) {
                    when.after = when.after.max(now - modified - 1.0);
                    when.until = when.until.min(ended - modified + 1.0);
                }
                match self.rhythm.due(ended) {
                    Some(_) => self.rate.count(seconds, 1.0),
                    None => self.rate.saw(seconds, true),
                }
                self.rhythm.changed(when);
            }
            Saw::Same | Saw::First => {
                self.rate.saw(seconds, false);
                self.rhythm.unchanged(now);
            }
        }
    }

    /// The interval for what was seen, within the bounds.
    fn interval_now(&self) -> Duration {
        let Pace { target, ceiling, .. } = self.pace;
        let ideal = (target.as_secs_f64() * self.rate.mean_gap() * self.cost).sqrt();
        if ideal >= ceiling.as_secs_f64() { ceiling } else { Duration::from_secs_f64(ideal).max(target) }
    }

    /// When the next cycle begins for what was seen, the origin's own wish aside.
    fn plan(&mut self, cycle: &Cycle, interval: Duration) -> Time {
        let Pace { target, ceiling, .. } = self.pace;
        let slows = interval > self.interval.mul_f64(SLOWING);
        let usual = if self.settling > 0 || slows {
            self.settling = self.settling.saturating_sub(1);
            // Spread, but not over what the route wants at least.
            let shortened = self.jitter.scale(interval, SHORTENED, 1.0);
            cycle.started + if slows { shortened.max(target) } else { shortened }
        } else {
            cycle.started + self.spread(interval)
        };
        if ceiling == target {
            return usual;
        }
        let Some(due) = self.rhythm.due(cycle.ended.since_start().as_secs_f64()) else { return usual };
        let at = Time::from_start(Duration::from_secs_f64(due.at)) + self.jitter.scale(target, 0.0, TICKING);
        let at = at.max(cycle.started + target).min(cycle.started + ceiling);
        if due.probes { at.min(usual) } else { at }
    }

    fn spread(&mut self, interval: Duration) -> Duration {
        self.jitter.scale(interval, 1.0 - SPREAD, 1.0 + SPREAD)
    }
}
