//! What each way of reading the board costs, as the page asks for it.
//!
//! Everything is counted where it is served, by the market and by the gateway, for the board `/quotes` alone, since
//! the start. Numbers only grow.

use std::time::SystemTime;

use serde::Serialize;
use tidegate_hub::FeedStats;
use tidegate_market::{ANONYMOUS, Endpoint, Usage};
use tidegate_wire::Timestamp;

use super::Parts;
use super::control::state_name;

/// The API keys that the page gives, one for each way in which it asks the market itself. The gateway gives none.
const POLLING: &str = "polling";
const REFRESH: &str = "refresh";

/// What the gateway sent to readers of the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    streams: u64,
    bytes: u64,
}

impl Sent {
    /// What a gateway counted, together with what those before it did.
    pub(super) fn and(self, stats: FeedStats) -> Sent {
        Sent { streams: self.streams + stats.streams, bytes: self.bytes + stats.bytes }
    }
}

/// `/stats`
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    now: String,
    ways: Ways,
    market: State,
    gateway: State,
}

#[derive(Debug, Serialize)]
struct Ways {
    live: Live,
    polling: Direct,
    refresh: Direct,
}

/// What the market served to one way of reading.
#[derive(Debug, Serialize)]
struct Direct {
    market_requests: u64,
    market_not_modified: u64,
    market_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Live {
    #[serde(flatten)]
    market: Direct,
    gateway_requests: u64,
    gateway_bytes: u64,
}

#[derive(Debug, Serialize)]
struct State {
    state: &'static str,
}

impl Stats {
    /// The counts now.
    pub(super) fn of(parts: &Parts) -> Stats {
        let usage = parts.market.usage();
        let sent = parts.gateway.sent();
        Stats {
            now: Timestamp::from(SystemTime::now()).to_string(),
            ways: Ways {
                live: Live {
                    market: Direct::of(&usage, ANONYMOUS),
                    gateway_requests: sent.streams,
                    gateway_bytes: sent.bytes,
                },
                polling: Direct::of(&usage, POLLING),
                refresh: Direct::of(&usage, REFRESH),
            },
            market: State { state: state_name(parts.market.fault()) },
            gateway: State { state: if parts.gateway.is_up() { "up" } else { "restarting" } },
        }
    }
}

impl Direct {
    fn of(usage: &Usage, key: &str) -> Direct {
        let counts = usage.of(key, Endpoint::Quotes);
        Direct {
            market_requests: counts.requests,
            market_not_modified: counts.not_modified,
            market_bytes: counts.bytes_out,
        }
    }
}

/// `/demo.json`: where the parts are, and how they were started.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    gateway_port: u16,
    market_port: u16,
    poll_ms: u128,
    symbols: u32,
}

impl Facts {
    /// The facts.
    pub(super) fn of(parts: &Parts) -> Facts {
        Facts {
            gateway_port: parts.gateway.address().port(),
            market_port: parts.market.local_addr().port(),
            poll_ms: parts.args.poll.as_millis(),
            symbols: parts.args.symbols,
        }
    }
}
