//! What to do next, and when.

use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, header};

use super::{Command, Machine, Now, Pending, Phase};
use crate::{Disconnect, Error, Source, Update};

/// How long something is polled that could be a stream, before a stream is tried again; twice as long each time that
/// was in vain.
const HELD_BACK: Duration = Duration::from_secs(60);
const LONGEST_HELD_BACK: Duration = Duration::from_secs(3600);

impl Machine {
    pub(super) fn send(&mut self, now: Now, source: Source) {
        let until = now.instant + self.settings.answer_timeout;
        self.phase = Phase::Asked { source, asked: now.instant, until };
        let fields = match source {
            Source::Stream => self.stream_fields(),
            Source::Polling => {
                let accept = (header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
                let coding = (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
                [accept, coding].into_iter().chain(self.poller.conditions().iter().cloned()).collect()
            }
        };
        self.command = Some(Command::Send(fields));
    }

    fn stream_fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let media_type = self.settings.wishes.transport.media_type();
        let accept = match self.settings.polling {
            true => format!("{media_type}, application/json;q=0.9, */*;q=0.5"),
            false => media_type.to_owned(),
        };
        let field = |name, text: &str| HeaderValue::from_str(text).ok().map(|value| (name, value));
        let accept = field(header::ACCEPT, &accept);
        let position = self.position.as_deref();
        let resume = position.and_then(|text| field(HeaderName::from_static("last-event-id"), text));
        [accept, resume].into_iter().flatten().chain(self.settings.wishes.fields()).collect()
    }

    /// The next attempt.
    pub(super) fn attempt(&mut self, now: Now) {
        let again = self.stream_again.is_some_and(|at| now.instant >= at);
        if again {
            self.stream_again = None;
        }
        let source = if again { Source::Stream } else { self.source.unwrap_or(Source::Stream) };
        self.send(now, source);
    }

    /// A stream's head came and nothing behind it, although a gateway's first event comes right after it: something on
    /// the way gathers the whole answer, and there is none. It is polled instead, for a while.
    pub(super) fn go_around(&mut self, now: Now) {
        let doubled = HELD_BACK.saturating_mul(2u32.saturating_pow(self.held_back));
        self.held_back = self.held_back.saturating_add(1);
        self.stream_again = Some(now.instant + doubled.min(LONGEST_HELD_BACK));
        self.send(now, Source::Polling);
    }

    /// Counts the time that the machine slept through as time that passed: sockets seldom live through it, and what was
    /// waited for is over. A wall clock that is set forward looks the same, and costs a reconnect.
    pub(super) fn look(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.looked, now);
        let by_wall = now.wall.unix_ms().saturating_sub(before.wall.unix_ms());
        let by_wall = Duration::from_millis(u64::try_from(by_wall).unwrap_or_default());
        let slept = by_wall.saturating_sub(now.instant.saturating_duration_since(before.instant));
        if slept < self.settings.idle_timeout {
            return;
        }
        let earlier = |at: Instant| at.checked_sub(slept).unwrap_or(now.instant);
        self.stream_again = self.stream_again.map(earlier);
        match &mut self.phase {
            Phase::Waiting { until }
            | Phase::Asked { until, .. }
            | Phase::Streaming { until, .. }
            | Phase::Collecting { until, .. } => *until = earlier(*until),
            Phase::Ended(_) => {}
        }
    }

    pub(super) fn end(&mut self, error: Error) {
        self.phase = Phase::Ended(error);
        self.command = Some(Command::Cancel);
    }

    pub(super) fn disconnect(&mut self, now: Now, cause: Disconnect, retry_after: Option<Duration>) {
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
