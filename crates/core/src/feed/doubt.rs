//! Between a failed try and what subscribers are told of it: a flapping origin does not make its clients flap.
//!
//! `live` promises that the head was confirmed by a poll that began in time, or that the origin is being given the
//! patience that any late answer gets. A failed try breaks that promise only when no further one can succeed within
//! that patience; so it is held back until then, and a quick second try that succeeds makes it no news at all.
//! Whoever fell time and again has to be good for longer before it is called live again.
//!
//! Invariants:
//! - What is held back is told when the patience ends, or at once if the next try could not come before that.
//! - Nothing is held back where nobody polls: nothing would ever tell it.
//! - It takes one confirmation to be live again after one fall, and never more than [`MOST_CONFIRMATIONS`].

use std::time::Duration;

use http::StatusCode;

use super::state::State;
use super::{Feed, InFlight, MIN_PATIENCE};
use crate::failure::{Failure, FailureKind, Phase};
use crate::time::Time;

/// How long a failure is held back at the most, however rarely the origin is polled.
const LONGEST_HELD: Duration = Duration::from_secs(5);

/// How long a fall is remembered at the least, and for how many intervals.
const MEMORY: (Duration, u32) = (Duration::from_secs(60), 20);

/// The most confirmations in a row that are asked of an origin that falls again and again.
const MOST_CONFIRMATIONS: u32 = 4;

/// How many answers in a row, and for how many intervals or how long, make a document of another sort a change and not
/// an accident.
const BELIEVED: (u32, u32, Duration) = (3, 20, Duration::from_secs(10));

/// What speaks against the head, and what is remembered of earlier falls.
#[derive(Debug)]
pub(super) struct Doubt {
    /// When the first try began after which nothing confirmed the head.
    since: Option<Time>,
    /// The last failure, held back.
    untold: Option<Failure>,
    /// When the head was confirmed last: when the answer came, not when it was asked for.
    confirmed: Time,
    /// 404s in a row.
    missing: u32,
    /// Answers in another form in a row, and when the first came.
    otherwise: Option<(Time, u32)>,
    /// Falls, each within memory of the one before, and the last of them.
    falls: u32,
    fell: Time,
    /// Confirmations in a row since then.
    good: u32,
}

impl Doubt {
    pub(super) fn none(now: Time) -> Doubt {
        Doubt {
            since: None,
            untold: None,
            confirmed: now,
            missing: 0,
            otherwise: None,
            falls: 0,
            fell: now,
            good: 0,
        }
    }

    /// A try begins.
    pub(super) fn asked(&mut self, now: Time) {
        self.since.get_or_insert(now);
    }

    fn fall(&mut self, now: Time, memory: Duration) {
        let again = self.falls > 0 && now.since(self.fell) < memory;
        self.falls = if again { self.falls.saturating_add(1) } else { 1 };
        self.fell = now;
        self.good = 0;
    }

    /// How many confirmations in a row it takes to be live again.
    fn required(&self) -> u32 {
        self.falls.clamp(1, MOST_CONFIRMATIONS)
    }
}

impl Feed {
    /// The head is confirmed: it is live, at once or after as many confirmations as it takes.
    pub(super) fn now_confirmed(&mut self, now: Time) {
        let doubt = &mut self.doubt;
        (doubt.since, doubt.untold, doubt.missing, doubt.otherwise) = (None, None, 0, None);
        doubt.confirmed = now;
        if self.status.state == State::Live {
            return;
        }
        doubt.good = doubt.good.saturating_add(1);
        if self.status.state == State::Gone || doubt.good >= doubt.required() {
            self.set_state(now, State::Live, None);
        } else if let Some(meta) = &self.meta {
            // Not told, but true for whoever comes now.
            self.status.since = meta.confirmed;
        }
    }

    /// A try failed. It is held back for now if the feed is live; [`Feed::tell_in_time`] decides.
    pub(super) fn failed(&mut self, now: Time, failure: Failure) {
        if self.meta.is_none() {
            return;
        }
        if !matches!(failure.kind, FailureKind::Status(StatusCode::NOT_FOUND)) {
            self.doubt.missing = 0;
        }
        if failure.kind != FailureKind::TypeChanged {
            self.doubt.otherwise = None;
        }
        if self.status.state == State::Live {
            self.doubt.untold = Some(failure);
            return;
        }
        // While it alternates, only what differs is news. In a row, each failure is, because the time of the next try
        // is; those come ever more rarely.
        let alternates = std::mem::take(&mut self.doubt.good) > 0;
        let is_known = self.status.cause.as_ref().is_some_and(|cause| cause.kind == failure.kind);
        if !(alternates && is_known) {
            self.tell(now, failure);
        }
    }

