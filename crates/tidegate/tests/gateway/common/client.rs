//! A client that sends exactly the bytes that it is given, and reads HTTP/1.1 strictly.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::within;

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

/// One connection.
pub(crate) struct Http {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Http {
        let stream = within("connecting", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Http { stream, read: Vec::new() }
    }

    /// With a small buffer for what comes in, so that it is full soon.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Http {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = within("connecting", socket.connect(address)).await.unwrap();
        Http { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("sending", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends to somebody who may have closed already.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("sending", self.stream.write_all(bytes.as_ref())).await;
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

    async fn more(&mut self) -> bool {
        let reading = within("bytes come", self.stream.read_buf(&mut self.read)).await;
        matches!(reading, Ok(count) if count > 0)
    }
}

fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
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
