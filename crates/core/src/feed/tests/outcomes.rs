//! What each way of a fetch's end means.

use super::*;

#[test]
fn a_failure_leaves_the_head_stale_since_its_last_confirmation() {
    let mut bench = Bench::watching("[1]");
    bench.poll(not_modified());
    let confirmed = bench.feed.meta().unwrap().confirmed;
    assert!(confirmed > at(0));
    assert_eq!(bench.polled_until_told(&failed(FailureKind::Unreachable)), "status stale, failed");
    let status = bench.feed.status().clone();
    assert_eq!((status.state, status.since), (State::Stale, confirmed));
    assert_eq!(status.cause.unwrap().kind, FailureKind::Unreachable);
    assert_eq!(status.retry_at, bench.feed.poll_timeout(), "the next try is told");
    assert_eq!(bench.head(), 1);
    assert_eq!(bench.subscribe(), Wait::Ready, "the last good state is still to be had");
}

#[test]
fn each_failed_try_of_an_outage_is_told_and_the_recovery_too() {
    let mut bench = Bench::watching("[1]");
    bench.polled_until_told(&failed(FailureKind::Unreachable));
    for (outcome, expected) in [
        (failed(FailureKind::Unreachable), "status stale, failed"),
        (answered(500, &[]), "status stale, answered"),
        (answered(500, &[]), "status stale, answered"),
        (answered(502, &[]), "status stale, answered"),
        (failed(FailureKind::TimedOut(crate::Phase::Body)), "status stale, failed"),
        (not_modified(), "status live, confirmed"),
        (not_modified(), "confirmed"),
        (json("[2]"), "publish 2 whole, confirmed"),
    ] {
        let sequence = bench.feed.status().sequence;
        bench.poll(outcome);
        let seen = bench.seen();
        assert_eq!(seen, expected);
        assert_eq!(bench.feed.status().sequence > sequence, seen.contains("status"), "{expected}");
    }
    let status = bench.feed.status();
    assert!(status.cause.is_none() && status.retry_at.is_none());
}

#[test]
fn a_longer_failure_keeps_its_beginning_and_moves_its_next_try() {
    let mut bench = Bench::watching("[1]");
    bench.polled_until_told(&failed(FailureKind::Unreachable));
    let (since, retry_at) = (bench.feed.status().since, bench.feed.status().retry_at);
    bench.poll(failed(FailureKind::Unreachable));
    assert_eq!(bench.feed.status().since, since);
    assert!(bench.feed.status().retry_at > retry_at);
}

#[test]
fn an_overdue_answer_makes_it_stale_before_the_time_out_does() {
    let mut bench = Bench::watching("[1]");
    let confirmed = bench.feed.meta().unwrap().confirmed;
    bench.next_poll();
    assert_eq!(bench.seen(), "fetch");
    let overdue = bench.feed.poll_timeout().unwrap();
    assert!(overdue >= bench.now + Duration::from_secs(1), "{overdue:?}");
    bench.now = overdue;
    bench.feed.handle_timeout(overdue);
    bench.drain();
    assert_eq!(bench.seen(), "status stale");
    let status = bench.feed.status();
    assert_eq!((status.since, status.retry_at), (confirmed, None), "it is being asked");
    assert_eq!(bench.feed.poll_timeout(), None, "its end is the next event");
    bench.answer(not_modified());
    assert_eq!(bench.seen(), "status live, confirmed");
}

#[test]
fn an_origin_that_is_always_slow_is_given_its_time() {
    let mut bench = Bench::watching("[1]");
    for _ in 0..20 {
        bench.next_poll();
        bench.now = bench.now + Duration::from_secs(3);
        bench.answer(not_modified());
    }
    bench.next_poll();
    assert!(bench.feed.poll_timeout().unwrap() > bench.now + Duration::from_secs(6));
}

#[test]
fn the_origins_wish_is_obeyed() {
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(503, &[("retry-after", "7")]));
    assert_eq!(bench.feed.poll_timeout(), Some(bench.now + Duration::from_secs(7)));
}

#[test]
fn what_is_gone_comes_back_as_a_snapshot_that_nobody_resumes_across() {
    for status in [404, 410] {
        let mut bench = Bench::watching(&board("1"));
        bench.poll(json(&board("2")));
        let before = bench.feed.head().unwrap().position;
        assert_eq!(bench.polled_until_told(&answered(status, &[])), "status gone, answered");
        bench.poll(failed(FailureKind::Unreachable));
        assert_eq!(bench.feed.status().state, State::Gone, "gone stays gone");
        assert!(matches!(bench.read(false), Wait::Until(_)), "there is nothing to be read");
        assert!(bench.plan.as_ref().unwrap().condition.is_empty());
        bench.seen();
        bench.answer(json(&board("2")));
        assert_eq!(bench.seen(), "publish 3 whole, status live, confirmed", "though it is the same");
        assert_eq!(bench.feed.resume(before), Resumed::Unproven);
        assert!(matches!(bench.feed.update_from(before.offset), Some(Update::Snapshot(_))));
    }
}

