//! The machine in virtual time: every scenario is a script of inputs, and what comes out of them as text.

mod golden;
mod proxies;
mod wishes;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tidegate_core::json;
use tidegate_core::{Binding, Epoch, Offset, Position};
use tidegate_wire::Timestamp;
use tidegate_wire::sse::Event;

use super::*;
use crate::Disconnect;
use crate::head::tests::head;

/// A machine, its clock, and the request that is out.
struct Bench {
    machine: Machine,
    start: Instant,
    elapsed: Duration,
    /// How far the wall clock is ahead of the other, which stands still while a machine sleeps.
    slept: Duration,
    /// The fields of the request under way.
    request: Option<Vec<(HeaderName, HeaderValue)>>,
}

fn settings() -> Settings {
    Settings {
        answer_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(45),
        poll_interval: Duration::from_secs(2),
        max_backoff: Duration::from_secs(30),
        max_bytes: 1000,
        polling: true,
        fresh_fields: false,
        wishes: Wishes::default(),
    }
}

const STREAM: &[(&str, &str)] =
    &[("content-type", "text/event-stream"), ("tidegate-content-type", "application/json")];
const JSON: (&str, &str) = ("content-type", "application/json");

impl Bench {
    fn new(settings: Settings) -> Bench {
        // The start is arbitrary: every other time is counted from it.
        let start = Instant::now();
        let now = Now { instant: start, wall: Timestamp::from_unix_ms(0) };
        let machine = Machine::new(settings, 1, now);
        let mut bench =
            Bench { machine, start, elapsed: Duration::ZERO, slept: Duration::ZERO, request: None };
        bench.machine.handle_timeout(now);
        assert_eq!(bench.updates(), [""; 0]);
        bench
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_unix_ms((self.elapsed + self.slept).as_millis() as i64);
        Now { instant: self.start + self.elapsed, wall }
    }

    /// Everything that comes out, and the command that goes with it.
    fn updates(&mut self) -> Vec<String> {
        let mut updates = Vec::new();
        while let Some(update) = self.machine.poll_update(self.now()) {
            updates.push(match &update {
                Ok(Update::Connected { source }) => format!("connected {source:?}"),
                Ok(Update::Snapshot { position, .. }) => format!("snapshot {position}"),
                Ok(Update::Patched { position, patch, .. }) => {
                    format!("patch {position} {}", patch.to_text())
                }
                Ok(Update::Merged { position, patch, .. }) => format!("merge {position} {}", patch.to_text()),
                Ok(Update::Status(status)) => {
                    format!("status {} since {}", status.state.as_str(), status.since)
                }
                Ok(Update::Disconnected { cause, .. }) => format!("disconnected: {cause}"),
                Err(error) => format!("ended: {error}"),
            });
            if update.is_err() {
                break;
            }
        }
        match self.machine.poll_command() {
            Some(Command::Send(fields)) => self.request = Some(fields),
            Some(Command::Cancel) => self.request = None,
            None => {}
        }
        updates
    }

