//! A bare hyper client that asks as the gateway does, and does nothing with what it gets: what fetching alone costs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::{ACCEPT_ENCODING, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::role::answer;

/// What it asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) source: SocketAddr,
    pub(crate) resources: usize,
    /// Milliseconds between two requests for a resource.
    pub(crate) every_ms: u64,
}

/// Its only command: the counts so far.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Count;

/// What it got so far.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) answers: u64,
    pub(crate) found: u64,
}

#[derive(Default)]
struct Counting {
    answers: AtomicU64,
    found: AtomicU64,
}

type Asker = Client<HttpConnector, Empty<Bytes>>;

/// Runs until the parent is done.
pub(crate) fn run(config: &str) -> io::Result<()> {
    let config: Config = serde_json::from_str(config)?;
    let counting = Arc::new(Counting::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    for number in 0..config.resources {
        runtime.spawn(ask(client.clone(), config.clone(), number, counting.clone()));
    }
    answer(&())?;
    // One line, one answer: there is only one command.
    for line in io::stdin().lines() {
        line?;
        let Counting { answers, found } = &*counting;
        answer(&Counts { answers: answers.load(Relaxed), found: found.load(Relaxed) })?;
    }
    Ok(())
}

async fn ask(client: Asker, config: Config, number: usize, counting: Arc<Counting>) {
    let every = Duration::from_millis(config.every_ms);
    let phase = every * number as u32 / config.resources as u32;
    let mut due = interval_at(Instant::now() + phase, every);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let target = format!("http://{}/r/{number}", config.source);
    let mut known: Option<HeaderValue> = None;
    loop {
        due.tick().await;
        let mut request = Request::get(&target).header(ACCEPT_ENCODING, "gzip");
        if let Some(tag) = &known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let Ok(request) = request.body(Empty::new()) else { return };
        // A source that is gone ends the run; its parent sees that the counts stand still.
        let Ok(response) = client.request(request).await else { continue };
        let (head, body) = response.into_parts();
        if body.collect().await.is_err() {
            continue;
        }
        counting.answers.fetch_add(1, Relaxed);
        if head.status == StatusCode::OK {
            counting.found.fetch_add(1, Relaxed);
            known = head.headers.get(ETAG).cloned();
        }
    }
}
