//! Connections that carry several subscriptions: what pages of other sites may not do with them, what of the request that
//! opened one is in its subscriptions, and what is let go of at once.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::websocket::{self, HANDSHAKE, WebSocket};
use crate::common::{Api, Gate, Http, Response, Running, Setup, Stream, get, ok, request, until};

const EVENTS: &str = "/.tidegate/events";
const JSON: (&str, &str) = ("Content-Type", "application/json");
const OWN: (&str, &str) = ("Origin", "http://gateway.test");
const LISTED: (&str, &str) = ("Origin", "https://app.test");
const OTHER: (&str, &str) = ("Origin", "https://other.test");

/// An API that tells what it was asked.
async fn echo() -> Api {
    Api::serve(|request| ok(json!({ "head": request.head }).to_string())).await
}

/// Sends a list, on a connection of its own.
async fn post(address: SocketAddr, target: &str, fields: &[(&str, &str)], list: &Value) -> Http {
    let list = list.to_string();
    let length = list.len().to_string();
    let fields: Vec<_> = fields.iter().copied().chain([("Content-Length", &*length)]).collect();
    let mut http = Http::connect(address).await;
    http.send([request("POST", target, &fields), list.into_bytes()].concat()).await;
    http
}

async fn change(gateway: &Running, name: &str, fields: &[(&str, &str)], list: &Value) -> Response {
    let target = format!("{EVENTS}/{name}");
    post(gateway.address, &target, fields, list).await.response("POST").await
}

/// The name that a stream begins with.
async fn name(stream: &mut Stream) -> String {
    let open: Value = serde_json::from_str(&stream.expect("open").await.data).unwrap();
    open["stream"].as_str().unwrap().to_owned()
}

/// The head of the request that its only subscription made of an API that echoes.
async fn head_of(stream: &mut Stream) -> String {
    loop {
        let message: Value = serde_json::from_str(&stream.event().await.data).unwrap();
        assert_ne!(message["event"], "error", "{message}");
        if message["event"] == "snapshot" {
            return message["data"]["head"].as_str().unwrap().to_ascii_lowercase();
        }
    }
}

#[tokio::test]
async fn no_page_of_another_site_opens_or_changes_a_stream() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    let mut victim = Stream::open(gateway.address, EVENTS, &[]).await;
    let victim_name = name(&mut victim).await;
    let list = json!([{ "sub": 1, "url": "/a" }]);
    let more = json!([{ "op": "subscribe", "sub": 1, "url": "/a" }]);
    // What a form or a script may send without being asked first.
    for media in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        for fields in [&[("Content-Type", media)][..], &[], &[("Content-Type", media), LISTED]] {
            let opened = post(gateway.address, EVENTS, fields, &list).await.response("POST").await;
            let changed = change(&gateway, &victim_name, fields, &more).await;
            for refused in [opened, changed] {
                assert_eq!((refused.status, &*refused.problem()), (400, "bad-request"), "{fields:?}");
                assert!(refused.text().contains("Content-Type: application/json"), "{}", refused.text());
            }
        }
    }
    for origin in [OTHER, ("Origin", "null"), ("Origin", "https://gateway.test:81")] {
        let opened = post(gateway.address, EVENTS, &[JSON, origin], &list).await.response("POST").await;
        let changed = change(&gateway, &victim_name, &[JSON, origin], &more).await;
        let asked = get(gateway.address, &format!("{EVENTS}?url=/a"), &[origin]).await;
        for refused in [opened, changed, asked] {
            assert_eq!((refused.status, &*refused.problem()), (403, "origin-not-allowed"), "{origin:?}");
        }
    }
    assert_eq!(api.asked(), 0, "none of it was heeded");
    let json = [("content-type", "Application/JSON; charset=utf-8")];
    for fields in [&[JSON][..], &json, &[JSON, OWN], &[JSON, LISTED]] {
        let http = post(gateway.address, EVENTS, fields, &list).await;
        let mut stream = Stream::answered(http).await;
        let name = name(&mut stream).await;
        head_of(&mut stream).await;
        let less = json!([{ "op": "unsubscribe", "sub": 1 }]);
        assert_eq!(change(&gateway, &name, fields, &less).await.status, 202, "{fields:?}");
    }
}

