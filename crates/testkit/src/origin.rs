//! An origin over loopback TCP that sends exactly the bytes that a test says, when it says so.
//!
//! Two ways to use it: step by step ([`ScriptedOrigin::accept`], then [`OriginConnection`]), where each await of the
//! test is one event of the origin, so that no test has to sleep; or by itself ([`ScriptedOrigin::serve`]), where a
//! function answers each request. It parses just enough HTTP/1.1 to tell where a request ends, and none to answer.
//!
//! What goes wrong here is the test's fault, so it panics.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A listening origin. Dropping it closes its port.
#[derive(Debug)]
pub struct ScriptedOrigin {
    listener: TcpListener,
    address: SocketAddr,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The request line and the header fields as sent, without the empty line.
    pub head: String,
    /// The body without its chunking.
    pub body: Vec<u8>,
    /// The trailer fields as sent; empty without any.
    pub trailers: String,
}

impl RecordedRequest {
    /// The method and the target of the request line.
    pub fn line(&self) -> (&str, &str) {
        let mut words = self.head.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The values of a field, in order; `name` in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The value of a field that comes once at most.
    ///
    /// # Panics
    /// If it came more than once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} came more than once:\n{}", self.head);
        values.first().copied()
    }

    /// All names in lower case, in order.
    pub fn names(&self) -> Vec<String> {
        self.fields().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split("\r\n").skip(1).filter(|line| !line.is_empty());
        lines
            .map(|line| line.split_once(':').expect("a header field has a colon"))
            .map(|(n, v)| (n, v.trim()))
    }
}

impl ScriptedOrigin {
    /// Listens on a free port of 127.0.0.1.
    pub async fn bind() -> ScriptedOrigin {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        ScriptedOrigin { listener, address }
    }

    /// Listens where another one did, which was closed.
    pub async fn bind_again(address: SocketAddr) -> ScriptedOrigin {
        let listener = TcpListener::bind(address).await.expect("whoever had the port has closed it");
        ScriptedOrigin { listener, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next connection.
    pub async fn accept(&self) -> OriginConnection {
        let (stream, _) = self.listener.accept().await.expect("a connection is accepted");
        stream.set_nodelay(true).expect("the option exists");
        OriginConnection { stream, read: Vec::new() }
    }

    /// The next connection's first request.
    pub async fn request(&self) -> (OriginConnection, RecordedRequest) {
        let mut connection = self.accept().await;
        let request = connection.request().await.expect("a request comes");
        (connection, request)
    }

    /// Answers every request of every connection with the bytes that `answer` returns, until it is dropped; empty
    /// bytes close the connection.
    pub fn serve(self, answer: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static) -> ServedOrigin {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (address, recorded, answer) = (self.address, requests.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let mut connection = self.accept().await;
                let (recorded, answer) = (recorded.clone(), answer.clone());
                connections.spawn(async move {
                    while let Some(request) = connection.request().await {
                        let bytes = answer(&request);
                        recorded.lock().expect("no test panics while it holds this").push(request);
                        if bytes.is_empty() || connection.try_send(&bytes).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        ServedOrigin { address, requests, task }
    }
}

/// An origin that answers by itself.
#[derive(Debug)]
pub struct ServedOrigin {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    task: JoinHandle<()>,
}

impl ServedOrigin {
    /// Its URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that were answered so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().expect("no test panics while it holds this").clone()
    }
}

impl Drop for ServedOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, at the origin's end. Dropping it closes it.
#[derive(Debug)]
pub struct OriginConnection {
    stream: TcpStream,
    /// What was read and belongs to nothing yet.
    read: Vec<u8>,
}

impl OriginConnection {
    /// The next request with its whole body, or nothing when the other side closed the connection.
    pub async fn request(&mut self) -> Option<RecordedRequest> {
        let head = self.head().await?;
        let mut request = RecordedRequest { head, body: Vec::new(), trailers: String::new() };
        if request.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let line = self.until(b"\r\n").await.expect("a chunk has a size");
                let line = String::from_utf8(line).expect("a size is ASCII");
                let size = usize::from_str_radix(line.trim(), 16).expect("a size is hexadecimal");
                if size == 0 {
                    break;
                }
                request.body.extend(self.exactly(size).await);
                assert_eq!(self.exactly(2).await, b"\r\n", "a chunk ends with a line break");
            }
            loop {
                let line = self.until(b"\r\n").await.expect("a chunked body ends with an empty line");
                if line == b"\r\n" {
                    break;
                }
                request.trailers.push_str(&String::from_utf8(line).expect("fields are ASCII here"));
            }
        } else if let Some(length) = request.field("content-length") {
            let length = length.parse().expect("a length is a number");
            request.body = self.exactly(length).await;
        }
        Some(request)
    }

    /// The next request's head alone, without its empty line; its body is for [`exactly`](Self::exactly).
    pub async fn head(&mut self) -> Option<String> {
        let mut head = self.until(b"\r\n\r\n").await?;
        head.truncate(head.len() - 4);
        Some(String::from_utf8(head).expect("heads are UTF-8 here"))
    }

    /// The next `count` bytes.
    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "the connection was closed within {count} bytes: {:?}", self.read);
        }
        self.read.drain(..count).collect()
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).await.expect("the other side still reads");
    }

    /// Sends an answer with a status line, header fields of your own (each ended by a line break) and a body of a
    /// stated length.
    pub async fn answer(&mut self, status: &str, fields: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat()).await;
    }

    /// Comes back when the other side has closed the connection, or broke it; discards what it sends until then.
    pub async fn closed(&mut self) {
        while self.more().await {
            self.read.clear();
        }
    }

    /// Everything that comes until the other side closes the connection, or breaks it.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Closes the connection with a TCP reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("the option exists");
    }

    /// Sends bytes, to whoever may be gone by now.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// What comes up to and including `end`, or nothing when the connection is closed before it.
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

    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(count) if count > 0)
    }
}
