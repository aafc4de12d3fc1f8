//! The token that the gateway has: fetched when first needed, renewed before it expires, by one request for everyone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tidegate_core::{Failure, Time};
use tokio::time::Instant;

use super::oauth2::{Endpoint, Granted};

/// A token is renewed after this share of its life, or this long before its end, whichever comes later.
const RENEW_AFTER: f64 = 0.8;
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// How long a token is used whose issuer does not say (RFC 6749 §5.1 recommends to), and the longest that any is.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The wait after a failure, doubled with each up to the most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A token that is younger than this was not refused for its age: another one would be refused as well. Doubled with each
/// token in a row that is refused, up to the most: a client whose requests are refused for a reason of its own could
/// otherwise have a token asked for again and again.
const TOO_YOUNG: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// What to do for a request that needs a token.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// Use this one.
    Use(HeaderValue),
    /// Use this one, and have it renewed.
    Renew(HeaderValue),
    /// There is none: get one.
    Get,
    /// There is none, and asking failed a moment ago.
    Fail(Failure),
}

/// What is known about the token.
#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// One that the origin refused, which may have been for a reason of that one request: it is used until there is
    /// another.
    refused: Option<Token>,
    /// Tokens in a row that were refused.
    refusals: u32,
    failures: u32,
    last: Option<Failure>,
    /// No new try before this.
    retry_at: Time,
}

#[derive(Debug)]
struct Token {
    value: HeaderValue,
    since: Time,
    renew_at: Time,
    until: Time,
}

impl State {
    fn decide(&self, now: Time) -> Decision {
        match (&self.token, &self.last) {
            (Some(token), _) if now < token.until => {
                let due = now >= token.renew_at && now >= self.retry_at;
                if due { Decision::Renew(token.value.clone()) } else { Decision::Use(token.value.clone()) }
            }
            (_, Some(failure)) if now < self.retry_at => match &self.refused {
                Some(old) if now < old.until => Decision::Use(old.value.clone()),
                _ => Decision::Fail(failure.clone()),
            },
            _ => Decision::Get,
        }
    }

    fn granted(&mut self, now: Time, granted: Granted) {
        let life = granted.life.unwrap_or(UNKNOWN_LIFE).min(LONGEST_LIFE);
        let renew = life.mul_f64(RENEW_AFTER).max(life.saturating_sub(RENEW_BEFORE));
        let (renew_at, until) = (now + renew, now + life);
        *self = State {
            token: Some(Token { value: granted.field, since: now, renew_at, until }),
            refusals: self.refusals,
            ..State::default()
        };
    }

    /// What is there is kept for as long as it is valid.
    fn failed(&mut self, now: Time, failure: Failure) {
        let wait = RETRY.0.saturating_mul(1 << self.failures.min(16)).min(RETRY.1);
        let wait = wait.max(failure.retry_after.unwrap_or_default().min(RETRY.1 * 10));
        self.failures = self.failures.saturating_add(1);
        self.last = Some(failure);
        self.retry_at = now + wait;
    }

    /// How long a new token is not taken to be refused for its age.
    fn too_young(&self) -> Duration {
        TOO_YOUNG.0.saturating_mul(1 << self.refusals.min(16)).min(TOO_YOUNG.1)
    }

    /// The origin refused this token. Whether another one may do.
    fn refused(&mut self, now: Time, value: &HeaderValue) -> bool {
        match &self.token {
            // It was renewed meanwhile.
            Some(token) if token.value != *value => true,
            Some(token) if now.since(token.since) < self.too_young() => false,
            token => {
                // One that served for longer than any wait was refused for its age.
                let served = token.as_ref().is_some_and(|token| now.since(token.since) >= 2 * TOO_YOUNG.1);
                self.refusals = if served { 1 } else { self.refusals.saturating_add(1) };
                self.refused = self.token.take().or(self.refused.take());
                true
            }
        }
    }
}

/// The tokens of one origin.
pub(super) struct Tokens {
    endpoint: Endpoint,
    start: Instant,
    state: Mutex<State>,
    /// Held by whoever asks for a new one.
    asking: tokio::sync::Mutex<()>,
}