#[tokio::test]
async fn where_any_page_may_read_what_browsers_send_by_themselves_does_not_count() {
    let api = echo().await;
    let any = Setup::new(api.url()).top("cors_origins = [\"*\"]\n").start().await;
    let listed = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    let of_the_user = [("Cookie", "session=mine"), ("Authorization", "Basic mine"), ("X-Page", "kept")];
    for (gateway, origin, with_credentials) in
        [(&any, OTHER, false), (&any, LISTED, false), (&any, OWN, true), (&listed, LISTED, true)]
    {
        let fields = [&of_the_user[..], &[origin]].concat();
        let mut client = WebSocket::open(gateway.address, &fields).await;
        let mut heads =
            vec![client.begin(1, "/a").await["data"]["head"].as_str().unwrap().to_ascii_lowercase()];
        let target = format!("{EVENTS}?url=/a");
        heads.push(head_of(&mut Stream::open(gateway.address, &target, &fields).await).await);
        let fields = [&fields[..], &[JSON]].concat();
        let list = json!([{ "sub": 1, "url": "/a" }]);
        let mut stream = Stream::answered(post(gateway.address, EVENTS, &fields, &list).await).await;
        let name = name(&mut stream).await;
        heads.push(head_of(&mut stream).await);
        let more = json!([{ "op": "subscribe", "sub": 2, "url": "/b" }]);
        assert_eq!(change(gateway, &name, &fields, &more).await.status, 202);
        heads.push(head_of(&mut stream).await);
        for head in heads {
            assert!(head.contains("x-page: kept"), "{head}");
            for own in ["session=mine", "basic mine"] {
                assert_eq!(head.contains(own), with_credentials, "{own} for {origin:?}: {head}");
            }
        }
        // What the page says itself counts anywhere.
        let headers = json!({ "authorization": "Bearer said" });
        client.send(&json!({ "op": "subscribe", "sub": 2, "url": "/a", "headers": headers })).await;
        let head = client.begun(2).await["data"]["head"].as_str().unwrap().to_ascii_lowercase();
        assert!(head.contains("bearer said") && !head.contains("basic mine"), "{head}");
    }
}

#[tokio::test]
async fn the_host_of_a_target_in_absolute_form_has_the_last_word() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).route("host = \"gateway.test\"\n").start().await;
    let absolute = |path: &str, fields: &[(&str, &str)]| {
        let bytes = request("GET", &format!("http://gateway.test{path}"), fields);
        String::from_utf8(bytes).unwrap().replace("Host: gateway.test", "Host: other.test")
    };
    for (origin, status) in [(OWN, 101), (("Origin", "http://other.test"), 403)] {
        let mut http = Http::connect(gateway.address).await;
        http.send(absolute(websocket::PATH, &[&HANDSHAKE[..], &[origin]].concat())).await;
        assert_eq!(http.head().await.status, status, "{origin:?}");
    }
    // Its subscriptions are of that host too.
    let mut http = Http::connect(gateway.address).await;
    let target = format!("{EVENTS}?url=/a");
    http.send(absolute(&target, &[("Accept", "text/event-stream")])).await;
    head_of(&mut Stream::answered(http).await).await;
}

#[tokio::test]
async fn what_is_said_of_the_content_that_opens_a_stream_is_in_no_subscription() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    let of_the_content = [
        JSON,
        ("Content-Language", "de"),
        ("Content-Location", "/elsewhere"),
        ("Content-Digest", "sha-256=:AA==:"),
        ("Repr-Digest", "sha-256=:AA==:"),
        ("Digest", "sha-256=AA"),
        ("X-Tenant", "t"),
    ];
    let list = json!([{ "sub": 1, "url": "/a" }]);
    let http = post(gateway.address, EVENTS, &of_the_content, &list).await;
    let head = head_of(&mut Stream::answered(http).await).await;
    assert!(head.contains("x-tenant: t"), "{head}");
    assert!(!head.contains("content-") && !head.contains("digest"), "{head}");
}

