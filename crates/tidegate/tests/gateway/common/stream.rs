//! A reader of event streams (WHATWG HTML §9.2.6), and what it holds.

use std::io::Write;
use std::net::SocketAddr;

use flate2::write::GzDecoder;

use tidegate_core::json::{self, Patch, Value};

use super::{Http, Response};

/// One event as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: String,
    /// Comments in it that say something.
    pub(crate) comments: Vec<String>,
}

impl Event {
    /// Reads its lines.
    pub(crate) fn parse(block: &str) -> Event {
        let mut event = Event::default();
        let mut data = Vec::new();
        for line in block.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "" if value.is_empty() => {}
                "" => event.comments.push(value.to_owned()),
                "event" => event.kind = value.to_owned(),
                "id" => event.id = Some(value.to_owned()),
                "retry" => event.retry = Some(value.parse().expect("retry is a number")),
                "data" => data.push(value),
                other => panic!("unknown field {other:?} in {block:?}"),
            }
        }
        event.data = data.join("\n");
        event
    }

    /// The data of a `status`.
    #[track_caller]
    pub(crate) fn status(&self) -> serde_json::Value {
        assert_eq!(self.kind, "status", "{self:?}");
        assert_eq!(self.id, None, "{self:?}");
        serde_json::from_str(&self.data).expect("a status is JSON")
    }

    /// The state of a `status`.
    #[track_caller]
    pub(crate) fn state(&self) -> String {
        self.status()["state"].as_str().expect("a status has a state").to_owned()
    }
}

/// An open stream.
pub(crate) struct Stream {
    pub(crate) head: Response,
    pub(crate) http: Http,
    text: String,
    /// The begin of a character whose rest is still to come.
    cut: Vec<u8>,
    /// How much of the text holds no end of an event.
    searched: usize,
    chunked: bool,
    unpacker: Option<GzDecoder<Vec<u8>>>,
}

impl Stream {
    /// Subscribes, and insists on a stream.
    pub(crate) async fn open(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Stream {
        Stream::open_on(Http::connect(address).await, target, fields).await
    }

    /// The same on a given connection.
    pub(crate) async fn open_on(mut http: Http, target: &str, fields: &[(&str, &str)]) -> Stream {
        let accept = ("Accept", "text/event-stream");
        let fields: Vec<_> = std::iter::once(accept).chain(fields.iter().copied()).collect();
        http.ask("GET", target, &fields).await;
        Stream::answered(http).await
    }

    /// The stream that answers what was sent already.
    pub(crate) async fn answered(http: Http) -> Stream {
        let stream = Stream::of_any_sort(http).await;
        assert_eq!(stream.head.status, 200, "{:?}", stream.head);
        assert_eq!(stream.head.field("content-type"), Some("text/event-stream"), "{:?}", stream.head);
        stream
    }

    /// What is written in lines: NDJSON, or anything else of which only the text matters.
    pub(crate) async fn ask(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Stream {
        let mut http = Http::connect(address).await;
        http.ask("GET", target, fields).await;
        Stream::of_any_sort(http).await
    }

    /// The answer to what was sent already, whatever it is.
    pub(crate) async fn of_any_sort(mut http: Http) -> Stream {
        let head = http.head().await;
        let chunked = head.field("transfer-encoding").is_some();
        let unpacker = (head.field("content-encoding") == Some("gzip")).then(|| GzDecoder::new(Vec::new()));
        Stream { head, http, text: String::new(), cut: Vec::new(), searched: 0, chunked, unpacker }
    }

    /// Whether more came.
    async fn more(&mut self) -> bool {
        let bytes = match self.chunked {
            true => self.http.chunk().await,
            false => self.http.some().await,
        };
        let Some(bytes) = bytes else { return false };
        match &mut self.unpacker {
            None => self.cut.extend_from_slice(&bytes),
            Some(unpacker) => {
                unpacker.write_all(&bytes).expect("gzip");
                unpacker.flush().expect("what came can be read");
                self.cut.append(unpacker.get_mut());
            }
        }
        let whole = match std::str::from_utf8(&self.cut) {
            Ok(text) => text.len(),
            Err(error) => {
                assert_eq!(error.error_len(), None, "streams are UTF-8");
                error.valid_up_to()
            }
        };
        let text = self.cut.drain(..whole).collect();
        self.text.push_str(&String::from_utf8(text).expect("checked"));
        true
    }

    /// The next event, or nothing when the stream ended in order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let from = self.searched;
            self.searched = self.text.len().saturating_sub(1);
            if let Some(end) = self.text.as_bytes()[from..].windows(2).position(|pair| pair == b"\n\n") {
                let end = from + end;
                self.searched = 0;
                let block: String = self.text.drain(..end + 2).collect();
                return Some(Event::parse(&block[..end + 1]));
            }
            if !self.more().await {
                assert!(self.text.lines().all(|line| line.starts_with(':')), "cut off in {:?}", self.text);
                return None;
            }
        }
    }

