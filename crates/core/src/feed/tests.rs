//! The feed's state machine in virtual time: a bench that turns its outputs into words, and scenarios by subject.

use super::*;
use crate::caching::Demand;
use crate::document::Form;
use crate::failure::Failure;
use crate::json;
use crate::position::{Offset, Position};
use crate::representation::{Answer, Representation, Unfit};
use crate::schedule::Pace;
use crate::sharing::{Asked, SharingPolicy, SharingRules};
use crate::window::WindowLimits;
use http::{HeaderMap, StatusCode};
use http::{HeaderName, HeaderValue};

mod flapping;
mod invalidation;
mod outcomes;
mod polling;
mod reads;
mod updates;
mod views;

const LINGER: Duration = Duration::from_millis(2000);

/// The time `ms` milliseconds after the start.
fn at(ms: u64) -> Time {
    Time::from_start(Duration::from_millis(ms))
}

fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    list.iter().map(pair).collect()
}

fn fresh(body: &str, list: &[(&'static str, &'static str)]) -> Outcome {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Outcome::Fresh(Representation { body, form: Form::Json, fields: fields(list) })
}

/// A body with an entity tag.
fn tagged(body: &str, etag: &'static str) -> Outcome {
    fresh(body, &[("etag", etag)])
}

fn bytes(body: &'static [u8]) -> Outcome {
    let body = Bytes::from_static(body);
    Outcome::Fresh(Representation { body, form: Form::Json, fields: HeaderMap::new() })
}

fn json(body: &str) -> Outcome {
    fresh(body, &[])
}

fn text(body: &'static [u8]) -> Outcome {
    Outcome::Fresh(Representation {
        body: Bytes::from_static(body),
        form: Form::Text,
        fields: HeaderMap::new(),
    })
}

fn not_modified() -> Outcome {
    Outcome::NotModified { fields: HeaderMap::new() }
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure::new(kind, "away"))
}

fn answered(status: u16, list: &[(&'static str, &'static str)]) -> Outcome {
    let status = StatusCode::from_u16(status).unwrap();
    Outcome::Answered(Answer { status, fields: fields(list), body: Bytes::new() })
}

/// A document of some size in which `value` stands, so that a patch is smaller than the whole.
fn board(value: &str) -> String {
    let padding = "x".repeat(200);
    format!("{{\"value\":{value},\"padding\":\"{padding}\"}}")
}

