//! A client of HTTP/2, and frames by hand for what no client sends.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Event, Identity, within};

/// One connection.
pub(crate) struct Http2 {
    pub(crate) requests: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Answer {
    /// The code of the problem that it is.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.fields["content-type"], "application/problem+json", "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:tidegate:problem:").unwrap_or_else(|| panic!("{kind}")).to_owned()
    }
}

/// The windows of a browser, in small: a stream that stalls leaves room for others.
fn windows() -> Builder {
    let mut builder = Builder::new();
    builder.initial_window_size(64 * 1024).initial_connection_window_size(8 << 20);
    builder
}

impl Http2 {
    /// By prior knowledge.
    pub(crate) async fn connect(address: SocketAddr) -> Http2 {
        let socket = within("connecting", TcpStream::connect(address)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Http2::over(socket).await
    }

    /// By ALPN, trusting only this identity.
    pub(crate) async fn connect_tls(address: SocketAddr, identity: &Identity) -> Http2 {
        let socket = within("connecting", TcpStream::connect(address)).await.unwrap();
        let connector = identity.offering(&["h2", "http/1.1"]);
        let stream = within("the handshake", connector.connect(Identity::name(), socket)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Http2::over(stream).await
    }

    async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Http2 {
        let (requests, connection) = within("the preface", windows().handshake(io)).await.unwrap();
        Http2 { requests, driver: tokio::spawn(connection) }
    }

    /// Begins a request whose content is still to come.
    pub(crate) async fn begin(
        &mut self,
        request: Request<()>,
        end: bool,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        self.requests = within("there is room for a request", self.requests.clone().ready()).await.unwrap();
        self.requests.send_request(request, end).unwrap()
    }

    /// The whole answer to a request without a content.
    pub(crate) async fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
        let (answer, _) = self.begin(request(method, target, fields), true).await;
        whole(answer).await
    }

    /// Subscribes, and insists on a stream.
    pub(crate) async fn stream(&mut self, target: &str, fields: &[(&str, &str)]) -> Events {
        let fields: Vec<_> =
            [("accept", "text/event-stream")].into_iter().chain(fields.iter().copied()).collect();
        let (answer, _) = self.begin(request("GET", target, &fields), true).await;
        let response = within("the stream begins", answer).await.unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{response:?}");
        let (head, body) = response.into_parts();
        Events { fields: head.headers, body, text: String::new() }
    }

    /// How the connection ends, which it must.
    pub(crate) async fn ends(self) -> Result<(), h2::Error> {
        drop(self.requests);
        within("the connection ends", self.driver).await.unwrap()
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.driver.is_finished()
    }
}

/// The whole of an answer.
pub(crate) async fn whole(answer: ResponseFuture) -> Answer {
    let response = within("the answer begins", answer).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut read = Vec::new();
    while let Some(part) = within("the answer goes on", body.data()).await {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        read.extend_from_slice(&part);
    }
    let trailers = within("the answer ends", body.trailers()).await.unwrap();
    Answer { status: head.status, fields: head.headers, body: read, trailers }
}

/// A request of the host `h`.
pub(crate) fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("http://h{target}"))
        .version(http::Version::HTTP_2);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// An open stream of events.
pub(crate) struct Events {
    pub(crate) fields: HeaderMap,
    pub(crate) body: RecvStream,
    text: String,
}

impl Events {
    /// The next event, or nothing when the stream ended in order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(Event::parse(&block));
            }
            let part = within("another event comes", self.body.data()).await?.unwrap();
            self.body.flow_control().release_capacity(part.len()).unwrap();
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// The next event, which must be of this kind.
    pub(crate) async fn expect(&mut self, kind: &str) -> Event {
        let event = self.next().await.expect("another event comes");
        assert_eq!(event.kind, kind, "{event:?}");
        event
    }

    /// A stream that begins with a snapshot and a status; gives the snapshot.
    pub(crate) async fn begun(&mut self) -> Event {
        let snapshot = self.expect("snapshot").await;
        self.expect("status").await;
        snapshot
    }
}

/// A frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What a client begins with: the preface and empty `SETTINGS`.
pub(crate) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, 0, &[])[..]].concat()
}

/// A block of fields, each literal and in no table (RFC 7541 §6.2.2): so they may be anything.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer ones are written otherwise");
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A whole request in one frame.
pub(crate) fn headers(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, 0x5, stream, &block(fields))
}

/// One frame of those that came.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The whole frames in `bytes`.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push(Frame { kind: head[3], stream, payload: payload.to_vec() });
        bytes = rest;
    }
    frames
}
