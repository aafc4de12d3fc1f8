//! An origin that comes and goes: what its clients are told of it.

use super::*;
use crate::time::Jitter;

/// What subscribers were told while polls were answered in turn like these, for so many rounds.
fn told(bench: &mut Bench, rounds: usize, answers: &[Outcome]) -> Vec<String> {
    let mut told = Vec::new();
    for answer in (0..rounds).flat_map(|_| answers) {
        bench.poll(answer.clone());
        let seen = bench.seen();
        told.extend(seen.split(", ").filter(|word| word.starts_with("status")).map(str::to_owned));
    }
    told
}

fn away() -> Outcome {
    failed(FailureKind::Unreachable)
}

#[test]
fn a_failure_that_a_quick_second_try_mends_is_no_news() {
    let mut bench = Bench::watching("[1]");
    let quiet: &[String] = &[];
    assert_eq!(told(&mut bench, 50, &[away(), json("[1]")]), quiet);
    assert_eq!(told(&mut bench, 50, &[answered(503, &[]), not_modified()]), quiet);
    assert_eq!(told(&mut bench, 50, &[answered(404, &[]), not_modified()]), quiet, "nor is a single 404");
    assert_eq!(told(&mut bench, 50, &[text(b"<html>"), json("[1]")]), quiet, "nor an error page");
    assert_eq!(told(&mut bench, 50, &[json(""), json("[1]")]), quiet, "nor an empty body");
    bench.poll(away());
    assert_eq!(bench.feed.status().state, State::Live);
    assert!(bench.feed.status().cause.is_none() && bench.feed.status().retry_at.is_none());
}

#[test]
fn what_comes_while_the_origin_flaps_is_told() {
    let mut bench = Bench::watching("[0]");
    for number in 1..20 {
        bench.poll(away());
        bench.poll(json(&format!("[{number}]")));
        assert_eq!(bench.head(), number + 1);
    }
}

#[test]
fn a_failure_is_told_before_the_patience_ends() {
    for seed in 0..50 {
        let mut bench = Bench::seeded(seed);
        bench.subscribe();
        bench.answer(json("[1]"));
        bench.next_poll();
        let asked = bench.now;
        bench.seen();
        bench.answer(away());
        while !bench.seen().contains("stale") {
            bench.poll(away());
        }
        assert!(bench.now <= asked + MIN_PATIENCE, "{seed}: {:?} after {asked:?}", bench.now);
        let retry_at = bench.feed.status().retry_at;
        assert_eq!(retry_at, bench.feed.poll_timeout(), "with the time of the next try");
    }
}

#[test]
fn a_failure_of_what_is_asked_for_rarely_is_told_within_seconds() {
    let mut bench = Bench::new();
    let hour = Duration::from_secs(3600);
    bench.feed.policy.pace = Pace::steady(hour);
    bench.feed.schedule = Schedule::new(Pace::steady(hour), 1);
    bench.subscribe();
    bench.answer(json("[1]"));
    bench.next_poll();
    bench.seen();
    let asked = bench.now;
    bench.answer(away());
    assert_eq!(bench.seen(), "failed");
    bench.poll(away());
    assert_eq!(bench.seen(), "status stale, failed");
    assert!(bench.now <= asked + Duration::from_secs(5));
}

#[test]
fn a_failure_whose_next_try_comes_too_late_is_told_at_once() {
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(503, &[("retry-after", "7")]));
    assert_eq!(bench.seen(), "status stale, answered");
}

#[test]
fn a_second_try_that_hangs_is_told_with_what_the_first_one_met() {
    let mut bench = Bench::watching("[1]");
    bench.next_poll();
    let asked = bench.now;
    bench.answer(away());
    bench.next_poll();
    bench.seen();
    assert_eq!(bench.feed.poll_timeout(), Some(asked + MIN_PATIENCE), "the patience is that of the first");
    bench.now = asked + MIN_PATIENCE;
    bench.feed.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(bench.seen(), "status stale");
    assert_eq!(bench.feed.status().cause.as_ref().unwrap().kind, FailureKind::Unreachable);
}

#[test]
fn an_origin_that_falls_again_and_again_has_to_be_good_for_longer() {
    let mut bench = Bench::watching("[1]");
    let mut needed = Vec::new();
    for _ in 0..6 {
        bench.polled_until_told(&away());
        let mut good = 0;
        while bench.feed.status().state == State::Stale {
            bench.poll(not_modified());
            assert!(bench.feed.is_confirmed(), "plain readers get what is confirmed");
            good += 1;
        }
        needed.push(good);
    }
    assert_eq!(needed, [1, 2, 3, 4, 4, 4]);
    // A minute without a fall, and it is forgotten.
    let now = bench.now;
    while bench.now < now + Duration::from_secs(61) {
        bench.poll(not_modified());
    }
    bench.polled_until_told(&away());
    bench.poll(not_modified());
    assert_eq!(bench.feed.status().state, State::Live);
}

#[test]
fn outages_and_recoveries_in_turn_are_told_a_few_times_and_then_not_any_more() {
    let mut bench = Bench::watching("[1]");
    let outage = [away(), away(), away(), away(), away(), not_modified(), not_modified()];
    let told = told(&mut bench, 100, &outage);
    let recoveries = told.iter().filter(|word| *word == "status live").count();
    assert!(recoveries <= 3, "{recoveries} in a hundred");
    assert_eq!(bench.feed.status().state, State::Stale);
    assert_eq!(bench.head(), 1, "the last good version stays");
    for _ in 0..MOST {
        bench.poll(not_modified());
    }
    assert_eq!(bench.feed.status().state, State::Live, "it recovers by itself");
}

/// More confirmations than are ever asked for.
const MOST: usize = 4;

