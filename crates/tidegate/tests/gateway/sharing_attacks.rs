//! Requests that are made to be taken for somebody else's: whatever a client does to the shape of its request, it gets
//! the answer to what the gateway sent for it, and nobody else gets that.

use std::net::SocketAddr;

use futures_util::future::join_all;

use crate::common::{Api, Gate, Http, Response, Setup, Stream, answer, get};

/// An API that tells what chose its answer; `more` are fields of it.
async fn telling(more: &'static str) -> Api {
    Api::serve(move |request| {
        let echo = serde_json::json!({
            "target": request.line().1,
            "who": request.all("authorization"),
            "key": request.all("x-api-key"),
            "cookie": request.all("cookie"),
            "language": request.all("accept-language"),
            "host": request.all("host").len(),
        });
        answer("200 OK", &format!("Content-Type: application/json\r\n{more}"), echo.to_string())
    })
    .await
}

/// Sends the lines of a head as they are.
async fn raw(address: SocketAddr, lines: &[&str]) -> Response {
    let mut http = Http::connect(address).await;
    http.send(format!("{}\r\n\r\n", lines.join("\r\n"))).await;
    http.response("GET").await
}

#[tokio::test]
async fn what_a_client_takes_back_as_hop_by_hop_counts_for_nothing() {
    for vary in ["", "Vary: Authorization, X-Api-Key, Cookie\r\n"] {
        let api = telling(vary).await;
        let gateway = Setup::new(api.url()).start().await;
        let fields = [("Authorization", "alice"), ("X-Api-Key", "alice"), ("Cookie", "s=alice")];
        // Alice watches, so that there is something to take.
        let mut alice = Stream::open(gateway.address, "/q", &fields).await;
        assert!(alice.expect("snapshot").await.data.contains("alice"));
        for nominated in [
            "authorization, x-api-key, cookie",
            "Authorization,X-API-KEY , COOKIE",
            "close, authorization,,x-api-key, cookie",
        ] {
            let fields = [&[("Connection", nominated)][..], &fields].concat();
            let mut http = Http::connect(gateway.address).await;
            http.ask("GET", "/q", &fields).await;
            let read = http.response("GET").await;
            assert!(!read.text().contains("alice"), "{nominated}: {}", read.text());
            let mut stream = Stream::open(gateway.address, "/q", &fields).await;
            assert!(!stream.expect("snapshot").await.data.contains("alice"), "{nominated}");
        }
        let nobody = get(gateway.address, "/q", &[]).await;
        assert!(!nobody.text().contains("alice"), "{}", nobody.text());
        // Some of them taken back: the others count.
        let fields = [&[("Connection", "authorization")][..], &fields].concat();
        let read = get(gateway.address, "/q", &fields).await.json();
        assert_eq!((&read["who"], &read["key"]), (&serde_json::json!([]), &serde_json::json!(["alice"])));
    }
}

#[tokio::test]
async fn shapes_of_a_field_that_mean_the_same_are_the_same_and_no_others() {
    let api = telling("Cache-Control: public\r\n").await;
    let gateway = Setup::new(api.url()).start().await;
    let mut watched = Stream::open(gateway.address, "/q", &[("Authorization", "alice")]).await;
    watched.begin().await;
    let host = "Host: h";
    for line in ["authorization: alice", "AUTHORIZATION:alice", "Authorization: \t alice \t"] {
        let read = raw(gateway.address, &["GET /q HTTP/1.1", host, line]).await;
        assert_eq!(read.field("cache-status"), Some("tidegate; hit"), "{line}");
    }
    for (lines, expected) in [
        (&["Authorization: Alice"][..], &["Alice"][..]),
        (&["Authorization: alice", "Authorization: bob"], &["alice", "bob"]),
        (&["Authorization: bob", "Authorization: alice"], &["bob", "alice"]),
        (&["Authorization: alice, bob"], &["alice, bob"]),
        (&["Authorization: alice", "Authorization: alice"], &["alice", "alice"]),
        (&["Authorization:"], &[""]),
        (&["Authorization: alice "], &["alice"]),
        (&["Authorization: \"alice\""], &["\"alice\""]),
    ] {
        let read = raw(gateway.address, &[&["GET /q HTTP/1.1", host], lines].concat()).await;
        assert_eq!(read.json()["who"], serde_json::json!(expected), "{lines:?}");
    }
    // A name that only looks alike is another, even if a server takes them for one.
    for name in ["X_Api_Key", "X-Api_Key"] {
        let line = format!("{name}: alice");
        let read = raw(gateway.address, &["GET /q HTTP/1.1", host, &line]).await;
        assert_eq!(read.field("cache-status"), Some("tidegate; fwd=miss; stored"), "{name}");
    }
    for lines in [
        &["Authorization : alice"][..],
        &["Authorization: alice\r\n bob"],
        &["Authorization: alice\u{0}"],
        &["Host: other"],
        &["Content-Length: 1", "Transfer-Encoding: chunked"],
    ] {
        let read = raw(gateway.address, &[&["GET /q HTTP/1.1", host], lines].concat()).await;
        assert_eq!(read.status, 400, "{lines:?}");
    }
}

