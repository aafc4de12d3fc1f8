//! Subscribers who are told only so often.

use super::*;

#[test]
fn between_two_ticks_there_is_one_update_at_the_most_and_it_is_the_net_effect() {
    let mut bench = Bench::new();
    let wires: Vec<_> =
        (1..4).map(|id| bench.settled(id, terms(Format::Sse, Mode::Patch, Some(1_000)), 1)).collect();
    let rate = terms(Format::Sse, Mode::Patch, Some(1_000)).rate.unwrap();
    bench.publish(&version(2, true));
    assert!(
        wires.iter().all(|wire| said(&wire.take()) == ["patch 2"]),
        "at once: it was not told anything lately"
    );
    let tick = rate.tick_after(at(0), FEED.feed.0);
    for offset in 3..6 {
        bench.publish(&version(offset, true));
    }
    assert_eq!(bench.shard.poll_timeout(), Some(tick.min(at(500))));
    bench.pass(Time::from_start(tick.since_start() - Duration::from_nanos(1)));
    assert!(wires.iter().all(|wire| wire.take().is_empty()), "not before the tick");
    assert!(bench.port.steps.borrow().is_empty(), "nothing is made that may be of no use");
    bench.pass(tick);
    assert_eq!(*bench.port.steps.borrow(), [Offset(2)], "nothing was published, and yet it is seen to");
    let position = Position { epoch: Epoch(1), offset: Offset(5), binding: Binding(1) };
    let net = Arc::new(Encoded::step(Kind::Patch, Offset(2), position, Bytes::from_static(b"[\"net\"]")));
    bench.of_feed(FeedCommand::Step(FEED, Offset(2), Kind::Patch, Step::To(net)));
    for wire in &wires {
        let frames = wire.take();
        assert!(said(&frames) == ["patch 5"] && frames[0].contains("net"), "{frames:?}");
    }
    let stats = bench.counters.read();
    assert_eq!((stats.patches, stats.conflated), (6, 6));
    // And so on.
    bench.publish(&version(6, true));
    bench.pass(tick + Duration::from_millis(999));
    assert!(wires.iter().all(|wire| wire.take().is_empty()));
    bench.pass(tick + Duration::from_millis(1_000));
    assert!(wires.iter().all(|wire| said(&wire.take()) == ["patch 6"]));
    assert!(bench.shard.ticks.is_empty(), "nothing is held back");
}

#[test]
fn a_change_that_comes_at_a_tick_or_long_after_is_told_at_once() {
    let mut bench = Bench::new();
    let wire = bench.settled(1, terms(Format::Sse, Mode::Snapshot, Some(100)), 1);
    bench.publish(&version(2, true));
    assert_eq!(said(&wire.take()), ["snapshot 2"]);
    bench.publish(&version(3, true));
    assert!(wire.take().is_empty());
    // The shard is busy and looks at its queue before its timers.
    bench.now = at(100);
    bench.publish(&version(4, true));
    assert_eq!(said(&wire.take()), ["snapshot 4"]);
    let wakes = bench.pass(at(499));
    assert_eq!(wakes, 0, "the tick that came too late is not left");
    bench.publish(&version(5, true));
    assert_eq!(said(&wire.take()), ["snapshot 5"]);
}

#[test]
fn who_is_given_a_step_to_an_older_head_is_brought_to_the_newest_at_the_next_tick() {
    for newest_first in [false, true] {
        let mut bench = Bench::new();
        let rated = terms(Format::Sse, Mode::Patch, Some(1_000));
        let wire = bench.eager(1, rated, Start::At(Offset(1)), &version(3, true));
        assert!(wire.take().is_empty(), "the step is being made");
        let publish = FeedCommand::Publish(FEED, version(4, true));
        if newest_first {
            bench.of_feed(publish);
            bench.of_feed(step(3, "step to 3"));
        } else {
            bench.shard.handle(at(0), Command::Feed(step(3, "step to 3")));
            bench.shard.handle(at(0), Command::Feed(publish));
            bench.work(at(0));
        }
        assert_eq!(said(&wire.take()), ["patch 3", "status"]);
        assert!(bench.shard.poll_timeout() > Some(at(0)), "no timer is in the past");
        let wakes = bench.pass(at(1_000));
        assert_eq!(said(&wire.take()), ["patch 4"]);
        assert_eq!(wakes, 3, "two for heartbeats, one tick");
    }
}

