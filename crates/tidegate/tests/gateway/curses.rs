//! Every way an origin can fail that an operator has cursed, and back: a live stream is told each by its code, keeps its
//! data, and recovers by itself.

use tidegate_testkit::{OriginConnection, ScriptedOrigin};
use tidegate_wire::ProblemKind;

use crate::common::{Api, Cell, Replica, Running, Setup, Stream, answer, get, ok, within};

/// What the origin does with its connection after it has answered.
#[derive(Debug, Clone, Copy)]
enum Then {
    Waits,
    Closes,
    Resets,
    SaysNoMore,
}

/// What is wrong with the origin.
#[derive(Debug, Clone)]
struct Curse {
    name: &'static str,
    bytes: Vec<u8>,
    then: Then,
    code: &'static str,
    origin_status: Option<u64>,
}

/// An answer that is complete, and an origin that goes on.
fn answers(name: &'static str, code: &'static str, bytes: impl Into<Vec<u8>>) -> Curse {
    Curse { name, bytes: bytes.into(), then: Then::Waits, code, origin_status: None }
}

/// Bytes, after which the origin does something else than wait for the next request.
fn breaks(name: &'static str, code: &'static str, bytes: &str, then: Then) -> Curse {
    Curse { then, ..answers(name, code, bytes) }
}

