//! More than a bare GET: requests whose content chooses what is asked for, streamed and shared like any other; and
//! what is not beyond doubt such a request, passed through once.

use std::net::SocketAddr;

use crate::common::{
    Api, Cell, Gate, Http, Response, Setup, Stream, answer, document, get, ok, request, until,
};

const STREAM: (&str, &str) = ("Accept", "text/event-stream");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What `Cache-Status` says of what was passed through.
const METHOD: Option<&str> = Some("tidegate; fwd=method");

/// The bytes of a request with a content of a stated length.
fn with_content(method: &str, target: &str, fields: &[(&str, &str)], content: &str) -> Vec<u8> {
    let length = content.len().to_string();
    let fields = [fields, &[("Content-Length", &*length)]].concat();
    [&request(method, target, &fields)[..], content.as_bytes()].concat()
}

async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    content: &str,
) -> Response {
    let mut http = Http::connect(address).await;
    http.send(with_content(method, target, fields, content)).await;
    http.response(method).await
}

async fn open(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    content: &str,
) -> Stream {
    let mut http = Http::connect(address).await;
    http.send(with_content(method, target, &[fields, &[STREAM]].concat(), content)).await;
    Stream::answered(http).await
}

/// An API that answers with what it was asked, and counts.
async fn echo() -> Api {
    Api::serve(|request| {
        let (method, target) = request.line();
        let content = String::from_utf8_lossy(&request.body);
        let who = request.all("authorization");
        let echo = serde_json::json!({
            "method": method, "target": target, "content": content, "type": request.field("content-type"), "who": who,
        });
        ok(echo.to_string())
    })
    .await
}

#[tokio::test]
async fn a_declared_post_is_streamed_and_shared() {
    let number = Cell::<u64>::new(0_u64);
    let served = number.clone();
    let api = Api::serve(move |request| {
        let content = String::from_utf8_lossy(&request.body);
        let filling = "so long that a patch is shorter".repeat(3);
        ok(serde_json::json!({ "n": served.get(), "content": content, "x": filling }).to_string())
    })
    .await;
    let gateway = Setup::lively(api.url()).route("safe_methods = [\"POST\"]\n").start().await;
    let mut first = open(gateway.address, "POST", "/rpc", &[JSON], "{\"q\":1}").await;
    let (snapshot, _) = first.begin().await;
    assert!(snapshot.data.starts_with(r#"{"content":"{\"q\":1}","n":0,"#), "{snapshot:?}");
    let mut second = open(gateway.address, "POST", "/rpc", &[JSON, ("User-Agent", "x")], "{\"q\":1}").await;
    assert_eq!(second.begin().await.0.id, snapshot.id);
    let read = ask(gateway.address, "POST", "/rpc", &[JSON], "{\"q\":1}").await;
    assert_eq!((read.field("cache-status"), read.text()), (Some("tidegate; hit"), &*snapshot.data));
    number.set(7_u64);
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.expect("patch").await.data, r#"[{"op":"replace","path":"/n","value":7}]"#);
    }
    for request in api.requests() {
        assert_eq!(request.line(), ("POST", "/rpc"));
        assert_eq!(request.body, b"{\"q\":1}");
        assert_eq!(
            (request.field("content-length"), request.field("content-type")),
            (Some("7"), Some(JSON.1))
        );
        assert_eq!(request.field("if-none-match"), None);
    }
    // Its socket is its shard's, as with a stream by GET on such a connection.
    assert_eq!((gateway.gateway.ways().taken_over, gateway.gateway.ways().through), (2, 0));
}

#[tokio::test]
async fn whatever_differs_is_another_feed() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).route("safe_methods = [\"POST\", \"QUERY\"]\n").start().await;
    let alice = ("Authorization", "Bearer alice");
    let cases = [
        ("POST", &[JSON][..], "{}"),
        ("POST", &[JSON], "{} "),
        ("POST", &[JSON], ""),
        ("POST", &[("Content-Type", "text/plain")], "{}"),
        ("POST", &[JSON, ("Content-Language", "de")], "{}"),
        ("POST", &[JSON, alice], "{}"),
        ("POST", &[JSON, ("Authorization", "Bearer bob")], "{}"),
        ("QUERY", &[JSON], "{}"),
        ("GET", &[], ""),
    ];
    for (number, (method, fields, content)) in cases.iter().enumerate() {
        let mut stream = match *method {
            "GET" => Stream::open(gateway.address, "/q", &[]).await,
            method => open(gateway.address, method, "/q", fields, content).await,
        };
        let snapshot = stream.expect("snapshot").await;
        let echo: serde_json::Value = serde_json::from_str(&snapshot.data).unwrap();
        assert_eq!((&echo["method"], &echo["content"]), (&(*method).into(), &(*content).into()));
        let who: Vec<_> =
            fields.iter().filter(|(name, _)| *name == "Authorization").map(|(_, who)| *who).collect();
        assert_eq!(echo["who"], serde_json::json!(who));
        assert_eq!(api.asked(), number + 1, "{method} {fields:?} {content:?}");
    }
}

