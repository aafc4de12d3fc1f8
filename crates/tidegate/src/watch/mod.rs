//! `tidegate watch URL`: a live document in the terminal, or its updates as lines.
//!
//! It follows the stream that the URL offers, and polls a URL that offers none; [`tidegate_client`] does both. What is
//! shown is made by pure parts: [`marks`] and [`render`] (the document with what changed), [`view`] (the screen),
//! [`account`] (what polling would have cost), [`lines`] (updates as JSON or plain lines). [`follow`] and [`screen`]
//! write them.

mod account;
mod follow;
mod lines;
mod marks;
mod render;
mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tidegate_client::{BuildError, Client, Error, Mode, Transport};

use follow::Format;

/// What to watch, and how to show it.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The document's URL.
    pub url: String,
    /// One JSON object for each update, on a line of its own.
    pub json: bool,
    /// How often a URL that offers no stream is asked.
    pub poll: Duration,
    /// Header fields for every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// End after this many snapshots and patches.
    pub count: Option<u64>,
    /// What is asked of a gateway.
    pub wishes: Wishes,
}

/// What is asked of a gateway beyond the document itself; each is an option of the client.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The part of the document: a JSON Pointer or a JSONPath.
    pub select: Option<String>,
    /// How changes come.
    pub mode: Mode,
    /// The least time between two updates.
    pub rate: Option<Duration>,
    /// How old the data may be.
    pub max_age: Option<Duration>,
    /// How the stream is written.
    pub transport: Transport,
}

impl WatchOptions {
    fn client(&self) -> Result<Client, BuildError> {
        let Wishes { select, mode, rate, max_age, transport } = &self.wishes;
        let mut builder =
            Client::builder(&self.url).poll_interval(self.poll).mode(*mode).transport(*transport);
        for (name, value) in &self.headers {
            builder = builder.header(name.clone(), value.clone());
        }
        if let Some(select) = select {
            builder = builder.select(select);
        }
        if let Some(rate) = rate {
            builder = builder.rate(*rate);
        }
        if let Some(age) = max_age {
            builder = builder.max_age(*age);
        }
        builder.build()
    }
}

/// Why watching has ended before somebody ended it.
#[derive(Debug)]
enum Failure {
    /// The client has.
    Ended(Error),
    /// What was to be shown cannot be written.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Watches until Ctrl-C, `q`, the count, until there is nothing more to come, or an error
/// that trying again cannot mend. Only the last is a failure; a reader that closes the pipe has seen enough.
pub async fn run(options: WatchOptions) -> ExitCode {
    let live = match options.client() {
        Ok(client) => client.live(),
        Err(error) => {
            eprintln!("tidegate watch: {error}\n  {}", build_remedy(&error));
            return ExitCode::FAILURE;
        }
    };
    let result = if options.json {
        follow::to_stdout(live, Format::Json, options.count).await
    } else if io::stdout().is_terminal() {
        screen::run(live, options.poll, options.count).await
    } else {
        follow::to_stdout(live, Format::Plain, options.count).await
    };
    match result {
        Ok(()) | Err(Failure::Ended(Error::Complete)) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            eprintln!("tidegate watch: the output cannot be written: {error}");
            ExitCode::FAILURE
        }
        Err(Failure::Ended(error)) => {
            eprintln!("tidegate watch: {}: {error}\n  {}", options.url, remedy(&error));
            ExitCode::FAILURE
        }
    }
}

/// What to do about a client that could not be made.
fn build_remedy(error: &BuildError) -> &'static str {
    match error {
        BuildError::Url { .. } => "Give a whole URL, such as http://127.0.0.1:8080/quotes",
        BuildError::ReservedField(_) => {
            "Leave that -H out; --select, --mode, --rate and --max-age say what such fields say"
        }
        BuildError::Option { .. } => "See tidegate watch --help",
        BuildError::Tls(_) => "Install the system's root certificates (on Debian: ca-certificates)",
    }
}

/// What to do about an error that ended the client.
fn remedy(error: &Error) -> String {
    match error {
        Error::Refused { status, .. } => match status.as_u16() {
            200..=299 => "There is nothing to watch at this URL: check its path",
            401 => "Send credentials with -H 'Authorization: Bearer …'",
            403 => "These credentials may not read it: send others with -H 'Authorization: …'",
            404 | 410 => "Check the URL's path and query",
            405 => "The URL does not allow GET: check its path",
            _ => "Check the URL, and what the server says about it",
        }
        .to_owned(),
        Error::Redirected { location: Some(location), .. } => {
            format!("If you trust it with your headers, watch {} instead", render::printable(location))
        }
        Error::Redirected { location: None, .. } => {
            "Find out where the resource has gone, and watch that".into()
        }
        Error::Complete => "There is nothing to do".into(),
        Error::Unselectable { .. } => "Watch it without --select, or select another part".into(),
        Error::ForeignStream => "It is another program's stream: read it with curl -N".into(),
        Error::NoStream => "Watch it without asking for a stream only".into(),
        Error::NotText { .. } => "Only JSON and text can be watched".into(),
        Error::TooLarge { .. } => "Watch a smaller part of it, if the API has a URL for one".into(),
    }
}

/// Somebody wants the program to end.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
            // Without handlers the signals end the program by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
