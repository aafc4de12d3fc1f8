//! What a route may say about what chooses the content, over real HTTP: query parameters and cookies that do not
//! matter reach neither the key nor the origin; everything else does.

use futures_util::future::join_all;

use crate::common::{Api, Gate, Http, Setup, Stream, get, ok, send, until};

/// An API that answers with what it was asked.
async fn echo() -> Api {
    Api::serve(|request| {
        let (_, target) = request.line();
        ok(serde_json::json!({ "target": target, "cookies": request.all("cookie") }).to_string())
    })
    .await
}

#[tokio::test]
async fn ignored_parameters_reach_nobody() {
    let api = echo().await;
    let gateway = Setup::new(api.url()).route("ignore_query = [\"_\", \"utm_*\"]\n").start().await;
    let mut stream = Stream::open(gateway.address, "/q?a=1&a=2&_=1", &[]).await;
    let snapshot = stream.expect("snapshot").await;
    assert!(snapshot.data.contains("\"/q?a=1&a=2\""), "{snapshot:?}");
    for target in [
        "/q?a=1&a=2",
        "/q?_=17&a=1&a=2",
        "/q?a=1&%5f=2&a=2",
        "/q?utm_source=x&a=1&utm_%63ampaign=y&a=2",
        "/q?a=1&a=2&tidegate.last-event-id=x&_",
        "http://other.test/q?a=1&a=2&_=9",
    ] {
        let read = get(gateway.address, target, &[]).await;
        assert_eq!(read.json()["target"], "/q?a=1&a=2", "{target}");
        assert_eq!(read.field("cache-status"), Some("tidegate; hit"), "{target}");
    }
    assert_eq!(api.asked(), 1);
    // What is not beyond doubt an ignored parameter is another resource, byte for byte.
    for target in [
        "/q?a=2&a=1",
        "/q?a=1&a=2&",
        "/q?a=%31&a=2",
        "/q?a=1&a=2;_=1",
        "/q?a=1&a=2&__=1",
        "/q?a=1&a=2&_[]=1",
        "/q?a=1+&a=2",
    ] {
        let read = get(gateway.address, target, &[]).await;
        assert_eq!(read.json()["target"], target);
    }
    assert_eq!(api.asked(), 8);
}

#[tokio::test]
async fn what_is_passed_through_keeps_its_parameters_and_cookies() {
    let api = echo().await;
    let settings = "ignore_query = [\"_\"]\ncookies = [\"session\"]\n";
    let gateway = Setup::new(api.url()).route(settings).start().await;
    for (method, fields) in [("POST", &[][..]), ("DELETE", &[]), ("GET", &[("Range", "bytes=0-1")])] {
        let fields = [&[("Cookie", "_ga=1; session=a")], fields].concat();
        send(gateway.address, method, "/q?_=1&a", &fields).await;
        let requests = api.requests();
        let last = requests.last().unwrap();
        assert_eq!(last.line(), (method, "/q?_=1&a"));
        assert_eq!(last.all("cookie"), ["_ga=1; session=a"]);
    }
}

#[tokio::test]
async fn cookies_that_do_not_matter_do_not_split_a_feed() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).route("cookies = []\n").start().await;
    let mut waiting = Vec::new();
    for number in 0..100 {
        let mut http = Http::connect(gateway.address).await;
        let cookie = format!("_ga={number}; theme=dark");
        http.ask("GET", "/quotes", &[("Accept", "text/event-stream"), ("Cookie", &cookie)]).await;
        waiting.push(http);
    }
    until("all wait for the one fetch", || async { gateway.subscribers().await == 100 }).await;
    gate.open();
    for http in waiting {
        let mut stream = Stream::answered(http).await;
        let snapshot = stream.expect("snapshot").await;
        assert!(!snapshot.data.contains("_ga"), "{snapshot:?}");
    }
    assert_eq!(api.asked(), 1);
}

#[tokio::test]
async fn callers_are_told_apart_by_the_cookies_that_matter() {
    // The origin says that cookies choose its answers: of those that reach it, that is.
    let api = Api::serve(|request| {
        let echo = serde_json::json!({ "cookies": request.all("cookie") }).to_string();
        crate::common::answer("200 OK", "Content-Type: application/json\r\nVary: Cookie\r\n", echo)
    })
    .await;
    let gateway = Setup::new(api.url()).route("cookies = [\"session\"]\n").start().await;
    for (cookies, expected) in [
        (&[][..], &[][..]),
        (&["_ga=1"], &[]),
        (&["_ga=1; session=alice"], &["session=alice"]),
        (&["session=alice; _ga=2"], &["session=alice"]),
        (&["_ga=3", "session=alice"], &["session=alice"]),
        (&["session=bob"], &["session=bob"]),
        (&["session=alice; session=bob"], &["session=alice; session=bob"]),
        (&["session=bob; session=alice"], &["session=bob; session=alice"]),
        (&["session=bob", "session=alice"], &["session=bob; session=alice"]),
        (&["session=\"alice\""], &["session=\"alice\""]),
        (&["Session=alice"], &[]),
        (&["session = alice"], &["session = alice"]),
        (&["$Version=1; session=alice; $Path=/"], &["$Version=1; session=alice; $Path=/"]),
        (&["_ga=\"1; session=alice\""], &["_ga=\"1; session=alice\""]),
        (&["_ga=1, session=alice"], &["_ga=1, session=alice"]),
        (&["alice"], &["alice"]),
        (&["=alice"], &["=alice"]),
    ] {
        let fields: Vec<_> = cookies.iter().map(|cookie| ("Cookie", *cookie)).collect();
        let read = get(gateway.address, "/q", &fields).await;
        assert_eq!(read.json()["cookies"], serde_json::json!(expected), "{cookies:?}");
        let mut stream = Stream::open(gateway.address, "/q", &fields).await;
        let snapshot = stream.expect("snapshot").await;
        assert_eq!(snapshot.data, serde_json::json!({ "cookies": expected }).to_string(), "{cookies:?}");
    }
}

#[tokio::test]
async fn two_sessions_never_meet_whatever_else_they_send() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway =
        Setup::new(api.url()).route("cookies = [\"session\"]\nignore_query = [\"_\"]\n").start().await;
    let address = gateway.address;
    let asked = (0..40).map(|number: usize| async move {
        let who = ["alice", "bob"][number % 2];
        let cookie = format!("_ga={number}; session={who}; theme=x{number}");
        let read = get(address, &format!("/q?_={number}"), &[("Cookie", &*cookie)]).await;
        (who, ["bob", "alice"][number % 2], read.text().to_owned())
    });
    let all = tokio::spawn(join_all(asked));
    api.was_asked(2).await;
    gate.open();
    for (own, other, text) in all.await.unwrap() {
        assert!(text.contains(own) && !text.contains(other), "{own}: {text}");
    }
}
