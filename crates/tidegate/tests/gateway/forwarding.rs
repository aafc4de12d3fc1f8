//! What passes through: bodies both ways, upgrades, and the fields of the path.

use tidegate_testkit::ScriptedOrigin;

use crate::common::{Api, Http, Setup, Stream, answer, get, ok, send, within};

#[tokio::test]
async fn bodies_flow_both_ways_at_once() {
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.send(
        "POST /echo?a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: X-Sum\r\n\r\n\
         3\r\none\r\n",
    )
    .await;
    let mut connection = within("it connects", origin.accept()).await;
    let head = within("the head comes before the body's end", connection.head()).await.unwrap();
    assert!(head.starts_with("POST /echo?a HTTP/1.1\r\n"), "{head}");
    assert_eq!(within("the first part comes", connection.exactly(8)).await, b"3\r\none\r\n");
    connection
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\nONE\r\n")
        .await;
    assert_eq!(http.head().await.status, 200);
    assert_eq!(http.chunk().await.unwrap(), b"ONE", "answered while the request goes on");
    http.send("3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n").await;
    let rest = within("the rest comes", connection.exactly(23)).await;
    assert!(
        String::from_utf8(rest).unwrap().to_ascii_lowercase().starts_with("3\r\ntwo\r\n0\r\nx-sum: 6\r\n")
    );
    connection.send("3\r\nTWO\r\n0\r\nX-End: 1\r\n\r\n").await;
    assert_eq!(http.chunk().await.unwrap(), b"TWO");
    assert_eq!(http.chunk().await, None);
    assert_eq!(http.trailers().await.to_ascii_lowercase(), "x-end: 1\r\n");
}

#[tokio::test]
async fn a_body_without_an_end_is_relayed_as_it_comes() {
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).limits("max_body = \"1 KiB\"\n").start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/log", &[]).await;
    let (mut connection, _) = within("it is asked", origin.request()).await;
    connection
        .send("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(http.head().await.status, 200);
    let line = "{\"line\":1}\n".repeat(100);
    for _ in 0..50 {
        connection.send(format!("{:x}\r\n{line}\r\n", line.len())).await;
        let mut got = Vec::new();
        while got.len() < line.len() {
            got.extend(http.chunk().await.unwrap());
        }
        assert_eq!(got, line.as_bytes());
    }
    drop(http);
    within("the origin is let go", connection.closed()).await;
}

#[tokio::test]
async fn upgrades_become_tunnels() {
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    let fields = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "chat"),
        ("Origin", "https://app.test"),
    ];
    http.ask("GET", "/socket", &fields).await;
    let (mut connection, request) = within("it is asked", origin.request()).await;
    assert_eq!(request.field("upgrade"), Some("websocket"));
    for (name, value) in &fields[2..] {
        assert_eq!(request.field(name), Some(*value));
    }
    connection
        .send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst",
        )
        .await;
    let switched = http.head().await;
    assert_eq!((switched.status, switched.field("upgrade")), (101, Some("websocket")));
    assert_eq!(switched.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(http.exactly(5).await, b"first");
    http.send(b"\x81\x85\x00\x00\x00\x00hello").await;
    assert_eq!(within("frames pass", connection.exactly(11)).await, b"\x81\x85\x00\x00\x00\x00hello");
    drop(connection);
    assert_eq!(http.rest().await, b"");
}

#[tokio::test]
async fn an_offer_of_http_2_is_no_wish_to_leave() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for connection in ["Upgrade, HTTP2-Settings", "keep-alive"] {
        let fields = [
            ("Connection", connection),
            ("Upgrade", if connection == "keep-alive" { "websocket" } else { "h2c" }),
            ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
        ];
        let mut stream = Stream::open(gateway.address, "/q", &fields).await;
        assert_eq!(stream.begin().await.0.data, "[1]", "{connection}");
    }
}

