//! The gateway as a part of the demo: it can be restarted, and what it sent is counted over its restarts.
//!
//! Each gateway has a runtime of its own, so that its end leaves nothing behind: no connection, no feed that goes on
//! polling, no thread. That is what a restart of the real program does. Its streams get their last event first.
//!
//! Invariant: what was sent never counts twice and never less than before; a gateway's counts are taken over in the
//! same moment in which it stops being the one that runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::announce::reachable;
use super::counts::Sent;
use crate::config::{
    Config, ConfigError, CorsOrigins, OrAuto, OriginConfig, PathPattern, RoutePolicy, SingleOrigin, Sourced,
    ValueError, render,
};
use crate::edge::{BuildError, Gateway};

/// The board, whose readers are counted.
const BOARD: &str = "/quotes";

/// How long a restarted gateway is away: long enough to see that the page notices.
const AWAY: Duration = Duration::from_secs(1);

/// How long the market may take. It answers within milliseconds, and whoever makes it hang wants to see what happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// The gateway could not be started.
#[derive(Debug)]
pub(super) enum GatewayError {
    /// The market's address, or the poll interval, is nothing that a gateway can be configured with.
    Config(Vec<ConfigError>),
    /// The board's path is no pattern.
    Pattern(ValueError),
    /// Its parts cannot be built.
    Build(BuildError),
    /// The system gives no runtime, or takes the listener away.
    System(io::Error),
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayError::Config(errors) => f.write_str(render(errors).trim_end()),
            GatewayError::Pattern(error) => write!(f, "{BOARD} {}", error.reason()),
            GatewayError::Build(error) => write!(f, "the gateway cannot be started: {error}"),
            GatewayError::System(error) => write!(f, "the gateway cannot be started: {error}"),
        }
    }
}

/// The configuration: everything of the market is live, and the board has a route, and so counters, of its own.
pub(super) fn config(market: SocketAddr, poll: Duration) -> Result<Config, GatewayError> {
    let options = SingleOrigin { poll: Some(poll), cors: CorsOrigins::Any, ..SingleOrigin::default() };
    let url = format!("http://{}", reachable(market));
    let mut config = Config::for_origin(&url, options).map_err(GatewayError::Config)?;
    let origin = Arc::new(OriginConfig {
        connect_timeout: Sourced::plain(PATIENCE),
        head_timeout: Sourced::plain(PATIENCE),
        ..OriginConfig::clone(&config.origins[0])
    });
    config.origins = vec![origin.clone()];
    let board = PathPattern::parse(BOARD).map_err(GatewayError::Pattern)?;
    for route in &mut config.routes {
        route.origin = origin.clone();
        if let RoutePolicy::Live(live) = &mut route.policy {
            // The page says how fresh everything is, the instruments that rest for seconds included.
            live.pace.poll_max = Sourced::plain(OrAuto::Set(poll));
        }
    }
    let mut route = config.routes[0].clone();
    route.pattern = Sourced::plain(board);
    // A literal path comes before a pattern of several.
    config.routes.insert(0, route);
    Ok(config)
}

/// The gateway that runs, and the ones before it.
pub(super) struct GatewayPart {
    config: Config,
    address: SocketAddr,
    state: Mutex<State>,
}

struct State {
    /// What gateways that are no more sent.
    before: Sent,
    /// The one that answers, or is about to; nothing while there is none.
    now: Option<Running>,
    /// The first one, until it is run. Its port is open already: whoever connects waits a moment.
    first: Option<Generation>,
}

#[derive(Clone)]
struct Running {
    gateway: Arc<Gateway>,
    stop: CancellationToken,
}

impl GatewayPart {
    /// The first gateway, which answers as soon as [`GatewayPart::run`] does.
    pub(super) fn new(
        config: Result<Config, GatewayError>,
        listener: TcpListener,
    ) -> Result<GatewayPart, GatewayError> {
        let config = config?;
        let address = listener.local_addr().map_err(GatewayError::System)?;
        let first = Generation::new(&config, listener)?;
        let now = Some(first.running.clone());
        let state = Mutex::new(State { before: Sent::default(), now, first: Some(first) });
        Ok(GatewayPart { config, address, state })
    }

    /// Where it listens, after restarts too.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the gateway that runs; another follows. Where none runs, one is on its way already.
    pub(super) fn restart(&self) {
        if let Some(running) = &self.state().now {
            running.stop.cancel();
        }
    }

    /// Whether a gateway answers.
    pub(super) fn is_up(&self) -> bool {
        self.state().now.as_ref().is_some_and(|running| !running.stop.is_cancelled())
    }

