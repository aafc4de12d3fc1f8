//! From an origin's places to addresses: asking for names, and what is remembered of the answers.
//!
//! Owns the look-ups. The system's resolver says nothing of how long an answer holds, so each is asked for again after
//! 30 s, by the next connection that is made; and at once (at most every second) when nothing of it could be connected
//! to. Look-ups run beside connecting: one at a time for each name, whoever needs it waits for the same one, and nobody
//! waits for long who has an older answer. A look-up that fails leaves that older answer in use.
//!
//! Invariant: what [`Allow`] refuses is never connected to. It sees the addresses themselves, each time that they are
//! used, so a name cannot change its mind between the check and the connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::connect_error::ConnectError;

/// How long an answer is used without asking again.
const KEPT: Duration = Duration::from_secs(30);

/// The least time between two look-ups of a name.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a look-up may take whose answer nobody may wait for any more.
const LONGEST: Duration = Duration::from_secs(20);

/// How long a look-up is waited for by those who have something older to connect to.
const PATIENCE: Duration = Duration::from_millis(250);

/// How many addresses of a name are used.
const MAX_ADDRESSES: usize = 32;

/// Where an origin can be reached: a name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A DNS name, or an IP address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Which addresses may be connected to.
pub trait Allow: fmt::Debug + Send + Sync {
    /// Whether this one may.
    fn allows(&self, address: IpAddr) -> bool;
}

/// What a look-up comes to.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Who knows the addresses of names.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of a name, each with the port.
    fn resolve(&self, place: &Place) -> Resolving;
}

