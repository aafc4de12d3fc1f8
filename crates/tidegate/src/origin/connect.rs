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
use super::race::Race;
use super::resolve::Places;
use super::tls_error::TlsError;

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
            let mark = Mark::new(address, self.max_age);
            let Some((config, name)) = &self.tls else {
                return Ok(Stream { transport: Transport::Plain(TokioIo::new(stream)), mark });
            };
            // Shared out among the addresses, so that one that accepts and says nothing leaves time for the next.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(race.left() + 1).unwrap_or(u32::MAX);
            let handshake = TlsConnector::from(config.clone()).connect(name.clone(), stream);
            failure = match tokio::time::timeout(share, handshake).await {
                Ok(Ok(stream)) => {
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
    used: AtomicBool,
    alert: OnceLock<TlsError>,
}

impl Mark {
    fn new(address: SocketAddr, max_age: Duration) -> Mark {
        // Connections that came at the same time do not have to go at the same time. Without random numbers they do.
        let part = getrandom::u32().unwrap_or(0) % 256;
        let retires = Instant::now() + max_age - max_age / 1024 * part;
        Mark(Arc::new(Marked { address, retires, used: AtomicBool::new(false), alert: OnceLock::new() }))
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
        Connected::new().extra(self.mark.clone())
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
