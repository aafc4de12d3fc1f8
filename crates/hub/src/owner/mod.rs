//! The owner of one feed: turns messages into inputs of the feed's state machine, and its outputs into answers and
//! commands to the shards.
//!
//! Pure but for the channels it is handed, so that the property tests step it through virtual time together with
//! shards and clients. The task around it is in `feed_task`.
//!
//! Invariants: one owner per feed, one queue of messages, in order; everybody who waits is answered exactly once.

mod admission;
mod messages;
mod outlet;
mod reads;
#[cfg(test)]
mod tests;
mod views;

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tidegate_core::{
    Cost, Ended, Feed, FetchPlan, Fetching, Offset, Outcome, Output, PartName, Serving, SharedRequest, State,
    Time, Update, Version, Wait, Wish, merge_between,
};
use tidegate_wire::Kind;
use tokio::sync::watch;

use self::admission::Waiter;
pub use self::messages::{
    Action, Attached, Current, FeedReport, Forwarded, Lineage, Message, Newcomer, PortFactory, Reason, Reply,
    Resume, ShardIndex, Source, outcome_name,
};
use self::outlet::Outlet;
pub use self::reads::OF_THE_WHOLE;
use self::views::{Moved, Views};
use crate::encoded::Encoded;
use crate::origin::{Awaited, Body, FetchRequest, Fetched};
use crate::published::{Published, StatusView};
use crate::route::Route;
use crate::shard::{FeedCommand, FeedId, Step, ViewId};
use crate::stats::FeedCounters;
use crate::terms::Terms;

/// The owner of one feed.
pub struct Owner<F: PortFactory> {
    id: FeedId,
    feed: Feed,
    route: Arc<Route>,
    request: SharedRequest,
    /// The whole.
    outlet: Outlet,
    /// Parts of it.
    views: Views,
    waiting: Vec<(Fetching, Waiter)>,
    /// Where the fetch under way is told that somebody waits for it.
    awaited: Option<watch::Sender<bool>>,
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
            outlet: Outlet::new(ViewId::whole(id)),
            views: Views::default(),
            waiting: Vec::new(),
            awaited: None,
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

    /// About how many bytes are gone through when a fetch has brought `body` bytes: in each view, and for those who wait.
    pub fn weighs(&self, body: usize) -> usize {
        let waited =
            if self.waiting.is_empty() { 0 } else { self.feed.head().map_or(0, |head| head.body.len()) };
        body.max(waited).saturating_mul(1 + self.views.len())
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
            Message::Subscribe { newcomer, reply } => {
                let own = !self.feed.is_fetching();
                let wish = newcomer.wish;
                let waiter = Waiter::Subscriber { own, newcomer, reply };
                match self.feed.handle_subscribe(now, wish) {
                    Wait::Ready => self.admit(now, waiter),
                    Wait::Until(fetch) => self.wait(fetch, waiter),
                }
            }
            Message::Read { demand, selection, asked, reply } => {
                let own = !self.feed.is_fetching();
                match self.feed.handle_read(now, &demand) {
                    Serving::After(fetch, why) => {
                        // A reader that is keyed anew is still asked for because of what came first.
                        let _ = asked.set(why);
                        self.wait(fetch, Waiter::Reader { own, demand, selection, why, reply });
                    }
                    serving => {
                        let served = self.served(now, &demand, serving);
                        let _ = reply.send(self.part(selection.as_ref(), served));
                    }
                }
            }
            Message::Invalidated => self.feed.handle_invalidated(now),
            Message::Unsubscribed(view, shard, wish) if view.feed == self.id => {
                self.unsubscribed(now, view, shard, wish);
            }
            Message::StepFrom(view, shard, from, kind) if view.feed == self.id => {
                self.step_from(view, shard, from, kind);
            }
            // About an earlier feed of this owner: its subscribers were all let go when it ended.
            Message::Unsubscribed(..) | Message::StepFrom(..) => {}
            Message::ValidatorsAt(position, reply) => {
                let _ = reply.send(self.validators_at(position));
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
            selections: self.views.len(),
            state: self.feed.status().state,
            stats: self.counters.read(),
        }
    }

