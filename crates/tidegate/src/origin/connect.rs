//! Connecting: which address, TCP and TLS within one time-out, and what a connection knows of itself.
//!
//! Owns the way from an origin's places to a connection that can be spoken on. Which addresses there are is
//! [`Places`]'s, whose turn it is [`Addresses`]', and trying them [`Race`]'s. TLS is by the origin's own name, whatever
//! address is connected to.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tidegate_hub::BoxError;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::addresses::Addresses;
use super::connect_error::ConnectError;
use super::connections::{Http2, Pings};
use super::race::Race;
use super::resolve::Places;
use super::tls_error::TlsError;

/// How HTTP/2 is called where TLS agrees on a protocol (RFC 9113 §3.2).
const ALPN_HTTP2: &[u8] = b"h2";

/// How HTTP/1.1 is (RFC 7301 §6).
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Connects to one origin, whatever URI it is asked for: the pool only ever has one.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) places: Arc<Places>,
    pub(super) book: Book,
    /// TLS, and the name that the certificate has to be of.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// For everything: name resolution, TCP, TLS.
    pub(super) time_out: Duration,
    pub(super) max_age: Duration,
    pub(super) http2: Http2,
    pub(super) pings: Pings,
}

/// What the connections to an origin learn about its addresses, together.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<Addresses>>);

impl Book {
    pub(super) fn lock(&self) -> MutexGuard<'_, Addresses> {
        // Nothing panics while holding it; and if, an order of addresses is right in any state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let deadline = Instant::now() + connector.time_out;
            let connecting = tokio::time::timeout_at(deadline, connector.connect(deadline));
            let connected = connecting.await.unwrap_or(Err(ConnectError::TimedOut));
            if connected.is_err() {
                connector.places.doubt();
            }
            Ok(connected?)
        })
    }
}

impl Connector {
    /// The same, which offers or takes for granted what the setting says.
    pub(super) fn speaking(mut self, http2: Http2) -> Connector {
        self.http2 = http2;
        if let Some((config, _)) = &mut self.tls {
            Arc::make_mut(config).alpn_protocols = match http2 {
                Http2::Auto => vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()],
                Http2::Never => vec![ALPN_HTTP1.to_vec()],
                Http2::PriorKnowledge => vec![ALPN_HTTP2.to_vec()],
            };
        }
        self
    }

    /// Whether a connection may turn out to speak HTTP/2.
    pub(super) fn may_be_http2(&self) -> bool {
        match self.http2 {
            Http2::Auto => self.tls.is_some(),
            Http2::Never => false,
            Http2::PriorKnowledge => true,
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<Stream, ConnectError> {
        let places = self.places.addresses().await?;
        let order = self.book.lock().order(&places, Instant::now());
        let mut race = Race::new(order, self.time_out, self.book.clone());
        let mut failure = ConnectError::TimedOut;
        while let Some((address, attempt)) = race.next().await {
            let stream = match attempt {
                Ok(stream) => stream,
                // What was agreed on by TCP and not by TLS says more.
                Err(_) if matches!(failure, ConnectError::Tls(_)) => continue,
                Err(error) => {
                    failure = ConnectError::tcp(error);
                    continue;
                }
            };
            let Some((config, name)) = &self.tls else {
                let mark = Mark::new(address, self.max_age, self.http2 == Http2::PriorKnowledge);
                return Ok(Stream { transport: Transport::Plain(TokioIo::new(stream)), mark });
            };
            // Shared out among the addresses, so that one that accepts and says nothing leaves time for the next.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(race.left() + 1).unwrap_or(u32::MAX);
            let handshake = TlsConnector::from(config.clone()).connect(name.clone(), stream);
            failure = match tokio::time::timeout(share, handshake).await {
                Ok(Ok(stream)) => {
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2)
                        || self.http2 == Http2::PriorKnowledge;
                    let mark = Mark::new(address, self.max_age, http2);
                    let transport = Transport::Tls(Box::new(TokioIo::new(stream)));
                    return Ok(Stream { transport, mark });
                }
                Ok(Err(error)) => ConnectError::Tls(TlsError::of_a_handshake(&error)),
                Err(_) => ConnectError::TimedOut,
            };
            tracing::debug!(%address, error = %failure, "no TLS with an origin's address");
            self.book.lock().failed(address, Instant::now());
        }
        Err(failure)
    }
}

/// What a connection knows of itself. Shared with everyone who was given the connection.
#[derive(Debug, Clone)]
pub(super) struct Mark(Arc<Marked>);

#[derive(Debug)]
struct Marked {
    address: SocketAddr,
    retires: Instant,
    http2: bool,
    used: AtomicBool,
    /// Whether it is gone, or is not to be used any more.
    closed: AtomicBool,
    alert: OnceLock<TlsError>,
}

impl Mark {
    fn new(address: SocketAddr, max_age: Duration, http2: bool) -> Mark {
        // Connections that came at the same time do not have to go at the same time. Without random numbers they do.
        let part = getrandom::u32().unwrap_or(0) % 256;
        let retires = Instant::now() + max_age - max_age / 1024 * part;
        let (used, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Mark(Arc::new(Marked { address, retires, http2, used, closed, alert: OnceLock::new() }))
    }

    /// Of the connection that the pool gave.
    pub(super) fn of(connected: &Connected) -> Option<Mark> {
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        extras.remove::<Mark>()
    }

    /// Notes that the connection brought an answer.
    pub(super) fn answered(&self) {
        self.0.used.store(true, Ordering::Relaxed);
    }

    /// Whether it brought one before.
    pub(super) fn is_used(&self) -> bool {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Notes that no more requests are to go there.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it is there and may be used.
    pub(super) fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Relaxed)
    }

    /// Whether it carries many requests at a time.
    pub(super) fn is_http2(&self) -> bool {
        self.0.http2
    }

    /// What it is connected to.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Whether it is so old that the next request should have a new one, which asks for names again.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now >= self.0.retires
    }

    /// Why the origin ended it by TLS after the handshake, if it did. A client's certificate that is missing is told so
    /// in TLS 1.3.
    pub(super) fn alert(&self) -> Option<&TlsError> {
        self.0.alert.get()
    }
}

/// A connection to the origin.
pub(super) struct Stream {
    transport: Transport,
    mark: Mark,
}

enum Transport {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.mark.clone());
        if self.mark.is_http2() { connected.negotiated_h2() } else { connected }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.mark.close();
    }
}

/// Calls a method of whichever transport it is.
macro_rules! transport {
    ($stream:expr, $name:ident $(, $argument:expr)*) => {
        match &mut $stream.transport {
            Transport::Plain(stream) => Pin::new(stream).$name($($argument),*),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).$name($($argument),*),
        }
    };
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = transport!(self, poll_read, context, buffer);
        if let Poll::Ready(Err(error)) = &read
            && let Some(error) = TlsError::of(error)
        {
            // The first is the one that matters.
            let _ = self.mark.0.alert.set(error);
        }
        read
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        transport!(self, poll_write, context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        transport!(self, poll_write_vectored, context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self, poll_flush, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self, poll_shutdown, context)
    }
}
