//! The owner of one feed: turns messages into inputs of the feed's state machine, and its outputs into answers and
//! commands to the shards.
//!
//! Pure but for the channels it is handed, so that the property tests step it through virtual time together with
//! shards and clients. The task around it is in `feed_task`.
//!
//! Invariants: one owner per feed, one queue of messages, in order; everybody who waits is answered exactly once.

mod messages;
mod reads;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode, header};
use tidegate_core::caching::{Demand, Forward};
use tidegate_core::{
    Cost, Ended, Failure, FailureKind, Feed, FetchPlan, Fetching, Offset, Outcome, Output, PartName, Resumed,
    Serving, Settled, SharedRequest, State, Time, Update, Wait, Wish,
};
use tokio::sync::{oneshot, watch};

use self::messages::Refusal;
pub use self::messages::{
    Action, Attached, Current, FeedReport, Forwarded, Lineage, Message, PortFactory, Reason, Reply, Resume,
    ShardIndex, Source, outcome_name,
};
use self::reads::is_outage;
use crate::frame::Coding;
use crate::origin::{Awaited, Body, FetchRequest, Fetched};
use crate::published::{Published, StatusView, patch_event};
use crate::route::Route;
use crate::shard::{FeedCommand, FeedId, Manner, NewSubscriber, Start, Step, SubscriberId};
use crate::stats::FeedCounters;

/// Steps to the present head that are kept for others who stand at the same version.
const MOST_STEPS: usize = 256;

/// How often it is looked for subscribers who left while they waited.
const LOOK_FOR_DEPARTED: Duration = Duration::from_millis(100);

enum Waiter {
    Subscriber {
        own: bool,
        id: SubscriberId,
        shard: ShardIndex,
        resume: Resume,
        coding: Coding,
        wish: Wish,
        reply: oneshot::Sender<Reply<Attached>>,
    },
    Reader {
        own: bool,
        demand: Demand,
        why: Forward,
        reply: oneshot::Sender<Reply<Current>>,
    },
}

impl Waiter {
    /// Whether the fetch was begun for this one. Only it may have what the origin meant for one caller.
    fn is_own(&self) -> bool {
        match self {
            Waiter::Subscriber { own, .. } | Waiter::Reader { own, .. } => *own,
        }
    }
}

/// The owner of one feed.
pub struct Owner<F: PortFactory> {
    id: FeedId,
    feed: Feed,
    route: Arc<Route>,
    request: SharedRequest,
    head: Option<Arc<Published>>,
    waiting: Vec<(Fetching, Waiter)>,
    /// Where the fetch under way is told that somebody waits for it.
    awaited: Option<watch::Sender<bool>>,
    /// Subscribers on each shard, so that only those shards are told.
    shards: HashMap<ShardIndex, usize>,
    /// Steps to the present head, made once.
    steps: HashMap<Offset, Step>,
    /// Some of its subscribers want gzip: what they get is packed here, not on their shards.
    packs: bool,
    /// When it was last looked for subscribers who left while they waited.
    looked: Time,
    counters: Arc<FeedCounters>,
    ports: F,
    actions: Vec<Action<F::Port>>,
    raw: Option<Box<Response<Body>>>,
    /// The fetch that came to its end last was answered with 304.
    unmodified: bool,
    /// When the last fetch was asked for.
    asked: Time,
    /// How long the fetch that came to its end last took, without its wait for the origin's budget.
    took: Option<Duration>,
}

impl<F: PortFactory> Owner<F> {
    /// The owner of a new feed.
    pub fn new(now: Time, route: Arc<Route>, request: SharedRequest, lineage: Lineage, ports: F) -> Owner<F> {
        let Lineage { id, epoch, binding, seed } = lineage;
        Owner {
            id,
            feed: Feed::new(now, route.policy.clone(), &request, epoch, binding, seed),
            counters: Arc::new(FeedCounters::within(route.counters.clone())),
            route,
            request,
            head: None,
            waiting: Vec::new(),
            awaited: None,
            shards: HashMap::new(),
            steps: HashMap::new(),
            packs: false,
            looked: Time::default(),
            ports,
            actions: Vec::new(),
            raw: None,
            unmodified: false,
            asked: now,
            took: None,
        }
    }

    /// The feed's name.
    pub fn id(&self) -> FeedId {
        self.id
    }

    /// The feed.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// What should be done; to be called after every input.
    pub fn take_actions(&mut self) -> Vec<Action<F::Port>> {
        std::mem::take(&mut self.actions)
    }

