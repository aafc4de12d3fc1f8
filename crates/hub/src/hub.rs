//! The hub: finds or makes the feed for a request, and counts who is there.
//!
//! Invariants:
//! - A sharing key has at most one feed. Messages are sent to a feed's queue under the table's lock, and a feed
//!   leaves the table under it only when its queue is empty: so no message is ever lost between the two.
//! - Feeds and streams are limited; what is over the limit is refused at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, Response};
use tidegate_core::{
    Answer, Binding, Epoch, Failure, Position, SharedRequest, SharingKey, SharingRules, Unfit, Validators,
    Vary,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::clock::Clock;
use crate::feed_task::FeedTask;
use crate::origin::Body;
use crate::owner::{Attached, Current, FeedReport, Lineage, Message, Reply, Resume, ShardIndex};
use crate::route::Route;
use crate::shard::{Command, FeedId, SubscriberId};
use crate::shard_thread::{HubMessage, ShardHandle};
use crate::slot::{StreamBody, slot};

/// The hub's limits.
#[derive(Debug, Clone, Copy)]
pub struct HubLimits {
    /// Feeds at one time.
    pub feeds: usize,
    /// Streams at one time.
    pub streams: usize,
    /// Shards, each a thread.
    pub shards: usize,
}

/// How often a request is keyed anew because its answer's `Vary` names something new.
const MAX_SPLITS: usize = 4;

/// Why somebody does not get a stream or a representation.
#[derive(Debug)]
pub enum Refused {
    /// The origin could not be asked, or answered with nonsense.
    Failed(Failure),
    /// The origin answered with something that is no representation; it is passed on.
    Answered(Box<Answer>),
    /// The origin's answer as it comes, and why it cannot be a document; it is passed on.
    Raw(Box<Response<Body>>, Option<Unfit>),
    /// The origin's answer may not be shared: the caller is to ask for itself.
    Bypass,
    /// As many feeds are open as the limit allows.
    TooManyFeeds,
    /// As many streams are open as the limit allows.
    TooManyStreams,
    /// The hub is shutting down.
    Closing,
    /// The feed was lost to a bug.
    Lost,
}

/// A stream that has begun.
pub struct Stream {
    /// What is written to the client.
    pub body: CountedBody,
    /// The media type of the representation.
    pub content_type: Option<HeaderValue>,
}

/// The body of a stream that counts against the limit until it is dropped.
pub struct CountedBody {
    body: StreamBody,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for CountedBody {
    type Data = bytes::Bytes;
    type Error = crate::origin::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }
}

/// A request for something live.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The route that it matched.
    pub route: &'a Arc<Route>,
    /// Path and query without reserved parameters.
    pub target: &'a str,
    /// The client's header fields.
    pub fields: &'a HeaderMap,
}

/// Feeds, shards and their limits. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Table {
    feeds: HashMap<SharingKey, UnboundedSender<HubMessage>>,
    epochs: HashMap<Epoch, UnboundedSender<HubMessage>>,
}

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    limits: HubLimits,
    entropy: Box<dyn Fn() -> u64 + Send + Sync>,
    secret: u64,
    table: Mutex<Table>,
    vary: Mutex<HashMap<SharingKey, Vary>>,
    shards: Vec<ShardHandle>,
    streams: Arc<Semaphore>,
    next_id: AtomicU64,
    closing: AtomicBool,
}

impl Hub {
    /// Starts the shards. `entropy` must give unpredictable numbers: they make epochs unique.
    pub fn start(
        clock: Clock,
        limits: HubLimits,
        entropy: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> std::io::Result<Hub> {
        let shards = (0..limits.shards.max(1))
            .map(|index| ShardHandle::start(ShardIndex(index), clock, entropy()))
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Hub(Arc::new(Inner {
            clock,
            limits,
            secret: entropy(),
            entropy: Box::new(entropy),
            table: Mutex::default(),
            vary: Mutex::default(),
            shards,
            streams: Arc::new(Semaphore::new(limits.streams)),
            next_id: AtomicU64::new(1),
            closing: AtomicBool::new(false),
        })))
    }

    /// The hub's clock.
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Subscribes. Comes back when the stream can begin or is refused.
    pub async fn subscribe(&self, wanted: Wanted<'_>, resume: Resume) -> Result<Stream, Refused> {
        let permit = self.0.streams.clone().try_acquire_owned().map_err(|_| Refused::TooManyStreams)?;
        let id = SubscriberId(self.0.next_id());
        let shard = ShardIndex(usize::try_from(id.0).unwrap_or(0) % self.0.shards.len());
        let mut body = None;
        let attached: Attached = self
            .ask(wanted, |reply| {
                let (sink, stream) = slot(id, self.0.shard(shard).clone());
                body = Some(stream);
                Message::Subscribe { id, shard, sink, resume, reply }
            })
            .await?;
        let body = body.ok_or(Refused::Lost)?;
        Ok(Stream { body: CountedBody { body, _permit: permit }, content_type: attached.content_type })
    }

    /// The current representation, once. `insists`: only one that the origin confirms from now on.
    pub async fn read(&self, wanted: Wanted<'_>, insists: bool) -> Result<Current, Refused> {
        self.ask(wanted, |reply| Message::Read { insists, reply }).await
    }

    /// Which validators the origin gave for the version at `position`, if it is still known.
    pub async fn validators_at(&self, position: Position) -> Option<Validators> {
        let (reply, answer) = oneshot::channel();
        self.0.table().epochs.get(&position.epoch)?.send(Message::ValidatorsAt(position, reply)).ok()?;
        answer.await.ok()?
    }

