//! The shard alone, with sinks and a port that note what they are told.

mod pressure;
mod terms;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::encoded::Encoded;
use crate::published::{Published, StatusView};
use crate::stats::FeedCounters;
use crate::terms::Terms;
use http::HeaderMap;
use tidegate_core::{
    Binding, Document, Epoch, Failure, FailureKind, Form, Position, State, Status, Validators, Version,
};

#[derive(Default)]
struct Wire {
    frames: RefCell<Vec<String>>,
    /// All that was ever taken, as it came.
    raw: RefCell<Vec<Bytes>>,
    busy: Cell<bool>,
    writes: Cell<usize>,
    closed: Cell<bool>,
    gone: Cell<bool>,
}

impl Wire {
    fn take(&self) -> Vec<String> {
        self.busy.set(false);
        std::mem::take(&mut self.frames.borrow_mut())
    }
}

/// `patient` sinks take one frame until the test takes it; others take all.
struct TestSink {
    wire: Rc<Wire>,
    patient: bool,
}

impl Drop for TestSink {
    fn drop(&mut self) {
        self.wire.closed.set(true);
    }
}

impl Sink for TestSink {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        assert_eq!(skip, 0, "these take frames whole");
        if self.wire.busy.get() {
            return Ok(Written { bytes: 0, blocked: true });
        }
        let most = if self.patient { 1 } else { frames.len() };
        let taken = &frames[..most.min(frames.len())];
        let text = |frame: &Bytes| String::from_utf8_lossy(frame).into_owned();
        self.wire.raw.borrow_mut().extend_from_slice(taken);
        self.wire.frames.borrow_mut().extend(taken.iter().map(text));
        self.wire.writes.set(self.wire.writes.get() + usize::from(!taken.is_empty()));
        self.wire.busy.set(self.patient && !taken.is_empty());
        Ok(Written { bytes: taken.iter().map(Bytes::len).sum(), blocked: self.wire.busy.get() })
    }
    fn hear(&mut self) -> io::Result<()> {
        match self.wire.gone.get() {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        }
    }
    fn finish(&mut self) -> io::Result<bool> {
        Ok(!self.wire.busy.get())
    }
}

#[derive(Clone, Default)]
struct TestPort {
    steps: Rc<RefCell<Vec<Offset>>>,
    /// Which steps were asked for that are no patches.
    others: Rc<RefCell<Vec<(Offset, Kind)>>>,
    left: Rc<Cell<usize>>,
}

impl FeedPort for TestPort {
    fn request_step(&self, from: Offset, kind: Kind) {
        match kind {
            Kind::Patch => self.steps.borrow_mut().push(from),
            _ => self.others.borrow_mut().push((from, kind)),
        }
    }
    fn unsubscribed(&self, _: Wish) {
        self.left.set(self.left.get() + 1);
    }
}

const FEED: ViewId = ViewId { feed: FeedId(1), view: 0 };

fn at(ms: u64) -> Time {
    Time::from_start(Duration::from_millis(ms))
}

fn version(offset: u64, patched: bool) -> Arc<Published> {
    let position = Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(1) };
    let text = Bytes::from(format!("[{offset}]"));
    let document = Document::new(&text, Form::Json, 8).expect("a list of one number");
    let patch = patched.then(|| Bytes::from(format!("[\"to {offset}\"]")));
    let validators = Validators::of(&HeaderMap::new());
    let version = Version::new(position, text, Form::Json, document, patch, validators);
    Arc::new(Published::new(
        Arc::new(version),
        offset.checked_sub(1).filter(|before| *before > 0).map(Offset),
    ))
}

/// A step from the first version to this one, whose patch says `text`.
fn step(to: u64, text: &str) -> FeedCommand<TestPort> {
    let position = Position { epoch: Epoch(1), offset: Offset(to), binding: Binding(1) };
    let text = Bytes::from(format!("[\"{text}\"]"));
    let step = Encoded::step(Kind::Patch, Offset(1), position, text);
    FeedCommand::Step(FEED, Offset(1), Kind::Patch, Step::To(Arc::new(step)))
}

fn live(sequence: u64) -> StatusView {
    let status = Status { state: State::Live, since: at(0), cause: None, retry_at: None, sequence };
    StatusView { status, fresh_within: Duration::from_millis(100) }
}

fn stale(sequence: u64, retry_at: Time) -> StatusView {
    let cause = Some(Failure::new(FailureKind::Unreachable, "away"));
    let status = Status { state: State::Stale, since: at(0), cause, retry_at: Some(retry_at), sequence };
    StatusView { status, fresh_within: Duration::from_millis(100) }
}

