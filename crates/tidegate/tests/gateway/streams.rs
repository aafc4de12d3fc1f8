//! Event streams, byte for byte (WHATWG HTML §9.2), and how a request asks for one.

use crate::common::{Api, Cell, Http, Replica, Setup, Stream, answer, document, get, ok, send, until};

/// Replaces what differs from run to run: `retry` and the time of a status.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(retry) = line.strip_prefix("retry: ") {
            let ms: u64 = retry.trim_end().parse().expect("ASCII digits");
            assert!((1000..=3000).contains(&ms), "{ms}");
            settled.push_str("retry: N\n");
        } else if let Some((before, rest)) = line.split_once("\"since\":\"") {
            let (since, after) = rest.split_once('"').unwrap();
            assert!(since.ends_with('Z') && since.contains('T') && since.len() >= 20, "{since}");
            settled.push_str(&format!("{before}\"since\":\"T\"{after}"));
        } else {
            settled.push_str(line);
        }
    }
    settled
}

#[tokio::test]
async fn the_bytes_of_a_stream() {
    let body = Cell::<String>::new(
        "{\n  \"price\": 101.10, \"id\": 9007199254740993,\n  \"b\": [1e2, \"\\u00e9é\"]\n}\n",
    );
    let served = body.clone();
    let api = Api::serve(move |_| {
        let fields = "Content-Type: application/json; charset=utf-8\r\nETag: \"x\"\r\nContent-Language: de\r\n\
                      Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nSet-Cookie: a=1\r\nCache-Control: no-store\r\n";
        answer("200 OK", fields, served.get())
    })
    .await;
    let gateway = Setup::lively(api.url()).route("heartbeat = \"1s\"\n").start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let head = &stream.head;
    assert!(head.head.starts_with("HTTP/1.1 200 OK\r\n"), "{head:?}");
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    assert_eq!(head.field("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(head.field("x-accel-buffering"), Some("no"));
    assert_eq!(head.field("vary"), Some("Accept, Accept-Encoding, Tidegate-Select"));
    assert_eq!(head.field("tidegate-content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(head.field("connection"), Some("close"), "a stream ends with its connection");
    for absent in [
        "etag",
        "last-modified",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "set-cookie",
        "content-language",
        "age",
    ] {
        assert_eq!(head.field(absent), None, "{absent}");
    }
    let first = stream.text_until("\n\n").await;
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    let compact = "{\"price\":101.10,\"id\":9007199254740993,\"b\":[1e2,\"\\u00e9é\"]}";
    assert_eq!(settled(&first), format!("event: snapshot\nid: {id}\ndata: {compact}\n\n"));
    let status = stream.text_until("\n\n").await;
    assert_eq!(
        settled(&status),
        "event: status\nretry: N\ndata: {\"state\":\"live\",\"since\":\"T\",\"fresh_within_ms\":105}\n\n"
    );

    body.set(body.get().replace("101.10", "101.20"));
    let patch = stream.text_until("\n\n").await;
    let mut position = id.split('.');
    let (epoch, _, binding) = (position.next().unwrap(), position.next(), position.next().unwrap());
    assert_eq!(
        patch,
        format!(
            "event: patch\nid: {epoch}.2.{binding}\n\
             data: [{{\"op\":\"replace\",\"path\":\"/price\",\"value\":101.20}}]\n\n"
        )
    );
    // A heartbeat is its own line, without a blank one: the next event follows directly.
    assert_eq!(stream.text_until("\n").await, ":\n");
    body.set(body.get().replace("101.20", "101.30"));
    let after = stream.text_until("\n\n").await;
    let event = after.trim_start_matches(":\n");
    assert!(event.starts_with("event: patch\nid: "), "{after:?}");
}

#[tokio::test]
async fn a_change_that_changes_nothing_sends_nothing() {
    let body = Cell::<String>::new("{\"a\":1,\"b\":2}");
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let mut replica = Replica::default();
    replica.catch_up(&mut stream, "{\"a\":1,\"b\":2}").await;
    stream.expect("status").await;
    // Other white space is the same representation.
    body.set("{ \"a\": 1, \"b\": 2 }");
    let asked = api.asked();
    api.was_asked(asked + 2).await;
    body.set("{\"a\":1,\"b\":3,\"c\":[]}");
    let patch = stream.event().await;
    assert!(patch.id.as_deref().unwrap().contains(".2."), "the next offset: {patch:?}");
    replica.take(&patch);
    assert_eq!(replica.text(), "{\"a\":1,\"b\":3,\"c\":[]}");
    // Fewer bytes whole than as a patch: whole.
    body.set("[]");
    let whole = stream.expect("snapshot").await;
    assert_eq!(whole.data, "[]");
}

#[tokio::test]
async fn accept_decides() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for (accept, is_stream) in [
        ("text/event-stream", true),
        ("Text/Event-Stream", true),
        ("text/event-stream;q=0.1", true),
        ("text/event-stream, */*;q=0.1", true),
        ("text/event-stream;q=0.9, application/json;q=0.8", true),
        ("text/event-stream;q=0", false),
        ("text/event-stream;q=0.0, */*", false),
        ("text/event-stream;q=0.5, application/json", false),
        ("text/*", false),
        ("*/*", false),
        ("application/json", false),
        ("text/event-streams", false),
        ("text/html, application/xhtml+xml, */*;q=0.8", false),
        ("", false),
    ] {
        let parameter: String = accept
            .bytes()
            .map(|byte| if byte == b' ' { "+".into() } else { format!("%{byte:02X}") })
            .collect();
        let by_parameter = format!("/q?tidegate.accept={parameter}");
        for (target, fields) in [("/q", &[("Accept", accept)][..]), (&by_parameter, &[("Accept", "x/y")])] {
            let mut http = Http::connect(gateway.address).await;
            http.ask("GET", target, fields).await;
            let head = http.head().await;
            let expected = if is_stream { "text/event-stream" } else { "application/json" };
            assert_eq!(
                (head.status, head.field("content-type")),
                (200, Some(expected)),
                "{target} {accept:?}"
            );
            assert!(head.list("vary").iter().any(|name| name == "Accept"), "on both: {head:?}");
        }
    }
}

#[tokio::test]
async fn reserved_parameters_stay_here() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url())
        .more("[[route]]\npath = \"/dead/**\"\norigin = \"api\"\nlive = false\n")
        .start()
        .await;
    let targets = [
        ("/q?a=%31&tidegate.accept=text/event-stream&b", "/q?a=%31&b"),
        ("/q?tidegate.last-event-id=1&a", "/q?a"),
        ("/q?tidegate%2Eaccept=*/*", "/q"),
        ("/dead/q?tidegate.accept=*/*&c=d", "/dead/q?c=d"),
    ];
    for (number, (target, expected)) in targets.into_iter().enumerate() {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", target, &[]).await;
        assert_eq!(http.head().await.status, 200, "{target}");
        assert_eq!(api.requests()[number].line().1, expected, "{target}");
    }
    let asked = api.asked();
    for target in ["/q?tidegate.acept=x", "/q?a&tidegate.=1", "/dead/q?tidegate.mood=x"] {
        for accept in ["*/*", "text/event-stream"] {
            let refused = get(gateway.address, target, &[("Accept", accept)]).await;
            assert_eq!((refused.status, &*refused.problem()), (400, "unknown-parameter"));
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(
                detail.contains("`tidegate.accept`") && detail.contains("`tidegate.last-event-id`"),
                "{detail}"
            );
        }
    }
    assert_eq!(api.asked(), asked, "the origin hears nothing of it");
}

#[tokio::test]
async fn old_and_headless_clients() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.send("GET /q HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n").await;
    let mut stream = Stream::answered(http).await;
    assert_eq!(stream.head.field("transfer-encoding"), None, "HTTP/1.0 knows no chunks");
    assert!(!stream.head.head.to_ascii_lowercase().contains("keep-alive"), "{}", stream.head.head);
    let (snapshot, _) = stream.begin().await;
    assert_eq!(snapshot.data, "[1]");
    drop(stream);

    let head = send(gateway.address, "HEAD", "/q", &[("Accept", "text/event-stream")]).await;
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));

    let mut http = Http::connect(gateway.address).await;
    http.send("GET /q HTTP/1.0\r\n\r\n").await;
    let plain = http.response("GET").await;
    assert_eq!((plain.status, plain.text(), plain.field("transfer-encoding")), (200, "[1]", None));
}

