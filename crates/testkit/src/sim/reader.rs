//! How a client reads the bytes of its stream.

use std::io::Write;

use flate2::write::GzDecoder;
use tidegate_hub::Coding;
use tidegate_wire::json_message::{self, Event};
use tidegate_wire::sse::{Decoder, Item};
use tidegate_wire::{Format, Kind, Message, MessageError, Status};

use super::content::Content;

/// What a stream says.
#[derive(Debug)]
pub(super) enum Said {
    Snapshot {
        id: String,
        content: Content,
    },
    Step {
        kind: Kind,
        id: String,
        text: String,
    },
    Status(Status),
    /// That it does not continue, in the words for people.
    Note,
    /// Nothing that counts.
    Nothing,
    /// What no client could read.
    Wrong(String),
}

enum Decoding {
    Events(Decoder),
    /// One message a line; what there is of the next one.
    Lines(Vec<u8>),
}

/// Reads a stream.
pub(super) struct Reader {
    decoding: Decoding,
    unpacker: Option<GzDecoder<Vec<u8>>>,
    /// The stream carries a representation that is not JSON.
    pub(super) is_text: bool,
}

impl Reader {
    /// Of a stream in this format: Server-Sent Events or JSON lines.
    pub(super) fn new(format: Format, coding: Coding) -> Reader {
        let decoding = match format {
            Format::Ndjson => Decoding::Lines(Vec::new()),
            _ => Decoding::Events(Decoder::new()),
        };
        let unpacker = (coding == Coding::Gzip).then(|| GzDecoder::new(Vec::new()));
        Reader { decoding, unpacker, is_text: false }
    }

    /// What these bytes say, with what came before them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Said> {
        let bytes = match &mut self.unpacker {
            None => bytes.to_vec(),
            Some(unpacker) => {
                let unpacked = unpacker.write_all(bytes).and_then(|()| unpacker.flush());
                if let Err(error) = unpacked {
                    return vec![Said::Wrong(format!("not gzip: {error}"))];
                }
                std::mem::take(unpacker.get_mut())
            }
        };
        match &mut self.decoding {
            Decoding::Events(decoder) => {
                let mut items = Vec::new();
                let outcome = decoder.feed(&bytes, &mut items);
                let mut said: Vec<_> = items.iter().map(said_by_item).collect();
                if outcome.is_err() {
                    said.push(Said::Wrong("an event that no client could hold".to_owned()));
                }
                said
            }
            Decoding::Lines(kept) => {
                kept.extend_from_slice(&bytes);
                let mut said = Vec::new();
                while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = kept.drain(..=end).collect();
                    said.push(said_by_line(&String::from_utf8_lossy(&line[..end]), self.is_text));
                }
                said
            }
        }
    }

    /// Whether the stream is whole as far as its coding goes.
    pub(super) fn is_whole(&mut self) -> bool {
        self.unpacker.as_mut().is_none_or(|unpacker| unpacker.try_finish().is_ok())
    }
}

fn said_by_item(item: &Item) -> Said {
    match item {
        Item::Event(event) => said_by_message(Message::read(event), &event.data, Content::of),
        Item::Comment(text) if text.contains("not proven") => Said::Note,
        Item::Comment(_) | Item::Retry(_) => Said::Nothing,
    }
}

fn said_by_line(line: &str, is_text: bool) -> Said {
    let content = |text: &str| match is_text {
        true => json_message::read_string(text).map_or_else(|_| Content::of(text), Content::Whole),
        false => Content::of(text),
    };
    match json_message::read(line) {
        Ok(received) if received.sub.is_some() => Said::Wrong(format!("whose is that? {line}")),
        Ok(received) => match received.event {
            Event::Message(message) => said_by_message(Ok(message), line, content),
            Event::Heartbeat => Said::Nothing,
            _ => Said::Wrong(format!("not on a stream of one resource: {line}")),
        },
        Err(error) => Said::Wrong(format!("{error}: {line}")),
    }
}

fn said_by_message(
    message: Result<Message<'_>, MessageError>,
    source: &str,
    content: impl Fn(&str) -> Content,
) -> Said {
    match message {
        Ok(Message::Snapshot { position, text }) => {
            Said::Snapshot { id: position.to_owned(), content: content(text) }
        }
        Ok(Message::Patch { position, text }) => {
            Said::Step { kind: Kind::Patch, id: position.to_owned(), text: text.to_owned() }
        }
        Ok(Message::Merge { position, text }) => {
            Said::Step { kind: Kind::Merge, id: position.to_owned(), text: text.to_owned() }
        }
        Ok(Message::Status(status)) => Said::Status(status),
        Ok(Message::Unknown) => Said::Wrong(format!("an unknown event: {source}")),
        Err(error) => Said::Wrong(format!("{error}: {source}")),
    }
}
