//! Writing events.

use std::time::Duration;

use bytes::Bytes;
use tidegate_core::Position;

use crate::format::Kind;

/// A comment line that keeps the connection alive. There is no blank line after it, because some clients take one
/// for the end of an event without data.
pub const HEARTBEAT: Bytes = Bytes::from_static(b":\n");

/// A comment that stands in the event whose bytes follow, for people who read the stream; programs do not see it.
pub fn note(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 3);
    write_lines(&mut out, b": ", text);
    out.into()
}

/// What the note says before a snapshot to a client that asked to resume and could not prove its position.
pub const UNPROVEN: &str = "continuity not proven: the position is unknown here, so this is a snapshot";

/// The types of the events of this protocol, as the `event` field names them.
pub mod event_type {
    /// A whole representation.
    pub const SNAPSHOT: &str = "snapshot";
    /// A JSON Patch from the previous position.
    pub const PATCH: &str = "patch";
    /// A merge patch (RFC 7396) from the previous position.
    pub const MERGE: &str = "merge";
    /// How fresh the data is.
    pub const STATUS: &str = "status";
}

/// One event to be written.
///
/// ```
/// use tidegate_core::{Binding, Epoch, Offset, Position};
/// use tidegate_wire::sse::Event;
///
/// let position = Position { epoch: Epoch(1), offset: Offset(42), binding: Binding(7) };
/// let bytes = Event::patch(position, r#"[{"op":"remove","path":"/0"}]"#).encode();
/// assert_eq!(
///     bytes,
///     "event: patch\nid: 0000000000001.42.0000007\ndata: [{\"op\":\"remove\",\"path\":\"/0\"}]\n\n"
/// );
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Event<'a> {
    event: &'static str,
    id: Option<Position>,
    data: &'a str,
    retry: Option<Duration>,
}

impl<'a> Event<'a> {
    fn new(event: &'static str, id: Option<Position>, data: &'a str) -> Event<'a> {
        Event { event, id, data, retry: None }
    }

    /// What leads to `position`. Line ends in `text` become LF at the reader.
    pub fn update(kind: Kind, position: Position, text: &'a str) -> Event<'a> {
        Event::new(kind.name(), Some(position), text)
    }

    /// The whole representation at `position`. Line ends in `text` become LF at the reader.
    pub fn snapshot(position: Position, text: &'a str) -> Event<'a> {
        Event::new(event_type::SNAPSHOT, Some(position), text)
    }

    /// The JSON text of a patch from the previous position to `position`.
    pub fn patch(position: Position, patch: &'a str) -> Event<'a> {
        Event::new(event_type::PATCH, Some(position), patch)
    }

    /// A status; `json` is what [`Status::to_json`](crate::Status::to_json) gives. It has no id: it moves nobody.
    pub fn status(json: &'a str) -> Event<'a> {
        Event::new(event_type::STATUS, None, json)
    }

    /// Tells the client how long to wait before it reconnects, from now on. Whole milliseconds. A `retry` on its own
    /// would be an event without data, which some clients dispatch.
    pub fn retry(mut self, retry: Duration) -> Event<'a> {
        self.retry = Some(retry);
        self
    }

    /// The event's bytes, with the blank line that ends it.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.data.len() + 96);
        self.encode_into(&mut out);
        out.into()
    }

    /// Appends the event's bytes to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        write_lines(out, b"event: ", self.event);
        if let Some(id) = self.id {
            write_lines(out, b"id: ", &id.to_string());
        }
        if let Some(retry) = self.retry {
            write_lines(out, b"retry: ", &retry.as_millis().to_string());
        }
        write_lines(out, b"data: ", self.data);
        out.push(b'\n');
    }
}

/// Writes `text` with `field` in front of each of its lines. A text that ends with a line end has an empty last line,
/// and the empty text has one empty line, so that the reader gets both back.
fn write_lines(out: &mut Vec<u8>, field: &[u8], text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        out.extend_from_slice(field);
        out.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
        out.push(b'\n');
        let Some(end) = end else { return };
        let length = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::{Binding, Epoch, Offset};

    fn check(event: Event<'_>, expected: &str) {
        assert_eq!(std::str::from_utf8(&event.encode()).unwrap(), expected);
    }

    fn position() -> Position {
        Position { epoch: Epoch(1), offset: Offset(1), binding: Binding(0) }
    }

    #[test]
    fn the_bytes_of_each_event() {
        let id = "id: 0000000000001.1.0000000\n";
        check(Event::snapshot(position(), "{}"), &format!("event: snapshot\n{id}data: {{}}\n\n"));
        check(
            Event::snapshot(position(), "{}").retry(Duration::from_millis(1234)),
            &format!("event: snapshot\n{id}retry: 1234\ndata: {{}}\n\n"),
        );
        check(Event::patch(position(), "[]"), &format!("event: patch\n{id}data: []\n\n"));
        check(Event::status("{}"), "event: status\ndata: {}\n\n");
        check(Event::status("{}").retry(Duration::from_secs(2)), "event: status\nretry: 2000\ndata: {}\n\n");
        assert_eq!(HEARTBEAT, ":\n");
    }

    #[test]
    fn every_line_end_splits() {
        let event = |text| Event { id: None, ..Event::snapshot(position(), text) };
        check(event(""), "event: snapshot\ndata: \n\n");
        check(event(" a"), "event: snapshot\ndata:  a\n\n");
        check(event("a\n"), "event: snapshot\ndata: a\ndata: \n\n");
        check(
            event("a\nb\rc\r\nd\n\re"),
            "event: snapshot\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\n\n",
        );
        assert_eq!(note("b\ndata: c"), ": b\n: data: c\n");
    }
}
