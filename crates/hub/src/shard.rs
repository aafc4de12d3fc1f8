//! A shard: the subscribers of one event loop, and how updates reach them.
//!
//! Pure: commands and the time go in, frames go into [`Sink`]s. The thread around it is in `shard_thread`.
//!
//! Invariants:
//! - A subscriber is a cursor. Nothing is queued for it: while its sink is busy it stays where it is, and when the
//!   sink is free again it gets one step to the newest version.
//! - All commands about a feed come from the feed's one owner, in order, so a shard's view of a feed is never newer
//!   than what it was told and never goes backwards.
//! - A subscriber's cursor only grows.
//!
//! It must not know where a feed's data comes from; what it does not have (a step over several versions) it asks the
//! feed's owner for, once for everyone who stands at the same version.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_core::{Jitter, Offset, Time};
use tidegate_wire::sse::{HEARTBEAT, UNPROVEN, note};

use crate::clock::Clock;
use crate::published::{Published, StatusView};
use crate::stats::FeedCounters;

/// The transport of one subscriber: takes one frame at a time.
pub trait Sink {
    /// Whether everything given so far has been taken over by the connection, so that another frame may come.
    fn is_ready(&self) -> bool;

    /// Gives a frame to the connection. Only called when ready.
    fn send(&mut self, frame: Bytes);

    /// Ends the connection after what was given and one last frame. May be called when not ready: an end has its own
    /// place, so that a slow client learns when to come back, too.
    fn close(&mut self, last: Bytes);

    /// Whether the connection is gone. Its [`Command::Detach`] may come before its [`Command::Attach`], because the
    /// two travel on different ways; then this tells that there will be no other.
    fn is_gone(&self) -> bool;
}

/// How a shard speaks to the owner of a feed.
pub trait FeedPort {
    /// Asks for the step from `from` to the head; answered with [`Command::Step`].
    fn request_step(&self, from: Offset);

    /// A subscriber left.
    fn unsubscribed(&self);
}

/// Names a feed among all of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeedId(pub u64);

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

/// A subscriber to be served.
pub struct NewSubscriber<S, P> {
    /// Its name.
    pub id: SubscriberId,
    /// Its transport.
    pub sink: S,
    /// Where it stands.
    pub start: Start,
    /// The most time without a byte on its connection.
    pub heartbeat: Duration,
    /// The feed it subscribes to, as it is now.
    pub feed: FeedId,
    /// How to speak to the feed's owner.
    pub port: P,
    /// The feed's head.
    pub head: Arc<Published>,
    /// The feed's status.
    pub status: StatusView,
    /// Where the feed's traffic is counted.
    pub counters: Arc<FeedCounters>,
}

/// One step over several versions.
#[derive(Debug, Clone)]
pub enum Step {
    /// A patch event that leads to this offset.
    Patch(Offset, Bytes),
    /// Only the whole will do.
    Snapshot,
}

/// What a shard is told.
pub enum Command<S, P> {
    /// Serve this subscriber from now on.
    Attach(Box<NewSubscriber<S, P>>),
    /// The subscriber's connection is gone.
    Detach(SubscriberId),
    /// The subscriber's sink is ready again.
    Ready(SubscriberId),
    /// A feed has a new head.
    Publish(FeedId, Arc<Published>),
    /// A feed's status changed.
    Status(FeedId, StatusView),
    /// The answer to [`FeedPort::request_step`].
    Step(FeedId, Offset, Step),
    /// A feed ended: its streams end after this last status.
    End(FeedId, StatusView),
    /// Everything ends: each stream is told when to come back.
    Shutdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    Fresh,
    /// The note that precedes the snapshot is still to be sent.
    Unproven,
    At(Offset),
}

struct Subscriber<S> {
    feed: FeedId,
    sink: S,
    cursor: Cursor,
    /// It got an update on this connection.
    updated: bool,
    /// The sequence number of the last status sent; none before the first.
    told: Option<u64>,
    unproven: bool,
    heartbeat: Duration,
    last_sent: Time,
}

impl<S> Subscriber<S> {
    /// It is being given the update that leads to `offset`.
    fn moved_to(&mut self, offset: Offset) {
        debug_assert!(
            !matches!(self.cursor, Cursor::At(before) if before >= offset),
            "a subscriber's cursor only grows"
        );
        self.cursor = Cursor::At(offset);
        self.updated = true;
    }
}

struct FeedView<P> {
    port: P,
    head: Arc<Published>,
    status: StatusView,
    status_event: Option<Bytes>,
    subscribers: HashSet<SubscriberId>,
    /// Steps to the head that were asked for; `None` while the answer is awaited.
    steps: HashMap<Offset, Option<Step>>,
    counters: Arc<FeedCounters>,
}

