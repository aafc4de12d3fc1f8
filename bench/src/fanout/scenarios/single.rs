//! What the delivery of one event costs where it cannot be joined with another: each has been sent to everyone long
//! before the next.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::Contender;
use crate::fanout::report::{Section, figure};
use crate::fanout::session::{Figures, Traffic};
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] = &[
    Contender::Ceiling,
    Contender::Tidegate,
    Contender::Later,
    Contender::Nchan,
    Contender::Axum,
    Contender::Pushpin,
];

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let mut section = Section::new("single", "Single events");
    let mut table = Table::new(
        "CPU of a delivered event",
        "Microseconds for each event of 200 bytes delivered to one subscriber, in the server (all its threads, asking \
         the origin included) and in the load client. × is to the ceiling. Segments: TCP segments with data of the \
         whole machine for each event.",
        &[
            "contender",
            "subscribers",
            "server",
            "user",
            "system",
            "× ceiling",
            "client",
            "sends",
            "segments",
            "bytes",
            "p50 ms",
            "p99 ms",
        ],
    );
    let crowds = bench.either([(1_000, 100, 50), (10_000, 300, 14)], [(1_000, 100, 20), (3_000, 200, 8)]);
    let mut bars = Vec::new();
    for (subscribers, every, changes) in crowds {
        let traffic = Traffic { every: Duration::from_millis(every), changes, spread: false };
        let mut found: HashMap<Contender, Figures> = HashMap::new();
        for contender in bench.chosen(CONTENDERS) {
            let what = format!("single, {subscribers}");
            let Some(mut session) = bench.connected(one_event(contender, subscribers)) else { continue };
            let Some(measured) = bench.traffic(&what, &mut session, &traffic, &[]) else { continue };
            let verified = bench.verify(&mut session)?;
            let figures = measured.figures();
            let ceiling = found.get(&Contender::Ceiling).map(|ceiling| ceiling.server_us.total());
            let total = figures.server_us.total();
            table.push(vec![
                contender.name().into(),
                subscribers.to_string().into(),
                figure(total).into(),
                figure(figures.server_us.user).into(),
                figure(figures.server_us.system).into(),
                ceiling.map_or("–".into(), |ceiling| figure(total / ceiling).into()),
                figure(figures.client_us.total()).into(),
                figures.sends_per_event.map_or("–".into(), |sends| figure(sends).into()),
                figure(figures.segments_per_event).into(),
                figure(figures.bytes_per_event).into(),
                figure(figures.from_told.p50).into(),
                figure(figures.from_told.p99).into(),
            ]);
            section.remark(contender, &what, measured.faults(false), verified);
            section.figures.push(json!({
                "contender": contender.name(), "subscribers": subscribers, "figures": figures,
            }));
            bars.push((format!("{}, {subscribers}", contender.name()), total));
            found.insert(contender, figures);
        }
        let Some(ours) = found.get(&Contender::Tidegate) else { continue };
        let to = format!("to {subscribers}");
        section.target(
            format!("user CPU of an event {to}, µs"),
            Some(ours.server_us.user),
            Limit::AtMost(0.7),
        );
        let nchan =
            found.get(&Contender::Nchan).map(|nchan| ours.server_us.total() / nchan.server_us.total());
        section.target(format!("CPU of an event {to} / Nchan's"), nchan, Limit::AtMost(0.75));
        section.target(format!("sends of an event {to}"), ours.sends_per_event, Limit::AtMost(1.0));
    }
    section.tables.push(table);
    section.bars("single", "Server CPU of a delivered event, µs", false, bars);
    Ok(section)
}
