//! Multiplexed event streams: several subscriptions on one stream of Server-Sent Events.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::http2::Http2;
use crate::common::{Http, Identity, Response, Setup, Stream, counted, counting, get, request, send, until};

const PATH: &str = "/.tidegate/events";

/// The bytes of a request with a list.
fn posted(target: &str, list: &Value) -> Vec<u8> {
    let list = list.to_string();
    let length = list.len().to_string();
    let fields = [("Content-Type", "application/json"), ("Content-Length", &*length)];
    [request("POST", target, &fields), list.into_bytes()].concat()
}

async fn change(address: SocketAddr, stream: &str, list: &Value) -> Response {
    let mut http = Http::connect(address).await;
    http.send(posted(&format!("{PATH}/{stream}"), list)).await;
    http.response("POST").await
}

/// The name of a stream that begins.
async fn name(stream: &mut Stream) -> String {
    let open = stream.expect("open").await;
    let data: Value = serde_json::from_str(&open.data).unwrap();
    let name = data["stream"].as_str().unwrap().to_owned();
    assert_eq!(name.len(), 32);
    name
}

async fn message(stream: &mut Stream) -> Value {
    let event = stream.event().await;
    assert_eq!((&*event.kind, &event.id), ("", &None), "{event:?}");
    serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error} in {event:?}"))
}

/// What a subscription begins with; gives the snapshot.
async fn begun(stream: &mut Stream, sub: u32) -> Value {
    let mut told = Vec::new();
    for event in ["open", "snapshot", "status"] {
        let message = message(stream).await;
        assert_eq!((&message["sub"], &message["event"]), (&json!(sub), &json!(event)), "{message}");
        told.push(message);
    }
    told.swap_remove(1)
}

#[tokio::test]
async fn several_urls_on_one_stream() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("shards = 2\n").start().await;
    let mut stream = Stream::open(gateway.address, &format!("{PATH}?url=%2Fa%3Fx%3D1"), &[]).await;
    assert_eq!(stream.head.field("cache-control"), Some("no-store, no-transform"));
    assert_eq!(stream.head.field("x-accel-buffering"), Some("no"));
    // As somebody reads it who looks at it with curl.
    let open = stream.text_until("\n\n").await;
    assert!(open.starts_with("event: open\ndata: {\"stream\":\""), "{open}");
    assert_eq!(
        stream.text_until("\n\n").await,
        "data: {\"sub\":1,\ndata: \"event\":\"open\",\"data\":{\"content_type\":\"application/json\"}}\n\n"
    );
    let snapshot = stream.text_until("\n\n").await;
    assert!(snapshot.starts_with("data: {\"sub\":1,\ndata: \"event\":\"snapshot\",\"id\":\""), "{snapshot}");
    assert!(snapshot.ends_with("xxxxx\"}}\n\n"), "{snapshot}");
    assert!(api.requests()[0].line().1.ends_with("/a?x=1"), "{:?}", api.requests());
    drop(stream);
    until("it is let go of", || async { gateway.subscribers().await == 0 }).await;

    let target = format!("{PATH}?url=/a&url=/b&tidegate.mode=merge");
    let mut stream = Stream::open(gateway.address, &target, &[]).await;
    name(&mut stream).await;
    let mut begins = std::collections::BTreeMap::<u64, Vec<String>>::new();
    for _ in 0..6 {
        let message = message(&mut stream).await;
        let event = message["event"].as_str().unwrap().to_owned();
        begins.entry(message["sub"].as_u64().unwrap()).or_default().push(event);
    }
    for sub in [1, 2] {
        assert_eq!(begins[&sub], ["open", "snapshot", "status"]);
    }
    number.set(1_u64);
    for _ in 0..2 {
        let message = message(&mut stream).await;
        assert_eq!((&message["event"], &message["data"]), (&json!("merge"), &json!({ "n": 1 })), "{message}");
    }
    gateway.close().await;
    let mut ended = 0;
    let last = loop {
        let message = message(&mut stream).await;
        match message["sub"].is_null() {
            true => break message,
            false => ended += usize::from(message["event"] == "end"),
        }
    };
    assert_eq!((ended, &last["event"]), (2, &json!("end")));
    assert!(last["data"]["retry_in_ms"].is_u64(), "{last}");
    stream.ends().await;
}