/// The resolver of this machine: its hosts file, its DNS servers, whatever it is set up to ask.
#[derive(Debug)]
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, place: &Place) -> Resolving {
        let Place { host, port } = place.clone();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// The places of an origin, and the addresses that are known of them.
#[derive(Debug)]
pub(super) struct Places {
    places: Vec<Known>,
    resolver: Arc<dyn Resolve>,
    guard: Option<Arc<dyn Allow>>,
}

#[derive(Debug)]
struct Known {
    place: Place,
    state: Arc<Mutex<State>>,
}

/// What is known of a place.
#[derive(Debug, Default)]
struct State {
    addresses: Vec<SocketAddr>,
    /// Why the last look-up failed, if it did.
    failure: Option<Arc<io::Error>>,
    asked: Option<Instant>,
    /// Until when nobody asks again. For ever for an address that is written as one.
    settled: Settled,
    /// Closed when the look-up that is under way is over.
    running: Option<watch::Receiver<()>>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Settled {
    #[default]
    Never,
    Until(Instant),
    Forever,
}

impl Places {
    pub(super) fn new(
        places: Vec<Place>,
        resolver: Arc<dyn Resolve>,
        guard: Option<Arc<dyn Allow>>,
    ) -> Places {
        let known = |place: Place| {
            let mut state = State::default();
            if let Ok(address) = place.host.parse::<IpAddr>() {
                state.addresses.push(SocketAddr::new(address, place.port));
                state.settled = Settled::Forever;
            }
            Known { place, state: Arc::new(Mutex::new(state)) }
        };
        Places { places: places.into_iter().map(known).collect(), resolver, guard }
    }

    /// The addresses of each place that may be connected to. Some place has some.
    pub(super) async fn addresses(&self) -> Result<Vec<Vec<SocketAddr>>, ConnectError> {
        let running: Vec<_> =
            self.places.iter().filter_map(|known| known.ask(&self.resolver, Instant::now())).collect();
        let has_some = || self.places.iter().any(|known| !lock(&known.state).addresses.is_empty());
        let all = async {
            for mut running in running {
                // It is closed, not changed.
                while running.changed().await.is_ok() {}
            }
        };
        if has_some() {
            let _ = tokio::time::timeout(PATIENCE, all).await;
        } else {
            all.await;
        }
        let mut failure = None;
        let mut addresses = Vec::with_capacity(self.places.len());
        for known in &self.places {
            let state = lock(&known.state);
            failure = failure.or_else(|| state.failure.clone());
            let mut allowed = state.addresses.clone();
            drop(state);
            allowed.retain(|address| self.allows(address.ip()));
            addresses.push(allowed);
        }
        if addresses.iter().any(|place| !place.is_empty()) {
            return Ok(addresses);
        }
        // With a guard nobody learns which names exist behind it.
        Err(match failure {
            _ if self.guard.is_some() => ConnectError::Guarded,
            Some(failure) => ConnectError::Resolve(failure),
            None => ConnectError::Resolve(Arc::new(no_address())),
        })
    }

    /// Says that nothing of what is known could be connected to: the next connection asks again.
    pub(super) fn doubt(&self) {
        for known in &self.places {
            let mut state = lock(&known.state);
            if let (Settled::Until(until), Some(asked)) = (state.settled, state.asked) {
                state.settled = Settled::Until(until.min(asked + PAUSE));
            }
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.guard.as_ref().is_none_or(|guard| guard.allows(address))
    }
}

impl Known {
    /// Begins a look-up, where it is time for one. Returns the one that is under way.
    fn ask(&self, resolver: &Arc<dyn Resolve>, now: Instant) -> Option<watch::Receiver<()>> {
        let mut state = lock(&self.state);
        if state.running.is_some() {
            return state.running.clone();
        }
        match state.settled {
            Settled::Forever => return None,
            Settled::Until(until) if now < until => return None,
            Settled::Until(_) | Settled::Never => {}
        }
        let (over, running) = watch::channel(());
        state.running = Some(running);
        state.asked = Some(now);
        let looking_up = tokio::time::timeout(LONGEST, resolver.resolve(&self.place));
        let known = self.state.clone();
        // A task, because whoever waits may give up, and the answer serves the next.
        tokio::spawn(async move {
            let answer = match looking_up.await {
                Ok(answer) => answer,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            lock(&known).learn(answer, Instant::now());
            drop(over);
        });
        state.running.clone()
    }
}

impl State {
    fn learn(&mut self, answer: io::Result<Vec<SocketAddr>>, now: Instant) {
        self.running = None;
        match answer {
            Ok(mut addresses) if !addresses.is_empty() => {
                addresses.truncate(MAX_ADDRESSES);
                self.addresses = addresses;
                self.failure = None;
                self.settled = Settled::Until(now + KEPT);
            }
            answer => {
                let error = answer.err().unwrap_or_else(no_address);
                tracing::debug!(%error, known = self.addresses.len(), "a look-up of an origin's name failed");
                self.failure = Some(Arc::new(error));
                self.settled = Settled::Until(now + PAUSE);
            }
        }
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "it has none")
}

/// Nobody panics while holding it; and if, what it holds is whole.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::sync::oneshot;
    use tokio::time::advance;

    use super::*;

    /// Look-ups that a test answers.
    #[derive(Debug, Default)]
    struct Asked(Mutex<VecDeque<oneshot::Sender<Option<u8>>>>);

    impl Asked {
        /// Answers the oldest that waits, by the last byte of an address or not at all.
        async fn answer(&self, answer: Option<u8>) {
            let waiting = self.0.lock().unwrap().pop_front().expect("somebody asked");
            waiting.send(answer).unwrap();
            tokio::task::yield_now().await;
        }

        fn waiting(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl Resolve for Asked {
        fn resolve(&self, place: &Place) -> Resolving {
            let (answer, answered) = oneshot::channel();
            self.0.lock().unwrap().push_back(answer);
            let port = place.port;
            Box::pin(async move {
                let last = answered.await.ok().flatten().ok_or(io::ErrorKind::HostUnreachable)?;
                Ok(vec![SocketAddr::from(([10, 0, 0, last], port))])
            })
        }
    }

    fn places(hosts: &[&str]) -> (Arc<Places>, Arc<Asked>) {
        let resolver = Arc::new(Asked::default());
        let places = hosts.iter().map(|host| Place { host: (*host).to_owned(), port: 80 }).collect();
        (Arc::new(Places::new(places, resolver.clone(), None)), resolver)
    }

    /// The last bytes of the addresses of each place.
    async fn known(places: &Places) -> Vec<Vec<u8>> {
        let addresses = places.addresses().await.unwrap();
        let last = |address: &SocketAddr| match address.ip() {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        addresses.iter().map(|place| place.iter().map(last).collect()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_while() {
        let (places, asked) = places(&["a"]);
        let (first, second, ()) = tokio::join!(known(&places), known(&places), asked.answer(Some(1)));
        assert_eq!((first, second), (vec![vec![1]], vec![vec![1]]));
        advance(KEPT - Duration::from_millis(1)).await;
        assert_eq!(known(&places).await, [[1]]);
        assert_eq!(asked.waiting(), 0);
        advance(Duration::from_millis(1)).await;
        let (moved, ()) = tokio::join!(known(&places), asked.answer(Some(2)));
        assert_eq!(moved, [[2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_fails_or_is_slow_leaves_the_last_answer() {
        let (places, asked) = places(&["a"]);
        let (_, ()) = tokio::join!(known(&places), asked.answer(Some(1)));
        advance(KEPT).await;
        let (failed, ()) = tokio::join!(known(&places), asked.answer(None));
        assert_eq!(failed, [[1]]);
        // Not again at once, and then nobody waits for longer than a moment.
        assert_eq!(known(&places).await, [[1]]);
        advance(PAUSE).await;
        let before = Instant::now();
        assert_eq!(known(&places).await, [[1]]);
        assert_eq!((before.elapsed(), asked.waiting()), (PATIENCE, 1));
        // It counts when it comes.
        asked.answer(Some(3)).await;
        assert_eq!(known(&places).await, [[3]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_survives_those_who_waited_for_it() {
        let (places, asked) = places(&["a"]);
        assert!(tokio::time::timeout(PAUSE, places.addresses()).await.is_err());
        asked.answer(Some(1)).await;
        assert_eq!(known(&places).await, [[1]]);
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_asks_again_but_not_without_end() {
        let (places, asked) = places(&["a", "10.0.0.9"]);
        let (both, ()) = tokio::join!(known(&places), async {
            tokio::task::yield_now().await;
            asked.answer(Some(1)).await;
        });
        assert_eq!(both, [[1], [9]]);
        places.doubt();
        assert_eq!(known(&places).await, [[1], [9]]);
        assert_eq!(asked.waiting(), 0);
        advance(PAUSE).await;
        let (both, ()) = tokio::join!(known(&places), asked.answer(Some(2)));
        assert_eq!(both, [[2], [9]]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_answer_there_is_the_failure() {
        let (places, asked) = places(&["a"]);
        let (error, ()) = tokio::join!(places.addresses(), asked.answer(None));
        assert!(matches!(error, Err(ConnectError::Resolve(_))), "{error:?}");
        let error = places.addresses().await;
        assert!(matches!(error, Err(ConnectError::Resolve(_))), "{error:?}");
        assert_eq!(asked.waiting(), 0);
    }
}
