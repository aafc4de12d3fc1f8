//! A gateway, an API behind it, and clients in front of it, for all tests here.

mod api;
mod client;
pub(crate) mod http2;
mod stream;
mod tls;
pub(crate) mod websocket;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::{Config, render};
use tidegate::edge::{Gateway, listen};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use api::{Api, Cell, Gate, answer, counted, counting, document, ok};
pub(crate) use client::{Http, Response, get, request, send};
pub(crate) use stream::{Event, Replica, Stream};
pub(crate) use tls::Identity;

/// What must have happened by then, on however busy a machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(2);

/// Fails the test if `work` does not come to its end.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: did not happen in {DEADLINE:?}"),
    }
}

/// Comes back when `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    within(what, async {
        while !condition().await {
            tokio::time::sleep(LOOK).await;
        }
    })
    .await;
}

/// A gateway to be started: one origin, and one live route for all its paths.
pub(crate) struct Setup {
    url: String,
    top: String,
    limits: String,
    origin: String,
    route: String,
    poll: &'static str,
    more: String,
}

impl Setup {
    /// Polls rarely: what a test asks for is all that the origin is asked for.
    pub(crate) fn new(url: impl Into<String>) -> Setup {
        let text = String::new;
        Setup {
            url: url.into(),
            top: text(),
            limits: text(),
            origin: text(),
            route: text(),
            poll: "1h",
            more: text(),
        }
    }

    /// Polls as often as a route may.
    pub(crate) fn lively(url: impl Into<String>) -> Setup {
        Setup { poll: "50ms", ..Setup::new(url) }
    }

    /// Polls at this interval.
    pub(crate) fn polling(self, poll: &'static str) -> Setup {
        Setup { poll, ..self }
    }

    /// Settings at the top of the file.
    pub(crate) fn top(mut self, toml: &str) -> Setup {
        self.top.push_str(toml);
        self
    }

    /// Settings of `[limits]`.
    pub(crate) fn limits(mut self, toml: &str) -> Setup {
        self.limits.push_str(toml);
        self
    }

    /// Settings of the origin.
    pub(crate) fn origin(mut self, toml: &str) -> Setup {
        self.origin.push_str(toml);
        self
    }

    /// Settings of the route.
    pub(crate) fn route(mut self, toml: &str) -> Setup {
        self.route.push_str(toml);
        self
    }

    /// Over TLS.
    pub(crate) fn tls(self, identity: &Identity) -> Setup {
        self.more(&identity.toml())
    }

    /// Tables after the route.
    pub(crate) fn more(mut self, toml: &str) -> Setup {
        self.more.push_str(toml);
        self
    }

    fn config(&self) -> Config {
        let Setup { url, top, limits, origin, route, poll, more } = self;
        let text = format!(
            "{top}\n[limits]\n{limits}\n[[origin]]\nname = \"api\"\nurl = \"{url}\"\n{origin}\n\
             [[route]]\npath = \"/**\"\norigin = \"api\"\npoll = \"{poll}\"\n{route}\n{more}\n"
        );
        Config::parse("test.toml", &text, &|_| None)
            .unwrap_or_else(|errors| panic!("{}\nin\n{text}", render(&errors)))
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Running {
        let listener = listen("127.0.0.1:0".parse().unwrap(), "--listen").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Arc::new(Gateway::new(&self.config()).unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(gateway.clone().serve(listener, stop.clone()));
        Running { address, gateway, stop, task }
    }
}

/// A gateway that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Arc<Gateway>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Closes it in order.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        within("the gateway closes", &mut self.task).await.unwrap();
    }

    /// Subscribers of all feeds, those included that wait for their stream to begin.
    pub(crate) async fn subscribers(&self) -> usize {
        self.gateway.report().await.iter().map(|feed| feed.subscribers).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}
