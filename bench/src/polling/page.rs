//! What a run found, for a terminal and as a page.

use std::fmt::Write;
use std::path::Path;

use super::traces::Kind;
use super::{Arguments, Comparison, Findings, Row, seconds};

/// For a terminal: the page's tables.
pub(super) fn text(findings: &Findings) -> String {
    let mut text = format!("{}\n\n{}\n{}", day(findings), main_table(findings), kinds(findings));
    text += &format!("\n{}", unwritten(&findings.unwritten));
    if !findings.curve.is_empty() {
        text += &format!("\n{}\n{}\n", curve(findings), other_days(findings));
    }
    text.replace('`', "")
}

/// The page.
pub(super) fn markdown(findings: &Findings, arguments: &Arguments, file: &Path) -> String {
    let mut command = "cargo run --release -p tidegate-bench -- polling".to_owned();
    if arguments.feeds != 1000 {
        command += &format!(" --feeds {}", arguments.feeds);
    }
    if arguments.seed != 1 {
        command += &format!(" --seed {}", arguments.seed);
    }
    if arguments.quick {
        command += " --quick";
    }
    let mut page = format!(
        "<!-- Made by `{command} --page {}`. -->\n# Polling\n\n\
         How many requests the schedule makes for how fresh data, in a simulated day of a thousand feeds. The command \
         takes less than two minutes, and gives the same figures each time:\n\n```\n{command} --page {}\n```\n\n",
        file.display(),
        file.display()
    );
    page += &format!(
        "## The day\n{} They are made from a seed, by kinds and rates that APIs are known for (`bench/src/polling/traces.rs`): \n\n{}\n",
        day(findings),
        kinds(findings)
    );
    page += &format!(
        "## For the same freshness\n\
         Freshness is the mean time from a change to its detection, over all changes of the day; one that another overtakes \
         is seen with that. The other ways get the intervals with which they are exactly as fresh as ours is.\n\n{}\n\
         The best interval for each is chosen when the day is over, for the least number of requests: nobody has it on the \
         day itself. It is beaten because an interval that follows the day is better than the best that stays. \
         *By feed* is the mean of the feeds' own means, in which a feed that changes once a day counts as much as one that \
         changes every second: it is what rarely changing feeds pay, and `poll_max` bounds it.\n\n",
        main_table(findings)
    );
    page += &format!("{}\n", unwritten(&findings.unwritten));
    if !findings.curve.is_empty() {
        page += &format!(
            "{}\n\n## At other targets\n![Requests by freshness](polling.svg)\n\n{}\n",
            other_days(findings),
            curve(findings)
        );
    }
    page + "## What the simulation leaves out\n\
            Answers cost the same here, and none says how long it is fresh or when it was modified: with \
            `Cache-Control`, `Last-Modified` and dear answers the schedule makes fewer requests still. An origin answers after \
            40 ms, and never fails.\n"
}

fn day(findings: &Findings) -> String {
    format!("{} feeds with {} changes in 24 hours.", findings.feeds, thousands(findings.changes as f64))
}

fn row(row: &Row, single: f64) -> String {
    let total = row.total();
    let delays = &total.delays;
    let cells = [
        row.name.clone(),
        thousands(total.requests),
        format!("{:.2}", total.requests / single),
        seconds(delays.mean()),
        seconds(delays.quantile(0.5)),
        seconds(delays.quantile(0.95)),
        seconds(delays.worst),
        seconds(row.mean_by_feed()),
    ];
    line(&cells)
}

fn main_table(findings: &Findings) -> String {
    let Comparison { ours, single, each, unbounded, .. } = &findings.main;
    let requests = single.total().requests;
    let mut table = "| | requests | share | mean delay | p50 | p95 | worst | by feed |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for one in [single, each, unbounded, ours] {
        table += &row(one, requests);
    }
    table
}

fn kinds(findings: &Findings) -> String {
    let mut table = "| kind | feeds | changes | requests | mean delay | p95 | requests with one interval |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for (kind, _) in Kind::MIX {
        let feeds = findings.traces.iter().filter(|trace| trace.kind == kind).count();
        let ours = findings.main.ours.of_kind(&findings.traces, kind);
        let single = findings.main.single.of_kind(&findings.traces, kind);
        let cells = [
            format!("{}: {}", kind.name(), kind.about()),
            feeds.to_string(),
            thousands(ours.delays.changes as f64),
            thousands(ours.requests),
            seconds(ours.delays.mean()),
            seconds(ours.delays.quantile(0.95)),
            thousands(single.requests),
        ];
        table += &line(&cells);
    }
    table
}

fn unwritten(comparison: &Comparison) -> String {
    let (ours, single) = (comparison.ours.total(), comparison.single.total());
    format!(
        "Where `poll_max` is not written, it is twice `poll`. With `poll` {} that is {} requests, {:.2} of those of one \
         interval for all at the same mean delay of {}.\n",
        seconds(comparison.target),
        thousands(ours.requests),
        ours.requests / single.requests,
        seconds(ours.delays.mean())
    )
}

fn curve(findings: &Findings) -> String {
    let mut table = "| `poll` | `poll_max` | mean delay | requests | one interval | best for each, within bounds | share of one interval |\n\
                     | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for comparison in &findings.curve {
        let ours = comparison.ours.total();
        let cells = [
            seconds(comparison.target),
            seconds(comparison.ceiling),
            seconds(ours.delays.mean()),
            thousands(ours.requests),
            thousands(comparison.single.total().requests),
            thousands(comparison.each.total().requests),
            format!("{:.2}", comparison.share()),
        ];
        table += &line(&cells);
    }
    table
}

fn other_days(findings: &Findings) -> String {
    let (least, most) = findings
        .other_days
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), share| (least.min(*share), most.max(*share)));
    format!(
        "On {} other days, with other seeds, the share is {least:.2} to {most:.2}.",
        findings.other_days.len()
    )
}

fn line(cells: &[String]) -> String {
    let mut line = String::new();
    for cell in cells {
        // Writing to a `String` cannot fail.
        let _ = write!(line, "| {cell} ");
    }
    line + "|\n"
}

/// A whole number with its thousands apart.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (number, expected) in [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(thousands(number), expected);
        }
    }
}
