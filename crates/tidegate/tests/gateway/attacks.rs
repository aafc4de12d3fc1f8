//! Hostile clients (RFC 9112 §11): nothing panics or hangs, and no bytes reach the origin that it could read in
//! another way than the gateway did.

use crate::common::{Api, Http, Response, Setup, Stream, get, ok};

async fn echo() -> Api {
    Api::serve(|request| ok(serde_json::json!({ "head": request.head }).to_string())).await
}

/// The status of the first answer, if there is any, and what follows until the connection is closed.
async fn attack(gateway: &crate::common::Running, bytes: &[u8]) -> (Option<u16>, String) {
    let mut http = Http::connect(gateway.address).await;
    http.try_send(bytes).await;
    let all = String::from_utf8_lossy(&http.rest().await).into_owned();
    (all.split(' ').nth(1).and_then(|status| status.parse().ok()), all)
}

async fn still_works(gateway: &crate::common::Running) {
    let response = get(gateway.address, "/healthy", &[]).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_connection_closed() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"500ms\"\n").start().await;
    let refused: [&[u8]; 17] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\xff\x00\xff\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\na",
    ];
    for bytes in refused {
        let (status, all) = attack(&gateway, bytes).await;
        let shown = String::from_utf8_lossy(bytes).into_owned();
        assert!(status.is_none_or(|status| status == 400), "{shown:?}: {all}");
    }
    assert_eq!(api.asked(), 0, "nothing of it reaches the origin");
    still_works(&gateway).await;
}

#[tokio::test]
async fn smuggled_requests_never_reach_the_origin() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"500ms\"\n").start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ] {
        let text = format!("POST /front HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n{smuggled}");
        let (status, all) = attack(&gateway, text.as_bytes()).await;
        assert!(status.is_none_or(|status| status == 400 || status == 200), "{head:?} {all}");
        assert!(!all.contains("/smuggled"), "the connection ends with the ambiguous request: {all}");
    }
    for bad_chunk in ["zz\r\na\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "1;\r\n\n", "1\r\nab\r\n0\r\n\r\n"] {
        let text = format!(
            "POST /front HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{bad_chunk}{smuggled}"
        );
        attack(&gateway, text.as_bytes()).await;
    }
    for request in api.requests() {
        assert_eq!(request.line().1, "/front", "{request:?}");
        assert!(request.all("content-length").is_empty() || request.all("transfer-encoding").is_empty());
    }
    still_works(&gateway).await;
}

#[tokio::test]
async fn heads_have_a_size_and_a_time() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"300ms\"\n").start().await;
    let many: String = (0..500).map(|number| format!("X-{number}: 1\r\n")).collect();
    let (status, _) = attack(&gateway, format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes()).await;
    assert!(matches!(status, Some(431) | None), "{status:?}");
    let long = "x".repeat(1 << 20);
    let (status, _) =
        attack(&gateway, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n").as_bytes()).await;
    assert!(matches!(status, Some(431) | None), "{status:?}");
    let (status, _) = attack(&gateway, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
    assert!(matches!(status, Some(414 | 431) | None), "{status:?}");
    // A head that does not come to its end is given up, as is a connection that says nothing.
    for slow in ["GET / HTTP/1.1\r\nHost: a\r\nX: ", "G"] {
        let (status, _) = attack(&gateway, slow.as_bytes()).await;
        assert!(matches!(status, None | Some(408)), "{slow}: {status:?}");
    }
    assert_eq!(attack(&gateway, b"").await, (None, String::new()), "a silent connection is closed");
    assert_eq!(api.asked(), 0);
    // So is one that was of use before.
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[]).await;
    assert_eq!(http.response("GET").await.status, 200);
    assert_eq!(http.rest().await, b"");
    still_works(&gateway).await;
}

#[tokio::test]
async fn a_request_has_one_host() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    for (head, expected) in [
        ("GET /q HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /q HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET /q HTTP/1.1\r\n", 400),
        ("POST /q HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n", 400),
        ("GET /q HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET /q HTTP/1.1\r\nHost:\r\n", 200),
        ("GET /q HTTP/1.0\r\n", 200),
    ] {
        let before = api.asked();
        let (status, all) = attack(&gateway, format!("{head}Connection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(status, Some(expected), "{head:?}: {all}");
        assert_eq!(api.asked() > before, expected == 200, "{head:?}");
    }
}

#[tokio::test]
async fn every_form_of_target() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    let ask = |line: &'static str| {
        let gateway = &gateway;
        async move {
            let mut http = Http::connect(gateway.address).await;
            http.send(format!("{line} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n")).await;
            http.response(line.split(' ').next().unwrap()).await
        }
    };
    let reached = |response: &Response| {
        assert_eq!(response.status, 200, "{response:?}");
        let last = api.requests().pop().unwrap();
        assert_eq!(format!("http://{}", last.field("host").unwrap()), api.url(), "never another host");
        last.line().1.to_owned()
    };
    assert_eq!(reached(&ask("GET http://elsewhere.test/q?a=1").await), "/q?a=1");
    assert_eq!(reached(&ask("POST http://user:secret@elsewhere.test:81/q?tidegate.accept=a/b").await), "/q");
    // The target names the host, not the field beside it (RFC 9112 §3.2.2).
    let told = api.requests().pop().unwrap();
    assert_eq!(told.field("x-forwarded-host"), Some("elsewhere.test:81"));
    assert!(told.field("forwarded").unwrap().ends_with(";host=\"elsewhere.test:81\""), "{}", told.head);
    assert_eq!(reached(&ask("GET http://169.254.169.254/latest").await), "/latest");
    assert_eq!(reached(&ask("GET //elsewhere.test/q").await), "//elsewhere.test/q");
    assert_eq!(reached(&ask("GET /../../etc/passwd").await), "/../../etc/passwd");
    assert_eq!(reached(&ask("GET /q?x=%0d%0aX-Injected:%201").await), "/q?x=%0d%0aX-Injected:%201");
    assert!(api.requests().iter().all(|request| request.field("x-injected").is_none()));
    let before = api.asked();
    let connect = ask("CONNECT elsewhere.test:443").await;
    assert!(matches!(connect.status, 400 | 404 | 405 | 501), "{connect:?}");
    assert_eq!(api.asked(), before);
    let options = ask("OPTIONS *").await;
    assert!(matches!(options.status, 200 | 204 | 404), "{options:?}");
    let trace = ask("TRACE /q").await;
    assert!(trace.status < 500 || trace.status == 501, "{trace:?}");
    still_works(&gateway).await;
}

#[tokio::test]
async fn nothing_that_a_client_says_becomes_a_line_of_the_stream() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    let injected = "x%0D%0Aevent:%20snapshot%0Adata:%20evil%0A%0A";
    for target in [
        format!("/q?tidegate.last-event-id={injected}"),
        format!("/q?tidegate.accept=text/event-stream&{injected}"),
    ] {
        let mut stream = Stream::open(gateway.address, &target, &[]).await;
        let (snapshot, status) = stream.begin().await;
        assert!(snapshot.data.starts_with('{') && !status.data.contains("evil"), "{snapshot:?} {status:?}");
    }
    let refused = get(gateway.address, &format!("/q?tidegate.{injected}"), &[]).await;
    assert_eq!((refused.status, &*refused.problem()), (400, "unknown-parameter"));
    let accept = get(gateway.address, "/q?tidegate.accept=a%0D%0AX-Injected:%201", &[]).await;
    assert_eq!((accept.status, &*accept.problem()), (400, "bad-request"));
}
