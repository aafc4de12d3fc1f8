//! The polls: how many requests the gateway's schedule makes for how fresh data, in a simulated day of a thousand feeds,
//! beside one interval for all and beside the best interval for each, chosen when the day is over.
//!
//! Nothing is asked and nothing is timed: the schedule is `tidegate_core`'s own, in virtual time, so every run of a seed
//! gives the same figures.

mod contest;
mod page;
mod plot;
mod traces;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_core::schedule::Pace;

use contest::{Hindsight, Taken, all_adaptive, single_for, sum};
use traces::{Kind, Trace};

/// `tidegate-bench polling`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many feeds.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    feeds: usize,
    /// Which day.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only the main comparison, without the curve and the other days.
    #[arg(long)]
    quick: bool,
    /// Also write the page, and its plot beside it: `docs/POLLING.md`.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// The route of the main comparison, in seconds: `poll` and `poll_max`.
const ROUTE: (f64, f64) = (1.0, 60.0);

/// The targets of the curve, in seconds; each with a ceiling that is so many times as long.
const TARGETS: [f64; 8] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Days besides the main one.
const OTHER_DAYS: u64 = 5;

/// One way of asking, with what it took.
#[derive(Debug)]
struct Row {
    name: String,
    taken: Vec<Taken>,
}

/// The ways that are compared, for one route.
#[derive(Debug)]
struct Comparison {
    target: f64,
    ceiling: f64,
    ours: Row,
    single: Row,
    /// With the route's bounds.
    each: Row,
    /// Without any.
    unbounded: Row,
}

impl Row {
    fn total(&self) -> Taken {
        sum(&self.taken)
    }

    /// The mean over the feeds that changed at all, of each one's mean delay.
    fn mean_by_feed(&self) -> f64 {
        let means: Vec<f64> =
            self.taken.iter().filter(|one| one.delays.changes > 0).map(|one| one.delays.mean()).collect();
        means.iter().sum::<f64>() / means.len().max(1) as f64
    }

    /// What it took for the feeds of a kind.
    fn of_kind(&self, traces: &[Trace], kind: Kind) -> Taken {
        let chosen = traces.iter().zip(&self.taken).filter(|(trace, _)| trace.kind == kind);
        chosen.fold(Taken::default(), |mut total, (_, one)| {
            total.add(one);
            total
        })
    }
}

impl Comparison {
    /// All ways, at the mean delay that ours has.
    fn make(traces: &[Trace], (target, ceiling): (f64, f64)) -> Comparison {
        let pace = Pace {
            target: Duration::from_secs_f64(target),
            ceiling: Duration::from_secs_f64(ceiling),
            obeys_lifetime: true,
        };
        let ours = all_adaptive(traces, pace);
        let mean = sum(&ours).delays.mean();
        let (interval, single) = single_for(traces, mean);
        let each = Hindsight::between(traces, target, ceiling).for_mean(mean);
        let unbounded = Hindsight::between(traces, target / 4.0, traces::DAY).for_mean(mean);
        let row = |name: String, taken| Row { name, taken };
        Comparison {
            target,
            ceiling,
            ours: row(format!("tidegate, `poll` {}, `poll_max` {}", seconds(target), seconds(ceiling)), ours),
            single: row(format!("one interval for all: {}", seconds(interval)), single),
            each: row("the best interval for each in hindsight, within the same bounds".to_owned(), each),
            unbounded: row("the best interval for each in hindsight, without bounds".to_owned(), unbounded),
        }
    }

    /// Our requests as a share of those of one interval for all.
    fn share(&self) -> f64 {
        self.ours.total().requests / self.single.total().requests
    }
}

/// What a run found.
#[derive(Debug)]
struct Findings {
    feeds: usize,
    changes: u64,
    traces: Vec<Trace>,
    main: Comparison,
    /// The same with the ceiling that a route has by itself.
    unwritten: Comparison,
    curve: Vec<Comparison>,
    /// Our share of the requests on other days.
    other_days: Vec<f64>,
}

/// Simulates and reports.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let traces = traces::day(arguments.feeds, arguments.seed);
    let main = Comparison::make(&traces, ROUTE);
    let unwritten = Comparison::make(&traces, (ROUTE.0, ROUTE.0 * 2.0));
    let at = |target: &f64| Comparison::make(&traces, (*target, target * ROUTE.1 / ROUTE.0));
    let curve = if arguments.quick { Vec::new() } else { TARGETS.iter().map(at).collect() };
    let days = if arguments.quick { 0 } else { OTHER_DAYS };
    let other = |day: u64| {
        let traces = traces::day(arguments.feeds, arguments.seed + day);
        Comparison::make(&traces, ROUTE).share()
    };
    let findings = Findings {
        feeds: traces.len(),
        changes: main.ours.total().delays.changes,
        other_days: (1..=days).map(other).collect(),
        main,
        unwritten,
        curve,
        traces,
    };
    print!("{}", page::text(&findings));
    if let Some(file) = &arguments.page {
        fs::write(file, page::markdown(&findings, arguments, file))?;
        if !findings.curve.is_empty() {
            fs::write(file.with_file_name("polling.svg"), plot::svg(&findings.curve))?;
        }
    }
    Ok(())
}

/// A time with as many digits as mean something.
fn seconds(time: f64) -> String {
    match time {
        0.0 => "–".to_owned(),
        100.0.. => format!("{time:.0} s"),
        10.0.. => format!("{time:.1} s"),
        _ => format!("{time:.2} s"),
    }
    .replace(".00 s", " s")
    .replace(".0 s", " s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_same_each_time_and_another_on_another() {
        let changes = |seed| -> Vec<Vec<f64>> {
            traces::day(40, seed).into_iter().map(|trace| trace.changes).collect()
        };
        assert_eq!(changes(1), changes(1));
        assert_ne!(changes(1), changes(2));
        for trace in traces::day(40, 1) {
            assert!(
                trace.changes.is_sorted() && trace.changes.iter().all(|time| (0.0..86_402.0).contains(time))
            );
        }
    }

    #[test]
    fn one_interval_sees_changes_after_half_of_it_in_the_mean() {
        let traces = traces::day(40, 1);
        let (interval, taken) = single_for(&traces, 2.0);
        let total = sum(&taken);
        assert!((interval - 4.0).abs() < 0.2, "{interval}");
        assert!((total.delays.mean() - 2.0).abs() < 0.01 && total.delays.worst <= interval);
        assert!((total.delays.quantile(0.5) - 2.0).abs() < 0.3);
    }

    #[test]
    fn hindsight_is_at_least_as_good_as_one_interval() {
        let traces = traces::day(40, 1);
        let total = |taken: Vec<Taken>| sum(&taken);
        let (_, single) = single_for(&traces, 2.0);
        let each = total(Hindsight::between(&traces, 0.1, 86_400.0).for_mean(2.0));
        assert!(each.delays.mean() <= 2.0);
        assert!(each.requests < total(single).requests);
    }

    #[test]
    fn the_schedule_sees_every_change_once() {
        let traces = traces::day(40, 1);
        let pace =
            Pace { target: Duration::from_secs(1), ceiling: Duration::from_secs(60), obeys_lifetime: true };
        let total = sum(&all_adaptive(&traces, pace));
        let changes: usize = traces.iter().map(|trace| trace.changes.len()).sum();
        // What comes in the last minute of the day may be seen on the next.
        assert!(total.delays.changes <= changes as u64 && total.delays.changes + 200 >= changes as u64);
        assert!(total.delays.worst <= 63.0 + 0.04, "{}", total.delays.worst);
    }
}
