//! What it costs to see a day's changes: with one interval for all, with the best for each in hindsight, and with the
//! schedule that the gateway has.

use std::time::Duration;

use tidegate_core::schedule::{Cycle, Pace, Saw, Schedule};
use tidegate_core::{Jitter, Time};

use super::traces::{DAY, Trace};

/// How long the simulated origin takes to answer.
const ANSWER: Duration = Duration::from_millis(40);

/// The delays from changes to their detection, in buckets of equal ratio.
#[derive(Debug, Clone)]
pub(crate) struct Delays {
    buckets: Vec<u64>,
    pub(crate) changes: u64,
    pub(crate) total: f64,
    pub(crate) worst: f64,
}

/// What seeing some changes took: how many requests, and how long each change stayed unseen. A change that another one
/// overtook is seen with that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    pub(crate) requests: f64,
    pub(crate) delays: Delays,
}

const BUCKETS: usize = 800;
const SHORTEST: f64 = 0.001;
const RATIO: f64 = 1.025;

impl Default for Delays {
    fn default() -> Delays {
        Delays { buckets: vec![0; BUCKETS], changes: 0, total: 0.0, worst: 0.0 }
    }
}

impl Delays {
    fn add(&mut self, delay: f64) {
        let bucket = (delay.max(SHORTEST) / SHORTEST).ln() / RATIO.ln();
        self.buckets[(bucket as usize).min(BUCKETS - 1)] += 1;
        self.changes += 1;
        self.total += delay;
        self.worst = self.worst.max(delay);
    }

    /// The mean over all changes.
    pub(crate) fn mean(&self) -> f64 {
        if self.changes == 0 { 0.0 } else { self.total / self.changes as f64 }
    }

    /// What this share of all delays does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (self.changes as f64 * share).ceil() as u64;
        let mut sum = 0;
        let reached = self.buckets.iter().position(|count| {
            sum += count;
            sum >= rank
        });
        let bucket = reached.unwrap_or(BUCKETS - 1) as f64;
        (SHORTEST * RATIO.powf(bucket + 0.5)).min(self.worst)
    }
}

impl Taken {
    pub(crate) fn add(&mut self, other: &Taken) {
        self.requests += other.requests;
        let delays = &mut self.delays;
        for (bucket, more) in delays.buckets.iter_mut().zip(&other.delays.buckets) {
            *bucket += more;
        }
        delays.changes += other.delays.changes;
        delays.total += other.delays.total;
        delays.worst = delays.worst.max(other.delays.worst);
    }
}

/// When a feed's first poll is, so that not all begin at once.
fn begin(seed: u64) -> Jitter {
    Jitter::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x5eed)
}

/// One interval all day, begun at a random time in it.
pub(crate) fn steady(trace: &Trace, interval: f64, seed: u64) -> Taken {
    let phase = begin(seed).scale(Duration::from_secs_f64(interval), 0.0, 1.0).as_secs_f64();
    let mut delays = Delays::default();
    for change in &trace.changes {
        let polls = ((change - phase) / interval).ceil().max(0.0);
        delays.add(phase + polls * interval - change);
    }
    Taken { requests: DAY / interval, delays }
}

/// The gateway's schedule.
pub(crate) fn adaptive(trace: &Trace, pace: Pace, seed: u64) -> Taken {
    let mut schedule = Schedule::new(pace, seed);
    let mut time = Time::from_start(begin(seed).scale(pace.target, 0.0, 1.0));
    let mut taken = Taken::default();
    let (mut seen, mut first) = (0, true);
    loop {
        let now = time.since_start().as_secs_f64();
        if now >= DAY {
            return taken;
        }
        taken.requests += 1.0;
        let before = seen;
        while let Some(change) = trace.changes.get(seen).filter(|change| **change <= now) {
            taken.delays.add(now - change);
            seen += 1;
        }
        let saw = match seen > before {
            _ if first => Saw::First,
            true => Saw::Changed,
            false => Saw::Same,
        };
        first = false;
        time = schedule.after_success(&Cycle {
            started: time,
            waited: Duration::ZERO,
            ended: time + ANSWER,
            saw,
            // What answers cost is left out of the comparison.
            bytes: 19_660,
            modified: None,
            lifetime: None,
            age: Duration::ZERO,
        });
    }
}