/// The subscribers of one event loop.
pub struct Shard<S, P> {
    clock: Clock,
    jitter: Jitter,
    subscribers: HashMap<SubscriberId, Subscriber<S>>,
    feeds: HashMap<FeedId, FeedView<P>>,
    next_heartbeats: Time,
    closing: bool,
}

/// How often heartbeats are looked after; their intervals are this exact.
const HEARTBEAT_TICK: Duration = Duration::from_millis(500);

/// When a client should come back after a broken connection: between these, evenly spread.
const RETRY: (f64, f64) = (1.0, 3.0);

impl<S: Sink, P: FeedPort> Shard<S, P> {
    /// A shard without subscribers. `seed` spreads what should not happen to all at once.
    pub fn new(clock: Clock, seed: u64) -> Shard<S, P> {
        Shard {
            clock,
            jitter: Jitter::new(seed),
            subscribers: HashMap::new(),
            feeds: HashMap::new(),
            next_heartbeats: Time::default(),
            closing: false,
        }
    }

    /// Subscribers served.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// When [`Shard::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.subscribers.is_empty()).then_some(self.next_heartbeats)
    }

    /// Sends the heartbeats that are due.
    pub fn handle_timeout(&mut self, now: Time) {
        if now < self.next_heartbeats {
            return;
        }
        self.next_heartbeats = now + HEARTBEAT_TICK;
        for subscriber in self.subscribers.values_mut() {
            let due = now.since(subscriber.last_sent) + HEARTBEAT_TICK > subscriber.heartbeat;
            if due && subscriber.sink.is_ready() {
                subscriber.sink.send(HEARTBEAT);
                subscriber.last_sent = now;
                if let Some(feed) = self.feeds.get(&subscriber.feed) {
                    feed.counters.sent(HEARTBEAT.len());
                }
            }
        }
    }

    /// Does what it is told.
    pub fn handle(&mut self, now: Time, command: Command<S, P>) {
        match command {
            Command::Attach(subscriber) => self.attach(now, *subscriber),
            Command::Detach(id) => self.detach(id),
            Command::Ready(id) => self.serve(now, id),
            Command::Publish(feed, head) => self.publish(now, feed, head),
            Command::Status(feed, status) => self.status(now, feed, status),
            Command::Step(feed, from, step) => self.step(now, feed, from, step),
            Command::End(feed, status) => self.end(now, feed, status),
            Command::Shutdown => self.shutdown(now),
        }
    }

    fn attach(&mut self, now: Time, new: NewSubscriber<S, P>) {
        let NewSubscriber { id, mut sink, start, heartbeat, feed, port, head, status, counters } = new;
        if sink.is_gone() {
            port.unsubscribed();
            return;
        }
        if self.closing {
            // It was on its way when the others were told.
            port.unsubscribed();
            let (retry, unproven) = (self.retry(), start == Start::Unproven);
            let frame = status.first_event(now, &self.clock, unproven, retry);
            counters.sent(frame.len());
            sink.close(frame);
            return;
        }
        let view = match self.feeds.entry(feed) {
            Entry::Occupied(view) => {
                let view = view.into_mut();
                // The same state, but perhaps another time of the next try.
                if view.status.status != status.status {
                    view.status = status;
                    view.status_event = None;
                }
                view
            }
            Entry::Vacant(place) => place.insert(FeedView {
                port,
                head,
                status,
                status_event: None,
                subscribers: HashSet::new(),
                steps: HashMap::new(),
                counters,
            }),
        };
        view.subscribers.insert(id);
        let cursor = match start {
            Start::Fresh => Cursor::Fresh,
            Start::Unproven => Cursor::Unproven,
            Start::At(offset) => Cursor::At(offset),
        };
        let unproven = start == Start::Unproven;
        self.subscribers.insert(
            id,
            Subscriber {
                feed,
                sink,
                cursor,
                updated: false,
                told: None,
                unproven,
                heartbeat,
                last_sent: now,
            },
        );
        if self.subscribers.len() == 1 {
            self.next_heartbeats = now + HEARTBEAT_TICK;
        }
        self.serve(now, id);
    }

    fn detach(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.remove(&id) else { return };
        let Some(feed) = self.feeds.get_mut(&subscriber.feed) else { return };
        feed.subscribers.remove(&id);
        feed.port.unsubscribed();
        if feed.subscribers.is_empty() {
            self.feeds.remove(&subscriber.feed);
        }
    }

    fn publish(&mut self, now: Time, feed: FeedId, head: Arc<Published>) {
        let Some(view) = self.feeds.get_mut(&feed) else { return };
        debug_assert!(head.offset() > view.head.offset(), "a feed never goes backwards");
        view.head = head;
        view.steps.retain(|_, step| step.is_none());
        self.serve_all(now, feed);
    }

    fn status(&mut self, now: Time, feed: FeedId, status: StatusView) {
        let Some(view) = self.feeds.get_mut(&feed) else { return };
        view.status = status;
        view.status_event = None;
        self.serve_all(now, feed);
    }

    fn step(&mut self, now: Time, feed: FeedId, from: Offset, step: Step) {
        let Some(view) = self.feeds.get_mut(&feed) else { return };
        view.steps.insert(from, Some(step));
        self.serve_all(now, feed);
    }

    fn end(&mut self, now: Time, feed: FeedId, status: StatusView) {
        let Some(view) = self.feeds.remove(&feed) else { return };
        for id in view.subscribers {
            let retry = self.retry();
            if let Some(mut subscriber) = self.subscribers.remove(&id) {
                let unproven = subscriber.unproven && subscriber.told.is_none();
                let frame = status.first_event(now, &self.clock, unproven, retry);
                view.counters.sent(frame.len());
                subscriber.sink.close(frame);
            }
        }
    }

    fn shutdown(&mut self, now: Time) {
        self.closing = true;
        let feeds: Vec<_> = self.feeds.iter().map(|(id, view)| (*id, view.status.clone())).collect();
        for (feed, status) in feeds {
            // Their owners do not know: the feeds would be polled on for nobody.
            if let Some(view) = self.feeds.get(&feed) {
                view.subscribers.iter().for_each(|_| view.port.unsubscribed());
            }
            self.end(now, feed, status);
        }
    }

    fn serve_all(&mut self, now: Time, feed: FeedId) {
        let Some(view) = self.feeds.get(&feed) else { return };
        let ids: Vec<_> = view.subscribers.iter().copied().collect();
        for id in ids {
            self.serve(now, id);
        }
    }

    /// Gives a subscriber what it lacks, as long as its connection takes it.
    fn serve(&mut self, now: Time, id: SubscriberId) {
        let retry = self.retry();
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let Some(view) = self.feeds.get_mut(&subscriber.feed) else { return };
        while subscriber.sink.is_ready() {
            // The first status follows the first update at once: a slow connection to a busy feed would never be
            // at the head long enough to be told.
            let first_status_due = subscriber.updated && subscriber.told.is_none();
            let next = if first_status_due { Next::Nothing } else { view.next_update(subscriber) };
            let frame = match next {
                Next::Frame(frame) => Some(frame),
                Next::Awaited => None,
                Next::Nothing => view.next_status(subscriber, now, &self.clock, retry),
            };
            let Some(frame) = frame else { return };
            view.counters.sent(frame.len());
            subscriber.sink.send(frame);
            subscriber.last_sent = now;
        }
    }

    fn retry(&mut self) -> Duration {
        self.jitter.scale(Duration::from_secs(1), RETRY.0, RETRY.1)
    }
}

