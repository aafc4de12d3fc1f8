//! The hub: the way in. It finds or makes the feed for a request, and counts the streams.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tidegate_core::caching::{Demand, Forward};
use tidegate_core::json::Selection;
use tidegate_core::{
    Answer, Asked, Failure, Identity, Position, SharedRequest, SharingRules, Unfit, Unselectable, Validators,
    Vary, Wish,
};
use tidegate_wire::Format;
use tokio::sync::{Semaphore, oneshot};

use crate::carrier::{Carrier, CarrierLimits, Listener, Pipe};
use crate::clock::Clock;
use crate::feed_task::FeedTask;
use crate::frame::Coding;
use crate::origin::Body;
use crate::owner::{Attached, Current, FeedReport, Message, Newcomer, Reason, Reply, Resume, ShardIndex};
use crate::registry::{Delivery, Registry};
use crate::route::Route;
use crate::shard::{Command, SubscriberId};
use crate::slot::{StreamBody, slot};
use crate::socket::{Connection, SocketSink};
use crate::stats::{WayCounters, WayStats};
use crate::subscription::{Announced, Subscription};
use crate::terms::Terms;

/// The hub's limits.
#[derive(Debug, Clone, Copy)]
pub struct HubLimits {
    /// Feeds at one time.
    pub feeds: usize,
    /// Those among them that are for one caller, as far as can be told.
    pub private_feeds: usize,
    /// Streams at one time.
    pub streams: usize,
    /// Shards, each a thread.
    pub shards: usize,
    /// Bytes that unfinished writes to slow clients may keep in memory, over all shards.
    pub pinned: usize,
}

/// How often a request is keyed anew because its answer's `Vary` names something new.
const MAX_SPLITS: usize = 4;

/// Why somebody does not get a stream or a representation.
#[derive(Debug)]
pub enum Refused {
    /// The origin could not be asked, or answered with nonsense.
    Failed(Failure),
    /// There is a last good version, and its caching fields forbid to serve it while nothing confirms it.
    Unconfirmed(Failure),
    /// The origin answered with something that is no representation; it is passed on.
    Answered(Box<Answer>),
    /// The origin's answer as it comes, and why it cannot be a document; it is passed on.
    Raw(Box<Response<Body>>, Option<Unfit>),
    /// The origin's answer may not be shared: the caller is to ask for itself.
    Bypass,
    /// Nothing is kept that may be used, and the origin is not to be asked for this reader with others in mind.
    NotKept,
    /// As many feeds are open as the limit allows.
    TooManyFeeds,
    /// As many feeds that are for one caller are open as the limit allows.
    TooManyPrivateFeeds,
    /// As many streams are open as the limit allows.
    TooManyStreams,
    /// As many streams of this feed are open as the limit allows.
    TooManyOfFeed,
    /// What was selected cannot be had.
    Unselectable(Unselectable),
    /// As many parts of this feed are watched as may be.
    TooManyViews,
    /// The hub is shutting down.
    Closing,
    /// The feed was lost to a bug.
    Lost,
}

/// A request for something live.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The route that it matched.
    pub route: &'a Arc<Route>,
    /// What was asked.
    pub asked: Asked<'a>,
    /// Who asks, where the route divides callers by what a verifier vouches for.
    pub identity: Option<&'a Identity>,
}

/// What somebody wants of a live resource.
#[derive(Clone)]
pub struct Interest {
    /// Where it wants to go on.
    pub resume: Resume,
    /// How its stream is coded.
    pub coding: Coding,
    /// How old it lets its data become.
    pub wish: Wish,
    /// On which terms it is served.
    pub terms: Terms,
    /// Which part it wants; none for the whole.
    pub selection: Option<Selection>,
    /// The connection that is to carry it with others, if there is one.
    pub carrier: Option<Arc<Carrier>>,
}

/// Feeds, shards and their limits. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    registry: Arc<Registry>,
    streams: Arc<Semaphore>,
    max_streams: usize,
    ways: Arc<WayCounters>,
}

