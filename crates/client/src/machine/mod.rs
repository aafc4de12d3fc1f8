//! The client's state machine. It owns the document, the position and the plan; it does no I/O, reads no clock and
//! draws its jitter from a seed, so its tests run in virtual time.
//!
//! The shell's contract:
//! - `handle_*` is input. It may be called only when [`Machine::poll_update`] has nothing to give, so that an update
//!   is always returned before the next thing happens.
//! - [`Machine::poll_command`] says what to do with the one exchange there can be: begin another (which ends the
//!   current one), or end it.
//! - [`Machine::poll_timeout`] says when to call [`Machine::handle_timeout`] at the latest.
//!
//! Invariants:
//! - The position is that of the document: both change together, or the position is dropped.
//! - After [`Machine::poll_update`] gave an update, the document is the one of that update, and no later one.
//! - While it has not ended there is always a time-out: it cannot fall silent.

mod input;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, header};
use tidegate_core::json::{self, Patch};
use tidegate_wire::sse::{Decoder, Item, Received};
use tidegate_wire::{Message, Timestamp};

use crate::backoff::Backoff;
use crate::head::Head;
use crate::poller::Poller;
use crate::{Disconnect, Document, Error, Source, Update};

/// The time of an input: one clock to measure with, one to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: Timestamp,
}

/// What can be set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How long an answer's head may take.
    pub(crate) answer_timeout: Duration,
    /// How long a body may be silent.
    pub(crate) idle_timeout: Duration,
    /// The time between two polls, from start to start.
    pub(crate) poll_interval: Duration,
    /// The exponential ceiling of the wait between attempts.
    pub(crate) max_backoff: Duration,
    /// The most bytes of one event, or of one body.
    pub(crate) max_bytes: usize,
    /// Whether a URL that offers no stream is polled.
    pub(crate) polling: bool,
}

/// What to do with the exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Begin a new one, with these fields beside the caller's.
    Send(Vec<(HeaderName, HeaderValue)>),
    /// End it; its answer is not wanted any more.
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A representation, asked for at this time.
    Representation { asked: Instant },
    /// The explanation of a refusal.
    Refusal,
}

#[derive(Debug)]
enum Phase {
    /// Until the next attempt.
    Waiting { until: Instant },
    /// A request is out.
    Asked { source: Source, asked: Instant, until: Instant },
    /// The body is a stream of events.
    Streaming { decoder: Decoder, worked: bool, until: Instant },
    /// The body is wanted whole.
    Collecting { purpose: Purpose, head: Head, body: Vec<u8>, until: Instant },
    /// Nothing more happens.
    Ended(Error),
}

#[derive(Debug)]
enum Pending {
    Item(Item),
    Update(Update),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: Settings,
    backoff: Backoff,
    phase: Phase,
    document: Option<Document>,
    position: Option<String>,
    source: Option<Source>,
    /// The stream carries JSON.
    streams_json: bool,
    poller: Poller,
    /// The last time a poll was answered.
    confirmed: Option<Timestamp>,
    /// The last status of a polled resource said that it is stale.
    poll_failing: bool,
    pending: VecDeque<Pending>,
    command: Option<Command>,
}

/// Creation and getters.
impl Machine {
    /// A machine that wants to connect at once. `seed` decides its jitter and the epoch of what it polls.
    pub(crate) fn new(settings: Settings, seed: u64, now: Now) -> Machine {
        Machine {
            backoff: Backoff::new(seed, settings.max_backoff),
            poller: Poller::new(seed, settings.max_bytes),
            settings,
            phase: Phase::Waiting { until: now.instant },
            document: None,
            position: None,
            source: None,
            streams_json: false,
            confirmed: None,
            poll_failing: false,
            pending: VecDeque::new(),
            command: None,
        }
    }

    pub(crate) fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    pub(crate) fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    pub(crate) fn source(&self) -> Option<Source> {
        self.source
    }
}

/// Output.
impl Machine {
    /// The next update; when it has ended, always the error. `None`: wait for input.
    pub(crate) fn poll_update(&mut self, now: Now) -> Option<Result<Update, Error>> {
        while let Some(pending) = self.pending.pop_front() {
            let update = match pending {
                Pending::Update(update) => Some(update),
                Pending::Item(item) => self.take_item(now, item),
            };
            if let Some(update) = update {
                return Some(Ok(update));
            }
        }
        match &self.phase {
            Phase::Ended(error) => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// What to do with the exchange, once.
    pub(crate) fn poll_command(&mut self) -> Option<Command> {
        self.command.take()
    }

    /// When to call [`Machine::handle_timeout`]. `None`: it has ended.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { until }
            | Phase::Asked { until, .. }
            | Phase::Streaming { until, .. }
            | Phase::Collecting { until, .. } => Some(*until),
            Phase::Ended(_) => None,
        }
    }
}