    /// When [`Owner::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.feed.poll_timeout()
    }

    /// The time of [`Owner::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.feed.handle_timeout(now);
        self.drain(now);
    }

    /// A fetch came to its end.
    pub fn handle_fetched(&mut self, now: Time, fetch: Fetching, fetched: Fetched) {
        self.counters.fetched(&fetched.outcome, fetched.wire_bytes);
        self.unmodified = matches!(fetched.outcome, Outcome::NotModified { .. });
        self.took = Some(now.since(self.asked).saturating_sub(fetched.waited));
        self.raw = fetched.raw.map(Box::new);
        let cost = Cost { waited: fetched.waited, bytes: fetched.wire_bytes };
        self.feed.handle_fetched(now, fetch, cost, fetched.outcome);
        self.drain(now);
        self.raw = None;
    }

    /// Somebody asks something.
    pub fn handle(&mut self, now: Time, message: Message) {
        let full = self.feed.subscribers() >= self.route.max_streams;
        if matches!(message, Message::Subscribe { .. }) && full || matches!(message, Message::Report(_)) {
            self.forget_departed(now);
        }
        match message {
            Message::Subscribe { reply, .. } if self.feed.subscribers() >= self.route.max_streams => {
                let _ = reply.send(Reply::Full);
            }
            Message::Subscribe { id, shard, resume, coding, wish, reply } => {
                let own = !self.feed.is_fetching();
                let waiter = Waiter::Subscriber { own, id, shard, resume, coding, wish, reply };
                match self.feed.handle_subscribe(now, wish) {
                    Wait::Ready => self.admit(waiter),
                    Wait::Until(fetch) => self.wait(fetch, waiter),
                }
            }
            Message::Read { demand, asked, reply } => {
                let own = !self.feed.is_fetching();
                match self.feed.handle_read(now, &demand) {
                    Serving::After(fetch, why) => {
                        // A reader that is keyed anew is still asked for because of what came first.
                        let _ = asked.set(why);
                        self.wait(fetch, Waiter::Reader { own, demand, why, reply });
                    }
                    serving => _ = reply.send(self.served(now, &demand, serving)),
                }
            }
            Message::Invalidated => self.feed.handle_invalidated(now),
            Message::Unsubscribed(id, shard, wish) if id == self.id => self.unsubscribed(now, shard, wish),
            Message::StepFrom(id, shard, from) if id == self.id => self.step_from(shard, from),
            // About an earlier feed of this owner: its subscribers were all let go when it ended.
            Message::Unsubscribed(..) | Message::StepFrom(..) => {}
            Message::ValidatorsAt(position, reply) => {
                let _ = reply.send(self.feed.validators_at(position));
            }
            Message::Report(reply) => {
                let _ = reply.send(self.report());
            }
        }
        self.drain(now);
    }

    fn report(&self) -> FeedReport {
        FeedReport {
            method: self.request.method().clone(),
            target: self.request.target().to_owned(),
            shared: !self.request.is_private(),
            key_fields: key_fields(&self.request),
            subscribers: self.feed.subscribers(),
            waiting: self.waiting.len(),
            head: self.feed.head().map(|head| head.position),
            versions: self.feed.window().len(),
            state: self.feed.status().state,
            stats: self.counters.read(),
        }
    }

    fn drain(&mut self, now: Time) {
        while let Some(output) = self.feed.poll_output() {
            match output {
                Output::Fetch(plan) => self.fetch(now, plan),
                Output::Publish(version) => {
                    let head = Arc::new(Published::new(version));
                    if self.packs {
                        head.pack();
                    }
                    self.counters.published();
                    self.head = Some(head.clone());
                    self.steps.clear();
                    self.tell_all(|id| FeedCommand::Publish(id, head.clone()));
                }
                Output::Unproven(unproven) => {
                    self.counters.unproven();
                    self.actions.push(Action::Unproven(unproven));
                }
                Output::Status => {
                    let status = self.status_view();
                    self.tell_all(|id| FeedCommand::Status(id, status.clone()));
                }
                Output::Settled(fetch, settled) => self.settle(now, fetch, settled),
                Output::End(ended) => {
                    let status = self.last_status(now, ended);
                    self.tell_all(|id| FeedCommand::End(id, status.clone()));
                    self.shards.clear();
                }
                Output::Retire => self.actions.push(Action::Retire),
            }
        }
    }

    /// Has somebody wait for a fetch, or for one before it that is under way.
    fn wait(&mut self, fetch: Fetching, waiter: Waiter) {
        self.waiting.push((fetch, waiter));
        if let Some(awaited) = &self.awaited {
            awaited.send_replace(true);
        }
    }

    fn fetch(&mut self, now: Time, plan: FetchPlan) {
        self.asked = now;
        // Whoever waits for an earlier one that was thrown away waits for this; and a writer looks at its own screen.
        let somebody = plan.end_to_end || self.waiting.iter().any(|(fetch, _)| *fetch <= plan.fetch);
        let (sender, awaited) = Awaited::changing(somebody);
        self.awaited = Some(sender);
        let request = FetchRequest {
            method: self.request.method().clone(),
            target: self.request.target().to_owned(),
            body: self.request.body().clone(),
            fields: self.request.fields().clone(),
            condition: plan.condition,
            end_to_end: plan.end_to_end,
            patient: plan.patient,
            awaited,
            credentialed: self.request.is_credentialed(),
            scope: self.route.scope.clone(),
            took: self.took,
        };
        self.actions.push(Action::Fetch(plan.fetch, request));
    }

    fn tell_all(&mut self, command: impl Fn(FeedId) -> FeedCommand<F::Port>) {
        for shard in self.shards.keys() {
            self.actions.push(Action::Tell(*shard, command(self.id)));
        }
    }

    fn status_view(&self) -> StatusView {
        StatusView { status: self.feed.status().clone(), fresh_within: self.feed.fresh_within() }
    }

    fn last_status(&self, now: Time, ended: Ended) -> StatusView {
        let mut view = self.status_view();
        if let Ended::Refused(failure) = ended {
            view.status.state = State::Gone;
            view.status.since = now;
            view.status.cause = Some(failure);
            view.status.retry_at = None;
        }
        view
    }

    /// Attaches a subscriber to its shard, at the position that it can prove.
    fn admit(&mut self, waiter: Waiter) {
        let (Waiter::Subscriber { id, shard, resume, coding, wish, reply, .. }, Some(head)) =
            (waiter, self.head.clone())
        else {
            return;
        };
        let content_type = self.feed.meta().and_then(|meta| meta.fields.get(header::CONTENT_TYPE).cloned());
        let start = match resume {
            Resume::Nowhere => Start::Fresh,
            Resume::Foreign => Start::Unproven,
            Resume::From(position) => match self.feed.resume(position) {
                Resumed::From(offset) => Start::At(offset),
                Resumed::Unproven => Start::Unproven,
            },
        };
        if coding == Coding::Gzip {
            self.packs = true;
            match start {
                Start::At(offset) if offset == head.offset() => {}
                Start::At(offset) if offset.next() == head.offset() => head.pack(),
                // It gets a step, packed when it is made.
                Start::At(_) => {}
                Start::Fresh | Start::Unproven => _ = head.snapshot_event().segment(),
            }
        }
        *self.shards.entry(shard).or_default() += 1;
        self.counters.streamed();
        let subscriber = NewSubscriber {
            id,
            start,
            admitted: Box::new(move || reply.send(Reply::Have(Attached { content_type })).is_ok()),
            manner: Manner { heartbeat: self.route.heartbeat, conflate: self.route.conflate },
            feed: self.id,
            wish,
            port: self.ports.port(self.id, shard),
            head,
            status: self.status_view(),
            counters: self.counters.clone(),
        };
        self.actions.push(Action::Tell(shard, FeedCommand::Attach(Box::new(subscriber))));
    }

    fn unsubscribed(&mut self, now: Time, shard: ShardIndex, wish: Wish) {
        if let Some(count) = self.shards.get_mut(&shard) {
            *count -= 1;
            if *count == 0 {
                self.shards.remove(&shard);
            }
            self.packs &= !self.shards.is_empty();
            self.feed.handle_unsubscribe(now, wish);
        }
    }

    /// Lets go of subscribers that left while they waited: each would keep a place until the fetch ends.
    fn forget_departed(&mut self, now: Time) {
        if now < self.looked + LOOK_FOR_DEPARTED {
            return;
        }
        self.looked = now;
        let left = |waiter: &Waiter| matches!(waiter, Waiter::Subscriber { reply, .. } if reply.is_closed());
        for (_, waiter) in self.waiting.extract_if(.., |(_, waiter)| left(waiter)) {
            if let Waiter::Subscriber { wish, .. } = waiter {
                self.feed.handle_unsubscribe(now, wish);
            }
        }
    }

    fn refuse(&mut self, now: Time, waiter: Waiter, how: Refusal) {
        match waiter {
            Waiter::Subscriber { wish, reply, .. } => {
                let _ = reply.send(how.into_reply());
                self.feed.handle_unsubscribe(now, wish);
            }
            Waiter::Reader { reply, .. } => {
                let _ = reply.send(how.into_reply());
            }
        }
    }

    fn settle(&mut self, now: Time, fetch: Fetching, settled: Settled) {
        if let Some(kind) = self.failure_of(&settled) {
            self.counters.failed(kind);
        }
        let ready: Vec<_> =
            self.waiting.extract_if(.., |(awaited, _)| *awaited <= fetch).map(|(_, waiter)| waiter).collect();
        for waiter in ready {
            let own = waiter.is_own();
            match (&settled, waiter) {
                (Settled::Confirmed, Waiter::Reader { why, reply, .. }) => {
                    let _ = reply.send(self.fetched(now, own, why));
                }
                (Settled::Confirmed, waiter) => self.admit(waiter),
                (Settled::Failed(_), waiter @ Waiter::Subscriber { .. })
                    if self.head.is_some() && self.feed.status().state != State::Gone =>
                {
                    self.admit(waiter);
                }
                (Settled::Failed(failure), Waiter::Reader { demand, why, reply, .. }) => {
                    let reply_to = match self.kept_for_error(now, &demand, Forwarded { why, status: None }) {
                        Some(kept) => Reply::Have(kept),
                        None if self.is_forbidden() && !demand.insists() => {
                            Reply::Unconfirmed(failure.clone())
                        }
                        None => self.failed(own, failure).into_reply(),
                    };
                    let _ = reply.send(reply_to);
                }
                (Settled::Failed(failure), waiter) => {
                    let refusal = self.failed(own, failure);
                    self.refuse(now, waiter, refusal);
                }
                // The last good state is worth more to a stream than an answer that ends it for good.
                (Settled::Answered(answer), waiter @ Waiter::Subscriber { .. })
                    if answer.passes() && self.head.is_some() && self.feed.status().state != State::Gone =>
                {
                    self.admit(waiter);
                }
                (Settled::Answered(answer), Waiter::Reader { demand, why, reply, .. })
                    if is_outage(answer.status) && self.feed.reusable_on_error(now, &demand) =>
                {
                    let forwarded = Forwarded { why, status: Some(answer.status) };
                    let kept = self.kept_for_error(now, &demand, forwarded);
                    let _ = reply.send(kept.map_or(Reply::Bypass, Reply::Have));
                }
                (Settled::Answered(answer), waiter) => {
                    let refusal = match own || self.may_share(&answer.fields) {
                        true => Refusal::Answered(answer.clone()),
                        false => Refusal::Bypass,
                    };
                    self.refuse(now, waiter, refusal);
                }
                (Settled::Unfit(unfit), waiter) => {
                    let raw = if own { self.raw.take() } else { None };
                    let refusal = raw.map_or(Refusal::Bypass, |raw| Refusal::Raw(raw, Some(*unfit)));
                    self.refuse(now, waiter, refusal);
                }
                (Settled::Split(vary), waiter) => self.refuse(now, waiter, Refusal::Split(vary.clone())),
            }
        }
    }

    /// How a fetch failed, if it did. Where nothing is streamed, an answer that cannot be is none: it passes through.
    fn failure_of(&self, settled: &Settled) -> Option<FailureKind> {
        match settled {
            Settled::Confirmed | Settled::Split(_) => None,
            Settled::Failed(failure) => Some(failure.kind),
            Settled::Answered(answer) if self.head.is_some() || is_error(answer.status) => {
                Some(FailureKind::Status(answer.status))
            }
            Settled::Unfit(unfit) if self.head.is_some() => Some(unfit.as_failure().kind),
            Settled::Answered(_) | Settled::Unfit(_) => None,
        }
    }

    fn failed(&mut self, own: bool, failure: &Failure) -> Refusal {
        match self.raw.take_if(|_| own) {
            Some(raw) => Refusal::Raw(raw, None),
            None => Refusal::Failed(failure.clone()),
        }
    }

    fn step_from(&mut self, shard: ShardIndex, from: Offset) {
        if self.steps.len() >= MOST_STEPS {
            self.steps.clear();
        }
        let feed = &self.feed;
        let step = self.steps.entry(from).or_insert_with(|| match feed.update_from(from) {
            Some(Update::Patch { to, patch }) => {
                Step::Patch(to.position.offset, patch_event(to.position, &patch))
            }
            Some(Update::None | Update::Snapshot(_)) | None => Step::Snapshot,
        });
        if self.packs {
            match (&*step, &self.head) {
                (Step::Patch(_, frame), _) => _ = frame.segment(),
                (Step::Snapshot, Some(head)) => _ = head.snapshot_event().segment(),
                (Step::Snapshot, None) => {}
            }
        }
        self.actions.push(Action::Tell(shard, FeedCommand::Step(self.id, from, step.clone())));
    }
}

/// The names of the fields that tell a key from others, of `Cookie` those of the cookies.
fn key_fields(request: &SharedRequest) -> Vec<String> {
    let mut names: Vec<String> = request
        .parts()
        .map(|(name, _)| match name {
            PartName::Field(name) => name.to_owned(),
            PartName::Cookie(name) => format!("cookie {name}"),
            PartName::Claim(name) => format!("claim {name}"),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
