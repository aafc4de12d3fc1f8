//! What a shard is told, by owners of feeds and by connections, and what it speaks to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_core::{Offset, Time, Wish};
use tidegate_wire::Kind;

use crate::encoded::Encoded;
use crate::frame::Coding;
use crate::published::{Published, StatusView};
use crate::stats::FeedCounters;
use crate::terms::Terms;

/// The transport of one subscriber.
///
/// It queues nothing: what it does not take over, the shard keeps as a position in bytes that are shared.
pub trait Sink {
    /// Takes over what it can of `frames`, one after the other, from the byte at `skip` of the first one on. Without
    /// frames it only passes on what it has taken over before. An error says that the connection is gone.
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written>;

    /// Looks at what came from the other side, or did not. An error says that the connection is gone, or is to go: a
    /// client of a stream has nothing to say.
    fn hear(&mut self) -> io::Result<()>;

    /// Nothing follows what was given. True once all of it was passed on, so that the connection can be let go of;
    /// else it is to be called again when there is room.
    fn finish(&mut self) -> io::Result<bool>;

    /// Its subscriber is let go of, with the rest of a frame that went in part. Of use where others write to the same
    /// connection.
    fn abandon(&mut self, _rest: Option<Bytes>) {}
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes taken over.
    pub bytes: usize,
    /// Nothing more goes until [`Command::Ready`].
    pub blocked: bool,
}

/// How a shard speaks to the owner of a feed.
pub trait FeedPort {
    /// Asks for the step of this kind from `from` to the head; answered with [`FeedCommand::Step`].
    fn request_step(&self, from: Offset, kind: Kind);

    /// A subscriber with this wish left.
    fn unsubscribed(&self, wish: Wish);
}

/// Names a feed among all of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u64);

/// Names a view of a feed: the whole, or a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId {
    /// The feed.
    pub feed: FeedId,
    /// The view, among those of its feed.
    pub view: u32,
}

impl ViewId {
    /// The view of a feed that is the whole.
    pub fn whole(feed: FeedId) -> ViewId {
        ViewId { feed, view: 0 }
    }
}

/// Names a subscriber among all of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriberId(pub u64);

/// Where a new subscriber stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It has nothing and expects nothing.
    Fresh,
    /// It named a position that proves nothing here: it gets a snapshot, and is told why.
    Unproven,
    /// It has the version at this offset.
    At(Offset),
}

/// A subscriber to be served as soon as its connection comes.
pub struct NewSubscriber<P> {
    /// Its name.
    pub id: SubscriberId,
    /// Where it stands.
    pub start: Start,
    /// Tells whoever asked for the stream that it may begin; false if nobody waits for it any more.
    pub admitted: Box<dyn FnOnce() -> bool + Send>,
    /// What it subscribes to, as it is now.
    pub view: ViewId,
    /// On which terms.
    pub terms: Terms,
    /// How old it lets its data become: the owner is told it again when it leaves.
    pub wish: Wish,
    /// How to speak to the feed's owner.
    pub port: P,
    /// The view's head.
    pub head: Arc<Published>,
    /// The feed's status.
    pub status: StatusView,
    /// How the feed's subscribers are served.
    pub manner: Manner,
    /// Where the feed's traffic is counted.
    pub counters: Arc<FeedCounters>,
}

/// How the subscribers of a feed are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The most time without a byte on a connection.
    pub heartbeat: Duration,
    /// Who fell behind gets the net effect of what it missed as one update; else every update, joined.
    pub conflate: bool,
}

/// How a stream begins on its connection.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// What is to be written before all else: the head of the answer, where nobody else writes it.
    pub head: Bytes,
    /// How what follows is coded.
    pub coding: Coding,
    /// When it has to end, because its client is somebody only until then.
    pub until: Option<Time>,
}

/// One step over several versions.
#[derive(Debug, Clone)]
pub enum Step {
    /// What leads there.
    To(Arc<Encoded>),
    /// Only the whole will do.
    Snapshot,
}

/// What a feed's owner tells a shard.
pub enum FeedCommand<P> {
    /// Somebody subscribed.
    Attach(Box<NewSubscriber<P>>),
    /// A view has a new head.
    Publish(ViewId, Arc<Published>),
    /// A feed's status changed.
    Status(ViewId, StatusView),
    /// The answer to [`FeedPort::request_step`].
    Step(ViewId, Offset, Kind, Step),
    /// A view ended: its streams end after this last status.
    End(ViewId, StatusView),
    /// The streams of a view end after this status, and their places are given back.
    Dismiss(ViewId, StatusView),
    /// A feed ended with all its views.
    EndAll(FeedId, StatusView),
}

/// What a shard is told.
pub enum Command<S, P> {
    /// By the owner of a feed.
    Feed(FeedCommand<P>),
    /// Here is the connection of a subscriber that was admitted.
    Connect(SubscriberId, S, Opening),
    /// The subscriber's connection is gone, or will never come.
    Detach(SubscriberId),
    /// The subscriber's connection has room again.
    Ready(SubscriberId),
    /// Something came from the subscriber's other side.
    Hear(SubscriberId),
    /// Memory runs short: some streams end, so that the others can stay.
    Shed,
    /// Everything ends: each stream is told when to come back.
    Shutdown,
}
