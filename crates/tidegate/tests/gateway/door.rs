//! The front door: whatever the first bytes of a connection are and however they come, one request has one answer, and
//! nothing that is hidden in another request is ever taken for one.

use crate::common::{Api, Http, Running, Setup, Stream, counting, get, ok, request};

const STREAM: &str = "Host: gateway.test\r\nAccept: text/event-stream\r\n";

/// Answers everything with JSON.
async fn any() -> Api {
    Api::serve(|_| ok("[1]")).await
}

/// All that comes until the connection is closed.
async fn said(gateway: &Running, bytes: &[u8]) -> String {
    let mut http = Http::connect(gateway.address).await;
    http.try_send(bytes).await;
    String::from_utf8_lossy(&http.rest().await).into_owned()
}

#[tokio::test]
async fn a_head_in_pieces_is_the_same_head() {
    let api = any().await;
    let gateway = Setup::new(api.url()).start().await;
    let head = request("GET", "/q?a=b", &[("Accept", "text/event-stream"), ("X-Long", &"y".repeat(300))]);
    for piece in [1, 2, 3, 7, 64, 255, head.len() - 1] {
        let mut http = Http::connect(gateway.address).await;
        for part in head.chunks(piece) {
            http.send(part).await;
            // So that parts do not leave together.
            tokio::task::yield_now().await;
        }
        let mut stream = Stream::answered(http).await;
        assert_eq!(stream.head.field("connection"), Some("close"), "by its shard");
        stream.begin().await;
    }
    let last = api.requests().pop().unwrap();
    assert_eq!(last.line(), ("GET", "/q?a=b"));
}

#[tokio::test]
async fn a_slow_head_of_a_stream_is_given_up() {
    let api = any().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"300ms\"\n").start().await;
    let head = format!("GET /q HTTP/1.1\r\n{STREAM}");
    for sent in [1, 5, head.len() / 2, head.len()] {
        assert_eq!(said(&gateway, &head.as_bytes()[..sent]).await, "", "{sent} bytes");
    }
    // Dripping does not extend it: this would take hours.
    let mut http = Http::connect(gateway.address).await;
    http.send("GET /q HTTP/1.1\r\nX: ").await;
    let dripping = async {
        loop {
            http.try_send("y").await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if http.is_closed().await {
                return;
            }
        }
    };
    crate::common::within("it is closed", dripping).await;
    assert_eq!(api.asked(), 0);
    assert_eq!(get(gateway.address, "/q", &[]).await.status, 200);
}

/// Everything here has a line or a field too many, or one that readers understand in different ways.
#[tokio::test]
async fn what_is_no_proper_head_is_no_stream() {
    let api = any().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"500ms\"\n").start().await;
    let long = "z".repeat(100 * 1024);
    let many: String = (0..300).map(|number| format!("X-{number}: 1\r\n")).collect();
    for head in [
        format!("GET /q HTTP/1.1\r\n{STREAM}Host: other\r\n\r\n"),
        "GET /q HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n".to_owned(),
        format!("GET /q HTTP/1.1\r\n{STREAM}X: a\r\n folded: b\r\n\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}X : a\r\n\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM} X: a\r\n\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}X: a\0b\r\n\r\n"),
        format!("GET /q\0 HTTP/1.1\r\n{STREAM}\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}X: a\rb\r\n\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}X: a\x0b\r\n\r\n\r\n").replace('\x0b', "\u{7f}"),
        format!("GET /q HTTP/1.1\r\n{STREAM}No colon\r\n\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}: nameless\r\n\r\n"),
        format!("GET /q HTTP/1.2\r\n{STREAM}\r\n"),
        format!("GET /q HTTP/2.0\r\n{STREAM}\r\n"),
        format!("GET /q http/1.1\r\n{STREAM}\r\n"),
        format!("GET /a q HTTP/1.1\r\n{STREAM}\r\n"),
        format!("GET /q  HTTP/1.1\r\n{STREAM}\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}Z: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\n{STREAM}\r\n"),
        format!("GET /q HTTP/1.1\r\n{STREAM}{many}\r\n"),
    ] {
        let all = said(&gateway, head.as_bytes()).await;
        let status = all.split(' ').nth(1).unwrap_or("none");
        let shown: String = head.chars().take(120).collect();
        assert!(["none", "400", "414", "431", "505"].contains(&status), "{shown:?}: {all}");
        assert!(all.matches("HTTP/1.1 ").count() <= 1, "{shown:?}: {all}");
        assert!(!all.contains("text/event-stream"), "{shown:?}: {all}");
    }
    assert_eq!(api.asked(), 0, "the origin hears nothing of it");
}

