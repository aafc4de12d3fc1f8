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
    let needed = *config.limits.max_connections + SPARE_FILES;
    if let Some(open) = open_files_short_of(needed) {
        warn!(
            open_files = open,
            max_connections = *config.limits.max_connections,
            "this process may not have as many open files as connections: raise the limit with `ulimit -Hn` or \
             `LimitNOFILE=`, or lower `max_connections`"
        );
    }
    for problem in config.warnings_at(SystemTime::now().into()) {
        warn!("{problem}");
    }
    info!(%address, routes = config.routes.len(), "listening");
    gateway.clone().serve(listener, stop).await;
    gateway.tunnels().close().await;
    let (totals, ways) = (gateway.totals(), gateway.ways());
    info!(
        sends = totals.sends,
        frames = totals.frames,
        bytes = totals.bytes,
        snapshots = totals.snapshots,
        patches = totals.patches,
        joined = totals.joined,
        conflated = totals.conflated,
        unpinned = totals.unpinned,
        fetches = totals.fetches,
        first_requests = ways.first,
        taken_over = ways.taken_over,
        through_http = ways.through,
        "closed"
    );
    Ok(())
}

/// File descriptors for other things than clients: connections to origins, the program's own.
const SPARE_FILES: usize = 256;

/// Asks the system for so many open files. How many there may be, where that is fewer.
///
/// Systems give out a low limit for programs that cannot deal with more, and let the others ask (up to their hard limit).
fn open_files_short_of(needed: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = needed as u64;
    let current = current.filter(|current| *current < needed)?;
    let wanted = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok();
    let now = if raised { wanted } else { current };
    (now < needed).then(|| usize::try_from(now).unwrap_or(usize::MAX))
}

/// A path that a person can fill in for a pattern.
fn example(pattern: &str) -> String {
    match pattern.strip_suffix("**") {
        Some(fixed) => format!("{fixed}…"),
        None => pattern.to_owned(),
    }
}
