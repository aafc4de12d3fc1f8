//! The feed's state machine: one live resource under one sharing key.
//!
//! It owns the lineage of versions, the poll schedule and the state that subscribers are told. It decides; whoever
//! drives it does: inputs go in through `handle_*` with the time, what should happen comes out of
//! [`Feed::poll_output`], and [`Feed::poll_timeout`] says when to call [`Feed::handle_timeout`].
//!
//! Invariants:
//! - At most one fetch is under way.
//! - Offsets grow by one with each publication, and only a changed representation is published.
//! - No subscriber and no linger: no polling.
//! - A failure never takes the last good version away; only a loss of authority, or an answer that this key may no
//!   longer share, ends the feed.
//!
//! It must not know sockets, wire formats, shards or who its subscribers are; it only counts them.

mod state;
mod update;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

pub use self::state::{Cause, Meta, State, Status};
pub use self::update::{Resumed, Update};

use crate::document::{Change, Document, Form, change};
use crate::position::{Binding, Epoch, Offset, Position};
use crate::representation::{Answer, Failure, FailureKind, Outcome, Representation, Unfit, Validators};
use crate::schedule::Schedule;
use crate::sharing::{SharedRequest, Vary};
use crate::time::Time;
use crate::window::{Version, Window, WindowLimits};

/// How a feed behaves; from its route.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The time between the starts of two polls while somebody watches.
    pub interval: Duration,
    /// How long a feed is kept, and polled if it was, after the last one left.
    pub linger: Duration,
    /// What the window may hold.
    pub window: WindowLimits,
    /// How deep a document may nest.
    pub max_depth: usize,
}

/// The number of a fetch; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fetching(u64);

/// A fetch to be made, and reported with [`Feed::handle_fetched`].
#[derive(Debug, Clone)]
pub struct FetchPlan {
    /// Which fetch this is.
    pub fetch: Fetching,
    /// The validators to make it conditional with; empty for an unconditional one.
    pub condition: Validators,
    /// Whether somebody is watching, for whom a slow body is worth waiting for. Plain readers alone are better
    /// served by passing a slow body through.
    pub patient: bool,
}

/// What should happen.
#[derive(Debug)]
pub enum Output {
    /// Ask the origin.
    Fetch(FetchPlan),
    /// There is a new head.
    Publish(Arc<Version>),
    /// [`Feed::status`] changed and subscribers are to be told.
    Status,
    /// A fetch came to its end: whoever waited for it, or for an earlier one, is answered.
    Settled(Fetching, Settled),
    /// All streams of this feed end; the feed accepts nothing more and retires.
    End(Ended),
    /// Nobody needs the feed any more: it can be dropped.
    Retire,
}

/// How a fetch ended, for those who waited for it.
#[derive(Debug, Clone)]
pub enum Settled {
    /// The head is confirmed.
    Confirmed,
    /// It failed; the head, if there is one, is the last good state.
    Failed(Failure),
    /// The origin answered with something that is no representation.
    Answered(Answer),
    /// The origin's answer is to be passed through.
    Unfit(Unfit),
    /// The answer depends on fields that the key does not hold: ask again with a key that does.
    Split(Vary),
}

/// Why a feed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The origin says that these credentials may not read it any more (401, 403).
    Refused(Failure),
    /// The origin's `Vary` changed: its subscribers no longer share one representation.
    Split,
}

/// Whether something can be had now, or after a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The head will do.
    Ready,
    /// When this fetch, or a later one, has settled.
    Until(Fetching),
}

#[derive(Debug)]
struct InFlight {
    fetch: Fetching,
    started: Time,
    patient: bool,
    /// Somebody waits for a fetch that begins after this one.
    again: bool,
}

