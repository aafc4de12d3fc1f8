//! The source's HTTP side: answers conditional GETs of the resources, on connections that stay open.
//!
//! Just enough HTTP for a gateway, a fetching client and the load client's last check; no other client reaches it.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

/// One request, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The resource's number, of `/r/7` or `/grip/7`.
    pub(crate) resource: Option<usize>,
    /// Whether a proxy is to hold the answer open as a stream, of `/grip/7`.
    pub(crate) held: bool,
    /// The number in `If-None-Match: "v7"`.
    pub(crate) known: Option<u64>,
    /// Whether gzip is accepted.
    pub(crate) gzip: bool,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
    answers: Vec<u8>,
    written: usize,
}

impl Connection {
    /// A new one.
    pub(crate) fn new(stream: TcpStream) -> Connection {
        Connection { stream, received: Vec::new(), answers: Vec::new(), written: 0 }
    }

    /// Reads, answers what came whole, and writes. Says whether the connection is still good.
    pub(crate) fn serve(&mut self, answer: &mut impl FnMut(&Request, &mut Vec<u8>)) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        while let Some(end) = memchr::memmem::find(&self.received, b"\r\n\r\n").map(|place| place + 4) {
            let request = Request::read(&self.received[..end]);
            self.received.drain(..end);
            answer(&request, &mut self.answers);
        }
        self.write().is_ok()
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.answers.len() {
            match self.stream.write(&self.answers[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.answers.clear();
        self.written = 0;
        Ok(())
    }
}

impl Request {
    fn read(head: &[u8]) -> Request {
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let mut lines = text.lines();
        let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let held = path.strip_prefix("/grip/");
        let mut request = Request {
            resource: held.or(path.strip_prefix("/r/")).and_then(|number| number.parse().ok()),
            held: held.is_some(),
            known: None,
            gzip: false,
        };
        for line in lines {
            match line.split_once(':') {
                Some(("if-none-match", value)) => {
                    let value = value.trim();
                    request.known = value
                        .strip_prefix("\"v")
                        .and_then(|rest| rest.strip_suffix('"'))
                        .and_then(|number| number.parse().ok());
                }
                Some(("accept-encoding", value)) => request.gzip = value.contains("gzip"),
                _ => {}
            }
        }
        request
    }
}

/// Appends an answer with a representation.
pub(crate) fn write_found(version: u64, gzip: bool, body: &[u8], out: &mut Vec<u8>) {
    let encoding = if gzip { "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n" } else { "" };
    // Writing to a `Vec` does not fail.
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache\r\nETag: \"v{version}\"\r\n\
         {encoding}Content-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}

/// Appends an answer that asks a proxy to go on with what is published for the resource (GRIP).
pub(crate) fn write_held(resource: usize, body: &[u8], out: &mut Vec<u8>) {
    let event = [b"data: ", body, b"\n\n"].concat();
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nGrip-Hold: stream\r\nGrip-Channel: r{resource}\r\n\
         Content-Length: {}\r\n\r\n",
        event.len()
    );
    out.extend_from_slice(&event);
}

/// Appends the answer to who has the newest version.
pub(crate) fn write_unchanged(version: u64, out: &mut Vec<u8>) {
    let _ =
        write!(out, "HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\nETag: \"v{version}\"\r\n\r\n");
}

/// Appends the answer for what is not there.
pub(crate) fn write_missing(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        for (head, resource, known, gzip) in [
            ("GET /r/7 HTTP/1.1\r\nHost: a\r\n\r\n", Some(7), None, false),
            ("GET /r/7?x=1 HTTP/1.1\r\nIf-None-Match: \"v12\"\r\n\r\n", Some(7), Some(12), false),
            (
                "GET /r/0 HTTP/1.1\r\nAccept-Encoding: gzip, br\r\nif-none-match: W/\"v1\"\r\n\r\n",
                Some(0),
                None,
                true,
            ),
            ("GET / HTTP/1.1\r\n\r\n", None, None, false),
            ("\r\n\r\n", None, None, false),
        ] {
            let expected = Request { resource, held: false, known, gzip };
            assert_eq!(Request::read(head.as_bytes()), expected, "{head:?}");
        }
        let held = Request::read(b"GET /grip/7 HTTP/1.1\r\n\r\n");
        assert!(held.held && held.resource == Some(7));
    }
}
