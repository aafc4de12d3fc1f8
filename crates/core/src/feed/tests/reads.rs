//! Plain reads: what is answered from memory, for how long, and what asks the origin (RFC 9111 §4).

use super::*;
use crate::caching::{Forward, Reuse};

fn demanding(control: &'static str) -> Demand {
    Demand::of(&fields(&[("cache-control", control)]))
}

/// A feed that one reader asked for at 0 ms, and that nobody watches.
fn kept(control: &'static str) -> Bench {
    let mut bench = Bench::new();
    bench.read(false);
    bench.answer(fresh("[1]", &[("cache-control", control)]));
    bench.seen();
    bench
}

#[test]
fn what_the_origin_calls_fresh_is_not_asked_for() {
    let mut bench = kept("max-age=3");
    for ms in [0, 1500, 2999] {
        bench.at(ms);
        assert_eq!(bench.demand(Demand::default()), Serving::Kept(Reuse::Fresh), "{ms} ms");
    }
    bench.at(3000);
    let Serving::After(_, Forward::Stale) = bench.demand(Demand::default()) else { panic!("it is over") };
    assert_eq!(bench.seen(), "fetch");
}

#[test]
fn the_age_that_it_came_with_counts() {
    let mut bench = Bench::new();
    bench.read(false);
    bench.now = at(500);
    bench.answer(fresh("[1]", &[("cache-control", "max-age=10"), ("age", "8")]));
    bench.at(1999);
    assert_eq!(bench.demand(Demand::default()), Serving::Kept(Reuse::Fresh));
    bench.at(2000);
    assert!(matches!(bench.demand(Demand::default()), Serving::After(..)), "the delay of the answer counts");
}

#[test]
fn a_304_gives_a_new_lifetime() {
    let mut bench = kept("max-age=1");
    bench.at(1200);
    bench.demand(Demand::default());
    bench.answer(Outcome::NotModified { fields: fields(&[("cache-control", "max-age=2")]) });
    bench.at(3000);
    assert_eq!(bench.demand(Demand::default()), Serving::Kept(Reuse::Fresh), "RFC 9111 §4.3.4");
    bench.at(3300);
    bench.demand(Demand::default());
    bench.answer(Outcome::NotModified { fields: fields(&[("cache-control", "no-store")]) });
    assert!(matches!(bench.demand(Demand::default()), Serving::After(..)), "and takes one away");
}

#[test]
fn a_feed_is_kept_for_the_linger_after_the_last_reader_however_fresh() {
    let mut bench = kept("max-age=3600");
    bench.at(1000);
    bench.demand(Demand::default());
    bench.at(2999);
    assert_eq!(bench.seen(), "");
    bench.at(3000);
    assert_eq!(bench.seen(), "retire");
}

#[test]
fn stale_while_revalidate_serves_at_once_and_fetches_once() {
    let mut bench = kept("max-age=1, stale-while-revalidate=5");
    bench.at(1500);
    let stale = Serving::Kept(Reuse::WhileRevalidate);
    assert_eq!((bench.demand(Demand::default()), bench.demand(Demand::default())), (stale, stale));
    assert_eq!(bench.seen(), "fetch");
    assert!(bench.plan.as_ref().unwrap().patient, "nobody waits for it");
    bench.answer(fresh("[2]", &[("cache-control", "max-age=1")]));
    assert_eq!(bench.seen(), "publish 2 whole, confirmed");
    assert_eq!(bench.demand(Demand::default()), Serving::Kept(Reuse::Fresh));
    bench.invalidate();
    assert!(
        matches!(bench.demand(Demand::default()), Serving::After(..)),
        "a write allows nothing of the kind"
    );
}

#[test]
fn a_reader_that_only_reads_asks_nobody() {
    for control in ["only-if-cached", "no-store"] {
        let mut bench = Bench::new();
        assert_eq!(bench.demand(demanding(control)), Serving::Nothing);
        assert_eq!(bench.seen(), "retire", "{control}");
        let mut bench = kept("max-age=1");
        assert_eq!(bench.demand(demanding(control)), Serving::Kept(Reuse::Fresh), "{control}");
        bench.at(1500);
        assert_eq!(bench.demand(demanding(control)), Serving::Nothing, "{control}");
        assert_eq!(bench.seen(), "", "{control}");
    }
    let mut bench = kept("max-age=1");
    bench.at(1500);
    assert_eq!(bench.demand(demanding("only-if-cached, max-stale=1")), Serving::Kept(Reuse::Stale));
    let mut watched = Bench::watching("[1]");
    watched.at(100);
    assert_eq!(watched.demand(demanding("only-if-cached")), Serving::Kept(Reuse::Fresh));
    let mut private = kept("private");
    assert_eq!(private.demand(demanding("only-if-cached")), Serving::Nothing);
}

