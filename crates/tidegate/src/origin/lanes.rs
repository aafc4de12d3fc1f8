//! Which pool a request goes through, so that HTTP/2 has more than one connection, and not a thousand.
//!
//! A pool knows an origin's connection by HTTP/2 only once it is there, and has one. Two things follow from that, which
//! are seen to here:
//! - Requests that come together while there is no connection would each begin one, and all but one give up after the
//!   handshake. So the first opens it, and the others wait until it is there, or is known not to come.
//! - Origins take about a hundred requests at a time on a connection, and some requests last: those that pass through
//!   may be streams. So there are several pools, **lanes**, and a request takes the first with room.
//!
//! With HTTP/1.1 none of this is needed, and everything goes through the first lane.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::connect::Mark;

/// How many requests a connection carries before another is opened: no less than what a server should allow
/// (RFC 9113 §6.5.2).
pub(super) const STREAMS: usize = 100;

/// How many connections by HTTP/2 there are at most.
pub(super) const LANES: usize = 8;

/// The pools of an origin.
pub(super) struct Lanes<C> {
    lanes: Vec<Lane<C>>,
    /// Whether the last connection speaks HTTP/2, or the first is expected to.
    http2: AtomicBool,
}

struct Lane<C> {
    client: C,
    under_way: Arc<AtomicUsize>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The last one that was opened.
    connection: Option<Mark>,
    /// Closed when whoever opens one has it, or has not.
    opening: Option<watch::Receiver<()>>,
}

/// A request's way to the origin.
pub(super) struct Way<'a, C> {
    pub(super) client: &'a C,
    pub(super) lease: Lease,
    opening: Option<Opening>,
}

/// A place among those that are under way on a lane. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<AtomicUsize>);

/// The duty to open a connection, on which others wait. Ends when it is dropped.
struct Opening {
    state: Arc<Mutex<State>>,
    _over: watch::Sender<()>,
}

impl<C> Lanes<C> {
    /// One lane without HTTP/2; else as many as there may be. `client` makes a pool.
    pub(super) fn new(http2: bool, client: impl Fn() -> C) -> Lanes<C> {
        let lane =
            |_| Lane { client: client(), under_way: Arc::default(), state: Arc::new(Mutex::default()) };
        let lanes = (0..if http2 { LANES } else { 1 }).map(lane).collect();
        Lanes { lanes, http2: AtomicBool::new(http2) }
    }

    /// A way for a request, as soon as it can be used or opened.
    pub(super) async fn way(&self) -> Way<'_, C> {
        // Many may have waited for the same one, which has room for some.
        for _ in 0..=LANES {
            let (lane, mut opening) = match self.take() {
                Ok(way) => return way,
                Err(opening) => opening,
            };
            // It is closed, not changed.
            while opening.changed().await.is_ok() {}
            // Whoever waited for one that did not come sees for itself: else each would wait for each.
            if !lock(&lane.state).is_connected() {
                break;
            }
        }
        let lane = self.lane();
        Way { client: &lane.client, lease: Lease::of(&lane.under_way), opening: None }
    }

    /// A way, or whose connection is to be waited for.
    fn take(&self) -> Result<Way<'_, C>, (&Lane<C>, watch::Receiver<()>)> {
        let lane = self.lane();
        let mut way = Way { client: &lane.client, lease: Lease::of(&lane.under_way), opening: None };
        if !self.http2.load(Ordering::Relaxed) {
            return Ok(way);
        }
        let mut state = lock(&lane.state);
        if state.is_connected() {
            return Ok(way);
        }
        if let Some(opening) = &state.opening {
            return Err((lane, opening.clone()));
        }
        let (over, opening) = watch::channel(());
        state.opening = Some(opening);
        way.opening = Some(Opening { state: lane.state.clone(), _over: over });
        Ok(way)
    }

    /// The first with room, or the one with most.
    fn lane(&self) -> &Lane<C> {
        let first = &self.lanes[0];
        if !self.http2.load(Ordering::Relaxed) {
            return first;
        }
        let under_way = |lane: &&Lane<C>| lane.under_way.load(Ordering::Relaxed);
        let with_room = self.lanes.iter().find(|lane| under_way(lane) < STREAMS);
        with_room.or_else(|| self.lanes.iter().min_by_key(under_way)).unwrap_or(first)
    }

    /// A request was given this connection on its way.
    pub(super) fn given(&self, way: &mut Way<'_, C>, mark: &Mark) {
        if self.lanes.len() > 1 {
            self.http2.store(mark.is_http2(), Ordering::Relaxed);
        }
        if let Some(opening) = way.opening.take() {
            lock(&opening.state).connection = Some(mark.clone());
        }
    }
}

impl State {
    fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(Mark::is_open)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        lock(&self.state).opening = None;
    }
}

impl Lease {
    fn of(under_way: &Arc<AtomicUsize>) -> Lease {
        under_way.fetch_add(1, Ordering::Relaxed);
        Lease(under_way.clone())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nobody panics while holding it; and if, what it holds is whole.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
