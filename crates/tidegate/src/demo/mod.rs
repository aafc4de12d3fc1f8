//! `tidegate demo`: a market API, the gateway in front of it, and a page that shows both.
//!
//! Owns the three parts' lives: all listen before anything is announced, and all end with the program. They are real:
//! the gateway and the page know the market only by HTTP over loopback, and the gateway is the one of `tidegate
//! serve`. What the page may do to them, and what is counted, is `page`'s and `counts`'s.

mod announce;
mod assets;
mod control;
mod counts;
mod gateway;
mod page;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidegate_market::{Fault, Market, MarketConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::DemoArgs;
use crate::edge::server::serve;
use crate::edge::{ListenError, listen};
use crate::signals;
use announce::Announcement;
use gateway::{GatewayError, GatewayPart};
use page::Page;

/// How long a browser may take for the head of a request to the page.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The parts, of which those that the page shows and steers are shared with it.
struct Parts {
    market: Market,
    gateway: GatewayPart,
    /// What was asked for on the command line.
    args: DemoArgs,
}

/// A part of the demo that could not be started.
#[derive(Debug)]
enum StartError {
    /// Its port cannot be listened on.
    Listen(ListenError),
    /// The market cannot be as it was asked for.
    Market(tidegate_market::StartError),
    /// The gateway cannot run.
    Gateway(GatewayError),
    /// The system lets the program do nothing.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(error) => error.fmt(f),
            StartError::Market(error) => error.fmt(f),
            StartError::Gateway(error) => error.fmt(f),
            StartError::System(error) => error.fmt(f),
        }
    }
}

/// Runs the demo until a signal ends it.
pub async fn run(args: DemoArgs) -> ExitCode {
    let stop = match signals::stop_token() {
        Ok(stop) => stop,
        Err(error) => return failed(&[StartError::System(error)]),
    };
    match start(args).await {
        Ok((parts, listener)) => {
            until(stop, parts, listener).await;
            ExitCode::SUCCESS
        }
        Err(errors) => failed(&errors),
    }
}

fn failed(errors: &[StartError]) -> ExitCode {
    for error in errors {
        eprintln!("tidegate: {error}");
    }
    ExitCode::FAILURE
}

/// Starts all parts, says where they are, and returns them with the page's listener. Everything that is in the way is
/// found in one go.
async fn start(args: DemoArgs) -> Result<(Arc<Parts>, TcpListener), Vec<StartError>> {
    let page = listen(args.listen, "--listen").await.map_err(StartError::Listen);
    let gateway = listen(args.gateway_listen, "--gateway-listen").await.map_err(StartError::Listen);
    let market = start_market(&args).await;
    let (page, gateway, market) = match (page, gateway, market) {
        (Ok(page), Ok(gateway), Ok(market)) => (page, gateway, market),
        (page, gateway, market) => {
            return Err([page.err(), gateway.err(), market.err()].into_iter().flatten().collect());
        }
    };
    let whole = |error| vec![error];
    let page_address = page.local_addr().map_err(StartError::System).map_err(whole)?;
    let config = gateway::config(market.local_addr(), args.poll);
    let gateway = GatewayPart::new(config, gateway).map_err(StartError::Gateway).map_err(whole)?;
    let announcement = Announcement {
        page: page_address,
        gateway: gateway.address(),
        market: market.local_addr(),
        symbols: args.symbols,
        program: std::env::args().next(),
    };
    // Whoever closed our output wants to read nothing; the page is there all the same.
    let _ = io::stdout().lock().write_all(announcement.to_string().as_bytes());
    Ok((Arc::new(Parts { market, gateway, args }), page))
}

async fn start_market(args: &DemoArgs) -> Result<Market, StartError> {
    use tidegate_market::StartError as Refused;
    let listen = args.market_listen;
    let symbols = usize::try_from(args.symbols).unwrap_or(usize::MAX);
    let config = MarketConfig { seed: args.seed, symbols, rate: args.rate, listen };
    Market::start(config).await.map_err(|refused| {
        let at = |address, error| ListenError { address, option: "--market-listen", error };
        match refused {
            Refused::AddressInUse { address } => {
                StartError::Listen(at(address, io::ErrorKind::AddrInUse.into()))
            }
            Refused::Listen { address, source } => StartError::Listen(at(address, source)),
            other => StartError::Market(other),
        }
    })
}

/// Runs the parts until `stop`, and lets go of them in order: the market last, so that nobody misses it.
async fn until(stop: CancellationToken, parts: Arc<Parts>, listener: TcpListener) {
    let page = Arc::new(Page::new(parts.clone()));
    let answer = move |request, _client| {
        let page = page.clone();
        async move { page.answer(&request) }
    };
    let gateway = parts.gateway.run(stop.clone());
    // Whatever the gateway still waits for is answered.
    let released = async {
        stop.cancelled().await;
        if parts.market.fault() == Fault::Hang {
            parts.market.set_fault(Fault::None);
        }
    };
    tokio::join!(serve(listener, stop.clone(), HEAD_TIMEOUT, answer, || {}), gateway, released);
    parts.market.shutdown().await;
}
