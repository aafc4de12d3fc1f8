//! Listening, accepting, and letting go in order.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tidegate_hub::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::Gateway;
use crate::proxy::Client;

/// What hyper may hold of a connection, in bytes: a request's head, or frames that a slow client has not taken yet.
const CONNECTION_BUFFER: usize = 32 * 1024;

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

/// Listens on `address`; `option` is what the error tells people to change.
pub async fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| ListenError { address, option, error })
}

impl Gateway {
    /// Serves `listener` until `stop`, then lets go in order: no new connection, a last event on each stream, and a
    /// few seconds for answers under way.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let gateway = self.clone();
        let answer = move |request, client| {
            let gateway = gateway.clone();
            async move { gateway.handle(request, &client).await }
        };
        serve(listener, stop, self.head_timeout(), answer, || self.close_streams()).await;
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
    A: Fn(Request<Incoming>, Client) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => {
                let client = Client { address, scheme: Scheme::HTTP };
                let served = connection(answer.clone(), socket, client, head_timeout, stop.clone());
                connections.spawn(cut.clone().run_until_cancelled_owned(served));
            }
            Err(error) => {
                // Out of file descriptors, most likely: those that are open go on, new ones wait.
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    closing();
    connections.close();
    if timeout(DRAIN, connections.wait()).await.is_err() {
        info!(connections = connections.len(), "connections that would not end are cut");
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection<A, F>(
    answer: A,
    socket: TcpStream,
    client: Client,
    head_timeout: Duration,
    stop: CancellationToken,
) where
    A: Fn(Request<Incoming>, Client) -> F,
    F: Future<Output = Response<Body>>,
{
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "the connection is gone already");
        return;
    }
    let service = service_fn(|request| {
        let response = answer(request, client.clone());
        async move { Ok::<_, std::convert::Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(CONNECTION_BUFFER)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, client = %client.address, "the connection ended early");
    }
}