#[test]
fn a_304_brings_nothing_back_that_is_gone() {
    let mut bench = Bench::watching("[1]");
    bench.poll(answered(410, &[]));
    bench.poll(not_modified());
    assert_eq!(bench.feed.status().state, State::Gone);
}

#[test]
fn lost_authority_ends_the_feed_and_nothing_else_does() {
    for (credentials, status, expected) in [
        (true, 401, "end refused, answered, retire"),
        (true, 403, "end refused, answered, retire"),
        (false, 401, "status stale, answered"),
        (false, 403, "status stale, answered"),
        (true, 407, "status stale, answered"),
        (true, 301, "status stale, answered"),
        (true, 204, "status stale, answered"),
    ] {
        let request: &[_] = if credentials { &[("cookie", "s=1")] } else { &[] };
        let mut bench = Bench::with(request, "", WindowLimits { bytes: 1000, versions: 4 });
        bench.subscribe();
        bench.answer(json("[1]"));
        assert_eq!(bench.polled_until_told(&answered(status, &[])), expected, "{credentials} {status}");
        let ended = expected.starts_with("end");
        assert_eq!(bench.feed.poll_timeout().is_none(), ended, "{credentials} {status}");
    }
}

#[test]
fn those_who_wait_for_the_next_fetch_of_a_feed_that_ends_are_answered_with_it() {
    let mut bench = Bench::with(&[("cookie", "s=1")], "", WindowLimits { bytes: 1000, versions: 4 });
    bench.subscribe();
    bench.answer(json("[1]"));
    bench.next_poll();
    let Wait::Until(awaited) = bench.read(true) else { panic!("it insists") };
    let fetch = bench.fetching.take().unwrap();
    bench.feed.handle_fetched(bench.now, fetch, Cost::default(), answered(401, &[]));
    let settled = std::iter::from_fn(|| bench.feed.poll_output()).find_map(|output| match output {
        Output::Settled(number, _) => Some(number),
        _ => None,
    });
    assert_eq!(settled, Some(awaited));
}

#[test]
fn an_answer_without_a_head_is_only_passed_on() {
    for outcome in [answered(404, &[]), answered(401, &[]), answered(500, &[])] {
        let mut bench = Bench::with(&[("cookie", "s=1")], "", WindowLimits { bytes: 1000, versions: 4 });
        bench.read(false);
        bench.seen();
        bench.answer(outcome);
        assert_eq!(bench.seen(), "answered, retire");
    }
}

#[test]
fn a_304_without_a_condition_is_a_failure() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.seen();
    bench.answer(not_modified());
    assert_eq!(bench.seen(), "failed");
}

#[test]
fn a_304_updates_the_fields_but_those_of_the_body() {
    let mut bench = Bench::new();
    bench.subscribe();
    let first = [("etag", "\"1\""), ("content-type", "a/b"), ("x-a", "1"), ("x-b", "1"), ("age", "5")];
    bench.answer(fresh("[1]", &first));
    assert_eq!(bench.feed.meta().unwrap().age_at(at(1000)), Duration::from_secs(6));
    let second = [("etag", "\"2\""), ("content-type", "c/d"), ("x-a", "2")];
    bench.poll(Outcome::NotModified { fields: fields(&second) });
    let meta = bench.feed.meta().unwrap();
    let expected = [("etag", "\"2\""), ("content-type", "a/b"), ("x-a", "2"), ("x-b", "1")];
    for (name, value) in expected {
        assert_eq!(meta.fields[name], value, "{name}");
    }
    assert_eq!(meta.validators.etag.as_ref().unwrap(), "\"2\"");
    assert_eq!(meta.confirmed, bench.now);
    assert_eq!(meta.age_at(bench.now), Duration::ZERO);
}

#[test]
fn an_error_that_varies_by_something_else_ends_nothing() {
    for status in [500, 503, 429] {
        let mut bench = Bench::watching("[1]");
        let seen = bench.polled_until_told(&answered(status, &[("vary", "Origin")]));
        assert_eq!(seen, "status stale, answered", "{status}");
        bench.poll(not_modified());
        assert_eq!(bench.seen(), "status live, confirmed", "{status}");
    }
    let mut bench = Bench::new();
    bench.subscribe();
    bench.seen();
    bench.answer(answered(500, &[("vary", "Origin")]));
    assert_eq!(bench.seen(), "split, retire", "nobody has a stream that could end");
}

