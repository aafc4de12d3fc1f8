//! An origin whose resources each behave as a test says, well or in one of the ways in which APIs fail.
//!
//! Every resource is a small JSON document, `{"path":…,"number":…}`, with an `ETag` and 304s. A resource's [`Mood`] can
//! change at any time; what counts is the mood when its request has come. So one origin can fail in every way at once,
//! and one test can hold that each way is told apart, heals by itself, and harms no other resource.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::task::{JoinHandle, JoinSet};

use crate::origin::{OriginConnection, RecordedRequest, ScriptedOrigin};

/// How long a dripping origin waits between two bytes: the behaviour itself, and not a wait for anything.
const DRIP: Duration = Duration::from_millis(10);

/// How a resource answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// The same, in gzip and in chunks.
    Packed,
    /// It takes the request and says nothing.
    Silent,
    /// It says a head, and nothing more.
    Stalled,
    /// It sends its body, of 1,000 bytes, one by one and slowly.
    Dripping,
    /// It closes the connection for an answer.
    Closing,
    /// It resets the connection.
    Resetting,
    /// It speaks something else than HTTP.
    Babbling,
    /// Its chunks end without a last one.
    Truncated,
    /// Its body is shorter than its `Content-Length`.
    Short,
    /// Its body is longer than its `Content-Length`, by what looks like another answer. What was asked for is whole.
    Long,
    /// It names gzip, and is not.
    Unpacked,
    /// It is JSON that breaks off, though the answer is whole.
    HalfJson,
    /// It is JSON with bytes that are no UTF-8.
    NoUtf8,
    /// It is nested so deep.
    Nested(usize),
    /// It is a whole answer without a body.
    Empty,
    /// It is an error page in HTML, with 200.
    ErrorPage,
    /// It is a picture.
    Binary,
    /// It is a document of so many bytes and more.
    Large(usize),
    /// It redirects to itself.
    Circling,
    /// It answers with this status.
    Status(u16),
    /// It answers 429, and asks for so many seconds.
    Limiting(u32),
}

/// What its resources are at present.
#[derive(Debug, Default)]
struct State {
    moods: HashMap<String, Mood>,
    number: u64,
    asked: HashMap<String, usize>,
}

