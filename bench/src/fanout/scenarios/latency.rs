//! How long a change takes to all its subscribers, ours beside the ceiling and Nchan.
//!
//! All contenders run at the same time with all their subscribers, and only one has traffic: in rounds, each in turn, in
//! an order that is drawn anew. So what the machine does befalls all alike, and each round gives a pair of figures.

use std::io;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::Contender;
use crate::fanout::latency::{Latencies, Quantiles};
use crate::fanout::report::{Section, figure};
use crate::fanout::session::{Session, Traffic};
use crate::fanout::stats::{Estimate, median, paired_ratio};
use crate::random::Random;
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] = &[Contender::Tidegate, Contender::Ceiling, Contender::Nchan];

/// One contender's rounds.
struct Rounds {
    session: Session,
    told: Vec<Quantiles>,
    changed: Vec<Quantiles>,
    all: Latencies,
}

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let subscribers = bench.either(5_000, 1_500);
    let traffic = Traffic { every: Duration::from_millis(100), changes: bench.either(20, 8), spread: false };
    let rounds = bench.either(7, 3);
    let mut section = Section::new("latency", "Latency");
    let mut contenders: Vec<Rounds> = Vec::new();
    for contender in bench.chosen(CONTENDERS) {
        let Some(session) = bench.connected(one_event(contender, subscribers)) else { continue };
        contenders.push(Rounds { session, told: Vec::new(), changed: Vec::new(), all: Latencies::new() });
    }
    let mut random = Random::named("rounds");
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, random.below(place + 1));
        }
        for number in order {
            let besides: Vec<u32> =
                contenders.iter().flat_map(|other| other.session.groups()).flatten().collect();
            let Rounds { session, told, changed, all } = &mut contenders[number];
            let own: Vec<u32> = session.groups().concat();
            let besides: Vec<u32> = besides.into_iter().filter(|pid| !own.contains(pid)).collect();
            let contender = session.setup.contender;
            let Some(measured) = bench.traffic("latency", session, &traffic, &besides) else { continue };
            section.remark(contender, "latency", measured.faults(false), Default::default());
            told.push(measured.from_told.quantiles());
            changed.push(measured.from_change.quantiles());
            all.add(&measured.from_told.counted());
        }
    }
    let curves = contenders
        .iter()
        .map(|one| (one.session.setup.contender.name().to_owned(), one.all.curve()))
        .collect();
    section.curves(
        "latency",
        "10 updates a second: share of deliveries, ms from when the version was told",
        curves,
    );
    section.tables.push(times(&contenders, subscribers));
    section.tables.push(ratios(&contenders, &mut section.targets));
    for contender in &mut contenders {
        let verified = bench.verify(&mut contender.session)?;
        let which = contender.session.setup.contender;
        section.remark(which, "latency", Vec::new(), verified);
        section.figures.push(json!({
            "contender": which.name(), "subscribers": subscribers,
            "from_told": contender.told, "from_change": contender.changed, "curve": contender.all.curve(),
        }));
    }
    Ok(section)
}

fn times(contenders: &[Rounds], subscribers: usize) -> Table {
    let mut table = Table::new(
        "10 updates a second: time to each subscriber",
        "Milliseconds, medians of the rounds. Told: from when the source answered with the version (ours) or began to \
         push it (the others) to the last byte at the subscriber. Changed: from when the state changed, which for ours \
         has the wait for the next poll in it.",
        &[
            "contender",
            "subscribers",
            "told, p50",
            "told, p99",
            "told, p99.9",
            "changed, p50",
            "changed, p99",
            "rounds",
        ],
    );
    for Rounds { session, told, changed, .. } in contenders {
        let of = |rounds: &[Quantiles], which: fn(&Quantiles) -> f64| {
            let values: Vec<f64> = rounds.iter().map(which).collect();
            median(&values).map_or("–".into(), |value| figure(value).into())
        };
        table.push(vec![
            session.setup.contender.name().into(),
            subscribers.to_string().into(),
            of(told, |round| round.p50),
            of(told, |round| round.p99),
            of(told, |round| round.p999),
            of(changed, |round| round.p50),
            of(changed, |round| round.p99),
            told.len().to_string().into(),
        ]);
    }
    table
}

fn ratios(contenders: &[Rounds], targets: &mut Vec<crate::targets::Target>) -> Table {
    let mut table = Table::new(
        "Ours beside the others, round by round",
        "Medians of the ratios of the rounds' figures from when the version was told, with the interval that holds it \
         with 95% confidence (percentile bootstrap).",
        &["ours to", "figure", "ratio", "from", "to"],
    );
    let Some(ours) = contenders.iter().find(|one| one.session.setup.contender.is_ours()) else {
        return table;
    };
    for theirs in contenders.iter().filter(|one| !one.session.setup.contender.is_ours()) {
        let contender = theirs.session.setup.contender;
        for (name, which) in
            [("p50", (|round| round.p50) as fn(&Quantiles) -> f64), ("p99", |round| round.p99)]
        {
            let pairs: Vec<(f64, f64)> =
                std::iter::zip(&ours.told, &theirs.told).map(|(a, b)| (which(a), which(b))).collect();
            let Some(Estimate { median, low, high }) = paired_ratio(&pairs) else { continue };
            let mut row = vec![contender.name().into(), name.into()];
            row.extend([median, low, high].map(|ratio| format!("{ratio:.3}").into()));
            table.push(row);
            let limit = if contender == Contender::Ceiling { 1.15 } else { 1.0 };
            targets.push(crate::targets::Target {
                name: format!("{name} / that of {}", contender.name()),
                figure: median,
                limit: Limit::AtMost(limit),
            });
        }
    }
    table
}
