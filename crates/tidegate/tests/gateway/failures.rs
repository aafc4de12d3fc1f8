//! The origin fails: before a stream begins it is an answer, afterwards it is a status.

use tidegate_testkit::ScriptedOrigin;

use crate::common::{Api, Cell, Gate, Http, Setup, Stream, answer, document, get, ok, within};

const STREAM: [(&str, &str); 1] = [("Accept", "text/event-stream")];

#[tokio::test]
async fn an_origin_that_cannot_be_reached() {
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).start().await;
    drop(origin);
    for (method, fields) in [("GET", &STREAM[..]), ("GET", &[]), ("POST", &[("Content-Length", "0")])] {
        let refused = crate::common::send(gateway.address, method, "/q?secret=1", fields).await;
        assert_eq!((refused.status, &*refused.problem()), (502, "origin-unreachable"), "{method}");
        assert_eq!(refused.field("cache-control"), Some("no-store"));
        assert!(!refused.text().contains("secret"), "{refused:?}");
    }
}

#[tokio::test]
async fn an_origin_that_is_late() {
    let never = Gate::closed();
    let api = Api::start(move |_| {
        let never = never.clone();
        async move {
            never.pass().await;
            Vec::new()
        }
    })
    .await;
    let gateway =
        Setup::new(api.url()).origin("head_timeout = \"100ms\"\nconnect_timeout = \"100ms\"\n").start().await;
    for (method, fields) in [("GET", &STREAM[..]), ("GET", &[]), ("DELETE", &[])] {
        let refused = crate::common::send(gateway.address, method, "/q", fields).await;
        assert_eq!((refused.status, &*refused.problem()), (504, "origin-timeout"), "{method}");
    }
    let late_body = Api::serve(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf".to_vec()
    })
    .await;
    let gateway = Setup::new(late_body.url()).origin("body_timeout = \"100ms\"\n").start().await;
    let refused = get(gateway.address, "/q", &STREAM).await;
    assert_eq!((refused.status, &*refused.problem()), (504, "origin-body-timeout"));
}

#[tokio::test]
async fn an_origin_that_talks_nonsense() {
    let nonsense: [(&'static [u8], &str); 6] = [
        (b"hello\r\n\r\n", "origin-not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: abc\r\n\r\n{}", "origin-not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip\r\n\r\n{}", "origin-not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "origin-not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "origin-undecodable"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "origin-not-http"),
    ];
    for (bytes, code) in nonsense {
        let api = Api::serve(move |_| bytes.to_vec()).await;
        let gateway = Setup::new(api.url()).start().await;
        for fields in [&STREAM[..], &[]] {
            let refused = get(gateway.address, "/q", fields).await;
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!((refused.status, &*refused.problem()), (502, code), "{shown}");
        }
    }
    // Cut off: what came is never a document.
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &STREAM).await;
    let (mut connection, _) = within("the origin is asked", origin.request()).await;
    connection
        .send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1]")
        .await;
    drop(connection);
    let refused = http.response("GET").await;
    assert_eq!((refused.status, &*refused.problem()), (502, "origin-wrong-length"));
}

#[tokio::test]
async fn a_stream_outlives_failures_and_says_so() {
    let mode = Cell::<String>::new("up");
    let current = mode.clone();
    let api = Api::serve(move |request| match &*current.get() {
        "up" => document(request, "\"v\"", "", "[1]"),
        "error" => answer("500 Internal Server Error", "", "oops"),
        "busy" => answer("503 Service Unavailable", "Retry-After: 0\r\n", ""),
        "binary" => answer("200 OK", "Content-Type: image/png\r\n", "x"),
        _ => Vec::new(),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let (snapshot, _) = stream.begin().await;
    for (failing, problem, origin_status) in [
        ("away", "origin-no-answer", None),
        ("error", "origin-error", Some(500)),
        ("busy", "origin-error", Some(503)),
        ("binary", "origin-not-streamable", None),
    ] {
        mode.set(failing);
        let status = stream.expect("status").await.status();
        assert_eq!(status["state"], "stale", "{failing}");
        assert_eq!(status["cause"]["type"], format!("urn:tidegate:problem:{problem}"), "{failing}");
        assert_eq!(status["cause"]["origin_status"].as_u64(), origin_status, "{failing}");
        assert!(status["retry_in_ms"].is_u64() && status["since"].is_string(), "{status}");
        // Whoever comes now gets the last good state, and is told the same.
        let mut late = Stream::open(gateway.address, "/q", &[]).await;
        let (held, told) = late.begin().await;
        assert_eq!(
            (held.data, held.id, told.state()),
            ("[1]".to_owned(), snapshot.id.clone(), "stale".to_owned())
        );
        mode.set("up");
        assert_eq!(stream.expect("status").await.state(), "live", "{failing}");
    }
}

#[tokio::test]
async fn gone_and_back_again() {
    let there = Cell::<bool>::new(true);
    let is_there = there.clone();
    let api = Api::serve(move |request| match is_there.get() {
        true => document(request, "\"v\"", "", "[1]"),
        false => answer("404 Not Found", "", "nothing"),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    there.set(false);
    let status = stream.expect("status").await.status();
    assert_eq!((&status["state"], &status["cause"]["origin_status"]), (&"gone".into(), &404.into()));
    // Nobody begins with what is gone.
    let refused = get(gateway.address, "/q", &STREAM).await;
    assert_eq!((refused.status, refused.text()), (404, "nothing"));
    there.set(true);
    // Each further try that found it gone was told.
    let snapshot = loop {
        let event = stream.next().await.expect("the stream goes on");
        if event.kind != "status" {
            break event;
        }
        assert_eq!(event.status()["since"], status["since"], "gone since it went");
    };
    assert_eq!((&*snapshot.kind, &*snapshot.data), ("snapshot", "[1]"));
    assert_eq!(stream.expect("status").await.state(), "live");
}

#[tokio::test]
async fn lost_credentials_end_their_streams_and_nobody_elses() {
    let valid = Cell::<bool>::new(true);
    let is_valid = valid.clone();
    let api = Api::serve(move |request| match request.field("authorization") {
        Some("Bearer a") if !is_valid.get() => answer("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", ""),
        _ => ok("[1]"),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut theirs = Stream::open(gateway.address, "/q", &[("Authorization", "Bearer a")]).await;
    theirs.begin().await;
    let mut others = Stream::open(gateway.address, "/q", &[("Authorization", "Bearer b")]).await;
    let (other, _) = others.begin().await;
    valid.set(false);
    let last = theirs.expect("status").await;
    let status = last.status();
    assert_eq!((&status["state"], &status["cause"]["origin_status"]), (&"gone".into(), &401.into()));
    assert_eq!(status["cause"]["type"], "urn:tidegate:problem:origin-refused");
    assert_eq!(theirs.next().await, None, "the stream ends");
    let fields = [STREAM[0], ("Authorization", "Bearer a")];
    let refused = get(gateway.address, "/q", &fields).await;
    assert_eq!((refused.status, refused.field("www-authenticate")), (401, Some("Bearer")));
    // The window is gone with them: once valid again, the old id proves nothing.
    let id = other.id.unwrap();
    let mut resumed =
        Stream::open(gateway.address, "/q", &[("Authorization", "Bearer b"), ("Last-Event-ID", &id)]).await;
    assert_eq!(resumed.expect("status").await.state(), "live");
}
