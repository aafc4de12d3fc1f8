//! One request and the head of its answer: the pool, the head's time-out, the one retry, and failures in core's terms.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tidegate_core::{Failure, FailureKind, Phase};
use tidegate_hub::Body;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cause::{all, find, root_cause};
use super::connect::{self, ConnectTimedOut, Connector, Used};

/// How long an unused connection is kept. Below the idle limits of common servers and balancers (60 s and more).
const POOL_IDLE: Duration = Duration::from_secs(30);

/// The most unused connections that are kept.
const POOL_MAX_IDLE: usize = 64;

/// The largest head of an answer, in bytes; also how much of a body is read ahead.
const HEAD_LIMIT: usize = 256 * 1024;

/// Whose move it is while a request's body is on its way up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// The client has to send more: the origin cannot be late.
    Client,
    /// The origin has to take more or to answer, since then.
    Origin(Instant),
}

/// The connections to one origin.
pub(crate) struct Link {
    pooled: Client<Connector, Body>,
    /// Never reuses: for the second try, which must not meet the next dead connection of the pool.
    fresh: Client<Connector, Body>,
    authority: String,
    connect_timeout: Duration,
    head_timeout: Duration,
}

impl Link {
    pub(super) fn new(
        connector: Connector,
        authority: String,
        connect_timeout: Duration,
        head_timeout: Duration,
    ) -> Link {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .http1_max_buf_size(HEAD_LIMIT);
        let pooled = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Link { pooled, fresh, authority, connect_timeout, head_timeout }
    }

    /// The origin's host and port, for messages.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends a request and waits for the head of the answer. `upload` tells how its body gets on, where it has one.
    ///
    /// A `GET` or `HEAD` without a body, and any request that is [`Repeatable`], is sent once more on a new connection
    /// if its reused connection dies before the answer: the origin may have closed it before it saw the request
    /// (RFC 9112 §9.3.1).
    pub(crate) async fn exchange(
        &self,
        request: Request<Body>,
        upload: Option<watch::Receiver<Turn>>,
    ) -> Result<Response<Incoming>, Failure> {
        let safe = matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_end_stream();
        let declared = request.extensions().get::<Repeatable>().map(|Repeatable(body)| body.clone());
        let body = declared.or_else(|| safe.then(Bytes::new));
        let again = body.map(|body| copy_of(&request, body));
        let error = match self.once(&self.pooled, request, upload).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match again {
            Some(request) if error.is_worth_a_retry() => {
                tracing::debug!(
                    origin = self.authority,
                    "a reused connection died; asking again on a new one"
                );
                let second = self.once(&self.fresh, request, None).await;
                second.map_err(|error| self.failure(&error))
            }
            _ => Err(self.failure(&error)),
        }
    }

    async fn once(
        &self,
        client: &Client<Connector, Body>,
        mut request: Request<Body>,
        upload: Option<watch::Receiver<Turn>>,
    ) -> Result<Response<Incoming>, ExchangeError> {
        let mut captured = capture_connection(&mut request);
        let mut answer = std::pin::pin!(client.request(request));
        let connected = async {
            captured.wait_for_connection_metadata().await;
        };
        // The connector has a time-out of its own, so this wait needs none.
        let early = tokio::select! {
            biased;
            answer = &mut answer => Some(answer),
            () = connected => None,
        };
        let answer = match early {
            Some(answer) => answer,
            None => tokio::select! {
                biased;
                answer = answer => answer,
                () = late(self.head_timeout, upload) => return Err(ExchangeError::HeadTimedOut),
            },
        };
        let response = answer.map_err(ExchangeError::Client)?;
        if let Some(used) = response.extensions().get::<Used>() {
            used.mark();
        }
        match broken_framing(response.headers()) {
            true => Err(ExchangeError::Framing),
            false => Ok(response),
        }
    }

    fn failure(&self, error: &ExchangeError) -> Failure {
        let authority = &self.authority;
        let (kind, detail) = match error {
            ExchangeError::HeadTimedOut => (
                FailureKind::TimedOut(Phase::Head),
                format!("{authority} did not begin its answer within {:?}", self.head_timeout),
            ),
            ExchangeError::Framing => (
                FailureKind::NotHttp,
                format!("{authority} answered with a transfer coding other than `chunked`"),
            ),
            ExchangeError::Client(error) if error.is_connect() => match find::<ConnectTimedOut>(error) {
                Some(_) => (
                    FailureKind::TimedOut(Phase::Connect),
                    format!("no connection to {authority} within {:?}", self.connect_timeout),
                ),
                None if all(error).any(is_own_limit) => (
                    FailureKind::Overloaded,
                    format!("the gateway cannot open a connection to {authority}: {}", root_cause(error)),
                ),
                None => (
                    connect::how_unconnected(error),
                    format!("no connection to {authority}: {}", root_cause(error)),
                ),
            },
            ExchangeError::Client(error) => {
                let known = find::<hyper::Error>(error);
                if known.is_some_and(hyper::Error::is_user) {
                    let detail = format!("the client's request broke off before {authority} answered");
                    (FailureKind::Request, detail)
                } else if known.is_some_and(hyper::Error::is_parse) {
                    let detail = format!("what {authority} answered is not HTTP/1.1: {}", root_cause(error));
                    (FailureKind::NotHttp, detail)
                } else if known.is_some_and(hyper::Error::is_incomplete_message) {
                    let detail = format!("{authority} closed the connection before it answered");
                    (FailureKind::NoAnswer, detail)
                } else {
                    let detail = format!("the connection to {authority} broke: {}", root_cause(error));
                    (FailureKind::NoAnswer, detail)
                }
            }
        };
        Failure::new(kind, detail)
    }
}

