//! What the hub and the feeds' tasks share: the table of feeds, the book of `Vary`, the shards, and what makes each
//! lineage unlike every other.
//!
//! Invariants:
//! - A sharing key has at most one feed. Messages are sent to a feed's queue under the table's lock, and a feed
//!   leaves the table under it only when its queue is empty: so no message is ever lost between the two.
//! - Table and book are limited, and so are the feeds in the table that are for one caller; what is over the limit is
//!   refused at once, or learnt anew.
//! - Every feed of the table is found by its resource, too, for as long as it is there: a write reaches them all.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_core::{Binding, Epoch, SharedRequest, SharingKey, Vary};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::Clock;
use crate::hub::HubLimits;
use crate::owner::{Lineage, Message, ShardIndex};
use crate::shard::FeedId;
use crate::shard_thread::{ShardHandle, ShardSettings};
use crate::splits::Splits;

#[derive(Default)]
struct Table {
    feeds: HashMap<SharingKey, Place>,
    /// The feeds of each resource, whatever their keys.
    resources: BTreeMap<Filed, UnboundedSender<Message>>,
    epochs: HashMap<Epoch, UnboundedSender<Message>>,
    /// How many of the feeds are private.
    private: usize,
}

/// A feed of the table.
struct Place {
    queue: UnboundedSender<Message>,
    filed: Filed,
    /// Its key is one caller's.
    private: bool,
}

/// Where a feed is found by its resource. The name of the resource is kept as its hash: two resources that share one are
/// fetched once too often when the other is written, and no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Filed {
    resource: u64,
    number: u64,
}

impl Table {
    fn remove(&mut self, key: &SharingKey) {
        if let Some(place) = self.feeds.remove(key) {
            self.resources.remove(&place.filed);
            self.private -= usize::from(place.private);
        }
    }
}

/// What became of a message.
pub(crate) enum Delivery {
    /// The feed has it.
    Delivered,
    /// It waits in the queue of a feed that is in the table from now on, and whose task is to be started.
    Awaits(UnboundedSender<Message>, UnboundedReceiver<Message>),
    /// There are as many feeds as there may be.
    Full,
    /// There are as many feeds for one caller as there may be.
    PrivateFull,
}

/// What the hub and the feeds' tasks share.
pub(crate) struct Registry {
    pub(crate) clock: Clock,
    max_feeds: usize,
    max_private_feeds: usize,
    entropy: Box<dyn Fn() -> u64 + Send + Sync>,
    secret: u64,
    table: Mutex<Table>,
    vary: Mutex<HashMap<SharingKey, Vary>>,
    splits: Mutex<Splits>,
    shards: Vec<ShardHandle>,
    next_id: AtomicU64,
    next_shard: AtomicUsize,
    closing: AtomicBool,
}

