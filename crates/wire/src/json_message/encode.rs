//! Writing messages.

use std::time::Duration;

use tidegate_core::Form;

use crate::format::{Kind, Update};

/// The names of events that a stream of a single resource does not have.
pub mod event_type {
    /// A subscription exists.
    pub const OPEN: &str = "open";
    /// A subscription was refused, or a message could not be read.
    pub const ERROR: &str = "error";
    /// A subscription has ended.
    pub const END: &str = "end";
    /// The connection is alive.
    pub const HEARTBEAT: &str = "heartbeat";
}

/// The message that keeps a connection alive.
pub const HEARTBEAT: &[u8] = br#""event":"heartbeat"}"#;

/// An update.
pub fn update(update: Update<'_>) -> Vec<u8> {
    let Update { kind, position, form, text, .. } = update;
    let mut out = Vec::with_capacity(text.len() + 96);
    out.extend_from_slice(format!(r#""event":"{}","id":"{position}","data":"#, kind.name()).as_bytes());
    match form {
        Form::Text if kind == Kind::Snapshot => write_string(&mut out, text),
        _ => write_line(&mut out, text),
    }
    out.push(b'}');
    out
}

/// A status.
pub fn status(json: &str, retry: Option<Duration>) -> Vec<u8> {
    let retry = retry.map(|retry| format!(r#","retry":{}"#, retry.as_millis())).unwrap_or_default();
    format!(r#""event":"status"{retry},"data":{json}}}"#).into_bytes()
}

/// A message of any event; `data` is JSON on one line.
pub fn event(name: &str, data: &str) -> Vec<u8> {
    format!(r#""event":"{name}","data":{data}}}"#).into_bytes()
}

/// A refusal: `problem` is problem details in JSON, and `retry_in` when the same request may be made again, if ever.
pub fn error(problem: &str, retry_in: Option<Duration>) -> Vec<u8> {
    let retry_in = retry_in.map(|it| format!(r#","retry_in_ms":{}"#, it.as_millis())).unwrap_or_default();
    format!(r#""event":"error","data":{problem}{retry_in}}}"#).into_bytes()
}

/// JSON text on one line: line ends stand only between tokens, where a space will do.
fn write_line(out: &mut Vec<u8>, json: &str) {
    out.extend(json.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string can be written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::{Binding, Epoch, Offset, Position};

    fn check(kind: Kind, form: Form, text: &str, expected: &str) {
        let position = Position { epoch: Epoch(1), offset: Offset(2), binding: Binding(0) };
        let rest = super::update(Update { kind, position, parent: None, form, text });
        let start = format!(r#""event":"{}","id":"0000000000001.2.0000000","data":"#, kind.name());
        assert_eq!(String::from_utf8(rest).unwrap(), format!("{start}{expected}}}"));
    }

    #[test]
    fn every_message_is_one_line() {
        check(Kind::Snapshot, Form::Json, "{\"a\":1.10}", "{\"a\":1.10}");
        check(Kind::Snapshot, Form::Json, "{\r\n\"a\":1,\n\"a\":2}", "{  \"a\":1, \"a\":2}");
        check(Kind::Snapshot, Form::Text, "a\n\"b\"\u{1}", r#""a\n\"b\"\u0001""#);
        check(Kind::Patch, Form::Text, "[]", "[]");
        check(Kind::Merge, Form::Json, r#"{"a":null}"#, r#"{"a":null}"#);
    }

    #[test]
    fn a_status_may_say_when_to_come_back() {
        let text = |retry| String::from_utf8(status("{}", retry)).unwrap();
        assert_eq!(text(None), r#""event":"status","data":{}}"#);
        assert_eq!(text(Some(Duration::from_millis(1397))), r#""event":"status","retry":1397,"data":{}}"#);
        assert_eq!(String::from_utf8(event("end", "{}")).unwrap(), r#""event":"end","data":{}}"#);
        let retry_in = Some(Duration::from_millis(1200));
        let expected = r#""event":"error","data":{},"retry_in_ms":1200}"#;
        assert_eq!(String::from_utf8(error("{}", retry_in)).unwrap(), expected);
    }
}
