//! What subscribers get on other terms than the usual ones.

mod rates;

use std::io::Read;

use flate2::read::GzDecoder;
use tidegate_core::Mode;

use super::*;
use crate::terms::Rate;

fn terms(format: Format, mode: Mode, rate_ms: Option<u64>) -> Terms {
    let rate = |ms| Rate::new(Duration::from_millis(ms)).expect("within bounds");
    Terms { format, mode, rate: rate_ms.map(rate) }
}

/// A version with a patch and a merge patch.
fn merged(offset: u64) -> Arc<Published> {
    let published = Arc::into_inner(version(offset, true)).expect("nobody else has it");
    Arc::new(published.with_merge(format!("{{\"to\":{offset}}}").into()))
}

/// What each frame says.
fn said(frames: &[String]) -> Vec<String> {
    let one = |frame: &String| {
        let event = |name: &str| {
            frame.contains(&format!("event: {name}\n")) || frame.contains(&format!("\"event\":\"{name}\""))
        };
        let position = frame.split("0000000000001.").nth(1).and_then(|rest| rest.split('.').next());
        match ["snapshot", "patch", "merge", "status", "heartbeat"].into_iter().find(|name| event(name)) {
            Some(name) => [name].into_iter().chain(position).collect::<Vec<_>>().join(" "),
            None if frame == ":\n" => "heartbeat".to_owned(),
            None => "note".to_owned(),
        }
    };
    frames.iter().map(one).collect()
}

impl Bench {
    /// Somebody whose connection takes everything.
    fn eager(&mut self, id: u64, terms: Terms, start: Start, head: &Arc<Published>) -> Rc<Wire> {
        let wire = Rc::new(Wire::default());
        self.terms = terms;
        self.attach_to(id, &wire, false, start, head, live(1));
        wire
    }

    /// Somebody whose connection takes everything and who has the version at this offset, and its first status.
    fn settled(&mut self, id: u64, terms: Terms, offset: u64) -> Rc<Wire> {
        let wire = self.eager(id, terms, Start::At(Offset(offset)), &version(offset, false));
        assert_eq!(said(&wire.take()), ["status"]);
        wire
    }

    /// Lets time pass up to `until`, as the shard's thread does. Gives how often the shard had to be looked after.
    fn pass(&mut self, until: Time) -> usize {
        let mut wakes = 0;
        while let Some(time) = self.shard.poll_timeout().filter(|time| *time <= until) {
            self.now = self.now.max(time);
            self.timeout(self.now);
            wakes += 1;
            assert!(wakes < 10_000, "a timer does not move");
        }
        self.now = until;
        wakes
    }
}

#[test]
fn each_change_whole() {
    let mut bench = Bench::new();
    let whole = terms(Format::Sse, Mode::Snapshot, None);
    let wire = bench.eager(1, whole, Start::At(Offset(1)), &version(2, true));
    assert_eq!(said(&wire.take()), ["snapshot 2", "status"], "though there is a patch");
    bench.publish(&version(3, true));
    assert_eq!(said(&wire.take()), ["snapshot 3"]);
    wire.busy.set(true);
    for offset in 4..7 {
        bench.publish(&version(offset, true));
    }
    assert!(wire.take().is_empty());
    bench.ready(1);
    assert_eq!(said(&wire.take()), ["snapshot 6"], "the head only");
    let stats = bench.counters.read();
    assert_eq!((stats.snapshots, stats.patches, stats.conflated), (3, 0, 2));
    assert!(bench.port.steps.borrow().is_empty() && bench.port.others.borrow().is_empty());
}

#[test]
fn without_conflation_the_whole_still_comes_alone() {
    let mut bench = Bench::new();
    bench.conflate = false;
    let whole = bench.settled(1, terms(Format::Sse, Mode::Snapshot, None), 1);
    let merge = bench.settled(2, terms(Format::Sse, Mode::Merge, None), 1);
    for offset in 2..5 {
        let publish = FeedCommand::Publish(FEED, merged(offset));
        bench.shard.handle(at(0), Command::Feed(publish));
    }
    bench.work(at(0));
    assert_eq!(said(&whole.take()), ["snapshot 4"]);
    assert!(merge.take().is_empty(), "its step is being made; patches are of no use to it");
    assert_eq!(*bench.port.others.borrow(), [(Offset(1), Kind::Merge)]);
}

