//! A client: decodes, applies, keeps what it has over reconnects, and says what it last processed.

use tidegate_core::{Mode, Position, Time};
use tidegate_hub::owner::{Attached, Reply, Resume};
use tidegate_hub::shard::SubscriberId;
use tidegate_hub::{Coding, Terms};
use tidegate_wire::{Continuity, Format, Kind, State, Status};
use tokio::sync::oneshot;

use super::check::{Book, Promise};
use super::content::Content;
use super::pipe::{Pipe, PipeSink};
use super::reader::{Reader, Said};

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
    reader: Reader,
    is_packed: bool,
    /// When the frame was begun that has arrived in part.
    torn_since: Option<Time>,
    /// Some frame has arrived in parts.
    was_torn: bool,
    /// When the last two updates were begun.
    begun: [Option<Time>; 2],
    /// What it said when it connected; `None` for nothing.
    said: Option<Resume>,
    noted: bool,
    /// What it said is of another lineage than what it got.
    is_foreign: bool,
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
    terms: Terms,
    held: Option<Held>,
    earlier: Vec<Held>,
    connection: Option<Connection>,
    status: Option<Status>,
}

/// How many earlier states a client can come back to.
const EARLIER: usize = 6;

impl Client {
    /// One that takes this coding, is served on these terms, and has nothing yet.
    pub fn new(coding: Coding, terms: Terms) -> Client {
        Client { coding, terms, held: None, earlier: Vec::new(), connection: None, status: None }
    }

    /// How its streams are coded.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// On which terms it is served.
    pub fn terms(&self) -> Terms {
        self.terms
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
            reader: Reader::new(self.terms.format, self.coding),
            is_packed: self.coding == Coding::Gzip,
            torn_since: None,
            was_torn: false,
            begun: [None; 2],
            said: (resume != Resume::Nowhere).then_some(resume),
            noted: false,
            is_foreign: false,
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
            // 204: there will be nothing for it.
            Ok(Reply::Have(Attached { is_current: true, .. })) if self.terms.mode == Mode::First => {
                Answer::Refused
            }
            Ok(Reply::Have(Attached { content_type, .. })) => {
                connection.reader.is_text = content_type.is_some_and(|it| it != "application/json");
                Answer::Admitted(connection.subscriber, sink)
            }
            Ok(_) => Answer::Refused,
            Err(oneshot::error::TryRecvError::Closed) => {
                book.violated(Promise::AlwaysCurrent, "a request for a stream was never answered");
                Answer::Refused
            }
        }
    }

    /// Processes what arrived at `now`.
    pub(super) fn receive(&mut self, now: Time, bytes: &[u8], book: &mut Book) {
        let Some(connection) = &mut self.connection else { return };
        // The first thing was perhaps begun earlier; the others were not.
        let mut begun = connection.torn_since.take().unwrap_or(now);
        let said = connection.reader.read(bytes);
        connection.was_torn |= connection.pipe.is_torn();
        connection.torn_since =
            connection.pipe.is_torn().then_some(if said.is_empty() { begun } else { now });
        for said in said {
            self.hear(begun, said, book);
            begun = now;
        }
    }

    fn hear(&mut self, begun: Time, said: Said, book: &mut Book) {
        match said {
            Said::Snapshot { id, content } => self.update(begun, &id, Some(content), Kind::Snapshot, book),
            Said::Step { kind, id, text } => {
                let after = self.held.as_ref().and_then(|held| held.content.after(kind, &text));
                if after.is_none() {
                    let detail = format!("the {} {text} does not apply to {:?}", kind.name(), self.held);
                    book.violated(Promise::NeverWrong, detail);
                }
                self.update(begun, &id, after, kind, book);
            }
            Said::Status(status) => self.told(status, book),
            Said::Note => {
                if let Some(connection) = &mut self.connection {
                    connection.noted = true;
                }
            }
            Said::Nothing => {}
            Said::Wrong(detail) => book.violated(Promise::NeverWrong, detail),
        }
    }

    fn update(&mut self, begun: Time, id: &str, content: Option<Content>, kind: Kind, book: &mut Book) {
        let is_snapshot = kind == Kind::Snapshot;
        let (Some(content), Some(connection)) = (content, &mut self.connection) else { return };
        let Ok(position) = id.parse::<Position>() else {
            return book.violated(Promise::NeverWrong, format!("{id:?} is no position"));
        };
        book.require(connection.updates == 0 || connection.statuses > 0, Promise::DegradesInTheOpen, || {
            "no status after the first update".to_owned()
        });
        book.require(self.terms.allow(kind), Promise::NeverWrong, || {
            format!("a {} for a client that wants {}", kind.name(), self.terms.mode)
        });
        book.require(
            self.terms.mode != Mode::First || connection.updates == 0,
            Promise::AlwaysCurrent,
            || "a second update for a client that wants one".to_owned(),
        );
        connection.check_rate(begun, self.terms, book);
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
            connection.check_continuity(position, is_snapshot, self.terms.format, book);
            book.tally.resumed += usize::from(!is_snapshot);
        }
        let is_next = self.held.as_ref().is_some_and(|held| held.position.offset.next() == position.offset);
        book.tally.count(self.terms, kind, is_next);
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

    /// The gateway ended the stream. Only a client that wants one snapshot knows what there should have been.
    pub(super) fn ended(&mut self, book: &mut Book) {
        let Some(connection) = &mut self.connection else { return };
        book.tally.ended += 1;
        if self.terms.mode != Mode::First || connection.updates == 0 || connection.statuses == 0 {
            return;
        }
        book.tally.firsts += 1;
        book.require(connection.reader.is_whole(), Promise::NeverWrong, || {
            "the stream of one snapshot ended in the middle of its gzip".to_owned()
        });
    }

    fn told(&mut self, status: Status, book: &mut Book) {
        let Some(connection) = &mut self.connection else { return };
        connection.statuses += 1;
        let unproven = status.continuity == Some(Continuity::Unproven);
        let expected = connection.statuses == 1 && connection.noted;
        // Where there are no notes, it is for the status to say.
        let silent = self.terms.format != Format::Sse && connection.statuses == 1;
        let holds = match silent {
            true => unproven || !connection.is_foreign,
            false => unproven == expected,
        };
        book.require(holds && (!unproven || connection.said.is_some()), Promise::NeverBackwards, || {
            format!("continuity in status {}: {unproven}, where it is {expected}", connection.statuses)
        });
        book.tally.unproven += usize::from(unproven);
        book.tally.not_live += usize::from(status.state != State::Live);
        self.status = Some(status);
    }
}

