//! Everything that an origin can do, at once and on one origin: each failure is told by its own code, heals by itself,
//! never shows anything that is no representation, and harms no other resource.

use tidegate_testkit::{Mood, MoodyOrigin};

use crate::common::{Event, Replica, Setup, Stream, get, within};

/// What each mood is called in a status. Time-outs come last: they take longest.
const FAILURES: [(Mood, &str); 18] = [
    (Mood::Closing, "origin-no-answer"),
    (Mood::Resetting, "origin-no-answer"),
    (Mood::Babbling, "origin-not-http"),
    (Mood::Truncated, "origin-truncated"),
    (Mood::Short, "origin-wrong-length"),
    (Mood::Unpacked, "origin-undecodable"),
    (Mood::HalfJson, "origin-malformed"),
    (Mood::NoUtf8, "origin-malformed"),
    (Mood::Nested(600), "origin-malformed"),
    (Mood::Empty, "origin-malformed"),
    (Mood::Binary, "origin-not-streamable"),
    (Mood::Large(3000), "origin-too-large"),
    (Mood::Circling, "origin-redirected"),
    (Mood::Status(204), "origin-no-content"),
    (Mood::Status(503), "origin-error"),
    (Mood::Silent, "origin-timeout"),
    (Mood::Stalled, "origin-body-timeout"),
    (Mood::Dripping, "origin-body-timeout"),
];

/// A stream, and what a client of it holds.
struct Screen {
    path: String,
    stream: Stream,
    replica: Replica,
    /// Every text that it held.
    held: Vec<String>,
}

impl Screen {
    async fn open(address: std::net::SocketAddr, path: String) -> Screen {
        let stream = Stream::open(address, &path, &[]).await;
        Screen { path, stream, replica: Replica::default(), held: Vec::new() }
    }

    /// The next event, taken in.
    async fn event(&mut self) -> Event {
        let event = within(&self.path, self.stream.event()).await;
        self.replica.take(&event);
        if event.kind != "status" {
            self.held.push(self.replica.text());
        }
        event
    }

    /// Reads until a status is as `wanted` says.
    async fn status(&mut self, wanted: impl Fn(&serde_json::Value) -> bool) {
        loop {
            let event = self.event().await;
            if event.kind == "status" && wanted(&event.status()) {
                return;
            }
        }
    }

    /// Reads until it holds the text.
    async fn hold(&mut self, text: &str) {
        while self.replica.text() != text {
            self.event().await;
        }
    }
}

#[tokio::test]
async fn whatever_an_origin_does_is_told_apart_heals_and_harms_nobody() {
    let origin = MoodyOrigin::start().await;
    origin.count_to(1);
    let gateway = Setup::lively(origin.url())
        .limits("max_body = \"2000 B\"\n")
        .origin("connect_timeout = \"300ms\"\nhead_timeout = \"300ms\"\nbody_timeout = \"300ms\"\n")
        .start()
        .await;
    let mut screens = Vec::new();
    for (at, _) in FAILURES.iter().enumerate() {
        screens.push(Screen::open(gateway.address, format!("/{at}")).await);
    }
    let mut well = Screen::open(gateway.address, "/well".to_owned()).await;
    for screen in &mut screens {
        screen.status(|status| status["state"] == "live").await;
    }

    for (screen, (mood, _)) in screens.iter().zip(FAILURES) {
        origin.set(&screen.path, mood);
    }
    // What is well goes on moving, packed or not, whatever the others do.
    for (number, mood) in [(2, Mood::Well), (3, Mood::Packed), (4, Mood::Long)] {
        origin.set("/well", mood);
        origin.count_to(number);
        well.hold(&origin.document("/well")).await;
    }
    for (screen, (mood, code)) in screens.iter_mut().zip(FAILURES) {
        let cause = format!("urn:tidegate:problem:{code}");
        screen.status(|status| status["state"] == "stale" && status["cause"]["type"] == *cause).await;
        // Whoever comes now gets the last good state, and a plain reader, too.
        let late = get(gateway.address, &screen.path, &[]).await;
        assert_eq!((late.status, late.text()), (200, &*screen.replica.text()), "{mood:?}");
    }

    origin.count_to(5);
    origin.heal();
    for screen in &mut screens {
        let text = origin.document(&screen.path);
        screen.hold(&text).await;
        screen.status(|status| status["state"] == "live").await;
        // Only what the origin served as a whole answer was ever shown, in its order.
        let allowed: Vec<String> =
            (1..=5).map(|number| format!("{{\"path\":\"{}\",\"number\":{number}}}", screen.path)).collect();
        assert!(screen.held.iter().all(|held| allowed.contains(held)), "{:?}", screen.held);
        assert!(screen.held.is_sorted(), "{:?}", screen.held);
    }
    assert!(well.held.is_sorted());
}

#[tokio::test]
async fn a_limit_is_obeyed_and_a_resource_that_is_gone_comes_back() {
    let origin = MoodyOrigin::start().await;
    // A limit is the route's: whoever asks there has sent too many requests (RFC 6585 §4).
    let other = "[[route]]\npath = \"/gone\"\norigin = \"api\"\npoll = \"50ms\"\n";
    let gateway = Setup::lively(origin.url()).more(other).start().await;
    let mut limited = Screen::open(gateway.address, "/limited".to_owned()).await;
    let mut gone = Screen::open(gateway.address, "/gone".to_owned()).await;
    limited.status(|status| status["state"] == "live").await;
    gone.status(|status| status["state"] == "live").await;

    origin.set("/gone", Mood::Status(410));
    gone.status(|status| status["state"] == "gone").await;
    origin.heal();
    origin.count_to(2);
    gone.hold(&origin.document("/gone")).await;
    gone.status(|status| status["state"] == "live").await;

    origin.set("/limited", Mood::Limiting(3600));
    limited
        .status(|status| {
            status["cause"]["type"] == "urn:tidegate:problem:origin-rate-limited"
                && status["retry_in_ms"].as_u64().is_some_and(|wait| wait > 3_000_000)
        })
        .await;
    // It is left alone, though the other route goes on.
    let asked = origin.asked("/limited");
    for number in 3..8 {
        origin.count_to(number);
        gone.hold(&origin.document("/gone")).await;
    }
    assert_eq!(origin.asked("/limited"), asked);
}

#[tokio::test]
async fn an_error_page_is_never_believed_where_the_route_says_what_it_expects() {
    let origin = MoodyOrigin::start().await;
    let expecting = "expect = { type = \"application/json\", pointer = [\"/number\"] }\n";
    let gateway = Setup::lively(origin.url()).route(expecting).start().await;
    let moods = [Mood::ErrorPage, Mood::Binary, Mood::Nested(3)];
    let mut screens = Vec::new();
    for (at, mood) in moods.into_iter().enumerate() {
        let mut screen = Screen::open(gateway.address, format!("/{at}")).await;
        screen.status(|status| status["state"] == "live").await;
        origin.set(&screen.path, mood);
        screens.push(screen);
    }
    for screen in &mut screens {
        let unexpected = "urn:tidegate:problem:origin-unexpected";
        screen.status(|status| status["state"] == "stale" && status["cause"]["type"] == unexpected).await;
        assert_eq!(get(gateway.address, &screen.path, &[]).await.text(), origin.document(&screen.path));
    }
    origin.count_to(1);
    origin.heal();
    for screen in &mut screens {
        let text = origin.document(&screen.path);
        screen.hold(&text).await;
        assert_eq!(screen.held.len(), 2, "the page was never among them: {:?}", screen.held);
    }
}
