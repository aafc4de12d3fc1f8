//! The report: what the tables say about the results.

use serde::Serialize;

use crate::cases::Case;
use crate::contest::Measured;
use crate::peers::{Answer, NAMES, Peers};
use crate::table::{self, Cell, Table};
use crate::targets::{Limit, Target, targets};

/// One case's results.
#[derive(Debug)]
pub(crate) struct Row {
    /// The case.
    pub(crate) case: Case,
    /// The new body's size.
    pub(crate) body_bytes: usize,
    /// What was measured here.
    pub(crate) measured: Measured,
    /// What the peers in other languages answered.
    pub(crate) peers: Vec<Answer>,
}

/// The ratios of medians that targets are about.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ratios {
    /// `advance` to comparing.
    pub(crate) to_memcmp: f64,
    /// `advance` with its proof to comparing.
    pub(crate) proven_to_memcmp: f64,
    /// The same two for the fastest rounds, in which all bytes were in the caches: the strictest comparison.
    pub(crate) fastest_to_memcmp: f64,
    /// See `fastest_to_memcmp`.
    pub(crate) fastest_proven_to_memcmp: f64,
    /// `advance` to sonic-rs's plain parse.
    pub(crate) to_sonic: f64,
    /// Parse and json-patch to `advance`.
    pub(crate) json_patch: f64,
}

impl Row {
    /// The ratios.
    pub(crate) fn ratios(&self) -> Ratios {
        let Measured { memcmp, advance, advance_prove, sonic_parse, json_patch, .. } = self.measured;
        Ratios {
            to_memcmp: advance.median_us / memcmp.median_us,
            proven_to_memcmp: advance_prove.median_us / memcmp.median_us,
            fastest_to_memcmp: advance.min_us / memcmp.min_us,
            fastest_proven_to_memcmp: advance_prove.min_us / memcmp.min_us,
            to_sonic: advance.median_us / sonic_parse.median_us,
            json_patch: json_patch.median_us / advance.median_us,
        }
    }

    /// The size of the smallest right patch of a peer. json-patch is always there.
    pub(crate) fn best_peer(&self) -> Option<usize> {
        let others = self.peers.iter().filter_map(Answer::right_bytes);
        others.chain([self.measured.json_patch_bytes]).min()
    }
}

/// All that a run says.
#[derive(Debug)]
pub(crate) struct Report {
    /// Under which conditions, one a line.
    pub(crate) conditions: Vec<String>,
    /// The results.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// The conditions of a run: what else than the code decides the figures.
    pub(crate) fn conditions(effort: &str, peers: &Peers, limit: u64) -> Vec<String> {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut conditions = vec![
            format!("{}, {cores} cores, {}", processor(), std::env::consts::ARCH),
            format!("{effort}; peers in other languages have {limit} s for each pair"),
        ];
        conditions.extend(peers.runtimes.iter().cloned());
        conditions.extend(peers.missing.iter().cloned());
        conditions
    }

    /// For a terminal.
    pub(crate) fn to_text(&self) -> String {
        let tables: String = self.tables().iter().map(Table::to_text).collect();
        format!("{}\n\n{tables}{}", self.conditions.join("\n"), self.verdict("  "))
    }

    /// For a document.
    pub(crate) fn to_markdown(&self) -> String {
        let conditions: String = self.conditions.iter().map(|line| format!("- {line}\n")).collect();
        let tables: String = self.tables().iter().map(Table::to_markdown).collect();
        format!("{conditions}\n{tables}{}", self.verdict("- "))
    }

