//! Plain reads that wait for something newer.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::common::{
    Api, Cell, Http, Response, Running, Setup, Stream, answer, counting, get, ok, send, until,
};

/// What a client has of `/q`.
async fn tag(gateway: &Running) -> String {
    let response = get(gateway.address, "/q", &[]).await;
    assert_eq!(response.status, 200);
    response.field("etag").expect("it has a tag").to_owned()
}

/// A read that waits, on a connection of its own.
async fn waiting(gateway: &Running, target: &str, fields: &[(&str, &str)]) -> Http {
    let before = gateway.subscribers().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", target, fields).await;
    until("it waits", async || gateway.subscribers().await > before).await;
    http
}

#[tokio::test]
async fn it_is_answered_when_there_is_something_newer() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let tag = tag(&gateway).await;
    let fields = [("If-None-Match", &*tag), ("Prefer", "wait=60")];
    let mut http = waiting(&gateway, "/q", &fields).await;
    number.set(1_u64);
    let newer = http.response("GET").await;
    assert_eq!((newer.status, newer.field("preference-applied")), (200, Some("wait=60")), "{newer:?}");
    assert!(newer.body.starts_with(b"{\"n\":1,"));
    let next = newer.field("etag").unwrap().to_owned();
    assert_ne!(next, tag);
    // Whoever is behind is answered at once, and so is one who has nothing.
    for fields in [&fields[..], &fields[1..], &[("If-None-Match", "\"other\""), fields[1]]] {
        let response = get(gateway.address, "/q", fields).await;
        assert_eq!((response.status, response.field("etag")), (200, Some(&*next)), "{fields:?}");
    }
    // The connection serves what comes next, and every coding and method is waited for.
    http.ask("HEAD", "/q", &[("If-None-Match", &next), ("Prefer", "wait=60"), ("Accept-Encoding", "gzip")])
        .await;
    until("it waits", async || gateway.subscribers().await > 0).await;
    number.set(2_u64);
    let head = http.response("HEAD").await;
    assert_eq!((head.status, head.field("content-encoding")), (200, Some("gzip")), "{head:?}");
    until("nobody waits any more", async || gateway.subscribers().await == 0).await;
    assert!(api.requests().iter().all(|request| request.all("prefer").is_empty()), "it stays here");
}

#[tokio::test]
async fn the_end_of_a_wait_is_a_304() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).limits("max_wait = \"1s\"").start().await;
    let tag = tag(&gateway).await;
    let fields = [("If-None-Match", &*tag), ("Prefer", "wait=3600")];
    let same = get(gateway.address, "/q", &fields).await;
    assert_eq!((same.status, same.field("preference-applied")), (304, Some("wait=1")), "{same:?}");
    assert_eq!(same.field("etag"), Some(&*tag));
    // What says nothing of a wait has none.
    for prefer in ["wait=0", "wait=soon"] {
        let same = get(gateway.address, "/q", &[("If-None-Match", &tag), ("Prefer", prefer)]).await;
        assert_eq!(same.status, 304, "{prefer}");
        let applied = (prefer == "wait=0").then_some("wait=0");
        assert_eq!(same.field("preference-applied"), applied, "{prefer}");
    }
    let by_parameter = get(gateway.address, "/q?tidegate.wait=1", &[("If-None-Match", &tag)]).await;
    assert_eq!((by_parameter.status, by_parameter.field("preference-applied")), (304, None));
}

