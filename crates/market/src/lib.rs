//! A market data API as any careful team might have it: plain requests and responses over HTTP/1.1.
//!
//! Quotes, trades and order books of invented companies, moved by a seeded random walk in which trades arrive
//! irregularly. `GET /` lists the endpoints. Answers carry strong validators for each content coding, are compressed
//! where asked, may be read by any web page, and are metered by API key. For demonstrations and tests it can be made
//! to fail in the ways that real services fail.
//!
//! ```no_run
//! # async fn run() -> Result<(), tidegate_market::StartError> {
//! use tidegate_market::{Fault, Market, MarketConfig};
//!
//! let market = Market::start(MarketConfig { symbols: 50, ..MarketConfig::default() }).await?;
//! println!("http://{}/quotes", market.local_addr());
//! market.set_fault(Fault::Halt);
//! market.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod book;
mod catalog;
mod clock;
mod listing;
mod negotiate;
mod render;
mod reply;
mod rng;
mod server;
mod sim;
mod target;
mod units;
mod usage;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use api::Api;
use clock::Clock;
use sim::Sim;
use units::Timestamp;

pub use usage::{ANONYMOUS, Counts, Endpoint, MOST_KEYS, OTHERS, Usage};

/// The most symbols that a market can have.
pub const MOST_SYMBOLS: usize = listing::MOST;

/// The most trades a second.
pub const HIGHEST_RATE: f64 = 10_000.0;

/// What kind of market to start, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketConfig {
    /// Decides the companies, their prices and all trades; only their times depend on the start.
    pub seed: u64,
    /// Companies, from 1 to [`MOST_SYMBOLS`].
    pub symbols: usize,
    /// Trades a second over all symbols, from 0 (nothing moves) to [`HIGHEST_RATE`].
    pub rate: f64,
    /// The address to listen at; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for MarketConfig {
    /// 500 symbols, 40 trades a second, at port 9100 of this machine alone.
    fn default() -> MarketConfig {
        MarketConfig { seed: 1, symbols: 500, rate: 40.0, listen: (Ipv4Addr::LOCALHOST, 9100).into() }
    }
}

/// Why a market did not start.
#[derive(Debug)]
pub enum StartError {
    /// Another program listens at the address. The remedy is to stop it or to choose another address.
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened at for another reason.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The number of symbols is not between 1 and [`MOST_SYMBOLS`].
    Symbols {
        /// The number given.
        given: usize,
    },
    /// The rate is not between 0 and [`HIGHEST_RATE`].
    Rate {
        /// The rate given.
        given: f64,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::AddressInUse { address } => write!(f, "{address} is already in use"),
            StartError::Listen { address, source } => write!(f, "cannot listen at {address}: {source}"),
            StartError::Symbols { given } => {
                write!(f, "{given} symbols: give a number from 1 to {MOST_SYMBOLS}")
            }
            StartError::Rate { given } => {
                write!(f, "{given} trades a second: give a number from 0 to {HIGHEST_RATE}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Listen { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A way in which the service fails, until another is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// All is well.
    #[default]
    None,
    /// Every request is answered with 503 and `Retry-After: 1`; trading goes on.
    Error,
    /// Requests are accepted and not answered; when this ends, those that still wait are. Trading goes on.
    Hang,
    /// Trading is halted: the API answers, and the data stands still.
    Halt,
}

/// A running market. Dropping it stops it at once; [`Market::shutdown`] lets answers finish.
pub struct Market {
    api: Arc<Api>,
    local_addr: SocketAddr,
    tasks: Mutex<Option<Tasks>>,
}

struct Tasks {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    trading: JoinHandle<()>,
}

impl Market {
    /// Invents the market, makes its history and starts to listen and to trade, on the present tokio runtime.
    pub async fn start(config: MarketConfig) -> Result<Market, StartError> {
        let MarketConfig { seed, symbols, rate, listen } = config;
        if !(1..=MOST_SYMBOLS).contains(&symbols) {
            return Err(StartError::Symbols { given: symbols });
        }
        // Also false for a rate that is not a number.
        if !(0.0..=HIGHEST_RATE).contains(&rate) {
            return Err(StartError::Rate { given: rate });
        }
        let listener = server::bind(listen).await?;
        let local_addr =
            listener.local_addr().map_err(|source| StartError::Listen { address: listen, source })?;
        let clock = Clock::starting(Timestamp::from_system(SystemTime::now()));
        let api = Arc::new(Api::new(Sim::new(seed, symbols, rate, clock.now()), clock));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server::serve(listener, api.clone(), stopped));
        let trader = api.clone();
        let trading = tokio::spawn(async move { trader.trade().await });
        Ok(Market { api, local_addr, tasks: Mutex::new(Some(Tasks { stop, server, trading })) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What everyone used so far.
    pub fn usage(&self) -> Usage {
        self.api.usage()
    }

    /// Makes the service fail, or work again. A halt holds from the moment this returns.
    pub fn set_fault(&self, fault: Fault) {
        self.api.set_fault(fault);
    }

    /// How the service fails now.
    pub fn fault(&self) -> Fault {
        self.api.fault()
    }

    /// Stops listening and trading, lets answers finish for at most two seconds, and returns when all is over.
    /// Requests that a [`Fault::Hang`] held are answered. A second call returns at once.
    pub async fn shutdown(&self) {
        let tasks = self.take_tasks();
        if let Some(Tasks { stop, server, trading }) = tasks {
            if self.fault() == Fault::Hang {
                self.set_fault(Fault::None);
            }
            // Either may have ended already: then there is nothing left to stop.
            let _ = stop.send(());
            let _ = server.await;
            trading.abort();
            let _ = trading.await;
        }
    }

    fn take_tasks(&self) -> Option<Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        if let Some(Tasks { server, trading, .. }) = self.take_tasks() {
            server.abort();
            trading.abort();
        }
    }
}

impl fmt::Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Market").field("local_addr", &self.local_addr).field("fault", &self.fault()).finish()
    }
}