#[test]
fn the_first_is_the_last() {
    for (format, start, expected) in [
        (Format::Sse, Start::Fresh, &["snapshot 3", "status"][..]),
        (Format::Sse, Start::At(Offset(2)), &["snapshot 3", "status"]),
        (Format::Sse, Start::At(Offset(1)), &["snapshot 3", "status"]),
        (Format::Sse, Start::Unproven, &["note", "snapshot 3", "status"]),
        (Format::Ndjson, Start::Fresh, &["snapshot 3", "status"]),
        (Format::Ndjson, Start::Unproven, &["snapshot 3", "status"]),
    ] {
        let mut bench = Bench::new();
        let wire = bench.eager(1, terms(format, Mode::First, None), start, &merged(3));
        let frames = wire.take();
        assert_eq!(said(&frames), expected, "{format:?} {start:?}");
        let status = frames.last().unwrap();
        assert!(status.contains("retry"), "when to come back: {status}");
        assert_eq!(status.contains("unproven"), start == Start::Unproven, "{status}");
        assert!(wire.closed.get());
        assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 1));
        assert_eq!(bench.shard.poll_timeout(), None);
        let stats = bench.counters.read();
        assert_eq!((stats.snapshots, stats.patches), (1, 0), "though it was the only one there");
    }
}

#[test]
fn one_that_has_the_head_waits_for_the_next() {
    let mut bench = Bench::new();
    let wire = bench.settled(1, terms(Format::Sse, Mode::First, None), 1);
    bench.publish(&version(2, true));
    assert_eq!(said(&wire.take()), ["snapshot 2", "status"]);
    assert!(wire.closed.get());
    assert_eq!(bench.counters.read().snapshots, 1);
}

#[test]
fn the_first_in_gzip_is_a_whole_gzip_stream() {
    for start in [Start::Fresh, Start::Unproven] {
        let mut bench = Bench::new();
        bench.coding = Coding::Gzip;
        let wire = bench.eager(1, terms(Format::Sse, Mode::First, None), start, &version(1, false));
        assert!(wire.closed.get());
        let mut text = String::new();
        GzDecoder::new(&wire.raw.borrow().concat()[..])
            .read_to_string(&mut text)
            .expect("it has its trailer");
        let begins = if start == Start::Fresh { "event: snapshot\n" } else { ":" };
        assert!(
            text.starts_with(begins) && text.contains("data: [1]\n") && text.contains("retry: "),
            "{text}"
        );
    }
}

/// Takes so many bytes, and more when it is given leave.
#[derive(Clone, Default)]
struct Tap(Rc<Cell<usize>>, Rc<RefCell<Vec<u8>>>, Rc<Cell<bool>>);

impl Sink for Tap {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let offered = &frames.concat()[skip..];
        let bytes = offered.len().min(self.0.get());
        self.0.set(self.0.get() - bytes);
        self.1.borrow_mut().extend_from_slice(&offered[..bytes]);
        Ok(Written { bytes, blocked: bytes < offered.len() })
    }
    fn hear(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn finish(&mut self) -> io::Result<bool> {
        self.2.set(true);
        Ok(true)
    }
}

#[test]
fn the_first_takes_its_time() {
    let port = TestPort::default();
    let mut shard: Shard<Tap, TestPort> = Shard::new(Clock::new(), 1, usize::MAX);
    let subscriber = NewSubscriber {
        id: SubscriberId(1),
        start: Start::Fresh,
        admitted: Box::new(|| true),
        view: FEED,
        terms: terms(Format::Sse, Mode::First, None),
        wish: Wish::NONE,
        port: port.clone(),
        head: version(1, false),
        status: live(1),
        manner: Manner { heartbeat: Duration::from_secs(15), conflate: true },
        counters: Arc::default(),
    };
    shard.handle(at(0), Command::Feed(FeedCommand::Attach(Box::new(subscriber))));
    let tap = Tap(Rc::new(Cell::new(5)), Rc::default(), Rc::default());
    shard.handle(at(0), Command::Connect(SubscriberId(1), tap.clone(), Opening::default()));
    while shard.work(at(0)) {}
    // Meanwhile much happens that is nothing to it.
    shard.handle(at(0), Command::Feed(FeedCommand::Publish(FEED, version(2, true))));
    shard.handle(at(0), Command::Feed(FeedCommand::Status(FEED, stale(2, at(500)))));
    for now in [at(5_000), at(60_000), at(600_000)] {
        shard.handle_timeout(now);
        while shard.work(now) {}
        assert_eq!(shard.subscribers(), 1, "it is not cut in the middle of what it asked for");
    }
    tap.0.set(usize::MAX);
    shard.handle(at(600_000), Command::Ready(SubscriberId(1)));
    while shard.work(at(600_000)) {}
    let text = String::from_utf8(tap.1.borrow().clone()).unwrap();
    assert_eq!((text.matches("event: ").count(), text.matches("data: [1]").count()), (2, 1), "{text}");
    assert!(text.contains("retry: ") && text.contains("\"stale\""), "{text}");
    assert!(tap.2.get() && shard.subscribers() == 0);
    assert_eq!(port.left.get(), 1, "once");
}