impl Tokens {
    pub(super) fn new(endpoint: Endpoint) -> Tokens {
        Tokens {
            endpoint,
            start: Instant::now(),
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The value of `Authorization`.
    pub(super) async fn get(self: &Arc<Self>) -> Result<HeaderValue, Failure> {
        match self.decide() {
            Decision::Use(token) => Ok(token),
            Decision::Fail(failure) => Err(failure),
            Decision::Renew(token) => {
                // Nobody waits for it while the old one is valid.
                let tokens = self.clone();
                tokio::spawn(async move {
                    if let Ok(_asking) = tokens.asking.try_lock() {
                        tokens.ask().await;
                    }
                });
                Ok(token)
            }
            Decision::Get => {
                let _asking = self.asking.lock().await;
                // Whoever held it before may have got one for us all.
                if self.decide() == Decision::Get {
                    self.ask().await;
                }
                match self.decide() {
                    Decision::Use(token) | Decision::Renew(token) => Ok(token),
                    Decision::Fail(failure) => Err(failure),
                    // A token without any life.
                    Decision::Get => Err(self.endpoint.failure("gave a token that has expired already")),
                }
            }
        }
    }

    /// The origin refused this one. Whether another one may do.
    pub(super) fn refused(&self, token: &HeaderValue) -> bool {
        let now = self.now();
        self.state().refused(now, token)
    }

    async fn ask(&self) {
        // Whoever waited for the last one needs no other.
        if matches!(self.decide(), Decision::Use(_) | Decision::Fail(_)) {
            return;
        }
        let asked = self.endpoint.ask().await;
        let now = self.now();
        match asked {
            Ok(granted) => self.state().granted(now, granted),
            Err(failure) => {
                tracing::warn!(detail = failure.detail, "no new token");
                self.state().failed(now, failure);
            }
        }
    }

    fn decide(&self) -> Decision {
        let now = self.now();
        self.state().decide(now)
    }

    fn now(&self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::FailureKind;

    use super::*;

    fn at(s: u64) -> Time {
        Time::from_start(Duration::from_secs(s))
    }

    fn token(name: &'static str) -> HeaderValue {
        HeaderValue::from_static(name)
    }

    fn granted(name: &'static str, life: Option<u64>) -> Granted {
        Granted { field: token(name), life: life.map(Duration::from_secs) }
    }

    #[test]
    fn a_token_is_renewed_before_it_expires() {
        for (life, renewed, until) in [(Some(3600), 3540, 3600), (Some(60), 48, 60), (None, 240, 300)] {
            let mut state = State::default();
            assert_eq!(state.decide(at(0)), Decision::Get);
            state.granted(at(0), granted("a", life));
            assert_eq!(state.decide(at(renewed - 1)), Decision::Use(token("a")));
            assert_eq!(state.decide(at(renewed)), Decision::Renew(token("a")));
            assert_eq!(state.decide(at(until)), Decision::Get);
        }
    }

    #[test]
    fn a_failure_keeps_what_is_valid_and_is_not_repeated_at_once() {
        let mut state = State::default();
        let failure = Failure::new(FailureKind::Unreachable, "no token");
        state.granted(at(0), granted("a", Some(60)));
        state.failed(at(50), failure.clone());
        assert_eq!(state.decide(at(50)), Decision::Use(token("a")));
        assert_eq!(state.decide(at(51)), Decision::Renew(token("a")));
        state.failed(at(59), failure.clone());
        assert_eq!(state.decide(at(60)), Decision::Fail(failure.clone()));
        assert_eq!(state.decide(at(61)), Decision::Get);
        (0..20).for_each(|_| state.failed(at(100), failure.clone()));
        assert_eq!(state.decide(at(129)), Decision::Fail(failure));
        assert_eq!(state.decide(at(130)), Decision::Get);
        state.granted(at(130), granted("b", Some(60)));
        assert_eq!(state.decide(at(131)), Decision::Use(token("b")));
    }

    #[test]
    fn a_refused_token_is_renewed_once() {
        let mut state = State::default();
        state.granted(at(0), granted("a", Some(3600)));
        assert!(!state.refused(at(9), &token("a")), "a new one would be refused as well");
        assert!(state.refused(at(10), &token("a")));
        assert_eq!(state.decide(at(10)), Decision::Get);
        state.granted(at(10), granted("b", Some(3600)));
        assert!(state.refused(at(11), &token("a")), "there is a newer one");
        assert_eq!(state.decide(at(11)), Decision::Use(token("b")));
    }

    /// A client that is refused with every request cannot have a token asked for with every one.
    #[test]
    fn whoever_is_refused_again_and_again_renews_ever_more_rarely() {
        let (mut state, mut renewed) = (State::default(), Vec::new());
        state.granted(at(0), granted("a", Some(86_400)));
        for now in 0..3_000 {
            if state.refused(at(now), &token("a")) {
                renewed.push(now);
                state.granted(at(now), granted("a", Some(86_400)));
            }
        }
        assert_eq!(renewed, [10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430]);
    }
}