/// All resources with the gateway's schedule, each on its own.
pub(crate) fn all_adaptive(traces: &[Trace], pace: Pace) -> Vec<Taken> {
    traces.iter().zip(1..).map(|(trace, seed)| adaptive(trace, pace, seed)).collect()
}

/// All resources with one interval.
pub(crate) fn all_steady(traces: &[Trace], interval: f64) -> Vec<Taken> {
    traces.iter().zip(1..).map(|(trace, seed)| steady(trace, interval, seed)).collect()
}

/// All of them together.
pub(crate) fn sum(taken: &[Taken]) -> Taken {
    taken.iter().fold(Taken::default(), |mut sum, one| {
        sum.add(one);
        sum
    })
}

/// The one interval for all with which the mean delay is this, and what it takes.
pub(crate) fn single_for(traces: &[Trace], mean: f64) -> (f64, Vec<Taken>) {
    let (mut low, mut high) = (mean, mean * 4.0);
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if sum(&all_steady(traces, middle)).delays.mean() < mean { low = middle } else { high = middle }
    }
    (low, all_steady(traces, low))
}

/// Intervals for one resource, with what each of them takes.
pub(crate) struct Hindsight<'a> {
    traces: &'a [Trace],
    intervals: Vec<f64>,
    /// For each trace and interval the requests and the total delay.
    taken: Vec<Vec<(f64, f64)>>,
}

impl<'a> Hindsight<'a> {
    /// Tries intervals between these two on all resources.
    pub(crate) fn between(traces: &'a [Trace], shortest: f64, longest: f64) -> Hindsight<'a> {
        const STEPS: i32 = 60;
        let intervals: Vec<f64> = (0..=STEPS)
            .map(|step| shortest * (longest / shortest).powf(f64::from(step) / f64::from(STEPS)))
            .collect();
        let tried = |(trace, seed): (&Trace, u64)| -> Vec<(f64, f64)> {
            let each = intervals.iter().map(|interval| steady(trace, *interval, seed));
            each.map(|taken| (taken.requests, taken.delays.total)).collect()
        };
        let taken = traces.iter().zip(1..).map(tried).collect();
        Hindsight { traces, intervals, taken }
    }

    /// The best interval for each, where a second of delay is worth `price` requests.
    fn chosen(&self, price: f64) -> Vec<usize> {
        let best = |tried: &Vec<(f64, f64)>| {
            let cost = |(requests, delay): &(f64, f64)| requests + price * delay;
            let costs = tried.iter().map(cost).enumerate();
            costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index)
        };
        self.taken.iter().map(best).collect()
    }

    /// The fewest requests with which the mean delay is at most this.
    pub(crate) fn for_mean(&self, mean: f64) -> Vec<Taken> {
        let changes: usize = self.traces.iter().map(|trace| trace.changes.len()).sum();
        let delay_of = |chosen: &[usize]| -> f64 {
            let total: f64 = self.taken.iter().zip(chosen).map(|(tried, index)| tried[*index].1).sum();
            total / changes as f64
        };
        let (mut low, mut high) = (1e-6, 1e6);
        for _ in 0..60 {
            let middle = f64::sqrt(low * high);
            if delay_of(&self.chosen(middle)) > mean { low = middle } else { high = middle }
        }
        let chosen = self.chosen(high);
        let seeds = self.traces.iter().zip(1..).zip(chosen);
        seeds.map(|((trace, seed), index)| steady(trace, self.intervals[index], seed)).collect()
    }
}
