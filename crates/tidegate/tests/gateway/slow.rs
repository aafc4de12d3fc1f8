//! Promise 3: a slow client costs a cursor, and is at the head in one step when it reads again.

use crate::common::{Api, Cell, Http, Setup, Stream, answer, until};

/// Far over what two sockets hold between them, together.
const VERSIONS: usize = 40;
const SIZE: usize = 512 * 1024;

#[tokio::test]
async fn a_stalled_reader_ends_at_the_head_with_bounded_data() {
    let body = Cell::<String>::new("");
    let text = |version: usize| format!("{version:04}{}", "x".repeat(SIZE));
    body.set(text(0));
    let served = body.clone();
    let api = Api::serve(move |_| answer("200 OK", "Content-Type: text/plain\r\n", served.get())).await;
    let gateway = Setup::lively(api.url()).route("heartbeat = \"5m\"\n").start().await;
    let http = Http::connect_narrow(gateway.address).await;
    let mut stalled = Stream::open_on(http, "/q", &[]).await;
    until("it is subscribed", || async { gateway.subscribers().await == 1 }).await;
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    for version in 1..=VERSIONS {
        body.set(text(version));
        let snapshot = healthy.expect("snapshot").await;
        assert_eq!(snapshot.data[..4], format!("{version:04}"), "the stalled one holds nobody up");
    }
    let handed_over = gateway.gateway.route_stats("/q").unwrap().bytes;
    let (mut seen, mut last) = (0, String::new());
    while !last.starts_with(&format!("{VERSIONS:04}")) {
        let event = stalled.event().await;
        if event.kind == "snapshot" {
            assert!(last[..last.len().min(4)] < event.data[..4], "never backwards");
            last = event.data;
            seen += 1;
        }
    }
    assert!(seen <= VERSIONS / 2, "{seen} of {VERSIONS} versions were kept for it");
    // Nothing was encoded for it beyond what it read: the rest of the count is the healthy one's.
    assert!(handed_over < ((VERSIONS + 2 + VERSIONS / 2) * SIZE) as u64, "{handed_over}");
    // It is as live as the others again.
    body.set(text(VERSIONS + 1));
    loop {
        let event = stalled.event().await;
        if event.kind == "snapshot" {
            assert_eq!(event.data[..4], format!("{:04}", VERSIONS + 1));
            break;
        }
    }
}
