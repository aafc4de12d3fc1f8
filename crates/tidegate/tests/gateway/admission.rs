//! Who is let in, what the others are told, and that those who are in never notice.

use std::net::Ipv4Addr;

use crate::common::{
    Http, Identity, Response, Running, Setup, Stream, counted, counting, request, until, within,
};
use tidegate_testkit::ScriptedOrigin;

/// The answer to a connection that asks for a stream, whether it is let in or not.
async fn knock(mut http: Http) -> (Response, Http) {
    http.try_send(request("GET", "/q", &[("Accept", "text/event-stream")])).await;
    let head = http.head().await;
    (head, http)
}

/// The refusal of a connection.
async fn refused(gateway: &Running, http: Http, kind: &str) {
    let (head, mut http) = knock(http).await;
    assert_eq!((head.status, head.field("connection")), (503, Some("close")), "{head:?}");
    let wait: u64 = head.field("retry-after").expect("when to come back").parse().unwrap();
    assert!((1..=15).contains(&wait), "{wait}");
    assert_eq!(head.field("content-type"), Some("application/problem+json"));
    assert_eq!(head.field("cache-control"), Some("no-store"));
    let body = http.rest().await;
    assert_eq!(body.len(), head.field("content-length").unwrap().parse::<usize>().unwrap());
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["type"], format!("urn:tidegate:problem:{kind}"), "{problem}");
    assert_eq!(problem["status"], 503);
    assert!(problem["detail"].as_str().unwrap().contains("max_conn"), "it names the setting: {problem}");
    assert!(gateway.subscribers().await > 0, "those who are in stay");
}

async fn is_let_in(connect: impl AsyncFn() -> Http) {
    until("there is room again", || async { knock(connect().await).await.0.status == 200 }).await;
}

#[tokio::test]
async fn as_many_connections_as_may_be() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("max_connections = 2\n").start().await;
    let connect = async || Http::connect(gateway.address).await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let mut plain = connect().await;
    plain.ask("GET", "/q", &[]).await;
    assert_eq!(plain.response("GET").await.status, 200);
    for next in 1..=5 {
        refused(&gateway, connect().await, "too-many-connections").await;
        number.set(next);
        assert_eq!(stream.expect("patch").await.data, counted(next));
    }
    plain.ask("GET", "/q", &[]).await;
    assert_eq!(plain.response("GET").await.status, 200, "what is open goes on");
    drop(plain);
    is_let_in(connect).await;
    drop(stream);
    is_let_in(connect).await;
}

#[tokio::test]
async fn as_many_connections_as_an_address_may_have() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("max_connections_per_address = 1\n").start().await;
    let from = async |last: u8| Http::connect_from(Ipv4Addr::new(127, 0, 0, last), gateway.address).await;
    let mut streams = Vec::new();
    for last in 2..=4 {
        let mut stream = Stream::open_on(from(last).await, "/q", &[]).await;
        stream.begin().await;
        streams.push(stream);
    }
    for last in 2..=4 {
        refused(&gateway, from(last).await, "too-many-connections").await;
    }
    number.set(1_u64);
    for stream in &mut streams {
        assert_eq!(stream.expect("patch").await.data, counted(1));
    }
    streams.remove(1);
    is_let_in(async || from(3).await).await;
    refused(&gateway, from(2).await, "too-many-connections").await;
}

#[tokio::test]
async fn as_many_connections_as_may_come_in_a_second() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("max_connects_per_second = 2\n").start().await;
    let connect = async || Http::connect(gateway.address).await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    // More than can come however slow this machine is: some are refused, and all that are refused are told so.
    let (mut told, mut tries) = (0, 0_u64);
    while told < 3 {
        tries += 1;
        assert!(tries < 10_000, "nobody is ever refused");
        let (head, mut http) = knock(connect().await).await;
        if head.status == 503 {
            let body = String::from_utf8(http.rest().await).unwrap();
            assert!(
                body.contains("connecting-too-fast") && body.contains("max_connects_per_second"),
                "{body}"
            );
            told += 1;
        } else {
            assert_eq!(head.status, 200);
        }
    }
    number.set(1_u64);
    assert_eq!(stream.expect("patch").await.data, counted(1));
    is_let_in(connect).await;
}

