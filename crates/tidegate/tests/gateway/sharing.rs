//! Promise 5: nothing is ever shared across a boundary, and everything is shared within one.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use proptest::prelude::*;
use tidegate_testkit::RecordedRequest;
use tokio::runtime::Runtime;

use crate::common::{Api, Gate, Http, Setup, Stream, answer, document, get, until};

/// Fields in which two callers differ. Of the second kind the gateway sends its own, unless `Vary` names them; of the
/// third kind it sends none.
const IN_THE_KEY: [&str; 9] = [
    "cookie",
    "authorization",
    "x-api-key",
    "x-tenant",
    "accept-language",
    "accept",
    "content-language",
    "prefer",
    "x",
];
const SET_ASIDE: [&str; 7] =
    ["user-agent", "referer", "origin", "sec-ch-ua", "cache-control", "x-request-id", "tracestate"];
const REPLACED: [&str; 5] = ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-user"];

#[derive(Debug, Clone, Copy)]
enum Difference {
    Field(&'static str),
    /// One has the field, the other has not.
    Presence(&'static str),
    /// One field in two lines, in another order.
    Order(&'static str),
    Query,
    Path,
    Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varying {
    Nothing,
    TheField,
    Star,
    /// Another in every answer.
    Changing,
}

#[derive(Debug, Clone)]
struct Case {
    difference: Difference,
    varying: Varying,
    /// The origin's `Cache-Control`.
    control: &'static str,
    sets_cookies: bool,
    has_tags: bool,
    /// Whether each of the two asks for a stream.
    streams: [bool; 2],
    /// Whether each of the two insists on a fetch.
    insist: [bool; 2],
    concurrent: bool,
    /// Fields that both have.
    common: Vec<&'static str>,
}

fn cases() -> impl Strategy<Value = Case> {
    let field = prop::sample::select([&IN_THE_KEY[..], &SET_ASIDE[..], &REPLACED[..]].concat());
    let difference = prop_oneof![
        6 => field.clone().prop_map(Difference::Field),
        2 => field.clone().prop_map(Difference::Presence),
        1 => prop::sample::select(&["cookie", "x-tenant", "accept-language"][..]).prop_map(Difference::Order),
        1 => Just(Difference::Query),
        1 => Just(Difference::Path),
        1 => Just(Difference::Method),
    ];
    let varying = prop::sample::select(vec![
        Varying::Nothing,
        Varying::TheField,
        Varying::TheField,
        Varying::Star,
        Varying::Changing,
    ]);
    let control =
        prop::sample::select(vec!["", "public, max-age=60", "private", "no-store", "must-revalidate"]);
    let common = prop::collection::vec(prop::sample::select(&IN_THE_KEY[..4]), 0..3);
    (
        difference,
        varying,
        control,
        any::<(bool, bool)>(),
        any::<[bool; 2]>(),
        any::<[bool; 2]>(),
        any::<bool>(),
        common,
    )
        .prop_map(
            |(
                difference,
                varying,
                control,
                (sets_cookies, has_tags),
                streams,
                insist,
                concurrent,
                common,
            )| Case {
                difference,
                varying,
                control,
                sets_cookies,
                has_tags,
                streams,
                insist,
                concurrent,
                common,
            },
        )
}

/// Two callers' words, each of which only its own answers may hold.
const WORDS: [&str; 2] = ["alices-word", "bobs-word"];

impl Case {
    fn field(&self) -> Option<&'static str> {
        match self.difference {
            Difference::Field(name) | Difference::Presence(name) | Difference::Order(name) => Some(name),
            Difference::Query | Difference::Path | Difference::Method => None,
        }
    }

    /// What this caller sends; `base` makes the case's resources its own.
    fn request(&self, base: usize, caller: usize) -> (&'static str, String, Vec<(String, String)>) {
        let word = WORDS[caller];
        let mut fields: Vec<(String, String)> =
            self.common.iter().map(|name| ((*name).to_owned(), "both".to_owned())).collect();
        let mut method = "GET";
        let mut target = format!("/{base}?a=1");
        match self.difference {
            Difference::Field(name) => {
                fields.retain(|(common, _)| common != name);
                fields.push((name.to_owned(), value(name, word)));
            }
            Difference::Presence(name) => {
                fields.retain(|(common, _)| common != name);
                if caller == 1 {
                    fields.push((name.to_owned(), value(name, word)));
                }
            }
            Difference::Order(name) => {
                fields.retain(|(common, _)| common != name);
                let mut values = [format!("{word}-x"), "both".to_owned()];
                if caller == 1 {
                    values.reverse();
                }
                fields.extend(values.map(|value| (name.to_owned(), value)));
            }
            Difference::Query => target.push_str(&format!("&who={word}")),
            Difference::Path => target = format!("/{base}/{word}?a=1"),
            Difference::Method if caller == 1 => {
                method = "DELETE";
                fields.push(("x-word".to_owned(), word.to_owned()));
            }
            Difference::Method => {}
        }
        if self.insist[caller] && self.field() != Some("cache-control") {
            fields.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        }
        if self.streams[caller] && method == "GET" {
            fields.push(("Accept".to_owned(), "text/event-stream".to_owned()));
        }
        (method, target, fields)
    }

    /// Whether this caller's word must come back to it.
    fn must_see_its_word(&self, caller: usize) -> bool {
        match self.difference {
            Difference::Presence(_) | Difference::Method if caller == 0 => false,
            Difference::Field(name) | Difference::Presence(name) => {
                IN_THE_KEY.contains(&name) || (SET_ASIDE.contains(&name) && self.varying == Varying::TheField)
            }
            Difference::Order(_) | Difference::Query | Difference::Path | Difference::Method => true,
        }
    }

    /// The origin's answer, which holds every field that it got.
    fn answer(&self, number: usize, request: &RecordedRequest) -> Vec<u8> {
        let mut fields = String::new();
        if !self.control.is_empty() {
            fields.push_str(&format!("Cache-Control: {}\r\n", self.control));
        }
        match self.varying {
            Varying::Nothing => {}
            Varying::TheField => fields.extend(self.field().map(|name| format!("Vary: {name}\r\n"))),
            Varying::Star => fields.push_str("Vary: *\r\n"),
            Varying::Changing => fields.push_str(match number % 3 {
                0 => "",
                1 => "Vary: User-Agent, X-Tenant, Origin\r\n",
                _ => "Vary: Referer\r\n",
            }),
        }
        // Without the condition: a tag that depended on it would never match.
        let conditional = |line: &&str| line.to_ascii_lowercase().starts_with("if-none-match:");
        let head: Vec<&str> = request.head.split("\r\n").filter(|line| !conditional(line)).collect();
        let echo = serde_json::json!({ "head": head }).to_string();
        // A tag of the content, as frameworks make it: equal for equal requests.
        let hash = echo.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let tag = format!("\"{hash:x}\"");
        let conditional = self.has_tags && request.all("if-none-match").contains(&tag.as_str());
        if self.sets_cookies && !conditional {
            fields.push_str(&format!("Set-Cookie: session={number}\r\n"));
        }
        match self.has_tags {
            true => document(request, &tag, &fields, echo),
            false => answer("200 OK", &format!("Content-Type: application/json\r\n{fields}"), echo),
        }
    }
}

fn value(name: &str, word: &str) -> String {
    match name {
        "authorization" => format!("Bearer {word}"),
        "cookie" => format!("session={word}"),
        "accept" => format!("application/{word}+json, application/json"),
        "forwarded" => format!("for={word}"),
        "via" => format!("1.1 {word}"),
        _ => word.to_owned(),
    }
}

/// All bytes that one caller got.
async fn asked(address: SocketAddr, case: &Case, base: usize, caller: usize) -> String {
    let (method, target, fields) = case.request(base, caller);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    if fields.contains(&("Accept", "text/event-stream")) {
        loop {
            let mut http = Http::connect(address).await;
            http.ask(method, &target, &fields).await;
            let mut stream = Stream::answered(http).await;
            let event = stream.event().await;
            if event.kind == "status" && event.retry.is_some() {
                // A changed `Vary` split the feed before the stream had begun: whoever comes again is told apart.
                stream.ends().await;
                continue;
            }
            assert_eq!(event.kind, "snapshot", "{event:?}");
            return format!("{}\r\n\r\n{}", stream.head.head, event.data);
        }
    }
    let mut http = Http::connect(address).await;
    http.ask(method, &target, &fields).await;
    let response = http.response(method).await;
    format!("{}\r\n\r\n{}", response.head, response.text())
}

struct World {
    runtime: Runtime,
    address: SocketAddr,
    case: Arc<std::sync::Mutex<Option<Case>>>,
    next: AtomicUsize,
    // Held so that they run on.
    _api: Api,
    _gateway: crate::common::Running,
}

/// One gateway for all cases; each has resources of its own.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let case: Arc<std::sync::Mutex<Option<Case>>> = Arc::default();
    let current = case.clone();
    let number = AtomicUsize::new(0);
    let (api, gateway) = runtime.block_on(async {
        let api = Api::serve(move |request| {
            let case = current.lock().unwrap().clone().expect("a case is set before it asks");
            case.answer(number.fetch_add(1, Ordering::Relaxed), request)
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        (api, gateway)
    });
    World { runtime, address: gateway.address, case, next: AtomicUsize::new(0), _api: api, _gateway: gateway }
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn no_caller_ever_sees_what_is_anothers(case in cases()) {
        let world = &*WORLD;
        let base = world.next.fetch_add(1, Ordering::Relaxed);
        *world.case.lock().unwrap() = Some(case.clone());
        // Each asks twice, so that what one leaves behind meets the other.
        let order = [0, 1, 0, 1];
        let seen: Vec<String> = world.runtime.block_on(async {
            if case.concurrent {
                return join_all(order.map(|caller| asked(world.address, &case, base, caller))).await;
            }
            let mut seen = Vec::new();
            for caller in order {
                seen.push(asked(world.address, &case, base, caller).await);
            }
            seen
        });
        let mut cookies = HashSet::new();
        for (caller, text) in order.into_iter().zip(&seen) {
            prop_assert!(!text.contains(WORDS[1 - caller]), "caller {caller} sees the other's word: {text}");
            if case.must_see_its_word(caller) {
                prop_assert!(text.contains(WORDS[caller]), "caller {caller} misses its word: {text}");
            }
            for line in text.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie:")) {
                prop_assert!(cookies.insert(line.to_owned()), "one `Set-Cookie` for two: {line}");
            }
        }
    }
}

#[tokio::test]
async fn browsers_of_all_sorts_share_one_fetch() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut waiting = Vec::new();
    let accepts = ["text/event-stream", "text/event-stream, application/json;q=0.9, */*;q=0.5"];
    for number in 0..200 {
        let mut http = Http::connect(gateway.address).await;
        let fields = [
            ("Accept", accepts[number / 4 % 2]),
            ("Accept-Encoding", if number % 2 == 0 { "gzip" } else { "br, zstd" }),
            ("User-Agent", &format!("Browser/{number}")),
            ("Sec-CH-UA", &format!("\"Brand\";v=\"{number}\"")),
            ("Referer", &format!("https://app.test/{number}")),
            ("Cache-Control", if number % 3 == 0 { "no-cache" } else { "max-age=0" }),
            ("traceparent", &format!("00-{number:032x}-00f067aa0ba902b7-01")),
        ];
        http.ask("GET", "/quotes", &fields).await;
        waiting.push(http);
    }
    until("all wait for the one fetch", || async { gateway.subscribers().await == 200 }).await;
    gate.open();
    let mut seen = HashSet::new();
    for http in waiting {
        let mut stream = Stream::answered(http).await;
        let snapshot = stream.expect("snapshot").await;
        assert!(!snapshot.data.contains("Browser/"), "{snapshot:?}");
        seen.insert((snapshot.id, snapshot.data));
    }
    assert_eq!(seen.len(), 1, "all hold the same version");
    assert_eq!(api.asked(), 1);
}

#[tokio::test]
async fn browsers_are_told_apart_where_vary_names_what_they_are() {
    let api = Api::serve(|request| {
        let echo = serde_json::json!({ "agent": request.field("user-agent") });
        answer("200 OK", "Content-Type: application/json\r\nVary: User-Agent\r\n", echo.to_string())
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    for round in 0..2 {
        for agent in ["a/1", "b/2"] {
            let mut stream = Stream::open(gateway.address, "/q", &[("User-Agent", agent)]).await;
            let snapshot = stream.expect("snapshot").await;
            assert_eq!(snapshot.data, format!("{{\"agent\":\"{agent}\"}}"), "round {round}");
        }
    }
    // One to learn what `Vary` names, then one for each of the two.
    assert_eq!(api.asked(), 3);
}

#[tokio::test]
async fn a_vary_that_changes_ends_the_streams_that_it_splits() {
    let named = crate::common::Cell::<String>::new("");
    let vary = named.clone();
    let api = Api::serve(move |request| {
        let echo = serde_json::json!({ "agent": request.field("user-agent") });
        answer("200 OK", &format!("Content-Type: application/json\r\n{}", vary.get()), echo.to_string())
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[("User-Agent", "mine/1")]).await;
    let (snapshot, _) = stream.begin().await;
    assert!(!snapshot.data.contains("mine/1"), "{snapshot:?}");
    named.set("Vary: User-Agent\r\n");
    let last = stream.expect("status").await;
    assert!(last.retry.is_some(), "{last:?}");
    assert_eq!(stream.next().await, None, "the stream ends");
    // Whoever comes back with its position is in another lineage, and told so.
    let id = snapshot.id.unwrap();
    let fields = [("User-Agent", "mine/1"), ("Last-Event-ID", &*id)];
    let mut again = Stream::open(gateway.address, "/q", &fields).await;
    let (snapshot, status) = again.begin().await;
    assert_eq!(snapshot.data, r#"{"agent":"mine/1"}"#);
    assert_eq!(status.status()["continuity"], "unproven");
}

#[tokio::test]
async fn a_cookie_that_is_set_belongs_to_its_own_request() {
    // Every caller gets a cookie of its own: a condition would bring a 304, and with it what was another's.
    let count = Arc::new(AtomicUsize::new(0));
    let numbered = count.clone();
    let api = Api::serve(move |request| {
        let cookie = format!("Set-Cookie: session={}\r\n", numbered.fetch_add(1, Ordering::SeqCst));
        document(request, "\"v\"", &cookie, "{}")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    for number in 0..3 {
        let own = get(gateway.address, "/q", &[]).await;
        assert_eq!(own.all("set-cookie"), [format!("session={number}")]);
    }
    assert!(api.requests().iter().all(|request| request.field("if-none-match").is_none()));

    // A stream hears of none, and beside it a reader still asks for itself.
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    assert!(stream.head.all("set-cookie").is_empty());
    let beside = get(gateway.address, "/q", &[]).await;
    assert_eq!(beside.field("cache-status"), Some("tidegate; fwd=bypass"));
    assert_eq!(beside.all("set-cookie").len(), 1);
}

#[tokio::test]
async fn a_304_brings_nobody_an_earlier_cookie() {
    let number = AtomicUsize::new(0);
    let silent = Api::serve(move |request| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        match request.field("if-none-match") {
            Some("\"v\"") => b"HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\n\r\n".to_vec(),
            _ => document(request, "\"v\"", &format!("Set-Cookie: session={number}\r\n"), "{}"),
        }
    })
    .await;
    let gateway = Setup::new(silent.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    assert_eq!(stream.head.all("set-cookie"), [""; 0], "a stream is everyone's");
    for fields in [&[("Cache-Control", "no-cache")][..], &[]] {
        let read = get(gateway.address, "/q", fields).await;
        assert_eq!((read.status, read.text()), (200, "{}"));
        let last = silent.asked() - 1;
        let own = format!("session={last}");
        let cookies = read.all("set-cookie");
        assert!(cookies.is_empty() || cookies == [&*own], "{cookies:?} is not of request {last}");
    }
    assert_eq!(silent.requests()[1].field("if-none-match"), Some("\"v\""), "one fetch was conditional");
}
