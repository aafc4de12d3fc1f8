//! The feed's state machine: one live resource under one sharing key.
//!
//! It owns the lineage of versions, the poll schedule and the state that subscribers are told. It decides; whoever
//! drives it does: inputs go in through `handle_*` with the time, what should happen comes out of
//! [`Feed::poll_output`], and [`Feed::poll_timeout`] says when to call [`Feed::handle_timeout`].
//!
//! Invariants:
//! - At most one fetch is under way.
//! - No answer that may be older than a write through the gateway is taken for newer than it.
//! - Offsets grow by one with each publication, and only a changed representation is published.
//! - No subscriber and no linger: no polling.
//! - A failure never takes the last good version away; only a loss of authority, or an answer that this key may no
//!   longer share, ends the feed.
//!
//! It must not know sockets, wire formats, shards or who its subscribers are; it only counts them.

mod doubt;
mod invalidation;
mod io;
mod judge;
mod polls;
mod reads;
mod state;
pub(crate) mod update;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;

use self::doubt::Doubt;
pub use self::io::{Cost, Ended, Expect, FetchPlan, Fetching, Output, Policy, Settled, Unproven, Wait};
use self::polls::Wishes;
pub use self::reads::Serving;
pub use self::state::{Cause, Meta, State, Status};
pub use self::update::{Resumed, Update};

use crate::failure::FailureKind;
use crate::position::{Binding, Epoch, Position};
use crate::representation::{Outcome, Validators, retry_after};
use crate::schedule::{Saw, Schedule, Wish};
use crate::sharing::{SharedRequest, Vary};
use crate::time::Time;
use crate::window::{Version, Window};

/// A fetch is not overdue before this, however short the interval.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct InFlight {
    fetch: Fetching,
    started: Time,
    patient: bool,
    /// Somebody waits for a fetch that begins after this one.
    again: bool,
    /// A plain reader waits for it.
    read: bool,
    /// A write came after it began: its answer may be older than that.
    suspect: bool,
}

/// One live resource under one sharing key.
#[derive(Debug)]
pub struct Feed {
    policy: Policy,
    considered: Vary,
    credentialed: bool,
    authorized: bool,
    epoch: Epoch,
    binding: Binding,
    window: Window,
    /// The last body that was confirmed to be the head, for the byte comparison; it may differ from the head's body
    /// in ways that do not matter (white space, member order).
    last_body: Bytes,
    /// That body is equal to the head in value; not so after a change that does not count.
    head_is_last: bool,
    meta: Option<Meta>,
    status: Status,
    doubt: Doubt,
    subscribers: usize,
    wishes: Wishes,
    /// Polling goes on until then though nobody subscribes.
    polled_until: Time,
    /// The feed is kept until then though nobody needs it.
    kept_until: Time,
    in_flight: Option<InFlight>,
    fetches: u64,
    /// A write came, and no fetch that began after it has confirmed the head.
    invalidated: bool,
    /// Somebody waits for the next fetch who wants nothing from other caches either.
    end_to_end: bool,
    /// Answers thrown away in a row because of writes.
    discarded: u32,
    next_poll: Option<Time>,
    /// How long the origin takes to answer, smoothed.
    answer_time: Duration,
    schedule: Schedule,
    /// What subscribers were told of the longest interval.
    promised: Duration,
    outputs: VecDeque<Output>,
    ended: bool,
}

/// Inputs.
impl Feed {
    /// A feed for `request`. `epoch` must never have been used before, `seed` spreads its polls.
    pub fn new(
        now: Time,
        policy: Policy,
        request: &SharedRequest,
        epoch: Epoch,
        binding: Binding,
        seed: u64,
    ) -> Feed {
        let (limits, schedule) = (policy.window, Schedule::new(policy.pace, seed));
        Feed {
            policy,
            considered: request.considered().clone(),
            credentialed: request.is_credentialed(),
            authorized: request.fields().contains_key(header::AUTHORIZATION),
            epoch,
            binding,
            window: Window::new(limits),
            last_body: Bytes::new(),
            head_is_last: true,
            meta: None,
            status: Status::initial(now),
            doubt: Doubt::none(now),
            subscribers: 0,
            wishes: Wishes::default(),
            polled_until: now,
            kept_until: now,
            in_flight: None,
            fetches: 0,
            invalidated: false,
            end_to_end: false,
            discarded: 0,
            next_poll: None,
            answer_time: Duration::ZERO,
            promised: schedule.longest_interval(),
            schedule,
            outputs: VecDeque::new(),
            ended: false,
        }
    }

