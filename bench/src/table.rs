//! A table, written for a terminal or as markdown.

use std::iter::zip;

use serde::Serialize;

use crate::measure::Timing;

/// A cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    text: String,
    marked: bool,
}

impl Cell {
    /// A text, marked or not.
    pub(crate) fn new(text: String, marked: bool) -> Cell {
        Cell { text, marked }
    }

    fn to_text(&self) -> String {
        format!("{}{}", self.text, if self.marked { "*" } else { "" })
    }

    fn to_markdown(&self) -> String {
        if self.marked { format!("**{}**", self.text) } else { self.text.clone() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::new(text, false)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

/// A table with its title and a note on how to read it.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    title: &'static str,
    note: &'static str,
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// The columns that name the case, to the left; the others are figures, to the right.
const NAMES: usize = 2;

impl Table {
    /// A table without rows.
    pub(crate) fn new(title: &'static str, note: &'static str, header: &[&str]) -> Table {
        Table { title, note, header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row, whose first two cells name the case.
    pub(crate) fn push(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.header.len(), "{}", self.title);
        self.rows.push(cells);
    }

    /// With aligned columns; what is marked has an asterisk.
    pub(crate) fn to_text(&self) -> String {
        let mut lines = vec![self.header.clone()];
        lines.extend(self.rows.iter().map(|row| row.iter().map(Cell::to_text).collect()));
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!("{}\n{}\n\n", self.title, self.note);
        for line in &lines {
            let cells: Vec<String> = zip(line, &widths)
                .enumerate()
                .map(|(column, (cell, &width))| match column {
                    ..NAMES => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text.push('\n');
        text
    }

    /// As markdown; what is marked is bold.
    pub(crate) fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule =
            (0..self.header.len()).map(|column| if column < NAMES { "---" } else { "---:" }.to_owned());
        let mut text = format!("### {}\n{}\n\n", self.title, self.note);
        text.push_str(&line(self.header.clone()));
        text.push_str(&line(rule.collect()));
        for row in &self.rows {
            text.push_str(&line(row.iter().map(Cell::to_markdown).collect()));
        }
        text.push('\n');
        text
    }
}

/// Microseconds with as many digits as mean something.
pub(crate) fn micros(micros: f64) -> String {
    match micros {
        100.0.. => format!("{micros:.0}"),
        10.0.. => format!("{micros:.1}"),
        _ => format!("{micros:.2}"),
    }
}

/// A median, and the fastest round in parentheses.
pub(crate) fn timing(timing: &Timing) -> String {
    format!("{} ({})", micros(timing.median_us), micros(timing.min_us))
}