#[tokio::test]
async fn over_tls_the_refusal_is_an_alert() {
    let (api, number) = counting(200).await;
    let identity = Identity::new();
    let gateway = Setup::lively(api.url()).limits("max_connections = 1\n").tls(&identity).start().await;
    let mut stream = Stream::open_on(Http::connect_tls(gateway.address, &identity).await, "/q", &[]).await;
    stream.begin().await;
    for next in 1..=3 {
        let refused =
            Http::try_connect_tls(gateway.address, &identity).await.err().expect("there is no room");
        assert!(refused.to_string().contains("InternalError"), "{refused}");
        number.set(next);
        assert_eq!(stream.expect("patch").await.data, counted(next));
    }
    drop(stream);
    until("there is room again", || async {
        Http::try_connect_tls(gateway.address, &identity).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn as_many_streams_of_a_feed_as_may_be() {
    let (api, number) = counting(200).await;
    let limits = "max_streams = 3\nmax_streams_per_feed = 2\n";
    let gateway = Setup::lively(api.url()).limits(limits).start().await;
    let ask = async |target: &str| {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", target, &[("Accept", "text/event-stream")]).await;
        http.response("GET").await
    };
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = Stream::open(gateway.address, "/q", &[]).await;
        stream.begin().await;
        streams.push(stream);
    }
    let third = ask("/q").await;
    assert_eq!((third.status, &*third.problem()), (503, "too-many-streams"));
    assert!(third.json()["detail"].as_str().unwrap().contains("max_streams_per_feed"), "{third:?}");
    assert!(third.field("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Another feed has room, until there are too many in all.
    let mut other = Stream::open(gateway.address, "/other", &[]).await;
    other.begin().await;
    let fourth = ask("/third").await;
    assert_eq!((fourth.status, &*fourth.problem()), (503, "too-many-streams"));
    assert!(fourth.json()["detail"].as_str().unwrap().contains("`max_streams`"), "{fourth:?}");
    // A connection that is refused a stream still reads.
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[("Accept", "text/event-stream")]).await;
    assert_eq!(http.response("GET").await.status, 503);
    http.ask("GET", "/q", &[]).await;
    assert_eq!(http.response("GET").await.status, 200);
    number.set(1_u64);
    for stream in streams.iter_mut().chain([&mut other]) {
        assert_eq!(stream.expect("patch").await.data, counted(1));
    }
    streams.pop();
    let connect = async || Http::connect(gateway.address).await;
    is_let_in(connect).await;
}

/// What passes through a switched protocol is still a client's connection.
#[tokio::test]
async fn tunnels_count_as_connections() {
    let origin = ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).limits("max_connections = 1\n").start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/chat", &[("Connection", "Upgrade"), ("Upgrade", "echo")]).await;
    let (mut connection, _) = within("it is asked", origin.request()).await;
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await;
    assert_eq!(http.head().await.status, 101);
    http.send("ping").await;
    assert_eq!(within("it passes", connection.exactly(4)).await, b"ping");
    let (head, _) = knock(Http::connect(gateway.address).await).await;
    assert_eq!(head.status, 503, "there is no room beside the tunnel: {head:?}");
    drop((http, connection));
    until("there is room again", || async {
        let mut http = Http::connect(gateway.address).await;
        http.try_send("GET /q?tidegate.x HTTP/1.1\r\nHost: h\r\n\r\n").await;
        http.head().await.status == 400
    })
    .await;
}

/// Connections that say nothing, do not read, or will not go are bounded as all others are.
#[tokio::test]
async fn those_who_are_refused_cost_nobody_a_place() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("max_connections = 3\n").start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(Http::connect(gateway.address).await);
    }
    number.set(1_u64);
    assert_eq!(stream.expect("patch").await.data, counted(1));
    drop(silent);
    let connect = async || Http::connect(gateway.address).await;
    is_let_in(connect).await;
}