    /// How all feeds are doing, in no order.
    pub async fn report(&self) -> Vec<FeedReport> {
        let answers: Vec<_> = {
            let table = self.0.table();
            let asked = table.feeds.values().filter_map(|feed| {
                let (reply, answer) = oneshot::channel();
                feed.send(Message::Report(reply)).ok().map(|()| answer)
            });
            asked.collect()
        };
        let mut reports = Vec::with_capacity(answers.len());
        for answer in answers {
            reports.extend(answer.await.ok());
        }
        reports
    }

    /// Streams open now.
    pub fn streams(&self) -> usize {
        self.0.limits.streams - self.0.streams.available_permits()
    }

    /// Ends all streams, each with the time after which to come back; new ones are refused.
    pub fn shutdown(&self) {
        self.0.closing.store(true, Ordering::SeqCst);
        for shard in &self.0.shards {
            shard.tell(Command::Shutdown);
        }
    }

    async fn ask<T>(
        &self,
        wanted: Wanted<'_>,
        mut message: impl FnMut(oneshot::Sender<Reply<T>>) -> HubMessage,
    ) -> Result<T, Refused> {
        for _ in 0..MAX_SPLITS {
            let request = self.0.shared_request(wanted);
            let (reply, answer) = oneshot::channel();
            self.0.send(wanted.route, request.clone(), message(reply))?;
            match answer.await.map_err(|_| Refused::Lost)? {
                Reply::Have(have) => return Ok(have),
                Reply::Failed(failure) => return Err(Refused::Failed(failure)),
                Reply::Answered(answer) => return Err(Refused::Answered(answer)),
                Reply::Raw(raw, unfit) => return Err(Refused::Raw(raw, unfit)),
                Reply::Bypass => return Err(Refused::Bypass),
                Reply::Split(vary) => self.0.learn(request.resource(), vary),
            }
        }
        Err(Refused::Bypass)
    }
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it is held; were it to, the maps are still whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vary(&self) -> MutexGuard<'_, HashMap<SharingKey, Vary>> {
        self.vary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(crate) fn shard(&self, index: ShardIndex) -> &ShardHandle {
        &self.shards[index.0 % self.shards.len()]
    }

    pub(crate) fn shards(&self) -> &[ShardHandle] {
        &self.shards
    }

    fn shared_request(&self, wanted: Wanted<'_>) -> SharedRequest {
        let make = |vary: &Vary| {
            let rules = SharingRules {
                scope: &wanted.route.scope,
                irrelevant: &wanted.route.irrelevant,
                vary,
                nonce: self.next_id(),
            };
            SharedRequest::new(wanted.target, wanted.fields, rules)
        };
        let plain = make(&Vary::none());
        match self.vary().get(plain.resource()) {
            Some(vary) => make(vary),
            None => plain,
        }
    }

    /// Remembers what a resource's answers name in `Vary`. Bounded: when full, everything is learnt anew.
    fn learn(&self, resource: &SharingKey, vary: Vary) {
        let mut book = self.vary();
        if book.len() >= self.limits.feeds.saturating_mul(4).max(64) && !book.contains_key(resource) {
            book.clear();
        }
        let known = book.remove(resource).unwrap_or_default();
        book.insert(resource.clone(), known.union(&vary));
    }

    fn send(
        self: &Arc<Self>,
        route: &Arc<Route>,
        request: SharedRequest,
        message: HubMessage,
    ) -> Result<(), Refused> {
        if self.is_closing() {
            return Err(Refused::Closing);
        }
        let mut table = self.table();
        let open = table.feeds.len();
        match table.feeds.entry(request.key().clone()) {
            Entry::Occupied(feed) => {
                let Err(unsent) = feed.get().send(message) else { return Ok(()) };
                // The feed's task is gone without having retired: a bug that the next feed shall not inherit.
                let (sender, queue) = unbounded_channel();
                let _ = sender.send(unsent.0);
                *feed.into_mut() = sender.clone();
                self.spawn(route, request, sender, queue);
            }
            Entry::Vacant(_) if open >= self.limits.feeds => return Err(Refused::TooManyFeeds),
            Entry::Vacant(place) => {
                let (sender, queue) = unbounded_channel();
                let _ = sender.send(message);
                place.insert(sender.clone());
                self.spawn(route, request, sender, queue);
            }
        }
        Ok(())
    }

    fn spawn(
        self: &Arc<Self>,
        route: &Arc<Route>,
        request: SharedRequest,
        sender: UnboundedSender<HubMessage>,
        queue: UnboundedReceiver<HubMessage>,
    ) {
        let task = FeedTask { hub: self.clone(), route: route.clone(), request, sender };
        tokio::spawn(task.run(queue));
    }

    /// Takes a feed out of the table, unless somebody has just asked it something.
    pub(crate) fn retire(
        &self,
        key: &SharingKey,
        epoch: Epoch,
        queue: &UnboundedReceiver<HubMessage>,
    ) -> bool {
        let mut table = self.table();
        let idle = queue.is_empty();
        if idle {
            table.feeds.remove(key);
            table.epochs.remove(&epoch);
        }
        idle
    }

    pub(crate) fn forget_epoch(&self, epoch: Epoch) {
        self.table().epochs.remove(&epoch);
    }

    pub(crate) fn new_lineage(&self, key: &SharingKey, owner: &UnboundedSender<HubMessage>) -> Lineage {
        let epoch = Epoch((self.entropy)());
        self.table().epochs.insert(epoch, owner.clone());
        // The secret keeps the id, which clients see, from telling anything about the credentials in the key.
        let mut hasher = DefaultHasher::new();
        (self.secret, key, "patch").hash(&mut hasher);
        let binding = Binding(hasher.finish() as u32);
        Lineage { id: FeedId(self.next_id()), epoch, binding, seed: (self.entropy)() }
    }
}