impl Connection {
    /// The first update of a stream: whether what it says about continuity is true.
    fn check_continuity(&mut self, position: Position, is_snapshot: bool, format: Format, book: &mut Book) {
        let foreign = match self.said {
            None => {
                book.require(!self.noted && is_snapshot, Promise::NeverBackwards, || {
                    "a client that said nothing is to get a snapshot without a note".to_owned()
                });
                return;
            }
            Some(Resume::From(said)) => said.epoch != position.epoch || said.binding != position.binding,
            Some(_) => true,
        };
        self.is_foreign = foreign;
        // Where there are no notes, the status says it alone.
        let proven = is_snapshot && (self.noted || format != Format::Sse);
        book.require(!foreign || proven, Promise::NeverBackwards, || {
            "a client with a foreign id is to get a snapshot and to be told so".to_owned()
        });
    }

    /// An update was begun: whether it may come so soon. Two may come close to a tick of the gateway's clock, one before and
    /// one after it; of three no two neighbours can.
    fn check_rate(&mut self, begun: Time, terms: Terms, book: &mut Book) {
        let [before, last] = self.begun;
        self.begun = [last, Some(begun)];
        let (Some(rate), Some(before)) = (terms.rate, before) else { return };
        if self.was_torn && self.is_packed {
            // When which was begun is not to be seen in what is packed.
            return;
        }
        book.require(begun.since(before) >= rate.interval(), Promise::AlwaysCurrent, || {
            format!("three updates from {before:?} to {begun:?}, at a rate of {rate:?}")
        });
    }
}
