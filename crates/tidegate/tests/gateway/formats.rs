//! The same stream in NDJSON: asked for by `Accept`, and the same feed, positions and updates.

use crate::common::{Api, Http, Setup, Stream, counted, counting, get, send, until};
use serde_json::json;

const LINES: (&str, &str) = ("Accept", "application/x-ndjson");

#[tokio::test]
async fn one_message_a_line() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    for (target, fields) in [
        ("/q", &[LINES][..]),
        ("/q", &[("Accept", "application/ndjson;q=0.5, */*")]),
        ("/q?tidegate.accept=application/x-ndjson", &[]),
    ] {
        let mut stream = Stream::ask(gateway.address, target, fields).await;
        let head = &stream.head;
        assert_eq!(
            (head.status, head.field("content-type")),
            (200, Some("application/x-ndjson")),
            "{head:?}"
        );
        assert_eq!(head.field("tidegate-content-type"), Some("application/json"));
        assert_eq!(head.field("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(head.field("connection"), Some("close"), "it has its connection for itself: {head:?}");
        let snapshot = stream.line_of("snapshot").await;
        assert_eq!(snapshot["data"]["n"], number.get());
        let status = stream.line_of("status").await;
        assert!(status["retry"].as_u64().is_some_and(|retry| retry >= 1000), "{status}");
        assert_eq!(status["data"]["state"], "live");
        number.set(number.get() + 1);
        let patch = stream.line_of("patch").await;
        assert_eq!(patch["data"].to_string(), counted(number.get()));
        assert_ne!(patch["id"], snapshot["id"]);
    }
    // Whoever likes the other better gets that, and both are one feed.
    let mut events = Stream::open(gateway.address, "/q", &[LINES]).await;
    events.begin().await;
    assert_eq!(gateway.gateway.report().await.len(), 1);
    let head = send(gateway.address, "HEAD", "/q", &[LINES]).await;
    assert_eq!(head.field("content-type"), Some("application/x-ndjson"));
}

#[tokio::test]
async fn in_gzip_each_line_can_be_read_at_once() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::ask(gateway.address, "/q", &[LINES, ("Accept-Encoding", "gzip")]).await;
    assert_eq!(stream.head.field("content-encoding"), Some("gzip"));
    stream.line_of("snapshot").await;
    stream.line_of("status").await;
    for next in 1..4 {
        number.set(next);
        assert_eq!(stream.line_of("patch").await["data"].to_string(), counted(next));
    }
    gateway.gateway.close_streams();
    let status = stream.line_of("status").await;
    assert!(status["retry"].is_u64(), "{status}");
    stream.ends().await;
}

#[tokio::test]
async fn a_position_is_good_in_every_format() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut events = Stream::open(gateway.address, "/q", &[]).await;
    let first = events.begin().await.0.id.unwrap();
    number.set(1_u64);
    let second = events.expect("patch").await.id.unwrap();
    let mut lines = Stream::ask(gateway.address, "/q", &[LINES, ("Last-Event-ID", &first)]).await;
    let patch = lines.line_of("patch").await;
    assert_eq!((patch["id"].as_str(), patch["data"].to_string()), (Some(&*second), counted(1)));
    let mut current = Stream::ask(gateway.address, "/q", &[LINES, ("Last-Event-ID", &second)]).await;
    current.line_of("status").await;
    let target = format!("/q?tidegate.last-event-id={first}");
    let mut back = Stream::open(gateway.address, &target, &[]).await;
    assert_eq!(back.expect("patch").await.id, Some(second));
    let mut unproven = Stream::ask(gateway.address, "/q", &[LINES, ("Last-Event-ID", "other")]).await;
    unproven.line_of("snapshot").await;
    assert_eq!(unproven.line_of("status").await["data"]["continuity"], "unproven");
}

#[tokio::test]
async fn a_later_request_of_a_connection_may_ask_for_lines() {
    let (api, number) = counting(0).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[]).await;
    assert_eq!(http.response("GET").await.status, 200);
    http.ask("GET", "/q", &[LINES]).await;
    let mut stream = Stream::of_any_sort(http).await;
    assert_eq!(stream.head.field("content-type"), Some("application/x-ndjson"));
    let snapshot = stream.line_of("snapshot").await;
    assert_eq!(snapshot["data"], json!({ "n": number.get(), "fill": "" }));
    drop(stream);
    until("it is gone", async || gateway.subscribers().await == 0).await;
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused_in_its_name() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx";
    let lines = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 3\r\n\r\n{}\n";
    let api = Api::serve(move |request| {
        let text = if request.line().1 == "/lines" { lines } else { page };
        text.as_bytes().to_vec()
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let refused = get(gateway.address, "/page", &[LINES]).await;
    assert_eq!((refused.status, &*refused.problem()), (406, "not-streamable"));
    // An origin may have lines of its own.
    let own = get(gateway.address, "/lines", &[LINES]).await;
    assert_eq!((own.status, &own.body[..]), (200, &b"{}\n"[..]));
    let refused = get(gateway.address, "/lines", &[("Accept", "text/event-stream")]).await;
    assert_eq!((refused.status, &*refused.problem()), (406, "not-streamable"));
}

#[tokio::test]
async fn what_there_is_not_is_refused_before_anything_is_asked() {
    let api = Api::serve(|_| crate::common::ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for (target, field) in [
        ("/q?tidegate.mode=diff", None),
        ("/q?tidegate.rate=1", None),
        ("/q?tidegate.rate=1s&tidegate.rate=2s", None),
        ("/q?tidegate.wait=x", None),
        ("/q", Some(("Tidegate-Mode", "Patch"))),
        ("/q", Some(("Tidegate-Rate", "1ms"))),
    ] {
        for accept in [("Accept", "*/*"), LINES] {
            let fields: Vec<_> = std::iter::once(accept).chain(field).collect();
            let refused = get(gateway.address, target, &fields).await;
            assert_eq!((refused.status, &*refused.problem()), (400, "bad-option"), "{target} {fields:?}");
        }
    }
    assert_eq!(api.asked(), 0);
}

#[tokio::test]
async fn what_is_said_to_the_gateway_stays_here() {
    let api = Api::serve(|_| crate::common::ok("[1]")).await;
    let gateway = Setup::new(api.url())
        .more("[[route]]\npath = \"/dead\"\norigin = \"api\"\nlive = false\n")
        .start()
        .await;
    let own = [
        ("Tidegate-Mode", "merge"),
        ("Tidegate-Rate", "1s"),
        ("Tidegate-Of-Tomorrow", "1"),
        ("Prefer", "wait=0"),
    ];
    get(gateway.address, "/q", &own).await;
    let mut lines = Stream::ask(gateway.address, "/q", &[LINES, own[0], own[1], ("Peer", "x")]).await;
    lines.line_of("snapshot").await;
    let mut events = Stream::open(gateway.address, "/q", &[]).await;
    events.begin().await;
    assert_eq!(gateway.gateway.report().await.len(), 1, "they share");
    get(gateway.address, "/dead", &own).await;
    send(gateway.address, "DELETE", "/q", &own).await;
    for request in api.requests() {
        assert!(!request.head.to_ascii_lowercase().contains("\r\ntidegate-"), "{}", request.head);
        assert!(
            request.line().0 == "DELETE" || request.line().1 == "/dead" || request.all("prefer").is_empty()
        );
    }
}
