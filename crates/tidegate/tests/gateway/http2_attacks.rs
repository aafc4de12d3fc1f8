//! What clients of HTTP/2 may try: floods, and requests that two readers could take for two.

use crate::common::http2::{Events, Frame, Http2, block, frame, frames, headers, preface, request};
use crate::common::{Api, Http, Identity, Running, Setup, counted, counting, until, within};

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/q"), (":authority", "h")];

/// `RST_STREAM` with `CANCEL`.
fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &8_u32.to_be_bytes())
}

/// The code of the `GOAWAY` that came last, which must be there.
#[track_caller]
fn goodbye(all: &[Frame]) -> u32 {
    let last = all.iter().rfind(|frame| frame.kind == 7).unwrap_or_else(|| panic!("no GOAWAY in {all:?}"));
    u32::from_be_bytes(last.payload[4..8].try_into().unwrap())
}

const PROTOCOL_ERROR: u32 = 1;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A gateway with somebody on it who must not notice anything.
async fn with_a_witness(api: &Api, limits: &str) -> (Running, Http2, Events) {
    let gateway = Setup::lively(api.url()).limits(limits).start().await;
    let mut witness = Http2::connect(gateway.address).await;
    let mut stream = witness.stream("/q", &[]).await;
    stream.begun().await;
    (gateway, witness, stream)
}

/// All frames until the gateway closes.
async fn until_closed(http: &mut Http) -> Vec<Frame> {
    frames(&http.rest().await)
}

#[tokio::test]
async fn resets_in_one_go() {
    let (api, number) = counting(200).await;
    let (gateway, mut witness, mut stream) = with_a_witness(&api, "").await;
    let mut http = Http::connect(gateway.address).await;
    let mut flood = preface();
    for stream in (1..2000).step_by(2) {
        flood.extend(headers(stream, &GET));
        flood.extend(reset(stream));
    }
    http.try_send(flood).await;
    assert_eq!(goodbye(&until_closed(&mut http).await), ENHANCE_YOUR_CALM);
    number.set(1_u64);
    assert_eq!(stream.expect("patch").await.data, counted(1));
    assert_eq!(witness.ask("GET", "/q", &[]).await.status, 200);
}

/// Each is under way when it is called off, so that hyper has nothing against it.
#[tokio::test]
async fn resets_one_by_one() {
    let gate = crate::common::Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).limits("max_h2_streams = 1\n").start().await;
    let mut client = Http2::connect(gateway.address).await;
    let mut sent = 0;
    while !client.is_over() {
        let Ok(ready) = within("there is room", client.requests.clone().ready()).await else { break };
        client.requests = ready;
        let Ok((answer, _)) = client.requests.send_request(request("POST", "/q", &[]), true) else { break };
        sent += 1;
        until("it is asked or has enough", || async { api.asked() >= sent || client.is_over() }).await;
        drop(answer);
        assert!(sent < 200, "nobody stops it");
    }
    assert!(sent > 2, "two in a second are fine: {sent}");
    gate.open();
    assert_eq!(Http2::connect(gateway.address).await.ask("GET", "/q", &[]).await.status, 200);
}

#[tokio::test]
async fn floods_of_other_frames() {
    let (api, number) = counting(200).await;
    let (gateway, _witness, mut stream) = with_a_witness(&api, "").await;
    // A head without an end: fields are bounded, and so is the number of frames that bring none.
    let endless = |fragment: &[u8]| {
        let mut flood = [preface(), frame(1, 0x1, 1, &block(&GET))].concat();
        for _ in 0..4000 {
            flood.extend(frame(9, 0, 1, fragment));
        }
        flood
    };
    let filler = block(&[("x", &"y".repeat(100))]);
    // Nobody reads the answers, so that they pile up on one side or the other.
    let pings = [preface(), frame(6, 0, 0, &[7; 8]).repeat(20_000)].concat();
    let settings = [preface(), frame(4, 0, 0, &[]).repeat(20_000)].concat();
    for (flood, is_refused) in
        [(endless(&filler), true), (endless(&[]), true), (pings, false), (settings, false)]
    {
        let mut http = Http::connect(gateway.address).await;
        http.try_send(flood).await;
        if is_refused {
            let all = until_closed(&mut http).await;
            assert!(
                [PROTOCOL_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM].contains(&goodbye(&all)),
                "{all:?}"
            );
        }
        number.set(number.get() + 1);
        stream.expect("patch").await;
    }
}

