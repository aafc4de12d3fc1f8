//! Connecting: TCP and TLS within one time-out, and connections that know whether they were used before.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::InvalidDnsNameError;
use rustls::{ClientConfig, RootCertStore};
use tidegate_core::FailureKind;
use tidegate_hub::BoxError;
use tokio::net::TcpStream;
use tower_service::Service;

use super::cause;
use super::guarded::{NoPublicAddress, Resolver};
use super::target;

/// How often the kernel asks whether an idle peer is still there: what ends a tunnel or a stream whose peer vanished.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// TLS by the machine's certificate roots; without them where they are not needed, because a bare machine may have
/// none.
pub(crate) fn native_tls(needed: bool) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match needed {
        true => builder.with_native_roots()?,
        false => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

/// A connector that connects to what `resolver` says, and to no address that it does not allow.
pub(super) fn connector(time_out: Duration, tls: ClientConfig, resolver: Resolver) -> Connector {
    let mut http = HttpConnector::new_with_resolver(resolver.clone());
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(TCP_KEEPALIVE));
    // Shared out among a name's addresses, so that one that does not answer leaves time for the next.
    http.set_connect_timeout(Some(time_out));
    let inner = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Connector { inner: inner.wrap_connector(http), resolver, time_out }
}

/// Connects within a time-out that covers name resolution, TCP and TLS.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<Resolver>>,
    resolver: Resolver,
    time_out: Duration,
}

/// Why there is no connection, where no limit of this machine and no time-out is the reason.
pub(super) fn how_unconnected(error: &(dyn std::error::Error + 'static)) -> FailureKind {
    if cause::find::<NoPublicAddress>(error).is_some() {
        FailureKind::Unresolved
    } else if cause::find::<rustls::Error>(error).is_some()
        || cause::find::<InvalidDnsNameError>(error).is_some()
    {
        FailureKind::Tls
    } else if cause::says(error, "dns error") {
        // The connector keeps its type for this to itself.
        FailureKind::Unresolved
    } else {
        FailureKind::Unreachable
    }
}

/// Connecting took too long.
#[derive(Debug)]
pub(super) struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection in time")
    }
}

impl std::error::Error for ConnectTimedOut {}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // An address in the URL is never looked up, so the resolver does not see it.
        let address = uri.host().and_then(target::address);
        if address.is_some_and(|address| !self.resolver.allows(address)) {
            return Box::pin(std::future::ready(Err(NoPublicAddress.into())));
        }
        let connecting = self.inner.call(uri);
        let time_out = self.time_out;
        Box::pin(async move {
            match tokio::time::timeout(time_out, connecting).await {
                Ok(stream) => Ok(Stream { inner: stream?, used: Used::default() }),
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}

/// Whether a connection has brought an answer already. Shared with everyone who was given the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    /// Notes that it brought an answer.
    pub(super) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it brought one before.
    pub(super) fn is_marked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to the origin.
pub(super) struct Stream {
    inner: MaybeHttpsStream<TokioIo<TcpStream>>,
    used: Used,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.used.clone())
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
