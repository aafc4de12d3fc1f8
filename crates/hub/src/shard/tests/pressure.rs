//! A shard whose connections are narrow, whose members leave, and whose steps come late.

use super::*;

#[test]
fn shedding_ends_those_that_came_last_and_tells_them_when_to_come_back() {
    let mut bench = Bench::new();
    let wires: Vec<_> = (1..21)
        .map(|id| {
            let wire = Rc::new(Wire::default());
            bench.attach_to(id, &wire, false, Start::At(Offset(1)), &version(1, false), live(1));
            wire.take();
            wire
        })
        .collect();
    bench.tell(Command::Shed);
    let closed = |wire: &Rc<Wire>| wire.closed.get();
    assert!(!wires[..12].iter().any(closed) && wires[12..].iter().all(closed));
    let frames = wires[19].take();
    assert!(kinds(&frames) == ["status"] && frames[0].contains("retry: "), "{frames:?}");
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (12, 8));
    bench.publish(&version(2, true));
    assert!(wires[..12].iter().all(|wire| kinds(&wire.take()) == ["patch"]));
}

/// Takes so many bytes, and then none.
struct Narrow(usize, Rc<Cell<bool>>);

impl Sink for Narrow {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let offered = frames.iter().map(Bytes::len).sum::<usize>() - skip;
        let bytes = offered.min(self.0);
        self.0 -= bytes;
        Ok(Written { bytes, blocked: bytes < offered })
    }
    fn hear(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn finish(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.1.set(true);
    }
}

fn attach_narrow(
    shard: &mut Shard<Narrow, TestPort>,
    id: u64,
    start: Start,
    port: &TestPort,
    counters: &Arc<FeedCounters>,
) {
    let subscriber = NewSubscriber {
        id: SubscriberId(id),
        start,
        admitted: Box::new(|| true),
        view: FEED,
        terms: Terms::USUAL,
        wish: Wish::NONE,
        port: port.clone(),
        head: version(1, false),
        status: live(1),
        manner: Manner { heartbeat: Duration::from_secs(15), conflate: true },
        counters: counters.clone(),
    };
    shard.handle(at(0), Command::Feed(FeedCommand::Attach(Box::new(subscriber))));
}

#[test]
fn what_unfinished_writes_keep_has_a_budget_and_one_frame_is_always_allowed() {
    let mut shard: Shard<Narrow, TestPort> = Shard::new(Clock::new(), 1, 0);
    let (port, counters) = (TestPort::default(), Arc::<FeedCounters>::default());
    let closed: Vec<_> = (1..5).map(|_| Rc::new(Cell::new(false))).collect();
    for (id, closed) in (1..5).zip(&closed) {
        if id == 3 {
            shard.handle(at(0), Command::Feed(FeedCommand::Publish(FEED, version(2, true))));
        }
        attach_narrow(&mut shard, id, Start::Fresh, &port, &counters);
        shard
            .handle(at(0), Command::Connect(SubscriberId(id), Narrow(5, closed.clone()), Opening::default()));
        while shard.work(at(0)) {}
    }
    // The first two stand in one snapshot, the others in another.
    let closed: Vec<_> = closed.iter().map(|closed| closed.get()).collect();
    assert_eq!(closed, [true, true, false, false]);
    assert_eq!((counters.read().unpinned, port.left.get()), (2, 2));
    assert_eq!(shard.pinned(), version(2, true).snapshot().frame(Format::Sse).plain().len());
}

#[test]
fn a_step_that_came_while_the_connection_was_blocked_is_asked_for_again_when_it_is_too_old() {
    let mut bench = Bench::new();
    let wire = bench.attach(1, Start::At(Offset(1)), &version(1, false), live(1));
    wire.take();
    bench.publish(&version(2, true));
    bench.publish(&version(3, true));
    bench.ready(1);
    assert_eq!(*bench.port.steps.borrow(), [Offset(1)], "it is at the first and its connection is free");
    // A heartbeat blocks the connection before the step is made.
    bench.timeout(at(15_500));
    assert_eq!(kinds(&wire.frames.borrow()), ["heartbeat"]);
    bench.of_feed(step(3, "step to 3"));
    for offset in 4..90 {
        bench.publish(&version(offset, true));
    }
    wire.take();
    bench.ready(1);
    assert_eq!(*bench.port.steps.borrow(), [Offset(1), Offset(1)]);
    bench.of_feed(step(89, "step to 89"));
    assert_eq!(wire.take(), ["event: patch\nid: 0000000000001.89.0000001\ndata: [\"step to 89\"]\n\n"]);
}

