//! `tidegate serve`: the gateway in front of one's own API.

use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info};

use crate::check::summary;
use crate::config::Config;
use crate::edge::{Gateway, listen};
use crate::signals;

/// Runs the gateway until a signal ends it.
pub async fn run(config: Config) -> ExitCode {
    match serve(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
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
    println!("Tidegate listens on http://{address}");
    print!("{}", summary(config));
    if let Some(route) = config.routes.iter().find(|route| route.live().is_some()) {
        println!(
            "Try: curl -N -H 'Accept: text/event-stream' http://{address}{}",
            example(&route.pattern.to_string())
        );
    }
    info!(%address, routes = config.routes.len(), "listening");
    gateway.clone().serve(listener, stop).await;
    gateway.tunnels().close().await;
    info!("closed");
    Ok(())
}

/// A path that a person can fill in for a pattern.
fn example(pattern: &str) -> String {
    match pattern.strip_suffix("**") {
        Some(fixed) => format!("{fixed}…"),
        None => pattern.to_owned(),
    }
}
