//! One request and the head of its answer: the pool, the head's time-out, the one retry, and failures in core's terms.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, capture_connection};
use tidegate_core::{Failure, FailureKind, Phase};
use tidegate_hub::Body;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cause::{find, root_cause};
use super::connect::{Book, Connector, Mark};
use super::connect_error::ConnectError;
use super::incoming::Incoming;
use super::pools::{Passage, Pools};

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
    pools: Pools,
    book: Book,
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
        let book = connector.book.clone();
        Link { pools: Pools::new(connector), book, authority, connect_timeout, head_timeout }
    }

    /// The origin's host and port, for messages.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The most time for connecting.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The most time until the answer's head.
    pub(super) fn head_timeout(&self) -> Duration {
        self.head_timeout
    }

    /// Sends a request and waits for the head of the answer. `upload` tells how its body gets on, where it has one.
    ///
    /// A request is sent once more, on another connection, in two cases. A `GET` or `HEAD` without a body, and any request
    /// that is [`Repeatable`], if its reused connection dies before the answer: the origin may have closed it before it
    /// saw the request (RFC 9112 §9.3.1). And any whose content is known, if the origin says that it did not work on it
    /// (RFC 9113 §8.7).
    pub(crate) async fn exchange(
        &self,
        mut request: Request<Body>,
        upload: Option<watch::Receiver<Turn>>,
    ) -> Result<Response<Incoming>, Failure> {
        // The URI says it: hyper writes it as `Host` by HTTP/1.1, and as `:authority` by HTTP/2, which takes the field's
        // place (RFC 9113 §8.3.1). nginx refuses a request that has both.
        request.headers_mut().remove(header::HOST);
        let empty = request.body().is_end_stream();
        let declared = request.extensions().get::<Repeatable>().map(|Repeatable(body)| body.clone());
        let safe = declared.is_some() || empty && matches!(*request.method(), Method::GET | Method::HEAD);
        let body = declared.or_else(|| empty.then(Bytes::new));
        let again = body.map(|body| copy_of(&request, body));
        let upgrade = request.headers().contains_key(header::UPGRADE);
        let passage = self.pools.passage(upgrade).await;
        let error = match self.once(passage, request, upload).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match again {
            Some(request) if error.is_worth_a_retry(safe) => {
                tracing::debug!(origin = self.authority, "a connection died; asking again on another one");
                let passage = self.pools.second_passage(error.leave()).await;
                let second = self.once(passage, request, None).await;
                second.map_err(|error| self.failure(&error))
            }
            _ => Err(self.failure(&error)),
        }
    }

    async fn once(
        &self,
        mut passage: Passage<'_>,
        mut request: Request<Body>,
        upload: Option<watch::Receiver<Turn>>,
    ) -> Result<Response<Incoming>, ExchangeError> {
        let mut captured = capture_connection(&mut request);
        let mut answer = std::pin::pin!(passage.client().request(request));
        let connected = async {
            match captured.wait_for_connection_metadata().await.as_ref() {
                Some(connected) => self.given(connected),
                None => None,
            }
        };
        // The connector has a time-out of its own, so this wait needs none.
        let early = tokio::select! {
            biased;
            answer = &mut answer => Ok(answer),
            mark = connected => Err(mark),
        };
        let answer = match early {
            Ok(answer) => answer,
            Err(mark) => {
                if let Some(mark) = &mark {
                    self.pools.given(&mut passage, mark);
                }
                tokio::select! {
                    biased;
                    answer = answer => answer,
                    () = late(self.head_timeout, upload) => {
                        if let Some(mark) = mark {
                            self.book.lock().broke(mark.address(), Instant::now());
                        }
                        return Err(ExchangeError::HeadTimedOut);
                    }
                }
            }
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let error = ExchangeError::Client(error);
                if let Some(mark) = error.mark().filter(|mark| !mark.is_used() && !error.is_the_clients()) {
                    self.book.lock().broke(mark.address(), Instant::now());
                }
                return Err(error);
            }
        };
        if let Some(mark) = response.extensions().get::<Mark>() {
            mark.answered();
            self.pools.given(&mut passage, mark);
            self.book.lock().answered(mark.address());
        }
        match broken_framing(response.headers()) {
            true => Err(ExchangeError::Framing),
            false => Ok(response.map(|body| Incoming::new(body, passage.into_lease()))),
        }
    }

    /// A request has a connection. One that is old, or leads where nobody should go for now, serves this request and no
    /// other.
    fn given(&self, connected: &Connected) -> Option<Mark> {
        let mark = Mark::of(connected)?;
        let now = Instant::now();
        if mark.is_old(now) || self.book.lock().is_to_be_left(mark.address(), now) {
            connected.poison();
            mark.close();
        }
        Some(mark)
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
            ExchangeError::Client(error) if error.is_connect() => match find::<ConnectError>(error) {
                Some(ConnectError::TimedOut) => (
                    FailureKind::TimedOut(Phase::Connect),
                    format!("no connection to {authority} within {:?}", self.connect_timeout),
                ),
                Some(error) if error.is_own_limit() => (
                    FailureKind::Overloaded,
                    format!("the gateway cannot open a connection to {authority}: {error}"),
                ),
                Some(error) => (error.kind(), format!("no connection to {authority}: {error}")),
                None => {
                    (FailureKind::Unreachable, format!("no connection to {authority}: {}", root_cause(error)))
                }
            },
            ExchangeError::Client(error) => {
                let known = find::<hyper::Error>(error);
                let mark = error.connect_info().and_then(Mark::of);
                if let Some(alert) = mark.as_ref().and_then(Mark::alert) {
                    (FailureKind::Tls, format!("no connection to {authority}: {alert}"))
                } else if known.is_some_and(hyper::Error::is_user) {
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
    /// Whether a reused connection died before the answer, which says nothing about the origin, or the origin says that
    /// it did not work on the request.
    fn is_worth_a_retry(&self, safe: bool) -> bool {
        let ExchangeError::Client(error) = self else {
            return false;
        };
        let refused = find::<hyper::Error>(error).is_some_and(|error| error.is_parse() || error.is_user());
        let reused = self.mark().is_some_and(|mark| mark.is_used());
        self.is_unprocessed() || safe && reused && !error.is_connect() && !refused
    }

    /// Whether the origin says so: the stream was refused, or is behind the last one of a connection that it closes
    /// (RFC 9113 §6.8, §8.7).
    fn is_unprocessed(&self) -> bool {
        let refused = |error: &h2::Error| {
            let is_refusal = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            error.is_remote() && (is_refusal || error.is_go_away())
        };
        matches!(self, ExchangeError::Client(error) if find::<h2::Error>(error).is_some_and(refused))
    }

    /// Keeps others from the connection that brought it, where more than this request broke. Returns whether it was one
    /// by HTTP/2.
    fn leave(&self) -> bool {
        let ExchangeError::Client(error) = self else { return false };
        let Some(connected) = error.connect_info() else { return false };
        let only_this = find::<h2::Error>(error).is_some_and(h2::Error::is_reset);
        let mark = Mark::of(connected);
        if let (Some(mark), false) = (&mark, only_this) {
            connected.poison();
            mark.close();
        }
        mark.is_some_and(|mark| mark.is_http2())
    }

    /// Of the connection that the request was given.
    fn mark(&self) -> Option<Mark> {
        match self {
            ExchangeError::Client(error) => Mark::of(error.connect_info()?),
            _ => None,
        }
    }

    /// Whether it was the client who gave up, in the middle of its request.
    fn is_the_clients(&self) -> bool {
        match self {
            ExchangeError::Client(error) => find::<hyper::Error>(error).is_some_and(hyper::Error::is_user),
            _ => false,
        }
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
}