#[tokio::test]
async fn many_who_ask_the_same_at_once_are_one_fetch() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).route("safe_methods = [\"QUERY\"]\n").start().await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut http = Http::connect(gateway.address).await;
        http.send(with_content("QUERY", "/q", &[JSON, STREAM], "{\"a\":1}")).await;
        waiting.push(http);
    }
    until("all wait for the one fetch", || async { gateway.subscribers().await == 50 }).await;
    gate.open();
    for http in waiting {
        Stream::answered(http).await.expect("snapshot").await;
    }
    assert_eq!(api.asked(), 1);
}

#[tokio::test]
async fn a_query_is_asked_on_condition_and_a_post_is_not() {
    let api = Api::serve(|request| document(request, "\"v\"", "", "{}")).await;
    let gateway = Setup::lively(api.url()).route("safe_methods = [\"POST\", \"QUERY\"]\n").start().await;
    for (method, condition) in [("POST", None), ("QUERY", Some("\"v\""))] {
        let mut stream = open(gateway.address, method, "/q", &[JSON], "{}").await;
        stream.begin().await;
        let conditions = || {
            let of_method = api.requests().into_iter().filter(|request| request.line().0 == method);
            of_method.map(|request| request.field("if-none-match").map(str::to_owned)).collect::<Vec<_>>()
        };
        until("it is polled", || async { conditions().len() >= 3 }).await;
        assert_eq!(conditions()[0], None);
        assert_eq!(conditions()[2].as_deref(), condition, "{method}");
    }
    // For a plain reader it is the same: the condition of a `POST` is the origin's to judge.
    let tag = ask(gateway.address, "QUERY", "/q", &[JSON], "{}").await.field("etag").unwrap().to_owned();
    let again = ask(gateway.address, "QUERY", "/q", &[JSON, ("If-None-Match", &tag)], "{}").await;
    assert_eq!(again.status, 304);
    let post = ask(gateway.address, "POST", "/q", &[JSON, ("If-None-Match", "\"x\"")], "{}").await;
    assert_eq!((post.status, post.field("cache-status")), (200, METHOD));
    assert_eq!(api.requests().last().unwrap().field("if-none-match"), Some("\"x\""));
}

#[tokio::test]
async fn what_is_not_declared_is_passed_through_each_time() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    for number in 1..=3 {
        let read = ask(gateway.address, "POST", "/q", &[JSON, STREAM], "{}").await;
        assert_eq!((read.json()["content"].as_str(), read.field("cache-status")), (Some("{}"), METHOD));
        assert_eq!(api.asked(), number);
    }
    let gateway = Setup::new(api.url()).route("safe_methods = [\"POST\"]\n").start().await;
    let before = api.asked();
    for (number, (method, target, fields)) in [
        ("PUT", "/q", &[JSON][..]),
        ("QUERY", "/q", &[JSON]),
        ("GET", "/q", &[JSON]),
        ("POST", "/q", &[("X-HTTP-Method-Override", "DELETE")]),
        ("POST", "/q", &[("x-http-method", "PUT")]),
        ("POST", "/q?_method=delete", &[]),
        ("POST", "/q?a=1&%5Fmethod=delete", &[]),
        ("POST", "/q", &[("Range", "bytes=0-1")]),
        ("POST", "/q", &[("If-Match", "*")]),
    ]
    .into_iter()
    .enumerate()
    {
        for again in 1..=2 {
            ask(gateway.address, method, target, fields, "{}").await;
            assert_eq!(api.asked(), before + 2 * number + again, "{method} {target} {fields:?}");
        }
        let request = api.requests().pop().unwrap();
        assert_eq!((request.line(), &request.body[..]), ((method, target), &b"{}"[..]));
    }
}

