//! The golden streams in `testdata/wire`: what the decoder makes of them, and that the encoder writes such streams.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Expected;
use tidegate_core::json::{self, MAX_DEPTH, Patch, Value};
use tidegate_core::{Binding, Epoch, Offset, Position};
use tidegate_wire::sse::{Decoder, Event, HEARTBEAT, Item, UNPROVEN, note};
use tidegate_wire::{Message, Status};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/wire")
}

fn stream(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name).with_extension("sse")).expect("the stream is there")
}

fn expected(name: &str) -> Expected {
    let text = std::fs::read(folder().join(name).with_extension("json")).expect("its expectation is there");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the folder is there");
    let paths = files.map(|file| file.expect("it can be read").path());
    let streams = paths.filter(|path| path.extension().is_some_and(|extension| extension == "sse"));
    streams.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What a client holds.
#[derive(Default)]
struct Client {
    is_json: bool,
    updates: Vec<Expected>,
    value: Option<Value>,
    text: String,
    retry_ms: Option<u64>,
}

impl Client {
    fn take(&mut self, item: Item) {
        let event = match item {
            Item::Comment(_) => return,
            Item::Retry(ms) => return self.retry_ms = Some(ms),
            Item::Event(event) => event,
        };
        match Message::read(&event).expect("the golden streams are as the protocol says") {
            Message::Unknown => {}
            Message::Status(status) => {
                self.updates.push(serde_json::json!({"type": "status", "status": status}));
            }
            Message::Snapshot { position, text } => {
                self.updates
                    .push(serde_json::json!({"type": "snapshot", "position": position, "text": text}));
                self.value = self.is_json.then(|| json::parse(text.as_bytes(), MAX_DEPTH).unwrap());
                text.clone_into(&mut self.text);
            }
            Message::Patch { position, text } => {
                self.updates.push(serde_json::json!({"type": "patch", "position": position, "text": text}));
                let value = self.value.as_mut().expect("a patch follows a snapshot of JSON");
                json::apply_in_place(value, &Patch::parse(text.as_bytes()).unwrap()).unwrap();
            }
        }
    }

    /// Compares with the expectation of `name`; `id` is the decoder's last event id.
    fn check(&self, name: &str, id: &str) {
        let expected = expected(name);
        assert_eq!(Expected::from(self.updates.clone()), expected["updates"], "{name}");
        let text = expected["final"]["text"].as_str().unwrap();
        match &self.value {
            // By value: number texts count, the order of members does not.
            Some(value) => assert_eq!(value, &json::parse(text.as_bytes(), MAX_DEPTH).unwrap(), "{name}"),
            None => assert_eq!(self.text, text, "{name}"),
        }
        assert_eq!(expected["final"]["position"], id, "{name}");
        assert_eq!(expected["final"]["retry_ms"].as_u64(), self.retry_ms, "{name}");
    }
}

#[test]
fn every_stream_in_every_chunking_gives_what_is_expected() {
    let names = names();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let stream = stream(&name);
        for size in [1, 2, 3, 7, 64, stream.len()] {
            let (mut decoder, mut items) = (Decoder::new(), Vec::new());
            for chunk in stream.chunks(size) {
                decoder.feed(chunk, &mut items).unwrap();
            }
            let is_json = expected(&name)["content_type"] == "application/json";
            let mut client = Client { is_json, ..Client::default() };
            items.into_iter().for_each(|item| client.take(item));
            client.check(&name, decoder.last_event_id());
        }
    }
}

fn position(offset: u64) -> Position {
    Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(7) }
}

/// The stream of what an expectation names, as the encoder writes it.
struct Written {
    updates: Vec<Expected>,
    out: Vec<u8>,
}

impl Written {
    fn of(name: &str) -> Written {
        Written { updates: expected(name)["updates"].as_array().unwrap().clone(), out: Vec::new() }
    }

    /// Writes an update of the expectation; `change` adds what is not in it.
    fn update(&mut self, index: usize, change: impl FnOnce(Event<'_>) -> Event<'_>) {
        let update = &self.updates[index];
        let text = update["text"].as_str().unwrap_or_default();
        let offset = || update["position"].as_str().unwrap().parse::<Position>().unwrap().offset.0;
        let status = || serde_json::from_value::<Status>(update["status"].clone()).unwrap().to_json();
        match update["type"].as_str().unwrap() {
            "snapshot" => change(Event::snapshot(position(offset()), text)).encode_into(&mut self.out),
            "patch" => change(Event::patch(position(offset()), text)).encode_into(&mut self.out),
            _ => change(Event::status(&status())).encode_into(&mut self.out),
        }
    }

    fn heartbeat(&mut self) {
        self.out.extend_from_slice(&HEARTBEAT);
    }

    fn check(&self, name: &str) {
        let file = String::from_utf8(stream(name)).unwrap();
        assert_eq!(String::from_utf8_lossy(&self.out), file, "{name}");
    }
}

#[test]
fn the_encoder_writes_these_bytes() {
    let ms = Duration::from_millis;

    let mut basic = Written::of("basic");
    basic.update(0, |event| event);
    basic.update(1, |event| event.retry(ms(2345)));
    basic.heartbeat();
    basic.update(2, |event| event);
    basic.heartbeat();
    basic.heartbeat();
    basic.update(3, |event| event);
    basic.check("basic");

    let mut unproven = Written::of("unproven");
    unproven.out.extend_from_slice(&note(UNPROVEN));
    unproven.update(0, |event| event);
    unproven.update(1, |event| event.retry(ms(1000)));
    unproven.check("unproven");

    for name in ["text", "pointers", "numbers", "stale"] {
        let mut written = Written::of(name);
        for index in 0..written.updates.len() {
            written.update(index, |event| event);
        }
        written.check(name);
    }

    let mut closing = Written::of("closing");
    closing.update(0, |event| event);
    closing.update(1, |event| event.retry(ms(1500)));
    closing.update(2, |event| event.retry(ms(4321)));
    // The last event of the file is cut off.
    assert!(stream("closing").starts_with(&closing.out));
}
