//! Feeds that are for one caller each are capped, so that they never crowd out what all share; and reports say which
//! they are.

use crate::common::{Api, Http, Setup, Stream, answer, get, ok, until};

async fn echo(fields: &'static str) -> Api {
    Api::serve(move |request| {
        let echo = serde_json::json!({ "who": request.all("authorization") }).to_string();
        answer("200 OK", &format!("Content-Type: application/json\r\n{fields}"), echo)
    })
    .await
}

#[tokio::test]
async fn they_are_capped_and_what_is_shared_is_not() {
    let api = echo("").await;
    let settings = "max_feeds = 4\nmax_private_feeds = 2\n";
    let gateway = Setup::new(api.url()).limits(settings).route("linger = \"0s\"\n").start().await;
    let address = gateway.address;
    let who = |name: &'static str| [("Authorization", name)];
    let mut alice = Stream::open(address, "/q", &who("alice")).await;
    let mut bob = Stream::open(address, "/q", &who("bob")).await;
    alice.begin().await;
    bob.begin().await;

    let mut http = Http::connect(address).await;
    http.ask("GET", "/q", &[("Accept", "text/event-stream"), ("Authorization", "carol")]).await;
    let refused = http.response("GET").await;
    assert_eq!((refused.status, &*refused.problem()), (503, "too-many-feeds"));
    assert!(refused.text().contains("max_private_feeds"), "{}", refused.text());
    assert!(refused.field("retry-after").is_some());
    let read = get(address, "/q", &who("carol")).await;
    assert_eq!(read.field("cache-status"), Some("tidegate; fwd=bypass"));
    assert_eq!(read.json()["who"], serde_json::json!(["carol"]));

    // What is there already has room for more of its caller's, and what all share for all.
    Stream::open(address, "/q", &who("alice")).await.begin().await;
    let mut everyone = Stream::open(address, "/q", &[("Accept-Language", "de")]).await;
    everyone.begin().await;
    drop(bob);
    until("a place is free", || async { gateway.gateway.report().await.len() == 2 }).await;
    Stream::open(address, "/q", &who("carol")).await.begin().await;
}

#[tokio::test]
async fn a_vary_that_forbids_sharing_makes_them_too() {
    let api = echo("Vary: *\r\n").await;
    let gateway = Setup::new(api.url()).limits("max_private_feeds = 1\n").start().await;
    let mut first = Stream::open(gateway.address, "/q", &[]).await;
    first.begin().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[("Accept", "text/event-stream")]).await;
    assert_eq!(http.response("GET").await.problem(), "too-many-feeds");
}

#[tokio::test]
async fn reports_name_what_is_in_a_key_and_never_what_it_holds() {
    let api = Api::serve(|_| ok("{}")).await;
    let gateway = Setup::new(api.url()).start().await;
    let secret =
        [("Authorization", "Bearer s3cret"), ("Cookie", "id=s3cret; s3cret"), ("Accept-Language", "de")];
    let mut private = Stream::open(gateway.address, "/private", &secret).await;
    let mut shared = Stream::open(gateway.address, "/shared", &[("Accept-Language", "de")]).await;
    private.begin().await;
    shared.begin().await;
    let mut reports = gateway.gateway.report().await;
    reports.sort_by(|a, b| a.target.cmp(&b.target));
    let told: Vec<_> = reports.iter().map(|report| (report.shared, report.key_fields.join(", "))).collect();
    assert_eq!(
        told,
        [
            (false, "accept-language, authorization, cookie, cookie id".to_owned()),
            (true, "accept-language".to_owned())
        ]
    );
    assert!(!format!("{reports:?}").contains("s3cret"));
}
