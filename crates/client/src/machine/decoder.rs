//! The bytes of a stream as messages, whatever it is written in.

use tidegate_wire::json_message::{self, Event};
use tidegate_wire::sse::{self, Item, Received};
use tidegate_wire::{Message, MessageError};

use crate::Transport;

/// Reads a stream. It hands out what is complete as it came: what it means is read one by one, so that an event that is
/// wrong does not take those before it with it.
#[derive(Debug)]
pub(super) enum Decoder {
    Sse(sse::Decoder),
    Ndjson { line: Vec<u8>, limit: usize },
}

/// Something that is complete.
#[derive(Debug)]
pub(super) enum Arrived {
    /// The server's `retry`, in milliseconds.
    Retry(u64),
    Event(Received),
    Line(String),
}

/// One event, or one line, is over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Decoder {
    pub(super) fn new(transport: Transport, limit: usize) -> Decoder {
        match transport {
            Transport::Sse => Decoder::Sse(sse::Decoder::with_limit(limit)),
            Transport::Ndjson => Decoder::Ndjson { line: Vec::new(), limit },
        }
    }

    /// Reads on. What came before what is too large is still given.
    pub(super) fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(Arrived)) -> Result<(), TooLarge> {
        match self {
            Decoder::Sse(decoder) => {
                let mut items = Vec::new();
                let result = decoder.feed(bytes, &mut items);
                for item in items {
                    match item {
                        Item::Comment(_) => {}
                        Item::Retry(ms) => give(Arrived::Retry(ms)),
                        Item::Event(event) => give(Arrived::Event(event)),
                    }
                }
                result.map_err(|_| TooLarge)
            }
            Decoder::Ndjson { line, limit } => {
                let mut rest = bytes;
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    if line.len() + end > *limit {
                        return Err(TooLarge);
                    }
                    line.extend_from_slice(&rest[..end]);
                    let whole = std::mem::take(line);
                    if !whole.iter().all(u8::is_ascii_whitespace) {
                        // What is not UTF-8 is no JSON: the reader of the line says so.
                        give(Arrived::Line(String::from_utf8_lossy(&whole).into_owned()));
                    }
                    rest = &rest[end + 1..];
                }
                line.extend_from_slice(rest);
                if line.len() > *limit { Err(TooLarge) } else { Ok(()) }
            }
        }
    }
}

impl Arrived {
    /// The `retry` that it carries, and what it says.
    pub(super) fn read(&self) -> Result<(Option<u64>, Message<'_>), MessageError> {
        match self {
            Arrived::Retry(ms) => Ok((Some(*ms), Message::Unknown)),
            Arrived::Event(event) => Ok((None, Message::read(event)?)),
            Arrived::Line(line) => {
                let received = json_message::read(line)?;
                let message = match received.event {
                    Event::Message(message) if received.sub.is_none() => message,
                    // What only connections with several subscriptions have.
                    _ => Message::Unknown,
                };
                Ok((received.retry, message))
            }
        }
    }

    /// Whether the text of a snapshot that is not JSON comes as a JSON string.
    pub(super) fn quotes_text(&self) -> bool {
        matches!(self, Arrived::Line(_))
    }
}
