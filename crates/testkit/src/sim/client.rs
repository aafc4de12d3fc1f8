//! A client: decodes, applies, keeps what it has over reconnects, and says what it last processed.

use std::io::Write;

use flate2::write::GzDecoder;
use tidegate_core::Position;
use tidegate_core::json::{self, Patch, Value};
use tidegate_hub::Coding;
use tidegate_hub::owner::{Attached, Reply, Resume};
use tidegate_hub::shard::SubscriberId;
use tidegate_wire::sse::{Decoder, Item, Received};
use tidegate_wire::{Continuity, Message, State, Status};
use tokio::sync::oneshot;

use super::api::canonical_text;
use super::check::{Book, Promise};
use super::document::canonical;
use super::pipe::{Pipe, PipeSink};

/// What a client says in `Last-Event-ID` when it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeWith {
    /// Nothing.
    Nothing,
    /// The last id that it processed; nothing if there is none.
    Own,
    /// An id that it processed earlier, with the state that it had then, as a page restored from a cache would.
    Older(u8),
    /// The last id of another client, which may watch another resource.
    Foreign(u8),
    /// Something that is no position.
    Garbled,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Json(Value),
    Whole(String),
}

impl Content {
    fn of(text: &str) -> Content {
        match json::parse(text.as_bytes(), json::MAX_DEPTH) {
            Ok(value) => Content::Json(value),
            Err(_) => Content::Whole(text.to_owned()),
        }
    }

    fn canonical(&self) -> String {
        match self {
            Content::Json(value) => canonical(value),
            Content::Whole(text) => canonical_text(text.as_bytes()),
        }
    }
}

#[derive(Debug, Clone)]
struct Held {
    position: Position,
    content: Content,
}

struct Connection {
    subscriber: SubscriberId,
    pipe: Pipe,
    /// The answer that it waits for, and the other end of its connection until then.
    reply: Option<(oneshot::Receiver<Reply<Attached>>, PipeSink)>,
    decoder: Decoder,
    /// Reads gzip, where it takes that.
    unpacker: Option<GzDecoder<Vec<u8>>>,
    /// What it said when it connected; `None` for nothing.
    said: Option<Resume>,
    noted: bool,
    updates: usize,
    statuses: usize,
}

/// What became of a request for a stream.
pub(super) enum Answer {
    /// Nothing yet, or nothing new.
    None,
    /// It may begin; the shard is to have the other end of its connection.
    Admitted(SubscriberId, PipeSink),
    /// It was refused.
    Refused,
}

/// A client of one resource.
pub struct Client {
    coding: Coding,
    held: Option<Held>,
    earlier: Vec<Held>,
    connection: Option<Connection>,
    status: Option<Status>,
}

/// How many earlier states a client can come back to.
const EARLIER: usize = 6;

impl Client {
    /// One that takes this coding, and has nothing yet.
    pub fn new(coding: Coding) -> Client {
        Client { coding, held: None, earlier: Vec::new(), connection: None, status: None }
    }

    /// How its streams are coded.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Begins to connect. `foreign` is the position that [`ResumeWith::Foreign`] stands for. Gives what goes into
    /// the request.
    pub fn connect(
        &mut self,
        subscriber: SubscriberId,
        reply: oneshot::Receiver<Reply<Attached>>,
        with: ResumeWith,
        foreign: Option<Position>,
    ) -> Resume {
        match with {
            ResumeWith::Own => {}
            ResumeWith::Older(back) if !self.earlier.is_empty() => {
                let index = self.earlier.len() - 1 - usize::from(back) % self.earlier.len();
                self.held = Some(self.earlier[index].clone());
            }
            ResumeWith::Nothing | ResumeWith::Older(_) | ResumeWith::Foreign(_) | ResumeWith::Garbled => {
                self.held = None;
            }
        }
        let resume = match (with, &self.held, foreign) {
            (ResumeWith::Garbled, ..) => Resume::Foreign,
            (ResumeWith::Foreign(_), _, Some(position)) => Resume::From(position),
            (_, Some(held), _) => Resume::From(held.position),
            _ => Resume::Nowhere,
        };
        self.status = None;
        let (pipe, sink) = Pipe::new();
        self.connection = Some(Connection {
            subscriber,
            pipe,
            reply: Some((reply, sink)),
            decoder: Decoder::new(),
            unpacker: (self.coding == Coding::Gzip).then(|| GzDecoder::new(Vec::new())),
            said: (resume != Resume::Nowhere).then_some(resume),
            noted: false,
            updates: 0,
            statuses: 0,
        });
        resume
    }