    /// For a program.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let cases: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "document": row.case.kind.name,
                    "change": row.case.change.name(),
                    "body_bytes": row.body_bytes,
                    "measured": row.measured,
                    "ratios": row.ratios(),
                    "peers": row.peers,
                })
            })
            .collect();
        serde_json::json!({ "conditions": self.conditions, "cases": cases, "targets": targets(&self.rows) })
    }

    fn tables(&self) -> [Table; 5] {
        let (scalar, structural) =
            self.rows.iter().partition::<Vec<&Row>, _>(|row| row.case.change.is_scalar());
        let all: Vec<&Row> = self.rows.iter().collect();
        [
            times_of_scalars(&scalar),
            times_of_structure(&structural),
            sizes(&all),
            applying(&all),
            others(&all),
        ]
    }

    /// How many targets were met, and each that was not.
    fn verdict(&self, bullet: &str) -> String {
        let targets = targets(&self.rows);
        let missed: Vec<&Target> = targets.iter().filter(|target| !target.is_met()).collect();
        let mut lines: String = missed
            .iter()
            .map(|target| {
                let limit = match target.limit {
                    Limit::AtMost(limit) => format!("at most {}", figure(limit)),
                    Limit::AtLeast(limit) => format!("at least {}", figure(limit)),
                };
                format!("{bullet}{}: {}, should be {limit}\n", target.name, figure(target.figure))
            })
            .collect();
        if !lines.is_empty() {
            lines = format!("Missed:\n{}{lines}\n", if bullet == "- " { "\n" } else { "" });
        }
        format!("{lines}Targets: {} met, {} missed.\n", targets.len() - missed.len(), missed.len())
    }
}

/// Adds a case's cells after its names.
fn push(table: &mut Table, row: &Row, cells: Vec<Cell>) {
    let names = [row.case.kind.name.into(), row.case.change.name().into()];
    table.push(names.into_iter().chain(cells).collect());
}

fn times_of_scalars(rows: &[&Row]) -> Table {
    let mut table = Table::new(
        "Values change in place",
        "Medians in µs and their ratios; in parentheses those of the fastest rounds, with everything in the caches.",
        &[
            "document",
            "change",
            "bytes",
            "memcmp",
            "advance",
            "× memcmp",
            "+ prove",
            "× memcmp",
            "sonic-rs parse",
            "parse + json-patch",
            "× faster",
        ],
    );
    for row in rows {
        let (measured, ratios) = (&row.measured, row.ratios());
        push(
            &mut table,
            row,
            vec![
                row.body_bytes.to_string().into(),
                table::timing(&measured.memcmp).into(),
                table::timing(&measured.advance).into(),
                both(ratios.to_memcmp, ratios.fastest_to_memcmp).into(),
                table::timing(&measured.advance_prove).into(),
                both(ratios.proven_to_memcmp, ratios.fastest_proven_to_memcmp).into(),
                table::micros(measured.sonic_parse.median_us).into(),
                table::timing(&measured.json_patch).into(),
                figure(ratios.json_patch).into(),
            ],
        );
    }
    table
}

fn times_of_structure(rows: &[&Row]) -> Table {
    let mut table = Table::new(
        "Rows come, go and move; everything changes",
        "Medians in µs, the fastest round in parentheses. Ratios are of medians.",
        &[
            "document",
            "change",
            "bytes",
            "sonic-rs parse",
            "advance",
            "× parse",
            "+ prove",
            "parse + json-patch",
            "× faster",
        ],
    );
    for row in rows {
        let (measured, ratios) = (&row.measured, row.ratios());
        push(
            &mut table,
            row,
            vec![
                row.body_bytes.to_string().into(),
                table::timing(&measured.sonic_parse).into(),
                table::timing(&measured.advance).into(),
                figure(ratios.to_sonic).into(),
                table::timing(&measured.advance_prove).into(),
                table::timing(&measured.json_patch).into(),
                figure(ratios.json_patch).into(),
            ],
        );
    }
    table
}