/// Whether it was this process or this machine that had no more to give: `ENFILE`, `EMFILE`, `ENOBUFS`, `ENOMEM`, as
/// Linux numbers them.
fn is_own_limit(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 105 | 12))
}

/// Comes to an end when the origin is late with the head of its answer.
async fn late(limit: Duration, upload: Option<watch::Receiver<Turn>>) {
    let Some(mut upload) = upload else {
        return tokio::time::sleep(limit).await;
    };
    loop {
        let turn = *upload.borrow_and_update();
        let deadline = async {
            match turn {
                Turn::Client => std::future::pending().await,
                Turn::Origin(since) => tokio::time::sleep_until(since + limit).await,
            }
        };
        tokio::select! {
            () = deadline => return,
            changed = upload.changed() => {
                if changed.is_err() {
                    // The body was sent, or given up: from here on only the origin can be late.
                    return tokio::time::sleep(limit).await;
                }
            }
        }
    }
}

/// Why there is no head.
enum ExchangeError {
    Client(legacy::Error),
    HeadTimedOut,
    Framing,
}

impl ExchangeError {
    /// Whether a reused connection died before the answer, which says nothing about the origin.
    fn is_worth_a_retry(&self) -> bool {
        let ExchangeError::Client(error) = self else {
            return false;
        };
        let mut extras = Extensions::new();
        if let Some(connected) = error.connect_info() {
            connected.get_extras(&mut extras);
        }
        let reused = extras.get::<Used>().is_some_and(Used::is_marked);
        let refused = find::<hyper::Error>(error).is_some_and(|error| error.is_parse() || error.is_user());
        reused && !error.is_connect() && !refused
    }
}

/// Marks a request that is safe (RFC 9110 §9.2.1), whatever its method, and holds its content so that it can be sent
/// again. Without the mark, nothing with a body or of another method than `GET` and `HEAD` ever is.
#[derive(Debug, Clone)]
pub(super) struct Repeatable(pub(super) Bytes);

fn copy_of(request: &Request<Body>, body: Bytes) -> Request<Body> {
    let mut copy = Request::new(if body.is_empty() { no_body() } else { whole(body) });
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The body of a message that has none.
pub(crate) fn no_body() -> Body {
    Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body held in memory.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Whether an answer's body is coded for the transfer in a way that nobody here can undo. Passed on as an ordinary
/// body it would be wrong (RFC 9112 §6.1, §7).
fn broken_framing(fields: &HeaderMap) -> bool {
    let mut values = fields.get_all(header::TRANSFER_ENCODING).iter();
    values.next().is_some_and(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"))
        || values.next().is_some()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_no_slow_origin() {
        let (turn, progress) = watch::channel(Turn::Client);
        let late = tokio::spawn(late(LIMIT, Some(progress)));
        advance(LIMIT * 100).await;
        assert!(!late.is_finished());
        // Each part that the origin takes gives it the whole time again.
        for _ in 0..3 {
            turn.send_replace(Turn::Origin(Instant::now()));
            tokio::task::yield_now().await;
            advance(LIMIT - Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
            assert!(!late.is_finished());
        }
        let before = Instant::now();
        late.await.unwrap();
        assert_eq!(before.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_has_the_whole_body_has_its_time() {
        let (turn, progress) = watch::channel(Turn::Client);
        drop(turn);
        let before = Instant::now();
        late(LIMIT, Some(progress)).await;
        assert_eq!(before.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[test]
    fn only_plain_chunks_are_a_framing_that_is_undone() {
        for (values, expected) in [
            (&[][..], false),
            (&["chunked"], false),
            (&[" Chunked "], false),
            (&["gzip, chunked"], true),
            (&["gzip", "chunked"], true),
            (&["identity"], true),
        ] {
            let fields =
                values.iter().map(|value| (header::TRANSFER_ENCODING, value.parse().unwrap())).collect();
            assert_eq!(broken_framing(&fields), expected, "{values:?}");
        }
    }

    #[test]
    fn the_processs_own_limits_are_not_the_origins_fault() {
        for (code, own) in [(24, true), (23, true), (12, true), (105, true), (111, false), (113, false)] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(is_own_limit(&error), own, "{error}");
        }
        assert!(!is_own_limit(&io::Error::other("no code")));
    }
}