#[tokio::test]
async fn what_is_asked_in_any_script_is_heard_and_control_characters_are_not() {
    let api = Api::serve(|_| ok("{\"gr\u{f6}\u{df}e\":1,\"\u{4ef7}\u{683c}\":2,\"b\":3}")).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    let subscribe = |sub: u32, member: &str, text: &str| {
        let mut message = json!({ "op": "subscribe", "sub": sub, "url": "/q" });
        message[member] = json!(text);
        message
    };
    for (sub, select, expected) in
        [(1, "/gr\u{f6}\u{df}e", "1"), (2, "$['\u{4ef7}\u{683c}']", "[2]"), (3, "/\u{fc}", "null")]
    {
        client.send(&subscribe(sub, "select", select)).await;
        assert_eq!(client.begun(sub).await["data"].to_string(), expected, "{select}");
    }
    for (member, text) in [("mode", "p\u{e4}tch"), ("rate", "\u{663}s"), ("select", "gr\u{f6}\u{df}e")] {
        client.send(&subscribe(4, member, text)).await;
        let (problem, _) = client.error(Some(4)).await;
        assert_eq!(problem["type"], "urn:tidegate:problem:bad-option", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(text), "{problem}");
    }
    for (member, text) in [("select", "/b\n"), ("select", "/\u{7f}"), ("mode", "\0"), ("rate", "1s\r")] {
        client.send(&subscribe(4, member, text)).await;
        let (problem, again) = client.error(Some(4)).await;
        assert_eq!((&problem["type"], again), (&json!("urn:tidegate:problem:bad-request"), false));
        assert!(problem["detail"].as_str().unwrap().contains(&format!("`{member}`")), "{problem}");
    }
    client.begin(4, "/q").await;
}

#[tokio::test]
async fn what_makes_no_sense_is_counted_over_all_requests_of_a_stream() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, &format!("{EVENTS}?url=/a"), &[]).await;
    let name = name(&mut stream).await;
    head_of(&mut stream).await;
    for count in [40, 24, 2] {
        let list = vec![json!({ "op": "unsubscribe", "sub": 9 }); count];
        assert_eq!(change(&gateway, &name, &[JSON], &json!(list)).await.status, 202);
    }
    let (mut errors, mut last) = (0, Value::Null);
    while let Some(event) = stream.next().await {
        last = serde_json::from_str(&event.data).unwrap();
        errors += usize::from(last["sub"] == 9);
    }
    assert_eq!((errors, &last["event"]), (65, &json!("error")), "{last}");
    assert!(last["data"]["detail"].as_str().unwrap().contains("too many requests"), "{last}");
    until("its name is gone", || async { change(&gateway, &name, &[JSON], &json!([])).await.status == 404 })
        .await;
    until("all are let go of", || async { gateway.subscribers().await == 0 }).await;
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_free_before_the_origin_answers() {
    let held = Gate::closed();
    let gate = held.clone();
    let api = Api::start(move |request| {
        let gate = gate.clone();
        async move {
            if request.line().1.starts_with("/held") {
                gate.pass().await;
            }
            ok("{}")
        }
    })
    .await;
    let gateway = Setup::new(api.url()).limits("max_streams = 1\n").start().await;
    let is_there_room = async || {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", "/quick", &[("Accept", "text/event-stream")]).await;
        http.head().await.status == 200
    };
    assert!(is_there_room().await);
    for (round, leave) in ["unsubscribe", "close", "reset"].into_iter().enumerate() {
        until("there is room again", || async { gateway.subscribers().await == 0 }).await;
        let mut client = WebSocket::open(gateway.address, &[]).await;
        client.subscribe(1, &format!("/held/{round}")).await;
        until("it waits", || async { gateway.gateway.report().await.iter().any(|feed| feed.waiting > 0) })
            .await;
        assert!(!is_there_room().await, "it has the only place");
        match leave {
            "unsubscribe" => {
                client.send(&json!({ "op": "unsubscribe", "sub": 1 })).await;
                assert_eq!(client.message().await, json!({ "sub": 1, "event": "end", "data": {} }));
            }
            "close" => client.http.send(websocket::frame(0x88, &[0x03, 0xe8])).await,
            _ => client.http.reset(),
        }
        until("its place is free", || async { is_there_room().await }).await;
        until("nobody waits", || async {
            gateway.gateway.report().await.iter().all(|feed| feed.waiting == 0)
        })
        .await;
    }
    held.open();
}