/// What happens to the one request in these frames: the answer's status is not told, whether it is reset is.
async fn fate(gateway: &Running, sent: Vec<u8>) -> &'static str {
    let mut http = Http::connect(gateway.address).await;
    // A ping behind it: by its answer the request was judged, and the answer to a refused one is there.
    http.try_send([preface(), sent].concat()).await;
    let mut read = Vec::new();
    loop {
        let all = frames(&read);
        if all.iter().any(|frame| frame.kind == 7) {
            return "goodbye";
        }
        if all.iter().any(|frame| frame.kind == 3 && frame.stream == 1) {
            return "reset";
        }
        if all.iter().any(|frame| frame.kind == 1 && frame.stream == 1) {
            return "answer";
        }
        match http.some().await {
            Some(bytes) => read.extend(bytes),
            None => return "closed",
        }
    }
}

#[tokio::test]
async fn requests_that_could_be_two() {
    let api =
        Api::serve(|request| crate::common::ok(serde_json::json!({ "head": request.head }).to_string()))
            .await;
    let gateway = Setup::new(api.url()).start().await;
    let with = |more: &[(&str, &str)]| headers(1, &[&GET[..], more].concat());
    let post = |length: &str, content: &[u8]| {
        let mut fields = GET;
        fields[0].1 = "POST";
        let fields = [&fields[..], &[("content-length", length)]].concat();
        [frame(1, 0x4, 1, &block(&fields)), frame(0, 0x1, 1, content)].concat()
    };
    let mut twice = GET.to_vec();
    twice.insert(1, (":method", "POST"));
    assert_eq!(fate(&gateway, with(&[("x-a", "b")])).await, "answer", "a proper one");
    assert_eq!(fate(&gateway, post("3", b"abc")).await, "answer", "a proper content");
    let asked = api.asked();
    for (what, sent) in [
        ("a line end in a value", with(&[("x-a", "b\r\nx-c: d")])),
        ("a bare LF in a value", with(&[("x-a", "b\nGET / HTTP/1.1")])),
        ("a NUL in a value", with(&[("x-a", "b\0c")])),
        ("a line end in a name", with(&[("x-a\r\nx-c", "d")])),
        ("a colon in a name", with(&[("x-a: b", "d")])),
        ("an upper-case name", with(&[("X-A", "b")])),
        ("chunks", with(&[("transfer-encoding", "chunked")])),
        ("a connection's option", with(&[("connection", "x-a"), ("x-a", "b")])),
        ("an upgrade", with(&[("upgrade", "websocket")])),
        ("a coding of the connection", with(&[("te", "gzip")])),
        ("a length without a content", with(&[("content-length", "5")])),
        ("a length that is none", with(&[("content-length", "5x")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "5")])),
        ("less than was said", post("5", b"abc")),
        ("more than was said", post("2", b"abc")),
        ("two methods", headers(1, &twice)),
        ("a pseudo-field behind a field", headers(1, &[&GET[..3], &[("x", "y")], &GET[3..]].concat())),
        ("an unknown pseudo-field", with(&[(":x", "y")])),
        ("no path", headers(1, &[GET[0], GET[1], GET[3]])),
        ("an empty path", headers(1, &[GET[0], GET[1], (":path", ""), GET[3]])),
        ("a path with a space", headers(1, &[GET[0], GET[1], (":path", "/a HTTP/1.1\r\nx: y"), GET[3]])),
        (
            "a protocol inside",
            headers(1, &[(":method", "CONNECT"), (":protocol", "websocket"), GET[1], GET[2], GET[3]]),
        ),
    ] {
        let fate = fate(&gateway, sent).await;
        assert!(["goodbye", "reset", "closed"].contains(&fate), "{what}: {fate}");
    }
    for (what, sent) in [
        ("two hosts", with(&[("host", "a")])),
        ("two hosts in fields", with(&[("host", "h"), ("host", "h")])),
        ("no host", headers(1, &GET[..3])),
        ("a tunnel", headers(1, &[(":method", "CONNECT"), (":authority", "h:1")])),
    ] {
        assert_eq!(fate(&gateway, sent).await, "answer", "{what}: it is told why");
    }
    // A content that does not fit may have been begun; a head that does not fit never reached anybody.
    let reached = api.requests().split_off(asked);
    assert!(reached.iter().all(|request| request.line().0 == "POST"), "{reached:?}");
    assert!(reached.iter().all(|request| !request.body.starts_with(b"abc")), "{reached:?}");
}

#[tokio::test]
async fn over_tls_it_has_to_be_agreed_on() {
    let (api, _) = counting(200).await;
    let identity = Identity::new();
    let gateway = Setup::new(api.url()).tls(&identity).start().await;
    let mut http = Http::connect_tls(gateway.address, &identity).await;
    http.send([preface(), headers(1, &GET)].concat()).await;
    let rest = http.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{rest:?}");
}
