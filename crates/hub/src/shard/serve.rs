//! The work of a shard: writing to connections.

use tidegate_core::Time;

use super::command::{FeedPort, Sink, ViewId};
use super::feed_view::{Next, Usual};
use super::subscriber::{Begun, Counted, Pace};
use super::{Shard, retry};

/// How many subscribers of the queue are served before other work has its turn.
const QUEUE_TURN: usize = 64;

/// How many members of a feed are served before other work has its turn: about two milliseconds of sending.
const PASS_TURN: usize = 256;

/// How many bytes are written before other work has its turn.
const TURN_BYTES: u64 = 4 << 20;

/// The most frames that leave in one write.
const MOST_FRAMES: usize = 8;

/// How much of an unfinished frame may be left for more to be planned behind it. What is planned and not begun is
/// planned anew the next time.
const NEARLY_DONE: usize = 16 * 1024;

/// What was written in a turn.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sends: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) snapshots: u64,
    pub(crate) patches: u64,
    /// Updates that left in the same write as another.
    pub(crate) joined: u64,
    /// Versions whose effect an update brought that stood for several.
    pub(crate) conflated: u64,
}

impl Tally {
    fn add(&mut self, bytes: usize, begun: Begun) {
        self.sends += u64::from(bytes > 0);
        self.bytes += bytes as u64;
        self.frames += begun.frames;
        self.snapshots += begun.snapshots;
        self.patches += begun.updates - begun.snapshots;
        self.joined += begun.updates.saturating_sub(1);
        self.conflated += begun.conflated;
    }
}

/// What became of a subscriber's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has all it can have now.
    Over,
    /// Its connection would take more.
    More,
    /// Its connection is gone, or its stream is at its end.
    Gone,
}

impl<S: Sink, P: FeedPort> Shard<S, P> {
    /// Does a part of what is to be done. True if more is left.
    pub fn work(&mut self, now: Time) -> bool {
        let mut bytes = 0;
        for _ in 0..QUEUE_TURN {
            let Some(key) = self.ready.pop_front() else { break };
            bytes += self.queued_turn(now, key);
            if bytes > TURN_BYTES {
                break;
            }
        }
        if let Some(feed) = self.due.pop_front()
            && !self.pass(now, feed)
        {
            self.due.push_back(feed);
        }
        self.unpin();
        !self.ready.is_empty() || !self.due.is_empty()
    }

