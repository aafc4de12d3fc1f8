//! What a stream's updates are, and how often there is one at most.

use crate::common::{Http, Setup, Stream, counted, counting, get, until};

#[tokio::test]
async fn each_mode_has_its_updates() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let open = async |mode: &str| {
        let mut stream = Stream::open(gateway.address, &format!("/q?tidegate.mode={mode}"), &[]).await;
        stream.begin().await;
        stream
    };
    let (mut patch, mut merge, mut whole) =
        (open("patch").await, open("merge").await, open("snapshot").await);
    number.set(1_u64);
    assert_eq!(patch.expect("patch").await.data, counted(1));
    let merged = merge.expect("merge").await;
    assert_eq!(merged.data, "{\"n\":1}");
    let snapshot = whole.expect("snapshot").await;
    assert!(snapshot.data.starts_with("{\"n\":1,"), "{snapshot:?}");
    assert_eq!(merged.id, snapshot.id, "the positions are the same");
    // By the field, in lines.
    let fields = [("Accept", "application/x-ndjson"), ("Tidegate-Mode", "merge")];
    let mut lines = Stream::ask(gateway.address, "/q", &fields).await;
    lines.line_of("snapshot").await;
    lines.line_of("status").await;
    number.set(2_u64);
    assert_eq!(lines.line_of("merge").await["data"].to_string(), "{\"n\":2}");
    assert_eq!(gateway.gateway.report().await.len(), 1);
}

#[tokio::test]
async fn one_snapshot_and_no_more() {
    let (api, number) = counting(0).await;
    let gateway = Setup::lively(api.url()).start().await;
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let fields = [("Accept", accept), ("Tidegate-Mode", "first")];
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", "/q", &fields).await;
        let mut stream = Stream::of_any_sort(http).await;
        let id = if accept == "text/event-stream" {
            let id = stream.expect("snapshot").await.id.unwrap();
            stream.ends_with_a_status().await;
            id
        } else {
            let snapshot = stream.line_of("snapshot").await;
            let status = stream.line_of("status").await;
            assert!(status["retry"].is_u64(), "{status}");
            stream.ends().await;
            snapshot["id"].as_str().unwrap().to_owned()
        };
        until("it is gone", async || gateway.subscribers().await == 0).await;
        // An `EventSource` comes again by itself, and is told to stop.
        let again = get(gateway.address, "/q", &[fields[0], fields[1], ("Last-Event-ID", &id)]).await;
        assert_eq!((again.status, again.body.len()), (204, 0), "{again:?}");
        until("that one as well", async || gateway.subscribers().await == 0).await;
        // Unless there is something newer.
        number.set(number.get() + 1);
        let target = format!("/q?tidegate.mode=first&tidegate.last-event-id={id}");
        let mut watching = Stream::open(gateway.address, "/q", &[]).await;
        while !watching.event().await.data.contains(&format!("\"n\":{}", number.get())) {}
        let mut newer = Stream::open(gateway.address, &target, &[]).await;
        assert!(newer.expect("snapshot").await.data.contains(&number.get().to_string()));
        newer.ends_with_a_status().await;
    }
}

#[tokio::test]
async fn those_who_want_few_updates_get_the_net_effect() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut all = Stream::open(gateway.address, "/q", &[]).await;
    all.begin().await;
    let mut few = Stream::open(gateway.address, "/q?tidegate.rate=1h", &[]).await;
    few.begin().await;
    for next in 1..4 {
        number.set(next);
        assert_eq!(all.expect("patch").await.data, counted(next));
    }
    drop(few);
    // Three updates of one became one of the other.
    let mut some = Stream::open(gateway.address, "/q", &[("Tidegate-Rate", "400ms")]).await;
    some.begin().await;
    let mut updates = 0;
    for next in 4..8 {
        number.set(next);
        assert_eq!(all.expect("patch").await.data, counted(next));
    }
    while some.expect("patch").await.data != counted(7) {
        updates += 1;
    }
    assert!(updates < 4, "{updates}");
}
