//! A received event by its meaning in this protocol.

use std::fmt;

use crate::sse::{Received, event_type};
use crate::{State, Status};

/// What an event of a live stream says. The texts are borrowed from the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// The whole representation at `position`.
    Snapshot {
        /// Where it stands; opaque.
        position: &'a str,
        /// The representation's text.
        text: &'a str,
    },
    /// A patch from the previous position to `position`.
    Patch {
        /// Where it leads; opaque.
        position: &'a str,
        /// The JSON text of the patch.
        text: &'a str,
    },
    /// An RFC 7396 merge patch from the previous position to `position`.
    Merge {
        /// Where it leads; opaque.
        position: &'a str,
        /// The JSON text of the merge patch.
        text: &'a str,
    },
    /// How fresh the data is.
    Status(Status),
    /// An event of a later version of the protocol, to be ignored.
    Unknown,
}

/// The event's type is one of ours and the rest is not as the protocol says.
#[derive(Debug)]
pub enum MessageError {
    /// An update without an id: nothing could be resumed from it.
    NoPosition,
    /// The id is over 128 bytes or has bytes that no header field can carry, so that it is no position of ours.
    BadPosition,
    /// The data of a status is not what it should be.
    Status(serde_json::Error),
    /// It is no JSON message, or one whose data is missing or not what it should be.
    Json(serde_json::Error),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageError::NoPosition => f.write_str("an update has no id"),
            MessageError::BadPosition => f.write_str("an update's id is not a position"),
            MessageError::Status(error) => write!(f, "a status cannot be read: {error}"),
            MessageError::Json(error) => write!(f, "a message cannot be read: {error}"),
        }
    }
}

impl std::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            MessageError::Status(error) | MessageError::Json(error) => Some(error),
            MessageError::NoPosition | MessageError::BadPosition => None,
        }
    }
}

fn position(id: &str) -> Result<&str, MessageError> {
    match id.len() {
        0 => Err(MessageError::NoPosition),
        1..=128 if id.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(id),
        _ => Err(MessageError::BadPosition),
    }
}

impl<'a> Message<'a> {
    /// Reads a server-sent event.
    pub fn read(event: &'a Received) -> Result<Message<'a>, MessageError> {
        Message::of(&event.event, &event.last_event_id, &event.data)
    }

    /// What an event of this name says, wherever it was written.
    pub(crate) fn of(event: &str, id: &'a str, text: &'a str) -> Result<Message<'a>, MessageError> {
        Ok(match event {
            event_type::SNAPSHOT => Message::Snapshot { position: position(id)?, text },
            event_type::PATCH => Message::Patch { position: position(id)?, text },
            event_type::MERGE => Message::Merge { position: position(id)?, text },
            event_type::STATUS => match serde_json::from_str(text) {
                Ok(status) => Message::Status(status),
                Err(_) if is_of_a_later_state(text) => Message::Unknown,
                Err(error) => return Err(MessageError::Status(error)),
            },
            _ => Message::Unknown,
        })
    }
}

/// Whether a status that cannot be read has a state that only a later version of the protocol knows.
fn is_of_a_later_state(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Any {
        state: String,
    }
    serde_json::from_str(text)
        .is_ok_and(|Any { state }| !State::ALL.iter().any(|known| known.as_str() == state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_and_its_errors() {
        let check = |event: &str, data: &str, id: &str, expected: &str| {
            let event = Received { event: event.into(), data: data.into(), last_event_id: id.into() };
            let read = match Message::read(&event) {
                Ok(Message::Snapshot { position, text }) => format!("snapshot {position} {text}"),
                Ok(Message::Patch { position, text }) => format!("patch {position} {text}"),
                Ok(Message::Merge { position, text }) => format!("merge {position} {text}"),
                Ok(Message::Status(status)) => format!("status {}", status.state == State::Live),
                Ok(Message::Unknown) => "unknown".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(read.starts_with(expected), "{read}");
        };
        check("snapshot", "{}", "a.1", "snapshot a.1 {}");
        check("patch", "[]", "a.2", "patch a.2 []");
        check("merge", "{}", "a.2", "merge a.2 {}");
        check(
            "status",
            r#"{"state":"live","since":"1970-01-01T00:00:00Z","fresh_within_ms":1}"#,
            "",
            "status true",
        );
        check("status", r#"{"state":"asleep"}"#, "", "unknown");
        check("status", r#"{"state":"live"}"#, "", "a status cannot be read");
        check("status", r#"{"state":7}"#, "", "a status cannot be read");
        check("message", "[]", "a.2", "unknown");
        check("snapshot", "{}", "", "an update has no id");
        check("patch", "[]", "a\tb", "an update's id is not a position");
        check("patch", "[]", &"a".repeat(129), "an update's id is not a position");
    }
}
