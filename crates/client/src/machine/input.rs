//! What the machine is told, and what it decides on it.

use std::time::{Duration, Instant};

use http::{StatusCode, header};
use tidegate_core::Mode;
use tidegate_wire::{CONTENT_TYPE_FIELD, EVENT_STREAM, State, Status, Timestamp};

use super::decoder::Decoder;
use super::{Machine, Now, Pending, Phase, Purpose};
use crate::document::is_json;
use crate::head::Head;
use crate::poller::PollError;
use crate::{Disconnect, Error, Source, Update};

/// The most that is read of a refusal's explanation.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// How long the first byte behind a stream's head may take. A gateway's first event is there before the head is sent.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// Input.
impl Machine {
    /// The answer's head has come.
    pub(crate) fn handle_head(&mut self, now: Now, head: Head) {
        let Phase::Asked { source, asked, .. } = self.phase else { return };
        let was_unauthorized =
            std::mem::replace(&mut self.unauthorized, head.status == StatusCode::UNAUTHORIZED);
        let location = || head.field(&header::LOCATION).map(str::to_owned);
        match head.status.as_u16() {
            200 if head.is(self.settings.wishes.transport.media_type()) => {
                match head.headers.get(CONTENT_TYPE_FIELD) {
                    Some(media_type) if source == Source::Stream => {
                        self.streams_json = media_type.to_str().is_ok_and(is_json);
                        self.begin_stream(now);
                    }
                    _ => self.end(Error::ForeignStream),
                }
            }
            200 if head.is(EVENT_STREAM) => self.end(Error::ForeignStream),
            // WHATWG HTML §9.2.2: «tell the client to stop reconnecting». We have what there is.
            204 if self.document.is_some() => self.end(Error::Complete),
            // Credentials run out: what makes them anew gets a second chance, and not a third.
            401 if self.settings.fresh_fields && !was_unauthorized => {
                let cause = Disconnect::Answered { status: head.status, problem: None };
                self.disconnect(now, cause, head.retry_after());
            }
            200 if self.settings.polling => self.collect(now, Purpose::Representation { asked }, head),
            304 if source == Source::Polling => self.confirm(now, asked),
            406 if source == Source::Stream && self.settings.polling => self.send(now, Source::Polling),
            300..=399 => self.end(Error::Redirected { status: head.status, location: location() }),
            200 => self.end(Error::NoStream),
            100..=299 => self.end(Error::Refused { status: head.status, problem: None }),
            _ => self.collect(now, Purpose::Refusal, head),
        }
    }

    /// A part of the body has come.
    pub(crate) fn handle_body(&mut self, now: Now, bytes: &[u8]) {
        let idle_until = now.instant + self.settings.idle_timeout;
        match &mut self.phase {
            Phase::Streaming { decoder, heard, until, .. } => {
                *until = idle_until;
                *heard = true;
                self.held_back = 0;
                let pending = &mut self.pending;
                let result = decoder.feed(bytes, |arrived| pending.push_back(Pending::Arrived(arrived)));
                if result.is_err() {
                    // The same event would come again. What came before it is still given first.
                    self.end(Error::TooLarge { limit: self.settings.max_bytes });
                }
            }
            Phase::Collecting { purpose, body, until, .. } => {
                *until = idle_until;
                let limit = match purpose {
                    Purpose::Representation { .. } => self.settings.max_bytes,
                    Purpose::Refusal => MAX_REFUSAL_BYTES,
                };
                let fits = bytes.len().min(limit - body.len());
                body.extend_from_slice(&bytes[..fits]);
                if fits < bytes.len() {
                    match purpose {
                        Purpose::Representation { .. } => self.end(Error::TooLarge { limit }),
                        Purpose::Refusal => self.finish(now),
                    }
                }
            }
            Phase::Waiting { .. } | Phase::Asked { .. } | Phase::Ended(_) => {}
        }
    }

    /// The body has ended, complete.
    pub(crate) fn handle_end(&mut self, now: Now) {
        match self.phase {
            Phase::Streaming { .. } => self.disconnect(now, Disconnect::Closed, None),
            Phase::Collecting { .. } => self.finish(now),
            Phase::Waiting { .. } | Phase::Asked { .. } | Phase::Ended(_) => {}
        }
    }

