//! The pools of connections to one origin, and which of them a request takes.
//!
//! Owns what pools do with connections that are not used, and the limits of HTTP/2 against an origin that means no good.

use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tidegate_hub::Body;

use super::connect::{Connector, Mark};
use super::connections::Http2;
use super::lanes::{Lanes, Lease, STREAMS, Way};

/// How long an unused connection is kept. Below the idle limits of common servers and balancers (60 s and more). The
/// one that was used last is used next, so that the others get there.
const IDLE: Duration = Duration::from_secs(30);

/// The most unused connections that are kept.
const MAX_IDLE: usize = 64;

/// The largest head of an answer, in bytes; also how much of a body by HTTP/1.1 is read ahead.
const HEAD_LIMIT: usize = 256 * 1024;

/// How much of a body by HTTP/2 is read ahead.
const STREAM_WINDOW: u32 = 256 * 1024;

/// How much of all bodies on a connection by HTTP/2 together: what all that it carries may read ahead, so that no
/// reader who stalls holds up another (RFC 9113 §5.2).
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;

/// The pools of one origin.
pub(super) struct Pools {
    lanes: Lanes<HttpClient>,
    /// Never reuses, and speaks HTTP/1.1: for the second try, which must not meet the next dead connection of a pool,
    /// and for upgrades, which HTTP/2 does not have (RFC 9113 §8.6).
    fresh: HttpClient,
    http2: bool,
}

type HttpClient = Client<Connector, Body>;

/// A request's way through the pools.
pub(super) enum Passage<'a> {
    Pooled(Way<'a, HttpClient>),
    Fresh(&'a HttpClient),
}

impl Pools {
    pub(super) fn new(connector: Connector) -> Pools {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(HEAD_LIMIT)
            .http2_max_header_list_size(HEAD_LIMIT as u32)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(connector.pings.every)
            .http2_keep_alive_timeout(connector.pings.patience)
            .http2_keep_alive_while_idle(true);
        let http2 = connector.may_be_http2();
        let mut fresh = builder.clone();
        let fresh = fresh.pool_max_idle_per_host(0).build(connector.clone().speaking(Http2::Never));
        builder.http2_only(connector.http2 == Http2::PriorKnowledge);
        let lanes = Lanes::new(http2, || builder.build(connector.clone()));
        Pools { lanes, fresh, http2 }
    }

    /// The way of a request's first try.
    pub(super) async fn passage(&self, upgrade: bool) -> Passage<'_> {
        match self.http2 && upgrade {
            true => Passage::Fresh(&self.fresh),
            false => Passage::Pooled(self.lanes.way().await),
        }
    }

    /// The way of its second, after a try that had such a connection.
    pub(super) async fn second_passage(&self, http2: bool) -> Passage<'_> {
        // What died by HTTP/2 was one connection of many requests, which are not to open one each.
        match http2 {
            true => Passage::Pooled(self.lanes.way().await),
            false => Passage::Fresh(&self.fresh),
        }
    }

    /// A request was given this connection on its way.
    pub(super) fn given(&self, passage: &mut Passage<'_>, mark: &Mark) {
        if let Passage::Pooled(way) = passage {
            self.lanes.given(way, mark);
        }
    }
}

impl Passage<'_> {
    pub(super) fn client(&self) -> &HttpClient {
        match self {
            Passage::Pooled(way) => way.client,
            Passage::Fresh(client) => client,
        }
    }

    /// The place on its connection, which lasts as long as the answer.
    pub(super) fn into_lease(self) -> Option<Lease> {
        match self {
            Passage::Pooled(way) => Some(way.lease),
            Passage::Fresh(_) => None,
        }
    }
}
