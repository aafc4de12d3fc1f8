//! The golden streams that every client in this repository reads; `testdata/wire/README.md` says what they hold.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::*;
use crate::Transport;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/wire"].iter().collect()
}

/// Texts compare as the JSON that they are, number for number, or as the texts that they are.
fn document(text: &str, json: bool) -> Document {
    Document::read(text, json)
}

fn check(name: &str, golden: &Json, transport: Transport, stream: &[u8], size: usize) {
    let what = format!("{name}.{transport} in chunks of {size}");
    let content_type = golden["content_type"].as_str().unwrap();
    let wishes = Wishes { transport, ..Wishes::default() };
    let mut bench = Bench::new(Settings { wishes, max_bytes: 1 << 20, ..settings() });
    bench.head(200, &[("content-type", transport.media_type()), ("tidegate-content-type", content_type)]);
    let json = bench.machine.streams_json;
    let mut updates = Vec::new();
    for chunk in stream.chunks(size) {
        bench.machine.handle_body(bench.now(), chunk);
        while let Some(update) = bench.machine.poll_update(bench.now()) {
            let of = |kind: &str, position: &str, text: String| {
                (kind.to_owned(), position.to_owned(), document(&text, true))
            };
            updates.push(match update.unwrap_or_else(|error| panic!("{what}: {error}")) {
                Update::Snapshot { position, .. } => {
                    ("snapshot".into(), position, bench.machine.document().unwrap().clone())
                }
                Update::Patched { position, patch, .. } => of("patch", &position, patch.to_text()),
                Update::Merged { position, patch, .. } => of("merge", &position, patch.to_text()),
                Update::Status(status) => of("status", "", status.to_json()),
                other => panic!("{what}: {other:?}"),
            });
        }
    }
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let expected: Vec<(String, String, Document)> = golden["updates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|update| {
            let kind = text(&update["type"]);
            let held = match kind.as_str() {
                "status" => document(&update["status"].to_string(), true),
                "snapshot" => document(&text(&update["text"]), json),
                _ => document(&text(&update["text"]), true),
            };
            (kind, text(&update["position"]), held)
        })
        .collect();
    // A connection's own update stands in front.
    assert_eq!(updates, expected, "{what}");
    let end = &golden["final"];
    assert_eq!(bench.machine.position(), end["position"].as_str(), "{what}");
    assert_eq!(bench.machine.document(), Some(&document(end["text"].as_str().unwrap(), json)), "{what}");
    let least = Duration::from_millis(end["retry_ms"].as_u64().unwrap_or_default());
    bench.end();
    let wait = bench.reconnect();
    assert!((least..=least + Duration::from_secs(1)).contains(&wait), "{what}: {wait:?}");
    assert_eq!(bench.field("last-event-id"), end["position"].as_str(), "{what}");
}

#[test]
fn every_stream_in_every_transport_and_however_it_is_cut() {
    let mut read = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let golden: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for transport in Transport::ALL {
            let Ok(stream) = std::fs::read(path.with_extension(transport.name())) else { continue };
            for size in [1, 2, 7, 64, stream.len()] {
                check(&name, &golden, transport, &stream, size);
            }
            read.push(format!("{name}.{transport}"));
        }
    }
    read.sort();
    assert!(read.len() >= 15 && read.contains(&"merge.ndjson".to_owned()), "{read:?}");
}