impl Hub {
    /// Starts the shards. `entropy` must give unpredictable numbers: they make epochs unique.
    pub fn start(
        clock: Clock,
        limits: HubLimits,
        entropy: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> std::io::Result<Hub> {
        let registry = Registry::start(clock, limits, entropy)?;
        let streams = Arc::new(Semaphore::new(limits.streams));
        Ok(Hub { registry: Arc::new(registry), streams, max_streams: limits.streams, ways: Arc::default() })
    }

    /// The hub's clock.
    pub fn clock(&self) -> Clock {
        self.registry.clock
    }

    /// Subscribes. Comes back when the stream can begin or is refused.
    pub async fn subscribe(&self, wanted: Wanted<'_>, interest: Interest) -> Result<Subscription, Refused> {
        let Interest { resume, coding, wish, terms, selection, carrier } = interest;
        let selection = selection.filter(|selection| !selection.is_whole());
        let permit = self.streams.clone().try_acquire_owned().map_err(|_| Refused::TooManyStreams)?;
        let id = SubscriberId(self.registry.next_id());
        let shard = carrier.map_or_else(|| self.registry.next_shard(), |carrier| carrier.shard());
        // Before the channel of the answer, so that it is dropped after it.
        let announced = Announced::new(id, self.registry.shard(shard).clone());
        let newcomer = Newcomer { id, shard, resume, coding, wish, terms, selection };
        let message = |reply| Message::Subscribe { newcomer: newcomer.clone(), reply };
        let Attached { content_type, is_current } = self.ask(wanted, true, message).await?;
        let ways = self.ways.clone();
        Ok(Subscription { announced, permit, coding, ways, until: None, content_type, is_current })
    }

    /// Has a connection carry several subscriptions, whose messages are written in this format. `read`: what was read of it
    /// before, and not heard yet.
    pub fn carry(
        &self,
        connection: Connection,
        read: Bytes,
        format: Format,
        limits: CarrierLimits,
        listener: Box<dyn Listener>,
    ) -> Arc<Carrier> {
        // A copy: what was read is a part of a buffer that would be kept for as long as the connection lives.
        let read = Bytes::copy_from_slice(&read);
        let pipe = Pipe::Socket(SocketSink::new(connection, ()), read);
        let (id, shard) = (self.registry.next_id(), self.registry.next_shard());
        self.carrier(id, shard, pipe, format, limits, listener)
    }

    /// The same through the body of an answer that somebody else writes.
    pub fn carry_in_body(
        &self,
        format: Format,
        limits: CarrierLimits,
        listener: Box<dyn Listener>,
    ) -> (Arc<Carrier>, StreamBody) {
        let (id, shard) = (self.registry.next_id(), self.registry.next_shard());
        let (sink, body) = slot(SubscriberId(id), self.registry.shard(shard).for_carrier());
        (self.carrier(id, shard, Pipe::Slot(sink), format, limits, listener), body)
    }

    fn carrier(
        &self,
        id: u64,
        shard: ShardIndex,
        pipe: Pipe,
        format: Format,
        limits: CarrierLimits,
        listener: Box<dyn Listener>,
    ) -> Arc<Carrier> {
        let handle = self.registry.shard(shard).clone();
        let carrier =
            Carrier::new(id, (shard, handle.clone()), self.registry.clock, format, limits, pipe, listener);
        let carrier = Arc::new(carrier);
        handle.carry(carrier.clone());
        carrier
    }

    /// The current representation, or the selected part of it, once. What is refused comes with why the origin was asked, if it was.
    pub async fn read(
        &self,
        wanted: Wanted<'_>,
        demand: Demand,
        selection: Option<Selection>,
    ) -> Result<Current, (Refused, Option<Forward>)> {
        let asked = Reason::default();
        let selection = selection.filter(|selection| !selection.is_whole());
        let message = |reply| {
            let (selection, asked) = (selection.clone(), asked.clone());
            Message::Read { demand, selection, asked, reply }
        };
        let read = self.ask(wanted, !demand.only_reads(), message).await;
        read.map_err(|refused| (refused, asked.get().copied()))
    }

    /// These resources, named as [`Origin::resource`](crate::Origin::resource) names them, were written to, or may have
    /// been. What is read after this call is not older than that, whatever is under way.
    pub fn invalidate(&self, resources: &[String]) {
        for resource in resources {
            self.registry.invalidate(resource);
        }
    }

    /// Which validators the origin gave for the version at `position`, if it is still known.
    pub async fn validators_at(&self, position: Position) -> Option<Validators> {
        let (reply, answer) = oneshot::channel();
        self.registry.feed_of(position.epoch)?.send(Message::ValidatorsAt(position, reply)).ok()?;
        answer.await.ok()?
    }

    /// How all feeds are doing, in no order.
    pub async fn report(&self) -> Vec<FeedReport> {
        let asked = self.registry.feeds().into_iter().filter_map(|feed| {
            let (reply, answer) = oneshot::channel();
            feed.send(Message::Report(reply)).ok().map(|()| answer)
        });
        let answers: Vec<_> = asked.collect();
        let mut reports = Vec::with_capacity(answers.len());
        for answer in answers {
            reports.extend(answer.await.ok());
        }
        reports
    }

    /// Streams begun since the start, by how they came to their connections.
    pub fn ways(&self) -> WayStats {
        self.ways.read()
    }

    /// Streams open now.
    pub fn streams(&self) -> usize {
        self.max_streams - self.streams.available_permits()
    }

    /// Ends some streams, because memory runs short: those that keep the most, then those that came last.
    pub fn shed(&self) {
        for shard in self.registry.shards() {
            shard.tell(Command::Shed);
        }
    }

    /// Comes back when no stream is open.
    pub async fn without_streams(&self) {
        let all = u32::try_from(self.max_streams).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.streams.acquire_many(all).await;
    }

    /// Ends all streams, each with the time after which to come back; new ones are refused.
    pub fn shutdown(&self) {
        self.registry.close();
        for shard in self.registry.shards() {
            shard.tell(Command::Shutdown);
        }
    }

    async fn ask<T>(
        &self,
        wanted: Wanted<'_>,
        may_begin: bool,
        mut message: impl FnMut(oneshot::Sender<Reply<T>>) -> Message,
    ) -> Result<T, Refused> {
        for _ in 0..MAX_SPLITS {
            let request = self.shared_request(wanted);
            let (reply, answer) = oneshot::channel();
            self.send(wanted.route, request.clone(), may_begin, message(reply))?;
            match answer.await.map_err(|_| Refused::Lost)? {
                Reply::Have(have) => return Ok(have),
                Reply::Failed(failure) => return Err(Refused::Failed(failure)),
                Reply::Unconfirmed(failure) => return Err(Refused::Unconfirmed(failure)),
                Reply::Answered(answer) => return Err(Refused::Answered(answer)),
                Reply::Raw(raw, unfit) => return Err(Refused::Raw(raw, unfit)),
                Reply::Bypass => return Err(Refused::Bypass),
                Reply::Nothing => return Err(Refused::NotKept),
                Reply::Full => return Err(Refused::TooManyOfFeed),
                Reply::Unselectable(why) => return Err(Refused::Unselectable(why)),
                Reply::TooManyViews => return Err(Refused::TooManyViews),
                Reply::Split(vary) => self.registry.learn(request.resource(), vary),
            }
        }
        Err(Refused::Bypass)
    }

    fn shared_request(&self, wanted: Wanted<'_>) -> SharedRequest {
        let make = |vary: &Vary| {
            let rules = SharingRules {
                scope: &wanted.route.scope,
                policy: &wanted.route.sharing,
                identity: wanted.identity,
                vary,
                nonce: self.registry.next_id(),
            };
            SharedRequest::new(wanted.asked, rules)
        };
        let considered = &wanted.route.considered;
        let plain = make(considered);
        match self.registry.vary_of(plain.resource()) {
            Some(vary) => make(&vary.union(considered)),
            None => plain,
        }
    }

    /// Gives a message to the feed that the request is for; makes the feed if there is none and one may begin.
    fn send(
        &self,
        route: &Arc<Route>,
        request: SharedRequest,
        may_begin: bool,
        message: Message,
    ) -> Result<(), Refused> {
        if self.registry.is_closing() {
            return Err(Refused::Closing);
        }
        if !may_begin {
            return self.registry.offer(request.key(), message).then_some(()).ok_or(Refused::NotKept);
        }
        let resource = || route.origin.resource(request.target());
        match self.registry.deliver(&request, resource, message) {
            Delivery::Delivered => Ok(()),
            Delivery::Full => Err(Refused::TooManyFeeds),
            Delivery::PrivateFull => Err(Refused::TooManyPrivateFeeds),
            Delivery::Awaits(sender, queue) => {
                self.registry.note_splits(&route.scope, &request);
                let task = FeedTask { hub: self.registry.clone(), route: route.clone(), request, sender };
                tokio::spawn(task.run(queue));
                Ok(())
            }
        }
    }
}
