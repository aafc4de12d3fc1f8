//! Promise 3: a slow client costs a cursor, and is at the head in one step when it reads again.

use crate::common::{Api, Cell, Event, Http, Running, Setup, Stream, answer, counted, counting, ok, until};

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

/// A reader with a small window, which has read the head of its answer and nothing more.
async fn stalled(gateway: &Running, target: &str) -> Stream {
    let subscribers = gateway.subscribers().await;
    let http = Http::connect_narrow(gateway.address).await;
    let stream = Stream::open_on(http, target, &[]).await;
    until("it is subscribed", || async { gateway.subscribers().await > subscribers }).await;
    stream
}

#[tokio::test]
async fn whoever_pins_too_much_for_longest_is_let_go() {
    // Two of these are over the budget, and one is not.
    let (api, number) = counting(60_000).await;
    let limits = "max_pinned = \"64 KiB\"\nshards = 1\nsend_buffer = \"4 KiB\"\n";
    let gateway = Setup::lively(api.url()).limits(limits).start().await;
    let stats = || gateway.gateway.route_stats("/q").unwrap();
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    let mut first = stalled(&gateway, "/q").await;
    let mut same = stalled(&gateway, "/q").await;
    for next in 1..=3 {
        number.set(next);
        assert_eq!(healthy.expect("patch").await.data, counted(next));
    }
    assert_eq!((stats().unpinned, gateway.subscribers().await), (0, 3), "what they share counts once");
    let mut last = Stream::open_on(Http::connect_narrow(gateway.address).await, "/q", &[]).await;
    until("the first two are let go", || async { stats().unpinned == 2 }).await;
    assert_eq!(gateway.subscribers().await, 2);
    for next in 4..=6 {
        number.set(next);
        assert_eq!(healthy.expect("patch").await.data, counted(next), "the others notice nothing");
    }
    // Each was cut in its first event, so that no reader takes it for a whole one.
    for cut in [&mut first, &mut same] {
        let rest = String::from_utf8(cut.http.rest().await).unwrap();
        assert!(rest.starts_with("event: snapshot\n") && !rest.contains("\n\n"), "{}", rest.len());
    }
    let (snapshot, _) = last.begin().await;
    assert!(snapshot.data.starts_with("{\"n\":3,"));
    assert_eq!(last.expect("patch").await.data, counted(6), "in one step");
    assert_eq!((stats().unpinned, stats().conflated), (2, 2));
}

#[tokio::test]
async fn without_conflation_each_update_arrives_once_and_in_order() {
    let (api, number) = counting(1 << 20).await;
    let setup = Setup::lively(api.url()).route("conflate = false\n").limits("send_buffer = \"4 KiB\"\n");
    let gateway = setup.start().await;
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    let mut slow = stalled(&gateway, "/q").await;
    for next in 1..=30 {
        number.set(next);
        assert_eq!(healthy.expect("patch").await.data, counted(next));
    }
    let snapshot = slow.expect("snapshot").await;
    assert!(snapshot.data.starts_with("{\"n\":0,"));
    // The first status follows the first update, or the first that was told on its own.
    let mut told = Vec::new();
    while told.len() < 30 {
        let event = slow.event().await;
        if event.kind == "patch" {
            told.push(event.data);
        }
    }
    assert_eq!(told, (1..=30).map(counted).collect::<Vec<_>>());
    assert_eq!(gateway.gateway.route_stats("/q").unwrap().conflated, 0);
}

/// Long enough for all that was prepared for it meanwhile to be forgotten, and again before it has caught up.
#[tokio::test]
async fn one_that_stalls_for_very_many_versions_is_current_in_the_end() {
    let (api, number) = counting(300_000).await;
    let limits = "shards = 1\nsend_buffer = \"4 KiB\"\nwindow_versions = 16\n";
    let gateway = Setup::new(api.url()).polling("5ms").limits(limits).start().await;
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    let mut slow =
        [stalled(&gateway, "/q").await, stalled(&gateway, "/q").await, stalled(&gateway, "/q").await];
    let is = |event: &Event, number: u64| {
        event.data == counted(number) || event.data.starts_with(&format!("{{\"n\":{number},"))
    };
    let mut newest = 0;
    for round in 0..3 {
        for _ in 0..150 {
            newest += 1;
            number.set(newest);
            assert_eq!(healthy.expect("patch").await.data, counted(newest));
        }
        // Each reads a different part, and one reads on to the head.
        for (index, stream) in slow.iter_mut().enumerate() {
            if index == round {
                while !is(&stream.event().await, newest) {}
            } else {
                stream.http.peek_some().await;
            }
        }
    }
    for stream in &mut slow[..2] {
        while !is(&stream.event().await, newest) {}
    }
}

/// A snapshot of 10 MB that its reader takes in small parts, over the one shard that serves the other, too.
#[tokio::test]
async fn a_large_snapshot_holds_nobody_up() {
    const LARGE: usize = 10 << 20;
    let number = Cell::<u64>::new(0_u64);
    let (served, large) = (number.clone(), "x".repeat(LARGE));
    let api = Api::serve(move |request| match request.line().1 {
        "/large" => answer("200 OK", "Content-Type: text/plain\r\n", &large),
        _ => ok(format!("{{\"n\":{},\"fill\":\"{}\"}}", served.get(), "x".repeat(200))),
    })
    .await;
    let gateway = Setup::lively(api.url()).limits("shards = 1\n").start().await;
    let mut small = Stream::open(gateway.address, "/small", &[]).await;
    small.begin().await;
    let mut large = stalled(&gateway, "/large").await;
    let mut taken = 0;
    for next in 1..=20 {
        // A little of the large one, and all of the small one.
        let part = large.http.some().await.unwrap();
        taken += part.len();
        number.set(next);
        assert_eq!(small.expect("patch").await.data, counted(next));
        assert!(taken < LARGE, "the large one is still on its way");
    }
    while taken < LARGE {
        taken += large.http.some().await.expect("it comes whole").len();
    }
    number.set(21_u64);
    assert_eq!(small.expect("patch").await.data, counted(21));
}