#[tokio::test]
async fn contents_come_in_pieces_and_go_on_whole() {
    let api = echo().await;
    let settings = "safe_methods = [\"POST\"]\nmax_query_body = \"1 KiB\"\n";
    let gateway = Setup::new(api.url()).route(settings).start().await;
    // While it is watched, it is answered from memory.
    let mut watched = open(gateway.address, "POST", "/chunks", &[JSON], "{\"a\":1}").await;
    watched.begin().await;
    // In chunks, byte by byte, with something announced after it, and after `100-continue`.
    let mut http = Http::connect(gateway.address).await;
    http.send(request("POST", "/chunks", &[("Transfer-Encoding", "chunked"), JSON])).await;
    for piece in ["2\r\n{\"\r\n", "3;x=y\r\na\":\r\n", "2\r\n1}\r\n", "0\r\n\r\n"] {
        http.send(piece).await;
    }
    assert_eq!(http.response("POST").await.json()["content"], "{\"a\":1}");
    let whole = with_content("POST", "/chunks", &[JSON], "{\"a\":1}");
    for byte in &whole {
        http.send([*byte]).await;
    }
    let read = http.response("POST").await;
    assert_eq!(read.json()["content"], "{\"a\":1}");
    assert_eq!(read.field("cache-status"), Some("tidegate; hit"), "however it comes, it is the same");
    http.send(request("POST", "/chunks", &[JSON, ("Content-Length", "7"), ("Expect", "100-continue")])).await;
    assert_eq!(http.head().await.status, 100);
    http.send("{\"a\":1}").await;
    assert_eq!(http.response("POST").await.field("cache-status"), Some("tidegate; hit"));
    assert_eq!(api.asked(), 1);
    assert_eq!(api.requests()[0].field("content-length"), Some("7"));
    // Trailers may mean anything.
    http.send(request("POST", "/chunks", &[("Transfer-Encoding", "chunked"), JSON, ("Trailer", "x-sum")]))
        .await;
    http.send("7\r\n{\"a\":1}\r\n0\r\nx-sum: 5\r\n\r\n").await;
    let read = http.response("POST").await;
    assert_eq!((read.json()["content"].as_str(), read.field("cache-status")), (Some("{\"a\":1}"), METHOD));
    assert_eq!(api.requests().pop().unwrap().trailers.to_ascii_lowercase(), "x-sum: 5\r\n");
}

#[tokio::test]
async fn contents_over_the_limit_are_no_stream() {
    let api = echo().await;
    let settings = "safe_methods = [\"POST\"]\nmax_query_body = \"1 KiB\"\n";
    let gateway = Setup::new(api.url()).route(settings).start().await;
    let (fits, large) = ("x".repeat(1024), "x".repeat(100_000));
    let mut watched = open(gateway.address, "POST", "/q", &[JSON], &fits).await;
    watched.begin().await;
    assert_eq!(
        ask(gateway.address, "POST", "/q", &[JSON], &fits).await.field("cache-status"),
        Some("tidegate; hit")
    );
    for chunked in [false, true] {
        let bytes = |fields: &[(&str, &str)]| match chunked {
            false => with_content("POST", "/q", fields, &large),
            true => {
                let head = request("POST", "/q", &[fields, &[("Transfer-Encoding", "chunked")]].concat());
                [&head[..], format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).as_bytes()].concat()
            }
        };
        let mut http = Http::connect(gateway.address).await;
        http.try_send(bytes(&[JSON, STREAM])).await;
        let refused = http.response("POST").await;
        assert_eq!((refused.status, &*refused.problem()), (413, "body-too-large"), "{chunked}");
        let mut http = Http::connect(gateway.address).await;
        http.send(bytes(&[JSON])).await;
        let read = http.response("POST").await;
        assert_eq!(read.field("cache-status"), Some("tidegate; fwd=bypass"));
        assert_eq!(read.json()["content"], large, "{chunked}");
    }
}