fn sizes(rows: &[&Row]) -> Table {
    let mut header = vec!["document", "change", "body", "ours", "json-patch (Rust)"];
    header.extend(NAMES);
    header.push("ours / best");
    let mut table = Table::new(
        "Bytes of the patch",
        "The best peer is marked. «whole»: we send the new text. A patch that does not lead to the new document is \
         «wrong» and does not count.",
        &header,
    );
    for row in rows {
        let ours = row.measured.ours;
        let best = row.best_peer();
        let mark = |bytes: usize| Cell::new(bytes.to_string(), Some(bytes) == best);
        let mut cells: Vec<Cell> = vec![
            row.body_bytes.to_string().into(),
            match (ours.right, ours.whole) {
                (false, _) => format!("{} wrong", ours.bytes),
                (true, true) => format!("{} whole", ours.bytes),
                (true, false) => ours.bytes.to_string(),
            }
            .into(),
            mark(row.measured.json_patch_bytes),
        ];
        for name in NAMES {
            cells.push(match row.peers.iter().find(|answer| answer.peer == *name) {
                None => "–".into(),
                Some(answer) => match (answer.right_bytes(), answer.bytes, &answer.skipped) {
                    (Some(bytes), ..) => mark(bytes),
                    (None, Some(bytes), _) => format!("{bytes} wrong").into(),
                    (.., reason) => shortened(reason.as_deref().unwrap_or_default()).into(),
                },
            });
        }
        cells.push(best.map_or("–".into(), |best| figure(ours.bytes as f64 / best.max(1) as f64).into()));
        push(&mut table, row, cells);
    }
    table
}

fn applying(rows: &[&Row]) -> Table {
    let mut table = Table::new(
        "Applying and composing, and what `advance` allocates",
        "Medians in µs. json-patch changes a tree that was copied beforehand; ours makes the next document. Composed: \
         5 successive patches.",
        &[
            "document",
            "change",
            "patch",
            "apply",
            "json-patch",
            "× faster",
            "compose",
            "allocations",
            "their bytes",
        ],
    );
    let median = |timing: Option<crate::measure::Timing>| timing.map(|timing| timing.median_us);
    for row in rows {
        let measured = &row.measured;
        let (ours, theirs) = (median(measured.apply), median(measured.json_patch_apply));
        let cell = |micros: Option<f64>| Cell::from(micros.map_or("–".into(), table::micros));
        push(
            &mut table,
            row,
            vec![
                measured.ours.bytes.to_string().into(),
                cell(ours),
                cell(theirs),
                ours.zip(theirs).map_or("–".into(), |(ours, theirs)| figure(theirs / ours)).into(),
                cell(median(measured.compose)),
                measured.allocations.count.to_string().into(),
                measured.allocations.bytes.to_string().into(),
            ],
        );
    }
    table
}

fn others(rows: &[&Row]) -> Table {
    let mut header = vec!["document", "change", "advance", "parse + json-patch"];
    header.extend(NAMES);
    let mut table = Table::new(
        "The same step in other languages",
        "Parse of the new body, diff, the patch's text: medians in µs.",
        &header,
    );
    for row in rows {
        let times =
            [row.measured.advance, row.measured.json_patch].map(|time| table::micros(time.median_us).into());
        let mut cells = Vec::from(times);
        for name in NAMES {
            let answer = row.peers.iter().find(|answer| answer.peer == *name);
            cells.push(answer.and_then(|answer| answer.full_us).map_or("–".into(), table::micros).into());
        }
        push(&mut table, row, cells);
    }
    table
}

/// A ratio of medians, and that of the fastest rounds in parentheses.
fn both(medians: f64, fastest: f64) -> String {
    format!("{} ({})", figure(medians), figure(fastest))
}

/// A reason that fits into a column; the whole of it is in the JSON.
fn shortened(reason: &str) -> String {
    const MOST: usize = 18;
    match reason.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", reason[..end].trim_end()),
        None => reason.to_owned(),
    }
}

/// A ratio or a size with as many digits as mean something.
fn figure(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The processor's name, where the system tells it.
pub(crate) fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown processor".into(), |(_, name)| name.trim().to_owned())
}
