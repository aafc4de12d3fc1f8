//! Distributions of times, as they travel between processes and stand in reports.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Times in nanoseconds, up to ten minutes, with three exact digits.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

/// The counts of [`Latencies`], for another process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counted(Vec<(u64, u64)>);

/// What a report says of a distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    /// How many times there are.
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

const LONGEST: u64 = Duration::from_secs(600).as_nanos() as u64;

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Latencies {
        Latencies(Histogram::new_with_bounds(1_000, LONGEST, 3).expect("these bounds are in order"))
    }

    /// Adds a time.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Adds what another process counted.
    pub(crate) fn add(&mut self, counted: &Counted) {
        for &(nanos, count) in &counted.0 {
            self.0.saturating_record_n(nanos, count);
        }
    }

    /// The counts.
    pub(crate) fn counted(&self) -> Counted {
        let steps = self.0.iter_recorded();
        Counted(steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration())).collect())
    }

    /// The figures.
    pub(crate) fn quantiles(&self) -> Quantiles {
        if self.0.is_empty() {
            return Quantiles::default();
        }
        let at = |quantile| self.milliseconds_at(quantile);
        Quantiles {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }

    /// The time in milliseconds that this share of the times does not exceed.
    pub(crate) fn milliseconds_at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    /// The curve for a plot: shares of the times, with the milliseconds that they do not exceed.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let shares = (0..100).map(|percent| f64::from(percent) / 100.0);
        shares.chain([0.995, 0.999, 1.0]).map(|share| (share, self.milliseconds_at(share))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_without_loss_and_adds_up() {
        let mut first = Latencies::new();
        (1..=1_000).for_each(|n| first.record(n * 1_000_000));
        let text = serde_json::to_string(&first.counted()).unwrap();
        let mut both = Latencies::new();
        both.add(&serde_json::from_str(&text).unwrap());
        assert_eq!(both.quantiles(), first.quantiles());
        both.add(&first.counted());
        assert_eq!(both.quantiles().count, 2_000);
        assert_eq!(both.quantiles().p50, first.quantiles().p50);
    }

    #[test]
    fn quantiles_have_three_digits() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.quantiles(), Quantiles::default());
        (1..=1_000).for_each(|n| latencies.record(n * 1_000_000));
        let Quantiles { count, p50, p99, max, .. } = latencies.quantiles();
        assert_eq!(count, 1_000);
        for (found, expected) in [(p50, 500.0), (p99, 990.0), (max, 1_000.0)] {
            assert!((found / expected - 1.0f64).abs() < 0.001, "{found} {expected}");
        }
    }
}