#[tokio::test]
async fn a_content_that_does_not_come_is_not_waited_for() {
    let api = echo().await;
    let gateway = Setup::new(api.url())
        .limits("request_head_timeout = \"100ms\"\n")
        .route("safe_methods = [\"POST\"]\n");
    let gateway = gateway.start().await;
    let mut http = Http::connect(gateway.address).await;
    http.send(request("POST", "/q", &[JSON, STREAM, ("Content-Length", "7")])).await;
    http.send("{\"a").await;
    let late = http.response("POST").await;
    assert_eq!((late.status, &*late.problem()), (408, "request-timeout"));
    assert!(http.rest().await.is_empty(), "the connection ends");
    assert_eq!(api.asked(), 0);
}

#[tokio::test]
async fn what_comes_behind_a_stream_by_post_is_refused() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).route("safe_methods = [\"POST\"]\n").start().await;
    for content in ["{}", "{\"a\":\"something longer than what is remembered\"}"] {
        let mut http = Http::connect(gateway.address).await;
        let both =
            [with_content("POST", "/q", &[JSON, STREAM], content), request("GET", "/other", &[])].concat();
        http.send(both).await;
        let refused = http.response("POST").await;
        assert_eq!((refused.status, &*refused.problem()), (400, "bad-request"));
    }
    // In chunks, or with line ends that only some take for such, it is a stream as well.
    let mut http = Http::connect(gateway.address).await;
    http.send(request("POST", "/q", &[JSON, STREAM, ("Transfer-Encoding", "chunked")])).await;
    http.send("2\r\n{}\r\n0\r\n\r\n").await;
    Stream::answered(http).await.expect("snapshot").await;
    assert_eq!(gateway.gateway.ways().taken_over, 1);
    let mut http = Http::connect(gateway.address).await;
    let whole = with_content("POST", "/q", &[JSON, STREAM], "{}");
    http.send(String::from_utf8(whole).unwrap().replace("\r\n", "\n")).await;
    let mut stream = Stream::answered(http).await;
    assert_eq!(stream.head.field("transfer-encoding"), Some("chunked"), "{:?}", stream.head);
    stream.expect("snapshot").await;
    assert_eq!(gateway.gateway.ways().through, 1);
    // On a connection that served before, it is taken over all the same.
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/other", &[]).await;
    http.response("GET").await;
    http.send(with_content("POST", "/q", &[JSON, STREAM], "{}")).await;
    Stream::answered(http).await.expect("snapshot").await;
    assert_eq!(gateway.gateway.ways().taken_over, 2);
}

#[tokio::test]
async fn a_graphql_query_is_live_and_a_mutation_is_done_once() {
    let api = echo().await;
    let gateway = Setup::lively(api.url()).route("graphql = true\n").start().await;
    let query = r#"{"query":"query Q { a } mutation M { b }","operationName":"Q"}"#;
    let mut stream = open(gateway.address, "POST", "/graphql", &[JSON], query).await;
    stream.begin().await;
    api.was_asked(3).await;
    let is_other = |request: &tidegate_testkit::RecordedRequest| request.body != query.as_bytes();
    let mut passed = 0;
    for content in [
        r#"{"query":"query Q { a } mutation M { b }","operationName":"M"}"#,
        r#"{"query":"mutation { a }"}"#,
        r#"{"query":"subscription { a }"}"#,
        r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}}"#,
        r#"[{"query":"{ a }"},{"query":"mutation { b }"}]"#,
        "mutation { a }",
        "",
    ] {
        for fields in [&[JSON][..], &[JSON, STREAM]] {
            let read = ask(gateway.address, "POST", "/graphql", fields, content).await;
            assert_eq!((read.status, read.json()["content"].as_str()), (200, Some(content)));
            assert_eq!(read.field("cache-status"), METHOD, "{content}");
            passed += 1;
            assert_eq!(
                api.requests().iter().filter(|request| is_other(request)).count(),
                passed,
                "{content}"
            );
        }
    }
    // Other methods of the route are not declared at all.
    ask(gateway.address, "QUERY", "/graphql", &[JSON], query).await;
    assert_eq!(api.requests().iter().filter(|request| request.line().0 == "QUERY").count(), 1);
    // The URL may hold another operation.
    let target = "/graphql?query=mutation%7Ba%7D";
    let read = ask(gateway.address, "POST", target, &[JSON], query).await;
    assert_eq!((read.json()["target"].as_str(), read.field("cache-status")), (Some(target), METHOD));
}

