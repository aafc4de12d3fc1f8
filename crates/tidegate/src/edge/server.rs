//! Listening, accepting, and letting go in order.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tidegate_hub::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::proxy::Client;

/// What hyper may hold of a connection, in bytes: a request's head, or frames that a slow client has not taken yet.
pub(super) const CONNECTION_BUFFER: usize = 32 * 1024;

/// How long a shutdown waits for answers under way.
const DRAIN: Duration = Duration::from_secs(5);

/// A port cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The option or setting that names it.
    pub option: &'static str,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError { address, option, error } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is already in use: stop the program that listens there, or choose another address with \
                 {option} (port 0 takes any that is free)"
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "no permission to listen on {address}: ports below 1024 need a privilege; choose another with {option}"
            ),
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "{address} is not an address of this machine: choose another with {option}")
            }
            _ => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for ListenError {}

/// Connections that may wait to be accepted. The system lowers it to its own limit (`net.core.somaxconn`); what does not
/// fit is tried again by the client's system a second later, so a herd of clients should.
const BACKLOG: u32 = 16_384;

/// Listens on `address`; `option` is what the error tells people to change. Must be called within a runtime.
pub async fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, ListenError> {
    bind(address).map_err(|error| ListenError { address, option, error })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // An address whose last connections are still being forgotten can be taken again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Hands every connection to `served` until `stop`.
pub(super) async fn accept_until(
    stop: &CancellationToken,
    listener: TcpListener,
    mut served: impl FnMut(TcpStream, SocketAddr),
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => served(socket, address),
            Err(error) => {
                // Out of file descriptors, most likely: those that are open go on, new ones wait.
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Lets go of connections in order: answers under way have a few seconds, and what is left is cut.
pub(super) async fn drain(
    connections: &TaskTracker,
    cut: &CancellationToken,
    streams: impl Future<Output = ()>,
) {
    connections.close();
    let all = async { tokio::join!(connections.wait(), streams) };
    if timeout(DRAIN, all).await.is_err() {
        info!(connections = connections.len(), "connections that would not end are cut");
        cut.cancel();
        connections.wait().await;
    }
}

/// Answers every request on `listener` until `stop`; then nobody is let in, `closing` is called, and answers under way
/// have a few seconds. `head_timeout` is how long a client may take for the head of a request.
pub(crate) async fn serve<A, F>(
    listener: TcpListener,
    stop: CancellationToken,
    head_timeout: Duration,
    answer: A,
    closing: impl FnOnce(),
) where
    A: Fn(Request<Body>, Client) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    accept_until(&stop, listener, |socket, address| {
        let client = Client { address, scheme: Scheme::HTTP };
        let (answer, stop, cut) = (answer.clone(), stop.clone(), cut.clone());
        connections.spawn(cut.run_until_cancelled_owned(async move {
            if let Err(error) = socket.set_nodelay(true) {
                debug!(%error, "the connection is gone already");
                return;
            }
            let answer = move |request| answer(request, client.clone());
            with_hyper(socket, answer, head_timeout, &stop, address).await;
        }));
    })
    .await;
    closing();
    drain(&connections, &cut, std::future::ready(())).await;
}

/// Answers the requests of one connection.
pub(super) async fn with_hyper<I, A, F>(
    io: I,
    answer: A,
    head_timeout: Duration,
    stop: &CancellationToken,
    address: SocketAddr,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Body>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(request.map(|body| body.map_err(Into::into).boxed_unsync()));
        async move { Ok::<_, std::convert::Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(CONNECTION_BUFFER)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        // First, so that a request that was read before is begun: hyper drops one that it knows nothing of yet.
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, client = %address, "the connection ended early");
    }
}
