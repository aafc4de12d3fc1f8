//! What things on the way do to streams, and machines to their clocks: the document is never one that nobody sent, and
//! after it all the client is where it should be.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn at(offset: u64) -> String {
    position(offset).to_string()
}

fn snapshot(offset: u64, text: &str) -> String {
    format!("event: snapshot\nid: {}\ndata: {text}\n\n", at(offset))
}

fn add(offset: u64, name: &str) -> String {
    format!(
        "event: patch\nid: {}\ndata: [{{\"op\":\"add\",\"path\":\"/{name}\",\"value\":{offset}}}]\n\n",
        at(offset)
    )
}

fn append(offset: u64) -> String {
    format!(
        "event: patch\nid: {}\ndata: [{{\"op\":\"add\",\"path\":\"/-\",\"value\":{offset}}}]\n\n",
        at(offset)
    )
}

/// A stream that is at this document.
fn streaming(offset: u64, text: &str) -> Bench {
    let mut bench = Bench::new(settings());
    bench.head(200, STREAM);
    assert_eq!(bench.body(&snapshot(offset, text)).len(), 1);
    bench
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let mut bench = streaming(1, "[]");
    assert_eq!(bench.body(&(append(2) + &append(2))).len(), 1);
    assert_eq!(bench.text(), "[2]");
    bench.body(&append(3));
    bench.body("event: merge\nid: 0000000000001.3.0000000\ndata: 7\n\n");
    assert_eq!(bench.text(), "[2,3]");
    assert_eq!(bench.body(&snapshot(3, "[2,3]")).len(), 1, "a snapshot is always right");
}

#[test]
fn an_event_that_is_older_than_the_document_ends_its_trust() {
    for older in [append(2), append(3), snapshot(2, "[2]")] {
        let mut bench = streaming(1, "[]");
        bench.body(&append(4));
        let updates = bench.body(&older);
        assert_eq!(updates.len(), 1);
        assert!(updates[0].contains("an event that is older than what it sent before"), "{updates:?}");
        assert_eq!(bench.text(), "[4]");
        bench.reconnect();
        assert_eq!(bench.field("last-event-id"), None, "it begins anew");
        bench.head(200, STREAM);
        let updates = bench.body(&append(5));
        assert!(updates[0].contains("a change without a snapshot before it"), "{updates:?}");
        bench.reconnect();
        bench.head(200, STREAM);
        bench.body(&snapshot(5, "[2,3,4,5]"));
        assert_eq!(bench.text(), "[2,3,4,5]");
    }
    // An epoch that begins anew has nothing before it.
    let mut bench = streaming(9, "[]");
    let other = "event: snapshot\nid: 0000000000002.1.0000000\ndata: [1]\n\n";
    assert_eq!(bench.body(other), ["snapshot 0000000000002.1.0000000"]);
}

#[test]
fn what_was_kept_on_the_way_for_another_is_not_taken() {
    let mut bench = streaming(7, "[7]");
    bench.end();
    bench.reconnect();
    assert_eq!(bench.field("last-event-id"), Some(at(7).as_str()));
    bench.head(200, STREAM);
    let updates = bench.body(&(snapshot(3, "[3]") + &append(4)));
    assert_eq!(updates.len(), 1, "{updates:?}");
    assert_eq!(bench.text(), "[7]");
}

#[test]
fn a_part_of_an_event_never_meets_the_next_answer() {
    let mut bench = streaming(1, "[]");
    let event = append(2);
    for cut in 1..event.len() - 1 {
        bench.body(&event[..cut]);
        assert_eq!(bench.text(), "[]", "cut at {cut}");
        bench.machine.handle_failure(bench.now(), Disconnect::Broken("reset".into()));
        bench.updates();
        bench.reconnect();
        assert_eq!(bench.field("last-event-id"), Some(at(1).as_str()));
        bench.head(200, STREAM);
        bench.body("\n\n");
    }
    bench.body(&event);
    assert_eq!(bench.text(), "[2]");
}