    /// Serves a subscriber that has something to do of its own. Gives the bytes written.
    fn queued_turn(&mut self, now: Time, key: usize) -> u64 {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return 0 };
        subscriber.queued = false;
        // Its feed may be gone afterwards: a stream of one snapshot may have been the last.
        let counters = self.feeds.get(&subscriber.view).map(|view| view.counters.clone());
        let mut tally = Tally::default();
        let turn = self.serve(now, key, &mut tally);
        if let Some(counters) = counters {
            counters.wrote(&tally);
        }
        match turn {
            Turn::Over => {}
            Turn::More => self.queue(key),
            Turn::Gone => self.remove(key),
        }
        tally.bytes
    }

    /// Serves some of a feed's members. True when all had their turn.
    fn pass(&mut self, now: Time, feed: ViewId) -> bool {
        let (mut tally, mut gone) = (Tally::default(), Vec::new());
        let Some(view) = self.feeds.get(&feed) else { return true };
        let (counters, usual) = (view.counters.clone(), view.usual());
        for _ in 0..PASS_TURN {
            // The last stream may have been one of a single snapshot.
            let Some(view) = self.feeds.get_mut(&feed) else { break };
            let Some(key) = view.members.get(view.pass.next).copied() else { break };
            view.pass.next += 1;
            let turn = usual.as_ref().and_then(|usual| self.serve_usual(now, key, usual, &mut tally));
            match turn.unwrap_or_else(|| self.serve(now, key, &mut tally)) {
                Turn::Over => {}
                Turn::More => self.queue(key),
                Turn::Gone => gone.push(key),
            }
            if tally.bytes > TURN_BYTES {
                break;
            }
        }
        counters.wrote(&tally);
        gone.into_iter().for_each(|key| self.remove(key));
        let Some(view) = self.feeds.get_mut(&feed) else { return true };
        if view.pass.next < view.members.len() {
            return false;
        }
        view.pass.next = 0;
        view.pass.queued = std::mem::take(&mut view.pass.again);
        !view.pass.queued
    }

    /// Gives a subscriber what nearly everyone lacks, if that is all it lacks.
    fn serve_usual(&mut self, now: Time, key: usize, usual: &Usual, tally: &mut Tally) -> Option<Turn> {
        let subscriber = self.subscribers.get_mut(key)?;
        if subscriber.blocked
            || subscriber.pending.is_some()
            || !usual.is_all_for(subscriber.progress, subscriber.terms)
        {
            return None;
        }
        let sink = subscriber.sink.as_mut()?;
        let (bytes, after) = usual.write(subscriber.progress, subscriber.terms.format);
        let Ok(written) = sink.write(std::slice::from_ref(bytes), 0) else { return Some(Turn::Gone) };
        subscriber.blocked = written.blocked;
        if written.bytes > 0 {
            subscriber.progress = after;
            (subscriber.awaits, subscriber.answered) = (false, false);
            subscriber.last_sent = now;
            tally.add(written.bytes, Begun { frames: 1, updates: 1, ..Begun::default() });
        }
        if written.bytes == bytes.len() || written.bytes == 0 {
            return Some(Turn::Over);
        }
        subscriber.pending = Some(Box::new((bytes.clone(), written.bytes)));
        self.pin(key);
        Some(if written.blocked { Turn::Over } else { Turn::More })
    }

    /// Gives a subscriber what it lacks, as far as its connection takes it.
    fn serve(&mut self, now: Time, key: usize, tally: &mut Tally) -> Turn {
        let Shard { subscribers, feeds, plan, heartbeats, ticks, .. } = self;
        let Some(subscriber) = subscribers.get_mut(key) else { return Turn::Over };
        if !subscriber.is_open() {
            return Turn::Over;
        }
        plan.clear();
        let mut at = subscriber.progress;
        // Whether there is more to plan once this is written.
        let mut more = false;
        let mut answered = subscriber.answered;
        if let Some((frame, gone)) = subscriber.pending.as_deref() {
            plan.push(frame.clone(), at, Counted::default());
            more = frame.len() - gone > NEARLY_DONE;
        }
        if more {
            // The rest of a large frame is work enough.
        } else if let Some(ending) = &mut subscriber.ending {
            if let Some(last) = &ending.last {
                plan.push(at.coded.write_last(last), at, Counted::default());
            }
        } else if let Some(view) = feeds.get_mut(&subscriber.view) {
            loop {
                if plan.frames.len() == MOST_FRAMES {
                    more = true;
                    break;
                }
                if subscriber.has_all(at) {
                    break;
                }
                let held = subscriber.is_held(now, at) && view.is_behind(at);
                if held && subscriber.waits_until(now).is_some() {
                    subscriber.arm(key, ticks);
                }
                let next = match at.first_status_due() || held {
                    true => Next::Nothing,
                    false => view.next_update(at, subscriber.terms, answered),
                };
                match next {
                    Next::Frame(frame, after, counted) => {
                        answered &= counted.updates == 0;
                        at = plan.push_frame(&frame, after, counted);
                    }
                    Next::Awaited(from, kind) => {
                        if at.cursor != subscriber.progress.cursor {
                            // It waits there once it is there.
                            more = true;
                        } else if !subscriber.awaits {
                            subscriber.awaits = true;
                            view.wait(from, kind, key);
                        }
                        break;
                    }
                    Next::Nothing => {
                        let retry = || retry(&mut self.jitter);
                        let (format, unproven) = (subscriber.terms.format, subscriber.unproven);
                        let status = view.next_status(at, format, unproven, now, &self.clock, retry);
                        let Some((frame, after)) = status else { break };
                        at = plan.push_frame(&frame, after, Counted::default());
                    }
                }
            }
            if std::mem::take(&mut subscriber.heartbeat_due) && plan.frames.is_empty() {
                plan.push_frame(&heartbeats[subscriber.terms.format.index()], at, Counted::default());
            }
        }
        self.write(now, key, more, tally)
    }

    /// Takes note that a subscriber was given an update.
    fn told(&mut self, now: Time, key: usize) {
        let subscriber = &mut self.subscribers[key];
        (subscriber.awaits, subscriber.answered) = (false, false);
        let (Some(rate), Some(view)) = (subscriber.terms.rate, self.feeds.get(&subscriber.view)) else {
            return;
        };
        subscriber.disarm(key, &mut self.ticks);
        let not_before = rate.tick_after(now, view.grid());
        subscriber.pace = Some(Box::new(Pace { not_before, ticking: false }));
        if view.is_behind(subscriber.progress) {
            // What it was given led to an older head.
            subscriber.arm(key, &mut self.ticks);
        }
    }

    /// Writes the plan to a subscriber's connection. `more`: there is more to be planned then.
    fn write(&mut self, now: Time, key: usize, more: bool, tally: &mut Tally) -> Turn {
        let plan = &self.plan;
        let subscriber = &mut self.subscribers[key];
        let Some(sink) = &mut subscriber.sink else { return Turn::Over };
        let planned: usize = plan.frames.iter().map(bytes::Bytes::len).sum();
        let skip = subscriber.pending.as_ref().map_or(0, |pending| pending.1);
        let Ok(written) = sink.write(&plan.frames, skip) else { return Turn::Gone };
        let begun = subscriber.wrote(plan, written);
        let was_ending = subscriber.ending.is_some();
        tally.add(written.bytes, begun);
        if written.bytes > 0 {
            subscriber.last_sent = now;
        }
        if begun.updates > 0 {
            self.told(now, key);
        }
        if self.subscribers[key].is_done() {
            self.send_off(now, key, None);
        }
        let unfinished = more || written.bytes + skip < planned;
        self.pin(key);
        let subscriber = &mut self.subscribers[key];
        let Some(ending) = subscriber.ending.as_mut().filter(|_| was_ending) else {
            return if unfinished && !written.blocked { Turn::More } else { Turn::Over };
        };
        if begun.frames > 0 {
            ending.last = None;
        }
        if ending.last.is_some() || subscriber.pending.is_some() {
            return if written.blocked { Turn::Over } else { Turn::More };
        }
        match subscriber.sink.as_mut().map(Sink::finish) {
            Some(Ok(false)) => {
                subscriber.blocked = true;
                Turn::Over
            }
            _ => Turn::Gone,
        }
    }

    /// Takes note of what a subscriber's unfinished write keeps in memory, or does not any more.
    fn pin(&mut self, key: usize) {
        let subscriber = &mut self.subscribers[key];
        if let Some(pin) = subscriber.pin.take() {
            self.pins.release(pin);
        }
        if let (true, Some((frame, _))) = (subscriber.blocked, subscriber.pending.as_deref()) {
            subscriber.pin = Some(self.pins.hold(key, frame));
        }
    }

    /// Closes the streams that have stalled for longest, until what unfinished writes keep is within its budget. One
    /// frame is always allowed, however large: else nobody on a slow network could ever read it.
    fn unpin(&mut self) {
        while self.pins.bytes() > self.most_pinned && self.pins.frames() > 1 {
            let Some(key) = self.pins.oldest() else { return };
            if let Some(subscriber) = self.subscribers.get(key)
                && let Some(view) = self.feeds.get(&subscriber.view)
            {
                view.counters.unpinned();
            }
            self.cut(key);
        }
    }
}
