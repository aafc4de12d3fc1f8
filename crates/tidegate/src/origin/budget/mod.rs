//! How much an origin is asked at one time and in a second, and who goes first.
//!
//! The deciding parts (`gate` and what it is made of) are told the time. This is the shell around them: it lets a
//! fetch wait until it may be sent, and tells the gate what its answer says.
//!
//! The budget bounds what the gateway asks for itself: polls, and the reads that feeds make for those who ask for them.
//! Requests that pass through are the clients' own, and are bounded by what bounds clients.

mod circuit;
mod gate;
mod queue;
mod quota;
#[cfg(test)]
mod tests;
mod told;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tidegate_core::{Answer, Failure, FailureKind, Outcome, Phase, Time};
use tidegate_hub::{FetchRequest, Fetched};
use tokio::sync::oneshot;
use tokio::time::Instant;

use gate::{Account, Ask, End, Gate, Limits, Refusal};
use queue::Ticket;

/// The longest wait of a fetch that somebody waits for. Then it is refused: overload is told early.
const PATIENCE_OF_SOMEBODY: Duration = Duration::from_secs(10);

/// The longest wait of a poll. So that every fetch comes to an end, whatever its origin allows.
const PATIENCE_OF_A_POLL: Duration = Duration::from_secs(300);

/// The settings of an origin's budget.
#[derive(Debug, Clone, Copy)]
pub struct BudgetSettings {
    /// The most fetches under way at one time.
    pub max_concurrent: usize,
    /// The most fetches begun in a second; none where there is no limit.
    pub max_per_second: Option<u32>,
}

/// The budget of one origin. Clones share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<Shared>);

struct Shared {
    authority: String,
    start: Instant,
    /// Makes names of accounts that nobody outside can foresee.
    hasher: RandomState,
    state: Mutex<State>,
}

struct State {
    gate: Gate,
    waiting: HashMap<Ticket, oneshot::Sender<Result<(), Refusal>>>,
    /// When the gate is looked at next by itself.
    alarm: Option<Time>,
}

/// A place among the fetches that are under way, until it is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
    waited: Duration,
}

impl Budget {
    pub(super) fn new(authority: &str, settings: BudgetSettings) -> Budget {
        let limits = Limits { concurrent: settings.max_concurrent, per_second: settings.max_per_second };
        let state = State { gate: Gate::new(limits), waiting: HashMap::new(), alarm: None };
        Budget(Arc::new(Shared {
            authority: authority.to_owned(),
            start: Instant::now(),
            hasher: RandomState::new(),
            state: Mutex::new(state),
        }))
    }

    /// Waits for a place. Where there will be none in time, says what to tell instead.
    pub(super) async fn enter(&self, request: &FetchRequest) -> Result<Place, Fetched> {
        let asked = Instant::now();
        let ask = Ask {
            scope: &request.scope,
            awaited: request.awaited,
            account: request.credentialed.then(|| self.account(&request.fields)),
            took: request.took,
        };
        let patience = if request.awaited { PATIENCE_OF_SOMEBODY } else { PATIENCE_OF_A_POLL };
        let (sender, verdict) = oneshot::channel();
        let ticket = {
            let mut state = self.0.state();
            let ticket = state.gate.ask(ask);
            state.waiting.insert(ticket, sender);
            ticket
        };
        // From here on the place is given back if the fetch is given up.
        let mut place = Place { shared: self.0.clone(), ticket, waited: Duration::ZERO };
        self.0.serve();
        let verdict = tokio::time::timeout(patience, verdict).await;
        let waited = asked.elapsed();
        let outcome = match verdict {
            Ok(Ok(Ok(()))) => {
                place.waited = waited;
                return Ok(place);
            }
            Ok(Ok(Err(Refusal::Down(failure)))) => Outcome::Failed(failure),
            Ok(Ok(Err(Refusal::Paused(until)))) => {
                Outcome::Answered(self.0.answer(until.since(self.0.now())))
            }
            Ok(Err(_)) | Err(_) => {
                let detail = format!("the budget of {} left no place within {patience:?}", self.0.authority);
                Outcome::Failed(Failure::new(FailureKind::Overloaded, detail))
            }
        };
        Err(Fetched { outcome, raw: None, wire_bytes: 0, waited })
    }