struct Bench {
    feed: Feed,
    now: Time,
    fetching: Option<Fetching>,
    plan: Option<FetchPlan>,
    fetches: usize,
    seen: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(&[], "", WindowLimits { bytes: 100_000, versions: 8 })
    }

    /// A watched feed of a route that ignores `$.at`, with its first version.
    fn ignoring_at(body: &str) -> Bench {
        Bench::ignoring_at_pace(Pace::steady(Duration::from_millis(500)), body)
    }

    fn ignoring_at_pace(pace: Pace, body: &str) -> Bench {
        let mut bench = Bench::at_pace(pace, &[], "", WindowLimits { bytes: 100_000, versions: 8 });
        let at = json::JsonPath::parse("$.at").unwrap();
        bench.feed.policy.controls =
            Arc::new(json::FieldControls::new(json::Pointer::root(), vec![at], Vec::new()));
        bench.subscribe();
        bench.answer(tagged(body, "\"first\""));
        bench.seen();
        bench
    }

    /// A feed for a request with these fields, under a key that considers what `vary` names.
    fn with(request: &[(&'static str, &'static str)], vary: &'static str, window: WindowLimits) -> Bench {
        Bench::at_pace(Pace::steady(Duration::from_millis(500)), request, vary, window)
    }

    /// The same, at this pace.
    fn at_pace(
        pace: Pace,
        request: &[(&'static str, &'static str)],
        vary: &'static str,
        window: WindowLimits,
    ) -> Bench {
        let policy = Policy {
            pace,
            linger: LINGER,
            stale_if_error: Duration::from_secs(60),
            window,
            max_depth: 8,
            identities: Default::default(),
            controls: Default::default(),
            expect: None,
        };
        let vary = Vary::of(&fields(&[("vary", vary)]));
        let sharing = SharingPolicy::default();
        let rules = SharingRules { scope: "r", policy: &sharing, identity: None, vary: &vary, nonce: 0 };
        let request = SharedRequest::new(Asked::get("/q", &fields(request)), rules);
        let feed = Feed::new(at(0), policy, &request, Epoch(1), Binding(2), 3);
        Bench { feed, now: at(0), fetching: None, plan: None, fetches: 0, seen: Vec::new() }
    }

    /// A feed whose polls are spread in another way.
    fn seeded(seed: u64) -> Bench {
        let mut bench = Bench::new();
        bench.feed.schedule = Schedule::new(bench.feed.policy.pace, seed);
        bench
    }

    /// A feed with one subscriber and `body` as its head.
    fn watching(body: &str) -> Bench {
        let mut bench = Bench::new();
        bench.subscribe();
        bench.answer(json(body));
        bench.seen();
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.feed.poll_output() {
            let word = match output {
                Output::Fetch(plan) => {
                    assert!(self.fetching.replace(plan.fetch).is_none(), "at most one fetch is under way");
                    self.fetches += 1;
                    self.plan = Some(plan);
                    "fetch".to_owned()
                }
                Output::Publish(version) => {
                    let how = if version.patch.is_some() { "patch" } else { "whole" };
                    format!("publish {} {how}", version.position.offset.0)
                }
                Output::Unproven(_) => "unproven".to_owned(),
                Output::Status => format!("status {:?}", self.feed.status().state).to_lowercase(),
                Output::Settled(_, settled) => match settled {
                    Settled::Confirmed => "confirmed",
                    Settled::Failed(_) => "failed",
                    Settled::Answered(_) => "answered",
                    Settled::Unfit(_) => "unfit",
                    Settled::Split(_) => "split",
                }
                .to_owned(),
                Output::End(Ended::Refused(_)) => "end refused".to_owned(),
                Output::End(Ended::Split) => "end split".to_owned(),
                Output::Retire => "retire".to_owned(),
            };
            self.seen.push(word);
        }
    }

    /// What came out since the last time.
    fn seen(&mut self) -> String {
        std::mem::take(&mut self.seen).join(", ")
    }

    fn subscribe(&mut self) -> Wait {
        let wait = self.feed.handle_subscribe(self.now, Wish::NONE);
        self.drain();
        wait
    }

    fn unsubscribe(&mut self) {
        self.feed.handle_unsubscribe(self.now, Wish::NONE);
        self.drain();
    }

    /// A plain read that takes any answer, or one that `insists`.
    fn read(&mut self, insists: bool) -> Wait {
        match self.demand(if insists { Demand::VALIDATED } else { Demand::default() }) {
            Serving::After(fetch, _) => Wait::Until(fetch),
            _ => Wait::Ready,
        }
    }

    fn demand(&mut self, demand: Demand) -> Serving {
        let serving = self.feed.handle_read(self.now, &demand);
        self.drain();
        serving
    }

    fn invalidate(&mut self) {
        self.feed.handle_invalidated(self.now);
        self.drain();
    }

    fn answer(&mut self, outcome: Outcome) {
        let fetch = self.fetching.take().expect("a fetch is under way");
        self.feed.handle_fetched(self.now, fetch, Cost::default(), outcome);
        self.drain();
    }

    /// Goes on to `ms`, running the timer whenever it is due.
    fn at(&mut self, ms: u64) {
        while let Some(time) = self.feed.poll_timeout().filter(|time| *time <= at(ms)) {
            self.now = self.now.max(time);
            self.feed.handle_timeout(self.now);
            self.drain();
        }
        self.now = at(ms);
    }

    /// Goes on to the next poll.
    fn next_poll(&mut self) {
        let due = self.feed.poll_timeout().expect("a poll is planned");
        self.now = self.now.max(due);
        self.feed.handle_timeout(self.now);
        self.drain();
        assert!(self.fetching.is_some(), "the poll is made");
    }

    /// Goes on to the next poll, and answers it.
    fn poll(&mut self, outcome: Outcome) {
        self.next_poll();
        self.seen();
        self.answer(outcome);
    }

    /// Polls are answered like this until subscribers are told something; what came out at last.
    fn polled_until_told(&mut self, outcome: &Outcome) -> String {
        for _ in 0..8 {
            self.poll(outcome.clone());
            let seen = self.seen();
            if seen.contains("status") || seen.contains("end") {
                return seen;
            }
        }
        panic!("nothing was told in eight polls");
    }

    fn head(&self) -> u64 {
        self.feed.head().map_or(0, |head| head.position.offset.0)
    }
}
