//! The hub as a whole, on its real threads and tasks, with an origin that answers when the test says so.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use tidegate_core::caching::Demand;
use tidegate_core::{Failure, FailureKind, Form, Outcome, Policy, Representation, Unfit, WindowLimits};
use tidegate_hub::{
    Body, BoxError, Clock, Coding, CountedBody, FetchRequest, Fetched, Hub, HubLimits, Interest, Origin,
    Refused, Resume, Route, Source, Subscription, Terms, Wanted,
};
use tokio::sync::{mpsc, oneshot};

type Asked = (FetchRequest, oneshot::Sender<Fetched>);

/// Hands each request to the test, which answers it when it likes.
struct Scripted(mpsc::UnboundedSender<Asked>);

impl Origin for Scripted {
    fn fetch(&self, request: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send((request, answer));
        Box::pin(async move {
            let away = || plain(Outcome::Failed(Failure::new(FailureKind::Unreachable, "the test is over")));
            answered.await.unwrap_or_else(|_| away())
        })
    }

    fn resource(&self, target: &str) -> String {
        target.to_owned()
    }
}

/// Answers at once, by the number of the request.
struct Prompt<F>(F, AtomicU64);

fn prompt<F: Fn(u64) -> Fetched + Send + Sync + 'static>(answer: F) -> Prompt<F> {
    Prompt(answer, AtomicU64::new(1))
}

impl<F: Fn(u64) -> Fetched + Send + Sync + 'static> Origin for Prompt<F> {
    fn fetch(&self, _: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let fetched = (self.0)(self.1.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move { fetched })
    }

    fn resource(&self, target: &str) -> String {
        target.to_owned()
    }
}

fn plain(outcome: Outcome) -> Fetched {
    Fetched { outcome, raw: None, wire_bytes: 0, waited: Duration::ZERO }
}

fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    list.iter().map(pair).collect()
}

fn fresh(body: &str, list: &[(&'static str, &'static str)]) -> Fetched {
    let body = Bytes::copy_from_slice(body.as_bytes());
    plain(Outcome::Fresh(Representation { body, form: Form::Json, fields: fields(list) }))
}