#[test]
fn the_first_of_a_feed_that_ends_meanwhile_is_said_goodbye_once() {
    let mut bench = Bench::new();
    bench.terms = terms(Format::Sse, Mode::First, None);
    let wire = bench.attach(1, Start::Fresh, &version(1, false), live(1));
    bench.of_feed(FeedCommand::End(FEED, live(2)));
    let mut frames = wire.take();
    for _ in 0..3 {
        bench.ready(1);
        frames.extend(wire.take());
    }
    assert_eq!(said(&frames), ["snapshot 1", "status"]);
    assert!(wire.closed.get());
    assert!(bench.port.left.get() <= 1);
}

#[test]
fn nobody_is_passed_over_or_served_twice_while_others_are_done() {
    let mut bench = Bench::new();
    let one_of = |id: u64| if id.is_multiple_of(3) { Mode::First } else { Mode::Patch };
    // More than have their turn at once.
    let wires: Vec<_> =
        (1..900).map(|id| (id, bench.settled(id, terms(Format::Sse, one_of(id), None), 1))).collect();
    bench.publish(&version(2, true));
    for (id, wire) in &wires {
        let expected: &[&str] =
            if one_of(*id) == Mode::First { &["snapshot 2", "status"] } else { &["patch 2"] };
        assert_eq!(said(&wire.take()), expected, "{id}");
    }
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (600, 299));
    let stats = bench.counters.read();
    assert_eq!((stats.snapshots, stats.patches), (299, 600));
    bench.publish(&version(3, true));
    for (id, wire) in wires.iter().filter(|(id, _)| one_of(*id) == Mode::Patch) {
        assert_eq!(said(&wire.take()), ["patch 3"], "{id}");
    }
}

#[test]
fn a_feed_whose_last_members_are_done_in_a_pass_is_let_go_of() {
    let mut bench = Bench::new();
    let wires: Vec<_> =
        (1..600).map(|id| bench.settled(id, terms(Format::Sse, Mode::First, None), 1)).collect();
    bench.publish(&version(2, true));
    assert!(wires.iter().all(|wire| wire.closed.get() && said(&wire.take()) == ["snapshot 2", "status"]));
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (0, 599));
    assert_eq!(bench.counters.read().snapshots, 599);
    // And it can begin anew.
    let wire = bench.eager(900, Terms::USUAL, Start::Fresh, &version(3, true));
    assert_eq!(said(&wire.take()), ["snapshot 3", "status"]);
}

#[test]
fn merge_patches_where_there_is_one() {
    let mut bench = Bench::new();
    let merge = terms(Format::Ndjson, Mode::Merge, None);
    let wire = bench.eager(1, merge, Start::At(Offset(1)), &merged(2));
    assert_eq!(said(&wire.take()), ["merge 2", "status"]);
    bench.publish(&merged(3));
    assert_eq!(said(&wire.take()), ["merge 3"]);
    bench.publish(&version(4, true));
    assert_eq!(said(&wire.take()), ["snapshot 4"], "a patch is nothing that it could read");
}

#[test]
fn a_merge_step_is_asked_for_once_for_all_who_lack_it() {
    let mut bench = Bench::new();
    let wires: Vec<_> = (1..5)
        .map(|id| {
            bench.settled(id, terms([Format::Sse, Format::Ndjson][id as usize % 2], Mode::Merge, None), 1)
        })
        .collect();
    let patched = bench.settled(9, Terms::USUAL, 1);
    for wire in wires.iter().chain([&patched]) {
        wire.busy.set(true);
    }
    for offset in 2..4 {
        bench.publish(&merged(offset));
    }
    for (id, wire) in (1..5).zip(&wires).chain([(9, &patched)]) {
        assert!(wire.take().is_empty());
        bench.ready(id);
    }
    assert_eq!(*bench.port.others.borrow(), [(Offset(1), Kind::Merge)]);
    assert_eq!(*bench.port.steps.borrow(), [Offset(1)], "who wants a patch waits for another one");
    let position = Position { epoch: Epoch(1), offset: Offset(3), binding: Binding(1) };
    let composed = Encoded::step(Kind::Merge, Offset(1), position, Bytes::from_static(b"{\"composed\":1}"));
    bench.of_feed(FeedCommand::Step(FEED, Offset(1), Kind::Merge, Step::To(Arc::new(composed))));
    assert!(patched.take().is_empty());
    for wire in &wires {
        let frames = wire.take();
        assert!(said(&frames) == ["merge 3"] && frames[0].contains("composed"), "{frames:?}");
    }
    bench.of_feed(step(3, "composed"));
    assert_eq!(said(&patched.take()), ["patch 3"]);
}

