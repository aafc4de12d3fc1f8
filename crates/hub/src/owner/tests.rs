//! The owner alone: who is answered what, and what shards are told.

mod terms;
mod views;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::*;
use crate::frame::Coding;
use crate::origin::Origin;
use crate::shard::{FeedPort, Start, SubscriberId};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tidegate_core::caching::Demand;
use tidegate_core::{Answer, Binding, Epoch, Position, Validators, Vary};
use tidegate_core::{
    Asked, Failure, FailureKind, Form, Pace, Policy, Representation, SharingPolicy, SharingRules,
    WindowLimits,
};
use tokio::sync::oneshot::{self, Receiver};

struct NoOrigin;

impl Origin for NoOrigin {
    fn fetch(&self, _: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        unreachable!("the test makes the fetches")
    }

    fn resource(&self, target: &str) -> String {
        target.to_owned()
    }
}

struct NoPort;

impl FeedPort for NoPort {
    fn request_step(&self, _: Offset, _: Kind) {}
    fn unsubscribed(&self, _: Wish) {}
}

struct NoPorts;

impl PortFactory for NoPorts {
    type Port = NoPort;
    fn port(&self, _: ViewId, _: ShardIndex) -> NoPort {
        NoPort
    }
}

struct Bench {
    owner: Owner<NoPorts>,
    now: Time,
    fetching: Option<Fetching>,
    conditional: bool,
    awaited: Option<Awaited>,
    told: Vec<&'static str>,
    retired: bool,
    staying: Vec<Receiver<Reply<Attached>>>,
}

const LINGER: Duration = Duration::from_secs(2);
const SHARD: ShardIndex = ShardIndex(0);

impl Bench {
    fn new(request: &[(&'static str, &'static str)]) -> Bench {
        Bench::with(request, |_| {})
    }

    fn with(request: &[(&'static str, &'static str)], change: impl FnOnce(&mut Route)) -> Bench {
        let mut route = Route {
            scope: "r".to_owned(),
            origin: Arc::new(NoOrigin),
            policy: Policy {
                pace: Pace::steady(Duration::from_millis(500)),
                linger: LINGER,
                stale_if_error: Duration::from_secs(60),
                window: WindowLimits { bytes: 10_000, versions: 4 },
                max_depth: 16,
                identities: Arc::default(),
                controls: Arc::default(),
                expect: None,
            },
            heartbeat: Duration::from_secs(15),
            conflate: true,
            max_streams: usize::MAX,
            sharing: SharingPolicy::default(),
            considered: Vary::none(),
            counters: Arc::default(),
        };
        change(&mut route);
        let none = Vary::none();
        let rules =
            SharingRules { scope: "r", policy: &route.sharing, identity: None, vary: &none, nonce: 0 };
        let request = SharedRequest::new(Asked::get("/q", &fields(request)), rules);
        let lineage = Lineage { id: FeedId(1), epoch: Epoch(5), binding: Binding(6), seed: 1 };
        let now = Time::default();
        let owner = Owner::new(now, Arc::new(route), request, lineage, NoPorts);
        Bench {
            owner,
            now,
            fetching: None,
            conditional: false,
            awaited: None,
            told: Vec::new(),
            retired: false,
            staying: Vec::new(),
        }
    }

    fn act(&mut self) {
        for action in self.owner.take_actions() {
            match action {
                Action::Fetch(number, request) => {
                    assert!(self.fetching.replace(number).is_none(), "one fetch at a time");
                    self.conditional = !request.condition.is_empty();
                    self.awaited = Some(request.awaited);
                }
                Action::Tell(_, FeedCommand::Attach(new)) => {
                    if !(new.admitted)() {
                        let left = Message::Unsubscribed(new.view, SHARD, new.wish);
                        self.owner.handle(self.now, left);
                        self.act();
                    }
                    self.told.push(match new.start {
                        Start::Fresh => "attach fresh",
                        Start::Unproven => "attach unproven",
                        Start::At(_) => "attach at",
                    });
                }
                Action::Tell(_, command) => self.told.push(match command {
                    FeedCommand::Publish(..) => "publish",
                    FeedCommand::Status(..) => "status",
                    FeedCommand::End(..) => "end",
                    _ => "other",
                }),
                Action::Unproven(unproven) => panic!("{unproven:?}"),
                Action::Retire => self.retired = true,
            }
        }
    }

    /// A reader that takes any answer, or one that `insists`.
    fn read(&mut self, insists: bool) -> Receiver<Reply<Current>> {
        let (reply, answer) = oneshot::channel();
        let demand = if insists { Demand::VALIDATED } else { Demand::default() };
        self.owner
            .handle(self.now, Message::Read { demand, selection: None, asked: Reason::default(), reply });
        self.act();
        answer
    }