    /// Somebody wants the stream. Counted from now on, so the caller owes a [`Feed::handle_unsubscribe`] with the same
    /// wish whatever comes of it.
    pub fn handle_subscribe(&mut self, now: Time, wish: Wish) -> Wait {
        let is_current = self.is_current(now, wish);
        self.subscribers += 1;
        self.wishes.add(wish);
        self.heed_wishes();
        match &mut self.in_flight {
            _ if is_current => Wait::Ready,
            Some(current) if current.patient && !current.suspect => Wait::Until(current.fetch),
            Some(current) => {
                current.again = true;
                Wait::Until(current.fetch.after())
            }
            None => Wait::Until(self.begin_fetch(now)),
        }
    }

    /// A subscriber left.
    pub fn handle_unsubscribe(&mut self, now: Time, wish: Wish) {
        debug_assert!(self.subscribers > 0, "every unsubscribe follows a subscribe");
        self.subscribers = self.subscribers.saturating_sub(1);
        self.wishes.remove(wish);
        self.heed_wishes();
        if self.subscribers == 0 {
            // Without a version there is nothing worth lingering for, and nobody comes back to a key that is not shared.
            let comes_back = !self.window.is_empty() && !self.considered.is_any();
            let linger = if comes_back { self.policy.linger } else { Duration::ZERO };
            self.polled_until = now + linger;
            self.kept_until = self.kept_until.max(self.polled_until);
            self.retire_if_idle(now);
        }
    }

    /// The fetch that [`Output::Fetch`] asked for came to its end.
    pub fn handle_fetched(&mut self, now: Time, fetch: Fetching, cost: Cost, outcome: Outcome) {
        let Some(current) = self.in_flight.take_if(|current| current.fetch == fetch) else {
            debug_assert!(false, "only the fetch under way can end");
            return;
        };
        // When the origin said when to come back, it is not asked again before that for what may be newer.
        let told_to_wait = match &outcome {
            Outcome::Failed(failure) => failure.retry_after.is_some(),
            Outcome::Answered(answer) => answer.passes() && retry_after(&answer.fields).is_some(),
            _ => false,
        };
        if !told_to_wait && self.discards(&current) {
            self.repeat(now, &current);
            return;
        }
        let answered = !matches!(outcome, Outcome::Failed(_));
        let before = self.head().map(|head| head.position.offset);
        let sent = current.started + cost.waited;
        let settled = self.judge(now, sent, outcome);
        if answered {
            self.answer_time = (self.answer_time * 3 + now.since(sent)) / 4;
        }
        let saw = match before {
            None => Saw::First,
            Some(before) if self.head().is_some_and(|head| head.position.offset == before) => Saw::Same,
            Some(_) => Saw::Changed,
        };
        let again = current.again || (current.suspect && !told_to_wait && self.is_polling(now));
        let succeeded = matches!(settled, Settled::Confirmed);
        self.invalidated &= !succeeded || current.suspect;
        let retry_after = match &settled {
            Settled::Failed(failure) => failure.retry_after,
            Settled::Answered(answer) => retry_after(&answer.fields),
            _ => None,
        };
        if self.ended {
            // An ended feed makes no further fetch: those who wait for one share this one's end.
            let number = if current.again || current.suspect { fetch.after() } else { fetch };
            self.outputs.push_back(Output::Settled(number, settled));
            self.outputs.push_back(Output::Retire);
            return;
        }
        if self.is_to_be_asked_again_soon() {
            self.schedule.forget_failures();
        }
        let next = if succeeded {
            self.next_after(now, &current, cost, saw)
        } else if is_document(&settled) {
            self.schedule.after_doubt(now)
        } else {
            self.schedule.after_failure(now, retry_after)
        };
        self.next_poll = Some(next);
        self.tell_in_time(now, if again { now } else { next });
        if self.status.cause.is_some() {
            self.status.retry_at = self.next_poll;
        }
        self.outputs.push_back(Output::Settled(fetch, settled));
        if again {
            self.begin_awaited(now, current.again);
        }
        self.retire_if_idle(now);
    }

    /// The time of [`Feed::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.ended {
            return;
        }
        let due = self.next_poll.is_some_and(|next| next <= now);
        if due && self.in_flight.is_none() {
            if self.is_polling(now) {
                self.begin_fetch(now);
            } else {
                // The linger ended before the poll's time came; whoever comes next begins a fetch.
                self.next_poll = None;
            }
        }
        self.notice_overdue(now);
        self.retire_if_idle(now);
    }
}