    /// It ends here, with all that its coding and its transport call for.
    pub(crate) async fn ends(mut self) {
        assert_eq!(self.next().await, None);
        if self.chunked {
            assert_eq!(self.http.trailers().await, "");
        }
        assert!(self.http.broke.is_none(), "{:?}", self.http.broke);
        if let Some(unpacker) = self.unpacker {
            let rest = unpacker.finish().expect("the length and the checksum are those of what came");
            assert_eq!(rest, b"");
        }
    }

    /// The last event, a status that says when to come back, and the end. A busy machine may have been told before that
    /// its origin is late.
    pub(crate) async fn ends_with_a_status(mut self) {
        let mut last = self.event().await;
        while last.kind == "status" && last.retry.is_none() {
            last = self.event().await;
        }
        assert!(last.kind == "status" && last.retry.is_some_and(|retry| retry >= 1000), "{last:?}");
        self.ends().await;
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Event {
        self.next().await.expect("another event comes")
    }

    /// The next event, which must be of this kind.
    pub(crate) async fn expect(&mut self, kind: &str) -> Event {
        let event = self.event().await;
        assert_eq!(event.kind, kind, "{event:?}");
        event
    }

    /// The next event but for statuses of this state, which each failure repeats with the time of the next try.
    pub(crate) async fn after(&mut self, state: &str) -> Event {
        loop {
            let event = self.event().await;
            if event.kind != "status" || event.state() != state {
                return event;
            }
        }
    }

    /// The next line of NDJSON.
    pub(crate) async fn line(&mut self) -> serde_json::Value {
        let line = self.text_until("\n").await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }

    /// The next line of NDJSON, which must be of this kind.
    pub(crate) async fn line_of(&mut self, event: &str) -> serde_json::Value {
        let line = self.line().await;
        assert_eq!(line["event"], event, "{line}");
        line
    }

    /// The text so far and what follows, up to and including the first `end`.
    pub(crate) async fn text_until(&mut self, end: &str) -> String {
        loop {
            if let Some(start) = self.text.find(end) {
                self.searched = 0;
                return self.text.drain(..start + end.len()).collect();
            }
            assert!(self.more().await, "ended before {end:?}: {:?}", self.text);
        }
    }

    /// A stream that begins with a snapshot and a status; gives both.
    pub(crate) async fn begin(&mut self) -> (Event, Event) {
        let snapshot = self.expect("snapshot").await;
        let status = self.expect("status").await;
        (snapshot, status)
    }
}

/// What a client holds that applies what it gets.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    value: Option<Value>,
    pub(crate) id: Option<String>,
}

impl Replica {
    /// Takes an event in.
    pub(crate) fn take(&mut self, event: &Event) {
        let parse = |text: &str| json::parse(text.as_bytes(), json::MAX_DEPTH).expect("the data is JSON");
        match &*event.kind {
            "snapshot" => self.value = Some(parse(&event.data)),
            "patch" => {
                let patch = Patch::parse(event.data.as_bytes()).expect("the data is a patch");
                let held = self.value.as_ref().expect("a patch follows a snapshot");
                self.value = Some(json::patched(held, &patch).expect("the patch applies"));
            }
            _ => return,
        }
        self.id.clone_from(&event.id);
    }

    /// The compact text of what is held.
    pub(crate) fn text(&self) -> String {
        self.value.as_ref().map(Value::to_text).unwrap_or_default()
    }

    /// Reads until it holds `text`.
    pub(crate) async fn catch_up(&mut self, stream: &mut Stream, text: &str) {
        while self.text() != text {
            let event = stream.event().await;
            self.take(&event);
        }
    }
}
