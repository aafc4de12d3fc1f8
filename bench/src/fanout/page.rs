//! The page in `docs/` that shows the last run, with its plots beside it.

use std::fs;
use std::io;
use std::path::Path;

use super::report::{Report, Section};

/// Writes the page, and its plots into the same folder.
pub(super) fn write(report: &Report, command: &str, file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    for plot in report.sections.iter().flat_map(|section| &section.plots) {
        fs::write(folder.join(format!("fanout-{}.svg", plot.name)), plot.to_svg())?;
    }
    fs::write(file, text(report, command))
}

fn text(report: &Report, command: &str) -> String {
    let mut text = format!(
        "<!-- Written by the run that it shows: `{command}`. -->\n\
         # Fan-out\n\n\
         How the gateway delivers to many subscribers, beside its peers and beside **the ceiling**: a bare epoll loop \
         that writes bytes framed beforehand, one `send` for each event and subscriber, which is the least that a \
         server can do. All run on one machine, one after the other or in turns, with the same source and the same \
         load client:\n\n\
         ```sh\ncargo build --release -p tidegate -p tidegate-bench\n{command}\n```\n\n\
         A source changes its resources at given times. Peers are told of each change; the gateway asks, as it does \
         in use, so its times are given twice: from the source's answer, which compares with the peers' times, and \
         from the change. The load client opens all streams from several loopback addresses, checks that no version \
         is missing or comes out of order, and for a sample of the connections applies every patch and compares the \
         document with the source's in the end. Server, load client and source are processes of their own. Unless a \
         table says otherwise the server has one core and the others share the rest. CPU is from `/proc/PID/stat`, of \
         all threads, by the tick of 10 ms; user and system time are told apart by sampling. A run during which other \
         work took more than a tenth of a core, or in which the kernel dropped packets of a full backlog, is \
         discarded and measured again.\n\n## Conditions\n\n"
    );
    report.conditions.iter().for_each(|line| text += &format!("- {line}\n"));
    report.discarded.iter().for_each(|line| text += &format!("- Discarded: {line}\n"));
    text += &format!("\n{}\n", report.verdict());
    report.sections.iter().for_each(|section| text += &part(section));
    text
}

fn part(section: &Section) -> String {
    let mut text = format!("## {}\n\n", section.title);
    for plot in &section.plots {
        text += &format!("![{}](fanout-{}.svg)\n\n", plot.title, plot.name);
    }
    section.tables.iter().for_each(|table| text += &table.to_markdown());
    section.lines().iter().for_each(|line| text += &format!("- {line}\n"));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::plot::{Plot, Shape};

    #[test]
    fn shows_each_section_with_its_plots() {
        let mut section = Section::new("memory", "Memory");
        section.plots.push(Plot {
            name: "memory".into(),
            title: "bytes".into(),
            shape: Shape::Bars { logarithmic: true, bars: vec![("tidegate".into(), 500.0)] },
        });
        let report =
            Report { conditions: vec!["a machine".into()], sections: vec![section], discarded: vec![] };
        let text = text(&report, "run it");
        for part in ["```sh\n", "run it\n```", "- a machine\n", "## Memory\n\n![bytes](fanout-memory.svg)"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
