//! Formats of one resource other than Server-Sent Events.

use std::time::Duration;

use serde_json::Value as Expected;
use tidegate_core::Form;
use tidegate_wire::json_message::{self, Event};
use tidegate_wire::{Format, Kind, Message, Status, Update};

use crate::{Client, expected, names, position_of, stream};

#[test]
fn every_line_says_what_is_expected() {
    let names = names("ndjson");
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let expected = expected(&name);
        let text = String::from_utf8(stream(&name, "ndjson")).unwrap();
        let mut client = Client::of(&expected);
        for line in text.lines() {
            let received = json_message::read(line).unwrap();
            assert_eq!(received.sub, None);
            client.retry_ms = received.retry.or(client.retry_ms);
            match received.event {
                Event::Message(message) => client.take_json(message).unwrap(),
                Event::Heartbeat => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        client.check(&name, &expected);
    }
}

/// One update of a Braid subscription, as far as the golden streams go: what stands before it, its fields and those of its
/// patch, and its content.
fn braid_update(rest: &mut &[u8]) -> Option<(Vec<(String, String)>, String)> {
    let mut fields = Vec::new();
    let mut line = || {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).unwrap().to_owned();
        *rest = &rest[end + 2..];
        Some(line)
    };
    let length = |fields: &[(String, String)]| {
        let length = fields.iter().find(|(name, _)| name == "Content-Length");
        length.map(|(_, value)| value.parse::<usize>().unwrap())
    };
    loop {
        match line()?.split_once(": ") {
            Some((name, value)) => fields.push((name.to_owned(), value.to_owned())),
            None if length(&fields).is_some() => break,
            None => {}
        }
    }
    let (content, after) = rest.split_at(length(&fields).unwrap());
    *rest = after;
    Some((fields, std::str::from_utf8(content).unwrap().to_owned()))
}

#[test]
fn every_braid_update_says_what_is_expected() {
    let names = names("braid");
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let mut expected = expected(&name);
        // It has no way to say them.
        expected["updates"].as_array_mut().unwrap().retain(|update| update["type"] != "status");
        expected["final"]["retry_ms"] = Expected::Null;
        let (bytes, mut client) = (stream(&name, "braid"), Client::of(&expected));
        let mut rest = &bytes[..];
        while let Some((fields, content)) = braid_update(&mut rest) {
            let field = |wanted: &str| {
                let field = fields.iter().find(|(name, _)| name == wanted);
                field.map(|(_, value)| value.trim_matches('"'))
            };
            let (position, text) = (field("Version").unwrap(), &*content);
            let message = match field("Content-Type").unwrap() {
                "application/json-patch+json" => Message::Patch { position, text },
                "application/merge-patch+json" => Message::Merge { position, text },
                _ => Message::Snapshot { position, text },
            };
            match message {
                Message::Snapshot { .. } => assert_eq!((field("Parents"), field("Patches")), (None, None)),
                _ => assert_eq!((field("Parents"), field("Patches")), (Some(&*client.position), Some("1"))),
            }
            client.take(message);
        }
        assert!(rest.is_empty());
        client.check(&name, &expected);
    }
}

/// What `format` writes of an expectation: `retry` goes into the first status, and heartbeats stand before the updates that
/// `heartbeats` names.
fn written(format: Format, name: &str, heartbeats: &[usize], retry: Option<u64>) -> String {
    let expected = expected(name);
    let form = if expected["content_type"] == "application/json" { Form::Json } else { Form::Text };
    let (mut out, mut last, mut retry) = (Vec::new(), None, retry.map(Duration::from_millis));
    for (index, update) in expected["updates"].as_array().unwrap().iter().enumerate() {
        for _ in heartbeats.iter().filter(|before| **before == index) {
            out.extend(format.heartbeat());
        }
        let kind = match update["type"].as_str().unwrap() {
            "snapshot" => Kind::Snapshot,
            "patch" => Kind::Patch,
            "merge" => Kind::Merge,
            _ if format == Format::Braid => continue,
            _ => {
                let status: Status = serde_json::from_value(update["status"].clone()).unwrap();
                out.extend(format.status(&status.to_json(), retry.take()));
                continue;
            }
        };
        let position = position_of(update);
        let parent = last.filter(|_| kind != Kind::Snapshot);
        let text = update["text"].as_str().unwrap();
        out.extend(format.update(Update { kind, position, parent, form, text }));
        last = Some(position);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn the_encoders_write_these_bytes() {
    let check = |format: Format, name: &str, heartbeats: &[usize], retry: Option<u64>| {
        let extension = if format == Format::Braid { "braid" } else { "ndjson" };
        let file = String::from_utf8(stream(name, extension)).unwrap();
        assert_eq!(written(format, name, heartbeats, retry), file, "{name}.{extension}");
    };
    check(Format::Ndjson, "basic", &[2, 3, 3], Some(2345));
    check(Format::Ndjson, "merge", &[], Some(1700));
    check(Format::Ndjson, "unproven", &[], Some(1000));
    check(Format::Braid, "basic", &[2, 3, 3], None);
    check(Format::Braid, "merge", &[], None);
    for name in ["text", "pointers", "numbers"] {
        check(Format::Ndjson, name, &[], None);
        check(Format::Braid, name, &[], None);
    }
    check(Format::Ndjson, "stale", &[], None);
}