#[test]
fn polls_confirm_what_is_served_but_not_against_the_origins_word() {
    for (control, expected) in [
        ("", Serving::Kept(Reuse::Fresh)),
        ("max-age=0", Serving::Kept(Reuse::Fresh)),
        ("max-age=9, must-revalidate", Serving::Kept(Reuse::Fresh)),
        ("max-age=0, must-revalidate", Serving::After(Fetching(2), Forward::Stale)),
        ("no-cache", Serving::After(Fetching(2), Forward::Stale)),
        ("private", Serving::Unshared),
    ] {
        let mut bench = Bench::new();
        bench.subscribe();
        bench.answer(fresh("[1]", &[("cache-control", control)]));
        bench.at(100);
        assert_eq!(bench.demand(Demand::default()), expected, "{control}");
    }
}

#[test]
fn no_cache_is_validated_by_a_fetch_that_began_after_the_request() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.answer(fresh("[1]", &[("cache-control", "no-cache")]));
    bench.next_poll();
    let poll = bench.fetching.unwrap();
    assert_eq!(bench.demand(Demand::default()), Serving::After(poll.after(), Forward::Stale));
    assert_eq!(bench.demand(Demand::default()), Serving::After(poll.after(), Forward::Stale), "one for all");
}

#[test]
fn a_reader_joins_a_fetch_that_is_young_enough_for_it() {
    let mut bench = Bench::new();
    bench.read(false);
    let first = bench.fetching.unwrap();
    bench.at(1500);
    assert_eq!(bench.demand(demanding("max-age=2")), Serving::After(first, Forward::Miss));
    assert_eq!(bench.demand(demanding("max-age=1")), Serving::After(first.after(), Forward::Miss));
    assert_eq!(bench.demand(demanding("max-age=0")), Serving::After(first.after(), Forward::Miss));
}

#[test]
fn while_polls_fail_readers_are_not_asked_for_one_by_one() {
    for (control, reusable) in
        [("", true), ("stale-if-error=0", false), ("must-revalidate", false), ("no-cache", false)]
    {
        let mut bench = Bench::new();
        bench.subscribe();
        bench.answer(fresh("[1]", &[("cache-control", control)]));
        bench.at(100);
        // A single failure is no outage yet: the head was confirmed in time.
        while bench.feed.is_confirmed() {
            bench.poll(failed(FailureKind::Unreachable));
        }
        bench.seen();
        assert_eq!(bench.demand(Demand::default()), Serving::Failing, "{control}");
        assert_eq!(bench.feed.reusable_on_error(bench.now, &Demand::default()), reusable, "{control}");
        assert_eq!(bench.seen(), "", "{control}");
        assert!(matches!(bench.demand(Demand::VALIDATED), Serving::After(..)), "{control}");
    }
    let mut fresh_still = Bench::new();
    fresh_still.subscribe();
    fresh_still.answer(fresh("[1]", &[("cache-control", "max-age=9, must-revalidate")]));
    // What is fresh is not polled; somebody insists.
    assert!(matches!(fresh_still.demand(Demand::VALIDATED), Serving::After(..)));
    fresh_still.answer(failed(FailureKind::Unreachable));
    assert_eq!(
        fresh_still.demand(Demand::default()),
        Serving::Kept(Reuse::Fresh),
        "the origin said for how long"
    );
}

#[test]
fn what_is_gone_or_invalid_is_not_served_because_of_an_error() {
    let mut bench = Bench::watching("[1]");
    assert!(bench.feed.reusable_on_error(bench.now, &Demand::default()));
    bench.invalidate();
    bench.answer(failed(FailureKind::Unreachable));
    assert!(!bench.feed.reusable_on_error(bench.now, &Demand::default()), "RFC 9111 §4.4");
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(410, &[]));
    assert!(!bench.feed.reusable_on_error(bench.now, &Demand::default()));
}