#[tokio::test]
async fn a_declared_post_is_sent_again_when_its_connection_was_dead() {
    let origin = tidegate_testkit::ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).route("safe_methods = [\"POST\"]\n");
    let gateway = gateway.start().await;
    let address = gateway.address;
    let asking = tokio::spawn(async move { ask(address, "POST", "/1", &[JSON], "{}").await });
    let (mut connection, request) = origin.request().await;
    assert_eq!(request.body, b"{}");
    connection.answer("200 OK", "Content-Type: application/json\r\n", "{}").await;
    assert_eq!(asking.await.unwrap().status, 200);
    // The connection is kept, and dies when it is used again.
    let asking = tokio::spawn(async move { ask(address, "POST", "/2", &[JSON], "{\"b\":2}").await });
    let request = connection.request().await.expect("it is used again");
    assert_eq!(request.body, b"{\"b\":2}");
    drop(connection);
    let (mut connection, request) = origin.request().await;
    assert_eq!((request.line(), &request.body[..]), (("POST", "/2"), &b"{\"b\":2}"[..]));
    connection.answer("200 OK", "Content-Type: application/json\r\n", "[]").await;
    assert_eq!(asking.await.unwrap().text(), "[]");
}

#[tokio::test]
async fn post_and_get_of_one_url_never_meet() {
    let api = Api::start(|request| async move {
        let (method, _) = request.line();
        let word = format!("{method} {}", String::from_utf8_lossy(&request.body));
        tokio::task::yield_now().await;
        answer(
            "200 OK",
            "Content-Type: application/json\r\nVary: X-Late\r\n",
            serde_json::json!({ "word": word }).to_string(),
        )
    })
    .await;
    let gateway = Setup::new(api.url()).route("safe_methods = [\"POST\"]\n").start().await;
    let address = gateway.address;
    let asked = (0..30).map(|number: usize| async move {
        match number % 3 {
            0 => (String::from("GET "), get(address, "/q", &[]).await),
            which => {
                let content = format!("\"{which}\"");
                (format!("POST {content}"), ask(address, "POST", "/q", &[JSON], &content).await)
            }
        }
    });
    for (word, read) in futures_util::future::join_all(asked).await {
        assert_eq!(read.json()["word"], word);
    }
}

#[tokio::test]
async fn a_mutation_refetches_what_its_url_shows_and_a_read_does_not() {
    let settings =
        "graphql = true\nsafe_methods = [\"QUERY\"]\nignore_query = [\"_\"]\nmax_query_body = \"100 B\"\n";
    let written = Cell::<u64>::new(0_u64);
    let served = written.clone();
    let api = Api::serve(move |request| {
        let content = String::from_utf8_lossy(&request.body);
        if content.contains("mutation") {
            served.set(served.get() + 1);
        }
        ok(serde_json::json!({ "written": served.get() }).to_string())
    })
    .await;
    let gateway = Setup::new(api.url()).route(settings).start().await;
    let query = r#"{"query":"{ a }"}"#;
    let mut stream = open(gateway.address, "POST", "/graphql?_=1", &[JSON], query).await;
    stream.begin().await;
    let asked = api.asked();
    // A read that is passed through, because it is too large to be kept, changes nothing.
    ask(gateway.address, "QUERY", "/graphql", &[JSON], &"x".repeat(200)).await;
    assert_eq!(api.asked(), asked + 1);
    let mutation = r#"{"query":"mutation { b }"}"#;
    ask(gateway.address, "POST", "/graphql?_=2", &[JSON], mutation).await;
    let update = stream.event().await;
    assert!(update.data.contains('1'), "{update:?}");
    let contents: Vec<_> = api.requests().into_iter().map(|request| request.body.len()).collect();
    assert_eq!(contents, [query.len(), 200, mutation.len(), query.len()]);
}