struct Bench {
    hub: Hub,
    route: Arc<Route>,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Bench {
    /// Polls and lingers as given.
    fn new(origin: impl Origin, limits: HubLimits, interval: Duration, linger: Duration) -> Bench {
        let random = AtomicU64::new(1);
        let entropy = move || random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let hub = Hub::start(Clock::new(), limits, entropy).expect("threads can be started");
        let window = WindowLimits { bytes: 100_000, versions: 8 };
        let policy = Policy {
            pace: tidegate_core::Pace::steady(interval),
            linger,
            stale_if_error: HOUR,
            window,
            max_depth: 16,
            identities: Arc::default(),
            controls: Arc::default(),
            expect: None,
        };
        let route = Route {
            scope: "test".to_owned(),
            origin: Arc::new(origin),
            policy,
            heartbeat: HOUR,
            conflate: true,
            max_streams: usize::MAX,
            sharing: tidegate_core::SharingPolicy::default(),
            considered: tidegate_core::Vary::none(),
            counters: Arc::default(),
        };
        Bench { hub, route: Arc::new(route) }
    }

    /// An origin under the test's control that is asked only when somebody comes.
    fn scripted(limits: HubLimits) -> (Bench, mpsc::UnboundedReceiver<Asked>) {
        let (sender, asked) = mpsc::unbounded_channel();
        (Bench::new(Scripted(sender), limits, HOUR, Duration::ZERO), asked)
    }

    async fn read(&self, target: &str, request: &HeaderMap) -> Result<(String, Source), Refused> {
        let wanted =
            Wanted { route: &self.route, asked: tidegate_core::Asked::get(target, request), identity: None };
        let current = self.hub.read(wanted, Demand::default(), None).await.map_err(|(refused, _)| refused)?;
        let body = &current.published.version().body;
        Ok((String::from_utf8(body.to_vec()).expect("the test sends text"), current.source))
    }

    async fn subscribe(&self, target: &str) -> Result<CountedBody, Refused> {
        Ok(self.subscription(target).await?.into_body())
    }

    async fn subscription(&self, target: &str) -> Result<Subscription, Refused> {
        let none = HeaderMap::new();
        self.hub
            .subscribe(
                Wanted {
                    route: &self.route,
                    asked: tidegate_core::Asked::get(target, &none),
                    identity: None,
                },
                Interest {
                    resume: Resume::Nowhere,
                    coding: Coding::Identity,
                    wish: tidegate_core::Wish::NONE,
                    terms: Terms::USUAL,
                    selection: None,
                    carrier: None,
                },
            )
            .await
    }

    /// Comes back when no feed is left.
    async fn until_empty(&self) {
        while !self.hub.report().await.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

fn limits(feeds: usize, streams: usize) -> HubLimits {
    HubLimits { feeds, private_feeds: feeds, streams, shards: 2, pinned: 1 << 20 }
}

/// A test that hangs fails; nothing else depends on this time.
async fn finish<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test came to an end")
}

/// Lets a future do what it can without waiting.
async fn once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn next_frame(stream: &mut CountedBody) -> Option<String> {
    let frame = stream.frame().await?.expect("a stream has no errors of its own");
    Some(String::from_utf8(frame.into_data().expect("data").to_vec()).expect("events are text"))
}

async fn rest(mut stream: CountedBody) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(frame) = next_frame(&mut stream).await {
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn concurrent_identical_reads_are_one_fetch() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    let none = HeaderMap::new();
    let answer = async {
        let (_, answer) = asked.recv().await.unwrap();
        answer.send(fresh("[1]", &[])).unwrap();
    };
    let (first, second, third, ()) = finish(async {
        tokio::join!(bench.read("/a", &none), bench.read("/a", &none), bench.read("/a", &none), answer)
    })
    .await;
    assert_eq!(first.unwrap(), ("[1]".to_owned(), Source::Fetched));
    assert_eq!(second.unwrap(), ("[1]".to_owned(), Source::Collapsed));
    assert_eq!(third.unwrap(), ("[1]".to_owned(), Source::Collapsed));
    assert!(asked.try_recv().is_err(), "one fetch");
}

#[tokio::test]
async fn reads_that_differ_in_a_forwarded_field_are_two_fetches() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    let (anna, berta) = (fields(&[("authorization", "anna")]), fields(&[("authorization", "berta")]));
    let answer = async {
        for _ in 0..2 {
            let (request, answer) = asked.recv().await.unwrap();
            let body = format!("{:?}", request.fields["authorization"]);
            answer.send(fresh(&body, &[("cache-control", "public")])).unwrap();
        }
    };
    let (first, second, ()) =
        finish(async { tokio::join!(bench.read("/a", &anna), bench.read("/a", &berta), answer) }).await;
    assert_eq!((first.unwrap().0, second.unwrap().0), ("\"anna\"".to_owned(), "\"berta\"".to_owned()));
}

#[tokio::test]
async fn followers_of_what_may_not_be_shared_are_told_to_ask_for_themselves() {
    for list in [("cache-control", "private"), ("cache-control", "no-store"), ("set-cookie", "s=1")] {
        let (bench, mut asked) = Bench::scripted(limits(8, 8));
        let none = HeaderMap::new();
        let answer = async {
            let (_, answer) = asked.recv().await.unwrap();
            answer.send(fresh("[1]", &[list])).unwrap();
        };
        let (first, second, ()) =
            finish(async { tokio::join!(bench.read("/a", &none), bench.read("/a", &none), answer) }).await;
        assert_eq!(first.unwrap().0, "[1]", "{list:?}");
        assert!(matches!(second, Err(Refused::Bypass)), "{list:?}: {second:?}");
    }
}

#[tokio::test]
async fn an_answer_that_passes_through_goes_to_one() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    let none = HeaderMap::new();
    let answer = async {
        let (_, answer) = asked.recv().await.unwrap();
        let body: Body = Full::new(Bytes::from_static(b"\x89PNG"))
            .map_err(|it| -> BoxError { match it {} })
            .boxed_unsync();
        let raw = Some(Response::new(body));
        answer
            .send(Fetched {
                outcome: Outcome::Unfit(Unfit::MediaType),
                raw,
                wire_bytes: 4,
                waited: Duration::ZERO,
            })
            .unwrap();
    };
    let (first, second, ()) =
        finish(async { tokio::join!(bench.read("/a", &none), bench.read("/a", &none), answer) }).await;
    let Err(Refused::Raw(raw, _)) = first else { panic!("{first:?}") };
    assert_eq!(raw.into_body().collect().await.unwrap().to_bytes(), &b"\x89PNG"[..]);
    assert!(matches!(second, Err(Refused::Bypass)), "{second:?}");
}

