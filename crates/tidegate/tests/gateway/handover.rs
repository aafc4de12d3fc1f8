//! A stream asked for on a connection that was of use before, as browsers do: it leaves hyper's hands for its shard, and
//! the client sees one answer to each of its requests, in order and whole.

use crate::common::{
    Api, Gate, Http, Identity, Response, Running, Setup, Stream, answer, counted, counting, ok, request,
    until,
};

const STREAM: (&str, &str) = ("Accept", "text/event-stream");

/// Both kinds of connections, each with a gateway of its own in front of the same API.
async fn plain_and_tls(api: &Api) -> [(Running, Option<Identity>); 2] {
    let identity = Identity::new();
    let plain = Setup::lively(api.url()).start().await;
    let tls = Setup::lively(api.url()).tls(&identity).start().await;
    [(plain, None), (tls, Some(identity))]
}

async fn connect(gateway: &Running, identity: Option<&Identity>) -> Http {
    match identity {
        None => Http::connect(gateway.address).await,
        Some(identity) => Http::connect_tls(gateway.address, identity).await,
    }
}

/// That the stream is served by its shard: it ends with its connection, and needs no chunks.
#[track_caller]
fn assert_left(head: &Response) {
    assert_eq!((head.status, head.field("connection")), (200, Some("close")), "{head:?}");
    assert_eq!(head.field("content-length"), None, "{head:?}");
    assert_eq!(head.field("transfer-encoding"), None, "{head:?}");
    assert_eq!(head.field("content-type"), Some("text/event-stream"), "{head:?}");
    assert_eq!(head.all("date").len(), 1, "{head:?}");
}