#[test]
fn patches_that_fit_where_they_should_not() {
    // Without the position that an event comes from, one that is left out is seen only where what comes after it does
    // not fit. See `docs/PROTOCOL.md`, «Order».
    let mut bench = streaming(1, "{}");
    bench.body(&add(3, "c"));
    assert_eq!(bench.text(), r#"{"c":3}"#);
    let updates = bench.body(&add(2, "b"));
    assert!(updates[0].contains("older"), "but its return is: {updates:?}");
}

#[test]
fn a_state_of_a_later_version_is_left_out() {
    let mut bench = streaming(1, "[]");
    let status = r#"{"state":"dozing","since":"1970-01-01T00:00:00Z","fresh_within_ms":9}"#;
    assert_eq!(bench.body(&format!("event: status\ndata: {status}\n\n")), [""; 0]);
    assert_eq!(bench.body(&append(2)).len(), 1);
}

#[test]
fn hours_asleep() {
    // The clock that measures stood still: silence is noticed all the same, at the next look.
    let mut bench = streaming(1, "[]");
    bench.slept = 8 * HOUR;
    bench.elapsed += LOOK;
    bench.machine.handle_timeout(bench.now());
    assert_eq!(bench.updates(), ["disconnected: nothing received for 45 s"]);
    assert!(bench.reconnect() <= Duration::from_secs(1));
    assert_eq!(bench.field("last-event-id"), Some(at(1).as_str()));
    // A wait that is over is over.
    bench.answer(503, &[("retry-after", "3600")], "");
    bench.slept += 2 * HOUR;
    bench.elapsed += LOOK;
    bench.machine.handle_timeout(bench.now());
    assert_eq!(bench.updates(), [""; 0]);
    assert!(bench.request.is_some());
    // The clock that measures went on.
    bench.head(200, STREAM);
    bench.body(":\n");
    bench.elapsed += 8 * HOUR;
    bench.machine.handle_timeout(bench.now());
    assert_eq!(bench.updates(), ["disconnected: nothing received for 45 s"]);
    // A clock that is set back, or forward by less than the patience, is nothing.
    bench.reconnect();
    bench.head(200, STREAM);
    bench.body(":\n");
    for slept in [Duration::ZERO, Duration::from_secs(30)] {
        bench.slept = slept;
        bench.elapsed += LOOK;
        bench.machine.handle_timeout(bench.now());
        assert_eq!(bench.updates(), [""; 0]);
    }
}

#[test]
fn a_stream_that_is_held_back_is_polled_around() {
    let mut bench = Bench::new(settings());
    bench.head(200, STREAM);
    assert_eq!(bench.timeout(), (Duration::from_secs(10), vec![]));
    assert_eq!(bench.field("accept"), Some("application/json, */*;q=0.5"));
    let updates = bench.answer(200, &[JSON], "[1]");
    assert_eq!(updates[0], "connected Polling");
    let began = bench.elapsed;
    loop {
        bench.request = None;
        bench.reconnect();
        if bench.field("accept").unwrap().starts_with("text/event-stream") {
            break;
        }
        bench.head(304, &[]);
    }
    assert!(bench.elapsed - began >= Duration::from_secs(50), "it tries a stream from time to time");
    bench.head(200, STREAM);
    bench.body(&snapshot(1, "[2]"));
    assert_eq!((bench.text().as_str(), bench.machine.source()), ("[2]", Some(Source::Stream)));

    // Where it may not be polled it is a dead connection like any other.
    let mut bench = Bench::new(Settings { polling: false, ..settings() });
    bench.head(200, STREAM);
    assert_eq!(bench.timeout().1, ["disconnected: nothing received for 45 s"]);
}

#[test]
fn credentials_that_run_out_are_made_anew_once() {
    let fresh = || Bench::new(Settings { fresh_fields: true, ..settings() });
    let mut bench = fresh();
    assert_eq!(bench.answer(401, &[], ""), ["disconnected: the server answered 401 Unauthorized"]);
    bench.reconnect();
    assert_eq!(bench.answer(401, &[], ""), ["ended: the server answered 401 Unauthorized"]);
    let mut bench = fresh();
    for _ in 0..3 {
        bench.answer(401, &[], "");
        bench.reconnect();
        bench.head(200, STREAM);
        bench.body(&snapshot(1, "[]"));
        bench.end();
        bench.reconnect();
    }
    // The function itself may fail for a while.
    bench.machine.handle_failure(bench.now(), Disconnect::NoFields("no token".into()));
    assert_eq!(bench.updates(), ["disconnected: no header fields for the request: no token"]);
    bench.reconnect();
    assert_eq!(bench.answer(403, &[], ""), ["ended: the server answered 403 Forbidden"]);
}