#[tokio::test]
async fn what_vary_names_is_learnt_and_keys_the_next() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    let (one, two) = (fields(&[("user-agent", "one")]), fields(&[("user-agent", "two")]));
    let answer = async {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (request, answer) = asked.recv().await.unwrap();
            let agent = request.fields.get("user-agent").map(|agent| agent.to_str().unwrap().to_owned());
            answer
                .send(fresh(
                    &format!("[{:?}]", agent.as_deref().unwrap_or_default()),
                    &[("vary", "user-agent")],
                ))
                .unwrap();
            seen.push(agent);
        }
        seen
    };
    let reads = async { (bench.read("/a", &one).await, bench.read("/a", &two).await) };
    let ((first, second), seen) = finish(async { tokio::join!(reads, answer) }).await;
    assert_eq!(seen, [None, Some("one".to_owned()), Some("two".to_owned())]);
    assert_eq!((first.unwrap().0, second.unwrap().0), ("[\"one\"]".to_owned(), "[\"two\"]".to_owned()));
}

#[tokio::test]
async fn more_feeds_than_the_limit_are_refused_and_room_comes_back() {
    let (bench, mut asked) = Bench::scripted(limits(1, 8));
    let none = HeaderMap::new();
    finish(async {
        let mut first = pin!(bench.read("/a", &none));
        assert!(once(&mut first).await.is_none());
        let second = bench.read("/b", &none).await;
        assert!(matches!(second, Err(Refused::TooManyFeeds)), "{second:?}");
        asked.recv().await.unwrap().1.send(fresh("[1]", &[])).unwrap();
        first.await.unwrap();
        bench.until_empty().await;
        let answer = async { asked.recv().await.unwrap().1.send(fresh("[2]", &[])).unwrap() };
        assert_eq!(tokio::join!(bench.read("/b", &none), answer).0.unwrap().0, "[2]");
    })
    .await;
}