/// Events of a stream.
impl Machine {
    fn take_item(&mut self, now: Now, item: Item) -> Option<Update> {
        let event = match item {
            Item::Comment(_) => return None,
            Item::Retry(ms) => {
                self.backoff.set_server_retry(ms);
                return None;
            }
            Item::Event(event) => event,
        };
        match self.take_event(&event) {
            Ok(update) => update,
            Err(what) => {
                // What comes after it builds on it.
                self.pending.retain(|pending| matches!(pending, Pending::Update(_)));
                if matches!(self.phase, Phase::Streaming { .. }) {
                    self.disconnect(now, Disconnect::Malformed(what), None);
                }
                None
            }
        }
    }

    fn take_event(&mut self, event: &Received) -> Result<Option<Update>, String> {
        let bytes = event.data.len();
        let update = match Message::read(event).map_err(|error| error.to_string())? {
            Message::Unknown => return Ok(None),
            Message::Status(status) => Update::Status(status),
            Message::Snapshot { position, text } => {
                self.document = Some(Document::read(text, self.streams_json));
                self.position = Some(position.to_owned());
                Update::Snapshot { position: position.to_owned(), bytes }
            }
            Message::Merge { .. } => {
                // It never asks for them; without a position the next connection begins with a snapshot.
                self.position = None;
                return Err("a merge patch, which was not asked for".to_owned());
            }
            Message::Patch { position, text } => {
                // Until it is applied nothing proves what the document is the state of. Without a position the next
                // connection begins with a snapshot.
                self.position = None;
                let patch = Patch::parse(text.as_bytes()).map_err(|error| format!("a patch ({error})"))?;
                let Some(Document::Json(value)) = &mut self.document else {
                    return Err("a patch of what is not JSON".to_owned());
                };
                json::apply_in_place(value, &patch)
                    .map_err(|error| format!("a patch that does not fit the document ({error})"))?;
                self.position = Some(position.to_owned());
                Update::Patched { position: position.to_owned(), patch: Arc::new(patch), bytes }
            }
        };
        if let Phase::Streaming { worked, .. } = &mut self.phase {
            *worked = true;
        }
        Ok(Some(update))
    }
}

/// Plans.
impl Machine {
    fn send(&mut self, now: Now, source: Source) {
        let until = now.instant + self.settings.answer_timeout;
        self.phase = Phase::Asked { source, asked: now.instant, until };
        let fields = match source {
            Source::Stream => {
                let accept = if self.settings.polling {
                    "text/event-stream, application/json;q=0.9, */*;q=0.5"
                } else {
                    "text/event-stream"
                };
                let position = self.position.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
                let resume = position.map(|value| (HeaderName::from_static("last-event-id"), value));
                let cache = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                let accept = (header::ACCEPT, HeaderValue::from_static(accept));
                [accept, cache].into_iter().chain(resume).collect()
            }
            Source::Polling => {
                let accept = (header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
                let coding = (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
                [accept, coding].into_iter().chain(self.poller.conditions().iter().cloned()).collect()
            }
        };
        self.command = Some(Command::Send(fields));
    }

    fn end(&mut self, error: Error) {
        self.phase = Phase::Ended(error);
        self.command = Some(Command::Cancel);
    }

    fn disconnect(&mut self, now: Now, cause: Disconnect, retry_after: Option<Duration>) {
        // A stream that gave something and then broke starts a new count. One that gave what does not fit does not,
        // or a server that is wrong each time would be asked without end.
        let was_good = matches!(self.phase, Phase::Streaming { worked: true, .. });
        if was_good && !matches!(cause, Disconnect::Malformed(_)) {
            self.backoff.succeed();
        }
        let retry_in = self.backoff.fail(retry_after);
        self.phase = Phase::Waiting { until: now.instant + retry_in };
        self.command = Some(Command::Cancel);
        let update = match (self.source, self.confirmed) {
            (Some(Source::Polling), Some(since)) => {
                self.poll_failing = true;
                Update::Status(self.stale(since, &cause, retry_in))
            }
            _ => Update::Disconnected { cause, retry_in },
        };
        self.pending.push_back(Pending::Update(update));
    }
}
