//! The formats in which a stream can be written: each says the same things, update by update.
//!
//! Whoever fans out asks for the bytes of an update once for each format and hands them to everyone. So the bytes hold
//! nothing of a single subscriber: where several subscriptions share a connection, the number of the subscription comes in
//! a [`prefix`](Format::prefix) of its own.

use std::time::Duration;

use bytes::Bytes;
use tidegate_core::{Form, Position};

use crate::{braid, json_message, sse, websocket};

/// How a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Server-Sent Events, one resource.
    Sse,
    /// One JSON message a line, one resource.
    Ndjson,
    /// The parts of an answer to a Braid subscription, one resource.
    Braid,
    /// JSON messages as Server-Sent Events, for several resources.
    Multiplexed,
    /// JSON messages in WebSocket frames, for several resources.
    WebSocket,
}

/// What an update brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The whole.
    Snapshot,
    /// RFC 6902 operations from the position before.
    Patch,
    /// An RFC 7396 merge patch from the position before.
    Merge,
}

impl Kind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Snapshot => sse::event_type::SNAPSHOT,
            Kind::Patch => sse::event_type::PATCH,
            Kind::Merge => sse::event_type::MERGE,
        }
    }
}

/// One update to be written.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// What it brings.
    pub kind: Kind,
    /// Where it leads.
    pub position: Position,
    /// Where it leads from; none for a snapshot.
    pub parent: Option<Position>,
    /// What sort of text a snapshot is; patches are JSON.
    pub form: Form,
    /// The text.
    pub text: &'a str,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 5] =
        [Format::Sse, Format::Ndjson, Format::Braid, Format::Multiplexed, Format::WebSocket];

    /// A number below the length of [`ALL`](Self::ALL), for tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The media type of an answer in it; none where it is no answer to a `GET`.
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            Format::Sse | Format::Multiplexed => Some(crate::EVENT_STREAM),
            Format::Ndjson => Some(crate::NDJSON),
            Format::Braid | Format::WebSocket => None,
        }
    }

    /// Whether several subscriptions share a connection.
    pub fn is_carried(self) -> bool {
        matches!(self, Format::Multiplexed | Format::WebSocket)
    }

    /// An update.
    pub fn update(self, update: Update<'_>) -> Bytes {
        match self {
            Format::Sse => sse::Event::update(update.kind, update.position, update.text).encode(),
            Format::Braid => braid::update(update),
            _ => self.message(&json_message::update(update)),
        }
    }

    /// A status; `json` is what [`Status::to_json`](crate::Status::to_json) gives, `retry` when to come back should the
    /// stream break.
    pub fn status(self, json: &str, retry: Option<Duration>) -> Bytes {
        match self {
            Format::Sse => {
                let event = sse::Event::status(json);
                retry.map_or(event, |retry| event.retry(retry)).encode()
            }
            // It has no way to say it.
            Format::Braid => braid::HEARTBEAT,
            _ => self.message(&json_message::status(json, retry)),
        }
    }

    /// What is said to people before a snapshot that comes instead of a continuation; nothing where programs would have to
    /// read it.
    pub fn note(self, text: &str) -> Bytes {
        match self {
            Format::Sse => sse::note(text),
            _ => Bytes::new(),
        }
    }

    /// What keeps a connection alive.
    pub fn heartbeat(self) -> Bytes {
        match self {
            Format::Sse | Format::Multiplexed => sse::HEARTBEAT,
            Format::Braid => braid::HEARTBEAT,
            Format::Ndjson | Format::WebSocket => self.lone_message(json_message::HEARTBEAT),
        }
    }

    /// What comes before each message of the subscription `sub`, in the formats that carry several.
    pub fn prefix(self, sub: u32) -> Bytes {
        let start = format!("{{\"sub\":{sub},");
        match self {
            Format::Sse | Format::Ndjson | Format::Braid => Bytes::new(),
            Format::Multiplexed => format!("data: {start}\n").into(),
            Format::WebSocket => websocket::first_fragment(start.as_bytes()),
        }
    }

    /// A JSON message as it stands in this format, behind its prefix where there is one. `rest` is the message without its
    /// opening brace.
    pub fn message(self, rest: &[u8]) -> Bytes {
        match self {
            Format::Ndjson => [b"{", rest, b"\n"].concat().into(),
            Format::Multiplexed => [b"data: ", rest, b"\n\n"].concat().into(),
            Format::WebSocket => websocket::last_fragment(rest),
            Format::Sse | Format::Braid => Bytes::new(),
        }
    }

    /// A JSON message of the connection itself, which belongs to no subscription. `rest` as for
    /// [`message`](Self::message).
    pub fn lone_message(self, rest: &[u8]) -> Bytes {
        match self {
            Format::WebSocket => websocket::text(&[b"{", rest].concat()),
            Format::Multiplexed => [b"data: {", rest, b"\n\n"].concat().into(),
            _ => self.message(rest),
        }
    }
}
