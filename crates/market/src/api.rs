//! The API: from a request to its answer, and the state that answers come from.
//!
//! Invariants: the market's state and the representations made from it change under one lock, which is never held
//! across an await; while a halt is on no trade happens, from the moment [`Api::set_fault`] returns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, Response, StatusCode, Version};
use serde::Serialize;
use tokio::sync::watch;

use crate::Fault;
use crate::catalog::{Catalog, Representation, Resource};
use crate::clock::Clock;
use crate::reply;
use crate::sim::Sim;
use crate::target::{self, LONGEST_KEY, Route};
use crate::units::Timestamp;
use crate::usage::{Meter, Usage, request_head_len, response_head_len};

/// Trades that fell due while the machine slept longer than this are not made up for.
const LONGEST_CATCH_UP: Duration = Duration::from_secs(5);

/// A running market's state behind its endpoints.
pub(crate) struct Api {
    floor: Mutex<Floor>,
    meter: Mutex<Meter>,
    fault: watch::Sender<Fault>,
    clock: Clock,
    index: Representation,
}

/// The trading floor and its published representations.
struct Floor {
    sim: Sim,
    catalog: Catalog,
}

impl Api {
    /// The API of this market.
    pub(crate) fn new(sim: Sim, clock: Clock) -> Api {
        let index = Representation::new(index(&sim), clock.now());
        let catalog = Catalog::new(sim.stocks().len());
        Api {
            floor: Mutex::new(Floor { sim, catalog }),
            meter: Mutex::default(),
            fault: watch::Sender::new(Fault::None),
            clock,
            index,
        }
    }

    /// Answers a request. Waits while a [`Fault::Hang`] is on.
    pub(crate) async fn handle<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let route = Route::of(request.uri().path());
        let key = target::api_key(request.uri());
        let name = key.as_ref().ok().and_then(Option::as_deref);
        let account = lock(&self.meter).arrived(name, route.endpoint(), request_head_len(request));
        let answer = match (self.fault_after_hanging().await, key) {
            (Fault::Error, _) => reply::unavailable(),
            (_, Err(target::KeyTooLong)) => {
                reply::problem(StatusCode::BAD_REQUEST, &format!("an apikey has at most {LONGEST_KEY} bytes"))
            }
            (_, Ok(_)) if !names_one_host(request) => {
                reply::problem(StatusCode::BAD_REQUEST, "a request has one Host field")
            }
            (_, Ok(_)) => self.answer(request, &route).await,
        };
        let response = reply::finish(request, answer, self.clock.now());
        let bytes = response_head_len(response.status(), response.headers()) + response.body().len() as u64;
        lock(&self.meter).answered(&account, response.status(), bytes);
        response
    }

    async fn answer<B>(&self, request: &Request<B>, route: &Route) -> Response<Bytes> {
        let method = request.method();
        if method == Method::OPTIONS {
            return reply::options(request.headers());
        }
        if *route != Route::Unknown && method != Method::GET && method != Method::HEAD {
            return reply::not_allowed();
        }
        let resource = match route {
            Route::Index => return reply::representation(request.headers(), &self.index).await,
            Route::Usage => return self.usage_answer(),
            Route::Unknown => {
                return reply::problem(StatusCode::NOT_FOUND, "no such endpoint; GET / lists them");
            }
            Route::Quotes => Some(Resource::Quotes),
            Route::Quote(symbol) => self.find(symbol).map(Resource::Quote),
            Route::Trades(symbol) => self.find(symbol).map(Resource::Trades),
            Route::OrderBook(symbol) => self.find(symbol).map(Resource::OrderBook),
        };
        match resource {
            Some(resource) => {
                let representation = {
                    let floor = &mut *self.floor();
                    floor.catalog.get(&floor.sim, resource)
                };
                reply::representation(request.headers(), &representation).await
            }
            None => reply::problem(StatusCode::NOT_FOUND, "no such symbol; GET /quotes lists them"),
        }
    }

    /// The place of a symbol, where it is listed.
    fn find(&self, symbol: &str) -> Option<usize> {
        self.floor().sim.find(symbol)
    }

    fn usage_answer(&self) -> Response<Bytes> {
        // Strings and numbers in maps with string keys: always JSON.
        reply::unstored(serde_json::to_vec(&self.usage()).expect("usage is plain data"))
    }

    /// The fault that is on once nothing hangs.
    async fn fault_after_hanging(&self) -> Fault {
        let mut fault = self.fault.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        fault.wait_for(|fault| *fault != Fault::Hang).await.map_or(Fault::None, |fault| *fault)
    }

    /// Switches a fault on, or off with [`Fault::None`].
    pub(crate) fn set_fault(&self, fault: Fault) {
        let mut floor = self.floor();
        let before = self.fault.send_replace(fault);
        if before == Fault::Halt && fault != Fault::Halt {
            floor.sim.resume(self.clock.now());
        }
    }

    /// The fault that is on.
    pub(crate) fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    /// What was used so far.
    pub(crate) fn usage(&self) -> Usage {
        lock(&self.meter).usage().clone()
    }

    /// Keeps the market trading, for ever.
    pub(crate) async fn trade(&self) {
        let mut fault = self.fault.subscribe();
        loop {
            fault.borrow_and_update();
            let due = self.trade_until(self.clock.now()).map(|at| self.clock.instant(at));
            let due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = fault.changed() => {}
            }
        }
    }

    /// Makes the trades that are due and returns when the next one is; never, while trading is halted.
    fn trade_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut floor = self.floor();
        if self.fault() == Fault::Halt {
            return None;
        }
        if floor.sim.next_at().is_some_and(|due| now.since(due) > LONGEST_CATCH_UP) {
            floor.sim.resume(now);
        }
        floor.sim.advance(now);
        floor.sim.next_at()
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        lock(&self.floor)
    }
}

/// A poisoned lock is taken as it is: what it guards is replaced whole or counted up, never left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// HTTP/1.1 wants exactly one `Host` (RFC 9112 §3.2), HTTP/1.0 none.
fn names_one_host<B>(request: &Request<B>) -> bool {
    match request.headers().get_all(HOST).iter().count() {
        0 => request.version() < Version::HTTP_11,
        count => count == 1,
    }
}

/// What `/` says.
#[derive(Serialize)]
struct Index {
    name: &'static str,
    symbols: usize,
    endpoints: [Entry; 5],
    parameters: [Entry; 1],
}

/// A thing to use and what it is for.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    about: &'static str,
}

/// The body of `/`.
fn index(sim: &Sim) -> String {
    let entry = |name, about| Entry { name, about };
    let index = Index {
        name: "Market data",
        symbols: sim.stocks().len(),
        endpoints: [
            entry("/quotes", "the latest quote of every symbol, in alphabetical order"),
            entry("/quotes/{symbol}", "the latest quote of one symbol"),
            entry("/quotes/{symbol}/trades", "the latest trades of a symbol, at most 100, newest first"),
            entry("/orderbook/{symbol}", "the ten best bids and asks of a symbol, best first"),
            entry("/usage", "requests and bytes by API key and endpoint"),
        ],
        parameters: [entry("apikey", "the name that usage is counted under; optional")],
    };
    // Strings and a number: always JSON.
    serde_json::to_string(&index).expect("the index is plain data")
}
