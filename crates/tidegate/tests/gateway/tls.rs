//! Streams over TLS, and what comes to a listener for TLS that is none.

use crate::common::{Http, Identity, Setup, Stream, counted, counting, get, until};

#[tokio::test]
async fn a_stream_from_its_snapshot_to_its_end() {
    let (api, number) = counting(100).await;
    let identity = Identity::new();
    let gateway = Setup::lively(api.url()).route("heartbeat = \"1s\"\n").tls(&identity).start().await;
    let mut streams = Vec::new();
    for fields in [&[][..], &[("Accept-Encoding", "gzip")]] {
        let http = Http::connect_tls(gateway.address, &identity).await;
        streams.push(Stream::open_on(http, "/q", fields).await);
        let mut http = Http::connect_tls(gateway.address, &identity).await;
        http.ask("GET", "/q", &[]).await;
        http.response("GET").await;
        streams.push(Stream::open_on(http, "/q", fields).await);
        let http = Http::connect_tls(gateway.address, &identity).await;
        streams.push(crate::gzip::on_hyper(http, "/q", fields).await);
    }
    for stream in &mut streams {
        let (snapshot, status) = stream.begin().await;
        assert!(snapshot.data.starts_with("{\"n\":0,") && status.state() == "live");
    }
    for next in 1..=20 {
        number.set(next);
        for stream in &mut streams {
            assert_eq!(stream.expect("patch").await.data, counted(next));
        }
    }
    for stream in &mut streams {
        assert_eq!(stream.text_until(":\n").await, ":\n");
    }
    gateway.close().await;
    // A stream that ends with its connection is whole only if TLS says that this is the end.
    for stream in streams {
        stream.ends_with_a_status().await;
    }
}

#[tokio::test]
async fn a_long_snapshot_to_a_slow_reader() {
    let (api, number) = counting(3 << 20).await;
    let identity = Identity::new();
    let gateway = Setup::lively(api.url()).limits("shards = 1\n").tls(&identity).start().await;
    let http = Http::connect_tls_narrow(gateway.address, &identity).await;
    let mut slow = Stream::open_on(http, "/q", &[]).await;
    let mut quick = Stream::open_on(Http::connect_tls(gateway.address, &identity).await, "/q", &[]).await;
    quick.begin().await;
    for next in 1..=5 {
        number.set(next);
        assert_eq!(quick.expect("patch").await.data, counted(next), "nobody waits for the slow one");
    }
    let (snapshot, _) = slow.begin().await;
    assert_eq!(snapshot.data.len(), (3 << 20) + 17);
    assert_eq!(slow.expect("patch").await.data, counted(5), "in one step");
    gateway.close().await;
    slow.ends_with_a_status().await;
    quick.ends_with_a_status().await;
}

#[tokio::test]
async fn garbage_and_plain_http_are_no_handshake() {
    let (api, _) = counting(1).await;
    let identity = Identity::new();
    let limits = "request_head_timeout = \"500ms\"\nmax_connections = 1\n";
    let gateway = Setup::new(api.url()).limits(limits).tls(&identity).start().await;
    let stream = "GET /q HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";
    let attempts: [&[u8]; 8] = [
        stream.as_bytes(),
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
        &[0; 20_000],
        b"",
    ];
    for bytes in attempts {
        until("there is room", || async {
            let mut http = Http::connect(gateway.address).await;
            http.try_send(bytes).await;
            let said = http.rest().await;
            assert!(!said.starts_with(b"HTTP"), "nothing is said in the clear: {said:?}");
            // At most an alert (RFC 8446 §6): here, that it is refused, is `internal_error`.
            assert!(said.is_empty() || (said[0] == 21 && said.len() == 7), "{said:?}");
            said != [21, 3, 3, 0, 2, 2, 80]
        })
        .await;
    }
    assert_eq!(api.asked(), 0);
    until("others are let in", || async {
        let Ok(http) = Http::try_connect_tls(gateway.address, &identity).await else { return false };
        Stream::open_on(http, "/q", &[]).await.begin().await;
        true
    })
    .await;
}

#[tokio::test]
async fn only_who_trusts_the_gateway_is_served_by_it() {
    let (api, _) = counting(1).await;
    let identity = Identity::new();
    let gateway = Setup::new(api.url()).tls(&identity).start().await;
    let error = Http::try_connect_tls(gateway.address, &Identity::new()).await.err().expect("it is another");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    // The origin is told how the client came.
    let mut http = Http::connect_tls(gateway.address, &identity).await;
    http.ask("POST", "/q", &[("Content-Length", "0")]).await;
    assert_eq!(http.response("POST").await.status, 200);
    assert_eq!(api.requests()[0].field("x-forwarded-proto"), Some("https"));
    let plain = Setup::new(api.url()).start().await;
    assert_eq!(get(plain.address, "/q", &[]).await.status, 200);
}
