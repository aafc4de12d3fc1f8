//! Updates that come faster than they can be sent one by one: what a server that joins them saves.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::{Contender, Gateway};
use crate::fanout::report::{Section, figure};
use crate::fanout::session::Traffic;
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] =
    &[Contender::Ceiling, Contender::Joined, Contender::Tidegate, Contender::Conflating, Contender::Nchan];

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let subscribers = bench.either(10_000, 3_000);
    let traffic = Traffic { every: Duration::from_millis(5), changes: bench.either(100, 50), spread: false };
    let mut section = Section::new("backlog", "Backlog");
    let mut table = Table::new(
        "A backlog: an update every 5 ms",
        "Told: versions that the server got; a gateway that asks may see several changes as one. Conflated: versions \
         that a subscriber skipped, because a newer one had replaced them; joined: events beyond one for each TCP \
         segment with data. Drained: from the last change to the last subscriber that has it.",
        &[
            "contender",
            "subscribers",
            "changes",
            "told",
            "events each",
            "conflated each",
            "segments each",
            "joined each",
            "server ms / update told",
            "× ceiling",
            "client ms / update told",
            "p50 ms",
            "p99 ms",
            "drained s",
        ],
    );
    let mut costs: HashMap<Contender, f64> = HashMap::new();
    let mut bars = Vec::new();
    for contender in bench.chosen(CONTENDERS) {
        let mut setup = one_event(contender, subscribers);
        setup.gateway = Gateway { polls: &["5ms", "10ms", "20ms", "50ms"], conflate: Some(false) };
        let Some(mut session) = bench.connected(setup) else { continue };
        let Some(measured) = bench.traffic("backlog", &mut session, &traffic, &[]) else { continue };
        let verified = bench.verify(&mut session)?;
        let figures = measured.figures();
        let told = measured.versions.max(1) as f64;
        let each = |number: u64| number as f64 / subscribers as f64;
        let (events, segments) = (each(figures.events), each(figures.spent.segments));
        let cost = 1e3 * figures.spent.groups[0].total() / told;
        let client = 1e3 * figures.spent.groups[1].total() / told;
        table.push(vec![
            contender.name().into(),
            subscribers.to_string().into(),
            figures.changes.to_string().into(),
            figures.versions.to_string().into(),
            figure(events).into(),
            figure(each(measured.report.missed)).into(),
            figure(segments).into(),
            figure((events - segments).max(0.0)).into(),
            figure(cost).into(),
            costs.get(&Contender::Ceiling).map_or("–".into(), |ceiling| figure(cost / ceiling).into()),
            figure(client).into(),
            figure(figures.from_told.p50).into(),
            figure(figures.from_told.p99).into(),
            figure(measured.drained).into(),
        ]);
        section.remark(contender, "backlog", measured.faults(contender == Contender::Conflating), verified);
        section.figures.push(json!({
            "contender": contender.name(), "subscribers": subscribers, "figures": figures,
            "missed": measured.report.missed, "drained_seconds": measured.drained,
        }));
        if contender.is_ours() {
            let name = format!("{}: subscribers not at the head in the end", contender.name());
            section.target(name, Some(measured.behind as f64), Limit::AtMost(0.0));
        }
        bars.push((contender.name().to_owned(), cost));
        costs.insert(contender, cost);
    }
    section.tables.push(table);
    section.bars("backlog", "An update every 5 ms: server CPU of an update, ms", false, bars);
    let ours = costs.get(&Contender::Tidegate);
    let beside = |other: Contender| ours.zip(costs.get(&other));
    let ceiling = beside(Contender::Ceiling).map(|(ours, ceiling)| ours / ceiling);
    section.target("CPU of an update / the ceiling's single sends", ceiling, Limit::AtMost(0.15));
    let nchan = beside(Contender::Nchan).map(|(ours, nchan)| nchan / ours);
    section.target("Nchan's CPU of an update / ours", nchan, Limit::AtLeast(10.0));
    Ok(section)
}