#[tokio::test]
async fn nobody_watches_nobody_asks() {
    let api = Api::serve(|request| document(request, "\"v\"", "", "[1]")).await;
    let gateway = Setup::lively(api.url()).route("linger = \"0s\"\n").start().await;
    let mut one = Stream::open(gateway.address, "/q", &[]).await;
    one.begin().await;
    let other = Stream::open(gateway.address, "/q", &[]).await;
    api.was_asked(3).await;
    assert!(api.requests().iter().skip(1).all(|request| request.field("if-none-match") == Some("\"v\"")));
    drop(other);
    until("one is left", || async { gateway.subscribers().await == 1 }).await;
    let asked = api.asked();
    api.was_asked(asked + 2).await;
    drop(one);
    until("the feed is gone", || async { gateway.gateway.report().await.is_empty() }).await;
    let asked = api.asked();
    // Whatever would still poll this resource would have to poll before the other one is polled three times.
    let _watch = Stream::open(gateway.address, "/other", &[]).await;
    api.was_asked(asked + 4).await;
    assert!(api.requests()[asked..].iter().all(|request| request.line().1 == "/other"));
}

#[tokio::test]
async fn as_many_streams_and_feeds_as_the_limits_allow() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).limits("max_streams = 2\nmax_feeds = 1\n").start().await;
    let stream = [("Accept", "text/event-stream")];
    let mut first = Stream::open(gateway.address, "/q", &[]).await;
    first.begin().await;
    let other = get(gateway.address, "/other", &stream).await;
    assert_eq!((other.status, &*other.problem()), (503, "too-many-feeds"));
    assert!(other.field("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Plain readers are served without a feed.
    assert_eq!(get(gateway.address, "/other", &[]).await.text(), "[1]");
    let second = Stream::open(gateway.address, "/q", &[]).await;
    let third = get(gateway.address, "/q", &stream).await;
    assert_eq!((third.status, &*third.problem()), (503, "too-many-streams"));
    assert!(third.field("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    drop(second);
    until("there is room again", || async { gateway.subscribers().await == 1 }).await;
    until("a stream is let in", || async {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", "/q", &stream).await;
        http.head().await.status == 200
    })
    .await;
}

#[tokio::test]
async fn closing_ends_streams_in_order() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = Stream::open(gateway.address, "/q", &[]).await;
        stream.begin().await;
        streams.push(stream);
    }
    gateway.close().await;
    for mut stream in streams {
        let last = stream.expect("status").await;
        assert!(last.retry.is_some(), "{last:?}");
        assert_eq!(stream.next().await, None);
    }
}
