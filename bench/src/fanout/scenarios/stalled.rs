//! Half of the subscribers stop reading: what they cost, what the others feel, and where they are when they read again.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::client::Verified;
use crate::fanout::clock;
use crate::fanout::contenders::Contender;
use crate::fanout::latency::Latencies;
use crate::fanout::report::{Section, figure};
use crate::fanout::session::{Session, Setup, Traffic};
use crate::fanout::source::Content;
use crate::fanout::stats::{median, paired_ratio};
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] = &[Contender::Tidegate, Contender::Ceiling, Contender::Nchan];

/// Changes before anything is measured: enough to fill what the kernel buffers for those that stall.
const FILLING: u64 = 60;

/// How the two crowds compare.
#[derive(Default)]
struct Compared {
    /// The readers' p99, with those that stall and without, round by round.
    p99: Vec<(f64, f64)>,
    memory_with: (u64, u64),
    memory_without: (u64, u64),
}

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let half = bench.either(5_000, 1_000);
    let mut section = Section::new("stalled", "Stalled readers");
    let mut table = Table::new(
        "Half of the subscribers stop reading",
        "A document of 8 KB, a fifth of which changes ten times a second. Two servers run side by side: one with \
         readers only, one with as many readers and as many that read nothing after the head. Bytes: what the traffic \
         added to the server's memory with those that stall beyond what it added without, for each of them. Jumps: \
         steps over versions in all that they read then, most of it held by the kernel: each time that it made room \
         for one that stalled, that got one step to the head of that moment.",
        &[
            "contender",
            "subscribers",
            "bytes a stalled one",
            "readers' p99 ms without",
            "with",
            "ratio",
            "not at the head",
            "caught up s",
            "events each",
            "jumps each",
        ],
    );
    for contender in bench.chosen(CONTENDERS) {
        let setup = Setup { content: Content::Document { bytes: 8_000 }, ..one_event(contender, half) };
        let Some(mut without) = bench.connected(setup.clone()) else { continue };
        let crowd = Setup { subscribers: 2 * half, stalled: half, ..setup };
        let Some(mut with) = bench.connected(crowd) else { continue };
        let compared = compare(bench, &mut section, &mut without, &mut with)?;

        with.mark()?;
        let start = clock::now();
        with.resume()?;
        let reached = with.settle()?;
        let failures = with.report()?.failures;
        let failures = failures.iter().map(|(reason, number)| format!("{number} streams: {reason}"));
        section.remark(contender, "stalled, reading again", failures.collect(), Verified::default());
        let caught_up = reached.last.saturating_sub(start) as f64 / 1e9;
        let report = with.report()?;
        let added = |(before, after): (u64, u64)| after as f64 - before as f64;
        let bytes = (added(compared.memory_with) - added(compared.memory_without)) / half as f64;
        let of = |which: fn(&(f64, f64)) -> f64| median(&compared.p99.iter().map(which).collect::<Vec<_>>());
        let ratio = paired_ratio(&compared.p99);
        let each = |number: u64| number as f64 / half as f64;
        table.push(vec![
            contender.name().into(),
            format!("{half} + {half}").into(),
            figure(bytes).into(),
            of(|round| round.1).map_or("–".into(), |p99| figure(p99).into()),
            of(|round| round.0).map_or("–".into(), |p99| figure(p99).into()),
            ratio.map_or("–".into(), |ratio| {
                format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high).into()
            }),
            reached.behind.to_string().into(),
            figure(caught_up).into(),
            figure(each(report.events)).into(),
            figure(each(report.gaps)).into(),
        ]);
        section.figures.push(json!({
            "contender": contender.name(), "stalled": half, "bytes_each": bytes, "p99_with_without": compared.p99,
            "behind": reached.behind, "caught_up_seconds": caught_up, "events": report.events,
            "jumps": report.gaps, "failures": report.failures,
        }));
        section.remark(contender, "stalled", Vec::new(), bench.verify(&mut with)?);
        if contender.is_ours() {
            section.target("bytes of a stalled reader", Some(bytes), Limit::AtMost(4096.0));
            let ratio = ratio.map(|ratio| ratio.median);
            section.target("the others' p99 with / without stalled readers", ratio, Limit::AtMost(1.2));
            let behind = Some(reached.behind as f64);
            section.target("stalled readers not at the head in the end", behind, Limit::AtMost(0.0));
        }
    }
    section.tables.push(table);
    Ok(section)
}

fn compare(
    bench: &mut Bench,
    section: &mut Section,
    without: &mut Session,
    with: &mut Session,
) -> io::Result<Compared> {
    let every = Duration::from_millis(100);
    let traffic = Traffic { every, changes: bench.either(20, 15), spread: false };
    let filling = Traffic { every, changes: FILLING, spread: false };
    let rest = Duration::from_millis(500);
    sleep(rest);
    let mut compared = Compared::default();
    compared.memory_without.0 = without.memory()?.pss;
    compared.memory_with.0 = with.memory()?.pss;
    let p99 = |times: &Latencies| times.quantiles().p99;
    for round in 0..bench.either(4, 2) {
        let traffic = if round == 0 { &filling } else { &traffic };
        let a = bench.traffic("stalled", with, traffic, &without.groups().concat());
        let b = bench.traffic("stalled, readers only", without, traffic, &with.groups().concat());
        for (what, measured) in [("stalled", &a), ("stalled, readers only", &b)] {
            if let Some(measured) = measured {
                let faults = measured.faults(false);
                section.remark(with.setup.contender, what, faults, Verified::default());
            }
        }
        if let (Some(a), Some(b)) = (a, b)
            && round > 0
        {
            compared.p99.push((p99(&a.from_told), p99(&b.from_told)));
        }
    }
    sleep(rest);
    compared.memory_without.1 = without.memory()?.pss;
    compared.memory_with.1 = with.memory()?.pss;
    Ok(compared)
}