#[tokio::test]
async fn a_list_with_positions_and_changes_while_it_runs() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut first = Stream::open(gateway.address, "/a", &[]).await;
    let (snapshot, _) = first.begin().await;
    number.set(1_u64);
    first.expect("patch").await;

    let list = json!([{ "sub": 7, "url": "/a", "id": snapshot.id }]);
    let mut http = Http::connect(gateway.address).await;
    http.send(posted(PATH, &list)).await;
    let mut stream = Stream::answered(http).await;
    let name = name(&mut stream).await;
    assert_eq!(message(&mut stream).await["event"], "open");
    let resumed = message(&mut stream).await;
    assert_eq!(resumed["data"].to_string(), serde_json::from_str::<Value>(&counted(1)).unwrap().to_string());
    assert_eq!(message(&mut stream).await["event"], "status");

    let more = json!([{ "op": "subscribe", "sub": 8, "url": "/b" }]);
    assert_eq!(change(gateway.address, &name, &more).await.status, 202);
    begun(&mut stream, 8).await;
    let less = json!([{ "op": "unsubscribe", "sub": 7 }, { "op": "unsubscribe", "sub": 9 }]);
    assert_eq!(change(gateway.address, &name, &less).await.status, 202);
    let mut told = [message(&mut stream).await, message(&mut stream).await];
    told.sort_by_key(|message| message["sub"].as_u64());
    assert_eq!(told[0], json!({ "sub": 7, "event": "end", "data": {} }));
    assert_eq!((&told[1]["sub"], &told[1]["event"]), (&json!(9), &json!("error")));
    // The gateway itself is nothing to subscribe to.
    let own = json!([{ "op": "subscribe", "sub": 1, "url": "/.tidegate/events?url=/a" }]);
    assert_eq!(change(gateway.address, &name, &own).await.status, 202);
    assert_eq!(message(&mut stream).await["event"], "error");

    for wrong in [json!({}), json!([{ "op": "jump", "sub": 1 }]), json!([{ "sub": 1, "url": "/a" }])] {
        let response = change(gateway.address, &name, &wrong).await;
        assert_eq!((response.status, &*response.problem()), (400, "bad-request"), "{wrong}");
    }
    let unknown = change(gateway.address, "0123456789abcdef0123456789abcdef", &more).await;
    assert_eq!((unknown.status, &*unknown.problem()), (404, "no-route"));
    assert_eq!(get(gateway.address, &format!("{PATH}/{name}"), &[]).await.status, 405);

    // With the client all goes, its name too.
    drop((stream, first));
    until("all are let go of", || async { gateway.subscribers().await == 0 }).await;
    until("its name is gone", || async { change(gateway.address, &name, &more).await.status == 404 }).await;
}

#[tokio::test]
async fn what_cannot_be_opened() {
    let (api, _) = counting(200).await;
    let gateway = Setup::new(api.url()).start().await;
    for query in ["url=b", "url=http://h/", "uri=/a", "url=%ff", "tidegate.max-age=soon"] {
        let response = get(gateway.address, &format!("{PATH}?{query}"), &[]).await;
        assert_eq!((response.status, &*response.problem()), (400, "bad-request"), "{query}");
    }
    let mut http = Http::connect(gateway.address).await;
    http.send(posted(PATH, &json!([{ "sub": 1, "url": "/a" }, { "sub": 1, "url": "/b" }]))).await;
    let response = http.response("POST").await;
    assert_eq!((response.status, &*response.problem()), (400, "bad-request"));
    let response = send(gateway.address, "DELETE", PATH, &[]).await;
    assert_eq!((response.status, response.field("allow")), (405, Some("GET, HEAD, POST")));
    let head = send(gateway.address, "HEAD", &format!("{PATH}?url=/a"), &[]).await;
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    assert_eq!(api.asked(), 0);
    let long = format!("[{}]", " ".repeat(300 * 1024));
    let length = long.len().to_string();
    let mut http = Http::connect(gateway.address).await;
    let json = ("Content-Type", "application/json");
    http.send(request("POST", PATH, &[json, ("Content-Length", &*length)])).await;
    http.try_send(&long).await;
    assert_eq!(http.response("POST").await.problem(), "body-too-large");
}

#[tokio::test]
async fn over_http2_and_beside_others() {
    let (api, number) = counting(200).await;
    let identity = Identity::new();
    let gateway =
        Setup::lively(api.url()).tls(&identity).limits("subscriptions_heartbeat = \"1s\"\n").start().await;
    let mut client = Http2::connect_tls(gateway.address, &identity).await;
    let mut multiplexed = client.stream(&format!("{PATH}?url=/a&url=/b"), &[]).await;
    let mut single = client.stream("/a", &[]).await;
    single.begun().await;
    multiplexed.expect("open").await;
    for _ in 0..6 {
        multiplexed.expect("").await;
    }
    number.set(1_u64);
    for _ in 0..2 {
        let event = multiplexed.expect("").await;
        assert!(event.data.contains(&counted(1)), "{event:?}");
    }
    assert_eq!(single.expect("patch").await.data, counted(1));
    drop(multiplexed);
    until("two are let go of", || async { gateway.subscribers().await == 1 }).await;
    drop(single);
    gateway.close().await;
}

#[tokio::test]
async fn a_silent_stream_has_a_heartbeat() {
    let (api, _) = counting(200).await;
    let gateway = Setup::new(api.url()).limits("subscriptions_heartbeat = \"1s\"\n").start().await;
    let mut stream = Stream::open(gateway.address, PATH, &[]).await;
    name(&mut stream).await;
    assert_eq!(stream.text_until("\n").await, ":\n");
    assert_eq!(stream.text_until("\n").await, ":\n");
}
