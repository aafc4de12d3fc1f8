//! How often the origin is asked, as far as clients are told and can say it.

use crate::common::{Api, Setup, Stream, answer, get, ok};

/// What a status says of it.
fn fresh_within(event: &crate::common::Event) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!((event.kind.as_str(), &status["state"]), ("status", &"live".into()), "{event:?}");
    status["fresh_within_ms"].as_u64().unwrap()
}

#[tokio::test]
async fn a_subscriber_asks_for_less_and_the_most_demanding_one_decides() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).polling("100ms").route("poll_max = \"200ms\"\n").start().await;
    let max_age = ("Cache-Control", "max-age=100");
    let mut content = Stream::open(gateway.address, "/q", &[max_age]).await;
    assert_eq!(fresh_within(&content.begin().await.1), 105_000);
    // As a browser says it, which sends `no-cache` by itself.
    let target = "/q?tidegate.max-age=40";
    let mut another = Stream::open(gateway.address, target, &[("Cache-Control", "no-cache")]).await;
    assert_eq!(fresh_within(&another.begin().await.1), 42_000);
    assert_eq!(fresh_within(&content.event().await), 42_000);
    let mut demanding = Stream::open(gateway.address, "/q", &[]).await;
    assert_eq!(fresh_within(&demanding.begin().await.1), 210);
    assert_eq!(fresh_within(&content.event().await), 210);
    drop((demanding, another));
    // They leave one after the other, or together; in the end nobody is left but the first.
    while fresh_within(&content.event().await) != 105_000 {}
    assert_eq!(api.requests().iter().filter(|request| request.line().1 != "/q").count(), 0, "it stays here");
}

#[tokio::test]
async fn what_is_no_number_of_seconds_is_refused() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for value in ["", "x", "-1", "1.5"] {
        let target = format!("/q?tidegate.max-age={value}");
        let refused = get(gateway.address, &target, &[("Accept", "text/event-stream")]).await;
        assert_eq!((refused.status, &*refused.problem()), (400, "bad-option"), "{value}");
    }
    assert_eq!(api.asked(), 0);
}

#[tokio::test]
async fn a_lifetime_is_obeyed_unless_the_route_says_otherwise() {
    let api = Api::serve(|_| {
        answer(
            "200 OK",
            "Content-Type: application/json\r\nCache-Control: max-age=600\r\nAge: 100\r\n",
            "[1]",
        )
    })
    .await;
    let gateway = Setup::new(api.url())
        .polling("50ms")
        .more("[[route]]\npath = \"/soon\"\norigin = \"api\"\npoll = \"50ms\"\nobey_lifetime = false\n")
        .start()
        .await;
    let mut patient = Stream::open(gateway.address, "/q", &[]).await;
    assert_eq!(fresh_within(&patient.begin().await.1), 630_000);
    let mut other = Stream::open(gateway.address, "/soon", &[]).await;
    assert_eq!(fresh_within(&other.begin().await.1), 105);
    let asked = |path: &str| api.requests().iter().filter(|request| request.line().1 == path).count();
    crate::common::until("it is polled", || async { asked("/soon") >= 10 }).await;
    assert_eq!(asked("/q"), 1);
}
