//! The world: time, messages on their way, and everybody who sends them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tidegate_core::caching::Demand;
use tidegate_core::{Fetching, Jitter, Mode, Outcome, Position, Time, Wish};
use tidegate_hub::owner::{Action, Current, Message, Newcomer, Reason, Reply, Resume, ShardIndex};
use tidegate_hub::shard::{Command, Opening, Shard, SubscriberId};
use tidegate_hub::{Clock, Coding, Fetched, Terms};
use tidegate_wire::State;
use tokio::sync::oneshot;

use super::api::{Fault, LONGEST_FETCH};
use super::check::{Book, Promise, Tally, Violation};
use super::client::{Answer, Client, ResumeWith};
use super::document::Edit;
use super::feeds::{CEILING, Outbox, Resource, SimPort};
use super::pipe::{Pipe, PipeSink};
use super::script::{Act, Script, Setup};

/// From whom to whom; messages overtake each other only on different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    OwnerToShard(usize, usize),
    ShardToOwner(usize, usize),
    ClientToShard(usize),
    ClientToOwner(usize),
}

enum Event {
    ToOwner(usize, Message),
    ToShard(usize, Command<PipeSink, SimPort>),
    Fetched(usize, Fetching, Fetched),
}

struct Reader {
    resource: usize,
    came: Time,
    insists: bool,
    /// When the resource had last been written through the gateway.
    written: Time,
    reply: oneshot::Receiver<Reply<Current>>,
}

/// A simulation under way.
pub struct World {
    setup: Setup,
    now: Time,
    rng: Jitter,
    serial: u64,
    events: BTreeMap<(Time, u64), Event>,
    ways: HashMap<Way, Time>,
    outbox: Outbox,
    resources: Vec<Resource>,
    shards: Vec<Shard<PipeSink, SimPort>>,
    clients: Vec<Client>,
    readers: Vec<Reader>,
    book: Book,
}

/// More steps than this without an end are a timer that does not move.
const MAX_STEPS: usize = 2_000_000;

/// Long enough for any back-off to end and for two polls after it.
const QUIET: Duration = Duration::from_secs(45);

/// Every other client takes gzip, where clients do.
fn coding_of(index: usize, setup: &Setup) -> Coding {
    if setup.gzip && index.is_multiple_of(2) { Coding::Gzip } else { Coding::Identity }
}

fn terms_of(index: usize, setup: &Setup) -> Terms {
    setup.terms.get(index % setup.terms.len().max(1)).copied().unwrap_or(Terms::USUAL)
}

/// The last of several clients lets its data become a second old, where they are many.
fn wish_of(index: usize, setup: &Setup) -> Wish {
    if index % 3 == 2 && index + 1 == setup.clients { Wish::seconds(1) } else { Wish::NONE }
}

impl World {
    /// Nobody is there yet.
    pub fn new(setup: Setup) -> World {
        let mut rng = Jitter::new(setup.seed);
        let clock = Clock::new();
        World {
            now: Time::default(),
            serial: 0,
            events: BTreeMap::new(),
            ways: HashMap::new(),
            outbox: Rc::new(RefCell::new(Vec::new())),
            resources: (0..setup.resources).map(|index| Resource::new(index, &setup)).collect(),
            shards: (0..setup.shards).map(|_| Shard::new(clock, rng.bits(), setup.most_pinned)).collect(),
            clients: (0..setup.clients)
                .map(|index| Client::new(coding_of(index, &setup), terms_of(index, &setup)))
                .collect(),
            readers: Vec::new(),
            book: Book::default(),
            rng,
            setup,
        }
    }

    /// Plays a script to its end.
    pub fn play(script: &Script) -> World {
        let mut world = World::new(script.setup.clone());
        for client in 0..script.setup.clients {
            world.act(Act::Connect(client, ResumeWith::Nothing));
        }
        for act in &script.acts {
            world.act(*act);
        }
        world
    }

    /// What was found to break this promise.
    pub fn violations(&self, promise: Promise) -> Vec<&Violation> {
        self.book.violations.iter().filter(|violation| violation.promise == promise).collect()
    }

    /// What happened.
    pub fn tally(&self) -> Tally {
        self.book.tally
    }