    fn subscribe(&mut self, id: u64, resume: Resume) -> Receiver<Reply<Attached>> {
        self.subscribe_on(Terms::USUAL, Coding::Identity, id, resume)
    }

    fn subscribe_on(
        &mut self,
        terms: Terms,
        coding: Coding,
        id: u64,
        resume: Resume,
    ) -> Receiver<Reply<Attached>> {
        let (reply, answer) = oneshot::channel();
        let newcomer = Newcomer {
            id: SubscriberId(id),
            shard: SHARD,
            resume,
            coding,
            wish: Wish::NONE,
            terms,
            selection: None,
        };
        let message = Message::Subscribe { newcomer, reply };
        self.owner.handle(self.now, message);
        self.act();
        answer
    }

    /// Where the steps lead that are made when a shard asks for this one; the whole leads nowhere in particular.
    fn step(&mut self, feed: u64, from: u64) -> Vec<Option<u64>> {
        self.owner.handle(
            self.now,
            Message::StepFrom(ViewId::whole(FeedId(feed)), SHARD, Offset(from), Kind::Patch),
        );
        let steps = self.owner.take_actions().into_iter().filter_map(|action| match action {
            Action::Tell(_, FeedCommand::Step(_, _, _, Step::To(step))) => Some(Some(step.offset().0)),
            Action::Tell(_, FeedCommand::Step(_, _, _, Step::Snapshot)) => Some(None),
            _ => None,
        });
        steps.collect()
    }

    /// Somebody subscribes and stays.
    fn watch(&mut self) {
        let answer = self.subscribe(1, Resume::Nowhere);
        self.staying.push(answer);
    }

    fn fetched(&mut self, outcome: Outcome) {
        let number = self.fetching.take().expect("a fetch is under way");
        self.owner.handle_fetched(
            self.now,
            number,
            Fetched { outcome, raw: None, wire_bytes: 0, waited: Duration::ZERO },
        );
        self.act();
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        while self.owner.poll_timeout().is_some_and(|time| time <= self.now) && !self.retired {
            self.owner.handle_timeout(self.now);
            self.act();
        }
    }

    fn validators(&mut self) -> Option<Validators> {
        let position = self.owner.feed().head()?.position;
        let (reply, mut answer) = oneshot::channel();
        self.owner.handle(self.now, Message::ValidatorsAt(position, reply));
        answer.try_recv().expect("answered at once")
    }
}

fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    list.iter().map(pair).collect()
}

fn fresh(body: &str, list: &[(&'static str, &'static str)]) -> Outcome {
    Outcome::Fresh(Representation {
        body: Bytes::copy_from_slice(body.as_bytes()),
        form: Form::Json,
        fields: fields(list),
    })
}

fn not_modified() -> Outcome {
    Outcome::NotModified { fields: HeaderMap::new() }
}

fn unreachable() -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::Unreachable, "away"))
}

fn answered(status: u16) -> Outcome {
    let status = StatusCode::from_u16(status).unwrap();
    Outcome::Answered(Answer { status, fields: HeaderMap::new(), body: Bytes::new() })
}

/// The answer in a word.
fn kind<T>(answer: &mut Receiver<Reply<T>>) -> &'static str {
    match answer.try_recv() {
        Ok(Reply::Have(_)) => "have",
        Ok(Reply::Unselectable(_)) => "unselectable",
        Ok(Reply::TooManyViews) => "too many views",
        Ok(Reply::Full) => "full",
        Ok(Reply::Failed(_)) => "failed",
        Ok(Reply::Answered(_)) => "answered",
        Ok(Reply::Unconfirmed(_)) => "unconfirmed",
        Ok(Reply::Raw(..)) => "raw",
        Ok(Reply::Bypass) => "bypass",
        Ok(Reply::Nothing) => "nothing",
        Ok(Reply::Split(_)) => "split",
        Err(oneshot::error::TryRecvError::Empty) => "waits",
        Err(oneshot::error::TryRecvError::Closed) => "dropped",
    }
}

