//! Requests and answers: fields, targets, methods, statuses, failures.

use super::*;

#[tokio::test]
async fn the_origin_learns_what_the_client_said_and_who_it_is() {
    let stage = Stage::set().await;
    let (_client, _connection, request) = stage
        .send(
            "GET /a/../b?x=%20&y HTTP/1.1\r\nHost: api.example:8080\r\nCookie: a=1\r\nAccept: */*\r\n\
             Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: gzip\r\n\
             Proxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nVia: 1.0 front\r\n\
             Forwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\
             X-Forwarded-Prefix: /evil\r\nX-Real-IP: 1.2.3.4\r\n\r\n",
        )
        .await;
    assert_eq!(request.line(), ("GET", "/a/../b?x=%20&y"));
    let mut names = request.names();
    names.sort();
    assert_eq!(
        names,
        [
            "accept",
            "cookie",
            "forwarded",
            "host",
            "via",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto"
        ]
    );
    assert_eq!(request.field("host"), Some(stage.server.address().to_string().as_str()));
    let via = request.all("via");
    assert!(via.len() == 2 && via[0] == "1.0 front" && via[1].starts_with("1.1 tidegate-"), "{via:?}");
    assert_eq!(request.field("forwarded"), Some("for=127.0.0.1;proto=http;host=\"api.example:8080\""));
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("api.example:8080"));
}

#[tokio::test]
async fn the_client_gets_what_the_origin_said() {
    let stage = Stage::set().await;
    let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    connection
        .send(
            "HTTP/1.1 418 Teapot\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
             Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nContent-Encoding: odd\r\nVia: 1.1 back\r\n\
             Trailer: x-t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x00ab\r\n0\r\nX-T: 1\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert_eq!(head.status(), "418");
    assert_eq!(head.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(head.all("via"), ["1.1 back", "1.1 tidegate"]);
    assert_eq!(head.field("content-encoding"), Some("odd"));
    for name in ["connection", "x-hop", "keep-alive", "proxy-authenticate", "trailer"] {
        assert_eq!(head.field(name), None, "{name}");
    }
    // No trailers for who did not ask (RFC 9110 §6.5.1).
    assert_eq!(client.until("0\r\n\r\n").await, b"3\r\n\x00ab\r\n0\r\n\r\n");
}

#[tokio::test]
async fn targets_keep_within_the_base() {
    let stage = Stage::with("/api/", AGES).await;
    for (target, expected) in
        [("/q?a=/../b", "/api/q?a=/../b"), ("/../admin", "/api/admin"), ("http://a/abs", "/api/abs")]
    {
        let (_, _, request) = stage.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(request.line().1, expected);
        assert_eq!(request.field("x-forwarded-host"), Some("a"));
    }
}

#[tokio::test]
async fn any_method_passes() {
    let stage = Stage::set().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS"] {
        let request = format!("{method} /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        let (mut client, mut connection, request) = stage.send(request).await;
        assert_eq!((request.line().0, &request.body[..]), (method, &b"abc"[..]));
        assert_eq!(request.field("content-length"), Some("3"), "{method}");
        connection.answer("200 OK", "", "done").await;
        assert_eq!(client.head().await.field("content-length"), Some("4"));
        assert_eq!(client.exactly(4).await, b"done");
    }
    let (_, _, request) = stage.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 2\r\n\r\n").await;
    assert_eq!(request.line(), ("OPTIONS", "*"));
    assert_eq!(request.field("max-forwards"), Some("1"));
}

#[tokio::test]
async fn some_requests_end_here() {
    let stage = Stage::set().await;
    let mut client = stage.connect().await;
    for (request, status) in [
        ("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "204"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "501"),
        ("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "501"),
    ] {
        client.send(request).await;
        assert_eq!(client.head().await.status(), status, "{request}");
        if status == "501" {
            client = stage.connect().await;
        }
    }
}

#[tokio::test]
async fn answers_without_content_keep_their_fields() {
    let stage = Stage::set().await;
    // hyper's server leaves the length out of a 304, which may leave it out (RFC 9110 §15.4.5), and of a 204, which
    // must (§8.6).
    for (method, status, length) in
        [("HEAD", "200 OK", Some("900")), ("GET", "304 Not Modified", None), ("GET", "204 No Content", None)]
    {
        let (mut client, mut connection, _) =
            stage.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        connection.send(format!("HTTP/1.1 {status}\r\nETag: \"e\"\r\nContent-Length: 900\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.field("etag")), (&status[..3], Some("\"e\"")));
        assert_eq!(head.field("content-length"), length, "{method}");
        assert!(client.rest().await.is_empty(), "{method}");
    }
}

#[tokio::test]
async fn interim_answers_break_nothing() {
    let stage = Stage::set().await;
    let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n").await;
    connection.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    connection.answer("200 OK", "", "done").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.field("link")), ("200", None));
    assert_eq!(client.exactly(4).await, b"done");
}

#[tokio::test]
async fn failures_are_told_apart() {
    let stage = Stage::set().await;
    let (mut client, connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    drop(connection);
    assert_eq!(client.head().await.field("x-failure"), Some("NoAnswer"));

    let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    assert_eq!(client.head().await.field("x-failure"), Some("NotHttp"));

    let stage = Stage::with("", Duration::from_millis(40)).await;
    let (mut client, _silent, _) =
        stage.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    assert_eq!(client.head().await.field("x-failure"), Some("TimedOut(Head)"));

    let mut client = stage.connect().await;
    drop(stage.server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.field("x-failure"), Some("Unreachable"));
}

#[tokio::test]
async fn only_safe_requests_are_sent_twice() {
    let stage = Stage::set().await;
    for (method, retried) in [("GET", true), ("POST", false)] {
        let (mut client, mut connection, _) = stage.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        connection.answer("200 OK", "", "").await;
        client.head().await;
        client.send(format!("{method} /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(connection.request().await.expect("on the same connection").line(), (method, "/2"));
        drop(connection);
        if retried {
            let (mut connection, request) = stage.server.request().await;
            assert_eq!(request.line(), (method, "/2"));
            connection.answer("200 OK", "", "").await;
            assert_eq!(client.head().await.status(), "200");
        } else {
            assert_eq!(client.head().await.field("x-failure"), Some("NoAnswer"));
        }
    }
}