#[tokio::test]
async fn by_url_all_who_have_the_same_ask_the_same() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).limits("max_wait = \"1s\"").start().await;
    let tag = tag(&gateway).await;
    let target = |tag: &str| format!("/q?tidegate.wait=60&tidegate.after={}", tag.trim_matches('"'));
    let mut http = waiting(&gateway, &target(&tag), &[]).await;
    number.set(1_u64);
    let newer = http.response("GET").await;
    let shared_for_a_second = |response: &Response| {
        let age: u64 = response.field("age").unwrap().parse().unwrap();
        assert_eq!(response.field("cache-control"), Some(&*format!("max-age={}", age + 1)), "{response:?}");
    };
    assert!(newer.status == 200 && newer.body.starts_with(b"{\"n\":1,"), "{newer:?}");
    shared_for_a_second(&newer);
    let next = newer.field("etag").unwrap().to_owned();
    // It has no condition, so the end of the wait is what there is.
    let same = get(gateway.address, &target(&next), &[]).await;
    assert_eq!((same.status, same.field("etag")), (200, Some(&*next)), "{same:?}");
    shared_for_a_second(&same);
    // A cache that asks whether what it keeps is good gets a 304, when the wait is over.
    let kept = get(gateway.address, &target(&next), &[("If-None-Match", &next)]).await;
    assert_eq!(kept.status, 304);
    shared_for_a_second(&kept);
    // What is of one caller is not for others, nor what the origin keeps from them.
    for field in [("Authorization", "Bearer a"), ("Cookie", "a=b"), ("X-Api-Key", "a")] {
        let own = get(gateway.address, &target(&next), &[field]).await;
        assert_eq!((own.status, own.field("cache-control")), (200, Some("private, no-store")), "{field:?}");
    }
    assert!(api.requests().iter().all(|request| request.line().1 == "/q"), "it stays here");
}

#[tokio::test]
async fn what_the_origin_says_of_caches_holds() {
    let control = Cell::<String>::new("private, max-age=60");
    let served = control.clone();
    let api = Api::serve(move |_| {
        let fields = format!(
            "Content-Type: application/json\r\nCache-Control: {}\r\nExpires: Wed, 21 Oct 2037 07:28:00 GMT\r\n\
             CDN-Cache-Control: max-age=600\r\n",
            served.get()
        );
        answer("200 OK", &fields, "[1]")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    for (path, said, expected) in [
        ("/a", "private, max-age=60", "private, no-store"),
        ("/b", "no-store", "private, no-store"),
        ("/c", "no-cache", "private, no-store"),
        ("/d", "max-age=60", "max-age=1"),
        ("/e", "max-age=0", "max-age=0"),
        // What it says to some caches is said to all that stand in front of the gateway.
        ("/f", "max-age=60\r\nCDN-Cache-Control: no-store", "private, no-store"),
        ("/g", "max-age=60\r\nExample-Cache-Control: private", "private, no-store"),
        ("/h", "max-age=60\r\nSurrogate-Control: no-store", "private, no-store"),
        ("/i", "max-age=60\r\nX-Accel-Expires: 0", "private, no-store"),
        ("/j", "max-age=60\r\nX-Accel-Expires: 600\r\nSurrogate-Control: max-age=600", "max-age=1"),
        ("/k", "max-age=60\r\nExample-Cache-Control: max-age=600", "max-age=1"),
    ] {
        control.set(said);
        let target = format!("{path}?tidegate.wait=60&tidegate.after=other");
        let response = get(gateway.address, &target, &[]).await;
        assert_eq!(response.status, 200, "{said}");
        // A busy machine may be a second late.
        let age = response.field("age").map_or(0, |age| age.parse::<u64>().unwrap());
        let expected = match expected.strip_prefix("max-age=") {
            Some(seconds) => format!("max-age={}", seconds.parse::<u64>().unwrap() + age),
            None => expected.to_owned(),
        };
        assert_eq!(response.field("cache-control"), Some(&*expected), "{said}");
        for name in
            ["expires", "cdn-cache-control", "example-cache-control", "surrogate-control", "x-accel-expires"]
        {
            assert!(response.all(name).is_empty(), "{name} in {response:?}");
        }
    }
}

#[tokio::test]
async fn a_hundred_who_wait_cost_the_origin_nothing() {
    let (api, number) = counting(300).await;
    let gateway = Arc::new(Setup::new(api.url()).start().await);
    let tag = tag(&gateway).await;
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let (gateway, tag) = (gateway.clone(), tag.clone());
        readers.spawn(async move {
            let fields = [("If-None-Match", &*tag), ("Prefer", "wait=60")];
            get(gateway.address, "/q", &fields).await
        });
    }
    until("they wait", async || gateway.subscribers().await == 100).await;
    // The first of them has it confirmed, as any subscriber would.
    assert_eq!(api.asked(), 2, "what is kept is good for an hour");
    number.set(1_u64);
    // A write through the gateway has it asked again, and makes something newer of it.
    assert_eq!(send(gateway.address, "PUT", "/q", &[]).await.status, 200);
    while let Some(response) = readers.join_next().await {
        let response = response.unwrap();
        assert!(response.status == 200 && response.body.starts_with(b"{\"n\":1,"), "{response:?}");
    }
    let reads = api.requests().iter().filter(|request| request.line().0 == "GET").count();
    assert_eq!(reads, 3);
}

#[tokio::test]
async fn one_who_leaves_is_gone_and_the_limits_count_them() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).limits("max_streams = 2").start().await;
    let tag = tag(&gateway).await;
    let fields = [("If-None-Match", &*tag), ("Prefer", "wait=60")];
    let first = waiting(&gateway, "/q", &fields).await;
    let target = format!("/q?tidegate.wait=60&tidegate.after={}", tag.trim_matches('"'));
    let second = waiting(&gateway, &target, &[]).await;
    let refused = get(gateway.address, "/q", &fields).await;
    assert_eq!((refused.status, &*refused.problem()), (503, "too-many-streams"));
    assert!(refused.field("retry-after").is_some());
    drop(first);
    until("one is gone", async || gateway.subscribers().await == 1).await;
    drop(second);
    until("both are gone", async || gateway.subscribers().await == 0).await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
}

