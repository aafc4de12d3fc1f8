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
//! - Time that a machine slept through counts as time that passed, even where the clock that measures stood still.

mod decoder;
mod input;
mod plan;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tidegate_wire::Timestamp;

use crate::backoff::Backoff;
use crate::head::Head;
use crate::poller::Poller;
use crate::wishes::Wishes;
use crate::{Document, Error, Source, Update};
use decoder::{Arrived, Decoder};

/// How often the two clocks are compared, to notice that the machine slept. Timers usually stand still in that time.
const LOOK: Duration = Duration::from_secs(15);

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
    /// The caller's fields are made anew for each request, so that one that was refused for them may be made again.
    pub(crate) fresh_fields: bool,
    /// What is asked of a gateway.
    pub(crate) wishes: Wishes,
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
    Streaming { decoder: Decoder, heard: bool, worked: bool, until: Instant },
    /// The body is wanted whole.
    Collecting { purpose: Purpose, head: Head, body: Vec<u8>, until: Instant },
    /// Nothing more happens.
    Ended(Error),
}

#[derive(Debug)]
enum Pending {
    Arrived(Arrived),
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
    /// How many streams in a row brought nothing: something on the way holds them back.
    held_back: u32,
    /// When to try a stream again, where it is polled because of that.
    stream_again: Option<Instant>,
    /// The last answer was a 401.
    unauthorized: bool,
    /// When the clocks were compared last.
    looked: Now,
    pending: VecDeque<Pending>,
    command: Option<Command>,
}

/// Creation and getters.
impl Machine {
    /// A machine that wants to connect at once. `seed` decides its jitter and the epoch of what it polls.
    pub(crate) fn new(settings: Settings, seed: u64, now: Now) -> Machine {
        Machine {
            backoff: Backoff::new(seed, settings.max_backoff),
            poller: Poller::new(seed, settings.max_bytes, settings.wishes.select.clone()),
            settings,
            phase: Phase::Waiting { until: now.instant },
            document: None,
            position: None,
            source: None,
            streams_json: false,
            confirmed: None,
            poll_failing: false,
            held_back: 0,
            stream_again: None,
            unauthorized: false,
            looked: now,
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
                Pending::Arrived(arrived) => self.take_arrived(now, &arrived),
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
        Some(self.until()?.min(self.looked.instant + LOOK))
    }

    /// When something has to happen.
    fn until(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { until }
            | Phase::Asked { until, .. }
            | Phase::Streaming { until, .. }
            | Phase::Collecting { until, .. } => Some(*until),
            Phase::Ended(_) => None,
        }
    }
}
