//! When the origin is asked, and who waits for which fetch.

use super::*;

#[test]
fn polling_starts_with_the_first_subscriber_and_stops_after_the_last_and_a_linger() {
    let mut bench = Bench::new();
    assert!(matches!(bench.subscribe(), Wait::Until(_)));
    bench.answer(json("[1]"));
    assert_eq!(bench.subscribe(), Wait::Ready);
    while bench.now < at(5000) {
        bench.poll(json("[1]"));
    }
    bench.unsubscribe();
    let polled = bench.fetches;
    assert!((10..=12).contains(&polled), "{polled} polls in 5 s");
    bench.poll(json("[1]"));
    assert_eq!(bench.fetches, polled + 1, "one is still there");
    bench.unsubscribe();
    let (left, polled) = (bench.now, bench.fetches);
    bench.seen();
    while let Some(due) = bench.feed.poll_timeout() {
        bench.now = due;
        bench.feed.handle_timeout(due);
        bench.drain();
        if bench.fetching.is_some() {
            bench.answer(json("[1]"));
        }
    }
    assert!((3..=4).contains(&(bench.fetches - polled)), "the linger has polls");
    assert_eq!(bench.now, left + LINGER);
    assert!(bench.seen().ends_with("retire"));
}

#[test]
fn who_comes_back_within_the_linger_needs_no_fetch() {
    let mut bench = Bench::watching("[1]");
    bench.unsubscribe();
    bench.at(200);
    assert_eq!((bench.subscribe(), bench.fetches), (Wait::Ready, 1));
    bench.next_poll();
    assert!(bench.now < at(550), "the polls went on: {:?}", bench.now);
}

#[test]
fn a_feed_kept_for_readers_is_not_current_for_a_subscriber() {
    let mut bench = Bench::new();
    bench.read(false);
    bench.answer(json("[1]"));
    bench.at(1000);
    assert_eq!(bench.fetches, 1, "nobody watches, so nothing is polled");
    assert!(matches!(bench.subscribe(), Wait::Until(_)));
    assert_eq!(bench.fetches, 2);
}

#[test]
fn there_are_never_two_fetches() {
    // The bench itself asserts it for every input.
    let mut bench = Bench::watching("[1]");
    bench.next_poll();
    bench.subscribe();
    bench.read(false);
    bench.read(true);
    bench.feed.handle_timeout(at(60_000));
    bench.drain();
    assert_eq!(bench.fetches, 2);
}

#[test]
fn the_interval_counts_from_the_start_of_the_cycle() {
    let mut bench = Bench::watching("[1]");
    // The first intervals are shorter, to spread the polls of feeds that begin together.
    for body in ["[2]", "[3]"] {
        bench.next_poll();
        bench.answer(json(body));
    }
    bench.next_poll();
    let started = bench.now;
    bench.now = started + Duration::from_millis(300);
    bench.answer(json("[2]"));
    bench.next_poll();
    let cycle = bench.now.since(started);
    assert!(cycle >= Duration::from_millis(475) && cycle <= Duration::from_millis(525), "{cycle:?}");
    assert_eq!(bench.feed.fresh_within(), Duration::from_millis(525));
}

#[test]
fn readers_join_the_fetch_under_way_and_insisting_ones_the_next() {
    let mut bench = Bench::new();
    let first = bench.read(false);
    assert_eq!(bench.read(false), first);
    let (Wait::Until(first), Wait::Until(insisting)) = (first, bench.read(true)) else {
        panic!("nothing is known yet")
    };
    assert_eq!(bench.read(true), Wait::Until(insisting));
    assert!(insisting > first);
    bench.seen();
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "publish 1 whole, confirmed, fetch");
    assert_eq!(bench.fetching, Some(insisting));
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "confirmed");
}

#[test]
fn an_insisting_reader_begins_a_fetch_where_there_is_none() {
    let mut bench = Bench::watching("[1]");
    assert_eq!(bench.read(false), Wait::Ready);
    assert!(matches!(bench.read(true), Wait::Until(_)));
    assert_eq!(bench.fetches, 2);
}

#[test]
fn a_subscriber_does_not_rely_on_a_fetch_that_gives_up_early() {
    let mut bench = Bench::new();
    bench.read(false);
    assert!(!bench.plan.as_ref().unwrap().patient);
    let Wait::Until(awaited) = bench.subscribe() else { panic!("nothing is known yet") };
    bench.seen();
    bench.answer(Outcome::Unfit(Unfit::Slow));
    assert_eq!(bench.seen(), "unfit, fetch");
    assert_eq!(bench.fetching, Some(awaited));
    assert!(bench.plan.as_ref().unwrap().patient);
    assert_eq!(bench.subscribe(), Wait::Until(awaited));
}

#[test]
fn a_feed_is_kept_for_readers_as_long_as_the_linger() {
    let mut bench = Bench::new();
    bench.read(false);
    bench.answer(json("[1]"));
    bench.at(1500);
    bench.read(false);
    bench.answer(json("[1]"));
    bench.seen();
    bench.at(3499);
    assert_eq!(bench.seen(), "");
    bench.at(3500);
    assert_eq!(bench.seen(), "retire");
}

#[test]
fn a_key_that_nobody_shares_is_not_kept() {
    let limits = WindowLimits { bytes: 1000, versions: 4 };
    let mut bench = Bench::with(&[], "*", limits);
    bench.read(false);
    bench.answer(fresh("[1]", &[("vary", "*")]));
    assert_eq!(bench.seen(), "fetch, publish 1 whole, confirmed, retire");
    let mut bench = Bench::with(&[], "*", limits);
    bench.subscribe();
    bench.answer(fresh("[1]", &[("vary", "*")]));
    bench.seen();
    bench.unsubscribe();
    assert_eq!(bench.seen(), "retire");
}

#[test]
fn a_feed_without_a_version_is_not_kept() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.answer(failed(FailureKind::Unreachable));
    assert_eq!(bench.seen(), "fetch, failed");
    bench.unsubscribe();
    assert_eq!(bench.seen(), "retire");
}

#[test]
fn nothing_retires_while_a_fetch_is_under_way() {
    let mut bench = Bench::watching("[1]");
    bench.next_poll();
    bench.unsubscribe();
    bench.seen();
    bench.now = bench.now + LINGER * 2;
    bench.feed.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(bench.seen(), "status stale", "overdue, and no more than that");
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "status live, confirmed, retire");
}

#[test]
fn polls_are_conditional_where_a_304_is_of_use() {
    let condition = |bench: &Bench| bench.plan.as_ref().unwrap().condition.etag.clone();
    let mut bench = Bench::new();
    bench.subscribe();
    assert_eq!(condition(&bench), None);
    bench.answer(fresh("[1]", &[("etag", "\"1\""), ("cache-control", "private")]));
    bench.next_poll();
    assert_eq!(condition(&bench).unwrap(), "\"1\"", "subscribers may be told that nothing changed");
    for (request, control, expected) in [
        (&[][..], "max-age=0", true),
        (&[], "private", false),
        (&[], "no-store", false),
        (&[("authorization", "a")], "max-age=0", false),
        (&[("authorization", "a")], "public", true),
    ] {
        let mut bench = Bench::with(request, "", WindowLimits { bytes: 1000, versions: 4 });
        bench.read(false);
        bench.answer(fresh("[1]", &[("etag", "\"1\""), ("cache-control", control)]));
        bench.read(false);
        assert_eq!(condition(&bench).is_some(), expected, "{request:?} {control}");
    }
}
