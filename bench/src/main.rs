//! Benchmarks. `cargo run --release -p tidegate-bench -- patch` measures the patch engine beside its peers and prints
//! the tables; `docs/BENCHMARKS.md` says how each figure comes about. `-- fanout` measures the built gateway beside its
//! peers with a load client; `docs/FANOUT.md` shows the last run. `-- polling` simulates the poll schedule beside fixed
//! intervals; `docs/POLLING.md` shows the last run.
//!
//! A benchmark is not a test: nothing is asserted, and a target that is missed is a line in the report.

mod allocations;
mod cases;
mod changes;
mod contest;
mod documents;
mod fanout;
mod measure;
mod neighbours;
mod node;
mod peers;
mod polling;
mod random;
mod report;
mod table;
mod targets;

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use clap::{Args, Parser, Subcommand};

use crate::measure::Effort;
use crate::peers::{Folder, Peers};
use crate::report::{Report, Row};

/// Tidegate's benchmarks.
#[derive(Debug, Parser)]
#[command(name = "tidegate-bench")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// The patch engine beside its peers: times, sizes, targets.
    Patch(PatchArguments),
    /// The built gateway's fan-out beside its peers: memory, CPU, latencies, targets.
    Fanout(fanout::Arguments),
    /// How fresh good feeds stay beside bad ones.
    Neighbours(neighbours::Arguments),
    /// The poll schedule in a simulated day, beside fixed intervals: requests for the same freshness.
    Polling(polling::Arguments),
    /// A part of a fan-out run, in a process that the run starts.
    #[command(hide = true)]
    Role(fanout::RoleArguments),
}

#[derive(Debug, Args)]
struct PatchArguments {
    /// Fewer rounds and shorter limits: a look, not a result.
    #[arg(long)]
    quick: bool,
    /// Also write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write the tables as markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Only cases whose name (`quotes-90k, 1% of rows`) contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seconds that a peer in another language has for each pair of documents [default: 20, or 3 with --quick].
    #[arg(long, value_name = "SECONDS")]
    peer_limit: Option<u64>,
    /// Leave out the peers in other languages.
    #[arg(long)]
    no_peers: bool,
}

fn main() -> io::Result<()> {
    match Arguments::parse().benchmark {
        Benchmark::Patch(arguments) => patch(&arguments),
        Benchmark::Fanout(arguments) => fanout::run(&arguments),
        Benchmark::Neighbours(arguments) => neighbours::run(&arguments),
        Benchmark::Polling(arguments) => polling::run(&arguments),
        Benchmark::Role(arguments) => fanout::play(&arguments),
    }
}

fn patch(arguments: &PatchArguments) -> io::Result<()> {
    let (effort, limit) = if arguments.quick {
        (Effort { min_rounds: 3, max_rounds: 50, budget: Duration::from_millis(300) }, 3)
    } else {
        (Effort { min_rounds: 11, max_rounds: 1_000, budget: Duration::from_secs(4) }, 20)
    };
    let limit = arguments.peer_limit.unwrap_or(limit);
    if cfg!(debug_assertions) {
        eprintln!("This is not a release build: its figures mean nothing. Run it with --release.");
    }

    let folder = Folder::new()?;
    let mut rows = Vec::new();
    for case in cases::all(arguments.only.as_deref()) {
        eprintln!("{}", case.name());
        let texts = case.texts();
        folder.add(&case, &texts)?;
        let measured = contest::measure(&case, &texts, effort);
        rows.push(Row { case, body_bytes: texts.after[0].len(), measured, peers: Vec::new() });
    }

    // After our own measurements, which they would disturb.
    let peers = if arguments.no_peers {
        Peers::default()
    } else {
        eprintln!("peers in other languages");
        Peers::run(&folder, limit)
    };
    for row in &mut rows {
        row.peers = peers.answers(&row.case);
    }

    let rounds = format!("{} to {} rounds for each case", effort.min_rounds, effort.max_rounds);
    let report = Report { conditions: Report::conditions(&rounds, &peers, limit), rows };
    print!("{}", report.to_text());
    if let Some(file) = &arguments.json {
        fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    if let Some(file) = &arguments.markdown {
        fs::write(file, report.to_markdown())?;
    }
    Ok(())
}