/// An answer with this status.
fn status(code: &'static str, status: &'static str, fields: &str) -> Curse {
    let number = status.split(' ').next().and_then(|number| number.parse().ok());
    Curse { origin_status: number, ..answers(status, code, answer(status, fields, "sorry")) }
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// What a healthy origin serves.
fn good(number: u64) -> String {
    format!("{{\"n\":{number},\"padding\":\"{}\"}}", "x".repeat(100))
}

/// An origin at an address of its own that answers with the number, or as it is cursed to.
async fn cursed(origin: ScriptedOrigin, number: Cell<u64>, curse: Cell<Option<Curse>>) {
    loop {
        let connection = origin.accept().await;
        tokio::spawn(serve(connection, number.clone(), curse.clone()));
    }
}

async fn serve(mut connection: OriginConnection, number: Cell<u64>, curse: Cell<Option<Curse>>) {
    while connection.request().await.is_some() {
        let Some(curse) = curse.get() else {
            if connection.try_send(&ok(good(number.get()))).await.is_err() {
                return;
            }
            continue;
        };
        let _ = connection.try_send(&curse.bytes).await;
        match curse.then {
            Then::Waits => {}
            Then::Closes => return,
            Then::Resets => return connection.reset(),
            Then::SaysNoMore => return connection.closed().await,
        }
    }
}

/// The failures that were counted, by code.
fn counted(gateway: &Running) -> Vec<(ProblemKind, u64)> {
    gateway.gateway.route_stats("/q").expect("the route is live").failed.iter().collect()
}

/// A watched resource whose origin suffers one after the other, and recovers each time.
async fn suffer(curses: Vec<Curse>) {
    let origin = ScriptedOrigin::bind().await;
    let (number, curse) = (Cell::<u64>::new(0u64), Cell::<Option<Curse>>::new(None));
    let gateway = Setup::new(origin.url())
        .polling("100ms")
        .origin("connect_timeout = \"200ms\"\nhead_timeout = \"200ms\"\nbody_timeout = \"200ms\"\n")
        .limits("max_body = \"64 KiB\"\n")
        .route("expect = { pointer = [\"/n\"] }\n")
        .start()
        .await;
    let origin = tokio::spawn(cursed(origin, number.clone(), curse.clone()));
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let mut replica = Replica::default();
    replica.catch_up(&mut stream, &good(0)).await;
    for (index, present) in curses.into_iter().enumerate() {
        let (name, code) = (present.name, format!("urn:tidegate:problem:{}", present.code));
        let before = counted(&gateway);
        curse.set(Some(present.clone()));
        let told = loop {
            let event = within(name, stream.event()).await;
            replica.take(&event);
            if event.kind == "status" && event.state() != "live" {
                break event.status();
            }
        };
        assert_eq!(told["cause"]["type"], code, "{name}: {told}");
        assert_eq!(told["cause"]["origin_status"].as_u64(), present.origin_status, "{name}: {told}");
        assert_eq!(told["state"], if present.code == "gone" { "gone" } else { "stale" }, "{name}: {told}");
        let is_being_asked = matches!(present.then, Then::SaysNoMore);
        assert!(told["retry_in_ms"].is_u64() || is_being_asked, "{name}: {told}");
        assert!(!told.to_string().contains("sorry"), "{name}: {told}");
        assert_eq!(replica.text(), good(index as u64), "{name}: the data stays");
        if present.code != "gone" {
            let mut late = Stream::open(gateway.address, "/q", &[]).await;
            let (held, state) = late.begin().await;
            assert_eq!((held.data, state.state()), (good(index as u64), "stale".to_owned()), "{name}");
            let plain = get(gateway.address, "/q", &[]).await;
            assert_eq!((plain.status, plain.text()), (200, &*good(index as u64)), "{name}");
            assert_eq!(plain.field("cache-status"), Some("tidegate; hit; detail=stale-if-error"), "{name}");
        }
        // The only kind that was counted; what it reached was its own fault.
        let kind = ProblemKind::from_code(present.code).expect("a code of ours");
        let after = counted(&gateway);
        let grown: Vec<_> =
            after.iter().filter(|count| !before.contains(count)).map(|(kind, _)| *kind).collect();
        assert_eq!(grown, [kind], "{name}");

        number.set(index as u64 + 1);
        curse.set(None);
        let mut state = String::new();
        while replica.text() != good(index as u64 + 1) || state != "live" {
            let event = within(name, stream.event()).await;
            replica.take(&event);
            if event.kind == "status" {
                state = event.state();
            }
        }
    }
    let stats = gateway.gateway.route_stats("/q").expect("the route is live");
    assert_eq!(stats.failures, stats.failed.iter().map(|(_, count)| count).sum::<u64>());
    origin.abort();
}

#[tokio::test]
async fn answers_that_never_came() {
    suffer(vec![
        breaks("it closes", "origin-no-answer", "", Then::Closes),
        breaks("it resets", "origin-no-answer", "", Then::Resets),
        breaks("it hangs", "origin-timeout", "", Then::SaysNoMore),
        breaks("it hangs in its head", "origin-timeout", "HTTP/1.1 200 OK\r\n", Then::SaysNoMore),
        breaks("it closes in its head", "origin-no-answer", "HTTP/1.1 200 O", Then::Closes),
        answers("it speaks something else", "origin-not-http", "220 mail.example.com ESMTP\r\n"),
        answers(
            "two lengths",
            "origin-not-http",
            format!("{JSON}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
        ),
        answers("a 304 that nobody asked for", "origin-not-http", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        answers(
            "a switch of protocols",
            "origin-not-http",
            "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        ),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_broke_off() {
    let (sized, chunked) = (
        format!("{JSON}Content-Length: 20\r\n\r\n{{\"n\":7}}"),
        format!("{JSON}Transfer-Encoding: chunked\r\n\r\n7\r\n{{\"n\":7}}\r\n"),
    );
    suffer(vec![
        breaks("chunks without the last", "origin-truncated", &chunked, Then::Closes),
        breaks("a reset within the body", "origin-truncated", &sized, Then::Resets),
        breaks("shorter than it says", "origin-wrong-length", &sized, Then::Closes),
        breaks("it hangs in its body", "origin-body-timeout", &sized, Then::SaysNoMore),
        breaks("it hangs between chunks", "origin-body-timeout", &chunked, Then::SaysNoMore),
        answers(
            "a chunk of no size",
            "origin-not-http",
            format!("{JSON}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_are_something_else() {
    let page = answer("200 OK", "Content-Type: text/html\r\n", "<h1>sorry</h1>");
    let large = ok(format!("[{}1]", "1,".repeat(40_000)));
    suffer(vec![
        answers(
            "not in its coding",
            "origin-undecodable",
            answer("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{\"n\":7}"),
        ),
        answers("half of a document", "origin-malformed", ok("{\"n\":[1,2,")),
        answers("nothing at all", "origin-malformed", ok("")),
        answers("an error page in JSON's clothes", "origin-malformed", ok("<h1>sorry</h1>")),
        answers("an error page", "origin-type-changed", page),
        answers(
            "a picture",
            "origin-not-streamable",
            answer("200 OK", "Content-Type: image/png\r\n", "sorry"),
        ),
        answers("too much", "origin-too-large", large),
        answers("a sudden null", "origin-unexpected", ok("null")),
        answers("an envelope around an error", "origin-unexpected", ok("{\"error\":\"sorry\"}")),
        answers("null where data was", "origin-unexpected", ok("{\"n\":null}")),
    ])
    .await;
}

#[tokio::test]
async fn answers_of_another_status() {
    suffer(vec![
        status("origin-error", "500 Internal Server Error", ""),
        status("origin-error", "503 Service Unavailable", "Retry-After: 0\r\n"),
        status("origin-rate-limited", "429 Too Many Requests", "Retry-After: 1\r\n"),
        status("origin-rejected", "400 Bad Request", ""),
        status("origin-rejected", "407 Proxy Authentication Required", ""),
        status("origin-refused", "401 Unauthorized", ""),
        status("origin-refused", "403 Forbidden", ""),
        status("origin-redirected", "302 Found", "Location: /login\r\n"),
        Curse {
            bytes: b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            ..status("origin-no-content", "204 No Content", "")
        },
        status("gone", "404 Not Found", ""),
        status("gone", "410 Gone", ""),
    ])
    .await;
}

#[tokio::test]
async fn an_origin_that_goes_away_and_comes_back() {
    let origin = ScriptedOrigin::bind().await;
    let address = origin.address();
    let gateway = Setup::new(origin.url()).polling("100ms").start().await;
    let served = origin.serve(|_| ok(good(0)));
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    drop(served);
    loop {
        let told = stream.expect("status").await.status();
        assert_eq!(told["state"], "stale");
        // The connection that it had ends first.
        if told["cause"]["type"] == "urn:tidegate:problem:origin-unreachable" {
            break;
        }
    }
    let _served = ScriptedOrigin::bind_again(address).await.serve(|_| ok(good(1)));
    let snapshot = stream.after("stale").await;
    assert_eq!((&*snapshot.kind, stream.expect("status").await.state()), ("patch", "live".to_owned()));
}

#[tokio::test]
async fn what_keeps_a_stream_from_beginning() {
    let silent = ScriptedOrigin::bind().await;
    let plain = ScriptedOrigin::bind().await;
    let plain_url = plain.url();
    let plain = tokio::spawn(async move {
        loop {
            let _ =
                plain.accept().await.try_send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let https = |url: String| url.replace("http:", "https:");
    for (url, status, code) in [
        ("http://nobody.invalid".to_owned(), 502, "origin-unresolved"),
        (https(silent.url()), 504, "origin-connect-timeout"),
        (https(plain_url), 502, "origin-tls"),
    ] {
        let gateway = Setup::new(url).origin("connect_timeout = \"300ms\"\n").start().await;
        for fields in [&[("Accept", "text/event-stream")][..], &[]] {
            let refused = get(gateway.address, "/q", fields).await;
            assert_eq!((refused.status, &*refused.problem()), (status, code));
        }
        let kind = ProblemKind::from_code(code).expect("a code of ours");
        assert_eq!(counted(&gateway), [(kind, 2)]);
    }
    plain.abort();
}

#[tokio::test]
async fn a_flapping_origin_does_not_make_its_clients_flap() {
    let asked = Cell::<u64>::new(0u64);
    let counter = asked.clone();
    let api = Api::serve(move |_| {
        let number = counter.get() + 1;
        counter.set(number);
        match number % 2 {
            1 => ok(good(number)),
            _ => answer("500 Internal Server Error", "", "sorry"),
        }
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let mut told = 0;
    for _ in 0..10 {
        let event = stream.event().await;
        told += usize::from(event.kind == "status");
    }
    assert_eq!(told, 0, "ten updates, and a failure before each");
}

#[tokio::test]
async fn what_is_not_expected_reaches_nobody() {
    let body = Cell::<String>::new("{\"error\":\"sorry\"}");
    let (served, media) = (body.clone(), Cell::<String>::new("application/json"));
    let named = media.clone();
    let api =
        Api::serve(move |_| answer("200 OK", &format!("Content-Type: {}\r\n", named.get()), served.get()))
            .await;
    let expect = "expect = { type = \"application/json\", pointer = [\"/n\"] }\nlinger = \"1m\"\n";
    let gateway = Setup::new(api.url()).route(expect).start().await;
    for fields in [&[("Accept", "text/event-stream")][..], &[]] {
        let refused = get(gateway.address, "/q", fields).await;
        assert_eq!((refused.status, &*refused.problem()), (502, "origin-unexpected"));
        assert!(!refused.text().contains("sorry"), "{refused:?}");
    }
    media.set("text/html");
    let refused = get(gateway.address, "/q", &[]).await;
    assert_eq!(
        (refused.status, &*refused.problem()),
        (502, "origin-unexpected"),
        "there is nothing good yet"
    );
    media.set("application/json");
    body.set(good(1));
    assert_eq!(get(gateway.address, "/q", &[]).await.text(), good(1));
    for poisoned in ["null", "{\"error\":\"sorry\"}"] {
        body.set(poisoned);
        let plain = get(gateway.address, "/q", &[]).await;
        assert_eq!((plain.status, plain.text()), (200, &*good(1)));
        assert_eq!(plain.field("cache-status"), Some("tidegate; fwd=stale; detail=stale-if-error"));
    }
}