/// The origin. It stops when it is dropped.
#[derive(Debug)]
pub struct MoodyOrigin {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl MoodyOrigin {
    /// Starts it, with every resource well.
    pub async fn start() -> MoodyOrigin {
        let origin = ScriptedOrigin::bind().await;
        let (url, state) = (origin.url(), Arc::new(Mutex::new(State::default())));
        let served = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                connections.spawn(serve(origin.accept().await, served.clone()));
            }
        });
        MoodyOrigin { url, state, task }
    }

    /// Its URL without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the resource at `path` behaves like this.
    pub fn set(&self, path: &str, mood: Mood) {
        self.locked().moods.insert(path.to_owned(), mood);
    }

    /// From now on all resources are well.
    pub fn heal(&self) {
        self.locked().moods.clear();
    }

    /// From now on this number is in all documents.
    pub fn count_to(&self, number: u64) {
        self.locked().number = number;
    }

    /// How often the resource was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.locked().asked.get(path).copied().unwrap_or_default()
    }

    /// The document at `path` at present.
    pub fn document(&self, path: &str) -> String {
        document(path, self.locked().number)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

impl Drop for MoodyOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn document(path: &str, number: u64) -> String {
    format!("{{\"path\":\"{path}\",\"number\":{number}}}")
}

async fn serve(mut connection: OriginConnection, state: Arc<Mutex<State>>) {
    while let Some(request) = connection.request().await {
        let path = request.line().1.to_owned();
        let (mood, number) = {
            let mut state = state.lock().expect("nothing panics while it is held");
            *state.asked.entry(path.clone()).or_default() += 1;
            (state.moods.get(&path).copied().unwrap_or(Mood::Well), state.number)
        };
        match mood {
            Mood::Silent => return connection.closed().await,
            Mood::Resetting => return connection.reset(),
            Mood::Dripping => return drip(connection).await,
            _ => {}
        }
        let bytes = answer(mood, &request, &path, number);
        let sent = connection.try_send(&bytes).await;
        match mood {
            Mood::Stalled => return connection.closed().await,
            Mood::Closing | Mood::Babbling | Mood::Truncated | Mood::Short => return,
            _ if sent.is_err() => return,
            _ => {}
        }
    }
}

async fn drip(mut connection: OriginConnection) {
    let mut next: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[";
    while connection.try_send(next).await.is_ok() {
        next = b" ";
        tokio::time::sleep(DRIP).await;
    }
}

/// The bytes that a mood sends at once.
fn answer(mood: Mood, request: &RecordedRequest, path: &str, number: u64) -> Vec<u8> {
    let text = document(path, number);
    let tag = format!("\"{number}\"");
    let fields = format!("Content-Type: application/json\r\nETag: {tag}\r\n");
    let json = |body: &[u8]| whole("200 OK", "Content-Type: application/json\r\n", body);
    match mood {
        Mood::Well if request.all("if-none-match").contains(&&*tag) => {
            format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n").into_bytes()
        }
        Mood::Well => whole("200 OK", &fields, text.as_bytes()),
        Mood::Packed => {
            let mut packer = GzEncoder::new(Vec::new(), Compression::default());
            packer.write_all(text.as_bytes()).expect("memory takes it");
            let packed = packer.finish().expect("memory takes it");
            let head = format!(
                "HTTP/1.1 200 OK\r\n{fields}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            [head.into_bytes(), chunk(&packed), chunk(b"")].concat()
        }
        Mood::Silent | Mood::Resetting | Mood::Dripping | Mood::Closing => Vec::new(),
        Mood::Stalled | Mood::Short => [head("200 OK", &fields, text.len() + 9), text.into_bytes()].concat(),
        Mood::Babbling => b"220 ready when you are\r\n".to_vec(),
        Mood::Truncated => {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n");
            [head.into_bytes(), chunk(text.as_bytes())].concat()
        }
        Mood::Long => [whole("200 OK", &fields, text.as_bytes()), json(b"[\"another\"]")].concat(),
        Mood::Unpacked => whole("200 OK", &format!("{fields}Content-Encoding: gzip\r\n"), text.as_bytes()),
        Mood::HalfJson => json(&text.as_bytes()[..text.len() / 2]),
        Mood::NoUtf8 => json(b"[\"\xff\xfe\"]"),
        Mood::Nested(depth) => json(&[vec![b'['; depth], vec![b']'; depth]].concat()),
        Mood::Empty => json(b""),
        Mood::ErrorPage => whole("200 OK", "Content-Type: text/html\r\n", b"<h1>We will be back</h1>"),
        Mood::Binary => whole("200 OK", "Content-Type: image/png\r\n", b"\x89PNG"),
        Mood::Large(bytes) => json(&[b"[\"", &*vec![b'x'; bytes], b"\"]"].concat()),
        Mood::Circling => whole("302 Found", &format!("Location: {path}\r\n"), b""),
        // RFC 9110 §15.3.5, §15.4.5: these have no body, and no length either.
        Mood::Status(status @ (204 | 304)) => format!("HTTP/1.1 {status} As told\r\n\r\n").into_bytes(),
        Mood::Status(status) => {
            whole(&format!("{status} As told"), "Content-Type: text/plain\r\n", b"as told")
        }
        Mood::Limiting(seconds) => {
            whole("429 Too Many Requests", &format!("Retry-After: {seconds}\r\n"), b"")
        }
    }
}

fn head(status: &str, fields: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes()
}

fn whole(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    [head(status, fields, body.len()), body.to_vec()].concat()
}

/// A chunk (RFC 9112 §7.1); an empty one is the last.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