#[test]
fn one_fetch_answers_all_who_wait_and_each_knows_how() {
    let mut bench = Bench::new(&[]);
    let mut readers: Vec<_> = (0..3).map(|_| bench.read(false)).collect();
    bench.fetched(fresh("[1]", &[]));
    let sources: Vec<_> = readers
        .iter_mut()
        .map(|reader| match reader.try_recv() {
            Ok(Reply::Have(current)) => current.source,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sources, [Source::Fetched, Source::Collapsed, Source::Collapsed]);
}

#[test]
fn what_may_not_be_shared_goes_to_one_and_the_others_ask_for_themselves() {
    for list in [("cache-control", "private"), ("cache-control", "no-store"), ("set-cookie", "s=1")] {
        let mut bench = Bench::new(&[]);
        let (mut first, mut second) = (bench.read(false), bench.read(false));
        bench.fetched(fresh("[1]", &[list]));
        assert_eq!((kind(&mut first), kind(&mut second)), ("have", "bypass"), "{list:?}");
    }
}

#[test]
fn what_may_not_be_shared_is_not_brought_back_by_a_304() {
    for list in [("cache-control", "private"), ("set-cookie", "s=1")] {
        let mut bench = Bench::new(&[]);
        bench.read(false);
        bench.fetched(fresh("[1]", &[list, ("etag", "\"1\"")]));
        bench.read(false);
        assert!(!bench.conditional, "{list:?}: a 304 would be of no use");
        bench.fetched(fresh("[1]", &[list, ("etag", "\"1\"")]));
        // With a subscriber the polls are conditional, and a reader can join one.
        bench.watch();
        bench.fetched(fresh("[1]", &[list, ("etag", "\"1\"")]));
        bench.pass(Duration::from_millis(600));
        assert!(bench.conditional);
        let mut insisting = bench.read(true);
        bench.fetched(not_modified());
        bench.fetched(not_modified());
        assert_eq!(kind(&mut insisting), "bypass", "{list:?}");
    }
}

#[test]
fn a_reader_that_insists_gets_nothing_that_is_not_confirmed() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(fresh("[1]", &[]));
    let mut insisting = bench.read(true);
    bench.fetched(unreachable());
    let mut easy = bench.read(false);
    assert_eq!((kind(&mut insisting), kind(&mut easy)), ("failed", "have"));
}

#[test]
fn must_revalidate_forbids_stale_reads_and_leaves_streams() {
    let mut bench = Bench::new(&[]);
    let mut stream = bench.subscribe(1, Resume::Nowhere);
    bench.fetched(fresh("[1]", &[("cache-control", "must-revalidate")]));
    // Asked too late for a second try.
    bench.pass(Duration::from_secs(2));
    bench.fetched(unreachable());
    let (mut reader, mut second) = (bench.read(false), bench.subscribe(2, Resume::Nowhere));
    assert_eq!((kind(&mut stream), kind(&mut reader), kind(&mut second)), ("have", "unconfirmed", "have"));
    assert_eq!(bench.told, ["attach fresh", "status", "attach fresh"]);
}

#[test]
fn what_is_gone_is_not_served_stale() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(fresh("[1]", &[]));
    bench.pass(Duration::from_secs(1));
    bench.fetched(answered(410));
    let (mut reader, mut stream) = (bench.read(false), bench.subscribe(2, Resume::Nowhere));
    bench.fetched(unreachable());
    assert_eq!((kind(&mut reader), kind(&mut stream)), ("failed", "failed"));
}

#[test]
fn an_error_that_passes_does_not_turn_a_new_stream_away_from_the_last_good_state() {
    for (status, expected) in
        [(500, "have"), (503, "have"), (429, "have"), (400, "answered"), (404, "answered")]
    {
        let mut bench = Bench::new(&[]);
        bench.read(false);
        bench.fetched(fresh("[1]", &[]));
        let mut stream = bench.subscribe(1, Resume::Nowhere);
        bench.fetched(answered(status));
        assert_eq!(kind(&mut stream), expected, "{status}");
    }
}

#[test]
fn an_error_is_shared_only_where_it_may_be() {
    let mut bench = Bench::new(&[("authorization", "Bearer a")]);
    let (mut first, mut second) = (bench.read(false), bench.read(false));
    bench.fetched(answered(500));
    assert_eq!((kind(&mut first), kind(&mut second)), ("answered", "bypass"));
}

#[test]
fn an_error_that_varies_goes_only_to_whom_it_answered() {
    for (vary, expected) in [("Accept", "answered"), ("Origin", "bypass"), ("*", "bypass")] {
        let mut bench = Bench::new(&[]);
        bench.watch();
        bench.fetched(fresh("[1]", &[]));
        // The second insists on a fetch that begins after it came: nobody's in particular.
        let (mut first, mut second) = (bench.read(true), bench.read(true));
        let varied = || {
            let (status, fields) = (StatusCode::INTERNAL_SERVER_ERROR, fields(&[("vary", vary)]));
            Outcome::Answered(Answer { status, fields, body: Bytes::new() })
        };
        bench.fetched(varied());
        bench.fetched(varied());
        assert_eq!((kind(&mut first), kind(&mut second)), ("answered", expected), "{vary}");
        assert!(!bench.told.contains(&"end"), "the stream goes on");
    }
}