    /// What was sent to readers of the board, by all gateways so far.
    pub(super) fn sent(&self) -> Sent {
        let state = self.state();
        let stats = state.now.as_ref().and_then(|running| running.gateway.route_stats(BOARD));
        stats.map_or(state.before, |stats| state.before.and(stats))
    }

    /// Runs one gateway after the other until `stop`, and comes back when the last has ended.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut next = self.state().first.take();
        while !stop.is_cancelled() {
            match next.take() {
                Some(generation) => self.run_one(generation, &stop).await,
                // Most likely another program took the port meanwhile; it may let go of it again.
                None => warn!(address = %self.address, "the gateway cannot be started again yet"),
            }
            if stop.run_until_cancelled(sleep(AWAY)).await.is_some() {
                next = self.again().await.inspect_err(|error| warn!("{error}")).ok();
            }
        }
    }

    async fn run_one(&self, generation: Generation, stop: &CancellationToken) {
        let running = generation.running.clone();
        self.state().now = Some(running.clone());
        let mut serving = pin!(generation.run());
        tokio::select! {
            () = serving.as_mut() => {}
            () = stop.cancelled() => {
                running.stop.cancel();
                serving.await;
            }
        }
        let mut state = self.state();
        state.now = None;
        if let Some(stats) = running.gateway.route_stats(BOARD) {
            state.before = state.before.and(stats);
        }
    }

    async fn again(&self) -> Result<Generation, GatewayError> {
        let listener = TcpListener::bind(self.address).await.map_err(GatewayError::System)?;
        Generation::new(&self.config, listener)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What it guards is replaced whole, never left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One gateway with its runtime and its listener.
struct Generation {
    running: Running,
    listener: TcpListener,
    runtime: OwnRuntime,
}

impl Generation {
    fn new(config: &Config, listener: TcpListener) -> Result<Generation, GatewayError> {
        let runtime = OwnRuntime::new().map_err(GatewayError::System)?;
        let (gateway, listener) = {
            let _inside = runtime.enter();
            let listener = listener.into_std().and_then(TcpListener::from_std);
            (Gateway::new(config).map_err(GatewayError::Build)?, listener.map_err(GatewayError::System)?)
        };
        let running = Running { gateway: Arc::new(gateway), stop: CancellationToken::new() };
        Ok(Generation { running, listener, runtime })
    }

    /// Serves until its stop, and ends everything that is left.
    async fn run(self) {
        let Generation { running: Running { gateway, stop }, listener, runtime } = self;
        let serving = runtime.spawn(async move {
            gateway.clone().serve(listener, stop).await;
            gateway.tunnels().close().await;
        });
        if let Err(error) = serving.await {
            warn!(%error, "the gateway broke down");
        }
    }
}

/// A runtime that may be dropped within another: dropping it ends its tasks without waiting for them.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> io::Result<OwnRuntime> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map(|runtime| OwnRuntime(Some(runtime)))
    }
}

impl std::ops::Deref for OwnRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken in `drop` only")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_has_a_route_of_its_own_and_everything_is_live() {
        let config = config("0.0.0.0:9100".parse().unwrap(), Duration::from_millis(200)).unwrap();
        let routes = [BOARD, "/quotes/ABC", "/orderbook/ABC"].map(|path| config.route(path).unwrap());
        let patterns = routes.map(|route| route.pattern.to_string());
        assert_eq!(patterns, ["/quotes", "/**", "/**"]);
        for route in routes {
            let pace = route.live().unwrap().pace.pace();
            assert_eq!((pace.target, pace.ceiling), (Duration::from_millis(200), Duration::from_millis(200)));
            assert_eq!(route.origin.url.to_string(), "http://127.0.0.1:9100/");
            assert_eq!(*route.origin.head_timeout, PATIENCE);
        }
    }
    #[tokio::test]
    async fn it_is_down_from_the_moment_of_a_restart_until_the_next_gateway_runs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Nobody asks it for anything, so the market is never looked for.
        let config = config("127.0.0.1:9".parse().unwrap(), Duration::from_secs(1));
        let part = Arc::new(GatewayPart::new(config, listener).unwrap());
        assert!(part.is_up(), "who connects now is answered");
        let stop = CancellationToken::new();
        let (running, stopping) = (part.clone(), stop.clone());
        let running = tokio::spawn(async move { running.run(stopping).await });
        let up = async || {
            while !part.is_up() {
                tokio::task::yield_now().await;
            }
        };
        part.restart();
        assert!(!part.is_up());
        part.restart();
        up().await;
        stop.cancel();
        running.await.unwrap();
        assert!(!part.is_up());
        TcpListener::bind(part.address()).await.expect("its port is free again");
    }
}
