//! The program as a child process, and a small HTTP client to ask it things.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::AsHeaderName;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tidegate_client::{Client, Live, Update};

/// How long anything may take on a busy machine before it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again, with a short pause, until there is an answer.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A running program; it ends with this value at the latest.
pub(crate) struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    /// `tidegate demo` with these arguments.
    pub(crate) fn demo(arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("demo").args(arguments).stdin(Stdio::null()).env_remove("TIDEGATE_LOG");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        Program { child, out }
    }

    /// Waits for its end: the exit code, the rest of its output, and its errors.
    pub(crate) async fn end(mut self) -> (Option<i32>, String, String) {
        let status = eventually(async || self.child.try_wait().expect("it is our child")).await;
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).expect("UTF-8");
        self.child.stderr.take().expect("it is piped").read_to_string(&mut err).expect("UTF-8");
        (status.code(), out, err)
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`, which every machine has.
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success(), "{kill}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A small, busy demo at free ports.
pub(crate) struct Demo {
    program: Program,
    http: HttpClient<HttpConnector, Empty<Bytes>>,
    page: String,
    gateway: String,
    market: String,
}

impl Demo {
    /// Comes back when the demo says that it runs.
    pub(crate) async fn start() -> Demo {
        Demo::polling("50ms").await
    }

    /// The same with a gateway that asks at this interval.
    pub(crate) async fn polling(interval: &str) -> Demo {
        let ports = ["--listen", "--gateway-listen", "--market-listen"].map(|option| [option, "127.0.0.1:0"]);
        let size = [["--symbols", "20"], ["--rate", "200"], ["--poll", interval]];
        let arguments = [&ports[..], &size[..]].concat();
        let mut program = Program::demo(arguments.as_flattened());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            let read = program.out.read_line(&mut said).expect("UTF-8");
            assert!(read > 0, "it ended before it said all: {said}");
        }
        let urls: Vec<&str> = said.split_whitespace().filter(|word| word.starts_with("http://")).collect();
        let base = |index: usize| urls[index].trim_end_matches("/quotes").trim_end_matches('/').to_owned();
        let (page, gateway, market) = (base(0), base(1), base(2));
        assert!(said.contains(&format!("curl -N -H 'Accept: text/event-stream' {gateway}/quotes")), "{said}");
        assert!(said.contains(&format!("watch {gateway}/quotes")), "{said}");
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Demo { program, http, page, gateway, market }
    }

    pub(crate) fn page_url(&self) -> &str {
        &self.page
    }

    pub(crate) fn gateway_port(&self) -> u16 {
        port(&self.gateway)
    }

    pub(crate) fn market_port(&self) -> u16 {
        port(&self.market)
    }

    pub(crate) async fn page(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.ask(method, &format!("{}{path}", self.page), fields).await).await
    }

    pub(crate) async fn control(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.page(Method::POST, &format!("/control/{path}"), fields).await
    }

    pub(crate) async fn stats(&self) -> Value {
        self.page(Method::GET, "/stats", &[]).await.json()
    }

    pub(crate) async fn market(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::GET, &format!("{}{path}", self.market), &[]).await).await
    }

    /// The same as a task of its own, which outlives the demo.
    pub(crate) fn market_read(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        let request = Request::get(format!("{}{path}", self.market)).body(Empty::new()).expect("a request");
        let answer = self.http.request(request);
        async move { Answer::of(answer.await.expect("an answer")).await }
    }

    /// The gateway's answer, of which the body may never end.
    pub(crate) async fn gateway(&self, path: &str, fields: &[(&str, &str)]) -> Response<Incoming> {
        self.ask(Method::GET, &format!("{}{path}", self.gateway), fields).await
    }

    /// A client that watches a resource through the gateway and has its first snapshot; it reconnects quickly.
    pub(crate) async fn live(&self, path: &str) -> Live {
        let builder = Client::builder(format!("{}{path}", self.gateway)).stream_only();
        let mut live = builder.max_backoff(Duration::from_millis(20)).build().expect("a URL").live();
        while !matches!(live.next().await.expect("it does not end"), Update::Snapshot { .. }) {}
        live
    }

    /// Ends the demo by a signal: the exit code, and all that it said on standard error.
    pub(crate) async fn end_by(self, signal: &str) -> (Option<i32>, String) {
        self.program.signal(signal);
        let (code, _, err) = self.program.end().await;
        (code, err)
    }

    async fn ask(&self, method: Method, url: &str, fields: &[(&str, &str)]) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).expect("a request");
        self.http.request(request).await.expect("an answer")
    }
}

/// Reads a body until `text` is in it.
pub(crate) async fn read_until(body: &mut Incoming, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        let so_far = String::from_utf8_lossy(&read).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        let frame = body.frame().await.unwrap_or_else(|| panic!("it ended before {text:?}: {so_far}"));
        read.extend(frame.expect("it does not break").into_data().unwrap_or_default());
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    headers: HeaderMap,
}

impl Answer {
    pub(crate) async fn of(response: Response<Incoming>) -> Answer {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// A field's value; empty where it is absent.
    pub(crate) fn field(&self, name: impl AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

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