#[test]
fn resuming_is_proven_or_said_not_to_be() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(fresh("[1]", &[]));
    let here = bench.owner.feed().head().unwrap().position;
    let elsewhere = Position { binding: Binding(7), ..here };
    let mut streams = Vec::new();
    for resume in [Resume::From(here), Resume::From(elsewhere), Resume::Foreign] {
        streams.push(bench.subscribe(2, resume));
    }
    assert_eq!(bench.told, ["attach fresh", "attach at", "attach unproven", "attach unproven"]);
    assert!(streams.iter_mut().all(|stream| kind(stream) == "have"));
}

#[test]
fn a_step_leads_to_the_newest_head_and_another_feeds_is_not_answered() {
    let document = |value: &str| format!("{{\"value\":{value},\"padding\":\"{}\"}}", "x".repeat(200));
    let mut bench = Bench::new(&[]);
    bench.watch();
    for value in ["1", "2", "3"] {
        bench.fetched(fresh(&document(value), &[]));
        bench.pass(Duration::from_millis(600));
    }
    assert_eq!(bench.step(1, 1), [Some(3)]);
    assert_eq!(bench.step(1, 1), [Some(3)]);
    bench.fetched(fresh(&document("4"), &[]));
    assert_eq!(bench.step(1, 1), [Some(4)]);
    assert_eq!(bench.step(1, 99), [None], "a version that is not known gets the whole");
    assert_eq!(bench.step(2, 1), []);
}

#[test]
fn the_heads_validators_are_the_newest_that_the_origin_gave_for_it() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(fresh("[1]", &[("etag", "\"1\"")]));
    bench.pass(Duration::from_millis(600));
    bench.fetched(fresh("[ 1 ]", &[("etag", "\"2\"")]));
    assert_eq!(bench.validators().unwrap().etag.unwrap(), "\"2\"");
}

#[test]
fn a_poll_is_told_that_somebody_came_to_wait_for_it() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(fresh("[1]", &[]));
    let awaited = |bench: &Bench| bench.awaited.as_ref().is_some_and(Awaited::is_so);
    bench.pass(Duration::from_secs(1));
    assert!(bench.fetching.is_some() && !awaited(&bench), "it is for news");
    let _reader = bench.read(true);
    assert!(awaited(&bench));
    // The reader insists: it waits for the one that begins after it came.
    bench.fetched(not_modified());
    assert!(bench.fetching.is_some() && awaited(&bench));
}

#[test]
fn who_left_while_waiting_is_not_counted() {
    let mut bench = Bench::new(&[]);
    drop(bench.subscribe(1, Resume::Nowhere));
    bench.fetched(fresh("[1]", &[]));
    assert_eq!(bench.told, ["attach fresh"], "whose shard finds that nobody waits");
    assert_eq!(bench.owner.feed().subscribers(), 0);
    bench.pass(LINGER);
    assert!(bench.retired);
}

#[test]
fn refused_credentials_end_the_streams_and_answer_those_who_wait() {
    let mut bench = Bench::new(&[("authorization", "Bearer a")]);
    bench.watch();
    bench.fetched(fresh("[1]", &[]));
    bench.pass(Duration::from_millis(600));
    let (mut insisting, mut reader) = (bench.read(true), bench.read(false));
    bench.fetched(answered(401));
    assert_eq!(bench.told, ["attach fresh", "end"]);
    assert!(bench.retired);
    // The fetch was the feed's own, so its answer is nobody's: each asks the origin for itself.
    assert_eq!((kind(&mut insisting), kind(&mut reader)), ("bypass", "bypass"));
}

#[test]
fn a_split_tells_who_waits_what_the_key_lacks() {
    let mut bench = Bench::new(&[]);
    let (mut stream, mut reader) = (bench.subscribe(1, Resume::Nowhere), bench.read(false));
    bench.fetched(fresh("[1]", &[("vary", "user-agent")]));
    assert_eq!((kind(&mut stream), kind(&mut reader)), ("split", "split"));
    assert!(bench.retired);
}

#[test]
fn a_full_feed_refuses_and_has_room_again() {
    let mut bench = Bench::with(&[], |route| route.max_streams = 2);
    for _ in 0..2 {
        bench.watch();
    }
    let mut third = bench.subscribe(3, Resume::Nowhere);
    assert_eq!(kind(&mut third), "full", "those who wait count");
    bench.fetched(fresh("[1]", &[]));
    bench.owner.handle(bench.now, Message::Unsubscribed(ViewId::whole(FeedId(1)), SHARD, Wish::NONE));
    let mut fourth = bench.subscribe(4, Resume::Nowhere);
    assert_eq!(kind(&mut fourth), "have");
}
