//! A shard: the subscribers of one event loop, and how updates reach them.
//!
//! Pure: commands and the time go in, frames go into [`Sink`]s. The thread around it is in `shard_thread`.
//!
//! [`Shard::handle`] takes note of what is to be done and returns at once; [`Shard::work`] does a part of it and
//! says whether more is left. Between two parts the thread looks at its sockets and its queue, so that neither a big
//! feed nor a big snapshot keeps the others waiting, and so that what comes in while the shard is busy leaves together.
//!
//! Invariants:
//! - A subscriber is a cursor. Nothing is queued for it: while its sink is blocked it stays where it is, with at most
//!   one shared frame that it took in part, and when there is room again it gets one step to the newest version.
//! - What such frames keep in memory is bounded; beyond it the stream that has stalled for longest is closed.
//! - All commands about a feed come from the feed's one owner, in order, so a shard's view of a feed is never newer
//!   than what it was told and never goes backwards.
//! - A subscriber's cursor only grows.
//!
//! It must not know where a feed's data comes from; what it does not have (a step over several versions) it asks the
//! feed's owner for, once for everyone who stands at the same version.

mod command;
mod feed_view;
mod pins;
mod serve;
mod subscriber;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use slab::Slab;
use tidegate_core::{Jitter, Offset, Time, Wish};
use tidegate_wire::{Format, Kind, Problem, ProblemKind};

pub use self::command::{
    Command, FeedCommand, FeedId, FeedPort, Manner, NewSubscriber, Opening, Sink, Start, Step, SubscriberId,
    ViewId, Written,
};
use self::feed_view::FeedView;
use self::pins::Pins;
pub(crate) use self::serve::Tally;
use self::subscriber::{Cursor, Ending, Plan, Progress, Subscriber, Ticks};
use crate::clock::Clock;
use crate::frame::{Coded, Coding, Frame};
use crate::published::StatusView;

/// The subscribers of one event loop.
pub struct Shard<S, P> {
    clock: Clock,
    jitter: Jitter,
    subscribers: Slab<Subscriber<S>>,
    names: HashMap<SubscriberId, usize>,
    feeds: HashMap<ViewId, FeedView<P>>,
    /// Subscribers that have something to do of their own.
    ready: VecDeque<usize>,
    /// Feeds that have something for their members.
    due: VecDeque<ViewId>,
    /// When there is something for those who are told only so often. Each is in it once at the most, and no other
    /// subscriber is looked at because of it.
    ticks: Ticks,
    /// Subscribers whose streams are ending, in no order.
    ending: Vec<SubscriberId>,
    pins: Pins,
    most_pinned: usize,
    /// Used again and again.
    plan: Plan,
    heartbeats: [Frame; Format::ALL.len()],
    next_heartbeats: Time,
    closing: bool,
}

/// How often heartbeats are looked after; their intervals are this exact.
const HEARTBEAT_TICK: Duration = Duration::from_millis(500);

/// When a client should come back after a broken connection: between these, evenly spread.
const RETRY: (f64, f64) = (1.0, 3.0);

/// How long a stream that ends may take to pass on what it was given: less than the program waits for its connections.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// One in so many streams is shed at a time.
pub(crate) const SHED_SHARE: usize = 50;

/// At least so many streams are shed at a time.
pub(crate) const LEAST_SHED: usize = 8;

/// When a client should come back.
fn retry(jitter: &mut Jitter) -> Duration {
    jitter.scale(Duration::from_secs(1), RETRY.0, RETRY.1)
}

impl<S: Sink, P: FeedPort> Shard<S, P> {
    /// What a subscriber takes here in memory, in bytes, beside what its connection and its name take.
    #[cfg(test)]
    pub(crate) fn subscriber_size() -> usize {
        size_of::<Subscriber<S>>()
    }

    /// A shard without subscribers. `seed` spreads what should not happen to all at once; unfinished writes may keep
    /// `most_pinned` bytes in memory.
    pub fn new(clock: Clock, seed: u64, most_pinned: usize) -> Shard<S, P> {
        Shard {
            clock,
            jitter: Jitter::new(seed),
            subscribers: Slab::new(),
            names: HashMap::new(),
            feeds: HashMap::new(),
            ready: VecDeque::new(),
            due: VecDeque::new(),
            ticks: Ticks::new(),
            ending: Vec::new(),
            pins: Pins::default(),
            most_pinned,
            plan: Plan::default(),
            heartbeats: Format::ALL.map(|format| Frame::new(format.heartbeat())),
            next_heartbeats: Time::default(),
            closing: false,
        }
    }

