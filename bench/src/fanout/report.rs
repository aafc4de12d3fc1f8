//! What a run says: as text, as JSON, as markdown.

use serde::Serialize;

use super::client::Verified;
use super::contenders::Contender;
use super::plot::{Plot, Shape};
use crate::table::Table;
use crate::targets::{Limit, Target};

/// What a scenario says.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) plots: Vec<Plot>,
    pub(crate) tables: Vec<Table>,
    pub(crate) targets: Vec<Target>,
    /// What was wrong with what subscribers received, and what the tables cannot say.
    pub(crate) remarks: Vec<String>,
    /// All figures.
    pub(crate) figures: Vec<serde_json::Value>,
}

/// What a run says.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) conditions: Vec<String>,
    pub(crate) sections: Vec<Section>,
    pub(crate) discarded: Vec<String>,
}

impl Section {
    /// Nothing yet.
    pub(crate) fn new(name: &'static str, title: &'static str) -> Section {
        Section {
            name,
            title,
            plots: Vec::new(),
            tables: Vec::new(),
            targets: Vec::new(),
            remarks: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Adds a target, if there is a figure to hold against it.
    pub(crate) fn target(&mut self, name: impl Into<String>, figure: Option<f64>, limit: Limit) {
        if let Some(figure) = figure {
            self.targets.push(Target { name: name.into(), figure, limit });
        }
    }

    /// Draws bars.
    pub(crate) fn bars(&mut self, name: &str, title: &str, logarithmic: bool, bars: Vec<(String, f64)>) {
        let shape = Shape::Bars { logarithmic, bars };
        self.plots.push(Plot { name: name.into(), title: title.into(), shape });
    }

    /// Draws curves.
    pub(crate) fn curves(&mut self, name: &str, title: &str, curves: Vec<(String, Vec<(f64, f64)>)>) {
        self.plots.push(Plot { name: name.into(), title: title.into(), shape: Shape::Curves(curves) });
    }

    /// Says what was wrong with what a contender's subscribers received.
    pub(crate) fn remark(
        &mut self,
        contender: Contender,
        what: &str,
        faults: Vec<String>,
        verified: Verified,
    ) {
        let name = contender.name();
        self.remarks.extend(faults.into_iter().map(|fault| format!("{what}, {name}: {fault}")));
        let Verified { compared, different, failures } = verified;
        if different + failures > 0 {
            self.remarks.push(format!(
                "{what}, {name}: of {compared} documents that were compared with the source, {different} differ; \
                 {failures} events could not be applied"
            ));
        }
    }
}

impl Report {
    /// For a terminal.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}\n\n", self.conditions.join("\n"));
        for section in &self.sections {
            text += &format!("{}\n\n", section.title.to_uppercase());
            section.tables.iter().for_each(|table| text += &table.to_text());
            section.lines().iter().for_each(|line| text += &format!("  {line}\n"));
            text.push('\n');
        }
        self.discarded.iter().for_each(|line| text += &format!("Discarded: {line}\n"));
        text + &self.verdict()
    }

    /// For a document.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text: String = self.conditions.iter().map(|line| format!("- {line}\n")).collect();
        text.push('\n');
        for section in &self.sections {
            text += &format!("## {}\n\n", section.title);
            section.tables.iter().for_each(|table| text += &table.to_markdown());
            section.lines().iter().for_each(|line| text += &format!("- {line}\n"));
            text.push('\n');
        }
        self.discarded.iter().for_each(|line| text += &format!("- Discarded: {line}\n"));
        text + &self.verdict()
    }

    /// For a program.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "conditions": self.conditions,
            "sections": self.sections,
            "discarded": self.discarded,
        })
    }

    pub(crate) fn verdict(&self) -> String {
        let targets: Vec<&Target> = self.sections.iter().flat_map(|section| &section.targets).collect();
        let met = targets.iter().filter(|target| target.is_met()).count();
        format!("Targets: {met} met, {} missed.\n", targets.len() - met)
    }
}

impl Section {
    /// The remarks, and each target with what became of it.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.remarks.clone();
        lines.extend(self.targets.iter().map(|target| {
            let limit = match target.limit {
                Limit::AtMost(limit) => format!("at most {}", figure(limit)),
                Limit::AtLeast(limit) => format!("at least {}", figure(limit)),
            };
            let outcome = if target.is_met() { "met" } else { "missed" };
            format!("{outcome}: {}: {}, should be {limit}", target.name, figure(target.figure))
        }));
        lines
    }
}

/// A number with as many digits as mean something.
pub(crate) fn figure(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        0.0 => "0".into(),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_targets_were_met() {
        let mut section = Section::new("memory", "Memory");
        section.remarks.push("all well".into());
        section.target("bytes", Some(400.0), Limit::AtMost(512.0));
        section.target("times", Some(9.5), Limit::AtLeast(10.0));
        section.target("unknown", None, Limit::AtMost(1.0));
        assert_eq!(
            section.lines(),
            [
                "all well",
                "met: bytes: 400, should be at most 512",
                "missed: times: 9.50, should be at least 10.0"
            ]
        );
        let report =
            Report { conditions: vec!["here".into()], sections: vec![section], discarded: vec!["x".into()] };
        assert!(report.to_text().ends_with("Discarded: x\nTargets: 1 met, 1 missed.\n"));
        assert_eq!(report.to_json()["sections"][0]["targets"][0]["figure"], 400.0);
    }
}
