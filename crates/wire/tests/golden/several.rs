//! Several subscriptions on one connection: WebSocket frames, and multiplexed events.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Expected;
use tidegate_core::Form;
use tidegate_wire::json_message::{self, Event, event_type};
use tidegate_wire::sse::{Decoder, Item};
use tidegate_wire::websocket::{self, CloseCode};
use tidegate_wire::{Format, Kind, Status, Update};

use crate::{Client, expected, position_of, stream};

/// The frames of a file: each with its first byte and its content.
fn frames(name: &str) -> Vec<(u8, Vec<u8>)> {
    let text = String::from_utf8(stream(name, "ws")).unwrap();
    let lines = text.lines().map(|line| line.split_once("  # ").expect("hex, and the same for people"));
    let frames = lines.map(|(hex, note)| {
        let digits: Vec<u8> =
            hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let (header, length) = match bytes[1] {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            length => (2, usize::from(length)),
        };
        let content = bytes[header..].to_vec();
        assert_eq!(content.len(), length);
        if bytes[0] & 0xf < 2 {
            assert_eq!(String::from_utf8_lossy(&content), note);
        }
        (bytes[0], content)
    });
    frames.collect()
}

/// Takes messages and compares what they said with the expectation.
fn check(messages: impl IntoIterator<Item = String>) {
    let expected = expected("several");
    let subscriptions = expected["subscriptions"].as_array().unwrap();
    let of = |sub: u32| subscriptions.iter().find(|it| it["sub"] == sub).expect("a subscription");
    let mut open: BTreeMap<u32, Client> = BTreeMap::new();
    let mut done = 0;
    for text in messages {
        let received = json_message::read(&text).unwrap();
        let Some(sub) = received.sub else {
            assert_eq!(received.event, Event::Heartbeat);
            continue;
        };
        match received.event {
            Event::Open { content_type } => {
                assert_eq!(of(sub)["content_type"], content_type);
                assert!(open.insert(sub, Client::of(of(sub))).is_none());
            }
            Event::Message(message) => {
                let client = open.get_mut(&sub).expect("it is open");
                client.retry_ms = received.retry.or(client.retry_ms);
                client.take_json(message).unwrap();
            }
            Event::Error { problem, retry_in_ms } => {
                assert_eq!(serde_json::to_value(&problem).unwrap(), of(sub)["error"]);
                assert_eq!(retry_in_ms, None);
                done += 1;
            }
            Event::End { retry_in_ms } => {
                open.remove(&sub).expect("it is open").check("several", of(sub));
                assert_eq!(of(sub)["end"]["retry_in_ms"].as_u64(), retry_in_ms);
                done += 1;
            }
            Event::Heartbeat => panic!("it belongs to no subscription"),
        }
    }
    assert_eq!((open.len(), done), (0, subscriptions.len()));
}

#[test]
fn every_frame_says_what_is_expected() {
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    let mut closed = false;
    for (first, content) in frames("several") {
        match first {
            0x88 => {
                let close = &expected("several")["close"];
                assert_eq!(close["code"], u16::from_be_bytes([content[0], content[1]]));
                assert_eq!(close["reason"], std::str::from_utf8(&content[2..]).unwrap());
                closed = true;
            }
            0x89 => assert!(content.is_empty()),
            _ => {
                message.extend(content);
                if first & 0x80 != 0 {
                    messages.push(String::from_utf8(std::mem::take(&mut message)).unwrap());
                }
            }
        }
    }
    assert!(closed);
    check(messages);
}

#[test]
fn every_multiplexed_event_says_what_is_expected() {
    let stream = stream("several", "events");
    for size in [1, 7, stream.len()] {
        let (mut decoder, mut items) = (Decoder::new(), Vec::new());
        for chunk in stream.chunks(size) {
            decoder.feed(chunk, &mut items).unwrap();
        }
        let events = items.into_iter().filter_map(|item| match item {
            Item::Event(event) => Some(event),
            _ => None,
        });
        let mut events = events.peekable();
        let open = events.next().unwrap();
        assert_eq!(open.event, event_type::OPEN);
        let data: Expected = serde_json::from_str(&open.data).unwrap();
        assert_eq!(data["stream"], expected("several")["stream"]);
        check(events.map(|event| {
            assert_eq!((&*event.event, &*event.last_event_id), ("message", ""));
            event.data
        }));
    }
}

/// The connection, as the gateway writes it.
fn written(format: Format) -> Vec<u8> {
    let expected = expected("several");
    let subscription = |sub: u32| {
        let list = expected["subscriptions"].as_array().unwrap();
        list.iter().find(|it| it["sub"] == sub).expect("a subscription").clone()
    };
    let mut out = Vec::new();
    let mut say = |sub: u32, bytes: &[u8]| {
        out.extend(format.prefix(sub));
        out.extend(bytes);
    };
    let event = |name: &str, data: &Expected| format.message(&json_message::event(name, &data.to_string()));
    let open = |sub: u32| {
        let content_type = &subscription(sub)["content_type"];
        event(event_type::OPEN, &serde_json::json!({"content_type": content_type}))
    };
    let update = |sub: u32, index: usize, retry: Option<u64>| {
        let update = &subscription(sub)["updates"][index];
        let form =
            if subscription(sub)["content_type"] == "application/json" { Form::Json } else { Form::Text };
        let kind = match update["type"].as_str().unwrap() {
            "snapshot" => Kind::Snapshot,
            "patch" => Kind::Patch,
            _ => {
                let status: Status = serde_json::from_value(update["status"].clone()).unwrap();
                return format.status(&status.to_json(), retry.map(Duration::from_millis));
            }
        };
        let text = update["text"].as_str().unwrap();
        format.update(Update { kind, position: position_of(update), parent: None, form, text })
    };
    say(3, &open(3));
    say(3, &update(3, 0, None));
    say(3, &update(3, 1, Some(1397)));
    let error = serde_json::to_string(
        &serde_json::from_value::<tidegate_wire::Problem>(subscription(7)["error"].clone()).unwrap(),
    )
    .unwrap();
    say(7, &format.message(&json_message::error(&error, None)));
    say(0, &open(0));
    say(0, &update(0, 0, None));
    say(0, &update(0, 1, Some(2001)));
    out.extend(format.heartbeat());
    if format == Format::WebSocket {
        out.extend(websocket::ping());
    }
    let mut say = |sub: u32, bytes: &[u8]| {
        out.extend(format.prefix(sub));
        out.extend(bytes);
    };
    say(3, &update(3, 2, None));
    say(0, &event(event_type::END, &subscription(0)["end"]));
    say(3, &update(3, 3, Some(1500)));
    say(3, &event(event_type::END, &subscription(3)["end"]));
    if format == Format::WebSocket {
        let reason = expected["close"]["reason"].as_str().unwrap();
        out.extend(websocket::close(CloseCode::Restart, reason));
    }
    out
}

#[test]
fn the_encoders_write_these_bytes() {
    let frames = frames("several").into_iter().flat_map(|(first, content)| {
        let header = match content.len() {
            length @ 0..=125 => vec![first, length as u8],
            length => [&[first, 126][..], &(length as u16).to_be_bytes()].concat(),
        };
        [header, content].concat()
    });
    assert_eq!(written(Format::WebSocket), frames.collect::<Vec<u8>>());

    let events = String::from_utf8(stream("several", "events")).unwrap();
    let (_, events) = events.split_once("\n\n").expect("an event that names the stream");
    assert_eq!(String::from_utf8(written(Format::Multiplexed)).unwrap(), events);
}
