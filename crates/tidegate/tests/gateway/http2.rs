//! HTTP/2 towards clients: whatever the gateway answers, many at once on a connection, and none in the way of another.

use bytes::Bytes;

use crate::common::http2::{Events, Http2, request, whole};
use crate::common::{
    Api, Gate, Http, Identity, Replica, Setup, Stream, answer, counted, counting, document, ok, until, within,
};

/// Fields of which HTTP/2 knows nothing.
#[track_caller]
fn assert_speaks_of_no_connection(fields: &http::HeaderMap) {
    for name in ["connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection"] {
        assert!(!fields.contains_key(name), "{fields:?}");
    }
}

#[tokio::test]
async fn a_hundred_streams_on_one_connection() {
    let (api, number) = counting(200).await;
    let identity = Identity::new();
    for tls in [false, true] {
        number.set(0_u64);
        let setup = Setup::lively(api.url());
        let gateway = if tls { setup.tls(&identity) } else { setup }.start().await;
        let mut client = match tls {
            true => Http2::connect_tls(gateway.address, &identity).await,
            false => Http2::connect(gateway.address).await,
        };
        let mut streams = Vec::new();
        for _ in 0..100 {
            streams.push(client.stream("/q", &[]).await);
        }
        for stream in &mut streams {
            assert_speaks_of_no_connection(&stream.fields);
            assert!(stream.begun().await.data.starts_with("{\"n\":0,"));
        }
        for next in 1..=3 {
            number.set(next);
            let mut told = Vec::new();
            for stream in &mut streams {
                told.push(stream.expect("patch").await);
            }
            assert_eq!(told[0].data, counted(next));
            assert!(told.iter().all(|event| event == &told[0]), "{told:?}");
        }
        assert_eq!(gateway.subscribers().await, 100);
        assert_eq!(client.requests.current_max_send_streams(), 100, "no more are offered");
        gateway.close().await;
        for stream in &mut streams {
            let last = stream.expect("status").await;
            assert!(last.retry.is_some(), "{last:?}");
            assert_eq!(stream.next().await, None);
        }
        client.ends().await.unwrap();
    }
}

#[tokio::test]
async fn one_that_stalls_leaves_the_others_alone_and_gets_one_update_later() {
    let (api, number) = counting(300_000).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    // It takes nothing of a snapshot that is larger than its window.
    let mut stalled: Vec<Events> = Vec::new();
    for _ in 0..10 {
        stalled.push(client.stream("/q", &[]).await);
    }
    let mut healthy = client.stream("/q", &[]).await;
    healthy.begun().await;
    let updates = 20;
    for next in 1..=updates {
        number.set(next);
        assert_eq!(healthy.expect("patch").await.data, counted(next));
        assert_eq!(client.ask("GET", "/q", &[]).await.status, 200);
    }
    for mut stream in stalled {
        let mut replica = Replica::default();
        let mut patches = 0;
        let newest = format!("{{\"n\":{updates},");
        while !replica.text().starts_with(&newest) {
            let event = stream.next().await.unwrap();
            patches += u64::from(event.kind == "patch");
            replica.take(&event);
        }
        assert!(patches <= 2, "{patches} patches for what one says");
    }
}

/// What a stream keeps of an old version is known as well where it shares its connection.
#[tokio::test]
async fn whoever_pins_too_much_for_longest_is_let_go() {
    let (api, number) = counting(400_000).await;
    let gateway = Setup::lively(api.url()).limits("max_pinned = \"600 KiB\"\nshards = 1\n").start().await;
    let stats = || gateway.gateway.route_stats("/q").unwrap();
    let mut client = Http2::connect(gateway.address).await;
    let mut healthy = client.stream("/q", &[]).await;
    healthy.begun().await;
    let mut first = client.stream("/q", &[]).await;
    number.set(1_u64);
    healthy.expect("patch").await;
    let mut second = client.stream("/q", &[]).await;
    number.set(2_u64);
    healthy.expect("patch").await;
    until("the first is let go", || async { stats().unpinned == 1 }).await;
    number.set(3_u64);
    assert_eq!(healthy.expect("patch").await.data, counted(3));
    assert_eq!(first.next().await, None, "cut in its first event");
    assert!(second.begun().await.data.starts_with("{\"n\":1,"));
    assert_eq!(second.expect("patch").await.data, counted(3), "in one step");
}

