//! The fan-out: the built gateway beside its peers, with thousands of subscribers.
//!
//! Everything runs on this machine: a source that changes, the server that is measured, and a load client that checks
//! what it receives. Each is a process of its own, so that each one's CPU and memory are its own; the report gives all
//! of them, because work can be moved from one to the other.

mod axum_peer;
mod bench;
mod ceiling;
mod channels;
mod client;
mod clock;
pub(crate) mod contenders;
pub(crate) mod cores;
mod fetcher;
mod hyper_peer;
mod identity;
pub(crate) mod latency;
mod page;
mod plot;
pub(crate) mod proc;
mod report;
mod role;
mod scan;
mod scenarios;
mod session;
mod source;
mod stamp;
mod stats;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use bench::Bench;
use contenders::Contender;
use report::Report;
use scenarios::Scenario;

/// `tidegate-bench fanout`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which scenarios [default: all]
    #[arg(value_enum, value_name = "SCENARIO")]
    scenarios: Vec<Scenario>,
    /// Fewer subscribers and shorter runs: a look, not a result.
    #[arg(long)]
    quick: bool,
    /// Only these contenders, in the scenarios that have them.
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    with: Vec<Contender>,
    /// Also write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write the tables as markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also write the page, and its plots beside it: `docs/FANOUT.md`.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Arguments {
    /// The command that leads to the page again.
    fn command(&self, page: &Path) -> String {
        let mut command = "cargo run --release -p tidegate-bench -- fanout".to_owned();
        for scenario in &self.scenarios {
            command += &format!(" {}", scenario.name());
        }
        if self.quick {
            command += " --quick";
        }
        format!("{command} --page {}", page.display())
    }
}

/// `tidegate-bench role`
#[derive(Debug, clap::Args)]
pub(crate) struct RoleArguments {
    /// Which part to play.
    name: String,
    /// How, as JSON.
    config: String,
}

/// Measures and reports.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("This is not a release build: its figures mean nothing. Run it with --release.");
    }
    let mut bench = Bench::new(arguments.quick, arguments.with.clone());
    let mut sections = Vec::new();
    for scenario in Scenario::chosen(&arguments.scenarios) {
        eprintln!("{}", scenario.name());
        let start = Instant::now();
        sections.push(scenario.run(&mut bench)?);
        eprintln!("  took {:.0} s", start.elapsed().as_secs_f64());
    }
    let report = Report { conditions: bench.conditions(), sections, discarded: bench.discarded };
    print!("{}", report.to_text());
    if let Some(file) = &arguments.json {
        fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    if let Some(file) = &arguments.markdown {
        fs::write(file, report.to_markdown())?;
    }
    if let Some(file) = &arguments.page {
        page::write(&report, &arguments.command(file), file)?;
    }
    Ok(())
}

/// Plays a part in a run that another process leads.
pub(crate) fn play(arguments: &RoleArguments) -> io::Result<()> {
    let config = &arguments.config;
    match arguments.name.as_str() {
        "axum" => axum_peer::run(),
        "ceiling" => ceiling::run(config),
        "client" => client::run(config),
        "fetcher" => fetcher::run(config),
        "hyper" => hyper_peer::run(config),
        "program" => contenders::become_program(config),
        "source" => source::run(config),
        other => Err(io::Error::other(format!("there is no part called {other}"))),
    }
}
