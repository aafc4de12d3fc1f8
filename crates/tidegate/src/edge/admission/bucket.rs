//! How many a second: a token bucket.
//!
//! Exact integers and no clock. A token is a thousand million parts, so that a nanosecond brings as many parts as there are
//! tokens a second.

use std::time::Duration;

use tidegate_core::Time;

const PARTS: u64 = 1_000_000_000;

/// Holds one second's tokens at most.
#[derive(Debug)]
pub(in crate::edge) struct Bucket {
    per_second: u64,
    /// What is in it, in parts of a token; at most `per_second * PARTS`.
    parts: u64,
    /// When that was so.
    at: Time,
}

/// The most tokens a second: as many as settings allow, and few enough that the parts of a second's fit 64 bits.
const MOST: u64 = 10_000_000;

impl Bucket {
    /// A full one.
    pub(in crate::edge) fn new(per_second: usize) -> Self {
        let per_second = u64::try_from(per_second).unwrap_or(MOST).min(MOST);
        Self { per_second, parts: per_second * PARTS, at: Time::default() }
    }

    /// Takes a token, if one is there.
    pub(in crate::edge) fn take(&mut self, now: Time) -> bool {
        // More than a second fills it, however long it was. A time before the last one brings nothing.
        let since = now.since(self.at).min(Duration::from_secs(1));
        let brought = since.as_nanos() as u64 * self.per_second;
        self.parts = (self.parts + brought).min(self.per_second * PARTS);
        self.at = self.at.max(now);
        match self.parts.checked_sub(PARTS) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> Time {
        Time::from_start(Duration::from_nanos(nanos))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(3);
        let mut taken = |ms: u64| (0..10).filter(|_| bucket.take(at(ms * 1_000_000))).count();
        assert_eq!(taken(0), 3);
        assert_eq!(taken(333), 0);
        assert_eq!(taken(334), 1);
        assert_eq!(taken(1000), 2);
        // Times that go backwards bring nothing, and take nothing away.
        assert_eq!(taken(500), 0);
        assert_eq!(taken(1334), 1);
        assert_eq!(taken(100_000_000), 3);
    }

    #[test]
    fn the_extremes() {
        let mut bucket = Bucket::new(usize::MAX);
        assert_eq!((0..MOST + 5).filter(|_| bucket.take(at(0))).count() as u64, MOST);
        assert!(!bucket.take(at(99)) && bucket.take(at(100)) && bucket.take(at(u64::MAX)));
        let mut never = Bucket::new(0);
        assert!(!never.take(at(0)) && !never.take(at(u64::MAX)));
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_two_seconds_worth_and_none_is_wasted(
            per_second in 1_usize..50, waits in prop::collection::vec(0_u64..400_000_000, 1..300)
        ) {
            let mut bucket = Bucket::new(per_second);
            let mut now = 0;
            let mut taken: Vec<u64> = Vec::new();
            for wait in waits {
                now += wait;
                if bucket.take(at(now)) {
                    taken.push(now);
                } else {
                    // It was refused only because the last second's were all taken.
                    let recent = taken.iter().filter(|then| now - **then <= 1_000_000_000).count();
                    prop_assert!(recent >= per_second, "{recent} in the second before {now}");
                }
                // In any span: a burst, and what came in it.
                for first in 0..taken.len() {
                    let span = u128::from(taken[taken.len() - 1] - taken[first]);
                    let brought = span * per_second as u128 / 1_000_000_000;
                    prop_assert!((taken.len() - first) as u128 <= per_second as u128 + brought);
                }
            }
        }
    }
}