    fn account(&self, fields: &HeaderMap) -> Account {
        let mut named: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        named.sort_unstable();
        self.0.hasher.hash_one(named)
    }
}

impl Place {
    /// Gives the place back, with what the fetch brought.
    pub(super) fn leave(self, mut fetched: Fetched) -> Fetched {
        fetched.waited = self.waited;
        let end = end_of(&fetched, SystemTime::now());
        let now = self.shared.now();
        self.shared.state().gate.end(now, self.ticket, end);
        // The drop serves those who wait.
        fetched
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.waiting.remove(&self.ticket);
        state.gate.leave(self.ticket);
        drop(state);
        self.shared.serve();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    /// Tells everyone whose turn it is.
    fn serve(self: &Arc<Self>) {
        let mut state = self.state();
        let now = self.now();
        while let Some((ticket, verdict)) = state.gate.next(now) {
            if let Some(waiting) = state.waiting.remove(&ticket) {
                // Whoever has gone meanwhile gives the place back when it is dropped.
                let _ = waiting.send(verdict);
            }
        }
        let wake = state.gate.wake_at(now);
        if let Some(wake) = wake.filter(|wake| state.alarm.is_none_or(|alarm| *wake < alarm)) {
            state.alarm = Some(wake);
            tokio::spawn(alarm(Arc::downgrade(self), self.start + wake.since_start(), wake));
        }
    }

    /// What the origin would say, which is not to be asked for so long (RFC 6585 §4).
    fn answer(&self, wait: Duration) -> Answer {
        // Rounded up, as the origin does not want to be asked earlier.
        let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let body =
            format!("{} allows no request for another {wait} s, so it was not asked.\n", self.authority);
        let fields = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::RETRY_AFTER, HeaderValue::from(wait)),
        ]);
        Answer { status: StatusCode::TOO_MANY_REQUESTS, fields, body: body.into() }
    }
}

/// Serves those who wait when the time has come. Does not keep the budget of an origin that is gone.
async fn alarm(shared: Weak<Shared>, at: Instant, wake: Time) {
    tokio::time::sleep_until(at).await;
    if let Some(shared) = shared.upgrade() {
        let mut state = shared.state();
        if state.alarm == Some(wake) {
            state.alarm = None;
        }
        drop(state);
        shared.serve();
    }
}

/// What a fetch says about its origin.
fn end_of(fetched: &Fetched, now: SystemTime) -> End {
    let (status, fields) = match (&fetched.outcome, &fetched.raw) {
        (Outcome::NotModified { fields }, _) => (StatusCode::NOT_MODIFIED, fields),
        (Outcome::Fresh(representation), _) => (StatusCode::OK, &representation.fields),
        (Outcome::Answered(answer), _) => (answer.status, &answer.fields),
        (_, Some(raw)) => (raw.status(), raw.headers()),
        (Outcome::Failed(failure), None) => return End { connected: connected(failure), ..End::default() },
        (Outcome::Unfit(_), None) => return End { connected: Some(Ok(())), ..End::default() },
    };
    End { connected: Some(Ok(())), told: told::quota(fields, now), pause: told::pause(status, fields, now) }
}

/// Whether a failure came before or after there was a connection.
fn connected(failure: &Failure) -> Option<Result<(), Failure>> {
    match failure.kind {
        FailureKind::Unreachable | FailureKind::TimedOut(Phase::Connect) => Some(Err(failure.clone())),
        FailureKind::Overloaded => None,
        _ => Some(Ok(())),
    }
}