    /// Tells what is held back, unless `next_try` can still keep the promise.
    pub(super) fn tell_in_time(&mut self, now: Time, next_try: Time) {
        let Some(asked) = self.doubt.since.filter(|_| self.doubt.untold.is_some()) else { return };
        // Where nobody had polled for a while, the promise was broken before this try began.
        let due = asked.min(self.doubt.confirmed + self.fresh_within());
        let answered = next_try + self.answer_time;
        // Of a head that a write made invalid nobody may think that it holds.
        if self.is_polling(now) && !self.invalidated && answered <= due + self.patience_with_failure() {
            return;
        }
        if let Some(failure) = self.doubt.untold.take() {
            self.tell(now, failure);
        }
    }

    /// The origin says that there is no such resource. Whether it is to be believed: 410 says that it is for good, while a
    /// 404 often says no more than that something is being deployed. After a write it is what was to be expected.
    pub(super) fn is_believed_gone(&mut self, is_for_good: bool) -> bool {
        self.doubt.missing = self.doubt.missing.saturating_add(1);
        let watched = self.subscribers > 0;
        is_for_good || !watched || self.invalidated || self.doubt.missing > self.doubt.required()
    }

    /// Whether a first 404 waits to be confirmed, for which no earlier failure is a reason to wait longer.
    pub(super) fn is_to_be_asked_again_soon(&self) -> bool {
        self.doubt.missing == 1 && self.status.state != State::Gone
    }

    /// It is gone; those who watch are told at once.
    pub(super) fn now_gone(&mut self, now: Time, failure: Failure) {
        let memory = self.memory();
        self.doubt.fall(now, memory);
        self.doubt.untold = None;
        self.set_state(now, State::Gone, Some(failure));
    }

    /// A document of another sort came than the one that is being streamed. Whether it is to be believed: to believe it
    /// ends every stream, and an error page that comes as a success is such a document.
    pub(super) fn is_believed_otherwise(&mut self, now: Time) -> bool {
        let (first, before) = self.doubt.otherwise.unwrap_or((now, 0));
        let times = before.saturating_add(1);
        self.doubt.otherwise = Some((first, times));
        let (least, intervals, longest) = BELIEVED;
        let lasts = now.since(first) >= (self.schedule.target() * intervals).min(longest);
        self.subscribers == 0 || (times >= least && lasts)
    }

    /// When the fetch under way is overdue: subscribers would be told that the head is live although nothing confirms
    /// it any more. An origin that is always slow is given the time that it takes.
    pub(super) fn overdue_at(&self, current: &InFlight) -> Option<Time> {
        let live = self.status.state == State::Live && self.meta.is_some();
        let asked = self.doubt.since.unwrap_or(current.started);
        let patience = match self.doubt.untold {
            Some(_) => self.patience_with_failure(),
            None => self.patience(),
        };
        live.then(|| asked + patience)
    }

    pub(super) fn notice_overdue(&mut self, now: Time) {
        let Some(current) = &self.in_flight else { return };
        if self.overdue_at(current).is_some_and(|overdue| overdue <= now) {
            let waited = now.since(current.started).as_millis();
            let late = || {
                let detail = format!("the origin has not answered for {waited} ms");
                Failure::new(FailureKind::TimedOut(Phase::Head), detail)
            };
            let failure = self.doubt.untold.take().unwrap_or_else(late);
            self.tell(now, failure);
            // It is being asked right now.
            self.status.retry_at = None;
        }
    }

    /// Whether the last answer confirmed the head, though it may not be called live yet.
    pub fn is_confirmed(&self) -> bool {
        match self.status.state {
            State::Live => true,
            State::Stale => self.doubt.good > 0,
            State::Gone => false,
        }
    }

    /// How long after the beginning of a poll something has to confirm the head.
    pub(super) fn patience(&self) -> Duration {
        self.patience_of(self.schedule.target())
    }

    /// The same for one that failed, which is known and need not be waited for until the next poll would be due.
    fn patience_with_failure(&self) -> Duration {
        self.patience_of(self.schedule.target().min(LONGEST_HELD))
    }

    fn patience_of(&self, interval: Duration) -> Duration {
        // What has to wait for its turn at the gateway is not late at the origin.
        interval.max(MIN_PATIENCE).max(self.answer_time * 4) + self.schedule.waits() * 2
    }

    fn memory(&self) -> Duration {
        MEMORY.0.max(self.schedule.target() * MEMORY.1)
    }

    /// Marks the head stale since its last confirmation. What is gone stays gone until the origin shows it again.
    fn tell(&mut self, now: Time, failure: Failure) {
        let Some(meta) = &self.meta else { return };
        let (state, since) = match self.status.state {
            State::Gone => (State::Gone, self.status.since),
            State::Live | State::Stale => (State::Stale, meta.confirmed),
        };
        if self.status.state == State::Live {
            let memory = self.memory();
            self.doubt.fall(now, memory);
        }
        self.set_state(now, state, Some(failure));
        self.status.since = since;
    }
}