/// One live resource under one sharing key.
#[derive(Debug)]
pub struct Feed {
    policy: Policy,
    considered: Vary,
    credentialed: bool,
    epoch: Epoch,
    binding: Binding,
    window: Window,
    /// The head's content, parsed. Older versions are kept as text, which is several times smaller.
    document: Option<Document>,
    /// The last body that was confirmed to be the head, for the byte comparison; it may differ from the head's body
    /// in ways that do not matter (white space, member order).
    last_body: Bytes,
    meta: Option<Meta>,
    status: Status,
    subscribers: usize,
    /// Polling goes on until then though nobody subscribes.
    polled_until: Time,
    /// The feed is kept until then though nobody needs it.
    kept_until: Time,
    in_flight: Option<InFlight>,
    fetches: u64,
    next_poll: Option<Time>,
    schedule: Schedule,
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
        Feed {
            policy,
            considered: request.considered().clone(),
            credentialed: request.is_credentialed(),
            epoch,
            binding,
            window: Window::new(policy.window),
            document: None,
            last_body: Bytes::new(),
            meta: None,
            status: Status::initial(now),
            subscribers: 0,
            polled_until: now,
            kept_until: now,
            in_flight: None,
            fetches: 0,
            next_poll: None,
            schedule: Schedule::new(policy.interval, seed),
            outputs: VecDeque::new(),
            ended: false,
        }
    }

    /// Somebody wants the stream. Counted from now on, so the caller owes a [`Feed::handle_unsubscribe`] whatever
    /// comes of it.
    pub fn handle_subscribe(&mut self, now: Time) -> Wait {
        let is_current = self.is_polling(now) && self.has_something_to_say();
        self.subscribers += 1;
        match &mut self.in_flight {
            _ if is_current => Wait::Ready,
            Some(current) if current.patient => Wait::Until(current.fetch),
            Some(current) => {
                current.again = true;
                Wait::Until(current.fetch.after())
            }
            None => Wait::Until(self.begin_fetch(now)),
        }
    }

    /// A subscriber left.
    pub fn handle_unsubscribe(&mut self, now: Time) {
        debug_assert!(self.subscribers > 0, "every unsubscribe follows a subscribe");
        self.subscribers = self.subscribers.saturating_sub(1);
        if self.subscribers == 0 {
            // Without a version there is nothing worth lingering for.
            let linger = if self.window.is_empty() { Duration::ZERO } else { self.policy.linger };
            self.polled_until = now + linger;
            self.kept_until = self.kept_until.max(self.polled_until);
            self.retire_if_idle(now);
        }
    }

    /// Somebody wants the current representation once. `insists`: only one that the origin confirms from now on.
    pub fn handle_read(&mut self, now: Time, insists: bool) -> Wait {
        self.kept_until = self.kept_until.max(now + self.policy.linger);
        let is_current = self.is_polling(now) && self.has_something_to_say();
        match &mut self.in_flight {
            _ if is_current && !insists => Wait::Ready,
            Some(current) if insists => {
                current.again = true;
                Wait::Until(current.fetch.after())
            }
            Some(current) => Wait::Until(current.fetch),
            None => Wait::Until(self.begin_fetch(now)),
        }
    }

    /// The fetch that [`Output::Fetch`] asked for came to its end.
    pub fn handle_fetched(&mut self, now: Time, fetch: Fetching, outcome: Outcome) {
        let Some(current) = self.in_flight.take_if(|current| current.fetch == fetch) else {
            debug_assert!(false, "only the fetch under way can end");
            return;
        };
        let settled = self.judge(now, &current, outcome);
        let succeeded = matches!(settled, Settled::Confirmed);
        let retry_after = match &settled {
            Settled::Failed(failure) => failure.retry_after,
            Settled::Answered(answer) => retry_after(&answer.fields),
            _ => None,
        };
        // An ended feed makes no further fetch: those who wait for one share this one's end.
        let number = if self.ended && current.again { fetch.after() } else { fetch };
        self.outputs.push_back(Output::Settled(number, settled));
        if self.ended {
            self.outputs.push_back(Output::Retire);
            return;
        }
        self.next_poll = Some(match succeeded {
            true => self.schedule.after_success(current.started, now),
            false => self.schedule.after_failure(now, retry_after),
        });
        if self.status.retry_at.is_some() {
            self.status.retry_at = self.next_poll;
        }
        if current.again {
            self.begin_fetch(now);
        }
        self.retire_if_idle(now);
    }

    /// The time of [`Feed::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.ended {
            return;
        }
        let due = self.next_poll.is_some_and(|next| next <= now);
        if due && self.in_flight.is_none() && self.is_polling(now) {
            self.begin_fetch(now);
        }
        self.retire_if_idle(now);
    }
}

