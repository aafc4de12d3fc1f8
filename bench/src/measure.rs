//! Times several contestants in one run: each round runs all of them once, in an order that is drawn anew, so that
//! noise of the machine and what a predecessor left in the caches hit all alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::random::Random;

/// How many rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// At least so many, however long it takes.
    pub(crate) min_rounds: usize,
    /// At most so many.
    pub(crate) max_rounds: usize,
    /// Between the two, until this has passed.
    pub(crate) budget: Duration,
}

/// What one contestant took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Timing {
    /// The median in microseconds.
    pub(crate) median_us: f64,
    /// The fastest in microseconds.
    pub(crate) min_us: f64,
    /// Of how many rounds.
    pub(crate) rounds: usize,
}

/// Something to be timed. It gets a number that says which copy of its input to take, and says how long it took:
/// what it has to prepare beforehand is not part of that.
pub(crate) type Contestant<'a> = Box<dyn FnMut(usize) -> Duration + 'a>;

/// The time of a call, dropping its result included.
pub(crate) fn timed<R>(call: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    drop(black_box(call()));
    start.elapsed()
}

/// A call that takes longer than this is not run untimed before it is timed: it fills the caches by itself.
const LONG: Duration = Duration::from_millis(20);

/// Times all contestants; the results are in their order.
///
/// Before a contestant is timed it runs once untimed, on another copy of the input: code and old document are warm,
/// as they are in a gateway that does this again and again, and the body that just came in is not.
pub(crate) fn interleaved(
    contestants: &mut [Contestant<'_>],
    effort: Effort,
    random: &mut Random,
) -> Vec<Timing> {
    let mut samples: Vec<Vec<Duration>> = vec![Vec::new(); contestants.len()];
    let start = Instant::now();
    for round in 0..effort.max_rounds {
        if round >= effort.min_rounds && start.elapsed() >= effort.budget {
            break;
        }
        for index in order(contestants.len(), random) {
            if samples[index].last().is_none_or(|&last| last < LONG) {
                contestants[index](2 * round);
            }
            let took = contestants[index](2 * round + 1);
            samples[index].push(took);
        }
    }
    samples.into_iter().map(summary).collect()
}

fn order(count: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        order.swap(place, random.below(place + 1));
    }
    order
}

fn summary(mut samples: Vec<Duration>) -> Timing {
    samples.sort_unstable();
    let micros = |duration: Duration| duration.as_nanos() as f64 / 1_000.0;
    Timing {
        median_us: micros(samples[samples.len() / 2]),
        min_us: micros(samples[0]),
        rounds: samples.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contestant_runs_in_each_round() {
        let effort = Effort { min_rounds: 3, max_rounds: 5, budget: Duration::from_secs(60) };
        let mut contestants: Vec<Contestant<'_>> = [30, 10]
            .map(|base| Box::new(move |n: usize| Duration::from_micros(base + n as u64)) as Contestant<'_>)
            .into();
        let timings = interleaved(&mut contestants, effort, &mut Random::named("a test"));
        // The timed calls are those with odd numbers: 1, 3, 5, 7, 9.
        assert_eq!(timings[0], Timing { median_us: 35.0, min_us: 31.0, rounds: 5 });
        assert_eq!(timings[1], Timing { median_us: 15.0, min_us: 11.0, rounds: 5 });
    }
}
