//! The shard alone, with sinks and a port that note what they are told.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;
use http::HeaderMap;
use tidegate_core::{
    Binding, Document, Epoch, Failure, FailureKind, Form, Position, State, Status, Validators, Version,
};

#[derive(Default)]
struct Wire {
    frames: RefCell<Vec<String>>,
    busy: Cell<bool>,
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

impl Sink for TestSink {
    fn is_ready(&self) -> bool {
        !self.wire.busy.get() && !self.wire.closed.get()
    }
    fn send(&mut self, frame: Bytes) {
        assert!(self.is_ready());
        self.wire.busy.set(self.patient);
        self.wire.frames.borrow_mut().push(String::from_utf8(frame.to_vec()).unwrap());
    }
    fn close(&mut self, last: Bytes) {
        self.wire.frames.borrow_mut().push(String::from_utf8(last.to_vec()).unwrap());
        self.wire.closed.set(true);
    }
    fn is_gone(&self) -> bool {
        self.wire.gone.get()
    }
}

#[derive(Clone, Default)]
struct TestPort {
    steps: Rc<RefCell<Vec<Offset>>>,
    left: Rc<Cell<usize>>,
}

impl FeedPort for TestPort {
    fn request_step(&self, from: Offset) {
        self.steps.borrow_mut().push(from);
    }
    fn unsubscribed(&self) {
        self.left.set(self.left.get() + 1);
    }
}

const FEED: FeedId = FeedId(1);

fn at(ms: u64) -> Time {
    Time::from_start(Duration::from_millis(ms))
}

fn version(offset: u64, patched: bool) -> Arc<Published> {
    let position = Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(1) };
    let text = Bytes::from(format!("[{offset}]"));
    let document = Document::new(&text, Form::Json, 8).expect("a list of one number");
    let patch = patched.then(|| Bytes::from(format!("[\"to {offset}\"]")));
    let validators = Validators::of(&HeaderMap::new());
    Arc::new(Published::new(Arc::new(Version::new(position, text, Form::Json, document, patch, validators))))
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
}

impl Bench {
    fn new() -> Bench {
        Bench { shard: Shard::new(Clock::new(), 1), port: TestPort::default() }
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
        let subscriber = NewSubscriber {
            id: SubscriberId(id),
            sink: TestSink { wire: wire.clone(), patient },
            start,
            heartbeat: Duration::from_secs(15),
            feed: FEED,
            port: self.port.clone(),
            head: head.clone(),
            status,
            counters: Arc::default(),
        };
        self.shard.handle(at(0), Command::Attach(Box::new(subscriber)));
    }

    fn ready(&mut self, id: u64) {
        self.shard.handle(at(0), Command::Ready(SubscriberId(id)));
    }

    fn publish(&mut self, head: &Arc<Published>) {
        self.shard.handle(at(0), Command::Publish(FEED, head.clone()));
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
    let step = Step::Patch(Offset(4), Bytes::from_static(b"event: patch\nid: composed\n\n"));
    bench.shard.handle(at(0), Command::Step(FEED, Offset(1), step));
    for wire in &slow {
        assert_eq!(wire.take(), ["event: patch\nid: composed\n\n"]);
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
    let step = Step::Patch(Offset(3), Bytes::from_static(b"event: patch\nid: to 3\n\n"));
    bench.shard.handle(at(0), Command::Step(FEED, Offset(1), step));
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
    bench.shard.handle(at(0), Command::Status(FEED, stale(2, at(500))));
    bench.shard.handle(at(0), Command::Status(FEED, live(3)));
    assert_eq!(kinds(&wire.take()), ["status"]);
    bench.shard.handle(at(0), Command::Status(FEED, stale(4, at(500))));
    assert_eq!(kinds(&wire.take()), ["status"], "at once, where the connection is free");
    bench.ready(1);
    bench.shard.handle(at(0), Command::Status(FEED, live(5)));
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
    bench.shard.handle_timeout(at(15_000));
    assert_eq!(kinds(&wire.take()), ["status"], "a stalled connection gets none");
    bench.shard.handle_timeout(at(15_500));
    assert_eq!(wire.take(), [":\n"]);
    bench.shard.handle_timeout(at(16_000));
    assert!(wire.take().is_empty());
}

#[test]
fn a_connection_that_went_before_it_was_attached_is_let_go() {
    let mut bench = Bench::new();
    let wire = Rc::new(Wire::default());
    wire.gone.set(true);
    bench.shard.handle(at(0), Command::Detach(SubscriberId(1)));
    bench.attach_to(1, &wire, true, Start::Fresh, &version(1, false), live(1));
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 1));
    assert!(wire.take().is_empty());
}

#[test]
fn leaving_is_reported_once() {
    let mut bench = Bench::new();
    bench.attach(1, Start::Fresh, &version(1, false), live(1));
    for _ in 0..2 {
        bench.shard.handle(at(0), Command::Detach(SubscriberId(1)));
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
    bench.shard.handle(at(0), Command::End(FEED, stale(2, at(0))));
    let frames = wire.take();
    assert!(kinds(&frames) == ["status"] && frames[0].contains("retry: "), "{frames:?}");
    assert_eq!(kinds(&slow.take()), ["snapshot", "status"], "a slow one, too, after what it was given");
    assert!(wire.closed.get() && slow.closed.get());
    assert_eq!(bench.port.left.get(), 0, "the owner knows");
}

#[test]
fn a_stream_that_ends_before_its_first_status_still_learns_that_continuity_is_unproven() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::Unproven, &version(1, false), live(1));
    wire.take();
    bench.shard.handle(at(0), Command::End(FEED, live(1)));
    let frames = wire.take();
    assert!(frames[0].contains("\"continuity\":\"unproven\""), "{frames:?}");
}

#[test]
fn shutdown_closes_all_those_on_their_way_and_stops_the_polls() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    wire.take();
    bench.shard.handle(at(0), Command::Shutdown);
    let late = bench.attach(2, Start::Fresh, &version(1, false), live(1));
    for wire in [wire, late] {
        let frames = wire.take();
        assert!(kinds(&frames) == ["status"] && frames[0].contains("retry: "), "{frames:?}");
        assert!(wire.closed.get());
    }
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 2));
}