    /// Subscribers served.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// Bytes that unfinished writes keep in memory.
    pub fn pinned(&self) -> usize {
        self.pins.bytes()
    }

    /// When [`Shard::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        let tick = self.ticks.first().map(|(time, _)| *time);
        let heartbeats = (!self.subscribers.is_empty()).then_some(self.next_heartbeats);
        [tick, heartbeats].into_iter().flatten().min()
    }

    /// Sees to what is due: ticks, heartbeats, streams whose time is over, and ends that take too long. There may be
    /// [work](Shard::work) then.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((time, key)) = self.ticks.first().copied()
            && time <= now
        {
            self.ticks.pop_first();
            if let Some(pace) = &mut self.subscribers[key].pace {
                pace.ticking = false;
            }
            self.queue(key);
        }
        if now < self.next_heartbeats {
            return;
        }
        self.next_heartbeats = now + HEARTBEAT_TICK;
        for (key, subscriber) in &mut self.subscribers {
            let silent = now.since(subscriber.last_sent) + HEARTBEAT_TICK;
            let most = subscriber.heartbeat.map(|most| Duration::from_millis(most.get().into()));
            let due = most.is_some_and(|most| silent > most);
            if due && subscriber.is_open() && !subscriber.queued {
                subscriber.heartbeat_due = true;
                subscriber.queued = true;
                self.ready.push_back(key);
            }
        }
        self.expire(now);
        let mut ending = std::mem::take(&mut self.ending);
        ending.retain(|id| {
            let Some(key) = self.names.get(id).copied() else { return false };
            let in_time = self.subscribers[key].ending.as_ref().is_some_and(|ending| now < ending.until);
            if !in_time {
                self.remove(key);
            }
            in_time
        });
        self.ending = ending;
    }

    /// Takes note of what it is told.
    pub fn handle(&mut self, now: Time, command: Command<S, P>) {
        match command {
            Command::Feed(FeedCommand::Attach(subscriber)) => self.attach(now, *subscriber),
            Command::Feed(FeedCommand::Publish(feed, head)) => {
                if let Some(view) = self.feeds.get_mut(&feed) {
                    view.publish(head);
                    self.pass_due(feed);
                }
            }
            Command::Feed(FeedCommand::Status(feed, status)) => {
                if let Some(view) = self.feeds.get_mut(&feed) {
                    view.tell(status);
                    self.pass_due(feed);
                }
            }
            Command::Feed(FeedCommand::Step(view, from, kind, step)) => self.step(view, from, kind, step),
            Command::Feed(FeedCommand::End(view, status)) => self.end(now, view, &status),
            Command::Feed(FeedCommand::Dismiss(view, status)) => self.give_back(now, view, &status),
            Command::Feed(FeedCommand::EndAll(feed, status)) => {
                let views: Vec<_> = self.feeds.keys().filter(|view| view.feed == feed).copied().collect();
                views.into_iter().for_each(|view| self.end(now, view, &status));
            }
            Command::Connect(id, sink, opening) => self.connect(now, id, sink, opening),
            Command::Detach(id) => {
                if let Some(key) = self.names.get(&id).copied() {
                    self.remove(key);
                }
            }
            Command::Ready(id) => {
                if let Some(key) = self.names.get(&id).copied() {
                    self.subscribers[key].blocked = false;
                    self.queue(key);
                }
            }
            Command::Hear(id) => self.hear(id),
            Command::Shed => self.shed(now),
            Command::Shutdown => self.shutdown(now),
        }
    }

    fn attach(&mut self, now: Time, new: NewSubscriber<P>) {
        let NewSubscriber {
            id,
            start,
            admitted,
            view: view_id,
            terms,
            wish,
            port,
            head,
            status,
            manner,
            counters,
        } = new;
        if !admitted() {
            port.unsubscribed(wish);
            return;
        }
        let ending = self.closing.then(|| {
            // It was on its way when the others were told.
            port.unsubscribed(wish);
            let retry = retry(&mut self.jitter);
            let last = status.first_event(terms.format, now, &self.clock, false, retry);
            Box::new(Ending { last: Some(Frame::new(last)), until: now + LAST_WORDS })
        });
        let cursor = match start {
            Start::Fresh => Cursor::Fresh,
            Start::Unproven => Cursor::Unproven,
            Start::At(offset) => Cursor::At(offset),
        };
        if self.subscribers.is_empty() {
            self.next_heartbeats = now + HEARTBEAT_TICK;
        }
        let is_ending = ending.is_some();
        let key = self.subscribers.insert(Subscriber {
            id,
            view: view_id,
            terms,
            pace: None,
            wish,
            place: 0,
            sink: None,
            progress: Progress { cursor, updated: false, told: None, coded: Coded::begin(Coding::Identity) },
            pending: None,
            pin: None,
            blocked: false,
            queued: false,
            awaits: false,
            answered: false,
            heartbeat_due: false,
            unproven: start == Start::Unproven,
            heartbeat: match terms.format.is_carried() {
                true => None,
                false => NonZeroU32::new(u32::try_from(manner.heartbeat.as_millis()).unwrap_or(u32::MAX)),
            },
            last_sent: now,
            until: None,
            ending,
        });
        self.names.insert(id, key);
        if is_ending {
            self.ending.push(id);
            return;
        }
        let view = match self.feeds.entry(view_id) {
            Entry::Occupied(view) => {
                let view = view.into_mut();
                // The same state, but perhaps another time of the next try.
                if view.status.status != status.status {
                    view.tell(status);
                }
                view
            }
            Entry::Vacant(place) => {
                place.insert(FeedView::new(view_id, port, manner, head, status, counters))
            }
        };
        self.subscribers[key].place = view.members.len();
        view.members.push(key);
    }

    fn connect(&mut self, now: Time, id: SubscriberId, sink: S, opening: Opening) {
        // Without a name it was let go of; so is its connection.
        let Some(key) = self.names.get(&id).copied() else { return };
        let subscriber = &mut self.subscribers[key];
        subscriber.sink = Some(sink);
        let coded = Coded::begin(opening.coding);
        let first = match coded.header() {
            [] => opening.head,
            header => [&opening.head[..], header].concat().into(),
        };
        subscriber.progress.coded = coded;
        subscriber.pending = (!first.is_empty()).then(|| Box::new((first, 0)));
        subscriber.last_sent = now;
        subscriber.until = opening.until.map(Box::new);
        self.queue(key);
    }

    fn hear(&mut self, id: SubscriberId) {
        let Some(key) = self.names.get(&id).copied() else { return };
        let Some(sink) = &mut self.subscribers[key].sink else { return };
        if sink.hear().is_err() {
            self.remove(key);
        }
    }

    fn step(&mut self, view: ViewId, from: Offset, kind: Kind, step: Step) {
        let Some(view) = self.feeds.get_mut(&view) else { return };
        for key in view.answer(from, kind, step) {
            if let Some(subscriber) = self.subscribers.get_mut(key) {
                (subscriber.awaits, subscriber.answered) = (false, true);
            }
            self.queue(key);
        }
    }

    fn end(&mut self, now: Time, feed: ViewId, status: &StatusView) {
        let Some(view) = self.feeds.remove(&feed) else { return };
        for key in view.members {
            self.dismiss(now, key, status, None);
        }
    }

    fn shutdown(&mut self, now: Time) {
        self.closing = true;
        let feeds: Vec<_> = self.feeds.iter().map(|(id, view)| (*id, view.status.clone())).collect();
        for (view, status) in feeds {
            // Their owners do not know: the feeds would be polled on for nobody.
            self.give_back(now, view, &status);
        }
    }

    /// Ends the streams of a view, whose owner counts them still.
    fn give_back(&mut self, now: Time, view: ViewId, status: &StatusView) {
        if let Some(view) = self.feeds.get(&view) {
            view.members.iter().for_each(|key| view.port.unsubscribed(self.subscribers[*key].wish));
        }
        self.end(now, view, status);
    }

    /// Puts a subscriber into the queue of those that have something to do.
    fn queue(&mut self, key: usize) {
        if let Some(subscriber) = self.subscribers.get_mut(key)
            && !std::mem::replace(&mut subscriber.queued, true)
        {
            self.ready.push_back(key);
        }
    }

    /// All members of a feed are to be looked at.
    fn pass_due(&mut self, feed: ViewId) {
        let Some(view) = self.feeds.get_mut(&feed) else { return };
        if std::mem::replace(&mut view.pass.queued, true) {
            view.pass.again = true;
        } else {
            view.pass.next = 0;
            self.due.push_back(feed);
        }
    }

    /// Lets go of a subscriber.
    fn remove(&mut self, key: usize) {
        let Some(mut subscriber) = self.subscribers.try_remove(key) else { return };
        self.names.remove(&subscriber.id);
        subscriber.disarm(key, &mut self.ticks);
        if let Some(pin) = subscriber.pin {
            self.pins.release(pin);
        }
        let (left, feed) = (subscriber.ending.is_none(), subscriber.view);
        let (place, wish) = (subscriber.place, subscriber.wish);
        if let Some(sink) = &mut subscriber.sink {
            sink.abandon(subscriber.pending.take().map(|pending| pending.0.slice(pending.1..)));
        }
        // Its socket and its place among the streams are free before its feed's owner hears that it left.
        drop(subscriber);
        if left {
            self.leave_feed(feed, place, wish);
        }
    }

    /// Lets go of a subscriber that stalls in the middle of a frame, and of the frame: nothing is to keep the rest for it.
    fn cut(&mut self, key: usize) {
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            subscriber.pending = None;
        }
        self.remove(key);
    }

    /// Takes the member at `place` out of a feed.
    fn leave_feed(&mut self, feed: ViewId, place: usize, wish: Wish) {
        let Some(view) = self.feeds.get_mut(&feed) else { return };
        view.port.unsubscribed(wish);
        view.members.swap_remove(place);
        // The one that moved stood at the end.
        let (moved, end) = (view.members.get(place).copied(), view.members.len());
        let passed_over = place < view.pass.next && end >= view.pass.next;
        if view.members.is_empty() {
            self.feeds.remove(&feed);
        }
        if let Some(moved) = moved {
            self.subscribers[moved].place = place;
            if passed_over {
                // It had no turn yet, and its new place had it already.
                self.queue(moved);
            }
        }
    }

    /// Ends some streams: those that keep the most in memory first, then those that came last.
    fn shed(&mut self, now: Time) {
        let mut count = (self.subscribers.len() / SHED_SHARE).max(LEAST_SHED);
        while count > 0
            && let Some(key) = self.pins.oldest()
        {
            self.cut(key);
            count -= 1;
        }
        let mut newest: Vec<_> = self.names.iter().map(|(id, key)| (id.0, *key)).collect();
        newest.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        newest.retain(|(_, key)| self.subscribers[*key].ending.is_none());
        for (_, key) in newest.into_iter().take(count) {
            self.send_off(now, key, None);
        }
    }

    /// Ends the streams whose clients' tokens have expired.
    fn expire(&mut self, now: Time) {
        let over = |subscriber: &Subscriber<S>| {
            subscriber.ending.is_none() && subscriber.until.as_ref().is_some_and(|until| now >= **until)
        };
        let expired: Vec<usize> =
            self.subscribers.iter().filter_map(|(key, subscriber)| over(subscriber).then_some(key)).collect();
        for key in expired {
            let problem = Problem::new(ProblemKind::TokenInvalid)
                .with_detail("the token that this stream was opened with has expired");
            self.send_off(now, key, Some(problem));
        }
    }

    /// Has one stream of a feed end, whose others go on.
    fn send_off(&mut self, now: Time, key: usize, because: Option<Problem>) {
        let subscriber = &self.subscribers[key];
        let (feed, place, wish) = (subscriber.view, subscriber.place, subscriber.wish);
        let Some(status) = self.feeds.get(&feed).map(|view| view.status.clone()) else { return };
        self.leave_feed(feed, place, wish);
        self.dismiss(now, key, &status, because);
    }

    /// Has a subscriber's stream end, with the status and when to come back. `because`: why, where that is the stream's
    /// own and not the feed's.
    fn dismiss(&mut self, now: Time, key: usize, status: &StatusView, because: Option<Problem>) {
        let retry = retry(&mut self.jitter);
        let subscriber = &mut self.subscribers[key];
        // Who was not told by the note keeps its position, and will be told next time.
        let progress = subscriber.progress;
        let unproven = subscriber.unproven && progress.told.is_none() && progress.cursor != Cursor::Unproven;
        let format = subscriber.terms.format;
        let last = match because {
            None => status.first_event(format, now, &self.clock, unproven, retry),
            Some(problem) => status.last_event(format, now, &self.clock, unproven, retry, problem),
        };
        let last = Frame::new(last);
        subscriber.ending = Some(Box::new(Ending { last: Some(last), until: now + LAST_WORDS }));
        self.ending.push(subscriber.id);
        self.queue(key);
    }
}
