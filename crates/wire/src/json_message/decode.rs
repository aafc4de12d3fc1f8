//! Reading messages: leniently, as a client has to that meets a later gateway. Events and members that are not known are
//! ignored; what is known has to be as the protocol says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::event_type;
use crate::problem::Problem;
use crate::{Message, MessageError};

/// A message that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<'a> {
    /// The subscription that it belongs to; none where there is only one, or where it is about the connection.
    pub sub: Option<u32>,
    /// How long to wait before the next attempt, should the stream break, in milliseconds.
    pub retry: Option<u64>,
    /// What it says.
    pub event: Event<'a>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// What an event of a single stream says, too. The text of a snapshot is the JSON text as it came: where the
    /// representation is not JSON, that is a string for [`read_string`].
    Message(Message<'a>),
    /// The subscription exists.
    Open {
        /// The media type of its representation.
        content_type: String,
    },
    /// The subscription was refused; without a subscription, a message of the client could not be read.
    Error {
        /// Why.
        problem: Box<Problem>,
        /// When to try again. None: not with the same request.
        retry_in_ms: Option<u64>,
    },
    /// The subscription has ended, and its number is free.
    End {
        /// When to subscribe again. None: the client wished it.
        retry_in_ms: Option<u64>,
    },
    /// The connection is alive.
    Heartbeat,
}

#[derive(Deserialize)]
struct Raw<'a> {
    sub: Option<u32>,
    #[serde(default)]
    event: String,
    retry: Option<u64>,
    retry_in_ms: Option<u64>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
}

/// `null` is a document like any other.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct OpenData {
    content_type: String,
}

#[derive(Deserialize)]
struct EndData {
    retry_in_ms: Option<u64>,
}

/// Reads a message. The texts of updates are borrowed from `text`, exactly as they came.
///
/// ```
/// use tidegate_wire::Message;
/// use tidegate_wire::json_message::{Event, read};
///
/// let received = read(r#"{"sub":3,"event":"snapshot","id":"a.1","data":{"price":1.10}}"#).unwrap();
/// let snapshot = Message::Snapshot { position: "a.1", text: r#"{"price":1.10}"# };
/// assert_eq!((received.sub, received.event), (Some(3), Event::Message(snapshot)));
/// ```
pub fn read(text: &str) -> Result<Received<'_>, MessageError> {
    let raw: Raw<'_> = serde_json::from_str(text).map_err(MessageError::Json)?;
    let data = raw.data.map(RawValue::get);
    let event = match raw.event.as_str() {
        event_type::OPEN => {
            let OpenData { content_type } = read_data(data)?;
            Event::Open { content_type }
        }
        event_type::ERROR => {
            Event::Error { problem: Box::new(read_data(data)?), retry_in_ms: raw.retry_in_ms }
        }
        event_type::END => {
            let EndData { retry_in_ms } = read_data(data)?;
            Event::End { retry_in_ms }
        }
        event_type::HEARTBEAT => Event::Heartbeat,
        name => match Message::of(name, raw.id.map_or("", read_id), data.unwrap_or_default())? {
            Message::Snapshot { .. } | Message::Patch { .. } | Message::Merge { .. } if data.is_none() => {
                return Err(no_data());
            }
            message => Event::Message(message),
        },
    };
    Ok(Received { sub: raw.sub, retry: raw.retry, event })
}

/// The text that a JSON string stands for: the snapshot of a representation that is not JSON.
pub fn read_string(json: &str) -> Result<String, MessageError> {
    serde_json::from_str(json).map_err(MessageError::Json)
}

fn read_data<T: DeserializeOwned>(data: Option<&str>) -> Result<T, MessageError> {
    serde_json::from_str(data.ok_or_else(no_data)?).map_err(MessageError::Json)
}

fn no_data() -> MessageError {
    MessageError::Json(serde::de::Error::missing_field("data"))
}

/// A position as it stands in the JSON text. It has no character that would need an escape: what has one, or is no string,
/// is read as something that is no position.
fn read_id(id: &RawValue) -> &str {
    let inner = id.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('\\')).unwrap_or(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProblemKind;

    #[test]
    fn each_event() {
        let check = |text: &str, sub: Option<u32>, retry: Option<u64>, event: Event<'_>| {
            assert_eq!(read(text).unwrap(), Received { sub, retry, event }, "{text}");
        };
        let data = r#"{ "a" : [1.10, "\u00fc"] }"#;
        check(
            &format!(r#"{{"event":"snapshot","id":"a.1","data":{data}}}"#),
            None,
            None,
            Event::Message(Message::Snapshot { position: "a.1", text: data }),
        );
        check(
            r#"{"data":[],"id":"a.2","later":{},"event":"patch","sub":7}"#,
            Some(7),
            None,
            Event::Message(Message::Patch { position: "a.2", text: "[]" }),
        );
        check(
            r#"{"sub":0,"event":"merge","id":"a.3","data":null}"#,
            Some(0),
            None,
            Event::Message(Message::Merge { position: "a.3", text: "null" }),
        );
        let json = r#"{"state":"live","since":"1970-01-01T00:00:00Z","fresh_within_ms":1}"#;
        check(
            &format!(r#"{{"event":"status","retry":1397,"data":{json}}}"#),
            None,
            Some(1397),
            Event::Message(Message::Status(serde_json::from_str(json).unwrap())),
        );
        check(
            r#"{"sub":3,"event":"open","data":{"content_type":"text/plain","later":1}}"#,
            Some(3),
            None,
            Event::Open { content_type: "text/plain".into() },
        );
        check(r#"{"sub":3,"event":"end","data":{}}"#, Some(3), None, Event::End { retry_in_ms: None });
        check(
            r#"{"sub":3,"event":"end","data":{"retry_in_ms":1200}}"#,
            Some(3),
            None,
            Event::End { retry_in_ms: Some(1200) },
        );
        let problem = Problem::new(ProblemKind::TooManyStreams);
        let data = serde_json::to_string(&problem).unwrap();
        check(
            &format!(r#"{{"event":"error","data":{data},"retry_in_ms":5}}"#),
            None,
            None,
            Event::Error { problem: Box::new(problem), retry_in_ms: Some(5) },
        );
        check(r#"{"event":"heartbeat"}"#, None, None, Event::Heartbeat);
        check(r#"{"event":"later","id":7}"#, None, None, Event::Message(Message::Unknown));
        check("{}", None, None, Event::Message(Message::Unknown));
    }

    #[test]
    fn what_is_not_as_the_protocol_says() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        };
        check("[]", "a message cannot be read: ");
        check(r#"{"event":"heartbeat"}{}"#, "a message cannot be read: trailing");
        check(r#"{"event":"snapshot","id":"a.1"}"#, "a message cannot be read: missing field `data`");
        check(r#"{"event":"snapshot","data":1}"#, "an update has no id");
        check(r#"{"event":"snapshot","id":null,"data":1}"#, "an update has no id");
        check(r#"{"event":"snapshot","id":7,"data":1}"#, "an update's id is not a position");
        check(r#"{"event":"patch","id":"a\u0062","data":[]}"#, "an update's id is not a position");
        check(r#"{"event":"status","data":{}}"#, "a status cannot be read");
        check(r#"{"event":"open","data":{}}"#, "a message cannot be read: missing field `content_type`");
        check(r#"{"event":"end"}"#, "a message cannot be read: missing field `data`");
    }

    #[test]
    fn text_in_a_string() {
        assert_eq!(read_string(r#""a\n\u00fc""#).unwrap(), "a\nü");
        assert!(read_string("1").is_err());
    }
}
