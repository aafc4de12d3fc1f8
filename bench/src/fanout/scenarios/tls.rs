//! What a subscriber over TLS costs: memory, handshake, events.

use std::collections::HashMap;
use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::one_event;
use crate::fanout::bench::Bench;
use crate::fanout::contenders::Contender;
use crate::fanout::proc::Memory;
use crate::fanout::report::{Section, figure};
use crate::fanout::session::{Measured, Session, Setup, Traffic};
use crate::fanout::watch::{Spent, Watch};
use crate::table::Table;
use crate::targets::Limit;

const CONTENDERS: &[Contender] = &[Contender::Tidegate, Contender::Hyper, Contender::Nchan];

/// How long the server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(500);

/// What one contender showed.
struct Shown {
    memory: [Memory; 3],
    connecting: Spent,
    measured: Measured,
}

pub(super) fn run(bench: &mut Bench) -> io::Result<Section> {
    let subscribers = bench.either(4_000, 800);
    let mut section = Section::new("tls", "TLS");
    let mut table = Table::new(
        "A subscriber over TLS",
        "A certificate on P-256, whole handshakes, TLS 1.3. Bytes of the server's processes for each subscriber (PSS), \
         before and after traffic; microseconds of CPU for each connection from connecting to its first event, and for \
         each delivered event of 200 bytes.",
        &[
            "contender",
            "subscribers",
            "idle, bytes",
            "after traffic, bytes",
            "connecting, server µs",
            "client µs",
            "event, server µs",
            "user",
            "system",
            "client µs",
        ],
    );
    let mut bytes: HashMap<Contender, f64> = HashMap::new();
    let mut bars = Vec::new();
    for contender in bench.chosen(CONTENDERS) {
        let setup = Setup { tls: true, ..one_event(contender, subscribers) };
        let Some(mut session) = bench.start(setup) else { continue };
        let shown = match show(bench, &mut session) {
            Ok(Some(shown)) => shown,
            Ok(None) => continue,
            Err(error) => {
                bench.note(format!("{} over TLS failed: {error}", contender.name()));
                continue;
            }
        };
        let verified = bench.verify(&mut session)?;
        section.remark(contender, "tls", shown.measured.faults(false), verified);
        let figures = shown.measured.figures();
        let [before, idle, after] = shown.memory;
        let each = |now: Memory| (now.pss as f64 - before.pss as f64) / subscribers as f64;
        let connecting =
            [0, 1].map(|group| 1e6 * shown.connecting.groups[group].total() / subscribers as f64);
        table.push(vec![
            contender.name().into(),
            subscribers.to_string().into(),
            figure(each(idle)).into(),
            figure(each(after)).into(),
            figure(connecting[0]).into(),
            figure(connecting[1]).into(),
            figure(figures.server_us.total()).into(),
            figure(figures.server_us.user).into(),
            figure(figures.server_us.system).into(),
            figure(figures.client_us.total()).into(),
        ]);
        section.figures.push(json!({
            "contender": contender.name(), "subscribers": subscribers, "before": before, "idle": idle,
            "after": after, "connecting_us": connecting, "figures": figures,
        }));
        bars.push((format!("{}, after traffic", contender.name()), each(after)));
        bytes.insert(contender, each(after));
    }
    section.tables.push(table);
    section.bars("tls", "Bytes of the server's memory for each subscriber over TLS", false, bars);
    let ratio = bytes.get(&Contender::Tidegate).zip(bytes.get(&Contender::Hyper));
    let ratio = ratio.map(|(ours, hyper)| ours / hyper);
    section.target("memory of a TLS subscriber / hyper's", ratio, Limit::AtMost(0.6));
    Ok(section)
}

fn show(bench: &mut Bench, session: &mut Session) -> io::Result<Option<Shown>> {
    let traffic = Traffic { every: Duration::from_millis(200), changes: bench.either(20, 10), spread: false };
    sleep(REST);
    let before = session.memory()?;
    let watch = Watch::begin(session.groups(), &[])?;
    session.connect(false)?;
    session.settle()?;
    let connecting = watch.end()?;
    sleep(REST);
    let idle = session.memory()?;
    let Some(measured) = bench.traffic("tls", session, &traffic, &[]) else { return Ok(None) };
    sleep(REST);
    let memory = [before, idle, session.memory()?];
    Ok(Some(Shown { memory, connecting, measured }))
}
