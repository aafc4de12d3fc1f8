//! The listening socket and its connections.
//!
//! Invariants: at most [`MOST_CONNECTIONS`] are open, further ones wait in the system's backlog; a connection whose
//! next request does not come is closed after [`IDLE`]; stopping takes at most [`GRACE`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::StartError;
use crate::api::Api;

const MOST_CONNECTIONS: usize = 1_024;

/// How long a connection may take to send a request's head.
const IDLE: Duration = Duration::from_secs(75);

/// How long requests that are being answered may take once the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The pause after a failed accept: out of file descriptors, trying at once would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Binds the address; with port 0, to a free port.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

/// Serves until `stop` is sent or its sender is gone.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>, mut stop: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < MOST_CONNECTIONS;
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    let connection = graceful.watch(connection(stream, api.clone()));
                    // An error here is the client's going away; there is no one to tell.
                    connections.spawn(async { drop(connection.await) });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    // The port is free from here on, for whoever starts next.
    drop(listener);
    // Whoever has not finished in time is cut off.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    connections.shutdown().await;
}

fn connection(
    stream: TcpStream,
    api: Arc<Api>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + 'static {
    // An answer is one write; waiting for more of it would only delay it. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let api = api.clone();
        async move {
            let response: Response<Full<Bytes>> = api.handle(&request).await.map(Full::new);
            Ok::<_, Infallible>(response)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
}