#[test]
fn whoever_waited_takes_a_step_to_a_head_that_is_older_by_now() {
    let (mut bench, wire) = (Bench::new(), Rc::new(Wire::default()));
    bench.attach_to(1, &wire, false, Start::At(Offset(1)), &version(3, true), live(1));
    assert!(wire.take().is_empty(), "the step is being made");
    bench.shard.handle(at(0), Command::Feed(step(3, "step to 3")));
    bench.shard.handle(at(0), Command::Feed(FeedCommand::Publish(FEED, version(4, true))));
    bench.work(at(0));
    let frames = wire.take();
    assert_eq!(kinds(&frames), ["patch", "status", "patch"], "{frames:?}");
    assert!(frames[2].contains("to 4"));
}

#[test]
fn nobody_is_passed_over_when_another_leaves_in_the_middle_of_a_pass() {
    // More than have their turn at once.
    let mut bench = Bench::new();
    let wires: Vec<_> = (1..600)
        .map(|id| {
            let wire = Rc::new(Wire::default());
            bench.attach_to(id, &wire, false, Start::At(Offset(1)), &version(1, false), live(1));
            wire.take();
            wire
        })
        .collect();
    let publish = FeedCommand::Publish(FEED, version(2, true));
    bench.shard.handle(at(0), Command::Feed(publish));
    assert!(bench.shard.work(at(0)), "it is not through");
    // One that had its turn: the last one, which had not, takes its place.
    bench.tell(Command::Detach(SubscriberId(1)));
    for (index, wire) in wires.iter().enumerate().skip(1) {
        assert_eq!(kinds(&wire.take()), ["patch"], "{index}");
    }
}

#[test]
fn behind_the_rest_of_a_large_frame_nothing_is_planned() {
    let bench = Bench::new();
    let closed = Rc::new(Cell::new(false));
    let mut shard: Shard<Narrow, TestPort> = Shard::new(Clock::new(), 1, usize::MAX);
    attach_narrow(&mut shard, 1, Start::At(Offset(1)), &bench.port, &bench.counters);
    let opening = Opening { head: vec![b'x'; 100_000].into(), ..Opening::default() };
    shard.handle(at(0), Command::Connect(SubscriberId(1), Narrow(10, closed), opening));
    for offset in 2..9 {
        shard.handle(at(0), Command::Feed(FeedCommand::Publish(FEED, version(offset, true))));
        shard.handle(at(0), Command::Ready(SubscriberId(1)));
        while shard.work(at(0)) {}
    }
    assert!(bench.port.steps.borrow().is_empty(), "what cannot be sent yet is not asked for");
}

#[test]
fn a_stream_whose_token_expires_ends_and_says_why_and_the_others_go_on() {
    let mut bench = Bench::new();
    let wires: Vec<_> = [None, Some(at(2_000)), Some(at(60_000))]
        .into_iter()
        .enumerate()
        .map(|(index, until)| {
            let (id, wire) = (index as u64 + 1, Rc::new(Wire::default()));
            bench.announce(id, true, Start::Fresh, &version(1, false), live(1));
            let sink = TestSink { wire: wire.clone(), patient: false };
            bench.tell(Command::Connect(SubscriberId(id), sink, Opening { until, ..Opening::default() }));
            wire.take();
            wire
        })
        .collect();
    bench.timeout(at(1_999));
    assert!(!wires.iter().any(|wire| wire.closed.get()));
    bench.timeout(at(2_500));
    let frames = wires[1].take();
    assert_eq!(kinds(&frames), ["status"]);
    assert!(frames[0].contains("token-invalid") && frames[0].contains("retry: "), "{frames:?}");
    assert!(wires[1].closed.get());
    assert_eq!((bench.shard.subscribers(), bench.port.left.get()), (2, 1));
    bench.publish(&version(2, true));
    assert!([0, 2].iter().all(|index| kinds(&wires[*index].take()) == ["patch"]));
    assert!(wires[1].take().is_empty());
}
