//! A real gateway between a raw client and an origin that does exactly what a test says.

mod bodies;
mod messages;
mod upgrades;

use std::convert::Infallible;
use std::time::Duration;

use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tidegate_hub::Body;
use tidegate_testkit::{OriginConnection, RecordedRequest, ScriptedOrigin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Client, Tunnels, empty, forward};
use crate::origin::{ConnectionSettings, HttpOrigin, OriginSettings};

/// Longer than any test takes.
const AGES: Duration = Duration::from_secs(60);

/// An origin, and a gateway in front of it.
struct Stage {
    server: ScriptedOrigin,
    gateway: std::net::SocketAddr,
    tunnels: Tunnels,
    _connections: JoinSet<()>,
}

impl Stage {
    async fn set() -> Stage {
        Stage::with("", AGES).await
    }

    /// The origin's base ends in `prefix`. Failures are 502 with their kind in `x-failure`.
    async fn with(prefix: &str, head_timeout: Duration) -> Stage {
        let server = ScriptedOrigin::bind().await;
        let origin = HttpOrigin::new(OriginSettings {
            name: "test".to_owned(),
            base: format!("{}{prefix}", server.url()).parse().unwrap(),
            connect_timeout: AGES,
            head_timeout,
            body_timeout: AGES,
            max_body: 1000,
            connections: ConnectionSettings::default(),
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = listener.local_addr().unwrap();
        let tunnels = Tunnels::default();
        let mut connections = JoinSet::new();
        let tunnels_of_the_gateway = tunnels.clone();
        connections.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, address) = listener.accept().await.unwrap();
                let (origin, tunnels) = (origin.clone(), tunnels_of_the_gateway.clone());
                let service = service_fn(move |request| {
                    let (origin, tunnels) = (origin.clone(), tunnels.clone());
                    let client = Client { address, scheme: Scheme::HTTP };
                    async move { Ok::<_, Infallible>(answer(&origin, request, &client, &tunnels).await) }
                });
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                connections.spawn(async move {
                    // How a client's connection ends is what the tests look at, from the client's side.
                    let _ = serving.await;
                });
            }
        });
        Stage { server, gateway, tunnels, _connections: connections }
    }

    async fn connect(&self) -> RawClient {
        RawClient { stream: TcpStream::connect(self.gateway).await.unwrap(), read: Vec::new() }
    }

    /// Sends a request on a new connection and returns it with what reached the origin.
    async fn send(&self, request: impl AsRef<[u8]>) -> (RawClient, OriginConnection, RecordedRequest) {
        let mut client = self.connect().await;
        client.send(request).await;
        let (connection, request) = self.server.request().await;
        (client, connection, request)
    }
}

async fn answer(
    origin: &HttpOrigin,
    request: Request<Incoming>,
    client: &Client,
    tunnels: &Tunnels,
) -> Response<Body> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    match forward(origin, request, client, tunnels).await {
        Ok(response) => response,
        Err(failure) => {
            let mut response = empty(StatusCode::BAD_GATEWAY);
            let kind = format!("{:?}", failure.kind).parse().unwrap();
            response.headers_mut().insert("x-failure", kind);
            response
        }
    }
}

/// A client that sends and reads bytes.
struct RawClient {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The head of an answer.
struct Head(String);

impl Head {
    fn status(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.0.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} came more than once:\n{}", self.0);
        values.first().copied()
    }
}

impl RawClient {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn head(&mut self) -> Head {
        let head = self.until("\r\n\r\n").await;
        Head(String::from_utf8(head).unwrap())
    }

    /// What comes up to and including `end`.
    async fn until(&mut self, end: &str) -> Vec<u8> {
        loop {
            let found = self.read.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(start) = found {
                return self.read.drain(..start + end.len()).collect();
            }
            let count = self.stream.read_buf(&mut self.read).await.unwrap();
            assert!(count > 0, "closed before {end:?}: {}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "closed within {count} bytes");
        }
        self.read.drain(..count).collect()
    }

    /// Everything that comes until the gateway closes the connection, in whatever manner.
    async fn rest(&mut self) -> Vec<u8> {
        while matches!(self.stream.read_buf(&mut self.read).await, Ok(count) if count > 0) {}
        std::mem::take(&mut self.read)
    }
}
