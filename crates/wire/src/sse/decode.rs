//! Reading events, strictly as WHATWG HTML §9.2.6 says.

use std::fmt;

/// How many bytes of one event a [`Decoder`] holds unless told otherwise: 32 MiB.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 32 << 20;

/// An event as the standard dispatches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The `event` field; `message` where there was none.
    pub event: String,
    /// The `data` fields, joined by LF.
    pub data: String,
    /// The last event id at that time: an event without `id` has that of the one before it.
    pub last_event_id: String,
}

/// What a stream holds, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event, complete.
    Event(Received),
    /// A comment, without its colon and one leading space. Heartbeats are empty ones.
    Comment(String),
    /// The server sets the time before a reconnect, in milliseconds.
    Retry(u64),
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// One event, or one line, is over the limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::TooLarge { limit } => write!(f, "an event is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// An incremental decoder: bytes in, [`Item`]s out. An event that the stream breaks off is never given.
///
/// ```
/// use tidegate_wire::sse::{Decoder, Item, Received};
///
/// let mut items = Vec::new();
/// let mut decoder = Decoder::new();
/// decoder.feed(b"event: status\r\ndata: {\"state\"", &mut items).unwrap();
/// decoder.feed(b":\"live\"}\r\n\r\n", &mut items).unwrap();
/// let event = Received { event: "status".into(), data: r#"{"state":"live"}"#.into(), last_event_id: "".into() };
/// assert_eq!(items, [Item::Event(event)]);
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The bytes of a line whose end has not come yet.
    line: Vec<u8>,
    /// No line has ended yet, so that a byte order mark may stand in front.
    at_start: bool,
    /// The last line ended with CR: a LF that follows belongs to that line end.
    skip_lf: bool,
    failed: bool,
    event: String,
    /// Every line of data, each followed by LF, as the standard's data buffer.
    data: String,
    /// The standard's last event ID buffer: what the next dispatch makes the last event id.
    id_buffer: String,
    last_event_id: String,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream, with the default limit.
    pub fn new() -> Decoder {
        Decoder::with_limit(DEFAULT_MAX_EVENT_BYTES)
    }

    /// A decoder that fails when one event, or one line, is over `limit` bytes.
    pub fn with_limit(limit: usize) -> Decoder {
        Decoder {
            limit,
            line: Vec::new(),
            at_start: true,
            skip_lf: false,
            failed: false,
            event: String::new(),
            data: String::new(),
            id_buffer: String::new(),
            last_event_id: String::new(),
        }
    }

    /// Starts with the last event id of an earlier stream of the same source: it persists over reconnects.
    pub fn with_last_event_id(mut self, id: &str) -> Decoder {
        self.id_buffer = id.to_owned();
        self.last_event_id = id.to_owned();
        self
    }

    /// The last event id: what a reconnect says in `Last-Event-ID`. That of an event which broke off does not count.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Reads on, and appends what is complete to `items`. After an error nothing more is read.
    pub fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) -> Result<(), DecodeError> {
        if self.failed {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        let mut rest = bytes;
        if self.skip_lf && !rest.is_empty() {
            self.skip_lf = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            self.check_size(end)?;
            if self.line.is_empty() {
                self.end_line(&rest[..end], items);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&rest[..end]);
                self.end_line(&line, items);
                line.clear();
                self.line = line;
            }
            let was_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if was_cr {
                self.skip_lf = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.check_size(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    fn check_size(&mut self, more: usize) -> Result<(), DecodeError> {
        let size = self.data.len() + self.event.len() + self.line.len() + more;
        self.failed = size > self.limit;
        if self.failed { Err(DecodeError::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// Lines end at ASCII bytes, which no UTF-8 sequence, valid or not, swallows: so decoding each line alone gives
    /// what decoding the whole stream would.
    fn end_line(&mut self, line: &[u8], items: &mut Vec<Item>) {
        let line = match std::mem::take(&mut self.at_start) {
            true => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line),
            false => line,
        };
        if line.is_empty() {
            return self.dispatch(items);
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => items.push(Item::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id_buffer),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // All digits, so it fails only when it is too large.
                items.push(Item::Retry(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, items: &mut Vec<Item>) {
        self.id_buffer.clone_into(&mut self.last_event_id);
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        // Each line of data ends with LF: the last one's is not part of the data, and without any there is no event.
        if data.pop().is_some() {
            let event = if event.is_empty() { "message".to_owned() } else { event };
            items.push(Item::Event(Received { event, data, last_event_id: self.last_event_id.clone() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::Event;
    use proptest::prelude::*;
    use tidegate_core::{Binding, Epoch, Offset, Position};

    fn decode(chunks: &[&[u8]]) -> Vec<Item> {
        let (mut decoder, mut items) = (Decoder::new(), Vec::new());
        for chunk in chunks {
            decoder.feed(chunk, &mut items).unwrap();
        }
        items
    }

    fn event(event: &str, data: &str, id: &str) -> Item {
        Item::Event(Received { event: event.into(), data: data.into(), last_event_id: id.into() })
    }

    #[test]
    fn the_standards_rules() {
        let check = |stream: &[u8], expected: &[Item]| {
            assert_eq!(decode(&[stream]), expected, "{:?}", String::from_utf8_lossy(stream));
        };
        // The examples of §9.2.6.
        check(b"data: YHOO\ndata: +2\ndata: 10\n\n", &[event("message", "YHOO\n+2\n10", "")]);
        check(
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[
                Item::Comment("test stream".into()),
                event("message", "first event", "1"),
                event("message", "second event", ""),
                event("message", " third event", ""),
            ],
        );
        check(b"data\n\ndata\ndata\n\ndata:", &[event("message", "", ""), event("message", "\n", "")]);
        check(b"data:test\n\ndata: test\n\n", &[event("message", "test", ""), event("message", "test", "")]);
        // An id without data moves the last event id, and nothing is dispatched.
        check(b"id: 7\n\nevent: a\n\ndata: x\n\n", &[event("message", "x", "7")]);
        check(
            b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n",
            &[event("message", "a", "7"), event("message", "b", "7")],
        );
        // retry: digits only.
        check(b"retry: 10\nretry:\nretry: 1a\nretry: +1\nretry: -1\nretry:  1\n", &[Item::Retry(10)]);
        check(b"retry: 99999999999999999999\n", &[Item::Retry(u64::MAX)]);
        // Field names are exact, the last event type wins, unknown fields are ignored.
        check(b"Data: a\n data: b\nevent: x\nevent: y\nother: z\ndata: c\n\n", &[event("y", "c", "")]);
        // A byte order mark at the start only.
        check(b"\xEF\xBB\xBFdata: a\n\n", &[event("message", "a", "")]);
        check(b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\n", &[]);
        check(b"\n\xEF\xBB\xBFdata: a\n\n", &[]);
        // Invalid UTF-8 is replaced, one mark for each maximal part.
        check(b"data: a\xFFb\xE2\x82\n\n", &[event("message", "a\u{FFFD}b\u{FFFD}", "")]);
        // Line ends mix; a heartbeat is a comment and ends nothing.
        check(
            b"data: a\rdata: b\r\ndata: c\n:\n\r\n",
            &[Item::Comment("".into()), event("message", "a\nb\nc", "")],
        );
        check(b"data: a\n\r", &[event("message", "a", "")]);
        // An event that breaks off is discarded.
        check(b"data: a\n", &[]);
        check(b"data: a\n\ndata: b", &[event("message", "a", "")]);
    }

    #[test]
    fn an_event_ends_at_once_even_where_a_crlf_is_cut() {
        assert_eq!(decode(&[b"data: a\r\n\r"]), [event("message", "a", "")]);
        assert_eq!(decode(&[b"data: a\r", b"", b"\ndata: b\r", b"\n\r\n"]), [event("message", "a\nb", "")]);
    }

    #[test]
    fn the_last_event_id_is_that_of_complete_events() {
        let (mut decoder, mut items) = (Decoder::new().with_last_event_id("5"), Vec::new());
        decoder.feed(b"data: a\n\nid: 6\ndata: b\n", &mut items).unwrap();
        assert_eq!(
            (items.as_slice(), decoder.last_event_id()),
            ([event("message", "a", "5")].as_slice(), "5")
        );
        decoder.feed(b"\n", &mut items).unwrap();
        assert_eq!(decoder.last_event_id(), "6");
    }

    #[test]
    fn what_it_holds_is_bounded() {
        let too_large = Err(DecodeError::TooLarge { limit: 16 });
        for stream in
            [&b"data: 0123456789012"[..], b"data: 0123456789\ndata: 0123456789\n", b":34567890123456789"]
        {
            let (mut decoder, mut items) = (Decoder::with_limit(16), Vec::new());
            assert_eq!(stream.iter().try_for_each(|byte| decoder.feed(&[*byte], &mut items)), too_large);
            assert_eq!(decoder.feed(b"\n\n", &mut items), too_large, "it stays failed");
            assert_eq!(Decoder::with_limit(16).feed(stream, &mut items), too_large);
        }
        let (mut decoder, mut items) = (Decoder::with_limit(16), Vec::new());
        for _ in 0..10 {
            decoder.feed(b"data: 01234\n\n:3456789012345\n", &mut items).unwrap();
        }
        assert_eq!(items.len(), 20, "the limit is per event");
    }

    fn position() -> impl Strategy<Value = Position> {
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(epoch, offset, binding)| Position {
            epoch: Epoch(epoch),
            offset: Offset(offset),
            binding: Binding(binding),
        })
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_items(
            fragments in prop::collection::vec(prop::sample::select(vec![
                "data", "id", "event", "retry", ":", " ", "\r", "\n", "\r\n", "\u{FEFF}", "x", "0", "9", "\0", "é",
                "snapshot", "\n\n",
            ]), 0..60),
            noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut stream = fragments.concat().into_bytes();
            for (index, byte) in noise {
                if !stream.is_empty() {
                    let at = index.index(stream.len());
                    stream[at] = byte;
                }
            }
            let whole = decode(&[&stream]);
            let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&decode(&bytewise), &whole);
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            ends.push(stream.len());
            ends.sort_unstable();
            let mut start = 0;
            let chunks: Vec<&[u8]> =
                ends.iter().map(|&end| &stream[std::mem::replace(&mut start, end)..end]).collect();
            prop_assert_eq!(decode(&chunks), whole);
        }

        #[test]
        fn what_is_written_is_read(
            position in position(),
            text in "[ \n:a\"é\u{FEFF}\0]{0,20}|\\PC{0,40}",
            note in prop::option::of("[ \r\na:]{0,8}"),
            retry in prop::option::of(any::<u32>()),
        ) {
            let mut stream = note.map_or_else(Vec::new, |text| crate::sse::note(&text).to_vec());
            let mut written = Event::snapshot(position, &text);
            if let Some(retry) = retry {
                written = written.retry(std::time::Duration::from_millis(retry.into()));
            }
            written.encode_into(&mut stream);
            let items = decode(&[&stream]);
            let data: Vec<&Item> = items.iter().filter(|item| matches!(item, Item::Event(_))).collect();
            prop_assert_eq!(data, [&event("snapshot", &text, &position.to_string())]);
            prop_assert_eq!(items.contains(&Item::Retry(retry.unwrap_or(0).into())), retry.is_some());
        }
    }
}
