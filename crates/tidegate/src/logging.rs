//! Logs: for people in a terminal, as JSON lines everywhere else. On standard error, so that standard output stays
//! the program's.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// The environment variable that chooses what is logged, in `tracing`'s own syntax.
pub const LOG_VARIABLE: &str = "TIDEGATE_LOG";

/// Sets logging up for the whole process; a second call does nothing.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = match stderr().is_terminal() {
        true => builder.compact().with_target(false).try_init(),
        false => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    // Only a test could have set it up before.
    drop(started);
}