/// What should happen, and when to look again.
impl Feed {
    /// The next thing to do; call until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Feed::handle_timeout`] is to be called next. `None` while a fetch is under way: its end is the next
    /// event.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.in_flight.is_some() || self.ended {
            return None;
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

    /// The most time between two confirmations while the feed is live.
    pub fn fresh_within(&self) -> Duration {
        self.schedule.longest_interval()
    }

    /// Subscribers counted.
    pub fn subscribers(&self) -> usize {
        self.subscribers
    }

    /// The versions kept.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The lineage.
    pub fn epoch(&self) -> Epoch {
        self.epoch
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
    /// Whether a new subscriber can be told a state at once.
    fn has_something_to_say(&self) -> bool {
        !self.ended && !self.window.is_empty() && self.status.state != State::Gone
    }

    fn begin_fetch(&mut self, now: Time) -> Fetching {
        self.fetches += 1;
        let fetch = Fetching(self.fetches);
        let patient = self.subscribers > 0;
        let condition = match (&self.meta, self.status.state) {
            // A resource that was gone is asked for in full, so that its return is seen as one.
            (Some(meta), State::Live | State::Stale) => meta.validators.clone(),
            _ => Validators::default(),
        };
        self.in_flight = Some(InFlight { fetch, started: now, patient, again: false });
        self.next_poll = None;
        self.outputs.push_back(Output::Fetch(FetchPlan { fetch, condition, patient }));
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

    fn judge(&mut self, now: Time, current: &InFlight, outcome: Outcome) -> Settled {
        if let Some(vary) = self.uncovered_vary(&outcome) {
            if !self.window.is_empty() {
                self.end(Ended::Split);
            }
            self.ended = true;
            return Settled::Split(vary);
        }
        match outcome {
            Outcome::NotModified { fields } => self.confirmed_unmodified(now, current.started, fields),
            Outcome::Fresh(representation) => self.judge_fresh(now, current.started, representation),
            Outcome::Answered(answer) => self.judge_answer(now, answer),
            Outcome::Unfit(Unfit::Slow) if self.window.is_empty() => Settled::Unfit(Unfit::Slow),
            Outcome::Unfit(unfit) => {
                let (kind, detail) = match unfit {
                    Unfit::MediaType => {
                        (FailureKind::Malformed, "the answer's media type cannot be streamed")
                    }
                    Unfit::TooLarge => (FailureKind::TooLarge, "the answer's body is over the limit"),
                    Unfit::Slow => {
                        (FailureKind::TimedOut(crate::Phase::Body), "the answer's body takes too long")
                    }
                };
                self.failed(now, Failure::new(kind, detail));
                Settled::Unfit(unfit)
            }
            Outcome::Failed(failure) => {
                self.failed(now, failure.clone());
                Settled::Failed(failure)
            }
        }
    }

    fn uncovered_vary(&self, outcome: &Outcome) -> Option<Vary> {
        let vary = match outcome {
            Outcome::NotModified { fields } => Vary::of(fields),
            Outcome::Fresh(representation) => representation.vary(),
            Outcome::Answered(answer) => Vary::of(&answer.fields),
            Outcome::Unfit(_) | Outcome::Failed(_) => return None,
        };
        (!vary.is_covered_by(&self.considered)).then_some(vary)
    }

    fn confirmed_unmodified(&mut self, now: Time, started: Time, fields: HeaderMap) -> Settled {
        match &mut self.meta {
            Some(meta) if self.status.state != State::Gone => {
                meta.confirm(started, fields);
                self.now_live(now);
                Settled::Confirmed
            }
            _ => {
                let failure =
                    Failure::new(FailureKind::Broken, "a 304 answered a request that was not conditional");
                self.failed(now, failure.clone());
                Settled::Failed(failure)
            }
        }
    }

    fn judge_fresh(&mut self, now: Time, started: Time, representation: Representation) -> Settled {
        let Representation { body, form, fields } = representation;
        let returns = self.status.state == State::Gone;
        let meta = Meta::new(started, fields);
        let same_form = self.head().is_some_and(|head| head.form == form);
        if !returns && same_form && self.last_body == body {
            self.meta = Some(meta);
            self.now_live(now);
            return Settled::Confirmed;
        }
        let document = match Document::new(&body, form, self.policy.max_depth) {
            Ok(document) => document,
            Err(error) => {
                let failure = Failure::new(FailureKind::Malformed, error.to_string());
                self.failed(now, failure.clone());
                return Settled::Failed(failure);
            }
        };
        self.last_body = body.clone();
        let change = match &self.document {
            Some(head) if same_form && !returns => change(head, &document),
            _ => Change::Whole,
        };
        let patch = match change {
            Change::None => {
                self.meta = Some(meta);
                self.now_live(now);
                return Settled::Confirmed;
            }
            Change::Patch(patch) => Some(patch),
            Change::Whole => None,
        };
        self.publish(body, form, document, patch, meta.validators.clone());
        if returns {
            self.window.forget_before_head();
        }
        self.meta = Some(meta);
        self.now_live(now);
        Settled::Confirmed
    }

    fn publish(
        &mut self,
        body: Bytes,
        form: Form,
        document: Document,
        patch: Option<Bytes>,
        validators: Validators,
    ) {
        let offset = self.head().map_or(Offset::FIRST, |head| head.position.offset.next());
        let position = Position { epoch: self.epoch, offset, binding: self.binding };
        let text = document.text().clone();
        self.document = Some(document);
        let version = Arc::new(Version { position, body, text, form, patch, validators });
        self.window.push(version.clone());
        self.outputs.push_back(Output::Publish(version));
    }

    fn judge_answer(&mut self, now: Time, answer: Answer) -> Settled {
        let failure = Failure {
            kind: FailureKind::Status(answer.status),
            detail: format!("the origin answered {}", answer.status),
            retry_after: retry_after(&answer.fields),
        };
        let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if self.window.is_empty() {
            // Nothing to keep, nothing to tell: the answer itself is passed on to whoever asked.
        } else if refused && self.credentialed {
            self.end(Ended::Refused(failure));
        } else if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            self.gone(now, failure);
        } else {
            self.failed(now, failure);
        }
        Settled::Answered(answer)
    }

    /// Marks the resource as gone. That it still is is no news.
    fn gone(&mut self, now: Time, failure: Failure) {
        let already = self.status.state == State::Gone;
        let same = self.status.cause.as_ref().is_some_and(|cause| cause.kind == failure.kind);
        if !(already && same) {
            let since = if already { self.status.since } else { now };
            self.set_state(now, State::Gone, Some(failure));
            self.status.since = since;
        }
        self.status.retry_at = Some(now);
    }

    fn end(&mut self, ended: Ended) {
        self.ended = true;
        self.outputs.push_back(Output::End(ended));
    }

    fn now_live(&mut self, now: Time) {
        if self.status.state != State::Live {
            self.set_state(now, State::Live, None);
        }
    }

    /// Marks the head stale since its last confirmation. What is gone stays gone until the origin shows it again.
    fn failed(&mut self, now: Time, failure: Failure) {
        let Some(meta) = &self.meta else { return };
        let (state, since) = match self.status.state {
            State::Gone => (State::Gone, self.status.since),
            State::Live | State::Stale => (State::Stale, meta.confirmed),
        };
        let news = self.status.state != state
            || self.status.cause.as_ref().is_none_or(|cause| cause.kind != failure.kind);
        if news {
            self.set_state(now, state, Some(failure));
            self.status.since = since;
        }
        // The time of the next try is known only after the schedule was asked.
        self.status.retry_at = Some(now);
    }

    fn set_state(&mut self, now: Time, state: State, cause: Option<Cause>) {
        let retry_at = cause.is_some().then_some(now);
        let sequence = self.status.sequence + 1;
        self.status = Status { state, since: now, cause, retry_at, sequence };
        self.outputs.push_back(Output::Status);
    }
}

impl Fetching {
    fn after(self) -> Fetching {
        Fetching(self.0 + 1)
    }
}

/// The delay that `Retry-After` asks for, where it is given in seconds (RFC 9110 §10.2.3). A date would need the
/// wall clock, which core does not have; whoever fetched turns it into seconds.
fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