    /// Breaks the connection off; what was not processed is lost. Gives the subscriber's name, if there was one.
    pub fn disconnect(&mut self) -> Option<SubscriberId> {
        let connection = self.connection.take()?;
        connection.pipe.reset();
        Some(connection.subscriber)
    }

    /// Its connection, if it has one.
    pub fn pipe(&self) -> Option<&Pipe> {
        self.connection.as_ref().map(|connection| &connection.pipe)
    }

    /// The subscriber's name, if it is connected.
    pub fn subscriber(&self) -> Option<SubscriberId> {
        self.connection.as_ref().map(|connection| connection.subscriber)
    }

    /// Whether its request was not answered yet.
    pub fn is_pending(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.reply.is_some())
    }

    /// The position that it holds.
    pub fn position(&self) -> Option<Position> {
        Some(self.held.as_ref()?.position)
    }

    /// What it holds, in canonical text.
    pub fn content(&self) -> Option<String> {
        Some(self.held.as_ref()?.content.canonical())
    }

    /// Updates that it got on this connection.
    pub fn updates(&self) -> Option<usize> {
        Some(self.connection.as_ref()?.updates)
    }

    /// The state that it was told last on this connection.
    pub fn state(&self) -> Option<State> {
        Some(self.status.as_ref()?.state)
    }

    /// Takes the answer to its request, if it has come.
    pub(super) fn take_reply(&mut self, book: &mut Book) -> Answer {
        let Some(connection) = &mut self.connection else { return Answer::None };
        let Some((mut reply, sink)) = connection.reply.take() else { return Answer::None };
        match reply.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => {
                connection.reply = Some((reply, sink));
                Answer::None
            }
            Ok(Reply::Have(_)) => Answer::Admitted(connection.subscriber, sink),
            Ok(_) => Answer::Refused,
            Err(oneshot::error::TryRecvError::Closed) => {
                book.violated(Promise::AlwaysCurrent, "a request for a stream was never answered");
                Answer::Refused
            }
        }
    }

    /// Processes what arrived.
    pub(super) fn receive(&mut self, bytes: &[u8], book: &mut Book) {
        let mut items = Vec::new();
        let Some(connection) = &mut self.connection else { return };
        let bytes = match &mut connection.unpacker {
            None => bytes.to_vec(),
            Some(unpacker) => {
                let unpacked = unpacker.write_all(bytes).and_then(|()| unpacker.flush());
                if let Err(error) = unpacked {
                    book.violated(Promise::NeverWrong, format!("not gzip: {error}"));
                }
                std::mem::take(unpacker.get_mut())
            }
        };
        if connection.decoder.feed(&bytes, &mut items).is_err() {
            book.violated(Promise::NeverWrong, "an event that no client could hold");
        }
        for item in items {
            match item {
                Item::Event(event) => self.event(&event, book),
                Item::Comment(text) if text.contains("not proven") => {
                    if let Some(connection) = &mut self.connection {
                        connection.noted = true;
                    }
                }
                Item::Comment(_) | Item::Retry(_) => {}
            }
        }
    }

    fn event(&mut self, event: &Received, book: &mut Book) {
        match Message::read(event) {
            Ok(Message::Snapshot { position, text }) => {
                self.update(position, Some(Content::of(text)), true, book)
            }
            Ok(Message::Patch { position, text }) => {
                let patched = self.apply(text);
                if patched.is_none() {
                    book.violated(
                        Promise::NeverWrong,
                        format!("the patch {text} does not apply to {:?}", self.held),
                    );
                }
                self.update(position, patched, false, book);
            }
            Ok(Message::Merge { .. }) => {
                book.violated(Promise::NeverWrong, format!("nobody asked for this: {event:?}"))
            }
            Ok(Message::Status(status)) => self.told(status, book),
            Ok(Message::Unknown) => {
                book.violated(Promise::NeverWrong, format!("an unknown event: {event:?}"))
            }
            Err(error) => book.violated(Promise::NeverWrong, format!("{error}: {event:?}")),
        }
    }

    fn apply(&self, patch: &str) -> Option<Content> {
        let Content::Json(value) = &self.held.as_ref()?.content else { return None };
        let patch = Patch::parse(patch.as_bytes()).ok()?;
        Some(Content::Json(json::patched(value, &patch).ok()?))
    }

    fn update(&mut self, id: &str, content: Option<Content>, is_snapshot: bool, book: &mut Book) {
        let (Some(content), Some(connection)) = (content, &mut self.connection) else { return };
        let Ok(position) = id.parse::<Position>() else {
            return book.violated(Promise::NeverWrong, format!("{id:?} is no position"));
        };
        book.require(connection.updates == 0 || connection.statuses > 0, Promise::DegradesInTheOpen, || {
            "no status after the first update".to_owned()
        });
        if let Some(held) = &self.held {
            if held.position.epoch == position.epoch {
                book.require(position.offset > held.position.offset, Promise::NeverBackwards, || {
                    format!("from {} to {id}", held.position)
                });
            } else {
                let begins = is_snapshot && connection.updates == 0;
                book.require(begins, Promise::NeverBackwards, || {
                    format!("another epoch in the middle of a stream: from {} to {id}", held.position)
                });
            }
        }
        if connection.updates == 0 {
            check_continuity(connection, position, is_snapshot, book);
            book.tally.resumed += usize::from(!is_snapshot);
        }
        match &self.held {
            _ if is_snapshot => book.tally.snapshots += 1,
            Some(held) if held.position.offset.next() == position.offset => book.tally.patches += 1,
            _ => book.tally.composed += 1,
        }
        connection.updates += 1;
        let canonical = content.canonical();
        match book.contents.get(&position) {
            Some(expected) if *expected == canonical => {}
            expected => {
                let detail = format!("at {id} a client holds {canonical} instead of {expected:?}");
                book.violated(Promise::NeverWrong, detail);
            }
        }
        let held = Held { position, content };
        if self.earlier.len() == EARLIER {
            self.earlier.remove(0);
        }
        self.earlier.push(held.clone());
        self.held = Some(held);
    }

    fn told(&mut self, status: Status, book: &mut Book) {
        let Some(connection) = &mut self.connection else { return };
        connection.statuses += 1;
        let unproven = status.continuity == Some(Continuity::Unproven);
        let expected = connection.statuses == 1 && connection.noted;
        book.require(unproven == expected, Promise::NeverBackwards, || {
            format!("continuity in status {}: {unproven}, where it is {expected}", connection.statuses)
        });
        book.tally.unproven += usize::from(unproven);
        book.tally.not_live += usize::from(status.state != State::Live);
        self.status = Some(status);
    }
}

/// The first update of a stream: whether what it says about continuity is true.
fn check_continuity(connection: &Connection, position: Position, is_snapshot: bool, book: &mut Book) {
    let foreign = match connection.said {
        None => {
            book.require(!connection.noted && is_snapshot, Promise::NeverBackwards, || {
                "a client that said nothing is to get a snapshot without a note".to_owned()
            });
            return;
        }
        Some(Resume::From(said)) => said.epoch != position.epoch || said.binding != position.binding,
        Some(_) => true,
    };
    let proven = is_snapshot && connection.noted;
    book.require(!foreign || proven, Promise::NeverBackwards, || {
        "a client with a foreign id is to get a snapshot and to be told so".to_owned()
    });
}