#[tokio::test]
async fn more_streams_than_the_limit_are_refused_and_room_comes_back() {
    let bench = Bench::new(prompt(|_| fresh("[1]", &[])), limits(8, 1), HOUR, Duration::ZERO);
    finish(async {
        let first = bench.subscribe("/a").await.unwrap();
        assert_eq!(bench.hub.streams(), 1);
        assert!(matches!(bench.subscribe("/a").await, Err(Refused::TooManyStreams)));
        drop(first);
        assert_eq!(bench.hub.streams(), 0);
        assert!(bench.subscribe("/a").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_stream_brings_what_the_origin_has_and_then_each_change() {
    let document = |number| format!("{{\"n\":{number},\"padding\":\"{}\"}}", "x".repeat(100));
    let (sender, mut asked) = mpsc::unbounded_channel();
    let bench = Bench::new(Scripted(sender), limits(8, 8), Duration::from_millis(1), Duration::ZERO);
    finish(async {
        let answer =
            async { asked.recv().await.unwrap().1.send(fresh(&document(1), &[("content-type", "a/json")])) };
        let (stream, sent) = tokio::join!(bench.subscription("/a"), answer);
        let stream = stream.unwrap();
        assert!(sent.is_ok() && stream.content_type.as_ref().unwrap() == "a/json");
        let mut stream = stream.into_body();
        let snapshot = next_frame(&mut stream).await.unwrap();
        assert!(snapshot.starts_with("event: snapshot\n") && snapshot.contains(&document(1)), "{snapshot}");
        assert!(next_frame(&mut stream).await.unwrap().starts_with("event: status\n"));
        asked.recv().await.unwrap().1.send(fresh(&document(2), &[])).unwrap();
        let patch = next_frame(&mut stream).await.unwrap();
        assert!(patch.contains(r#"data: [{"op":"replace","path":"/n","value":2}]"#), "{patch}");
    })
    .await;
}

#[tokio::test]
async fn who_leaves_while_waiting_leaves_nothing_behind() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    finish(async {
        {
            let mut subscribing = pin!(bench.subscribe("/a"));
            assert!(once(&mut subscribing).await.is_none());
        }
        assert_eq!(bench.hub.streams(), 0);
        asked.recv().await.unwrap().1.send(fresh("[1]", &[])).unwrap();
        bench.until_empty().await;
        assert!(asked.try_recv().is_err(), "nothing more is asked");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_at_any_moment_leaves_nothing_behind() {
    // Every poll brings a change, so that shards are busy with the feed while its subscribers come and go.
    let origin = prompt(|number| fresh(&format!("[{number}]"), &[]));
    let bench = Arc::new(Bench::new(origin, limits(8, 1000), Duration::from_millis(1), Duration::ZERO));
    finish(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let bench = bench.clone();
            tasks.spawn(async move {
                for round in 0..40 {
                    let mut stream = bench.subscribe("/a").await.expect("every request is answered");
                    for _ in 0..(task + round) % 4 {
                        next_frame(&mut stream).await.expect("nothing ends the stream");
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(bench.hub.streams(), 0);
        bench.until_empty().await;
    })
    .await;
}

#[tokio::test]
async fn shutdown_ends_every_stream_with_the_time_to_come_back() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    finish(async {
        let answer = async { asked.recv().await.unwrap().1.send(fresh("[1]", &[])).unwrap() };
        let mut stream = tokio::join!(bench.subscribe("/a"), answer).0.unwrap();
        assert!(next_frame(&mut stream).await.unwrap().starts_with("event: snapshot"));
        assert!(next_frame(&mut stream).await.unwrap().starts_with("event: status"));
        // One that is still on its way to its shard.
        let mut late = pin!(bench.subscribe("/b"));
        assert!(once(&mut late).await.is_none());
        bench.hub.shutdown();
        asked.recv().await.unwrap().1.send(fresh("[2]", &[])).unwrap();
        let late = late.await.unwrap();
        for stream in [stream, late] {
            let frames = rest(stream).await;
            let last = frames.last().expect("it is told");
            assert!(last.starts_with("event: status\n") && last.contains("\nretry: "), "{frames:?}");
        }
        assert!(matches!(bench.subscribe("/a").await, Err(Refused::Closing)));
        bench.until_empty().await;
        assert!(asked.try_recv().is_err(), "nothing more is asked");
    })
    .await;
}

#[tokio::test]
async fn a_feed_whose_task_dies_closes_its_streams_and_the_next_one_lives() {
    let origin = prompt(|number| {
        assert!(number != 2, "the origin breaks its word and panics");
        fresh("[1]", &[])
    });
    let bench = Bench::new(origin, limits(8, 8), Duration::from_millis(1), Duration::ZERO);
    finish(async {
        let stream = bench.subscribe("/a").await.unwrap();
        // That it ends is the point; whether the last status still fits depends on how fast it is read.
        let frames = rest(stream).await;
        assert!(frames[0].starts_with("event: snapshot\n"), "{frames:?}");
        assert!(bench.subscribe("/a").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_versions_validators_are_found_by_its_position() {
    let (bench, mut asked) = Bench::scripted(limits(8, 8));
    finish(async {
        let answer =
            async { asked.recv().await.unwrap().1.send(fresh("[1]", &[("etag", "\"1\"")])).unwrap() };
        let _stream = tokio::join!(bench.subscribe("/a"), answer).0.unwrap();
        let position = bench.hub.report().await[0].head.unwrap();
        let validators = bench.hub.validators_at(position).await.unwrap();
        assert_eq!(validators.etag.unwrap(), "\"1\"");
        let later = tidegate_core::Position { offset: position.offset.next(), ..position };
        let foreign = tidegate_core::Position { epoch: tidegate_core::Epoch(0), ..position };
        for unknown in [later, foreign] {
            assert!(bench.hub.validators_at(unknown).await.is_none());
        }
    })
    .await;
}
