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

const LIMITS: WindowLimits = WindowLimits { bytes: 1000, versions: 4 };

/// A feed at this pace, watched by somebody with this wish, with a head.
fn watched(pace: Pace, wish: Wish, list: &[(&'static str, &'static str)]) -> Bench {
    let mut bench = Bench::at_pace(pace, &[], "", LIMITS);
    bench.feed.handle_subscribe(bench.now, wish);
    bench.drain();
    bench.answer(fresh("[1]", list));
    bench.seen();
    bench
}

fn pace(target: u64, ceiling: u64) -> Pace {
    let (target, ceiling) = (Duration::from_secs(target), Duration::from_secs(ceiling));
    Pace { target, ceiling, obeys_lifetime: true }
}

#[test]
fn the_interval_follows_the_changes() {
    let mut bench = watched(pace(1, 20), Wish::NONE, &[]);
    while bench.now < at(600_000) {
        bench.poll(json("[1]"));
    }
    let (since, polled) = (bench.now, bench.fetches);
    while bench.now.since(since) < Duration::from_secs(200) {
        bench.poll(json("[1]"));
    }
    assert!((9..=21).contains(&(bench.fetches - polled)), "quiet: {}", bench.fetches - polled);
    for number in 2..40 {
        bench.poll(json(&format!("[{number}]")));
    }
    let before = bench.now;
    bench.next_poll();
    assert!(bench.now.since(before) < Duration::from_secs(2), "busy: {:?}", bench.now.since(before));
}