    /// The exchange has failed: before its head ([`Disconnect::Unreachable`]) or within its body.
    pub(crate) fn handle_failure(&mut self, now: Now, cause: Disconnect) {
        match self.phase {
            // The status alone says enough.
            Phase::Collecting { purpose: Purpose::Refusal, .. } => self.finish(now),
            Phase::Asked { .. } | Phase::Streaming { .. } | Phase::Collecting { .. } => {
                self.disconnect(now, cause, None);
            }
            Phase::Waiting { .. } | Phase::Ended(_) => {}
        }
    }

    /// Time has passed. Does nothing before [`Machine::poll_timeout`].
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.look(now);
        if self.until().is_none_or(|until| now.instant < until) {
            return;
        }
        match self.phase {
            Phase::Waiting { .. } => self.attempt(now),
            Phase::Asked { .. } => {
                self.handle_failure(now, Disconnect::TimedOut(self.settings.answer_timeout));
            }
            Phase::Streaming { heard: false, .. } if self.settings.polling => self.go_around(now),
            Phase::Streaming { .. } | Phase::Collecting { .. } => {
                self.handle_failure(now, Disconnect::Silent(self.settings.idle_timeout));
            }
            Phase::Ended(_) => {}
        }
    }
}

impl Machine {
    fn begin_stream(&mut self, now: Now) {
        let decoder = Decoder::new(self.settings.wishes.transport, self.settings.max_bytes);
        // Where there is no other way, there is no hurry.
        let patience = self.settings.idle_timeout;
        let patience = if self.settings.polling { patience.min(FIRST_BYTE) } else { patience };
        let until = now.instant + patience;
        self.phase = Phase::Streaming { decoder, heard: false, worked: false, until };
        self.connected(Source::Stream);
    }

    fn connected(&mut self, source: Source) {
        self.source = Some(source);
        self.pending.push_back(Pending::Update(Update::Connected { source }));
    }

    fn collect(&mut self, now: Now, purpose: Purpose, head: Head) {
        let until = now.instant + self.settings.idle_timeout;
        self.phase = Phase::Collecting { purpose, head, body: Vec::new(), until };
    }

    /// The body that was collected is complete, or as complete as it gets.
    fn finish(&mut self, now: Now) {
        let waiting = Phase::Waiting { until: now.instant };
        let Phase::Collecting { purpose, head, body, .. } = std::mem::replace(&mut self.phase, waiting)
        else {
            return;
        };
        match purpose {
            Purpose::Refusal => {
                let (status, problem) = (head.status, head.problem(&body));
                if head.is_temporary() {
                    self.disconnect(now, Disconnect::Answered { status, problem }, head.retry_after());
                } else {
                    self.end(Error::Refused { status, problem });
                }
            }
            Purpose::Representation { asked } => match self.poller.accept(&head, &body, &mut self.document) {
                Ok(update) => {
                    if self.source != Some(Source::Polling) {
                        self.connected(Source::Polling);
                    }
                    if let Some(Update::Snapshot { position, .. } | Update::Patched { position, .. }) =
                        &update
                    {
                        self.position = Some(position.clone());
                    }
                    self.pending.extend(update.map(Pending::Update));
                    match self.settings.wishes.mode {
                        Mode::First => self.end(Error::Complete),
                        _ => self.confirm(now, asked),
                    }
                }
                Err(PollError::ForNow(cause)) => self.disconnect(now, cause, None),
                Err(PollError::ForGood(error)) => self.end(error),
            },
        }
    }

    /// A poll has been answered: the document is the origin's current one.
    fn confirm(&mut self, now: Now, asked: Instant) {
        self.backoff.succeed();
        let was_confirmed = self.confirmed.replace(now.wall).is_some();
        if std::mem::take(&mut self.poll_failing) || !was_confirmed {
            self.pending
                .push_back(Pending::Update(Update::Status(Status::live(now.wall, self.fresh_within_ms()))));
        }
        let interval = self.settings.poll_interval.max(self.settings.wishes.rate.unwrap_or_default());
        let until = (asked + interval).max(now.instant);
        self.phase = Phase::Waiting { until };
    }

    fn fresh_within_ms(&self) -> u64 {
        u64::try_from(self.settings.poll_interval.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn stale(&self, since: Timestamp, cause: &Disconnect, retry_in: Duration) -> Status {
        Status {
            state: State::Stale,
            cause: Some(cause.to_problem()),
            retry_in_ms: Some(u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX)),
            ..Status::live(since, self.fresh_within_ms())
        }
    }
}
