//! The golden streams in `testdata/wire`: what a client makes of them, and that the encoders write such streams.

mod formats;
mod several;
mod sse;

use std::path::PathBuf;

use serde_json::{Value as Expected, json};
use tidegate_core::Position;
use tidegate_core::json::{self, MAX_DEPTH, Patch, Value};
use tidegate_wire::json_message::read_string;
use tidegate_wire::{Message, MessageError};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/wire")
}

fn stream(name: &str, extension: &str) -> Vec<u8> {
    std::fs::read(folder().join(name).with_extension(extension)).expect("the stream is there")
}

fn expected(name: &str) -> Expected {
    serde_json::from_slice(&stream(name, "json")).expect("it is JSON")
}

/// The streams with this extension.
fn names(extension: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the folder is there");
    let paths = files.map(|file| file.expect("it can be read").path());
    let streams = paths.filter(|path| path.extension().is_some_and(|it| it == extension));
    streams.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn position_of(update: &Expected) -> Position {
    update["position"].as_str().unwrap().parse().unwrap()
}

/// What a client holds of one resource.
#[derive(Debug, Default)]
struct Client {
    is_json: bool,
    updates: Vec<Expected>,
    value: Option<Value>,
    text: String,
    position: String,
    retry_ms: Option<u64>,
}

impl Client {
    /// A client before anything came of what `expected` describes.
    fn of(expected: &Expected) -> Client {
        Client { is_json: expected["content_type"] == "application/json", ..Client::default() }
    }

    fn take(&mut self, message: Message<'_>) {
        match message {
            Message::Unknown => {}
            Message::Status(status) => self.updates.push(json!({"type": "status", "status": status})),
            Message::Snapshot { position, text } => {
                self.update("snapshot", position, text);
                self.value = self.is_json.then(|| json::parse(text.as_bytes(), MAX_DEPTH).unwrap());
                text.clone_into(&mut self.text);
            }
            Message::Patch { position, text } => {
                self.update("patch", position, text);
                let value = self.value.as_mut().expect("a patch follows a snapshot of JSON");
                json::apply_in_place(value, &Patch::parse(text.as_bytes()).unwrap()).unwrap();
            }
            Message::Merge { position, text } => {
                self.update("merge", position, text);
                let value = self.value.as_mut().expect("a merge patch follows a snapshot of JSON");
                merge(value, json::parse(text.as_bytes(), MAX_DEPTH).unwrap());
            }
        }
    }

    /// As [`take`](Self::take), of a JSON message, in which text that is not JSON stands as a string.
    fn take_json(&mut self, message: Message<'_>) -> Result<(), MessageError> {
        match message {
            Message::Snapshot { position, text } if !self.is_json => {
                self.take(Message::Snapshot { position, text: &read_string(text)? });
            }
            message => self.take(message),
        }
        Ok(())
    }

    fn update(&mut self, kind: &str, position: &str, text: &str) {
        self.updates.push(json!({"type": kind, "position": position, "text": text}));
        position.clone_into(&mut self.position);
    }

    fn check(&self, name: &str, expected: &Expected) {
        assert_eq!(Expected::from(self.updates.clone()), expected["updates"], "{name}");
        self.check_document(name, expected);
        assert_eq!(expected["final"]["retry_ms"].as_u64(), self.retry_ms, "{name}");
    }

    fn check_document(&self, name: &str, expected: &Expected) {
        let text = expected["final"]["text"].as_str().unwrap();
        match &self.value {
            // By value: number texts count, the order of members does not.
            Some(value) => assert_eq!(value, &json::parse(text.as_bytes(), MAX_DEPTH).unwrap(), "{name}"),
            None => assert_eq!(self.text, text, "{name}"),
        }
        assert_eq!(expected["final"]["position"], *self.position, "{name}");
    }
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if target.as_object().is_none() {
        *target = Value::Object(json::Object::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.shift_remove(&name);
            }
            value => merge(members.entry(name).or_insert(Value::Null), value),
        }
    }
}
