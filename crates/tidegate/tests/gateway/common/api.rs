//! An API that answers by a function of the request.

use std::future::Future;
use std::sync::{Arc, Mutex};

use tidegate_testkit::{RecordedRequest, ScriptedOrigin};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::within;

/// A value that a test changes while an API serves it.
#[derive(Clone)]
pub(crate) struct Cell<T>(Arc<Mutex<T>>);

impl<T: Clone> Cell<T> {
    pub(crate) fn new(value: impl Into<T>) -> Cell<T> {
        Cell(Arc::new(Mutex::new(value.into())))
    }

    pub(crate) fn get(&self) -> T {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn set(&self, value: impl Into<T>) {
        *self.0.lock().unwrap() = value.into();
    }
}

/// Holds answers back until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Gate {
        Gate(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self) {
        self.0.close();
    }

    pub(crate) async fn pass(&self) {
        // An error means that it was closed for good, which here opens the gate.
        let _ = self.0.acquire().await.map(|permit| permit.forget());
    }
}

/// An answer with a body of a stated length; each of `fields` ends with a line break.
pub(crate) fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// JSON.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

/// JSON with a validator and a 304 for whoever has it.
pub(crate) fn document(
    request: &RecordedRequest,
    tag: &str,
    fields: &str,
    body: impl AsRef<[u8]>,
) -> Vec<u8> {
    let fields = format!("Content-Type: application/json\r\nETag: {tag}\r\n{fields}");
    match request.all("if-none-match").contains(&tag) {
        true => format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes(),
        false => answer("200 OK", &fields, body),
    }
}

/// An API whose every resource is a number that the test counts up, beside so many bytes that stay as they are.
pub(crate) async fn counting(fill: usize) -> (Api, Cell<u64>) {
    let number = Cell::<u64>::new(0_u64);
    let (served, fill) = (number.clone(), "x".repeat(fill));
    let api = Api::serve(move |_| ok(format!("{{\"n\":{},\"fill\":\"{fill}\"}}", served.get()))).await;
    (api, number)
}

/// The patch that counts it to `number`.
pub(crate) fn counted(number: u64) -> String {
    format!("[{{\"op\":\"replace\",\"path\":\"/n\",\"value\":{number}}}]")
}

/// An API on a port of its own.
pub(crate) struct Api {
    url: String,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Api {
    /// Answers with the bytes that `handle` returns (to `HEAD` without their body); none close the connection.
    pub(crate) async fn start<F>(handle: impl Fn(RecordedRequest) -> F + Send + Sync + 'static) -> Api
    where
        F: Future<Output = Vec<u8>> + Send + 'static,
    {
        let origin = ScriptedOrigin::bind().await;
        let url = origin.url();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counter, count) = watch::channel(0);
        let (recorded, handle) = (requests.clone(), Arc::new(handle));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let mut connection = origin.accept().await;
                let (recorded, handle, counter) = (recorded.clone(), handle.clone(), counter.clone());
                connections.spawn(async move {
                    while let Some(request) = connection.request().await {
                        let is_head = request.line().0 == "HEAD";
                        recorded.lock().unwrap().push(request.clone());
                        counter.send_modify(|count| *count += 1);
                        let mut bytes = handle(request).await;
                        if let (true, Some(end)) = (is_head, find(&bytes, b"\r\n\r\n")) {
                            bytes.truncate(end + 4);
                        }
                        if bytes.is_empty() || connection.try_send(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Api { url, requests, count, task }
    }

    /// Answers at once.
    pub(crate) async fn serve(handle: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static) -> Api {
        Api::start(move |request| std::future::ready(handle(&request))).await
    }

    /// Answers each request with its head, as JSON, once `gate` is open.
    pub(crate) async fn echo_behind(gate: &Gate) -> Api {
        let held = gate.clone();
        Api::start(move |request| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                ok(serde_json::json!({ "head": request.head }).to_string())
            }
        })
        .await
    }

    /// Its URL without a path.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests came so far.
    pub(crate) fn asked(&self) -> usize {
        *self.count.borrow()
    }

    /// Comes back when so many requests have come.
    pub(crate) async fn was_asked(&self, times: usize) {
        let mut count = self.count.clone();
        within("the origin is asked", count.wait_for(|count| *count >= times)).await.unwrap();
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
