//! How long to wait before the next attempt: full jitter under an exponential ceiling, on top of what the server asks.

use std::time::Duration;

/// The ceiling of the first wait.
const BASE: Duration = Duration::from_secs(1);

/// A server that asks for more than this is taken to mean this.
const LONGEST_OBEYED: Duration = Duration::from_secs(3600);

/// Waits between attempts. Deterministic in its seed.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    random: u64,
    cap: Duration,
    failures: u32,
    server_retry: Duration,
}

impl Backoff {
    pub(crate) fn new(seed: u64, cap: Duration) -> Backoff {
        Backoff { random: seed, cap, failures: 0, server_retry: Duration::ZERO }
    }

    /// The server's `retry`: no later wait is shorter.
    pub(crate) fn set_server_retry(&mut self, ms: u64) {
        self.server_retry = Duration::from_millis(ms).min(LONGEST_OBEYED);
    }

    /// Something worked: the next wait is a first one again.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// The next wait: what the server asks for, and a part of the ceiling drawn evenly, so that clients which were
    /// lost together do not come back together.
    pub(crate) fn fail(&mut self, retry_after: Option<Duration>) -> Duration {
        let ceiling = BASE.saturating_mul(2u32.saturating_pow(self.failures)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(LONGEST_OBEYED).max(self.server_retry);
        asked + self.up_to(ceiling)
    }

    fn up_to(&mut self, ceiling: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014): one addition and a mix, good enough to spread clients.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ceiling.mul_f64((mixed >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Duration = Duration::from_secs(30);

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(seed, CAP);
        (0..40).map(|_| backoff.fail(None)).collect()
    }

    #[test]
    fn grows_to_the_cap_and_spreads() {
        let mut longest = [Duration::ZERO; 40];
        let mut total = Duration::ZERO;
        for seed in 0..500 {
            for (index, wait) in waits(seed).into_iter().enumerate() {
                assert!(wait <= CAP.min(Duration::from_secs(1 << index.min(20))));
                longest[index] = longest[index].max(wait);
                total += if index == 20 { wait } else { Duration::ZERO };
            }
        }
        assert!(longest[0] > Duration::from_millis(900) && longest[20] > Duration::from_secs(29));
        let mean = total / 500;
        assert!(mean > Duration::from_secs(13) && mean < Duration::from_secs(17), "{mean:?}");
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn the_server_is_obeyed() {
        let mut backoff = Backoff::new(1, CAP);
        assert!(backoff.fail(Some(Duration::from_secs(60))) >= Duration::from_secs(60));
        backoff.set_server_retry(5000);
        backoff.succeed();
        let wait = backoff.fail(None);
        assert!((Duration::from_secs(5)..=Duration::from_secs(6)).contains(&wait), "{wait:?}");
        assert!(backoff.fail(Some(Duration::from_secs(1))) >= Duration::from_secs(5));
        backoff.set_server_retry(u64::MAX);
        assert!(backoff.fail(Some(Duration::MAX)) <= LONGEST_OBEYED + CAP);
    }
}