#[tokio::test]
async fn after_plain_requests_of_all_kinds() {
    let (api, number) = counting(200).await;
    for (gateway, identity) in plain_and_tls(&api).await {
        number.set(0_u64);
        let mut http = connect(&gateway, identity.as_ref()).await;
        for _ in 0..3 {
            http.ask("GET", "/q", &[]).await;
            assert!(http.response("GET").await.text().starts_with("{\"n\":0,\"fill\":\"xxx"));
        }
        http.ask("HEAD", "/q", &[]).await;
        let tag = http.response("HEAD").await.field("etag").unwrap().to_owned();
        http.ask("GET", "/q", &[("If-None-Match", &tag)]).await;
        assert_eq!(http.response("GET").await.status, 304);
        http.ask("GET", "/q?tidegate.wrong=1", &[]).await;
        assert_eq!(http.response("GET").await.status, 400);
        http.ask("HEAD", "/q", &[STREAM]).await;
        assert_eq!(http.response("HEAD").await.field("content-type"), Some("text/event-stream"));
        http.send("POST /q HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET / a\r\n").await;
        assert_eq!(http.response("POST").await.status, 200);
        http.send(
            "POST /q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(http.response("POST").await.status, 200);
        let mut stream = Stream::open_on(http, "/q", &[]).await;
        assert_left(&stream.head);
        let (snapshot, _) = stream.begin().await;
        assert!(snapshot.data.starts_with("{\"n\":0,"), "{snapshot:?}");
        number.set(1_u64);
        assert_eq!(stream.expect("patch").await.data, counted(1));
        assert_eq!(gateway.subscribers().await, 1);
        gateway.close().await;
        stream.ends_with_a_status().await;
    }
}

#[tokio::test]
async fn with_gzip_and_from_a_position() {
    let (api, number) = counting(200).await;
    for (gateway, identity) in plain_and_tls(&api).await {
        let mut http = connect(&gateway, identity.as_ref()).await;
        http.ask("GET", "/q", &[]).await;
        let tag = http.response("GET").await.field("etag").unwrap().trim_matches('"').to_owned();
        number.set(number.get() + 1);
        let mut other = Stream::open_on(connect(&gateway, identity.as_ref()).await, "/q", &[]).await;
        // It came before or after the change.
        while !other.event().await.data.contains(&number.get().to_string()) {}
        let fields = [("Accept-Encoding", "gzip"), ("Last-Event-ID", &tag)];
        let mut stream = Stream::open_on(http, "/q", &fields).await;
        assert_left(&stream.head);
        assert_eq!(stream.head.field("content-encoding"), Some("gzip"));
        assert_eq!(stream.expect("patch").await.data, counted(number.get()));
        stream.expect("status").await;
        gateway.close().await;
        stream.ends_with_a_status().await;
    }
}

#[tokio::test]
async fn a_refused_stream_leaves_the_connection_as_it_was() {
    let api = Api::serve(|request| match request.line().1 {
        "/image" => answer("200 OK", "Content-Type: image/png\r\n", "png"),
        "/gone" => answer("404 Not Found", "Content-Type: text/plain\r\n", "nothing"),
        _ => ok("[1]"),
    })
    .await;
    for (gateway, identity) in plain_and_tls(&api).await {
        let mut http = connect(&gateway, identity.as_ref()).await;
        for (target, status) in [("/image", 406), ("/gone", 404), ("/q?tidegate.x", 400), ("/image", 406)] {
            http.ask("GET", target, &[STREAM]).await;
            let refused = http.response("GET").await;
            assert_eq!(refused.status, status, "{target}: {refused:?}");
        }
        http.ask("GET", "/q", &[]).await;
        assert_eq!(http.response("GET").await.text(), "[1]");
        let mut stream = Stream::open_on(http, "/q", &[]).await;
        assert_left(&stream.head);
        stream.begin().await;
    }
}

#[tokio::test]
async fn requests_in_one_segment_are_answered_in_order() {
    let (api, number) = counting(200).await;
    for (gateway, identity) in plain_and_tls(&api).await {
        let mut http = connect(&gateway, identity.as_ref()).await;
        let plain = request("GET", "/q", &[]);
        http.send([&plain[..], &plain, &request("GET", "/q", &[STREAM])].concat()).await;
        for _ in 0..2 {
            assert!(http.response("GET").await.text().starts_with("{\"n\":"));
        }
        let mut stream = Stream::answered(http).await;
        stream.begin().await;
        number.set(number.get() + 1);
        assert_eq!(stream.expect("patch").await.data, counted(number.get()));
        drop(stream);
        until("it has left", || async { gateway.subscribers().await == 0 }).await;
    }
}

#[tokio::test]
async fn a_long_answer_that_is_not_read_yet_comes_whole_before_the_stream() {
    let (api, number) = counting(4 << 20).await;
    let identity = Identity::new();
    let plain = Setup::lively(api.url()).start().await;
    let tls = Setup::lively(api.url()).tls(&identity).start().await;
    let narrow = [
        (&plain, Http::connect_narrow(plain.address).await),
        (&tls, Http::connect_tls_narrow(tls.address, &identity).await),
    ];
    for (gateway, mut http) in narrow {
        number.set(0_u64);
        http.send([request("GET", "/q", &[]), request("GET", "/q", &[STREAM])].concat()).await;
        let whole = http.response("GET").await;
        assert_eq!((whole.status, whole.body.len()), (200, (4 << 20) + 17));
        let mut stream = Stream::answered(http).await;
        let (snapshot, _) = stream.begin().await;
        assert_eq!(snapshot.data.len(), (4 << 20) + 17);
        number.set(1_u64);
        assert_eq!(stream.expect("patch").await.data, counted(1));
        assert_eq!(gateway.subscribers().await, 1);
    }
}

/// Requests behind that of a stream, which will never be answered: not on this connection, and not with the stream's.
#[tokio::test]
async fn nothing_behind_a_stream_is_ever_answered() {
    let gate = Gate::closed();
    let held = gate.clone();
    let api = Api::start(move |request| {
        let gate = held.clone();
        async move {
            if request.line().1 == "/late" {
                gate.pass().await;
            }
            ok("[1]")
        }
    })
    .await;
    let (stream, behind) = (request("GET", "/q", &[STREAM]), request("GET", "/behind", &[]));
    let late = request("GET", "/late", &[STREAM]);
    // As long as what is read of a head at a time.
    let pad = "p".repeat(128 - stream.len() - "X: \r\n".len());
    let even = request("GET", "/q", &[STREAM, ("X", &pad)]);
    assert_eq!(even.len(), 128);
    for (gateway, identity) in plain_and_tls(&api).await {
        for reused in [false, true] {
            for (first, second) in [
                // In one segment, whole and in part.
                ([&stream[..], &behind].concat(), vec![]),
                ([&stream[..], &behind[..5]].concat(), behind[5..].to_vec()),
                ([&stream[..], b"\r\n"].concat(), behind.clone()),
                ([&late[..], &behind].concat(), vec![]),
                ([&even[..], &behind].concat(), vec![]),
                // When the stream has begun, and while it is being decided on.
                (stream.clone(), behind.clone()),
                (late.clone(), behind.clone()),
            ] {
                let mut http = connect(&gateway, identity.as_ref()).await;
                if reused {
                    http.ask("GET", "/q", &[]).await;
                    http.response("GET").await;
                }
                let head_ends = first.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
                let together = first.len() > head_ends;
                http.send(first).await;
                http.try_send(second).await;
                gate.open();
                // The stream's answer, or none where it was closed before; then the stream's own text, or nothing.
                let mut text = String::new();
                while !text.contains("\"fresh_within_ms\"")
                    && let Some(more) = http.some().await
                {
                    text.push_str(&String::from_utf8(more).unwrap());
                }
                assert!(text.matches("HTTP/1.1").count() <= 1, "{text}");
                if together && !reused {
                    // The first request of a connection is seen whole, with all that is behind it.
                    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
                }
                if text.starts_with("HTTP/1.1 400 ") {
                    assert!(
                        text.contains("behind the request for a stream") && http.is_closed().await,
                        "{text}"
                    );
                } else {
                    assert!(text.is_empty() || text.contains("text/event-stream"), "{text}");
                }
                drop(http);
            }
        }
        until("all have left", || async { gateway.subscribers().await == 0 }).await;
    }
    assert!(api.requests().iter().all(|request| request.line().1 != "/behind"));
}

/// One request after the other, and each kind of end between them: what remains is nothing.
#[tokio::test]
async fn many_hand_overs_leave_nothing_behind() {
    let (api, _) = counting(200).await;
    for (gateway, identity) in plain_and_tls(&api).await {
        for round in 0..60 {
            let mut http = connect(&gateway, identity.as_ref()).await;
            http.ask("GET", "/q", &[]).await;
            http.response("GET").await;
            http.ask("GET", "/q", &[STREAM]).await;
            match round % 4 {
                0 => drop(http),
                1 => http.reset(),
                2 => {
                    http.half_close().await;
                    http.rest().await;
                }
                _ => {
                    let mut stream = Stream::answered(http).await;
                    stream.begin().await;
                }
            }
        }
        until("nobody is left", || async { gateway.subscribers().await == 0 }).await;
    }
}