#[tokio::test]
async fn targets_are_what_they_are_byte_for_byte() {
    let api = telling("").await;
    let gateway = Setup::new(api.url()).start().await;
    let mut watched = Stream::open(gateway.address, "/a/b?c=d", &[]).await;
    watched.begin().await;
    // Which host a client calls the gateway is nothing that the origin is told.
    for line in ["GET /a/b?c=d HTTP/1.1", "GET http://h/a/b?c=d HTTP/1.1", "GET http://x:81/a/b?c=d HTTP/1.1"]
    {
        for host in ["Host: h", "Host: other.test:99", "Host:"] {
            let read = raw(gateway.address, &[line, host]).await;
            assert_eq!(read.field("cache-status"), Some("tidegate; hit"), "{line} {host}");
            assert_eq!(read.json()["target"], "/a/b?c=d");
        }
    }
    for target in [
        "/a/b?c=d&",
        "/a/b?c=D",
        "/a/b?c=%64",
        "/a/b?%63=d",
        "/a/%62?c=d",
        "/a%2Fb?c=d",
        "/a//b?c=d",
        "/a/b/?c=d",
        "/A/b?c=d",
        "/a/b?",
        "/a/b",
        "/a/b??c=d",
        "/a/b?c=d?",
        "/a/b;x?c=d",
        "/a/b?c=d;",
        "/a/b?c+=d",
        "/a/b?c%20=d",
    ] {
        let read = get(gateway.address, target, &[]).await;
        assert_eq!(read.json()["target"], target);
        assert_eq!(read.field("cache-status"), Some("tidegate; fwd=miss; stored"), "{target}");
    }
    // Reserved parameters name no other resource, and hide none.
    let read = get(gateway.address, "/a/b?tidegate.accept=*/*&c=d", &[]).await;
    assert_eq!(read.field("cache-status"), Some("tidegate; hit"));
    let read = get(gateway.address, "/a/b?c=d%26tidegate.accept=x", &[]).await;
    assert_eq!(read.json()["target"], "/a/b?c=d%26tidegate.accept=x");
}

#[tokio::test]
async fn callers_who_come_at_once_each_get_their_own() {
    // All fetches are under way together, and what `Vary` names comes with their answers.
    let gate = Gate::closed();
    let held = gate.clone();
    let api = Api::start(move |request| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            let words = ["authorization", "x-api-key", "cookie", "accept-language", "user-agent", "origin"];
            let words: Vec<_> = words.iter().flat_map(|name| request.all(name)).collect();
            let echo = serde_json::json!({ "words": words }).to_string();
            answer("200 OK", "Content-Type: application/json\r\nVary: User-Agent\r\n", echo)
        }
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let address = gateway.address;
    let names = ["Authorization", "X-Api-Key", "Cookie", "Accept-Language", "User-Agent"];
    let asked = (0..60).map(|number: usize| async move {
        let (name, word) = (names[number % 5], format!("word-{}.", number % 15));
        let read = get(address, "/q", &[(name, &word)]).await;
        (word, read.text().to_owned())
    });
    let all = tokio::spawn(join_all(asked));
    // One for each who is known to differ; those who differ in `User-Agent` wait for one fetch, and learn that they do.
    api.was_asked(13).await;
    gate.open();
    for (word, text) in all.await.unwrap() {
        let others = (0..15).map(|number| format!("word-{number}.")).filter(|other| *other != word);
        assert!(text.contains(&word), "{word}: {text}");
        for other in others {
            assert!(!text.contains(&other), "{word}: {text}");
        }
    }
}