enum Next {
    Frame(Bytes),
    /// The step to the head is being made.
    Awaited,
    /// It is at the head.
    Nothing,
}

impl<P: FeedPort> FeedView<P> {
    /// The update that brings the subscriber to the head; its cursor moves with it.
    fn next_update<S>(&mut self, subscriber: &mut Subscriber<S>) -> Next {
        let head = self.head.offset();
        let from = match subscriber.cursor {
            Cursor::Unproven => {
                subscriber.cursor = Cursor::Fresh;
                return Next::Frame(note(UNPROVEN));
            }
            Cursor::Fresh => return self.snapshot(subscriber),
            Cursor::At(offset) if offset == head => return Next::Nothing,
            Cursor::At(offset) => offset,
        };
        if from.next() == head {
            return match self.head.patch_event() {
                Some(patch) => {
                    subscriber.moved_to(head);
                    self.counters.patched();
                    Next::Frame(patch.clone())
                }
                None => self.snapshot(subscriber),
            };
        }
        match self.steps.get(&from) {
            Some(Some(Step::Patch(to, frame))) => {
                subscriber.moved_to(*to);
                self.counters.patched();
                Next::Frame(frame.clone())
            }
            Some(Some(Step::Snapshot)) => self.snapshot(subscriber),
            Some(None) => Next::Awaited,
            None => {
                self.steps.insert(from, None);
                self.port.request_step(from);
                Next::Awaited
            }
        }
    }

    fn snapshot<S>(&self, subscriber: &mut Subscriber<S>) -> Next {
        subscriber.moved_to(self.head.offset());
        self.counters.snapshot();
        Next::Frame(self.head.snapshot_event().clone())
    }

    /// The status that a subscriber at the head was not told yet.
    fn next_status<S>(
        &mut self,
        subscriber: &mut Subscriber<S>,
        now: Time,
        clock: &Clock,
        retry: Duration,
    ) -> Option<Bytes> {
        let newest = self.status.status.sequence;
        let first = subscriber.told.is_none();
        if subscriber.told.replace(newest) == Some(newest) {
            return None;
        }
        if first {
            return Some(self.status.first_event(now, clock, subscriber.unproven, retry));
        }
        let event = self.status_event.get_or_insert_with(|| self.status.event(now, clock));
        Some(event.clone())
    }
}

#[cfg(test)]
mod tests;