#[tokio::test]
async fn a_request_hidden_in_another_is_never_one() {
    let api = any().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"500ms\"\n").start().await;
    let hidden = format!("GET /hidden HTTP/1.1\r\n{STREAM}\r\n");
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let length = hidden.len();
    let cases = [
        // The hidden one is a body, properly.
        (format!("Content-Length: {length}\r\n"), hidden.clone(), "200"),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunk.clone(), "200"),
        ("Transfer-Encoding: Chunked\r\n".to_owned(), chunk.clone(), "200"),
        // Whether it is one depends on who reads.
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), chunk.clone(), "400"),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), chunk.clone(), "400"),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n".to_owned(), chunk.clone(), "400"),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
            "400",
        ),
        (format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), hidden.clone(), "400"),
        (format!("Content-Length: 0, {length}\r\n"), hidden.clone(), "400"),
        ("Content-Length: 0x0\r\n".to_owned(), hidden.clone(), "400"),
        ("Content-Length: -1\r\n".to_owned(), hidden.clone(), "400"),
        ("Transfer-Encoding: identity\r\n".to_owned(), chunk.clone(), "400"),
        ("Transfer-Encoding: chunked, gzip\r\n".to_owned(), chunk.clone(), "400"),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), chunk.clone(), "400"),
        ("Transfer-Encoding:\x0bchunked\r\n".to_owned(), chunk.clone(), "400"),
        ("Transfer-Encoding : chunked\r\n".to_owned(), chunk.clone(), "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n".to_owned(), chunk.clone(), "400"),
        ("X: a\nTransfer-Encoding: chunked\r\n".to_owned(), chunk.clone(), "200"),
        ("X: a\rTransfer-Encoding: chunked\r\n".to_owned(), chunk.clone(), "400"),
        ("X: a\r\n\tTransfer-Encoding: chunked\r\n".to_owned(), chunk.clone(), "400"),
    ];
    for (fields, body, expected) in cases {
        for method in ["GET", "POST"] {
            let text = format!("{method} /front HTTP/1.1\r\n{STREAM}Connection: close\r\n{fields}\r\n{body}");
            let before = api.asked();
            let all = said(&gateway, text.as_bytes()).await;
            let statuses: Vec<_> = all.matches("HTTP/1.1 ").collect();
            assert!(statuses.len() <= 1, "{method} {fields:?}: {all}");
            let status = all.split(' ').nth(1).unwrap_or("none");
            // What has both is refused, or read as the standard has it (RFC 9112 §6.1): the chunks count.
            let both =
                method == "POST" && fields.contains("Content-Length") && fields.contains("Encoding: chunked");
            let refused = ["400", "501", "none"].contains(&status);
            let fine = status == expected || (expected == "400" && (refused || (both && status == "200")));
            assert!(fine, "{method} {fields:?}: {all}");
            assert!(api.asked() - before <= 1, "{method} {fields:?}");
            assert_eq!(status == "200", api.asked() > before, "{method} {fields:?}");
        }
    }
    for request in api.requests() {
        assert_eq!(request.line().1, "/front", "{request:?}");
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(body.is_empty() || body == hidden, "as a body, whole: {request:?}");
        assert!(request.all("content-length").is_empty() || request.all("transfer-encoding").is_empty());
    }
}

/// A line that ends with a bare LF ends for some readers and not for others (RFC 9112 §2.2): this gateway reads it in one
/// way only, and the origin sees nothing of it.
#[tokio::test]
async fn bare_line_feeds() {
    let api = any().await;
    let gateway = Setup::new(api.url()).limits("request_head_timeout = \"500ms\"\n").start().await;
    for head in [
        "GET /q HTTP/1.1\nHost: h\nAccept: text/event-stream\nConnection: close\n\n",
        "GET /q HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\nConnection: close\r\n\r\n",
        "GET /q HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\n",
        "GET /q HTTP/1.1\r\nHost: h\r\nX: a\n\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut http = Http::connect(gateway.address).await;
        http.send(head).await;
        let answer = http.head().await;
        assert!([200, 400].contains(&answer.status), "{head:?}: {answer:?}");
    }
    for request in api.requests() {
        assert!(!request.head.replace("\r\n", "").contains(['\r', '\n']), "{request:?}");
    }
}

#[tokio::test]
async fn requests_in_a_row_have_answers_in_a_row() {
    let (api, _) = counting(1).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    let one = |target: &str| request("GET", target, &[]);
    let close = request("GET", "/no-such?tidegate.x", &[("Connection", "close")]);
    http.send([one("/a"), one("/b?tidegate.wrong"), one("/c"), close].concat()).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(http.response("GET").await.status);
    }
    assert_eq!((statuses, http.rest().await), (vec![200, 400, 200, 400], vec![]));
}
