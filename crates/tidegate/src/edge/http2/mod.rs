//! HTTP/2 towards clients (RFC 9113): by prior knowledge on a plain connection, by ALPN over TLS.
//!
//! Owns the bounds of one such connection, and what differs between the two versions of HTTP in a request and its answer
//! ([`message`]); the frames are hyper's. Many streams share the connection, so none of them can have its socket: each is
//! the body of an answer, fed from a slot that holds what one write had. A client that resets a stream drops its body, and
//! with it the subscriber, at once.
//!
//! What is bounded, beside the settings:
//! - **Streams beside each other.** How fast a stream goes is the client's to say, for each one (RFC 9113 §5.2). What is
//!   queued here for one that stalls takes nothing from the others.
//! - **Memory.** Of each stream that is sent: [`QUEUED`] and a frame. Of all contents that clients send on a connection:
//!   [`CONNECTION_WINDOW`]. Of a request's fields: what a head of HTTP/1.1 may have.
//! - **Floods.** Streams that are reset before they are looked at, or that break the rules, end the connection with
//!   `ENHANCE_YOUR_CALM`; those reset later are counted ([`under_way`]). An answer to `PING` or `SETTINGS` waits until the
//!   one before is written, and nothing is read meanwhile; `CONTINUATION`s are counted against the fields' bound.
//! - **Time.** A connection without a request is closed as one of HTTP/1.1 is, and one whose client does not answer a
//!   `PING` is given up: its streams would be fed for nothing.
//!
//! `CONNECT` opens no tunnels here, the extended one (RFC 8441) included: it is not offered.

mod message;
mod under_way;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidegate_hub::{Body, Clock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::under_way::UnderWay;
use super::server::CONNECTION_BUFFER;

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How HTTP/2 calls itself in ALPN (RFC 9113 §3.2).
pub(super) const ALPN: &[u8] = b"h2";

/// How much of one stream waits to be sent before no more is taken from whoever makes it, in bytes. Small, because what
/// waits is old when it leaves: a slow client is to get one update to the newest version, and not those before it.
const QUEUED: usize = CONNECTION_BUFFER;

/// How much of one request's content a client may send before it is passed on, in bytes: enough for 10 Mbit/s from
/// 100 ms away.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same of all contents of a connection together. Several times as much, so that one whose origin does not read does
/// not hold up the others.
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;

/// Streams of a connection that may break the rules before it is closed. Programs that work have none.
const MISTAKES: usize = 64;

/// Streams of a connection that may be reset before they were looked at. hyper looks at once, so more come from floods
/// alone.
const UNSEEN_RESETS: usize = 20;

/// How long a client may be silent before it is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);

/// How long it may then take to say so.
const PONG: Duration = Duration::from_secs(30);

/// How long a connection that is being closed and has no request any more waits for its client's farewell.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How many requests it may have at once, streams included.
    pub(super) max_streams: u32,
    /// How long it may have none.
    pub(super) idle: Duration,
}

/// Answers the requests of one connection, until it ends or, once `stop` says so, they are all answered.
pub(super) async fn serve<I, A, F>(
    io: I,
    answer: A,
    terms: Terms,
    clock: Clock,
    stop: &CancellationToken,
    address: SocketAddr,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    // Whoever closes a page ends all its streams at once; twice that in a second is no page.
    let under_way = UnderWay::new(clock, 2 * terms.max_streams as usize);
    let begun = under_way.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (one, answer) = (begun.begin(), answer.clone());
        // In a box, because deciding takes much room, and the answer may be a stream that lives for long.
        Box::pin(async move {
            let method = request.method().clone();
            let response = match message::received(request) {
                Ok(request) => answer(request).await,
                Err(why) => message::refused(why),
            };
            Ok::<_, Infallible>(one.until_sent(message::sent(&method, response)))
        })
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(terms.max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(QUEUED)
        .max_header_list_size(CONNECTION_BUFFER as u32)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(MISTAKES)
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(PONG)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        // First, so that requests that came before are begun.
        biased;
        ended = connection.as_mut() => Some(ended),
        () = under_way.flooded() => None,
        () = closing(stop, &under_way, terms.idle) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => Some(ended),
                () = under_way.flooded() => None,
                () = under_way.idle_for(FAREWELL) => None,
            }
        }
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!(%error, client = %address, "the connection ended early"),
        None => debug!(client = %address, "the connection is cut"),
    }
}

/// Comes back when the connection is to be closed in order.
async fn closing(stop: &CancellationToken, under_way: &UnderWay, idle: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = under_way.idle_for(idle) => {}
    }
}