    /// How often the origins were asked, all together.
    pub fn asked(&self) -> usize {
        self.resources.iter().map(|resource| resource.api.asked()).sum()
    }

    /// Does one thing.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Edit(who, edit) => self.resource(who).api.edit(edit),
            Act::Write(who, edit) => self.write(who % self.resources.len(), edit),
            Act::Respell(who) => self.resource(who).api.respell(),
            Act::TurnOdd(who) => self.resource(who).api.turn_odd(),
            Act::TurnBack(who) => self.resource(who).api.turn_back(),
            Act::Fault(who, fault) => self.resource(who).api.set_fault(fault),
            Act::Slow(who, ms) => {
                self.resource(who).api.set_slowest(Duration::from_millis(u64::from(ms)));
            }
            Act::Connect(who, with) => self.connect(who % self.clients.len(), with),
            Act::Break(who) => self.disconnect(who % self.clients.len()),
            Act::Allow(who, bytes) => self.allow(who % self.clients.len(), bytes),
            Act::Flow(who) => self.allow(who % self.clients.len(), usize::MAX),
            Act::Read(who, insists) => self.read(who % self.resources.len(), insists),
            Act::Sleep(ms) => self.advance(Duration::from_millis(u64::from(ms))),
        }
    }

    /// The origins fail for long while clients watch: they are told, and stay.
    pub fn suffer_an_outage(&mut self) {
        for client in 0..self.clients.len() {
            self.act(Act::Flow(client));
        }
        self.advance(QUIET);
        let watching: Vec<_> = self.clients.iter().map(Client::subscriber).collect();
        for resource in &mut self.resources {
            resource.api.set_fault(Fault::Unreachable);
        }
        self.advance(QUIET);
        for (client, subscriber) in self.clients.iter().zip(watching) {
            let Some(subscriber) = subscriber else { continue };
            self.book.require(client.subscriber() == Some(subscriber), Promise::DegradesInTheOpen, || {
                "a failure of the origin closed a stream".to_owned()
            });
            let told = matches!(client.state(), Some(State::Stale | State::Gone));
            self.book.require(told, Promise::DegradesInTheOpen, || {
                format!("in an outage a client was last told {:?}", client.state())
            });
        }
    }

    /// Faults end, the origins stand still, everybody connects; then the stalled ones read on. In the end everybody
    /// holds the newest version and knows that it is live.
    pub fn come_to_rest(&mut self) {
        for resource in &mut self.resources {
            resource.api.set_fault(Fault::None);
            resource.api.set_slowest(Duration::from_millis(20));
        }
        self.advance(QUIET);
        self.change_last();
        for client in 0..self.clients.len() {
            self.connect(client, ResumeWith::Own);
        }
        self.advance(QUIET);
        let given: Vec<_> = self.clients.iter().map(Client::updates).collect();
        // What one that stalls may still get: the rest of an update, and one step.
        let lacks = |pipe: &Pipe| usize::from(pipe.is_limited()) + usize::from(pipe.is_torn());
        let lacking: Vec<_> = self.clients.iter().map(|client| client.pipe().map_or(0, lacks)).collect();
        for client in 0..self.clients.len() {
            self.allow(client, usize::MAX);
        }
        self.advance(CEILING + 20 * self.setup.lag);
        for (index, given) in given.into_iter().enumerate() {
            self.check_rested(index, given, lacking[index]);
        }
    }

    /// The documents change a few times more, and nothing else happens: whoever was told of one change and not of the next has
    /// to be thought of without any other cause.
    fn change_last(&mut self) {
        for _ in 0..3 {
            for resource in &mut self.resources {
                resource.api.edit(Edit::Scalars(0));
            }
            self.advance(CEILING);
        }
        self.advance(QUIET);
    }

    fn check_rested(&mut self, index: usize, given: Option<usize>, allowed: usize) {
        let client = &self.clients[index];
        let current = self.resources[index % self.resources.len()].api.current();
        let content = client.content();
        self.book.require(content.as_ref() == Some(&current), Promise::AlwaysCurrent, || {
            format!("in the end a client holds {content:?} instead of {current}")
        });
        if client.terms().mode == Mode::First {
            // It has gone, or was sent away because it has the newest version.
            let gone = client.subscriber().is_none();
            return self.book.require(gone, Promise::AlwaysCurrent, || {
                "in the end a client still waits that wants one snapshot".to_owned()
            });
        }
        let steps = client.updates().zip(given).map(|(after, before)| after - before);
        let few = |steps: usize| steps <= allowed || (allowed > 0 && !self.setup.conflate);
        self.book.require(steps.is_some_and(few), Promise::AlwaysCurrent, || {
            format!("{steps:?} updates for a client after it read on, where it needs {allowed}")
        });
        self.book.require(client.state() == Some(State::Live), Promise::DegradesInTheOpen, || {
            format!("in the end a client was last told {:?}", client.state())
        });
    }

    /// Everybody leaves: in the end there is nobody, nothing is kept, and nothing is asked.
    pub fn empty(&mut self) {
        for client in 0..self.clients.len() {
            self.disconnect(client);
        }
        self.advance(QUIET);
        let asked = self.asked();
        self.advance(QUIET);
        let more = self.asked() - asked;
        self.book.require(more == 0, Promise::AskedOnce, || format!("{more} fetches for nobody"));
        let kept = self.resources.iter().filter(|resource| resource.owner.is_some()).count();
        self.book.require(kept == 0, Promise::AskedOnce, || format!("{kept} feeds are kept for nobody"));
        let zombies: usize = self.shards.iter().map(Shard::subscribers).sum();
        self.book.require(zombies == 0, Promise::AskedOnce, || format!("{zombies} subscribers are nobody"));
        self.book.require(self.readers.is_empty(), Promise::AskedOnce, || "readers still wait".to_owned());
    }

    fn resource(&mut self, who: usize) -> &mut Resource {
        let index = who % self.resources.len();
        &mut self.resources[index]
    }

    fn connect(&mut self, index: usize, with: ResumeWith) {
        if self.clients[index].subscriber().is_some() {
            return;
        }
        self.serial += 1;
        let (id, shard) = (SubscriberId(self.serial), ShardIndex(index % self.shards.len()));
        let (reply, answer) = oneshot::channel();
        let foreign = match with {
            ResumeWith::Foreign(other) => self.position_elsewhere(index, usize::from(other)),
            _ => None,
        };
        let resume: Resume = self.clients[index].connect(id, answer, with, foreign);
        let coding = self.clients[index].coding();
        let wish = wish_of(index, &self.setup);
        let newcomer =
            Newcomer { id, shard, resume, coding, wish, terms: self.clients[index].terms(), selection: None };
        let message = Message::Subscribe { newcomer, reply };
        let resource = index % self.resources.len();
        self.send(Way::ClientToOwner(index), Event::ToOwner(resource, message));
    }

    /// What a client of another resource holds: to this one's it is foreign.
    fn position_elsewhere(&self, index: usize, other: usize) -> Option<Position> {
        let other = other % self.clients.len();
        let elsewhere = other % self.resources.len() != index % self.resources.len();
        elsewhere.then(|| self.clients[other].position())?
    }

    fn disconnect(&mut self, index: usize) {
        let pending = self.clients[index].is_pending();
        self.book.tally.torn += usize::from(self.clients[index].pipe().is_some_and(Pipe::is_torn));
        let Some(id) = self.clients[index].disconnect() else { return };
        // That a waiting one left is seen when the fetch, or the one after it, has ended. Writes have a fetch made again,
        // three times at the most.
        let waiting = if pending { 5 * LONGEST_FETCH } else { Duration::ZERO };
        let grace = 4 * self.setup.lag + waiting;
        let now = self.now;
        self.resource(index).somebody_left(now, grace);
        let shard = index % self.shards.len();
        self.send(Way::ClientToShard(index), Event::ToShard(shard, Command::Detach(id)));
    }

    fn allow(&mut self, index: usize, bytes: usize) {
        if let Some(pipe) = self.clients[index].pipe() {
            pipe.allow_write(bytes);
            self.flow();
        }
    }

    fn read(&mut self, resource: usize, insists: bool) {
        let (reply, answer) = oneshot::channel();
        let written = self.resources[resource].written;
        self.readers.push(Reader { resource, came: self.now, insists, written, reply: answer });
        // Every reader comes on a way of its own; the numbers of clients are below this.
        self.serial += 1;
        let way = Way::ClientToOwner(1_000 + self.serial as usize);
        let demand = if insists { Demand::VALIDATED } else { Demand::default() };
        self.send(
            way,
            Event::ToOwner(
                resource,
                Message::Read { demand, selection: None, asked: Reason::default(), reply },
            ),
        );
    }

    /// The feed has the news in its queue before the writer has its answer, and looks at its queue before it judges what
    /// came of a fetch.
    fn write(&mut self, index: usize, edit: Edit) {
        let resource = &mut self.resources[index];
        resource.api.edit(edit);
        resource.written = self.now;
        if let Some(owner) = &mut resource.owner {
            owner.handle(self.now, Message::Invalidated);
            self.after_owner(index);
        }
    }

    fn send(&mut self, way: Way, event: Event) {
        let lag = self.rng.scale(self.setup.lag, 0.0, 1.0);
        let last = self.ways.entry(way).or_default();
        *last = (self.now + lag).max(*last);
        self.serial += 1;
        self.events.insert((*last, self.serial), event);
    }

    /// Lets time pass, with all that happens in it.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        for steps in 0.. {
            assert!(steps < MAX_STEPS, "a timer does not move");
            let next = self.next_time().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.step();
            self.flow();
        }
        self.now = end;
    }

    fn next_time(&self) -> Option<Time> {
        let event = self.events.first_key_value().map(|((time, _), _)| *time);
        let owners = self.resources.iter().filter_map(|resource| resource.owner.as_ref()?.poll_timeout());
        let shards = self.shards.iter().filter_map(Shard::poll_timeout);
        event.into_iter().chain(owners).chain(shards).min()
    }

    fn step(&mut self) {
        let now = self.now;
        if self.events.first_key_value().is_some_and(|((time, _), _)| *time <= now) {
            if let Some((_, event)) = self.events.pop_first() {
                self.handle(event);
            }
            return;
        }
        for index in 0..self.resources.len() {
            if let Some(owner) = &mut self.resources[index].owner
                && owner.poll_timeout().is_some_and(|time| time <= now)
            {
                owner.handle_timeout(now);
                self.after_owner(index);
            }
        }
        for shard in &mut self.shards {
            shard.handle_timeout(now);
            while shard.work(now) {}
        }
        self.after_shards();
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::ToShard(shard, command) => {
                self.shards[shard].handle(self.now, command);
                while self.shards[shard].work(self.now) {}
                self.after_shards();
            }
            Event::ToOwner(index, message) => {
                // Nobody comes into being for a message about what has gone.
                let begins = matches!(message, Message::Subscribe { .. } | Message::Read { .. });
                if begins || self.resources[index].owner.is_some() {
                    self.serial += 1;
                    let resource = &mut self.resources[index];
                    resource.owner(self.now, self.serial, &self.outbox).handle(self.now, message);
                    self.after_owner(index);
                }
            }
            Event::Fetched(index, fetching, fetched) => {
                let resource = &mut self.resources[index];
                if resource.fetching.take_if(|current| *current == fetching).is_some()
                    && let Some(owner) = &mut resource.owner
                {
                    owner.handle_fetched(self.now, fetching, fetched);
                    self.after_owner(index);
                }
            }
        }
    }

    fn after_owner(&mut self, index: usize) {
        self.note_head(index);
        let Some(owner) = &mut self.resources[index].owner else { return };
        for action in owner.take_actions() {
            match action {
                Action::Fetch(fetching, request) => {
                    self.check_fetch(index);
                    let resource = &mut self.resources[index];
                    resource.fetching = Some(fetching);
                    let (delay, fetched) = resource.api.answer(self.now, &request);
                    let unmodified = matches!(fetched.outcome, Outcome::NotModified { .. });
                    self.book.tally.not_modified += usize::from(unmodified);
                    self.serial += 1;
                    let at = (self.now + delay, self.serial);
                    self.events.insert(at, Event::Fetched(index, fetching, fetched));
                }
                Action::Tell(shard, command) => {
                    self.send(
                        Way::OwnerToShard(index, shard.0),
                        Event::ToShard(shard.0, Command::Feed(command)),
                    );
                }
                Action::Unproven(unproven) => panic!("{unproven:?}"),
                Action::Retire => self.resources[index].owner = None,
            }
        }
        self.answer_readers();
    }

    /// Files what the origin served for the feed's head.
    fn note_head(&mut self, index: usize) {
        let resource = &self.resources[index];
        let Some(head) = resource.owner.as_ref().and_then(|owner| owner.feed().head()) else { return };
        if self.book.contents.contains_key(&head.position) {
            return;
        }
        match resource.api.content_of(&head.body) {
            Some(content) => {
                self.book.contents.insert(head.position, content.clone());
            }
            None => self.book.violated(Promise::NeverWrong, format!("never served: {:?}", head.body)),
        }
    }

    fn check_fetch(&mut self, index: usize) {
        let resource = &self.resources[index];
        self.book.require(resource.fetching.is_none(), Promise::AskedOnce, || {
            "a fetch began while another was under way".to_owned()
        });
        let mut clients = self.clients.iter().enumerate();
        let watched =
            clients.any(|(client, it)| client % self.resources.len() == index && it.subscriber().is_some());
        let read = self.readers.iter().any(|reader| reader.resource == index);
        let wanted = watched || read || self.now <= resource.wanted_until;
        self.book.require(wanted, Promise::AskedOnce, || {
            format!("a fetch at {:?}, wanted until {:?}", self.now, resource.wanted_until)
        });
    }

    fn answer_readers(&mut self) {
        let mut waiting = Vec::new();
        for mut reader in std::mem::take(&mut self.readers) {
            match reader.reply.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => waiting.push(reader),
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.book.violated(Promise::AlwaysCurrent, "a reader was never answered");
                }
                Ok(Reply::Have(current)) => self.check_read(&reader, &current),
                Ok(_) => {}
            }
        }
        self.readers = waiting;
    }

    fn check_read(&mut self, reader: &Reader, current: &Current) {
        self.book.tally.reads += 1;
        let api = &self.resources[reader.resource].api;
        let Some(content) = api.content_of(&current.published.version().body) else {
            return self.book.violated(Promise::NeverWrong, "a reader got what was never served");
        };
        self.book.tally.reads_after_writes += usize::from(reader.written > Time::default());
        let shows = api.served_since(reader.written, content);
        self.book.require(shows, Promise::AlwaysCurrent, || {
            "a reader who came after a write got what was served before it".to_owned()
        });
        let confirmed = !reader.insists || api.served_since(reader.came, content);
        self.book.require(confirmed, Promise::AlwaysCurrent, || {
            "a reader that insists got what was not confirmed for it".to_owned()
        });
    }

    fn after_shards(&mut self) {
        let sent = std::mem::take(&mut *self.outbox.borrow_mut());
        for (resource, shard, message) in sent {
            self.send(Way::ShardToOwner(shard.0, resource), Event::ToOwner(resource, message));
        }
    }

    /// Moves what the connections let through, and lets the clients process it.
    fn flow(&mut self) {
        for index in 0..self.clients.len() {
            let Some(pipe) = self.clients[index].pipe().cloned() else { continue };
            match self.clients[index].take_reply(&mut self.book) {
                Answer::None => {}
                Answer::Admitted(id, sink) => {
                    let shard = index % self.shards.len();
                    let opening = Opening { coding: self.clients[index].coding(), ..Opening::default() };
                    let command = Command::Connect(id, sink, opening);
                    self.send(Way::ClientToShard(index), Event::ToShard(shard, command));
                }
                Answer::Refused => {
                    self.disconnect(index);
                    continue;
                }
            }
            let finished = pipe.takes_again();
            let arrived = pipe.take_arrived();
            if !arrived.is_empty() {
                self.clients[index].receive(self.now, &arrived, &mut self.book);
            }
            if let (true, Some(id)) = (finished, self.clients[index].subscriber()) {
                let shard = index % self.shards.len();
                self.send(Way::ClientToShard(index), Event::ToShard(shard, Command::Ready(id)));
            }
            if pipe.is_ended() {
                self.clients[index].ended(&mut self.book);
                self.disconnect(index);
            }
        }
    }
}
