//! `tidegate serve`: the gateway in front of one's own API.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{info, warn};

use crate::check::summary;
use crate::config::Config;
use crate::edge::{Gateway, listen};
use crate::signals;

/// Runs the gateway until a signal ends it.
pub async fn run(config: Config) -> ExitCode {
    match serve(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Said outright, as a wrong configuration is: what the log shows may be filtered.
            eprintln!("tidegate: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let stop = signals::stop_token()?;
    let listener = listen(*config.listen, "--listen (or `listen` in the file)").await?;
    let address = listener.local_addr()?;
    let gateway = Arc::new(Gateway::new(config)?);
    let scheme = config.scheme();
    println!("Tidegate listens on {scheme}://{address}");
    print!("{}", summary(config));
    if let Some(route) = config.routes.iter().find(|route| route.live().is_some()) {
        println!(
            "Try: curl -N -H 'Accept: text/event-stream' {scheme}://{address}{}",
            example(&route.pattern.to_string())
        );
    }
    if let Some(open) = open_files().filter(|open| *open < *config.limits.max_streams + SPARE_FILES) {
        warn!(
            open_files = open,
            max_streams = *config.limits.max_streams,
            "the limit of open files is too low for that many streams: raise it with `ulimit -n`, or lower `max_streams`"
        );
    }
    if let Some(problem) = config.tls.as_ref().and_then(|tls| tls.problem_at(SystemTime::now().into())) {
        warn!("{problem}");
    }
    info!(%address, routes = config.routes.len(), "listening");
    gateway.clone().serve(listener, stop).await;
    gateway.tunnels().close().await;
    info!("closed");
    Ok(())
}

/// File descriptors for other things than streams: plain requests, connections to origins, the program's own.
const SPARE_FILES: usize = 256;

/// How many files this process may have open, where the system says so in Linux's way.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// A path that a person can fill in for a pattern.
fn example(pattern: &str) -> String {
    match pattern.strip_suffix("**") {
        Some(fixed) => format!("{fixed}…"),
        None => pattern.to_owned(),
    }
}