#[test]
fn a_difference_that_does_not_count_does_not_hurry_the_polls() {
    let mut bench = Bench::ignoring_at_pace(pace(1, 20), r#"{"at":0,"a":1}"#);
    for number in 1..200 {
        bench.poll(json(&format!(r#"{{"at":{number},"a":1}}"#)));
    }
    let before = bench.now;
    bench.next_poll();
    assert!(bench.now.since(before) > Duration::from_secs(18), "{:?}", bench.now.since(before));
}

#[test]
fn what_the_origin_calls_fresh_is_not_asked_for_earlier_and_that_is_told() {
    let list = [("cache-control", "max-age=60"), ("age", "20")];
    let mut bench = watched(Pace::steady(Duration::from_secs(1)), Wish::NONE, &list);
    let due = bench.feed.poll_timeout().unwrap();
    assert!(due >= at(40_000) && due <= at(42_000), "{due:?}");
    assert_eq!(bench.feed.fresh_within(), Duration::from_secs(63), "told with the first status");
    bench.at(30_000);
    assert_eq!((bench.subscribe(), bench.read(false)), (Wait::Ready, Wait::Ready), "it is fresh");
    assert!(matches!(bench.read(true), Wait::Until(_)), "who insists gets what is new");
    bench.seen();
    // It says nothing any more: the interval is shorter by far, which is told.
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "status live, confirmed");
    assert_eq!(bench.feed.fresh_within(), Duration::from_millis(1050));
    bench.next_poll();
    bench.seen();
    bench.answer(fresh("[1]", &[("cache-control", "max-age=2")]));
    assert_eq!(bench.seen(), "status live, confirmed", "a longer one is told at once");
    bench.poll(fresh("[1]", &[("cache-control", "max-age=2")]));
    assert_eq!(bench.seen(), "confirmed");
    bench.poll(fresh("[1]", &[("cache-control", "max-age=3, no-cache")]));
    assert_eq!(bench.seen(), "status live, confirmed", "it may not be used without asking");
    assert_eq!(bench.feed.fresh_within(), Duration::from_millis(1050));
}

#[test]
fn a_304_prolongs_what_is_fresh() {
    let list = [("cache-control", "max-age=10"), ("etag", "\"1\"")];
    let mut bench = watched(Pace::steady(Duration::from_secs(1)), Wish::NONE, &list);
    bench.poll(not_modified());
    assert!(bench.feed.poll_timeout().unwrap() >= bench.now + Duration::from_secs(10));
}

#[test]
fn the_most_demanding_subscriber_decides_and_its_leaving_restores() {
    let mut bench = watched(Pace::steady(Duration::from_secs(1)), Wish::seconds(60), &[]);
    assert_eq!(bench.feed.fresh_within(), Duration::from_secs(63));
    bench.poll(json("[1]"));
    bench.poll(json("[1]"));
    let before = bench.now;
    bench.next_poll();
    assert!(bench.now.since(before) >= Duration::from_secs(57));
    bench.seen();
    bench.answer(json("[1]"));
    // Half a minute later somebody wants it as fresh as it can be: what is there is too old.
    bench.at(bench.now.since_start().as_millis() as u64 + 30_000);
    bench.seen();
    let demanding = Wish::seconds(1);
    assert!(matches!(bench.feed.handle_subscribe(bench.now, demanding), Wait::Until(_)));
    bench.drain();
    assert_eq!(bench.seen(), "status live, fetch", "the others are told that it is fresher now");
    bench.answer(json("[1]"));
    assert!(bench.feed.poll_timeout().unwrap() <= bench.now + Duration::from_millis(1050));
    // Another that is easily content changes nothing.
    assert_eq!(bench.feed.handle_subscribe(bench.now, Wish::seconds(10)), Wait::Ready);
    assert_eq!(bench.feed.fresh_within(), Duration::from_millis(1050));
    bench.seen();
    bench.feed.handle_unsubscribe(bench.now, demanding);
    bench.drain();
    assert_eq!(bench.seen(), "status live");
    assert_eq!(bench.feed.fresh_within(), Duration::from_millis(10_500), "the next one decides");
    bench.feed.handle_unsubscribe(bench.now, Wish::seconds(10));
    bench.feed.handle_unsubscribe(bench.now, Wish::seconds(60));
    assert_eq!(bench.feed.fresh_within(), Duration::from_secs(63), "the last one may come back");
}

#[test]
fn a_reader_gets_what_the_route_promises_although_the_feed_runs_for_somebody_else() {
    let mut bench = watched(Pace::steady(Duration::from_secs(1)), Wish::seconds(60), &[]);
    bench.at(500);
    assert_eq!(bench.read(false), Wait::Ready);
    bench.at(20_000);
    assert!(matches!(bench.read(false), Wait::Until(_)));
}

#[test]
fn who_comes_while_the_origin_fails_does_not_hurry_the_next_try() {
    let mut bench = watched(Pace::steady(Duration::from_secs(1)), Wish::seconds(60), &[]);
    bench.poll(answered(503, &[("retry-after", "100")]));
    let due = bench.feed.poll_timeout();
    assert_eq!(bench.subscribe(), Wait::Ready, "the last good state, said to be stale");
    assert_eq!(bench.feed.poll_timeout(), due);
}

#[test]
fn a_request_that_waits_for_its_turn_is_no_slow_origin() {
    let mut bench = Bench::watching("[1]");
    let waited = Duration::from_secs(4);
    for _ in 0..2 {
        bench.next_poll();
        let fetch = bench.fetching.take().unwrap();
        let began = bench.now;
        bench.now = bench.now + waited;
        bench.seen();
        let cost = Cost { waited, bytes: 0 };
        bench.feed.handle_fetched(bench.now, fetch, cost, not_modified());
        bench.drain();
        assert_eq!(bench.feed.meta().unwrap().confirmed, began + waited, "when the request was sent");
    }
    assert_eq!(bench.seen(), "confirmed", "told once that it is less fresh");
    assert!(bench.feed.fresh_within() >= waited + Duration::from_millis(500));
    bench.next_poll();
    assert!(bench.feed.poll_timeout().unwrap() >= bench.now + waited * 2, "not overdue before");
}

#[test]
fn what_is_promised_is_never_exceeded() {
    let mut random = crate::time::Jitter::new(11);
    for seed in 0..200 {
        let mut bench = watched(pace(1, 30), Wish::seconds(seed % 40), &[]);
        let mut confirmed = bench.feed.meta().unwrap().confirmed;
        for number in 0..60u64 {
            let within = bench.feed.fresh_within();
            bench.next_poll();
            assert!(bench.now.since(confirmed) <= within, "{:?} of {within:?}", bench.now.since(confirmed));
            confirmed = bench.now;
            match random.bits() % 10 {
                0..4 => bench.answer(json(&format!("[{number}]"))),
                4..7 => bench.answer(json("[1]")),
                7 => bench.answer(fresh("[1]", &[("cache-control", "max-age=100"), ("age", "7")])),
                8 => bench.answer(fresh("[2]", &[("cache-control", "max-age=5")])),
                _ => {
                    let wish = Wish::seconds(random.bits() % 50);
                    bench.answer(json("[3]"));
                    bench.feed.handle_subscribe(bench.now, wish);
                    bench.drain();
                    if bench.fetching.is_some() {
                        bench.answer(json("[3]"));
                        confirmed = bench.now;
                    }
                }
            }
        }
    }
}