#[test]
fn a_vary_that_the_key_does_not_cover_splits_the_feed() {
    for outcome in [
        fresh("[2]", &[("vary", "origin")]),
        Outcome::NotModified { fields: fields(&[("vary", "origin")]) },
        answered(400, &[("vary", "*")]),
    ] {
        let mut bench = Bench::watching("[1]");
        bench.poll(outcome.clone());
        assert_eq!(bench.seen(), "end split, split, retire");
        let mut bench = Bench::new();
        bench.read(false);
        bench.seen();
        bench.answer(outcome);
        assert_eq!(bench.seen(), "split, retire", "nobody has a stream that could end");
    }
    let mut bench = Bench::with(&[], "origin", WindowLimits { bytes: 1000, versions: 4 });
    bench.read(false);
    bench.seen();
    bench.answer(fresh("[1]", &[("vary", "Origin, Cookie")]));
    assert_eq!(bench.seen(), "publish 1 whole, confirmed");
}

#[test]
fn only_a_change_of_the_value_is_published() {
    let mut bench = Bench::watching(r#"{"a":1.1,"b":["x"]}"#);
    for (body, expected) in [
        (r#"{"a":1.1,"b":["x"]}"#, "confirmed"),
        ("{ \"a\": 1.1,\n \"b\": [\"x\"] }", "confirmed"),
        (r#"{"b":["x"],"a":1.1}"#, "confirmed"),
        (r#"{"a":1.1,"b":["\u0078"]}"#, "confirmed"),
        (r#"{"a":1.10,"b":["x"]}"#, "publish 2 whole, confirmed"),
        (r#"{"a":11e-1,"b":["x"]}"#, "publish 3 whole, confirmed"),
    ] {
        bench.poll(json(body));
        assert_eq!(bench.seen(), expected, "{body}");
    }
    assert_eq!(&bench.feed.head().unwrap().body[..], br#"{"a":11e-1,"b":["x"]}"#);
}

#[test]
fn a_patch_that_is_not_proven_is_told_with_what_reproduces_it() {
    let mut bench = Bench::watching("[1]");
    let body = Bytes::from_static(b"[2]");
    let document = crate::Document::new(&body, Form::Json, 8).unwrap();
    let failed =
        crate::json::Failed { patch: Bytes::from_static(b"[{}]"), how: crate::json::Unproven::Differs };
    let step =
        crate::Step { document, change: crate::Change::Whole, back: None, unproven: Some(Box::new(failed)) };
    bench.feed.tell_unproven(&step, &body);
    let Some(Output::Unproven(unproven)) = bench.feed.poll_output() else { panic!("it is told") };
    assert_eq!((&unproven.old[..], &unproven.new[..]), (&b"[1]"[..], &b"[2]"[..]));
    assert_eq!(&unproven.failed.patch[..], b"[{}]");
}

#[test]
fn a_change_that_does_not_count_is_confirmed_and_the_head_stays() {
    let mut bench = Bench::ignoring_at(r#"{"at":1,"a":1}"#);
    let head = bench.feed.head().unwrap().position;
    bench.poll(tagged(r#"{"at":2,"a":1}"#, "\"second\""));
    assert_eq!(bench.seen(), "confirmed");
    assert_eq!(&bench.feed.head().unwrap().body[..], br#"{"at":1,"a":1}"#);
    // The origin is asked about what it has now; a writer is held to the version that it saw.
    assert_eq!(bench.feed.meta().unwrap().validators.etag.as_ref().unwrap(), "\"second\"");
    assert_eq!(bench.feed.validators_at(head).unwrap().etag.unwrap(), "\"first\"");
    // Back where it was, the head is what the origin has.
    bench.poll(tagged(r#"{"at":1,"a":1}"#, "\"third\""));
    assert_eq!(bench.seen(), "confirmed");
    assert_eq!(bench.feed.validators_at(head).unwrap().etag.unwrap(), "\"third\"");
    bench.poll(tagged(r#"{"at":3,"a":2}"#, "\"fourth\""));
    assert_eq!(bench.seen(), "publish 2 whole, confirmed");
    assert_eq!(&bench.feed.head().unwrap().body[..], br#"{"at":3,"a":2}"#);
}

#[test]
fn a_change_that_does_not_count_keeps_the_fields_of_the_heads_body() {
    let mut bench = Bench::ignoring_at(r#"{"at":1,"a":1}"#);
    let list =
        [("content-digest", "sha-256=:x:"), ("cache-control", "max-age=5"), ("content-language", "de")];
    bench.poll(fresh(r#"{"at":2,"a":1}"#, &list));
    // The same once more: still not the head's body.
    bench.poll(fresh(r#"{"at":2,"a":1}"#, &list));
    let fields = &bench.feed.meta().unwrap().fields;
    assert_eq!(fields.get("cache-control").unwrap(), "max-age=5");
    assert!(fields.get("content-digest").is_none() && fields.get("content-language").is_none());
}

#[test]
fn a_body_that_is_not_what_it_says_is_a_failure_and_changes_nothing() {
    for (outcome, name) in [
        (json("[1"), "cut off"),
        (json(""), "empty"),
        (json("[1] 2"), "more after the end"),
        (json("[[[[[[[[[1]]]]]]]]]"), "too deep"),
        (bytes(b"[\"\xff\"]"), "not UTF-8"),
    ] {
        let mut bench = Bench::watching("[1]");
        assert_eq!(bench.polled_until_told(&outcome), "status stale, failed", "{name}");
        assert_eq!(bench.feed.status().cause.as_ref().unwrap().kind, FailureKind::Malformed, "{name}");
        bench.poll(json("[1]"));
        assert_eq!(bench.seen(), "status live, confirmed", "{name}");
    }
}

#[test]
fn an_answer_that_cannot_be_streamed_is_a_failure_for_those_who_watch() {
    for (unfit, kind) in [
        (Unfit::MediaType, FailureKind::NotStreamable),
        (Unfit::TooLarge, FailureKind::TooLarge),
        (Unfit::Slow, FailureKind::TimedOut(crate::Phase::Body)),
    ] {
        let mut bench = Bench::watching("[1]");
        assert_eq!(bench.polled_until_told(&Outcome::Unfit(unfit)), "status stale, unfit");
        assert_eq!(bench.feed.status().cause.as_ref().unwrap().kind, kind);
        let mut bench = Bench::new();
        bench.read(false);
        bench.seen();
        bench.answer(Outcome::Unfit(unfit));
        assert_eq!(bench.seen(), "unfit, retire");
    }
}

#[test]
fn text_is_published_whole() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.seen();
    bench.answer(text(b"a\n"));
    bench.seen();
    for (outcome, expected) in [(text(b"a\n"), "confirmed"), (text(b"a"), "publish 2 whole, confirmed")] {
        bench.poll(outcome);
        assert_eq!(bench.seen(), expected);
    }
}

#[test]
fn ambiguous_json_is_published_whole() {
    let mut bench = Bench::watching(&board("1"));
    for (outcome, expected) in [
        (json(&board("2")), "publish 2 patch, confirmed"),
        (json(r#"{"a":1, "a":2}"#), "publish 3 whole, confirmed"),
        (json(r#"{"a":1, "a":2}"#), "confirmed"),
        (json(r#"["\ud800"]"#), "publish 4 whole, confirmed"),
        (json(&board("2")), "publish 5 whole, confirmed"),
    ] {
        bench.poll(outcome);
        assert_eq!(bench.seen(), expected);
    }
}

#[test]
fn another_form_begins_anew_because_the_heads_of_the_streams_named_the_first() {
    for (first, second) in [(json("[1]"), text(b"[1]")), (text(b"[1]"), json("[1]"))] {
        let mut bench = Bench::new();
        bench.subscribe();
        bench.seen();
        bench.answer(first);
        bench.seen();
        assert_eq!(bench.polled_until_told(&second), "status stale, failed", "it may be an error page");
        assert_eq!(bench.feed.status().cause.as_ref().unwrap().kind, FailureKind::TypeChanged);
        let told = bench.now;
        while !bench.polled_until_told(&second).starts_with("end split") {
            assert!(bench.now < told + Duration::from_secs(60), "what stays so is believed");
        }
        assert!(bench.now >= told + Duration::from_secs(5), "not before it has lasted");
        assert!(bench.feed.head().is_some(), "what was streamed was what the heads said");
    }
}

#[test]
fn no_age_is_too_large_to_be_added_to() {
    for (sent, expected) in [
        ("7", 7),
        ("2147483649", 1 << 31),
        ("18446744073709551615", 1 << 31),
        ("99999999999999999999999999", 1 << 31),
        ("", 0),
        ("-1", 0),
        ("+5", 0),
        ("old", 0),
    ] {
        let mut bench = Bench::new();
        bench.read(false);
        bench.answer(fresh("[1]", &[("age", sent)]));
        let later = bench.now + Duration::from_secs(3);
        assert_eq!(bench.feed.meta().unwrap().age_at(later).as_secs(), expected + 3, "{sent}");
    }
}
