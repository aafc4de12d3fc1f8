//! Updates as lines, for scripts (JSON) and for logs (plain). Pure.

use tidegate_client::{Document, Source, Update};
use tidegate_core::json::{Op, Patch, Value};
use tidegate_wire::{Status, Timestamp};

use super::account::human;
use super::render::printable;

/// How many of a patch's operations a plain line shows.
const SHOWN_OPERATIONS: usize = 3;
/// How much of a value it shows.
const SHOWN_CHARACTERS: usize = 40;

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Stream => "stream",
        Source::Polling => "polling",
    }
}

/// A JSON string with its quotes and escapes.
fn string(text: &str) -> String {
    Value::String(text.to_owned()).to_text()
}

/// The update as one JSON object on one line, without its line end. `document` is the one as of the update. Numbers
/// keep their texts; a document that is not JSON is a string.
pub(super) fn json_line(update: &Update, document: Option<&Document>) -> String {
    match update {
        Update::Connected { source } => {
            format!(r#"{{"type":"connected","source":"{}"}}"#, source_name(*source))
        }
        Update::Snapshot { position, bytes } => {
            let data = match document {
                Some(Document::Json(value)) => value.to_text(),
                Some(Document::Text(text)) => string(text),
                None => "null".to_owned(),
            };
            let position = string(position);
            format!(r#"{{"type":"snapshot","position":{position},"data":{data},"bytes":{bytes}}}"#)
        }
        Update::Patched { position, patch, bytes } => {
            let (position, patch) = (string(position), patch.to_text());
            format!(r#"{{"type":"patch","position":{position},"patch":{patch},"bytes":{bytes}}}"#)
        }
        Update::Merged { position, patch, bytes } => {
            let (position, patch) = (string(position), patch.to_text());
            format!(r#"{{"type":"merge","position":{position},"patch":{patch},"bytes":{bytes}}}"#)
        }
        Update::Status(status) => {
            // The members of the status itself, after one more.
            let members = status.to_json();
            format!(r#"{{"type":"status",{}"#, &members[1..])
        }
        Update::Disconnected { cause, retry_in } => {
            let (error, ms) = (string(&cause.to_string()), retry_in.as_millis());
            format!(r#"{{"type":"disconnected","error":{error},"retry_in_ms":{ms}}}"#)
        }
    }
}

/// The update in a few words.
pub(super) fn plain_line(update: &Update, document: Option<&Document>, at: Timestamp) -> String {
    let what = match update {
        Update::Connected { source: Source::Stream } => "connected: following the stream".to_owned(),
        Update::Connected { source: Source::Polling } => "connected: no stream here, polling it".to_owned(),
        Update::Snapshot { position, bytes } => {
            let kind = match document {
                Some(Document::Json(Value::Array(elements))) => format!("array of {}", elements.len()),
                Some(Document::Json(Value::Object(members))) => format!("object of {}", members.len()),
                Some(Document::Json(scalar)) => shorten(&scalar.to_text()),
                Some(Document::Text(text)) => format!("text of {} lines", text.lines().count()),
                None => "empty".to_owned(),
            };
            format!("snapshot {} ({}): {kind}", printable(position), human(*bytes as u64))
        }
        Update::Patched { position, patch, bytes } => {
            format!("patch {} ({}): {}", printable(position), human(*bytes as u64), operations(patch))
        }
        Update::Merged { position, patch, bytes } => {
            let patch = shorten(&patch.to_text());
            format!("merge {} ({}): {patch}", printable(position), human(*bytes as u64))
        }
        Update::Status(status) => status_text(status),
        Update::Disconnected { cause, retry_in } => {
            let cause = cause.to_string();
            format!("disconnected: {}; again in {:.1} s", printable(&cause), retry_in.as_secs_f64())
        }
    };
    format!("{at} {what}")
}

/// A status in a few words.
pub(super) fn status_text(status: &Status) -> String {
    let mut text = format!("{} since {}", status.state.as_str(), status.since);
    if let Some(cause) = &status.cause {
        text.push_str(&format!(": {}", printable(&cause.to_string())));
    }
    if let Some(ms) = status.retry_in_ms {
        text.push_str(&format!("; asked again in {:.1} s", ms as f64 / 1000.0));
    }
    if status.continuity.is_some() {
        text.push_str("; what happened while disconnected is not known");
    }
    text
}

fn shorten(text: &str) -> String {
    let shown: String = printable(text).chars().take(SHOWN_CHARACTERS + 1).collect();
    match shown.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

fn operations(patch: &Patch) -> String {
    let mut shown: Vec<String> = patch.0.iter().take(SHOWN_OPERATIONS).map(operation).collect();
    let hidden = patch.0.len().saturating_sub(SHOWN_OPERATIONS);
    if hidden > 0 {
        shown.push(format!("{hidden} more"));
    }
    shown.join(", ")
}

fn operation(op: &Op) -> String {
    let path = printable(op.path().as_str()).into_owned();
    match op {
        Op::Add { value, .. } => format!("+{path} {}", shorten(&value.to_text())),
        Op::Remove { .. } => format!("-{path}"),
        Op::Replace { value, .. } => format!("{path} {}", shorten(&value.to_text())),
        Op::Move { from, .. } | Op::Copy { from, .. } => {
            format!("{} {} to {path}", op.name(), printable(from.as_str()))
        }
        Op::Test { value, .. } => format!("test {path} {}", shorten(&value.to_text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::marks::tests::value;
    use std::sync::Arc;
    use std::time::Duration;
    use tidegate_client::Disconnect;

    fn patched(patch: &str) -> Update {
        let patch = Arc::new(Patch::parse(patch.as_bytes()).unwrap());
        Update::Patched { position: "a.2".into(), patch, bytes: 1234 }
    }

    fn stale() -> Update {
        let json = r#"{"state":"stale","since":"2026-01-31T09:30:00.250Z","fresh_within_ms":550,"cause":{"type":"about:blank","title":"It is away"},"retry_in_ms":1500}"#;
        Update::Status(serde_json::from_str(json).unwrap())
    }

    fn disconnected() -> Update {
        Update::Disconnected {
            cause: Disconnect::Broken("\"x\"\n".into()),
            retry_in: Duration::from_millis(1250),
        }
    }

    #[test]
    fn json_keeps_numbers_and_stays_on_its_line() {
        let check = |update: Update, document: Option<Document>, expected: &str| {
            let line = json_line(&update, document.as_ref());
            assert_eq!(line, expected);
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok() && !line.contains('\n'));
        };
        check(
            Update::Connected { source: Source::Stream },
            None,
            r#"{"type":"connected","source":"stream"}"#,
        );
        let snapshot = || Update::Snapshot { position: "a.1".into(), bytes: 9 };
        let json = Document::Json(value(r#"{"price":1.10,"id":12345678901234567890}"#));
        check(
            snapshot(),
            Some(json),
            r#"{"type":"snapshot","position":"a.1","data":{"price":1.10,"id":12345678901234567890},"bytes":9}"#,
        );
        let text = Document::Text("a \"b\"\nc".into());
        check(
            snapshot(),
            Some(text),
            r#"{"type":"snapshot","position":"a.1","data":"a \"b\"\nc","bytes":9}"#,
        );
        check(
            patched(r#"[{"op":"replace","path":"/price","value":1.20}]"#),
            None,
            r#"{"type":"patch","position":"a.2","patch":[{"op":"replace","path":"/price","value":1.20}],"bytes":1234}"#,
        );
        check(
            stale(),
            None,
            r#"{"type":"status","state":"stale","since":"2026-01-31T09:30:00.250Z","fresh_within_ms":550,"cause":{"type":"about:blank","title":"It is away"},"retry_in_ms":1500}"#,
        );
        check(
            disconnected(),
            None,
            r#"{"type":"disconnected","error":"the connection broke: \"x\"\n","retry_in_ms":1250}"#,
        );
    }

    #[test]
    fn plain_lines_say_it_in_a_few_words() {
        let check = |update: Update, document: Option<&str>, expected: &str| {
            let document = document.map(|text| Document::Json(value(text)));
            let line = plain_line(&update, document.as_ref(), Timestamp::from_unix_ms(0));
            assert_eq!(line, format!("1970-01-01T00:00:00.000Z {expected}"));
        };
        let snapshot = || Update::Snapshot { position: "a.1".into(), bytes: 131_072 };
        check(snapshot(), Some("[1,2]"), "snapshot a.1 (131.1 KB): array of 2");
        check(snapshot(), Some("1.10"), "snapshot a.1 (131.1 KB): 1.10");
        let long = format!("\"{}\"", "é".repeat(60));
        check(snapshot(), Some(&long), &format!("snapshot a.1 (131.1 KB): \"{}…", "é".repeat(39)));
        check(
            patched(
                r#"[{"op":"replace","path":"/0/p","value":1.10},{"op":"remove","path":"/1"},{"op":"add","path":"/1","value":{}},{"op":"remove","path":"/2"},{"op":"remove","path":"/2"}]"#,
            ),
            None,
            "patch a.2 (1.2 KB): /0/p 1.10, -/1, +/1 {}, 2 more",
        );
        check(
            patched(r#"[{"op":"move","from":"/1","path":"/0"}]"#),
            None,
            "patch a.2 (1.2 KB): move /1 to /0",
        );
        check(stale(), None, "stale since 2026-01-31T09:30:00.250Z: It is away; asked again in 1.5 s");
        check(disconnected(), None, "disconnected: the connection broke: \"x\"\\u000a; again in 1.2 s");
    }
}
