//! Few figures from many runs: medians, and how far a ratio of two contenders can be trusted.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// A median, with the interval in which it lies with 95% confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The median of the values.
    pub(crate) median: f64,
    /// The 2.5th percentile of the medians of resampled values.
    pub(crate) low: f64,
    /// The 97.5th percentile.
    pub(crate) high: f64,
}

/// How many times the values are drawn again.
const RESAMPLES: usize = 10_000;

/// The median; of an even number, the mean of the middle two. `None` of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len(), sorted.len() % 2) {
        (0, _) => None,
        (_, 1) => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The median of the rounds' ratios, each of two contenders in the same round, by a percentile bootstrap: what else the
/// machine did in a round befell both. `None` without rounds.
pub(crate) fn paired_ratio(rounds: &[(f64, f64)]) -> Option<Estimate> {
    let ratios: Vec<f64> = rounds.iter().map(|(ours, theirs)| ours / theirs).collect();
    let estimate = median(&ratios)?;
    let mut random = Random::named("bootstrap");
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn: Vec<f64> = ratios.iter().map(|_| ratios[random.below(ratios.len())]).collect();
            median(&drawn)
        })
        .collect();
    medians.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| medians[(share * (medians.len() - 1) as f64).round() as usize];
    Some(Estimate { median: estimate, low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn equal_ratios_leave_no_doubt() {
        let estimate = paired_ratio(&[(2.0, 1.0), (20.0, 10.0), (200.0, 100.0)]).unwrap();
        assert_eq!(estimate, Estimate { median: 2.0, low: 2.0, high: 2.0 });
        assert_eq!(paired_ratio(&[]), None);
    }

    #[test]
    fn the_interval_holds_the_median_and_no_more_than_the_ratios() {
        let rounds: Vec<(f64, f64)> = (0..9).map(|n| (1.0 + f64::from(n) / 100.0, 1.0)).collect();
        let estimate = paired_ratio(&rounds).unwrap();
        assert_eq!(estimate.median, 1.04);
        assert!(1.0 <= estimate.low && estimate.low < 1.04 && 1.04 < estimate.high && estimate.high <= 1.08);
        assert_eq!(paired_ratio(&rounds), Some(estimate), "the same rounds, the same interval");
    }
}