#[tokio::test]
async fn a_stream_that_is_reset_frees_its_place_at_once() {
    let (api, _) = counting(200).await;
    let setup = Setup::new(api.url()).route("heartbeat = \"5m\"\n");
    let gateway = setup.limits("max_streams = 1\nmax_connections = 1\n").start().await;
    let mut client = Http2::connect(gateway.address).await;
    for _ in 0..10 {
        let mut stream = client.stream("/q", &[]).await;
        stream.begun().await;
        let refused = client.ask("GET", "/q", &[("accept", "text/event-stream")]).await;
        assert_eq!((refused.status.as_u16(), &*refused.problem()), (503, "too-many-streams"));
        assert!(refused.fields.contains_key("retry-after"));
        // Both halves are let go: the client says `RST_STREAM`.
        drop(stream);
        until("its place is free", || async { gateway.subscribers().await == 0 }).await;
    }
    // One that leaves before its stream began, too.
    let (answer, sender) = client.begin(request("GET", "/r", &[("accept", "text/event-stream")]), true).await;
    drop((answer, sender));
    client.stream("/q", &[]).await.begun().await;
    drop(client);
    until("it left with its connection", || async { gateway.subscribers().await == 0 }).await;
}

#[tokio::test]
async fn plain_reads() {
    let api = Api::serve(|request| {
        document(request, "\"v1\"", "Cache-Control: max-age=60\r\nConnection: x\r\nX: y\r\n", "[1,2]")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let read = client.ask("GET", "/q", &[]).await;
    assert_eq!((read.status.as_u16(), &read.body[..]), (200, &b"[1,2]"[..]));
    assert_speaks_of_no_connection(&read.fields);
    let tag = read.fields["etag"].to_str().unwrap();
    let unchanged = client.ask("GET", "/q", &[("if-none-match", tag)]).await;
    assert_eq!((unchanged.status.as_u16(), &unchanged.body[..]), (304, &b""[..]));
    let head = client.ask("HEAD", "/q", &[]).await;
    assert_eq!((head.status.as_u16(), &head.body[..]), (200, &b""[..]));
    assert_eq!(head.fields["content-length"], "5");
    let head = client.ask("HEAD", "/q", &[("accept", "text/event-stream")]).await;
    assert_eq!(head.fields["content-type"], "text/event-stream");
    let head = client.ask("HEAD", "/q?tidegate.no=1", &[]).await;
    assert_eq!((head.status.as_u16(), &head.body[..]), (400, &b""[..]));
    let refused = client.ask("GET", "/q?tidegate.no=1", &[]).await;
    assert_eq!((refused.status.as_u16(), &*refused.problem()), (400, "unknown-parameter"));
    assert_eq!(api.asked(), 1, "all from memory");
}

#[tokio::test]
async fn what_passes_through() {
    let api = Api::serve(|request| {
        let body =
            serde_json::json!({ "head": request.head, "body": String::from_utf8_lossy(&request.body) });
        answer("201 Created", "Connection: close, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n", body.to_string())
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let fields = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("x-a", "1")];
    let (answer, mut content) = client.begin(request("POST", "/p?q=%2F", &fields), false).await;
    content.send_data(Bytes::from_static(b"one"), false).unwrap();
    content.send_data(Bytes::from_static(b"two"), true).unwrap();
    let answer = whole(answer).await;
    assert_eq!(answer.status, 201);
    assert_speaks_of_no_connection(&answer.fields);
    assert!(!answer.fields.contains_key("x-hop") && answer.fields["x-end"] == "2", "{answer:?}");
    let echo: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echo["body"], "onetwo");
    let head = echo["head"].as_str().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /p?q=%2f http/1.1\r\n"), "{head}");
    for line in ["cookie: a=1; b=2", "x-forwarded-host: h", "x-a: 1", "te: trailers"] {
        assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
    }
    assert_eq!(head.matches("\r\nhost: ").count(), 1, "{head}");
    assert_eq!(head.matches("\r\ncookie: ").count(), 1, "{head}");
    assert!(head.contains("\r\nvia: 2.0 tidegate"), "{head}");
    assert!(!head.contains(":authority") && !head.contains("http2-settings"), "{head}");
}

/// It needs no `Content-Length` to have a content (RFC 9113 §8.1).
#[tokio::test]
async fn a_read_with_a_content_is_passed_through() {
    let api = Api::serve(|request| {
        ok(serde_json::json!({ "body": String::from_utf8_lossy(&request.body) }).to_string())
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let mut watching = client.stream("/q", &[]).await;
    watching.begun().await;
    assert_eq!(client.ask("GET", "/q", &[]).await.body, b"{\"body\":\"\"}");
    for _ in 0..2 {
        let (answer, mut content) = client.begin(request("GET", "/q", &[]), false).await;
        content.send_data(Bytes::from_static(b"which?"), true).unwrap();
        let answer = whole(answer).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"{\"body\":\"which?\"}"[..]));
        assert!(answer.fields["cache-status"].to_str().unwrap().contains("fwd=bypass"), "{answer:?}");
    }
    assert_eq!(client.ask("GET", "/q", &[]).await.body, b"{\"body\":\"\"}");
    assert_eq!(api.asked(), 3, "only what has no content is from memory");
    // By HTTP/1.1 it is the same.
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[("Transfer-Encoding", "chunked")]).await;
    http.send("3\r\nso?\r\n0\r\n\r\n").await;
    assert_eq!(http.response("GET").await.text(), "{\"body\":\"so?\"}");
}

#[tokio::test]
async fn large_contents_and_answers() {
    let api =
        Api::serve(|request| answer("200 OK", "Content-Type: application/octet-stream\r\n", &request.body))
            .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let sent: Vec<u8> = (0..1_500_000_u32).map(|at| (at % 251) as u8).collect();
    let length = sent.len().to_string();
    let (answer, mut content) =
        client.begin(request("PUT", "/p", &[("content-length", &length)]), false).await;
    // More than the windows: it goes on as the origin takes it.
    content.send_data(Bytes::from(sent.clone()), true).unwrap();
    assert!(whole(answer).await.body == sent);
}

#[tokio::test]
async fn trailers_both_ways() {
    let origin = tidegate_testkit::ScriptedOrigin::bind().await;
    let gateway = Setup::new(origin.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let fields = [("te", "trailers"), ("trailer", "x-sum")];
    let (answer, mut content) = client.begin(request("POST", "/p", &fields), false).await;
    content.send_data(Bytes::from_static(b"one"), false).unwrap();
    let trailers = http::HeaderMap::from_iter([("x-sum".parse().unwrap(), "6".parse().unwrap())]);
    content.send_trailers(trailers).unwrap();
    let mut connection = within("it connects", origin.accept()).await;
    within("the head comes", connection.head()).await.unwrap();
    let sent = within("the rest comes", connection.exactly(23)).await;
    assert!(
        String::from_utf8(sent).unwrap().to_ascii_lowercase().starts_with("3\r\none\r\n0\r\nx-sum: 6\r\n")
    );
    connection
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\nONE\r\n0\r\nX-End: 1\r\n\r\n")
        .await;
    let answer = whole(answer).await;
    assert_eq!(answer.body, b"ONE");
    assert_eq!(answer.trailers.unwrap()["x-end"], "1");
}

#[tokio::test]
async fn the_host_decides_on_the_route() {
    let [a, b] = [Api::serve(|_| ok("\"a\"")).await, Api::serve(|_| ok("\"b\"")).await];
    let more = format!(
        "[[origin]]\nname = \"b\"\nurl = \"{}\"\n[[route]]\nhost = \"b.test\"\npath = \"/**\"\norigin = \"b\"\n",
        b.url()
    );
    let gateway = Setup::new(a.url()).route("host = \"h\"\n").more(&more).start().await;
    let mut client = Http2::connect(gateway.address).await;
    assert_eq!(client.ask("GET", "/q", &[]).await.body, b"\"a\"");
    let (answer, _) = client
        .begin(http::Request::get("http://b.test/q").version(http::Version::HTTP_2).body(()).unwrap(), true)
        .await;
    assert_eq!(whole(answer).await.body, b"\"b\"");
    let two = client.ask("GET", "/q", &[("host", "b.test")]).await;
    assert_eq!((two.status.as_u16(), &*two.problem()), (400, "bad-request"));
}

#[tokio::test]
async fn an_end_in_order_waits_for_answers() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = Http2::connect(gateway.address).await;
    let (answer, _) = client.begin(request("GET", "/q", &[]), true).await;
    api.was_asked(1).await;
    let address = gateway.address;
    let closing = tokio::spawn(gateway.close());
    until("nobody is let in any more", || async { tokio::net::TcpStream::connect(address).await.is_err() })
        .await;
    gate.open();
    let answer = whole(answer).await;
    // The feed may have been let go first; then that is what it says.
    assert!([200, 502, 503].contains(&answer.status.as_u16()), "{answer:?}");
    client.ends().await.unwrap();
    closing.await.unwrap();
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_and_one_with_a_stream_is_not() {
    let (api, number) = counting(200).await;
    let gateway = Setup::lively(api.url()).limits("request_head_timeout = \"1s\"\n").start().await;
    let mut idle = Http2::connect(gateway.address).await;
    assert_eq!(idle.ask("GET", "/q", &[]).await.status, 200);
    let mut busy = Http2::connect(gateway.address).await;
    let mut stream = busy.stream("/q", &[]).await;
    stream.begun().await;
    idle.ends().await.unwrap();
    for next in 1..=3 {
        number.set(next);
        assert_eq!(stream.expect("patch").await.data, counted(next));
    }
    assert!(!busy.is_over());
    drop(stream);
    busy.ends().await.unwrap();
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let (api, _) = counting(200).await;
    let identity = Identity::new();
    let setup = || Setup::new(api.url()).limits("max_h2_streams = 0\n");
    let gateway = setup().tls(&identity).start().await;
    let socket = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    let connector = identity.offering(&["h2", "http/1.1"]);
    let tls = within("the handshake", connector.connect(Identity::name(), socket)).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let gateway = setup().start().await;
    let mut http = Http::connect(gateway.address).await;
    http.send(crate::common::http2::preface()).await;
    let rest = http.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{rest:?}");
}

/// Beside it, HTTP/1.1 is what it was.
#[tokio::test]
async fn both_versions_share_a_feed() {
    let (api, number) = counting(200).await;
    let identity = Identity::new();
    let gateway = Setup::lively(api.url()).tls(&identity).start().await;
    let mut client = Http2::connect_tls(gateway.address, &identity).await;
    let mut second = client.stream("/q", &[]).await;
    let mut first = Stream::open_on(Http::connect_tls(gateway.address, &identity).await, "/q", &[]).await;
    let position = second.begun().await.id;
    assert_eq!(first.begin().await.0.id, position);
    number.set(1_u64);
    assert_eq!(first.expect("patch").await, second.expect("patch").await);
    // And what one was told the other resumes from.
    let id = position.unwrap();
    let mut resumed = client.stream("/q", &[("last-event-id", &id)]).await;
    assert_eq!(resumed.expect("patch").await.data, counted(1));
    assert_eq!(gateway.gateway.report().await.len(), 1);
}