#[test]
fn where_no_merge_patch_can_say_it_the_head_comes_whole() {
    let mut bench = Bench::new();
    let wire = bench.settled(1, terms(Format::Sse, Mode::Merge, None), 1);
    wire.busy.set(true);
    for offset in 2..4 {
        bench.publish(&merged(offset));
    }
    wire.take();
    bench.ready(1);
    bench.of_feed(FeedCommand::Step(FEED, Offset(1), Kind::Merge, Step::Snapshot));
    assert_eq!(said(&wire.take()), ["snapshot 3"]);
}

#[test]
fn everybody_with_the_same_terms_gets_the_same_bytes() {
    let mut bench = Bench::new();
    let mut wires = Vec::new();
    for format in Format::ALL {
        for mode in [Mode::Patch, Mode::Merge, Mode::Snapshot] {
            let id = wires.len() as u64 + 1;
            wires.push(((format, mode), bench.settled_any(2 * id, format, mode)));
            wires.push(((format, mode), bench.settled_any(2 * id + 1, format, mode)));
        }
    }
    bench.publish(&merged(2));
    bench.of_feed(FeedCommand::Status(FEED, stale(2, at(500))));
    let last_two = |wire: &Rc<Wire>| {
        let raw = wire.raw.borrow();
        [0, 1].map(|index| raw[raw.len() - 2 + index].clone())
    };
    let mut updates = std::collections::BTreeSet::new();
    for pair in wires.chunks(2) {
        let [(terms, one), (_, other)] = pair else { panic!("two of each") };
        for (one, other) in last_two(one).iter().zip(&last_two(other)) {
            assert_eq!(one.as_ptr(), other.as_ptr(), "{terms:?}");
        }
        updates.insert(last_two(one)[0].as_ptr());
    }
    assert_eq!(updates.len(), wires.len() / 2, "each in its own bytes");
}

impl Bench {
    fn settled_any(&mut self, id: u64, format: Format, mode: Mode) -> Rc<Wire> {
        let wire = self.eager(id, terms(format, mode, None), Start::At(Offset(1)), &version(1, false));
        assert_eq!(wire.take().len(), 1, "{format:?}: the first status, or what stands for it");
        wire
    }
}

#[test]
fn statuses_and_heartbeats_are_in_the_streams_format() {
    let mut bench = Bench::new();
    let lines = bench.settled(1, terms(Format::Ndjson, Mode::Patch, None), 1);
    let events = bench.settled(2, Terms::USUAL, 1);
    bench.of_feed(FeedCommand::Status(FEED, stale(2, at(500))));
    let (line, event) = (lines.take().concat(), events.take().concat());
    assert!(
        line.starts_with(r#"{"event":"status","data":{"state":"stale""#) && line.ends_with("}\n"),
        "{line}"
    );
    assert!(event.starts_with("event: status\ndata: {\"state\":\"stale\""), "{event}");
    bench.timeout(at(15_500));
    assert_eq!(
        (lines.take(), events.take()),
        (vec!["{\"event\":\"heartbeat\"}\n".to_owned()], vec![":\n".to_owned()])
    );
    bench.tell(Command::Shutdown);
    let line = lines.take().concat();
    assert!(line.starts_with(r#"{"event":"status","retry":"#), "{line}");
}

#[test]
fn updates_are_joined_in_each_format_by_itself() {
    let mut bench = Bench::new();
    bench.conflate = false;
    let formats =
        [Format::Ndjson, Format::Sse, Format::Braid, Format::Ndjson, Format::Sse, Format::WebSocket];
    let wires: Vec<_> =
        (1..).zip(formats).map(|(id, format)| bench.settled_any(id, format, Mode::Patch)).collect();
    for wire in &wires {
        wire.busy.set(true);
    }
    for offset in 2..4 {
        bench.publish(&version(offset, true));
    }
    let mut got = Vec::new();
    for (id, wire) in (1..).zip(&wires) {
        wire.take();
        bench.ready(id);
        got.push(wire.take().concat());
    }
    let begins = [r#"{"event":"patch","#, "event: patch\n", "Version: "];
    for (index, begin) in [0, 1, 2, 0, 1].into_iter().enumerate() {
        assert_eq!(got[index].matches(begins[begin]).count(), 2, "{index}: {got:?}");
        assert!(begins.iter().all(|other| *other == begins[begin] || !got[index].contains(other)), "{got:?}");
    }
    // Each message has a prefix of its own, so that none are joined; it gets every one of them all the same.
    bench.ready(6);
    got[5].push_str(&wires[5].take().concat());
    assert_eq!(got[5].matches(r#""event":"patch""#).count(), 2, "{got:?}");
    assert!(bench.port.steps.borrow().is_empty(), "nobody needs a step");
}