impl Registry {
    /// An empty one, with its shards started.
    pub(crate) fn start(
        clock: Clock,
        limits: HubLimits,
        entropy: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> std::io::Result<Registry> {
        let shards = limits.shards.max(1);
        let most_pinned = limits.pinned / shards;
        let settings = || ShardSettings { clock, seed: entropy(), most_pinned };
        let shards = (0..shards)
            .map(|index| ShardHandle::start(ShardIndex(index), settings()))
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Registry {
            clock,
            max_feeds: limits.feeds,
            max_private_feeds: limits.private_feeds,
            secret: entropy(),
            entropy: Box::new(entropy),
            table: Mutex::default(),
            vary: Mutex::default(),
            splits: Mutex::default(),
            shards,
            next_id: AtomicU64::new(1),
            next_shard: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it is held; were it to, the maps are still whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vary(&self) -> MutexGuard<'_, HashMap<SharingKey, Vary>> {
        self.vary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that was not given before.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Nothing new from now on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// Whether [`Registry::close`] was called.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// The shard of the next subscriber: each in turn. It has a count of its own, because how many numbers of
    /// [`Registry::next_id`] lie between two subscribers may be a multiple of the shards.
    pub(crate) fn next_shard(&self) -> ShardIndex {
        ShardIndex(self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len())
    }

    pub(crate) fn shard(&self, index: ShardIndex) -> &ShardHandle {
        &self.shards[index.0 % self.shards.len()]
    }

    pub(crate) fn shards(&self) -> &[ShardHandle] {
        &self.shards
    }

    /// What a resource's answers named in `Vary` so far.
    pub(crate) fn vary_of(&self, resource: &SharingKey) -> Option<Vary> {
        self.vary().get(resource).cloned()
    }

    /// Remembers what a resource's answers name in `Vary`. Bounded: when full, everything is learnt anew.
    pub(crate) fn learn(&self, resource: &SharingKey, vary: Vary) {
        let mut book = self.vary();
        if book.len() >= self.max_feeds.saturating_mul(4).max(64) && !book.contains_key(resource) {
            book.clear();
        }
        let known = book.remove(resource).unwrap_or_default();
        book.insert(resource.clone(), known.union(&vary));
    }

    /// Counts what tells apart the feeds of one resource, now that one more is made.
    pub(crate) fn note_splits(&self, scope: &str, request: &SharedRequest) {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner).note(scope, request);
    }

    /// Puts a message into the queue of the feed with this request's key. `resource` names what a new feed is of.
    pub(crate) fn deliver(
        &self,
        request: &SharedRequest,
        resource: impl FnOnce() -> String,
        message: Message,
    ) -> Delivery {
        let private = request.is_private();
        let mut table = self.table();
        let table = &mut *table;
        let full = table.feeds.len() >= self.max_feeds;
        let private_full = private && table.private >= self.max_private_feeds;
        let (entry, message) = match table.feeds.entry(request.key().clone()) {
            Entry::Occupied(place) => match place.get().queue.send(message) {
                Ok(()) => return Delivery::Delivered,
                // The feed's task is gone without having retired: a bug that the next feed shall not inherit.
                Err(unsent) => {
                    table.resources.remove(&place.get().filed);
                    (Entry::Occupied(place), unsent.0)
                }
            },
            Entry::Vacant(_) if full => return Delivery::Full,
            Entry::Vacant(_) if private_full => return Delivery::PrivateFull,
            vacant => (vacant, message),
        };
        let (sender, queue) = unbounded_channel();
        // Its receiver is at hand, so it takes the message.
        let _ = sender.send(message);
        let filed = Filed { resource: self.hash(&resource()), number: self.next_id() };
        table.resources.insert(filed, sender.clone());
        table.private += usize::from(private && matches!(entry, Entry::Vacant(_)));
        entry.insert_entry(Place { queue: sender.clone(), filed, private });
        Delivery::Awaits(sender, queue)
    }

    /// Puts a message into the queue of the feed with this key, if there is one.
    pub(crate) fn offer(&self, key: &SharingKey, message: Message) -> bool {
        self.table().feeds.get(key).is_some_and(|place| place.queue.send(message).is_ok())
    }

    /// Tells all feeds of a resource that it was written to. They have it in their queues when this returns.
    pub(crate) fn invalidate(&self, resource: &str) {
        let resource = self.hash(resource);
        let all = Filed { resource, number: 0 }..=Filed { resource, number: u64::MAX };
        for (_, queue) in self.table().resources.range(all) {
            // A feed whose task is gone has nothing to show.
            let _ = queue.send(Message::Invalidated);
        }
    }

    fn hash(&self, resource: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.secret, resource).hash(&mut hasher);
        hasher.finish()
    }

    /// The queues of all feeds.
    pub(crate) fn feeds(&self) -> Vec<UnboundedSender<Message>> {
        self.table().feeds.values().map(|place| place.queue.clone()).collect()
    }

    /// The queue of the feed whose lineage this is.
    pub(crate) fn feed_of(&self, epoch: Epoch) -> Option<UnboundedSender<Message>> {
        self.table().epochs.get(&epoch).cloned()
    }

    /// Takes a feed out of the table, unless somebody has just asked it something.
    pub(crate) fn retire(&self, key: &SharingKey, epoch: Epoch, queue: &UnboundedReceiver<Message>) -> bool {
        let mut table = self.table();
        let idle = queue.is_empty();
        if idle {
            table.remove(key);
            table.epochs.remove(&epoch);
        }
        idle
    }

    /// Takes a feed out of the table whose task is dying. Looks at everything: this is for bugs.
    pub(crate) fn abandon(&self, owner: &UnboundedSender<Message>) {
        let mut table = self.table();
        table.feeds.retain(|_, place| !place.queue.same_channel(owner));
        table.resources.retain(|_, feed| !feed.same_channel(owner));
        table.private = table.feeds.values().filter(|place| place.private).count();
        table.epochs.retain(|_, feed| !feed.same_channel(owner));
    }

    pub(crate) fn forget_epoch(&self, epoch: Epoch) {
        self.table().epochs.remove(&epoch);
    }

    pub(crate) fn new_lineage(&self, key: &SharingKey, owner: &UnboundedSender<Message>) -> Lineage {
        let epoch = Epoch((self.entropy)());
        self.table().epochs.insert(epoch, owner.clone());
        // The secret keeps the id, which clients see, from telling anything about the credentials in the key.
        let mut hasher = DefaultHasher::new();
        (self.secret, key, "patch").hash(&mut hasher);
        let binding = Binding(hasher.finish() as u32);
        Lineage { id: FeedId(self.next_id()), epoch, binding, seed: (self.entropy)() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_spread_over_the_shards_whatever_numbers_lie_between_them() {
        for (shards, between) in [(1, 2), (2, 2), (2, 3), (3, 3), (4, 2)] {
            let limits = HubLimits { feeds: 8, private_feeds: 8, streams: 8, shards, pinned: 1 << 20 };
            let registry = Registry::start(Clock::new(), limits, || 7).expect("threads can be started");
            let mut on_each = vec![0; shards];
            for _ in 0..5 * shards {
                on_each[registry.next_shard().0] += 1;
                (0..between).for_each(|_| _ = registry.next_id());
            }
            assert_eq!(on_each, vec![5; shards], "{shards} shards, {between} numbers");
        }
    }
}