/// What should happen, and when to look again.
impl Feed {
    /// The next thing to do; call until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Feed::handle_timeout`] is to be called next, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        if let Some(current) = &self.in_flight {
            return self.overdue_at(current);
        }
        let end = self.polled_until.max(self.kept_until);
        match self.next_poll {
            Some(next) if self.subscribers > 0 => Some(next),
            Some(next) if next < self.polled_until => Some(next),
            _ if self.subscribers == 0 => Some(end),
            _ => None,
        }
    }
}

/// Getters.
impl Feed {
    /// The newest version.
    pub fn head(&self) -> Option<&Arc<Version>> {
        self.window.head()
    }

    /// What is known about the head besides its content.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// The state that subscribers are told.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Subscribers counted.
    pub fn subscribers(&self) -> usize {
        self.subscribers
    }

    /// How it behaves.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The versions kept.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The lineage.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The validators that the origin gave for the version at a position, if it is kept.
    pub fn validators_at(&self, position: Position) -> Option<Validators> {
        let kept = self.window.position_of(position.offset).filter(|kept| *kept == position)?;
        match (&self.meta, self.head()) {
            // The origin may have given the head other validators since, for a body that is equal in value.
            (Some(meta), Some(head)) if head.position == kept && self.head_is_last => {
                Some(meta.validators.clone())
            }
            _ => self.window.validators_of(kept.offset).cloned(),
        }
    }

    /// Whether a fetch is under way.
    pub fn is_fetching(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether the origin is being asked regularly.
    pub fn is_polling(&self, now: Time) -> bool {
        self.subscribers > 0 || now < self.polled_until
    }
}

impl Feed {
    /// Whether whoever comes now with this wish can be told a state at once. After a write that would be that it is `live`,
    /// which only the next fetch can tell.
    fn is_current(&self, now: Time, wish: Wish) -> bool {
        let unsure = self.invalidated && self.status.state == State::Live;
        self.is_polling(now) && self.has_something_to_say() && !unsure && self.is_fresh_for(now, wish)
    }

    /// Whether a new subscriber can be told a state.
    fn has_something_to_say(&self) -> bool {
        !self.ended && !self.window.is_empty() && self.status.state != State::Gone
    }

    fn begin_fetch(&mut self, now: Time) -> Fetching {
        self.begin(now, self.subscribers > 0)
    }

    /// `awaited`: plain readers wait for it, or may.
    fn begin_awaited(&mut self, now: Time, awaited: bool) -> Fetching {
        let fetch = self.begin_fetch(now);
        if let Some(current) = &mut self.in_flight {
            current.read = awaited;
        }
        fetch
    }

    fn begin(&mut self, now: Time, patient: bool) -> Fetching {
        self.fetches += 1;
        let fetch = Fetching(self.fetches);
        let condition = match (&self.meta, self.status.state) {
            // A resource that was gone is asked for in full, so that its return is seen as one. So is what plain
            // readers may not be given from memory, while they are the only ones: a 304 would be of no use to them.
            (Some(meta), State::Live | State::Stale) if self.subscribers > 0 || meta.control.storable => {
                meta.validators.condition(&meta.fields)
            }
            _ => Validators::default(),
        };
        self.in_flight =
            Some(InFlight { fetch, started: now, patient, again: false, read: false, suspect: false });
        self.next_poll = None;
        self.doubt.asked(now);
        let end_to_end = std::mem::take(&mut self.end_to_end) || self.invalidated;
        self.outputs.push_back(Output::Fetch(FetchPlan { fetch, condition, end_to_end, patient }));
        fetch
    }

    fn retire_if_idle(&mut self, now: Time) {
        let needed = self.subscribers > 0 || self.in_flight.is_some();
        let over = self.window.is_empty() || now >= self.polled_until.max(self.kept_until);
        if !needed && !self.ended && over {
            self.ended = true;
            self.outputs.push_back(Output::Retire);
        }
    }
}

/// Whether the origin answered with a document, though one of another sort than is streamed: no reason to ask more rarely.
fn is_document(settled: &Settled) -> bool {
    matches!(settled, Settled::Failed(failure) if failure.kind == FailureKind::TypeChanged)
}

#[cfg(test)]
mod tests;