struct Bench {
    shard: Shard<TestSink, TestPort>,
    port: TestPort,
    conflate: bool,
    counters: Arc<FeedCounters>,
    /// What those who come next are served on.
    terms: Terms,
    coding: Coding,
    now: Time,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            shard: Shard::new(Clock::new(), 1, 1 << 20),
            port: TestPort::default(),
            conflate: true,
            counters: Arc::default(),
            terms: Terms::USUAL,
            coding: Coding::Identity,
            now: at(0),
        }
    }

    fn attach(&mut self, id: u64, start: Start, head: &Arc<Published>, status: StatusView) -> Rc<Wire> {
        let wire = Rc::new(Wire::default());
        self.attach_to(id, &wire, true, start, head, status);
        wire
    }

    fn attach_to(
        &mut self,
        id: u64,
        wire: &Rc<Wire>,
        patient: bool,
        start: Start,
        head: &Arc<Published>,
        status: StatusView,
    ) {
        self.announce(id, true, start, head, status);
        let sink = TestSink { wire: wire.clone(), patient };
        let opening = Opening { coding: self.coding, ..Opening::default() };
        self.tell(Command::Connect(SubscriberId(id), sink, opening));
    }

    fn announce(&mut self, id: u64, waits: bool, start: Start, head: &Arc<Published>, status: StatusView) {
        let subscriber = NewSubscriber {
            id: SubscriberId(id),
            start,
            admitted: Box::new(move || waits),
            view: FEED,
            terms: self.terms,
            wish: Wish::NONE,
            port: self.port.clone(),
            head: head.clone(),
            status,
            manner: Manner { heartbeat: Duration::from_secs(15), conflate: self.conflate },
            counters: self.counters.clone(),
        };
        self.of_feed(FeedCommand::Attach(Box::new(subscriber)));
    }

    fn tell(&mut self, command: Command<TestSink, TestPort>) {
        self.shard.handle(self.now, command);
        self.work(self.now);
    }

    fn work(&mut self, now: Time) {
        while self.shard.work(now) {}
    }

    fn timeout(&mut self, now: Time) {
        self.shard.handle_timeout(now);
        self.work(now);
    }

    fn of_feed(&mut self, command: FeedCommand<TestPort>) {
        self.tell(Command::Feed(command));
    }

    fn ready(&mut self, id: u64) {
        self.tell(Command::Ready(SubscriberId(id)));
    }

    fn publish(&mut self, head: &Arc<Published>) {
        self.of_feed(FeedCommand::Publish(FEED, head.clone()));
    }
}

/// The sort of each frame: its event, or what it is.
fn kinds(frames: &[String]) -> Vec<&str> {
    let kind = |frame: &String| match frame {
        _ if frame.contains("event: snapshot") => "snapshot",
        _ if frame.contains("event: patch") => "patch",
        _ if frame.contains("event: status") => "status",
        _ if frame == ":\n" => "heartbeat",
        _ => "note",
    };
    frames.iter().map(kind).collect()
}

#[test]
fn what_a_new_stream_begins_with() {
    for (start, expected) in [
        (Start::Fresh, &["snapshot", "status"][..]),
        (Start::Unproven, &["note", "snapshot", "status"]),
        (Start::At(Offset(6)), &["patch", "status"]),
        (Start::At(Offset(7)), &["status"]),
    ] {
        let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
        bench.attach_to(1, &wire, false, start, &version(7, true), live(1));
        let frames = wire.take();
        assert_eq!(kinds(&frames), expected, "{start:?}");
        let status = frames.last().unwrap();
        assert_eq!(status.contains("unproven"), start == Start::Unproven, "{start:?}");
        assert!(status.contains("retry: "), "{start:?}");
    }
}

#[test]
fn a_version_without_a_patch_is_sent_whole() {
    let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
    bench.attach_to(1, &wire, false, Start::At(Offset(6)), &version(7, false), live(1));
    assert_eq!(kinds(&wire.take()), ["snapshot", "status"]);
}

#[test]
fn the_first_status_follows_the_first_update_though_there_is_a_newer_one() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::Fresh, &version(1, false), live(1));
    bench.publish(&version(2, true));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.extend(kinds(&wire.take()).iter().map(|kind| (*kind).to_owned()));
        bench.ready(1);
    }
    assert_eq!(seen, ["snapshot", "status", "patch"]);
}

