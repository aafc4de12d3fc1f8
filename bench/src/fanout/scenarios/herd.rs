//! All clients come back at once, each with the position that it had: how long until all are current.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::clock;
use crate::fanout::contenders::Contender;
use crate::fanout::report::{Section, figure};
use crate::fanout::session::{Session, Traffic};
use crate::fanout::watch::{Spent, Watch};
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] =
    &[Contender::Ceiling, Contender::Tidegate, Contender::Nchan, Contender::Axum];

/// How a herd was served.
struct Served {
    open: f64,
    current: f64,
    behind: u64,
    failures: u64,
    spent: Spent,
}

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let subscribers = bench.either(15_000, 3_000);
    let mut section = Section::new("herd", "Thundering herd");
    let mut table = Table::new(
        "All reconnect at once, with a resume position",
        "All connections are closed, the resource changes three times, and all connect in one go. Open: until the last \
         head; current: until the last has the newest version. The kernel lets a listener's backlog wait and makes \
         what exceeds it try again after a second. Failures: connections that were refused, reset or ended, and tried \
         again.",
        &[
            "contender",
            "subscribers",
            "open s",
            "current s",
            "streams / s",
            "failures",
            "server CPU s",
            "client CPU s",
        ],
    );
    let mut bars = Vec::new();
    for contender in bench.chosen(CONTENDERS) {
        let Some(mut session) = bench.connected(one_event(contender, subscribers)) else { continue };
        let served = match stampede(&mut session) {
            Ok(served) => served,
            Err(error) => {
                bench.note(format!("{} failed: {error}", contender.name()));
                continue;
            }
        };
        if let Some(reason) = served.spent.distrust() {
            bench.discarded.push(format!("herd, {}: {reason}; kept all the same", contender.name()));
        }
        bars.push((contender.name().to_owned(), served.current));
        let [server, client] = [0, 1].map(|group| served.spent.groups[group].total());
        table.push(vec![
            contender.name().into(),
            subscribers.to_string().into(),
            figure(served.open).into(),
            figure(served.current).into(),
            figure(subscribers as f64 / served.current).into(),
            served.failures.to_string().into(),
            figure(server).into(),
            figure(client).into(),
        ]);
        section.figures.push(json!({
            "contender": contender.name(), "subscribers": subscribers, "open_seconds": served.open,
            "current_seconds": served.current, "failures": served.failures, "behind": served.behind,
            "spent": served.spent,
        }));
        section.remark(contender, "herd", Vec::new(), bench.verify(&mut session)?);
        if contender.is_ours() {
            section.target("clients that are not current", Some(served.behind as f64), Limit::AtMost(0.0));
            section.target("clients that were refused", Some(served.failures as f64), Limit::AtMost(0.0));
        }
    }
    section.tables.push(table);
    section.bars("herd", "All reconnect at once: seconds until all are current", false, bars);
    Ok(section)
}

fn stampede(session: &mut Session) -> io::Result<Served> {
    let traffic = Traffic { every: Duration::from_millis(150), changes: 3, spread: false };
    session.change(&traffic)?;
    session.settle()?;
    session.close()?;
    session.change(&traffic)?;
    // Closing thousands of connections is work too; it is not what is measured.
    sleep(Duration::from_millis(500));
    session.mark()?;
    let watch = Watch::begin(session.groups(), &[])?;
    let start = clock::now();
    let connected = session.connect(true)?;
    let reached = session.settle()?;
    let spent = watch.end()?;
    let failures = session.report()?.failures.values().sum();
    Ok(Served {
        open: connected.seconds,
        current: reached.last.saturating_sub(start) as f64 / 1e9,
        behind: reached.behind,
        failures,
        spent,
    })
}
