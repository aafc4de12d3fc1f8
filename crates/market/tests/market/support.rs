//! A small HTTP client for the tests: one connection, one request after another.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidegate_market::{Market, MarketConfig};
use tokio::net::TcpStream;

/// A market of 40 symbols at a free port.
pub(crate) async fn market(rate: f64) -> Market {
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    Market::start(MarketConfig { seed: 1, symbols: 40, rate, listen }).await.expect("a free port")
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A field's value; empty where it is absent.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The decompressed body.
    pub(crate) fn gunzip(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).expect("gzip");
        plain
    }
}

/// One connection to the market.
pub(crate) struct Client {
    sender: SendRequest<Empty<Bytes>>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("the market listens");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        // Ends with the sender or with the server's side; what went wrong shows in the answers.
        tokio::spawn(async { drop(connection.await) });
        Client { sender }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[]).await
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(target).header("host", "market.test");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).expect("a request");
        let response = self.sender.send_request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }
}

/// The first symbol of the list.
pub(crate) async fn first_symbol(client: &mut Client) -> String {
    client.get("/quotes").await.json()[0]["symbol"].as_str().expect("a symbol").to_owned()
}
