//! The load that the nearest product published, for which it names 34 CPUs at least: 3,000 subscribers over 100
//! resources of 50 KB, a fifth of each changing every 500 ms.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::{Contender, Gateway};
use crate::fanout::cores::Cores;
use crate::fanout::fetcher;
use crate::fanout::report::{Section, figure};
use crate::fanout::role::Role;
use crate::fanout::session::{Session, Setup, Traffic};
use crate::fanout::watch::Watch;
use crate::table::Table;
use crate::targets::Limit;

const EVERY: Duration = Duration::from_millis(500);

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let (subscribers, resources) = bench.either((3_000, 100), (600, 20));
    let mut section = Section::new("published", "The published load");
    let setup = |contender, pace| Setup {
        gateway: Gateway { polls: &["500ms"], conflate: None },
        content: crate::fanout::source::Content::Document { bytes: 50_000 },
        resources,
        gzip: true,
        pace,
        pinned: false,
        ..one_event(contender, subscribers)
    };
    let spread = EVERY / resources as u32;
    let table = load(
        bench,
        &mut section,
        &[
            (setup(Contender::Tidegate, spread), true),
            (setup(Contender::Tidegate, Duration::ZERO), false),
            (setup(Contender::Nchan, spread), true),
        ],
    )?;
    section.tables.push(table);
    let cycle = Setup { subscribers: resources, ..setup(Contender::Tidegate, spread) };
    let table = poll_cycle(bench, &mut section, cycle)?;
    section.tables.push(table);
    Ok(section)
}

fn load(bench: &mut Bench, section: &mut Section, rows: &[(Setup, bool)]) -> io::Result<Table> {
    let mut table = Table::new(
        "The nearest product's published load",
        "Subscribers over resources of 50 KB, a fifth of each changing every 500 ms; all processes share the cores. \
         Times from when the source answered with the version (Nchan: began to push it) to the last byte at the \
         subscriber. Cores: what each part used.",
        &[
            "contender",
            "phases",
            "subscribers",
            "resources",
            "updates / s",
            "KB / update",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "lost",
            "server cores",
            "client cores",
            "source cores",
        ],
    );
    let mut curves = Vec::new();
    for (setup, spread) in rows {
        let contender = setup.contender;
        if bench.chosen(&[contender]).is_empty() {
            continue;
        }
        let phases = if *spread { "spread" } else { "all at once" };
        let what = format!("published, {phases}");
        let Some(mut session) = bench.connected(setup.clone()) else { continue };
        let traffic = Traffic { every: EVERY, changes: bench.either(20, 6), spread: *spread };
        let Some(measured) = bench.traffic(&what, &mut session, &traffic, &[]) else { continue };
        let figures = measured.figures();
        let seconds = figures.spent.seconds;
        let [server, client, source] = [0, 1, 2].map(|group| figures.spent.groups[group].total() / seconds);
        let rate = figures.events as f64 / (EVERY.as_secs_f64() * traffic.changes as f64);
        table.push(vec![
            contender.name().into(),
            phases.into(),
            setup.subscribers.to_string().into(),
            setup.resources.to_string().into(),
            figure(rate).into(),
            figure(figures.bytes_per_event / 1e3).into(),
            figure(figures.from_told.p50).into(),
            figure(figures.from_told.p99).into(),
            figure(figures.from_told.p999).into(),
            measured.report.missed.to_string().into(),
            figure(server).into(),
            figure(client).into(),
            figure(source).into(),
        ]);
        section.remark(contender, &what, measured.faults(false), bench.verify(&mut session)?);
        section.figures.push(json!({
            "contender": contender.name(), "phases": phases, "figures": figures, "missed": measured.report.missed,
            "curve": measured.from_told.curve(),
        }));
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        section.remarks.push(format!(
            "{what}, {}: {:.0}% of the machine's time was used, {:.0}% of that by the server",
            contender.name(),
            100.0 * (server + client + source) / cores,
            100.0 * server / (server + client + source)
        ));
        curves.push((format!("{}, {phases}", contender.name()), measured.from_told.curve()));
        if contender == Contender::Tidegate {
            if *spread {
                // With all in phase they queue for the cores: that row is there to show by how much.
                let name = "p99 from the origin's answer, ms";
                section.target(name, Some(figures.from_told.p99), Limit::AtMost(21.0));
            }
            let name = format!("versions lost, phases {phases}");
            section.target(name, Some(measured.report.missed as f64), Limit::AtMost(0.0));
        }
    }
    section.curves(
        "published",
        "The published load: share of deliveries, ms from when the version was told",
        curves,
    );
    Ok(table)
}

/// What a poll costs: with the gateway's whole cycle, and with fetching alone.
fn poll_cycle(bench: &mut Bench, section: &mut Section, setup: Setup) -> io::Result<Table> {
    let mut table = Table::new(
        "The whole poll cycle",
        "CPU of a poll, of which nearly all find a change: for the gateway asking, gunzip, diff, publishing and sending \
         to one subscriber of each resource; for the bare client asking and reading.",
        &["contender", "resources", "polls", "found", "µs / poll"],
    );
    let resources = setup.resources;
    let traffic = Traffic { every: EVERY, changes: bench.either(12, 6), spread: true };
    if bench.chosen(&[Contender::Tidegate]).is_empty() {
        return Ok(table);
    }
    let Some(mut session) = bench.connected(setup) else { return Ok(table) };
    let before = session.status()?;
    if let Some(measured) = bench.traffic("poll cycle", &mut session, &traffic, &[]) {
        let after = session.status()?;
        let found = after.found - before.found;
        let polls = found + after.unchanged - before.unchanged;
        let cpu = measured.spent.groups[0].total();
        push(&mut table, section, "tidegate", resources, (polls, found), cpu);
    }
    let (counts, cpu) = fetch_alone(&mut session, resources, &traffic)?;
    push(&mut table, section, "hyper client", resources, (counts.answers, counts.found), cpu);
    Ok(table)
}

fn push(
    table: &mut Table,
    section: &mut Section,
    name: &str,
    resources: usize,
    (polls, found): (u64, u64),
    cpu: f64,
) {
    let micros = 1e6 * cpu / polls.max(1) as f64;
    table.push(vec![
        name.into(),
        resources.to_string().into(),
        polls.to_string().into(),
        found.to_string().into(),
        figure(micros).into(),
    ]);
    section
        .figures
        .push(json!({ "poll_cycle": name, "polls": polls, "found": found, "us_per_poll": micros }));
}

/// The gateway's subscribers leave; the bare client asks the same source for the same changes.
fn fetch_alone(
    session: &mut Session,
    resources: usize,
    traffic: &Traffic,
) -> io::Result<(fetcher::Counts, f64)> {
    session.close()?;
    let config =
        fetcher::Config { source: session.source_address, resources, every_ms: EVERY.as_millis() as u64 };
    let (mut fetcher, ()) = Role::start::<()>("fetcher", &config, Cores::All)?;
    // Its first answers are all found; they are not what is measured.
    sleep(2 * EVERY);
    let before: fetcher::Counts = fetcher.ask(&fetcher::Count)?;
    let watch = Watch::begin(vec![vec![fetcher.pid()]], &[])?;
    session.change(traffic)?;
    let spent = watch.end()?;
    let after: fetcher::Counts = fetcher.ask(&fetcher::Count)?;
    let counts =
        fetcher::Counts { answers: after.answers - before.answers, found: after.found - before.found };
    Ok((counts, spent.groups[0].total()))
}
