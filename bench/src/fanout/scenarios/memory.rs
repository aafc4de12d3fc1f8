//! What a subscriber costs in the server's memory: when it has connected, and after traffic.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::Contender;
use crate::fanout::proc::Memory;
use crate::fanout::report::{Section, figure};
use crate::fanout::session::Traffic;
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] = &[
    Contender::Tidegate,
    Contender::Later,
    Contender::Ceiling,
    Contender::Nchan,
    Contender::Axum,
    Contender::Pushpin,
];

/// How long the server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(500);

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let subscribers = bench.either(15_000, 3_000);
    let traffic = Traffic { every: Duration::from_millis(500), changes: bench.either(6, 3), spread: false };
    let mut section = Section::new("memory", "Memory");
    let mut table = Table::new(
        "Memory of a subscriber",
        "Bytes of the server's processes for each subscriber, beyond those without any: resident set as divided among \
         sharers (PSS), and pages written (private dirty). The kernel's own memory of a socket is not in it.",
        &[
            "contender",
            "subscribers",
            "idle, PSS",
            "idle, dirty",
            "after traffic, PSS",
            "after traffic, dirty",
            "empty server, MB",
        ],
    );
    let mut bars = Vec::new();
    for contender in bench.chosen(CONTENDERS) {
        let Some(mut session) = bench.start(one_event(contender, subscribers)) else { continue };
        let mut steps = || -> io::Result<[Memory; 3]> {
            sleep(REST);
            let before = session.memory()?;
            session.connect(false)?;
            session.settle()?;
            sleep(REST);
            let idle = session.memory()?;
            session.change(&traffic)?;
            session.settle()?;
            sleep(REST);
            Ok([before, idle, session.memory()?])
        };
        let [before, idle, after] = match steps() {
            Ok(memories) => memories,
            Err(error) => {
                bench.note(format!("{} failed: {error}", contender.name()));
                continue;
            }
        };
        let each = |now: u64, before: u64| (now as f64 - before as f64) / subscribers as f64;
        let (idle_pss, after_pss) = (each(idle.pss, before.pss), each(after.pss, before.pss));
        let cells = [
            idle_pss,
            each(idle.private_dirty, before.private_dirty),
            after_pss,
            each(after.private_dirty, before.private_dirty),
        ];
        let mut row = vec![contender.name().into(), subscribers.to_string().into()];
        row.extend(cells.map(|bytes| format!("{bytes:.0}").into()));
        row.push(figure(before.pss as f64 / 1e6).into());
        table.push(row);
        bars.push((format!("{}, idle", contender.name()), idle_pss));
        bars.push((format!("{}, after traffic", contender.name()), after_pss));
        section.figures.push(json!({
            "contender": contender.name(), "subscribers": subscribers,
            "before": before, "idle": idle, "after": after,
        }));
        if contender.is_ours() {
            let name = contender.name();
            section.target(
                format!("bytes of an idle subscriber, {name}"),
                Some(idle_pss),
                Limit::AtMost(512.0),
            );
            section.target(
                format!("bytes of a subscriber after traffic, {name}"),
                Some(after_pss),
                Limit::AtMost(512.0),
            );
        }
    }
    section.tables.push(table);
    section.bars("memory", "Bytes of the server's memory for each subscriber", true, bars);
    Ok(section)
}