    fn head(&mut self, status: u16, fields: &[(&'static str, &str)]) -> Vec<String> {
        self.machine.handle_head(self.now(), head(status, fields));
        self.updates()
    }

    fn body(&mut self, text: &str) -> Vec<String> {
        self.machine.handle_body(self.now(), text.as_bytes());
        self.updates()
    }

    fn end(&mut self) -> Vec<String> {
        self.machine.handle_end(self.now());
        self.updates()
    }

    fn answer(&mut self, status: u16, fields: &[(&'static str, &str)], body: &str) -> Vec<String> {
        let mut updates = self.head(status, fields);
        if self.machine.poll_timeout().is_some() {
            updates.extend(self.body(body));
        }
        if self.machine.poll_timeout().is_some() {
            updates.extend(self.end());
        }
        updates
    }

    /// Lets time pass until the machine wants something. Gives how long that was.
    fn timeout(&mut self) -> (Duration, Vec<String>) {
        let until = self.machine.until().expect("it has not ended") - self.start;
        let before = self.elapsed;
        loop {
            let next = self.machine.poll_timeout().expect("it has not ended") - self.start;
            self.elapsed = self.elapsed.max(next);
            self.machine.handle_timeout(self.now());
            if self.elapsed >= until {
                break;
            }
        }
        (self.elapsed - before, self.updates())
    }

    /// Waits for the next attempt; nothing else may happen.
    fn reconnect(&mut self) -> Duration {
        assert_eq!(self.request, None, "nothing is under way");
        let (wait, updates) = self.timeout();
        assert_eq!(updates, [""; 0]);
        assert!(self.request.is_some());
        wait
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.request.as_ref().expect("a request is under way");
        fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        self.machine.document().map(|document| document.text().into_owned()).unwrap_or_default()
    }
}

#[test]
fn a_stream_is_followed_and_resumed() {
    let mut bench = Bench::new(settings());
    assert!(bench.field("accept").unwrap().starts_with("text/event-stream,"));
    assert_eq!(bench.field("last-event-id"), None);
    assert_eq!(bench.head(200, STREAM), ["connected Stream"]);
    assert_eq!(bench.body("event: snapshot\nid: a.1\nretry: 5000\ndata: {\"x\":1.10}\n\n"), ["snapshot a.1"]);
    // Two patches in one chunk, the second cut: each update is given with its own document.
    bench.machine.handle_body(
        bench.now(),
        b"event: patch\nid: a.2\ndata: [{\"op\":\"replace\",\"path\":\"/x\",\"value\":1.1}]\n\n\
          event: patch\nid: a.3\ndata: [{\"op\":\"add\",\"path\":\"/y\",\"value\":0}]\n\nevent: patch\nid: a.4\nda",
    );
    let first = bench.machine.poll_update(bench.now()).unwrap().unwrap();
    assert!(matches!(first, Update::Patched { position, .. } if position == "a.2"));
    assert_eq!((bench.text().as_str(), bench.machine.position()), (r#"{"x":1.1}"#, Some("a.2")));
    assert_eq!(bench.updates(), [r#"patch a.3 [{"op":"add","path":"/y","value":0}]"#]);
    assert_eq!(bench.end(), ["disconnected: the server closed the stream"]);
    // The event that was cut does not count; the server's retry is the least wait.
    let wait = bench.reconnect();
    assert!((Duration::from_secs(5)..=Duration::from_secs(6)).contains(&wait), "{wait:?}");
    assert_eq!(bench.field("last-event-id"), Some("a.3"));
    // A resume that has nothing to say but its status.
    assert_eq!(bench.head(200, STREAM), ["connected Stream"]);
    let status = "event: status\ndata: {\"state\":\"live\",\"since\":\"1970-01-01T00:00:00Z\",\"fresh_within_ms\":9}\n\n";
    assert_eq!(bench.body(status), ["status live since 1970-01-01T00:00:00.000Z"]);
    // And a patch from there.
    let patch = "event: patch\nid: a.9\ndata: [{\"op\":\"remove\",\"path\":\"/y\"}]\n\n";
    assert_eq!(bench.body(patch), [r#"patch a.9 [{"op":"remove","path":"/y"}]"#]);
    assert_eq!(bench.text(), r#"{"x":1.1}"#);
}

#[test]
fn a_patch_that_does_not_fit_leads_to_a_snapshot() {
    let mut bench = Bench::new(settings());
    let mut last_ceiling_reached = false;
    for round in 0..12 {
        assert_eq!(bench.field("last-event-id"), None, "round {round}");
        bench.head(200, STREAM);
        bench.body("event: snapshot\nid: a.1\ndata: {\"x\":1}\n\n");
        // The patch fails in its second operation; the event after it builds on it and is dropped with it.
        let updates = bench.body(
            "event: patch\nid: a.2\ndata: [{\"op\":\"add\",\"path\":\"/y\",\"value\":1},{\"op\":\"remove\",\"path\":\"/z\"}]\n\n\
             event: patch\nid: a.3\ndata: []\n\n",
        );
        assert_eq!(updates.len(), 1, "{updates:?}");
        assert!(
            updates[0].starts_with("disconnected: the server sent what it should not: a patch that"),
            "{updates:?}"
        );
        assert_eq!(bench.text(), r#"{"x":1}"#, "whole or not at all");
        assert_eq!(bench.machine.position(), None);
        // A server that is wrong each time is asked more and more seldom.
        last_ceiling_reached |= bench.reconnect() > Duration::from_secs(4);
    }
    assert!(last_ceiling_reached);
}

#[test]
fn what_breaks_the_protocol() {
    let check = |stream: &str, expected: &str| {
        let mut bench = Bench::new(settings());
        bench.head(200, STREAM);
        let updates = bench.body(stream);
        assert!(updates.last().is_some_and(|last| last.contains(expected)), "{updates:?}");
    };
    check("event: patch\nid: a.1\ndata: []\n\n", "a change without a snapshot before it");
    check("event: merge\nid: a.1\ndata: {}\n\n", "a change without a snapshot before it");
    check("event: snapshot\ndata: {}\n\n", "an update has no id");
    check("event: snapshot\nid: a.1\ndata: {}\n\nevent: patch\nid: a.2\ndata: {}\n\n", "a patch (");
    check("event: status\ndata: {}\n\n", "a status cannot be read");
    check(
        &format!("event: snapshot\nid: a.1\ndata: {}", "x".repeat(1000)),
        "ended: the representation is larger",
    );
    // What came before the event that is too large is still given, as what it is.
    check(&format!("event: snapshot\nid: a.1\ndata: [1]\n\ndata: {}", "x".repeat(1000)), "ended: ");
    // Events of a later version are ignored.
    check("event: snapshot\nid: a.1\ndata: {}\n\nevent: later\ndata: x\n\n", "snapshot a.1");
}

#[test]
fn silence_and_slowness() {
    let mut bench = Bench::new(settings());
    assert_eq!(
        bench.timeout(),
        (Duration::from_secs(30), vec!["disconnected: no answer within 30 s".into()])
    );
    bench.reconnect();
    bench.head(200, STREAM);
    bench.body(":\n");
    for _ in 0..10 {
        bench.elapsed += Duration::from_secs(44);
        bench.machine.handle_timeout(bench.now());
        assert_eq!(bench.body(":\n"), [""; 0], "a heartbeat keeps it");
    }
    assert_eq!(
        bench.timeout(),
        (Duration::from_secs(45), vec!["disconnected: nothing received for 45 s".into()])
    );
    bench.reconnect();
    bench.machine.handle_failure(bench.now(), Disconnect::Unreachable("refused".into()));
    assert_eq!(bench.updates(), ["disconnected: no connection: refused"]);
}

#[test]
fn refusals_end_it_and_overload_does_not() {
    let problem = r#"{"type":"urn:tidegate:problem:no-route","title":"No route for this URL","status":404}"#;
    let problem_json = ("content-type", "application/problem+json");
    let answer = |status: u16, fields: &[(&'static str, &str)], body: &str| {
        let mut bench = Bench::new(settings());
        let updates = bench.answer(status, fields, body);
        assert_eq!(updates.len(), 1, "{updates:?}");
        (bench, updates.into_iter().next().unwrap())
    };
    for status in [400, 401, 403, 404, 405, 409, 410, 431, 451] {
        let (mut bench, update) = answer(status, &[problem_json], problem);
        assert!(update.starts_with("ended: ") && update.ends_with("(No route for this URL)"), "{update}");
        assert_eq!((bench.machine.poll_timeout(), &bench.request), (None, &None));
        assert_eq!(bench.updates(), [update], "it stays ended");
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let (mut bench, update) = answer(status, &[problem_json, ("retry-after", "7")], problem);
        assert!(update.starts_with("disconnected: the server answered"), "{update}");
        let wait = bench.reconnect();
        assert!((Duration::from_secs(7)..=Duration::from_secs(8)).contains(&wait), "{wait:?}");
    }
    assert_eq!(answer(204, &[], "").1, "ended: the server answered 204 No Content");
    let redirect = answer(302, &[("location", "/login")], "").1;
    assert_eq!(redirect, "ended: the server answered 302 Found and points to /login");
    let foreign = answer(200, &[("content-type", "text/event-stream")], "").1;
    assert_eq!(foreign, "ended: the URL answers an event stream that is not a live resource");
    // An explanation without end, or one that breaks off, changes nothing.
    let (_, update) = answer(403, &[JSON], &"x".repeat(100_000));
    assert_eq!(update, "ended: the server answered 403 Forbidden");
    let mut bench = Bench::new(settings());
    bench.head(404, &[JSON]);
    bench.machine.handle_failure(bench.now(), Disconnect::Broken("reset".into()));
    assert_eq!(bench.updates(), ["ended: the server answered 404 Not Found"]);
}

#[test]
fn a_plain_url_is_polled() {
    let mut bench = Bench::new(settings());
    let updates = bench.answer(
        200,
        &[JSON, ("etag", "\"1\"")],
        r#"{"a":1,"b":"long enough for a patch to be smaller than this"}"#,
    );
    let live = "status live since 1970-01-01T00:00:00.000Z";
    assert_eq!(updates, ["connected Polling", "snapshot 0000000000001.1.0000000", live]);
    bench.request = None;
    bench.elapsed += Duration::from_millis(300);
    assert_eq!(bench.reconnect(), Duration::from_millis(1700), "counted from the start of the last one");
    assert_eq!(bench.field("if-none-match"), Some("\"1\""));
    assert_eq!(bench.field("accept-encoding"), Some("gzip"));
    assert_eq!(bench.head(304, &[]), [""; 0], "unchanged: nothing");
    bench.request = None;
    assert_eq!(bench.reconnect(), Duration::from_secs(2));
    let updates =
        bench.answer(200, &[JSON], r#"{"a":2,"b":"long enough for a patch to be smaller than this"}"#);
    assert_eq!(updates, [r#"patch 0000000000001.2.0000000 [{"op":"replace","path":"/a","value":2}]"#]);
    bench.request = None;
    bench.reconnect();
    assert_eq!(bench.field("if-none-match"), None, "the last answer had no validator");
    // A failure is said by the status, like a gateway does; the document stays.
    bench.machine.handle_failure(bench.now(), Disconnect::Unreachable("refused".into()));
    assert_eq!(bench.updates(), ["status stale since 1970-01-01T00:00:04.000Z"]);
    assert!(bench.text().starts_with(r#"{"a":2"#));
    bench.reconnect();
    let updates = bench.answer(503, &[("retry-after", "9")], "");
    assert_eq!(updates, ["status stale since 1970-01-01T00:00:04.000Z"]);
    assert!(bench.reconnect() >= Duration::from_secs(9));
    let updates =
        bench.answer(200, &[JSON], r#"{"a":2,"b":"long enough for a patch to be smaller than this"}"#);
    assert_eq!(updates, [format!("status live since {}", bench.now().wall)]);
    bench.request = None;
    bench.reconnect();
    assert_eq!(bench.answer(401, &[], ""), ["ended: the server answered 401 Unauthorized"]);
}

#[test]
fn ways_to_polling_and_not() {
    let mut bench = Bench::new(settings());
    bench.head(406, &[]);
    assert_eq!(bench.field("accept"), Some("application/json, */*;q=0.5"));
    let text = ("content-type", "text/plain");
    assert_eq!(bench.answer(200, &[text], "hello").len(), 3);
    assert_eq!(bench.text(), "hello");

    let mut bench = Bench::new(settings());
    assert_eq!(
        bench.answer(200, &[text], &"x".repeat(1001)),
        ["ended: the representation is larger than 1000 bytes"]
    );
    // Before the first answer there is nothing that could be stale.
    let mut bench = Bench::new(settings());
    bench.head(406, &[]);
    bench.machine.handle_failure(bench.now(), Disconnect::Closed);
    assert_eq!(bench.updates(), ["disconnected: the server closed the stream"]);

    let stream_only = || Bench::new(Settings { polling: false, ..settings() });
    assert_eq!(stream_only().field("accept"), Some("text/event-stream"));
    assert_eq!(stream_only().head(200, &[JSON]), ["ended: the URL offers no stream"]);
    assert_eq!(stream_only().answer(406, &[], ""), ["ended: the server answered 406 Not Acceptable"]);
}

fn position(offset: u64) -> Position {
    Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(0) }
}

proptest! {
    /// The document is always one that the server had, the position is the document's, and neither goes back.
    #[test]
    fn it_always_holds_a_version_the_server_had(
        steps in prop::collection::vec((0u8..10, any::<u16>(), 1usize..40), 1..80),
        seed in any::<u64>(),
    ) {
        // The server's versions: a counter, and rows that come and go.
        let version = |offset: u64| {
            let rows: Vec<String> = (0..offset % 5).map(|row| format!(r#"{{"id":{row},"n":{}.0}}"#, offset / 3)).collect();
            format!(r#"{{"offset":{offset},"rows":[{}]}}"#, rows.join(","))
        };
        let parse = |offset: u64| json::parse(version(offset).as_bytes(), json::MAX_DEPTH).unwrap();
        let mut bench = Bench::new(Settings { polling: false, ..settings() });
        bench.machine.backoff = Backoff::new(seed, Duration::from_secs(30));
        bench.head(200, STREAM);
        let (mut newest, mut sent) = (1u64, None::<u64>);
        let mut wire: Vec<u8> = Vec::new();
        let mut seen = 0u64;
        for (step, number, cut) in steps {
            if bench.request.is_none() {
                bench.reconnect();
                wire.clear();
                // A server that sometimes remembers the client's position, and sometimes not.
                let resumed = bench.field("last-event-id").map(|id| id.parse::<Position>().unwrap().offset.0);
                sent = resumed.filter(|_| number % 3 > 0);
                bench.head(200, STREAM);
            }
            match step {
                0..=3 => newest += u64::from(number % 4),
                4 => drop(bench.end()),
                5 => drop(bench.timeout()),
                _ => {}
            }
            let update = match sent {
                None => Some(Event::snapshot(position(newest), &version(newest)).encode()),
                Some(old) if old < newest => {
                    let patch = json::tree_diff(&parse(old), &parse(newest)).to_text();
                    Some(Event::patch(position(newest), &patch).encode())
                }
                Some(_) => None,
            };
            sent = Some(newest);
            wire.extend(update.into_iter().flatten());
            // A part of what is on the way arrives.
            let rest = wire.split_off(cut.min(wire.len()));
            if bench.request.is_some() {
                let part = std::mem::replace(&mut wire, rest);
                bench.machine.handle_body(bench.now(), &part);
                bench.updates();
            }
            if let Some(at) = bench.machine.position() {
                let at = at.parse::<Position>().unwrap().offset.0;
                prop_assert!(at >= seen, "never backwards");
                seen = at;
                prop_assert_eq!(bench.machine.document(), Some(&Document::Json(parse(at))));
            }
        }
        // Once things are quiet, it holds the newest.
        if bench.request.is_some() && sent == Some(newest) {
            bench.machine.handle_body(bench.now(), &wire);
            bench.updates();
            prop_assert_eq!(bench.machine.document(), Some(&Document::Json(parse(newest))));
        }
    }
}