#[test]
fn the_net_effect_is_what_they_get_who_are_told_only_so_often_though_others_get_every_update() {
    let mut bench = Bench::new();
    bench.conflate = false;
    let wire = bench.settled(1, terms(Format::Sse, Mode::Patch, Some(1_000)), 1);
    bench.publish(&version(2, true));
    assert_eq!(said(&wire.take()), ["patch 2"]);
    for offset in 3..5 {
        bench.publish(&version(offset, true));
    }
    bench.pass(at(1_000));
    assert_eq!((wire.take().len(), bench.port.steps.borrow().clone()), (0, vec![Offset(2)]));
}

#[test]
fn statuses_and_heartbeats_are_not_held_back() {
    let mut bench = Bench::new();
    let wire = bench.settled(1, terms(Format::Sse, Mode::Patch, Some(3_600_000)), 1);
    bench.publish(&version(2, true));
    bench.publish(&version(3, true));
    assert_eq!(said(&wire.take()), ["patch 2"]);
    bench.of_feed(FeedCommand::Status(FEED, stale(2, at(500))));
    assert_eq!(said(&wire.take()), ["status"]);
    bench.pass(at(15_500));
    assert_eq!(said(&wire.take()), ["heartbeat"]);
    bench.of_feed(FeedCommand::End(FEED, live(3)));
    assert_eq!(said(&wire.take()), ["status"]);
    assert!(wire.closed.get());
    assert_eq!(bench.shard.poll_timeout(), None, "no tick for one that is gone");
}

#[test]
fn the_first_status_is_not_held_back_behind_a_change() {
    let mut bench = Bench::new();
    bench.terms = terms(Format::Sse, Mode::Patch, Some(1_000));
    let wire = bench.attach(1, Start::Fresh, &version(1, false), live(1));
    bench.publish(&version(2, true));
    assert_eq!(said(&wire.take()), ["snapshot 1"]);
    bench.ready(1);
    assert_eq!(said(&wire.take()), ["status"]);
    bench.ready(1);
    assert!(wire.take().is_empty());
    bench.pass(at(1_000));
    assert_eq!(said(&wire.take()), ["patch 2"]);
}

#[test]
fn who_leaves_takes_its_tick_along() {
    let held = |bench: &mut Bench| {
        let wire = bench.settled(1, terms(Format::Sse, Mode::Patch, Some(3_600_000)), 1);
        bench.publish(&version(2, true));
        bench.publish(&version(3, true));
        assert_eq!(said(&wire.take()), ["patch 2"]);
        assert_eq!(bench.shard.ticks.len(), 1);
        wire
    };
    let mut bench = Bench::new();
    for _ in 0..3 {
        // However often it comes back.
        let _wire = held(&mut bench);
        bench.tell(Command::Detach(SubscriberId(1)));
        assert_eq!((bench.shard.ticks.len(), bench.shard.poll_timeout()), (0, None));
    }
    for end in [Command::Shutdown, Command::Shed, Command::Feed(FeedCommand::EndAll(FEED.feed, live(3)))] {
        let mut bench = Bench::new();
        let wire = held(&mut bench);
        bench.tell(end);
        assert_eq!(said(&wire.take()), ["status"]);
        assert_eq!((bench.shard.ticks.len(), bench.shard.subscribers()), (0, 0));
    }
}

#[test]
fn a_tick_is_nothing_to_others() {
    let mut bench = Bench::new();
    let others: Vec<_> = (1..40).map(|id| bench.settled(id, Terms::USUAL, 1)).collect();
    let wire = bench.settled(90, terms(Format::Sse, Mode::Snapshot, Some(10)), 1);
    // Their streams stall, and would be served if they were looked at.
    for offset in 2..4 {
        bench.publish(&version(offset, true));
    }
    assert_eq!(said(&wire.take()), ["snapshot 2"]);
    others.iter().for_each(|wire| _ = wire.take());
    assert_eq!((bench.shard.ticks.len(), bench.shard.due.len()), (1, 0));
    bench.now = at(10);
    bench.shard.handle_timeout(at(10));
    assert_eq!((bench.shard.ready.len(), bench.shard.due.len()), (1, 0), "it alone is looked at");
    bench.work(at(10));
    assert_eq!(said(&wire.take()), ["snapshot 3"]);
}

#[test]
fn one_that_stalls_over_its_ticks_gets_the_newest_when_it_reads_again() {
    let mut bench = Bench::new();
    let wire = bench.settled(1, terms(Format::Sse, Mode::Snapshot, Some(100)), 1);
    bench.publish(&version(2, true));
    assert_eq!(said(&wire.take()), ["snapshot 2"]);
    wire.busy.set(true);
    for offset in 3..9 {
        bench.publish(&version(offset, true));
        let until = bench.now + Duration::from_millis(100);
        assert!(bench.pass(until) <= 2, "no tick for one that takes nothing");
    }
    wire.take();
    bench.ready(1);
    assert_eq!(said(&wire.take()), ["snapshot 8"]);
}