#[tokio::test]
async fn a_failure_is_waited_out_and_lost_authority_is_not() {
    let status = Cell::<String>::new("200 OK");
    let served = status.clone();
    let fields = "Content-Type: application/json\r\nCache-Control: public\r\n";
    let api = Api::serve(move |_| answer(&served.get(), fields, "[1]")).await;
    let gateway = Setup::lively(api.url()).start().await;
    let own = ("Authorization", "Bearer a");
    let tag = get(gateway.address, "/q", &[own]).await.field("etag").unwrap().to_owned();
    let mut http = waiting(&gateway, "/q", &[own, ("If-None-Match", &tag), ("Prefer", "wait=60")]).await;
    let mut watching = Stream::open(gateway.address, "/q", &[own]).await;
    watching.begin().await;
    status.set("503 Service Unavailable");
    while watching.expect("status").await.state() != "stale" {}
    assert_eq!(gateway.subscribers().await, 2, "it waits on");
    status.set("403 Forbidden");
    let refused = http.response("GET").await;
    assert_eq!(refused.status, 403, "{refused:?}");
}

#[tokio::test]
async fn a_gateway_that_closes_answers_those_who_wait() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let tag = tag(&gateway).await;
    let mut by_tag = waiting(&gateway, "/q", &[("If-None-Match", &tag), ("Prefer", "wait=60")]).await;
    let target = format!("/q?tidegate.wait=60&tidegate.after={}", tag.trim_matches('"'));
    let mut by_url = waiting(&gateway, &target, &[]).await;
    let asked = api.asked();
    let closed = tokio::spawn(gateway.close());
    let same = by_tag.response("GET").await;
    assert_eq!((same.status, same.field("etag")), (304, Some(&*tag)));
    let refused = by_url.response("GET").await;
    assert_eq!((refused.status, &*refused.problem()), (503, "shutting-down"));
    closed.await.unwrap();
    assert_eq!(api.asked(), asked, "the origin is not asked by all of them at once");
}
