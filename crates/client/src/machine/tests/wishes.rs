//! Modes, transports, and when there is nothing more to come.

use tidegate_core::Mode;

use super::*;
use crate::Transport;

fn wishing(mode: Mode, transport: Transport) -> Bench {
    let wishes = Wishes { mode, transport, ..Wishes::default() };
    Bench::new(Settings { wishes, ..settings() })
}

#[test]
fn the_first_snapshot_is_the_last() {
    let mut bench = wishing(Mode::First, Transport::Sse);
    assert_eq!(bench.field("tidegate-mode"), Some("first"));
    bench.head(200, STREAM);
    let stream = "event: snapshot\nid: a.1\ndata: [1.10]\n\nevent: patch\nid: a.2\ndata: []\n\n";
    assert_eq!(bench.body(stream)[0], "snapshot a.1");
    assert_eq!(bench.text(), "[1.10]");
    assert_eq!(bench.updates(), ["ended: there is nothing more to come"]);
    assert_eq!(bench.machine.poll_timeout(), None);
    // It broke off before.
    let mut bench = wishing(Mode::First, Transport::Sse);
    bench.head(200, STREAM);
    bench.body("event: snapshot\nid: a.1\nda");
    bench.end();
    bench.reconnect();
    // And where it is polled.
    assert_eq!(
        bench.answer(200, &[JSON], "[1]"),
        ["connected Polling", "snapshot 0000000000001.1.0000000", "ended: there is nothing more to come"]
    );
}

#[test]
fn no_content_says_that_there_is_nothing_more() {
    let mut bench = Bench::new(settings());
    bench.head(200, STREAM);
    bench.body("event: snapshot\nid: a.1\ndata: 1\n\n");
    bench.end();
    bench.reconnect();
    assert_eq!(bench.head(204, &[]), ["ended: there is nothing more to come"]);
}

#[test]
fn merge_patches() {
    let mut bench = wishing(Mode::Merge, Transport::Sse);
    assert_eq!(bench.field("tidegate-mode"), Some("merge"));
    bench.head(200, STREAM);
    bench.body("event: snapshot\nid: a.1\ndata: {\"a\":1.10,\"b\":{\"c\":1}}\n\n");
    let updates = bench.body("event: merge\nid: a.2\ndata: {\"b\":{\"c\":null,\"d\":1.0}}\n\n");
    assert_eq!(updates, [r#"merge a.2 {"b":{"c":null,"d":1.0}}"#]);
    assert_eq!(bench.text(), r#"{"a":1.10,"b":{"d":1.0}}"#);
    let updates = bench.body("event: merge\nid: a.3\ndata: {\"a\":1,\"a\":2}\n\n");
    assert!(updates[0].contains("a merge patch ("), "{updates:?}");
    assert_eq!((bench.text().as_str(), bench.machine.position()), (r#"{"a":1.10,"b":{"d":1.0}}"#, None));
}

const LINES: &[(&str, &str)] =
    &[("content-type", "application/x-ndjson"), ("tidegate-content-type", "application/json")];

#[test]
fn lines() {
    let mut bench = wishing(Mode::Patch, Transport::Ndjson);
    assert!(bench.field("accept").unwrap().starts_with("application/x-ndjson, application/json;"));
    assert_eq!(bench.head(200, LINES), ["connected Stream"]);
    bench.body(
        "{\"event\":\"heartbeat\"}\n{\"event\":\"snapshot\",\"id\":\"a.1\",\"data\":{\"x\":1.10}}\n{\"eve",
    );
    assert_eq!(bench.text(), r#"{"x":1.10}"#);
    bench.body("nt\":\"patch\",\"id\":\"a.2\",\"data\":[{\"op\":\"remove\",\"path\":\"/x\"}]}\n\n");
    assert_eq!((bench.text().as_str(), bench.machine.position()), ("{}", Some("a.2")));
    let status = r#"{"event":"status","retry":5000,"data":{"state":"live","since":"1970-01-01T00:00:00Z","fresh_within_ms":9}}"#;
    assert_eq!(bench.body(&format!("{status}\n")).len(), 1);
    assert!(bench.body("{\"event\":\"pa\n")[0].contains("a message cannot be read"));
    assert!(bench.reconnect() >= Duration::from_secs(5));
    assert_eq!(bench.field("last-event-id"), None);
    bench.head(200, LINES);
    assert!(bench.body(&"x".repeat(1001))[0].contains("larger than 1000 bytes"));

    let mut bench = wishing(Mode::Patch, Transport::Ndjson);
    assert_eq!(
        bench.head(200, STREAM),
        ["ended: the URL answers an event stream that is not a live resource"]
    );
    // Another program's lines.
    let mut bench = wishing(Mode::Patch, Transport::Ndjson);
    bench.head(200, &LINES[..1]);
    assert_eq!(bench.updates(), ["ended: the URL answers an event stream that is not a live resource"]);
}
