//! The targets: what the engine is meant to reach, and what it did reach.

use serde::Serialize;

use crate::changes::Change;
use crate::report::Row;

/// A target with the figure that was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Target {
    /// What is measured, on what.
    pub(crate) name: String,
    /// What was reached.
    pub(crate) figure: f64,
    /// What it should be.
    pub(crate) limit: Limit,
}

/// A bound, in the target's unit.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

impl Target {
    /// Whether it was reached.
    pub(crate) fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.figure <= limit,
            Limit::AtLeast(limit) => self.figure >= limit,
        }
    }
}

/// The targets that these results say something about.
pub(crate) fn targets(rows: &[Row]) -> Vec<Target> {
    rows.iter().flat_map(of_row).collect()
}

fn of_row(row: &Row) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut target = |what: &str, figure: f64, limit: Limit| {
        targets.push(Target { name: format!("{}: {what}", row.case.name()), figure, limit });
    };
    let ratios = row.ratios();
    match (row.case.kind.name, row.case.change) {
        ("quotes-90k", Change::Rows(percent @ (1 | 10))) => {
            let limit = if percent == 1 { 8.0 } else { 20.0 };
            target("advance / memcmp", ratios.to_memcmp, Limit::AtMost(limit));
            target("advance + prove / memcmp", ratios.proven_to_memcmp, Limit::AtMost(2.0 * limit));
            target("parse + json-patch / advance", ratios.json_patch, Limit::AtLeast(50.0));
        }
        ("records-10mb", Change::OneValue) => {
            target("advance / memcmp", ratios.to_memcmp, Limit::AtMost(3.0));
        }
        _ => {}
    }
    if !row.case.change.is_scalar() {
        target("advance / sonic-rs's parse", ratios.to_sonic, Limit::AtMost(2.0));
        target("parse + json-patch / advance", ratios.json_patch, Limit::AtLeast(5.0));
    }
    if let Some(best) = row.best_peer() {
        target("patch's bytes", row.measured.ours.bytes as f64, Limit::AtMost(best as f64));
    }
    targets
}
