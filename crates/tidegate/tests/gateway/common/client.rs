//! A client that sends exactly the bytes that it is given, and reads HTTP/1.1 strictly.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use super::{Identity, within};

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    /// The status line and the fields, without the empty line.
    pub(crate) head: String,
    pub(crate) status: u16,
    /// Without its chunking.
    pub(crate) body: Vec<u8>,
    /// The trailer fields as sent.
    pub(crate) trailers: String,
}

impl Response {
    /// The values of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a field that comes once at most.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} came more than once:\n{}", self.head);
        values.first().copied()
    }

    /// The members of a list, over all its lines.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.all(name);
        values.iter().flat_map(|value| value.split(',')).map(|member| member.trim().to_owned()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The code of the problem that it is.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:tidegate:problem:").unwrap_or_else(|| panic!("{kind}")).to_owned()
    }
}

/// What a connection's bytes go through.
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.write_all(bytes).await,
            Wire::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn read(&mut self, read: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read_buf(read).await,
            Wire::Tls(stream) => stream.read_buf(read).await,
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.shutdown().await,
            Wire::Tls(stream) => stream.shutdown().await,
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// One connection.
pub(crate) struct Http {
    wire: Wire,
    read: Vec<u8>,
    /// How it broke, if it did not just end: over TLS, without a `close_notify`.
    pub(crate) broke: Option<io::Error>,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Http {
        let socket = within("connecting", TcpStream::connect(address)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Http::over(Wire::Plain(socket))
    }

    /// With a small buffer for what comes in, so that it is full soon.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Http {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Http::over(Wire::Plain(within("connecting", socket.connect(address)).await.unwrap()))
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Http {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        Http::over(Wire::Plain(within("connecting", socket.connect(address)).await.unwrap()))
    }

    /// Over TLS, trusting only this identity.
    pub(crate) async fn connect_tls(address: SocketAddr, identity: &Identity) -> Http {
        Http::try_connect_tls(address, identity).await.unwrap()
    }

    /// The same where the handshake may fail.
    pub(crate) async fn try_connect_tls(address: SocketAddr, identity: &Identity) -> io::Result<Http> {
        let Wire::Plain(socket) = Http::connect(address).await.wire else { unreachable!("it is plain") };
        let stream = within("the handshake", identity.connector().connect(Identity::name(), socket)).await?;
        Ok(Http::over(Wire::Tls(Box::new(stream))))
    }

    /// Over TLS with a small buffer for what comes in.
    pub(crate) async fn connect_tls_narrow(address: SocketAddr, identity: &Identity) -> Http {
        let Wire::Plain(socket) = Http::connect_narrow(address).await.wire else {
            unreachable!("it is plain")
        };
        let stream = within("the handshake", identity.connector().connect(Identity::name(), socket)).await;
        Http::over(Wire::Tls(Box::new(stream.unwrap())))
    }

    fn over(wire: Wire) -> Http {
        Http { wire, read: Vec::new(), broke: None }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("sending", self.wire.write(bytes.as_ref())).await.unwrap();
    }

    /// Sends to somebody who may have closed already.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("sending", self.wire.write(bytes.as_ref())).await;
    }

    /// Says that it will send nothing more; over TLS with a `close_notify`.
    pub(crate) async fn half_close(&mut self) {
        within("closing one half", self.wire.shutdown()).await.unwrap();
    }

    /// Says so over TLS only: the socket stays open both ways.
    pub(crate) async fn close_notify(&mut self) {
        let Wire::Tls(stream) = &mut self.wire else { panic!("only TLS has it") };
        stream.get_mut().1.send_close_notify();
        within("saying goodbye", stream.flush()).await.unwrap();
    }

    /// Goes without a word, as a crashed machine does when it is asked again.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(self.wire.socket());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) {
        self.send(request(method, target, fields)).await;
    }

    /// The head of the next answer, interim answers included.
    pub(crate) async fn head(&mut self) -> Response {
        let head = self.until(b"\r\n\r\n").await;
        let head = head.unwrap_or_else(|| panic!("closed before an answer: {:?}", self.read));
        let head = String::from_utf8(head[..head.len() - 4].to_vec()).expect("heads are UTF-8 here");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        Response { head, status, body: Vec::new(), trailers: String::new() }
    }

    /// The next answer, whole; `method` is what it answers.
    pub(crate) async fn response(&mut self, method: &str) -> Response {
        let mut response = self.head().await;
        if method == "HEAD" || matches!(response.status, 100..200 | 204 | 304) {
            return response;
        }
        let chunked = response.field("transfer-encoding").is_some();
        let length = response.field("content-length").map(|length| length.parse::<usize>().unwrap());
        response.body = match (chunked, length) {
            (true, None) => {
                let mut body = Vec::new();
                while let Some(chunk) = self.chunk().await {
                    body.extend(chunk);
                }
                response.trailers = self.trailers().await;
                body
            }
            (false, Some(length)) => self.exactly(length).await,
            (false, None) => self.rest().await,
            (true, Some(_)) => panic!("framed twice: {}", response.head),
        };
        response
    }

    /// The next chunk of a chunked body, or nothing after the last.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.until(b"\r\n").await.expect("a chunk has a size");
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
        if size == 0 {
            return None;
        }
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, b"\r\n");
        Some(chunk)
    }

    /// What stands between the last chunk and the end.
    pub(crate) async fn trailers(&mut self) -> String {
        let mut trailers = String::new();
        loop {
            let line = self.until(b"\r\n").await.expect("a chunked body ends with an empty line");
            if line == b"\r\n" {
                return trailers;
            }
            trailers.push_str(std::str::from_utf8(&line).unwrap());
        }
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "closed within {count} bytes: {:?}", self.read);
        }
        self.read.drain(..count).collect()
    }

    /// Everything until the other side closes, or resets.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(start) = self.read.windows(end.len()).position(|window| window == end) {
                return Some(self.read.drain(..start + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Takes in what comes next, as it comes.
    pub(crate) async fn some(&mut self) -> Option<Vec<u8>> {
        if self.read.is_empty() && !self.more().await {
            return None;
        }
        Some(std::mem::take(&mut self.read))
    }

    /// Makes some room for more to come; what came is kept.
    pub(crate) async fn peek_some(&mut self) {
        assert!(self.more().await, "it is still open");
    }

    /// Whether the other side has closed; what comes before that is thrown away. Does not wait.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let looking = tokio::time::timeout(Duration::ZERO, self.wire.read(&mut self.read));
        matches!(looking.await, Ok(Ok(0) | Err(_)))
    }

    async fn more(&mut self) -> bool {
        match within("bytes come", self.wire.read(&mut self.read)).await {
            Ok(count) => count > 0,
            Err(error) => {
                self.broke = Some(error);
                false
            }
        }
    }
}

/// The bytes of a request without a body.
pub(crate) fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: gateway.test\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// One request without a body on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> Response {
    let mut http = Http::connect(address).await;
    http.ask(method, target, fields).await;
    http.response(method).await
}

/// One `GET` on a connection of its own.
pub(crate) async fn get(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Response {
    send(address, "GET", target, fields).await
}