#[tokio::test]
async fn a_range_passes_and_never_feeds_a_diff() {
    let api = Api::serve(|request| match request.field("range") {
        Some("bytes=1-3") => answer(
            "206 Partial Content",
            "Content-Type: application/json\r\nContent-Range: bytes 1-3/7\r\n",
            "1,2",
        ),
        _ => answer("200 OK", "Content-Type: application/json\r\nAccept-Ranges: bytes\r\n", "[1,2,3]"),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let part = get(gateway.address, "/q", &[("Range", "bytes=1-3"), ("If-Range", "\"x\"")]).await;
    assert_eq!((part.status, part.text(), part.field("content-range")), (206, "1,2", Some("bytes 1-3/7")));
    assert_eq!(api.requests()[0].field("if-range"), Some("\"x\""));
    let whole = get(gateway.address, "/q", &[]).await;
    assert_eq!((whole.status, whole.text()), (200, "[1,2,3]"));
}

#[tokio::test]
async fn the_fields_of_the_path() {
    let api = Api::serve(|_| {
        answer("200 OK", "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n", "")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let claims = [
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Prefix", "/admin"),
        ("X-Real-IP", "1.2.3.4"),
        ("Connection", "X-Private"),
        ("X-Private", "1"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "gzip"),
        ("Via", "1.0 before"),
        ("X-Kept", "1"),
    ];
    let response = send(gateway.address, "PATCH", "/q", &claims).await;
    assert_eq!((response.status, response.field("x-hop"), response.field("keep-alive")), (200, None, None));
    assert!(response.field("via").unwrap().ends_with("tidegate"));
    let got = &api.requests()[0];
    assert_eq!(got.line(), ("PATCH", "/q"));
    assert_eq!(got.field("x-kept"), Some("1"));
    assert_eq!(got.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(got.field("x-forwarded-host"), Some("gateway.test"));
    assert_eq!(got.field("x-forwarded-proto"), Some("http"));
    assert_eq!(got.field("forwarded"), Some("for=127.0.0.1;proto=http;host=\"gateway.test\""));
    assert!(got.all("via").join(", ").starts_with("1.0 before, 1.1 tidegate-"));
    for gone in ["x-forwarded-prefix", "x-real-ip", "x-private", "proxy-authorization", "te"] {
        assert_eq!(got.field(gone), None, "{gone}");
    }
    assert_eq!(got.field("host").map(|host| format!("http://{host}")).as_deref(), Some(api.url()));
    // A shared fetch knows nothing of one client's path.
    get(gateway.address, "/q", &claims).await;
    let shared = &api.requests()[1];
    assert!(
        shared.names().iter().all(|name| !name.contains("forwarded") && name != "x-private"),
        "{shared:?}"
    );
    assert!(shared.field("via").is_some_and(|via| via.starts_with("1.1 tidegate-")));
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_go_on() {
    let api = Api::serve(|request| answer("201 Created", "", &request.body)).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("PUT", "/q", &[("Content-Length", "5"), ("Expect", "100-continue")]).await;
    assert_eq!(http.head().await.status, 100);
    http.send("hello").await;
    let created = http.response("PUT").await;
    assert_eq!((created.status, created.text()), (201, "hello"));
}

#[tokio::test]
async fn a_route_that_is_not_live_is_only_passed_through() {
    let api =
        Api::serve(|_| answer("200 OK", "Content-Type: application/json\r\nETag: \"own\"\r\n", "[ 1 ]"))
            .await;
    let gateway = Setup::new(api.url())
        .more("[[route]]\npath = \"/dead\"\norigin = \"api\"\nlive = false\n")
        .start()
        .await;
    let response =
        get(gateway.address, "/dead", &[("Accept", "text/event-stream"), ("If-None-Match", "\"x\"")]).await;
    assert_eq!(
        (response.text(), response.field("etag"), response.field("age")),
        ("[ 1 ]", Some("\"own\""), None)
    );
    assert_eq!(api.requests()[0].field("accept"), Some("text/event-stream"));
    assert_eq!(api.requests()[0].field("if-none-match"), Some("\"x\""));
}
