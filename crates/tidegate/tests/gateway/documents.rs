//! What can be a document, and what becomes of what cannot.

use crate::common::{Api, Cell, Http, Setup, Stream, answer, get, ok};

fn typed(media: &str, body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Type: {media}\r\n"), body)
}

async fn serving(media: &'static str, body: &'static [u8]) -> (Api, crate::common::Running) {
    let api = Api::serve(move |_| typed(media, body)).await;
    let gateway = Setup::new(api.url()).limits("max_body = \"64 KiB\"\n").start().await;
    (api, gateway)
}

#[tokio::test]
async fn text_streams_as_whole_snapshots() {
    let body = Cell::<String>::new("one\r\ntwo\n\nfour\rfive\n");
    let served = body.clone();
    let api = Api::serve(move |_| typed("text/plain; charset=utf-8", served.get().as_bytes())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    assert_eq!(stream.head.field("tidegate-content-type"), Some("text/plain; charset=utf-8"));
    let (snapshot, _) = stream.begin().await;
    assert_eq!(snapshot.data, "one\ntwo\n\nfour\nfive\n", "line ends become LF at the reader");
    body.set("data: not a field\nid: 7\n\nevent: x");
    let snapshot = stream.expect("snapshot").await;
    assert_eq!(snapshot.data, body.get());
    body.set("");
    assert_eq!(stream.expect("snapshot").await.data, "");
    // The plain reader has the origin's own bytes.
    body.set("a\r\nb");
    stream.expect("snapshot").await;
    assert_eq!(get(gateway.address, "/q", &[]).await.body, b"a\r\nb");
}

#[tokio::test]
async fn json_that_parsers_read_differently_streams_whole_as_it_is() {
    let body = Cell::<String>::new("{\"a\": 1, \"a\": 2}");
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let (snapshot, _) = stream.begin().await;
    assert_eq!(snapshot.data, "{\"a\": 1, \"a\": 2}", "duplicate keys");
    body.set("{\"a\": \"\\ud800\"}");
    assert_eq!(stream.expect("snapshot").await.data, "{\"a\": \"\\ud800\"}", "a lone surrogate");
    body.set("{\"a\": 1, \"b\": 2}");
    assert_eq!(stream.expect("snapshot").await.data, "{\"a\":1,\"b\":2}");
}

#[tokio::test]
async fn what_claims_to_be_json_and_is_not_is_no_document() {
    let deepest = "[".repeat(512) + &"]".repeat(512);
    let too_deep = "[".repeat(513) + &"]".repeat(513);
    let deepest: &'static str = deepest.leak();
    let (_api, gateway) = serving("application/json", deepest.as_bytes()).await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    assert_eq!(stream.begin().await.0.data, deepest);
    let bodies: [&'static [u8]; 6] =
        [too_deep.leak().as_bytes(), b"{\"a\":\"\xff\"}", b"", b"{\"a\":1", b"{} {}", b"{'a':1}"];
    for body in bodies {
        for accept in ["text/event-stream", "*/*"] {
            let (_api, gateway) = serving("application/json", body).await;
            let refused = get(gateway.address, "/q", &[("Accept", accept)]).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            assert_eq!((refused.status, &*refused.problem()), (502, "origin-malformed"), "{accept} {shown}");
        }
    }
}

#[tokio::test]
async fn a_broken_document_leaves_a_stream_stale() {
    let body = Cell::<String>::new("[1]");
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    body.set("[1");
    let status = stream.expect("status").await.status();
    assert_eq!(status["state"], "stale");
    assert_eq!(status["cause"]["type"], "urn:tidegate:problem:origin-malformed");
    body.set("[2]");
    let snapshot = stream.after("stale").await;
    assert_eq!((&*snapshot.kind, &*snapshot.data), ("snapshot", "[2]"));
    assert_eq!(stream.expect("status").await.state(), "live");
}

#[tokio::test]
async fn a_stream_never_carries_what_its_head_did_not_name() {
    let html = Cell::new(false);
    let is_html = html.clone();
    let api = Api::serve(move |_| match is_html.get() {
        true => typed("text/html", b"<h1>Sorry</h1>"),
        false => ok("[1]"),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    for (is_html, media, data) in [
        (false, "application/json", "[1]"),
        (true, "text/html", "<h1>Sorry</h1>"),
        (false, "application/json", "[1]"),
    ] {
        let mut stream = Stream::open(gateway.address, "/q", &[]).await;
        assert_eq!(stream.head.field("tidegate-content-type"), Some(media));
        assert_eq!(stream.begin().await.0.data, data);
        html.set(!is_html);
        // It may be an error page, so it is not believed at once.
        let mut last = stream.expect("status").await;
        let status = last.status();
        assert_eq!(status["cause"]["type"], "urn:tidegate:problem:origin-type-changed", "{status}");
        while last.retry.is_none() {
            last = stream.expect("status").await;
        }
        assert!(stream.next().await.is_none(), "it ends");
    }
}

#[tokio::test]
async fn other_types_pass_through_to_plain_readers() {
    let cases: [(&str, &[u8]); 4] = [
        ("image/png", b"\x89PNG\r\n\x1a\n\x00\xff"),
        ("application/octet-stream", b"\x00\x01\x02"),
        ("text/plain; charset=iso-8859-1", b"caf\xe9"),
        ("text/plain", b"caf\xe9 is not UTF-8"),
    ];
    for (media, body) in cases {
        let (api, gateway) = serving(media, body).await;
        let plain = get(gateway.address, "/q", &[]).await;
        assert_eq!((plain.status, &*plain.body, plain.field("content-type")), (200, body, Some(media)));
        assert_eq!(api.asked(), 1, "its own fetch is what it gets");
        let refused = get(gateway.address, "/q", &[("Accept", "text/event-stream")]).await;
        assert_eq!((refused.status, &*refused.problem()), (406, "not-streamable"), "{media}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_passes_through_and_cannot_be_a_stream() {
    let rows: &'static str = format!("[{}1]", "1,".repeat(40_000)).leak();
    let (_api, gateway) = serving("application/json", rows.as_bytes()).await;
    let plain = get(gateway.address, "/q", &[]).await;
    assert_eq!((plain.status, plain.text()), (200, rows));
    let refused = get(gateway.address, "/q", &[("Accept", "text/event-stream")]).await;
    assert_eq!((refused.status, &*refused.problem()), (502, "origin-too-large"));
}

#[tokio::test]
async fn the_origins_own_stream_passes_through() {
    let api = tidegate_testkit::ScriptedOrigin::bind().await;
    let gateway = Setup::new(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/events", &[("Accept", "text/event-stream")]).await;
    let (mut origin, _) = crate::common::within("the origin is asked", api.request()).await;
    origin
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n")
        .await;
    let head = http.head().await;
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.field("tidegate-content-type"), None);
    assert_eq!(http.chunk().await.unwrap(), b"data: ", "as it comes");
    origin.send("5\r\nown\n\n\r\n0\r\n\r\n").await;
    assert_eq!(http.chunk().await.unwrap(), b"own\n\n");
    assert_eq!(http.chunk().await, None);
}