#[test]
fn who_missed_several_versions_gets_one_step() {
    let mut bench = Bench::new();
    let slow: Vec<_> =
        (1..4).map(|id| bench.attach(id, Start::At(Offset(1)), &version(1, false), live(1))).collect();
    for offset in 2..5 {
        bench.publish(&version(offset, true));
    }
    for (id, wire) in (1..4).zip(&slow) {
        assert_eq!(kinds(&wire.take()), ["status"]);
        bench.ready(id);
        assert!(wire.take().is_empty(), "the step is being made");
    }
    assert_eq!(*bench.port.steps.borrow(), [Offset(1)], "asked for once for all");
    bench.of_feed(step(4, "composed"));
    for (id, wire) in (1..4).zip(&slow) {
        assert_eq!(wire.take(), ["event: patch\nid: 0000000000001.4.0000001\ndata: [\"composed\"]\n\n"]);
        bench.ready(id);
    }
    bench.publish(&version(5, true));
    for wire in &slow {
        assert!(wire.take()[0].contains("to 5"), "they stand where the step led");
    }
}

#[test]
fn a_step_to_an_older_head_is_not_used() {
    let mut bench = Bench::new();
    let first = bench.attach(1, Start::At(Offset(1)), &version(3, true), live(1));
    bench.of_feed(step(3, "to 3"));
    assert_eq!(kinds(&first.take()), ["patch"]);
    bench.publish(&version(4, true));
    let second = bench.attach(2, Start::At(Offset(1)), &version(4, true), live(1));
    assert!(second.take().is_empty());
    assert_eq!(*bench.port.steps.borrow(), [Offset(1), Offset(1)], "the step to 4 is another one");
}

#[test]
fn each_status_is_told_once_and_only_the_newest() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    bench.of_feed(FeedCommand::Status(FEED, stale(2, at(500))));
    bench.of_feed(FeedCommand::Status(FEED, live(3)));
    assert_eq!(kinds(&wire.take()), ["status"]);
    bench.ready(1);
    let frames = wire.take();
    assert!(kinds(&frames) == ["status"] && frames[0].contains("\"live\""), "{frames:?}");
    bench.ready(1);
    bench.of_feed(FeedCommand::Status(FEED, stale(4, at(500))));
    assert_eq!(kinds(&wire.take()), ["status"], "at once, where the connection is free");
    bench.ready(1);
    bench.of_feed(FeedCommand::Status(FEED, live(5)));
    let frames = wire.take();
    assert!(kinds(&frames) == ["status"] && frames[0].contains("\"live\""), "{frames:?}");
    bench.ready(1);
    assert!(wire.take().is_empty());
}

#[test]
fn a_newcomer_is_told_when_the_next_try_is_now() {
    let mut bench = Bench::new();
    bench.attach(1, Start::Fresh, &version(1, false), stale(2, at(100)));
    let wire = bench.attach(2, Start::At(Offset(1)), &version(1, false), stale(2, at(800)));
    assert!(wire.take()[0].contains("\"retry_in_ms\":800"));
}

#[test]
fn heartbeats_fill_silence_and_nothing_else() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    bench.timeout(at(15_000));
    assert_eq!(kinds(&wire.take()), ["status"], "a stalled connection gets none");
    bench.ready(1);
    bench.timeout(at(15_500));
    assert_eq!(wire.take(), [":\n"]);
    bench.ready(1);
    bench.timeout(at(16_000));
    assert!(wire.take().is_empty());
}

#[test]
fn one_that_nobody_waits_for_is_let_go() {
    let mut bench = Bench::new();
    bench.tell(Command::Detach(SubscriberId(1)));
    bench.announce(1, false, Start::Fresh, &version(1, false), live(1));
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 1));
}

#[test]
fn a_connection_whose_subscriber_left_is_closed() {
    let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
    bench.announce(1, true, Start::Fresh, &version(1, false), live(1));
    bench.tell(Command::Detach(SubscriberId(1)));
    let sink = TestSink { wire: wire.clone(), patient: false };
    bench.tell(Command::Connect(SubscriberId(1), sink, Opening::default()));
    assert!(wire.closed.get() && wire.take().is_empty());
    assert_eq!(bench.port.left.get(), 1);
}

#[test]
fn a_connection_gets_its_opening_first_and_what_came_before_it() {
    let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
    bench.announce(1, true, Start::At(Offset(1)), &version(1, false), live(1));
    bench.publish(&version(2, true));
    let sink = TestSink { wire: wire.clone(), patient: false };
    let head = Bytes::from_static(b"HTTP/1.1 200 OK\r\n\r\n");
    let opening = Opening { head, ..Opening::default() };
    bench.tell(Command::Connect(SubscriberId(1), sink, opening));
    let frames = wire.take();
    assert!(frames[0].starts_with("HTTP/1.1") && kinds(&frames[1..]) == ["patch", "status"], "{frames:?}");
    assert_eq!(wire.writes.get(), 1, "all in one write");
}

