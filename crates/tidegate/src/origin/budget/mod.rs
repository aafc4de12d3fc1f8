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
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tidegate_core::{Answer, Failure, FailureKind, Outcome, Phase, Time};
use tidegate_hub::{Awaited, FetchRequest, Fetched};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use gate::{Account, Ask, End, Gate, Limits, Refusal, Verdict};
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

/// What an origin has that nobody configured.
impl Default for BudgetSettings {
    fn default() -> BudgetSettings {
        BudgetSettings { max_concurrent: 64, max_per_second: None }
    }
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
    /// Everyone who waits or is under way.
    fetches: HashMap<Ticket, UnboundedSender<Verdict>>,
    /// When the gate is looked at next by itself.
    alarm: Option<Time>,
}

/// A place in line, and then among the fetches that are under way. It is given back when it is dropped, so also by a
/// fetch that is given up.
struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
}

impl Budget {
    pub(super) fn new(authority: &str, settings: BudgetSettings) -> Budget {
        let limits = Limits { concurrent: settings.max_concurrent, per_second: settings.max_per_second };
        let state = State { gate: Gate::new(limits), fetches: HashMap::new(), alarm: None };
        Budget(Arc::new(Shared {
            authority: authority.to_owned(),
            start: Instant::now(),
            hasher: RandomState::new(),
            state: Mutex::new(state),
        }))
    }

    /// Has a fetch made when its turn comes. Where that will not be in time, says what to tell instead.
    pub(super) async fn run<F>(&self, request: FetchRequest, fetch: impl Fn(FetchRequest) -> F) -> Fetched
    where
        F: Future<Output = Fetched>,
    {
        let mut line = self.stand(&request);
        let mut waited = None;
        let outcome = loop {
            match line.verdict().await {
                Some(Verdict::Go) => {
                    let waited = *waited.insert(line.waited());
                    tokio::select! {
                        biased;
                        fetched = fetch(request.clone()) => return line.place.leave(Fetched { waited, ..fetched }),
                        // Broken off, and nothing was made of it yet: it is made anew in its turn.
                        _ = line.verdicts.recv() => {}
                    }
                }
                // Only what was sent is stopped.
                Some(Verdict::Stop) => {}
                Some(Verdict::Refused(Refusal::Down(failure))) => break Outcome::Failed(failure),
                Some(Verdict::Refused(Refusal::Paused(until))) => {
                    break Outcome::Answered(self.0.answer(until.since(self.0.now())));
                }
                None => {
                    let patience = line.deadline - line.since;
                    break Outcome::Failed(self.0.too_late(patience, waited.is_some()));
                }
            }
        };
        let waited = waited.unwrap_or_else(|| line.since.elapsed());
        Fetched { outcome, raw: None, wire_bytes: 0, waited }
    }

    /// Stands in line. What comes of it is told, from when on it is.
    fn stand(&self, request: &FetchRequest) -> Line {
        let since = Instant::now();
        let somebody = request.awaited.is_so();
        let ask = Ask {
            scope: &request.scope,
            awaited: somebody,
            account: request.credentialed.then(|| self.account(&request.fields)),
            took: request.took,
        };
        let (sender, mut verdicts) = unbounded_channel();
        let mut state = self.0.state();
        let ticket = state.gate.ask(ask);
        state.fetches.insert(ticket, sender);
        drop(state);
        self.0.serve();
        Line {
            place: Place { shared: self.0.clone(), ticket },
            at_once: verdicts.try_recv().ok(),
            verdicts,
            awaited: request.awaited.clone(),
            somebody,
            since,
            has_waited: false,
            deadline: since + if somebody { PATIENCE_OF_SOMEBODY } else { PATIENCE_OF_A_POLL },
        }
    }

    fn account(&self, fields: &HeaderMap) -> Account {
        let mut named: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        named.sort_unstable();
        self.0.hasher.hash_one(named)
    }
}

/// A fetch that stands in line, or had its turn.
struct Line {
    place: Place,
    verdicts: UnboundedReceiver<Verdict>,
    /// What was decided when it was asked for.
    at_once: Option<Verdict>,
    awaited: Awaited,
    /// Somebody waits for it.
    somebody: bool,
    since: Instant,
    has_waited: bool,
    deadline: Instant,
}

impl Line {
    /// What is decided next; none where that comes too late for those who wait.
    async fn verdict(&mut self) -> Option<Verdict> {
        if let Some(verdict) = self.at_once.take() {
            return Some(verdict);
        }
        self.has_waited = true;
        loop {
            tokio::select! {
                biased;
                verdict = tokio::time::timeout_at(self.deadline, self.verdicts.recv()) => {
                    return verdict.ok().flatten();
                }
                () = self.awaited.becomes_so(), if !self.somebody => {
                    self.somebody = true;
                    self.deadline = self.deadline.min(Instant::now() + PATIENCE_OF_SOMEBODY);
                    self.place.is_awaited();
                }
            }
        }
    }

    /// How long it waited for its turn: not at all where it went at once, however late a busy machine let it hear of that.
    fn waited(&self) -> Duration {
        if self.has_waited { self.since.elapsed() } else { Duration::ZERO }
    }
}

impl Place {
    /// Somebody waits for it from now on.
    fn is_awaited(&self) {
        self.shared.state().gate.is_awaited(self.ticket);
        self.shared.serve();
    }

    /// Gives the place back, with what the fetch brought.
    fn leave(self, fetched: Fetched) -> Fetched {
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
        state.fetches.remove(&self.ticket);
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
            if let Some(fetch) = state.fetches.get(&ticket) {
                // Whoever has gone meanwhile is about to give its place back.
                let _ = fetch.send(verdict);
            }
        }
        let wake = state.gate.wake_at(now);
        if let Some(wake) = wake.filter(|wake| state.alarm.is_none_or(|alarm| *wake < alarm)) {
            state.alarm = Some(wake);
            tokio::spawn(alarm(Arc::downgrade(self), self.start + wake.since_start(), wake));
        }
    }

    /// There was no place in time, or none for one that is slow.
    fn too_late(&self, patience: Duration, was_sent: bool) -> Failure {
        let authority = &self.authority;
        match was_sent {
            true => Failure::new(
                FailureKind::TimedOut(Phase::Head),
                format!("{authority} was slow to answer, and others were waiting"),
            ),
            false => Failure::new(
                FailureKind::Overloaded,
                format!("the budget of {authority} left no place within {patience:?}"),
            ),
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
            // For all who wait, whoever they are: none of them is to ask past the budget. And to be kept by nobody.
            (header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache")),
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
        (Outcome::Unfit(_), None) => {
            return End { connected: Some(Ok(())), answered: true, ..End::default() };
        }
    };
    let answered = !matches!(fetched.outcome, Outcome::Failed(_));
    let (told, pause) = (told::quota(fields, now), told::pause(status, fields, now));
    End { connected: Some(Ok(())), answered, told, pause }
}

/// Whether a failure came before or after there was a connection.
fn connected(failure: &Failure) -> Option<Result<(), Failure>> {
    match failure.kind {
        // It was the origin that led there.
        _ if failure.elsewhere => Some(Ok(())),
        FailureKind::Unresolved
        | FailureKind::Unreachable
        | FailureKind::Tls
        | FailureKind::TimedOut(Phase::Connect) => Some(Err(failure.clone())),
        FailureKind::Request | FailureKind::Overloaded => None,
        _ => Some(Ok(())),
    }
}