#[test]
fn on_probation_only_another_cause_is_news() {
    let mut bench = Bench::watching("[1]");
    for round in 0..2 {
        bench.polled_until_told(&away());
        while bench.feed.status().state == State::Stale && round == 0 {
            bench.poll(not_modified());
        }
    }
    for (outcome, expected) in [
        (not_modified(), "confirmed"),
        (away(), "failed"),
        (not_modified(), "confirmed"),
        (answered(500, &[]), "status stale, answered"),
        (answered(500, &[]), "status stale, answered"),
        (not_modified(), "confirmed"),
        (not_modified(), "status live, confirmed"),
    ] {
        bench.poll(outcome);
        assert_eq!(bench.seen(), expected);
    }
}

#[test]
fn a_404_needs_a_second_one_and_a_410_does_not() {
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(404, &[]));
    assert_eq!(bench.seen(), "answered");
    bench.poll(answered(404, &[]));
    assert_eq!(bench.seen(), "status gone, answered");
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(410, &[]));
    assert_eq!(bench.seen(), "status gone, answered");
}

#[test]
fn a_resource_that_is_gone_again_and_again_is_believed_ever_later() {
    let mut bench = Bench::watching("[1]");
    let round = [answered(404, &[]), answered(404, &[]), json("[1]")];
    let told = told(&mut bench, 100, &round);
    let gone = told.iter().filter(|word| *word == "status gone").count();
    assert!((1..=3).contains(&gone), "{gone} of a hundred");
}

#[test]
fn nothing_is_held_back_where_nobody_polls() {
    let mut bench = Bench::watching("[1]");
    bench.unsubscribe();
    bench.at(5000);
    bench.seen();
    let mut bench = Bench::new();
    bench.read(false);
    bench.answer(json("[1]"));
    bench.seen();
    bench.at(1000);
    bench.read(false);
    bench.seen();
    bench.answer(away());
    assert_eq!(bench.seen(), "status stale, failed");
}

/// What comes of a poll, drawn by lot.
fn drawn(lot: &mut Jitter) -> Outcome {
    match lot.bits() % 12 {
        0 => away(),
        1 => failed(FailureKind::TimedOut(crate::Phase::Head)),
        2 => answered(500, &[]),
        3 => answered(503, &[("retry-after", "1")]),
        4 => answered(404, &[]),
        5 => text(b"<h1>"),
        6 => json("null]"),
        7 => json(&lot.bits().to_string()),
        _ => json("[1]"),
    }
}

#[test]
fn whatever_comes_live_is_what_was_confirmed_in_time() {
    for seed in 0..300 {
        let mut lot = Jitter::new(seed);
        let mut bench = Bench::seeded(seed);
        bench.subscribe();
        bench.answer(json("[1]"));
        let mut took = Duration::ZERO;
        for _ in 0..100 {
            let takes = lot.scale(Duration::from_millis(1500), 0.0, 1.0);
            let outcome = drawn(&mut lot);
            if bench.feed.poll_timeout().is_none() {
                break;
            }
            bench.next_poll();
            let answered = bench.now + takes;
            while let Some(time) = bench.feed.poll_timeout().filter(|time| *time < answered) {
                bench.now = time;
                bench.feed.handle_timeout(time);
                bench.drain();
            }
            let feed = &bench.feed;
            let confirmed = feed.meta().unwrap().confirmed;
            let due = confirmed + feed.fresh_within().max(took) + feed.patience();
            assert!(
                feed.status().state != State::Live || answered <= due,
                "{seed}: {answered:?}, due {due:?}"
            );
            bench.now = answered;
            bench.answer(outcome);
            // What is a document, and broken, confirms nothing.
            let is_good = bench.feed.meta().unwrap().confirmed > confirmed;
            took = if is_good { takes } else { took };
            let status = bench.feed.status();
            assert_eq!(status.state == State::Live, status.cause.is_none(), "{seed}");
            assert_eq!(status.retry_at.is_some(), status.cause.is_some(), "{seed}: the next try is told");
        }
    }
}

#[test]
fn what_is_not_expected_is_a_failure_and_changes_nothing() {
    #[derive(Debug)]
    struct Short;
    impl Expect for Short {
        fn check(&self, document: &crate::Document) -> Result<(), String> {
            if document.text_len() < 5 { Ok(()) } else { Err("it is long".to_owned()) }
        }
    }
    let mut bench = Bench::new();
    bench.feed.policy.expect = Some(Arc::new(Short));
    bench.subscribe();
    bench.answer(json("[1,2,3]"));
    assert_eq!(bench.seen(), "fetch, failed", "nothing begins with it");
    bench.poll(json("[1]"));
    assert_eq!(bench.seen(), "publish 1 whole, confirmed");
    assert_eq!(bench.polled_until_told(&json("[1,2,3]")), "status stale, failed");
    let cause = bench.feed.status().cause.clone().unwrap();
    assert_eq!((cause.kind, &*cause.detail), (FailureKind::Unexpected, "it is long"));
    assert_eq!(bench.head(), 1);
    bench.poll(json("[2]"));
    assert_eq!(bench.seen(), "publish 2 whole, status live, confirmed");
}

#[test]
fn a_page_in_the_place_of_a_document_is_not_left_alone_for_as_long_as_the_document_was_fresh() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.answer(fresh("[1]", &[("cache-control", "max-age=600")]));
    bench.next_poll();
    bench.answer(text(b"<html>"));
    let asked = bench.now;
    bench.next_poll();
    assert!(bench.now <= asked + Duration::from_secs(3), "{:?} after {asked:?}", bench.now);
    bench.answer(json("[1]"));
    assert_eq!(bench.feed.status().state, State::Live);
}