    fn drain(&mut self, now: Time) {
        while let Some(output) = self.feed.poll_output() {
            match output {
                Output::Fetch(plan) => self.fetch(now, plan),
                Output::Publish(version) => {
                    let head = Arc::new(self.published(version));
                    self.counters.published();
                    self.outlet.publish(head.clone());
                    self.views.forget_glimpses();
                    self.tell(self.outlet.id, |id| FeedCommand::Publish(id, head.clone()));
                    self.publish_views();
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
                    self.outlet.end();
                    self.views.end();
                }
                Output::Retire => self.actions.push(Action::Retire),
            }
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

    /// A new head of the whole, with what leads there.
    fn published(&self, version: Arc<Version>) -> Published {
        let before = self.outlet.head.as_ref();
        let returned = self.feed.window().begins() == version.position.offset;
        let merge = before
            .filter(|_| self.outlet.merges() && !returned)
            .and_then(|before| merge_between(before.version(), &version));
        let published = Published::new(version, before.map(|before| before.offset()));
        match merge {
            Some(merge) => published.with_merge(merge),
            None => published,
        }
    }

    fn tell_all(&mut self, command: impl Fn(ViewId) -> FeedCommand<F::Port>) {
        for outlet in self.views.outlets().chain([&self.outlet]) {
            let told = outlet.shards().map(|shard| Action::Tell(shard, command(outlet.id)));
            self.actions.extend(told);
        }
    }

    /// Tells the shards that have subscribers of one view.
    fn tell(&mut self, view: ViewId, command: impl Fn(ViewId) -> FeedCommand<F::Port>) {
        let outlet = if view == self.outlet.id {
            &self.outlet
        } else if let Some(viewed) = self.views.get_mut(view) {
            &viewed.outlet
        } else {
            return;
        };
        self.actions.extend(outlet.shards().map(|shard| Action::Tell(shard, command(view))));
    }

    /// Has the views follow the feed's new head.
    fn publish_views(&mut self) {
        let mut moved = Vec::new();
        for viewed in self.views.iter_mut() {
            let (became, unproven) = viewed.follow(&self.feed);
            moved.push((viewed.outlet.id, became));
            if unproven {
                self.counters.unproven();
            }
        }
        for (view, became) in moved {
            match became {
                Moved::Not => {}
                Moved::To(head) => self.tell(view, |id| FeedCommand::Publish(id, head.clone())),
                Moved::Ended => {
                    // They come back, and are told why there is nothing for them.
                    let status = self.status_view();
                    self.tell(view, |id| FeedCommand::Dismiss(id, status.clone()));
                }
            }
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

    fn unsubscribed(&mut self, now: Time, view: ViewId, shard: ShardIndex, wish: Wish) {
        let detached = if view == self.outlet.id {
            self.outlet.detached(shard)
        } else {
            let detached = self.views.get_mut(view).is_some_and(|viewed| viewed.outlet.detached(shard));
            self.views.forget_unwatched(view);
            detached
        };
        if detached {
            self.feed.handle_unsubscribe(now, wish);
        }
    }

    fn step_from(&mut self, view: ViewId, shard: ShardIndex, from: Offset, kind: Kind) {
        let feed = &self.feed;
        if let Some(viewed) = self.views.get_mut(view) {
            let step = viewed.step(feed, from, kind);
            self.actions.push(Action::Tell(shard, FeedCommand::Step(view, from, kind, step)));
            return;
        }
        if view != self.outlet.id {
            // It was let go of, and who asked is gone with it.
            return;
        }
        let step = self.outlet.step(from, kind, || match kind {
            Kind::Merge => merge_since(feed, from),
            _ => patch_since(feed, from),
        });
        self.actions.push(Action::Tell(shard, FeedCommand::Step(self.outlet.id, from, kind, step)));
    }
}

/// The step by a patch.
fn patch_since(feed: &Feed, from: Offset) -> Step {
    match feed.update_from(from) {
        Some(Update::Patch { to, patch }) => {
            Step::To(Arc::new(Encoded::step(Kind::Patch, from, to.position, patch)))
        }
        Some(Update::None | Update::Snapshot(_)) | None => Step::Snapshot,
    }
}

/// The step by a merge patch.
fn merge_since(feed: &Feed, from: Offset) -> Step {
    let step = feed
        .head()
        .zip(feed.merge_from(from))
        .map(|(head, merge)| Step::To(Arc::new(Encoded::step(Kind::Merge, from, head.position, merge))));
    step.unwrap_or(Step::Snapshot)
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
