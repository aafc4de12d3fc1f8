//! Writes to the resource (RFC 9111 §4.4): what is fetched, what is thrown away, who waits.

use super::*;

fn until(wait: Wait) -> Fetching {
    match wait {
        Wait::Until(fetch) => fetch,
        Wait::Ready => panic!("it has to wait"),
    }
}

#[test]
fn a_watched_feed_is_fetched_at_once_and_stays_live() {
    let mut bench = Bench::watching("[1]");
    bench.at(100);
    assert!(!bench.plan.as_ref().unwrap().end_to_end);
    bench.invalidate();
    assert_eq!(bench.seen(), "fetch");
    assert!(bench.plan.as_ref().unwrap().end_to_end, "a cache on the way may not know of the write");
    bench.answer(json("[2]"));
    assert_eq!(bench.seen(), "publish 2 whole, confirmed");
    bench.poll(json("[2]"));
    assert!(!bench.plan.as_ref().unwrap().end_to_end);
    assert_eq!((bench.subscribe(), bench.read(false)), (Wait::Ready, Wait::Ready));
}

#[test]
fn the_next_poll_counts_from_the_fetch_after_the_write() {
    let mut bench = Bench::watching("[1]");
    for _ in 0..2 {
        bench.poll(json("[1]"));
    }
    let written = bench.now + Duration::from_millis(100);
    bench.now = written;
    bench.invalidate();
    bench.answer(json("[2]"));
    bench.next_poll();
    assert!(bench.now >= written + Duration::from_millis(475), "{:?}", bench.now);
}

#[test]
fn a_fetch_that_began_before_the_write_is_made_again() {
    let mut bench = Bench::watching("[1]");
    bench.next_poll();
    let (early, first) = (bench.read(true), bench.fetching.unwrap());
    bench.seen();
    bench.invalidate();
    let (late, subscriber) = (bench.read(false), bench.subscribe());
    assert!(until(late) > first && late == subscriber && late == early);
    assert_eq!(bench.seen(), "", "still one fetch");
    bench.answer(json("[\"from before\"]"));
    assert_eq!(bench.seen(), "fetch", "neither published nor told to anybody");
    assert_eq!(bench.fetching, Some(until(late)));
    bench.answer(json("[2]"));
    assert_eq!(bench.seen(), "publish 2 whole, confirmed");
}

#[test]
fn whatever_comes_of_a_fetch_from_before_the_write_is_thrown_away() {
    for outcome in [
        json("[0]"),
        not_modified(),
        failed(FailureKind::Unreachable),
        answered(404, &[]),
        answered(401, &[]),
        Outcome::Unfit(Unfit::TooLarge),
        fresh("[0]", &[("vary", "*")]),
    ] {
        let mut bench = Bench::watching("[1]");
        bench.next_poll();
        bench.seen();
        bench.invalidate();
        bench.answer(outcome);
        assert_eq!(bench.seen(), "fetch");
        bench.answer(json("[1]"));
        assert_eq!(bench.seen(), "confirmed");
    }
}

/// Whatever a write may have changed, an origin that said when to come back is not asked before.
#[test]
fn a_wish_to_be_left_alone_is_obeyed_after_a_write() {
    let mut bench = Bench::watching("[1]");
    bench.next_poll();
    bench.seen();
    bench.invalidate();
    bench.answer(answered(503, &[("retry-after", "30")]));
    assert_eq!(bench.seen(), "status stale, answered");
    let asked = bench.now;
    bench.next_poll();
    assert!(bench.now >= asked + Duration::from_secs(30), "{:?}", bench.now);
    bench.answer(json("[2]"));
    assert!(!bench.feed.is_invalidated());
}

#[test]
fn readers_after_a_write_wait_although_the_feed_is_watched() {
    let mut bench = Bench::watching("[1]");
    bench.invalidate();
    let wait = bench.read(false);
    assert_eq!(wait, Wait::Until(bench.fetching.unwrap()), "the fetch that began after the write will do");
    bench.answer(not_modified());
    assert_eq!(bench.read(false), Wait::Ready);
}

#[test]
fn a_feed_that_nobody_watches_is_fetched_for_whoever_comes() {
    let mut bench = Bench::new();
    bench.read(false);
    bench.answer(json("[1]"));
    bench.seen();
    bench.invalidate();
    assert_eq!(bench.seen(), "");
    assert!(matches!(bench.read(false), Wait::Until(_)));
    assert_eq!(bench.seen(), "fetch");
}

#[test]
fn a_failed_fetch_after_a_write_leaves_the_head_stale_and_invalid() {
    let mut bench = Bench::watching("[1]");
    bench.invalidate();
    bench.seen();
    bench.answer(failed(FailureKind::Unreachable));
    assert_eq!(bench.seen(), "status stale, failed");
    assert!(bench.feed.is_invalidated());
    assert_eq!(bench.subscribe(), Wait::Ready, "a new stream may begin with what is stale, and says so");
    bench.poll(json("[2]"));
    assert!(!bench.feed.is_invalidated());
}

#[test]
fn a_resource_that_is_written_all_the_time_still_moves() {
    let mut bench = Bench::watching("[0]");
    bench.next_poll();
    let waiting = until(bench.read(true));
    bench.seen();
    let mut published = 0;
    for write in 1..=20 {
        bench.invalidate();
        let later = until(bench.read(false));
        let fetch = bench.fetching.unwrap();
        assert!(later > fetch, "no reader gets what may be older than the write before it");
        bench.answer(json(&format!("[{write}]")));
        let seen = bench.seen();
        assert!(seen.ends_with("fetch"), "{seen}");
        published += usize::from(seen.contains("publish"));
        assert!(write < 5 || published > 0, "who waited for {waiting:?} has it");
    }
    assert_eq!(published, 5);
    assert!(bench.feed.is_invalidated());
    bench.answer(json("[20]"));
    assert!(!bench.feed.is_invalidated());
}

#[test]
fn a_deleted_resource_is_gone_at_once() {
    let mut bench = Bench::watching("[1]");
    bench.invalidate();
    bench.seen();
    bench.answer(answered(404, &[]));
    assert_eq!(bench.seen(), "status gone, answered");
    bench.invalidate();
    assert_eq!(bench.seen(), "fetch", "and back as soon as it is written anew");
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "publish 2 whole, status live, confirmed");
}

#[test]
fn a_write_to_what_nobody_has_keeps_no_feed() {
    let mut bench = Bench::new();
    bench.invalidate();
    assert_eq!(bench.seen(), "retire");
    bench.invalidate();
    assert_eq!(bench.seen(), "");
}

#[test]
fn a_fetch_that_nobody_needs_is_not_made_again() {
    let mut bench = Bench::watching("[1]");
    bench.unsubscribe();
    bench.next_poll();
    bench.now = bench.now + LINGER;
    bench.seen();
    bench.invalidate();
    bench.answer(json("[0]"));
    assert_eq!(bench.seen(), "retire");
}

#[test]
fn the_first_version_waits_for_the_write_too() {
    let mut bench = Bench::new();
    let before = until(bench.subscribe());
    bench.invalidate();
    bench.seen();
    bench.answer(json("[0]"));
    assert_eq!(bench.seen(), "fetch");
    assert!(bench.fetching.unwrap() > before);
    bench.answer(json("[1]"));
    assert_eq!(bench.seen(), "publish 1 whole, confirmed");
}