#[test]
fn whose_other_side_is_gone_is_let_go_at_once() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::Fresh, &version(1, false), live(1));
    bench.tell(Command::Hear(SubscriberId(1)));
    assert_eq!(bench.shard.subscribers(), 1, "it has only been looked at");
    wire.gone.set(true);
    bench.tell(Command::Hear(SubscriberId(1)));
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 1));
    assert!(wire.closed.get());
}

#[test]
fn without_conflation_every_update_is_told_in_as_few_writes_as_possible() {
    let mut bench = Bench::new();
    bench.conflate = false;
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    for offset in 2..5 {
        bench.publish(&version(offset, true));
    }
    assert_eq!(kinds(&wire.take()), ["status"]);
    let writes = wire.writes.get();
    bench.ready(1);
    let frames = wire.take().concat();
    for offset in 2..5 {
        assert!(frames.contains(&format!("to {offset}")), "{frames}");
    }
    assert_eq!(wire.writes.get(), writes + 1);
    let stats = bench.counters.read();
    assert_eq!((stats.patches, stats.joined, stats.conflated), (3, 2, 0));
    assert!(bench.port.steps.borrow().is_empty(), "nothing is asked of the owner");
}

#[test]
fn what_is_conflated_is_counted() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    for offset in 2..5 {
        bench.publish(&version(offset, true));
    }
    wire.take();
    bench.ready(1);
    bench.of_feed(step(4, "composed"));
    let stats = bench.counters.read();
    assert_eq!((stats.patches, stats.joined, stats.conflated), (1, 0, 2));
}

#[test]
fn updates_that_come_while_the_shard_is_busy_leave_together() {
    let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
    bench.conflate = false;
    bench.attach_to(1, &wire, false, Start::At(Offset(1)), &version(1, false), live(1));
    let before = wire.writes.get();
    for offset in 2..9 {
        let publish = FeedCommand::Publish(FEED, version(offset, true));
        bench.shard.handle(at(0), Command::Feed(publish));
    }
    bench.work(at(0));
    assert_eq!(wire.writes.get(), before + 1);
    assert_eq!(bench.counters.read().patches, 7);
}

#[test]
fn leaving_is_reported_once() {
    let mut bench = Bench::new();
    bench.attach(1, Start::Fresh, &version(1, false), live(1));
    for _ in 0..2 {
        bench.tell(Command::Detach(SubscriberId(1)));
    }
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 1));
    assert_eq!(bench.shard.poll_timeout(), None);
}

#[test]
fn an_ended_feed_says_why_and_closes() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::Fresh, &version(1, false), live(1));
    let slow = bench.attach(2, Start::Fresh, &version(1, false), live(1));
    wire.take();
    bench.ready(1);
    wire.take();
    bench.ready(1);
    bench.of_feed(FeedCommand::End(FEED, stale(2, at(0))));
    assert_eq!(kinds(&slow.take()), ["snapshot"]);
    bench.ready(2);
    for (id, wire) in [(1, &wire), (2, &slow)] {
        let frames = wire.take();
        assert!(kinds(&frames) == ["status"] && frames[0].contains("retry: "), "{frames:?}");
        assert!(!wire.closed.get(), "not before it was passed on");
        bench.ready(id);
    }
    assert!(wire.closed.get() && slow.closed.get());
    assert_eq!(bench.port.left.get(), 0, "the owner knows");
}

#[test]
fn a_stream_that_ends_before_its_first_status_still_learns_that_continuity_is_unproven() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::Unproven, &version(1, false), live(1));
    wire.take();
    bench.of_feed(FeedCommand::End(FEED, live(1)));
    bench.ready(1);
    let frames = wire.take();
    assert!(frames[0].contains("\"continuity\":\"unproven\""), "{frames:?}");
}

#[test]
fn shutdown_closes_all_those_on_their_way_and_stops_the_polls() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    wire.take();
    bench.tell(Command::Shutdown);
    let late = bench.attach(2, Start::Fresh, &version(1, false), live(1));
    bench.ready(1);
    for (id, wire) in [(1, wire), (2, late)] {
        let frames = wire.take();
        bench.ready(id);
        assert!(kinds(&frames) == ["status"] && frames[0].contains("retry: "), "{frames:?}");
        assert!(wire.closed.get());
    }
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 2));
}
