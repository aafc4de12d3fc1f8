//! WebSockets: several subscriptions on one connection.

use serde_json::{Value, json};

use crate::common::websocket::{Got, HANDSHAKE, PATH, WebSocket, event, frame, text};
use crate::common::{
    Api, Cell, Gate, Http, Identity, Replica, Setup, Stream, answer, counted, counting, get, ok, request,
    until, within,
};

fn patch(number: u64) -> Value {
    serde_json::from_str(&counted(number)).unwrap()
}

#[tokio::test]
async fn several_subscriptions_come_and_go_on_one_connection() {
    let (api, number) = counting(200).await;
    let identity = Identity::new();
    for tls in [false, true] {
        number.set(0_u64);
        let setup = Setup::lively(api.url()).limits("shards = 2\n");
        let gateway = if tls { setup.tls(&identity) } else { setup }.start().await;
        let mut client = match tls {
            true => WebSocket::open_tls(gateway.address, &identity).await,
            false => WebSocket::open(gateway.address, &[]).await,
        };
        for (sub, url) in [(1, "/a"), (2, "/b"), (3, "/a")] {
            assert_eq!(client.begin(sub, url).await["data"]["n"], 0);
        }
        assert_eq!(gateway.subscribers().await, 3);
        number.set(1_u64);
        let mut told = Vec::new();
        for _ in 0..3 {
            let message = client.update().await;
            assert_eq!((&message["event"], &message["data"]), (&json!("patch"), &patch(1)), "{message}");
            told.push(message["sub"].as_u64().unwrap());
        }
        told.sort_unstable();
        assert_eq!(told, [1, 2, 3]);

        client.send(&json!({ "op": "unsubscribe", "sub": 2 })).await;
        assert_eq!(client.update().await, json!({ "sub": 2, "event": "end", "data": {} }));
        until("it is let go of", || async { gateway.subscribers().await == 2 }).await;
        // The number is free again.
        assert_eq!(client.begin(2, "/c").await["data"]["n"], 1);

        client.http.send(frame(0x89, b"are you there")).await;
        assert_eq!(client.next().await, Some(Got::Pong(b"are you there".to_vec())));
        client.http.send(frame(0x88, &[0x03, 0xe8])).await;
        assert_eq!(client.closed().await, (1000, String::new()));
        until("all are let go of", || async { gateway.subscribers().await == 0 }).await;
        gateway.close().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_frees_all() {
    let (api, _) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("max_connections = 2\nmax_streams = 2\n").start().await;
    for _ in 0..3 {
        let mut client = WebSocket::open(gateway.address, &[]).await;
        client.begin(1, "/a").await;
        client.begin(2, "/b").await;
        client.http.reset();
        until("all are let go of", || async { gateway.subscribers().await == 0 }).await;
    }
    gateway.close().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so() {
    let (api, _) = counting(200).await;
    let gateway = Setup::new(api.url()).start().await;
    let with = |name: &'static str, value: &'static str| {
        let mut fields = HANDSHAKE.to_vec();
        fields.retain(|(field, _)| *field != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
        fields
    };
    for (name, value, status) in [
        ("Upgrade", "", 426),
        ("Upgrade", "h2c", 426),
        ("Sec-WebSocket-Version", "8", 426),
        ("Sec-WebSocket-Key", "", 400),
        ("Sec-WebSocket-Key", "short", 400),
        ("Sec-WebSocket-Protocol", "graphql-ws", 400),
    ] {
        let response = get(gateway.address, PATH, &with(name, value)).await;
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!(response.problem(), "not-a-handshake");
        if status == 426 {
            assert_eq!(response.field("upgrade"), Some("websocket"), "{response:?}");
        }
    }
    assert_eq!(
        get(gateway.address, PATH, &with("Sec-WebSocket-Version", "8")).await.field("sec-websocket-version"),
        Some("13")
    );
    let mut http = Http::connect(gateway.address).await;
    let old = String::from_utf8(request("GET", PATH, &HANDSHAKE)).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    http.send(old).await;
    assert_eq!(http.response("GET").await.status, 400);
    let post = crate::common::send(gateway.address, "POST", PATH, &HANDSHAKE).await;
    assert_eq!((post.status, post.field("allow")), (405, Some("GET")));
    assert_eq!(api.asked(), 0, "nothing of it reaches an origin");
}

#[tokio::test]
async fn pages_of_other_origins_have_to_be_named() {
    let (api, _) = counting(200).await;
    let gateway = Setup::new(api.url()).start().await;
    let open = async |origin| {
        let fields = [&HANDSHAKE[..], &[("Origin", origin)]].concat();
        get(gateway.address, PATH, &fields).await
    };
    for origin in
        ["https://elsewhere.test", "null", "http://gateway.test:81", "http://gateway.test.elsewhere"]
    {
        let response = open(origin).await;
        assert_eq!((response.status, &*response.problem()), (403, "origin-not-allowed"), "{origin}");
    }
    // The page that is served at the same host, by whatever scheme stands before it; and who is no browser.
    WebSocket::open(gateway.address, &[("Origin", "http://gateway.test")]).await;
    WebSocket::open(gateway.address, &[("Origin", "https://GATEWAY.test")]).await;
    WebSocket::open(gateway.address, &[]).await;

    let listed = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    WebSocket::open(listed.address, &[("Origin", "https://app.test")]).await;
    let fields = [&HANDSHAKE[..], &[("Origin", "https://other.test")]].concat();
    assert_eq!(get(listed.address, PATH, &fields).await.status, 403);
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_heard() {
    let (api, _) = counting(200).await;
    let identity = Identity::new();
    for tls in [false, true] {
        let setup = Setup::new(api.url());
        let gateway = if tls { setup.tls(&identity) } else { setup }.start().await;
        let http = match tls {
            true => Http::connect_tls(gateway.address, &identity).await,
            false => Http::connect(gateway.address).await,
        };
        let first = text(&json!({ "op": "subscribe", "sub": 9, "url": "/a" }));
        let mut client = WebSocket::open_on(http, &[], &first).await;
        client.begun(9).await;
    }
}

#[tokio::test]
async fn each_resumes_at_its_own_position_and_in_its_own_mode() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    let at = client.begin(1, "/a").await["id"].clone();
    client.begin(2, "/b").await;
    number.set(1_u64);
    let mut ids = std::collections::BTreeMap::new();
    while ids.len() < 2 {
        let message = client.update().await;
        ids.insert(message["sub"].as_u64().unwrap(), message["id"].clone());
    }

    let mut again = WebSocket::open(gateway.address, &[]).await;
    let ask =
        |sub: u32, url: &str, id: &Value| json!({ "op": "subscribe", "sub": sub, "url": url, "id": id });
    again.send(&ask(1, "/a", &at)).await;
    assert_eq!(again.message().await["event"], "open");
    let one = again.message().await;
    assert_eq!((&one["event"], &one["data"]), (&json!("patch"), &patch(1)), "{one}");
    assert_eq!(again.message().await["event"], "status");
    again.send(&ask(2, "/b", &ids[&2])).await;
    assert_eq!(again.message().await["event"], "open");
    assert_eq!(again.message().await["event"], "status", "it has all");
    // Of another resource, or of nothing.
    again.send(&ask(3, "/b", &at)).await;
    assert_eq!(again.begun(3).await["data"]["n"], 1);

    let in_mode = |sub: u32, mode: &str| json!({ "op": "subscribe", "sub": sub, "url": "/c", "mode": mode });
    for (sub, mode) in [(4, "patch"), (5, "merge"), (6, "snapshot")] {
        again.send(&in_mode(sub, mode)).await;
        again.begun(sub).await;
    }
    number.set(2_u64);
    let mut told = std::collections::BTreeMap::new();
    while told.len() < 6 {
        let message = again.update().await;
        told.insert(message["sub"].as_u64().unwrap(), message);
    }
    assert_eq!((&told[&4]["event"], &told[&4]["data"]), (&json!("patch"), &patch(2)));
    assert_eq!((&told[&5]["event"], &told[&5]["data"]), (&json!("merge"), &json!({ "n": 2 })));
    assert_eq!((&told[&6]["event"], &told[&6]["data"]["n"]), (&json!("snapshot"), &json!(2)));
    assert_eq!(told[&4]["id"], told[&6]["id"]);

    again.send(&in_mode(7, "first")).await;
    assert_eq!(again.message().await["event"], "open");
    let snapshot = again.message().await;
    assert_eq!(snapshot["event"], "snapshot");
    assert_eq!(again.message().await["event"], "status");
    let end = again.message().await;
    assert_eq!((&end["sub"], &end["event"]), (&json!(7), &json!("end")), "{end}");
    again.send(&in_mode(8, "sometimes")).await;
    let (problem, again_later) = again.error(Some(8)).await;
    assert_eq!((&problem["status"], again_later), (&json!(400), false), "{problem}");
}

#[tokio::test]
async fn what_is_refused_says_whether_to_try_again() {
    let api = Api::serve(|request| match request.line().1 {
        "/private" => {
            answer("401 Unauthorized", "WWW-Authenticate: Basic\r\nContent-Type: text/plain\r\n", "who?")
        }
        "/nothing" => answer("404 Not Found", "Content-Type: application/json\r\n", "{}"),
        "/broken" => answer("500 Internal Server Error", "", "no"),
        _ => ok("{}"),
    })
    .await;
    let gateway = Setup::new(api.url())
        .route("host = \"gateway.test\"\n")
        .limits("max_subscriptions = 2\n")
        .start()
        .await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    for (url, status, later) in [("/private", 401, false), ("/nothing", 404, false), ("/broken", 500, true)] {
        client.subscribe(1, url).await;
        let (problem, again) = client.error(Some(1)).await;
        assert_eq!((&problem["status"], again), (&json!(status), later), "{url}: {problem}");
    }
    for url in ["/.tidegate/ws", "/.tidegate/events?url=/a", "/.tidegate/openapi.json", "/.tidegate"] {
        client.subscribe(1, url).await;
        let (problem, again) = client.error(Some(1)).await;
        assert_eq!((&problem["type"], again), (&json!("urn:tidegate:problem:bad-request"), false), "{url}");
    }
    client.begin(1, "/a").await;
    client.subscribe(1, "/b").await;
    let (problem, again) = client.error(Some(1)).await;
    assert!(problem["detail"].as_str().unwrap().contains("in use") && !again, "{problem}");
    client.begin(2, "/b").await;
    client.subscribe(3, "/c").await;
    let (problem, again) = client.error(Some(3)).await;
    assert_eq!((&problem["type"], again), (&json!("urn:tidegate:problem:too-many-streams"), false));
    client.send(&json!({ "op": "unsubscribe", "sub": 3 })).await;
    client.error(Some(3)).await;
    client.send(&json!({ "op": "subscribe", "sub": 4 })).await;
    let (problem, _) = client.error(Some(4)).await;
    assert!(problem["detail"].as_str().unwrap().contains("`url` is missing"), "{problem}");
    client.http.send(frame(0x81, b"{\"op\":")).await;
    client.error(None).await;
    // Neither did harm to those that are there.
    client.send(&json!({ "op": "unsubscribe", "sub": 2 })).await;
    assert_eq!(client.message().await["event"], "end");

    let elsewhere = Setup::new(api.url()).route("host = \"other.test\"\n").start().await;
    let mut client = WebSocket::open(elsewhere.address, &[]).await;
    client.subscribe(1, "/a").await;
    let (problem, again) = client.error(Some(1)).await;
    assert_eq!((&problem["type"], again), (&json!("urn:tidegate:problem:no-route"), false));
}

#[tokio::test]
async fn a_client_changes_its_mind_before_the_origin_has_answered() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    client.subscribe(1, "/a").await;
    api.was_asked(1).await;
    client.send(&json!({ "op": "unsubscribe", "sub": 1 })).await;
    // It is not held to what the origin makes of it.
    assert_eq!(client.message().await, json!({ "sub": 1, "event": "end", "data": {} }));
    client.send(&json!({ "op": "unsubscribe", "sub": 7 })).await;
    client.error(Some(7)).await;
    gate.open();
    client.begin(1, "/a").await;
    assert_eq!(gateway.subscribers().await, 1);
}

#[tokio::test]
async fn the_end_of_the_gateway_is_told_to_each_and_then_to_the_connection() {
    let (api, _) = counting(200).await;
    let gateway = Setup::new(api.url()).limits("shards = 2\n").start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    let mut idle = WebSocket::open(gateway.address, &[]).await;
    for sub in 1..=3 {
        client.begin(sub, &format!("/{sub}")).await;
    }
    let closing = tokio::spawn(gateway.close());
    let mut ended = Vec::new();
    let (code, reason) = loop {
        match client.next().await {
            Some(Got::Message(message)) if message["event"] == "end" => {
                assert!(message["data"]["retry_in_ms"].as_u64().unwrap() >= 1000, "{message}");
                ended.push(message["sub"].as_u64().unwrap());
            }
            Some(Got::Message(message)) => assert_eq!(message["event"], "status", "{message}"),
            Some(Got::Close(code, reason)) => break (code, reason),
            other => panic!("{other:?}"),
        }
    };
    ended.sort_unstable();
    assert_eq!((code, &ended[..]), (1012, &[1, 2, 3][..]));
    let reason: Value = serde_json::from_str(&reason).unwrap();
    assert!((1000..3000).contains(&reason["retry_in_ms"].as_u64().unwrap()));
    assert_eq!(idle.closed().await.0, 1012);
    drop(client);
    closing.await.unwrap();
}

#[tokio::test]
async fn credentials_of_one_subscription_are_of_no_other() {
    let gate = Gate::closed();
    gate.open();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client =
        WebSocket::open(gateway.address, &[("Authorization", "Bearer all"), ("X-Tenant", "t")]).await;
    let mut seen = Vec::new();
    for (sub, headers) in [
        (1, json!({ "authorization": "Bearer one" })),
        (2, json!({ "authorization": "Bearer two" })),
        (3, json!({})),
    ] {
        client.send(&json!({ "op": "subscribe", "sub": sub, "url": "/a", "headers": headers })).await;
        let snapshot = client.begun(sub).await;
        let head = snapshot["data"]["head"].as_str().unwrap().to_lowercase();
        seen.push(head);
    }
    for (head, own) in seen.iter().zip(["bearer one", "bearer two", "bearer all"]) {
        for other in ["bearer one", "bearer two", "bearer all"] {
            assert_eq!(head.contains(other), own == other, "{own}: {head}");
        }
        assert!(!head.contains("sec-websocket") && !head.contains("websocket"), "{head}");
    }
    assert_eq!(api.asked(), 3, "each is a feed of its own");
    client
        .send(&json!({ "op": "subscribe", "sub": 4, "url": "/a", "headers": { "cookie": "session=stolen" } }))
        .await;
    let (problem, _) = client.error(Some(4)).await;
    assert!(problem["detail"].as_str().unwrap().contains("cookie"), "{problem}");
}

#[tokio::test]
async fn a_subscription_whose_authority_is_lost_ends_alone() {
    let lost = Cell::<bool>::new(false);
    let served = lost.clone();
    let api = Api::serve(move |request| match request.line().1 == "/mine" && served.get() {
        true => answer("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", ""),
        false => ok("{\"n\":0}"),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    client.send(&json!({ "op": "subscribe", "sub": 1, "url": "/mine", "headers": { "authorization": "Bearer a" } })).await;
    client.begun(1).await;
    client.begin(2, "/ours").await;
    lost.set(true);
    let mut before = Value::Null;
    loop {
        let message = client.message().await;
        if message["event"] == "end" {
            assert_eq!(message["sub"], 1);
            break;
        }
        before = message;
    }
    assert_eq!((&before["sub"], &before["event"]), (&json!(1), &json!("status")), "{before}");
    assert_eq!(client.begin(1, "/others").await["data"]["n"], 0);
    until("it is let go of", || async { gateway.subscribers().await == 2 }).await;
}

#[tokio::test]
async fn a_stalled_client_holds_up_nobody_and_gets_the_newest() {
    let (api, number) = counting(300_000).await;
    let gateway = Setup::lively(api.url()).limits("shards = 1\n").start().await;
    let http = Http::connect_narrow(gateway.address).await;
    let mut stalled = WebSocket::open_on(http, &[], b"").await;
    for sub in 1..=3 {
        stalled.subscribe(sub, "/q").await;
    }
    until("they are there", || async { gateway.subscribers().await == 3 }).await;
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    let updates = 20;
    for next in 1..=updates {
        number.set(next);
        assert_eq!(healthy.after("late").await.data, counted(next));
    }
    let mut replicas = [Replica::default(), Replica::default(), Replica::default()];
    let mut patches = [0; 3];
    let newest = format!("\"n\":{updates}}}");
    while !replicas.iter().all(|replica| replica.text().ends_with(&newest)) {
        let message = stalled.message().await;
        let index = message["sub"].as_u64().unwrap() as usize - 1;
        patches[index] += u64::from(message["event"] == "patch");
        replicas[index].take(&event(&message));
    }
    assert!(patches.iter().all(|patches| *patches <= 2), "{patches:?} for what one says");
}

#[tokio::test]
async fn whoever_answers_no_ping_is_let_go_of() {
    let (api, _) = counting(200).await;
    let setup = Setup::new(api.url()).limits("subscriptions_heartbeat = \"1s\"\n");
    let gateway = setup.start().await;
    let mut silent = WebSocket::open(gateway.address, &[]).await;
    silent.begin(1, "/a").await;
    let mut healthy = WebSocket::open(gateway.address, &[]).await;
    healthy.begin(1, "/a").await;
    let mut beats = 0;
    // Its machine is gone: it neither answers nor closes.
    within("the silent one is let go of", async {
        while gateway.subscribers().await == 2 {
            match healthy.next().await {
                Some(Got::Ping) => healthy.http.send(frame(0x8a, b"")).await,
                Some(Got::Message(message)) => {
                    assert_eq!(message, json!({ "event": "heartbeat" }));
                    beats += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert!(beats >= 2);
    healthy.begin(2, "/b").await;
}
