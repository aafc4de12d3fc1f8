//! Server-Sent Events: what the decoder makes of the golden streams, and that the encoder writes them.

use std::time::Duration;

use serde_json::Value as Expected;
use tidegate_wire::sse::{Decoder, Event, HEARTBEAT, Item, UNPROVEN, note};
use tidegate_wire::{Kind, Message, Status};

use crate::{Client, expected, names, position_of, stream};

fn take(client: &mut Client, item: &Item) {
    match item {
        Item::Comment(_) => {}
        Item::Retry(ms) => client.retry_ms = Some(*ms),
        Item::Event(event) => {
            client.take(Message::read(event).expect("the golden streams are as the protocol says"));
        }
    }
}

#[test]
fn every_stream_in_every_chunking_gives_what_is_expected() {
    let names = names("sse");
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let stream = stream(&name, "sse");
        for size in [1, 2, 3, 7, 64, stream.len()] {
            let (mut decoder, mut items) = (Decoder::new(), Vec::new());
            for chunk in stream.chunks(size) {
                decoder.feed(chunk, &mut items).unwrap();
            }
            let expected = expected(&name);
            let mut client = Client::of(&expected);
            items.iter().for_each(|item| take(&mut client, item));
            assert_eq!(client.position, decoder.last_event_id());
            client.check(&name, &expected);
        }
    }
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
        let status = || serde_json::from_value::<Status>(update["status"].clone()).unwrap().to_json();
        match update["type"].as_str().unwrap() {
            "snapshot" => change(Event::snapshot(position_of(update), text)).encode_into(&mut self.out),
            "merge" => {
                let event = Event::update(Kind::Merge, position_of(update), text);
                change(event).encode_into(&mut self.out);
            }
            "patch" => change(Event::patch(position_of(update), text)).encode_into(&mut self.out),
            _ => change(Event::status(&status())).encode_into(&mut self.out),
        }
    }

    fn heartbeat(&mut self) {
        self.out.extend_from_slice(&HEARTBEAT);
    }

    fn check(&self, name: &str) {
        let file = String::from_utf8(stream(name, "sse")).unwrap();
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

    let mut merge = Written::of("merge");
    merge.update(0, |event| event);
    merge.update(1, |event| event.retry(ms(1700)));
    (2..5).for_each(|index| merge.update(index, |event| event));
    merge.check("merge");

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
    assert!(stream("closing", "sse").starts_with(&closing.out));
}
