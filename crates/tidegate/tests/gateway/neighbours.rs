//! One bad feed harms no other: what a neighbour does to the origin, or makes the gateway do, is the neighbour's.

use std::future::pending;

use super::common::{Api, Cell, Http, Replica, Setup, Stream, counted, ok, until};

/// Very many feeds cost what their polls cost; this is about what they take from others besides.
const MANY: &str = "[[route]]\npath = \"/many/**\"\norigin = \"api\"\npoll = \"2s\"\n";

/// A number that the test counts up under `/good`, beside what its neighbours make of the rest.
async fn town() -> (Api, Cell<u64>) {
    let number = Cell::<u64>::new(0_u64);
    let served = number.clone();
    let versions = Cell::<u64>::new(0_u64);
    let api = Api::start(move |request| {
        let (served, versions) = (served.clone(), versions.clone());
        async move {
            let target = request.line().1;
            match target.split('/').nth(1) {
                Some("hangs") => pending().await,
                Some("big") => {
                    versions.set(versions.get() + 1);
                    let row = format!("{{\"version\":{},\"text\":\"{}\"}}", versions.get(), "x".repeat(1000));
                    ok(format!("[{}]", vec![row; 800].join(",")))
                }
                Some("good") => ok(format!("{{\"n\":{},\"fill\":\"{}\"}}", served.get(), "x".repeat(100))),
                _ => ok(format!("\"{target}\"")),
            }
        }
    })
    .await;
    (api, number)
}

/// The good one is told of each change, one after the other.
async fn stays_fresh(stream: &mut Stream, number: &Cell<u64>) {
    for _ in 0..20 {
        let next = number.get() + 1;
        number.set(next);
        assert_eq!(stream.after("live").await.data, counted(next));
    }
}

#[tokio::test]
async fn feeds_whose_origin_hangs() {
    let (api, number) = town().await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut good = Stream::open(gateway.address, "/good", &[]).await;
    good.begin().await;
    let mut hanging = Vec::new();
    for feed in 0..100 {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", &format!("/hangs/{feed}"), &[("Accept", "text/event-stream")]).await;
        hanging.push(http);
    }
    until("all neighbours wait", || async { gateway.subscribers().await == 101 }).await;
    stays_fresh(&mut good, &number).await;
    // Somebody new finds room as well.
    let mut another = Stream::open(gateway.address, "/new", &[]).await;
    assert_eq!(another.begin().await.0.data, "\"/new\"");
}

#[tokio::test]
async fn a_big_document_that_is_new_each_time() {
    let (api, number) = town().await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut good = Stream::open(gateway.address, "/good", &[]).await;
    good.begin().await;
    let mut big = Stream::open(gateway.address, "/big", &[]).await;
    let mut replica = Replica::default();
    replica.take(&big.expect("snapshot").await);
    stays_fresh(&mut good, &number).await;
    // It goes on itself, too.
    let before = replica.id.clone();
    while replica.id == before {
        replica.take(&big.event().await);
    }
}

#[tokio::test]
async fn very_many_feeds_of_one_route() {
    let (api, number) = town().await;
    let gateway = Setup::lively(api.url()).more(MANY).start().await;
    let mut good = Stream::open(gateway.address, "/good", &[]).await;
    good.begin().await;
    let mut streams = Vec::new();
    for feed in 0..400 {
        streams.push(Stream::open(gateway.address, &format!("/many/{feed}"), &[]).await);
    }
    stays_fresh(&mut good, &number).await;
    for (feed, stream) in streams.iter_mut().enumerate() {
        assert_eq!(stream.begin().await.0.data, format!("\"/many/{feed}\""));
    }
}
