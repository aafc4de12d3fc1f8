//! The source: resources that change at given times, and who is told.
//!
//! It is the origin that the gateway asks, and the publisher that tells the peers which are pushed to: one generator,
//! with the same states at the same times. A version exists when it is first told; a state that no poll saw has no
//! number, so whoever receives every version has received everything that was told.

mod content;
mod push;
mod server;

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use serde::{Deserialize, Serialize};

use super::clock;
use super::role::{Commands, Next, answer};
use super::stamp::Stamp;
pub(crate) use content::Content;
use content::Text;
pub(crate) use push::Push;
use push::Pusher;
use server::{Connection, Request};

/// What it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// What each resource is.
    pub(crate) content: Content,
    /// How many there are: `/r/0`, `/r/1` and so on.
    pub(crate) resources: usize,
    /// Whether answers are compressed for those who accept it.
    pub(crate) gzip: bool,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) address: SocketAddr,
}

/// What it is told to do. Each command is answered with the [`Status`] after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Tell this peer of each change from now on.
    Push(Push),
    /// Change each resource at this interval.
    Start {
        /// Nanoseconds from change to change of a resource.
        every: u64,
        /// Whether the resources change one after the other over the interval, or all at the same time.
        spread: bool,
        /// How many times each changes before it rests.
        limit: Option<u64>,
    },
    /// Change nothing any more.
    Stop,
    /// Say how it stands.
    Status,
}

/// How it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Changes so far, of all resources.
    pub(crate) changes: u64,
    /// The newest version of each resource that was told.
    pub(crate) heads: Vec<u64>,
    /// Whether each resource's newest state was told.
    pub(crate) all_told: bool,
    /// When a version was told last, on the shared clock.
    pub(crate) last_told: u64,
    /// Whether no change is to come.
    pub(crate) resting: bool,
    /// Answers with a representation.
    pub(crate) found: u64,
    /// Answers that nothing had changed.
    pub(crate) unchanged: u64,
    /// What was pushed and not taken.
    pub(crate) push_failures: u64,
    /// What the first of those was answered.
    pub(crate) first_failure: Option<String>,
}

const WAKE: Token = Token(0);
const LISTEN: Token = Token(1);
const FIRST: usize = 2;

struct Resource {
    text: Text,
    version: u64,
    changed: u64,
    told: bool,
    told_at: u64,
    due: Option<u64>,
    left: Option<u64>,
}

struct Source {
    config: Config,
    resources: Vec<Resource>,
    every: u64,
    pusher: Option<Pusher>,
    changes: u64,
    found: u64,
    unchanged: u64,
}

/// Runs until the parent is done.
pub(crate) fn run(config: &str) -> io::Result<()> {
    let config: Config = serde_json::from_str(config)?;
    let mut poll = Poll::new()?;
    let commands = Commands::<Command>::read(Waker::new(poll.registry(), WAKE)?);
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    poll.registry().register(&mut listener, LISTEN, Interest::READABLE)?;
    answer(&Ready { address: listener.local_addr()? })?;

    let mut source = Source::new(config);
    let mut connections: HashMap<usize, Connection> = HashMap::new();
    let mut accepted = FIRST;
    let mut events = Events::with_capacity(256);
    loop {
        let wait = source.next_due().map(|due| Duration::from_nanos(due.saturating_sub(clock::now())));
        if let Err(error) = poll.poll(&mut events, wait)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        source.change_what_is_due();
        for event in &events {
            match event.token() {
                WAKE => loop {
                    match commands.next()? {
                        Next::Do(command) => {
                            source.obey(command)?;
                            answer(&source.status())?;
                        }
                        Next::Nothing => break,
                        Next::End => return Ok(()),
                    }
                },
                LISTEN => {
                    while let Ok((mut stream, _)) = listener.accept() {
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        poll.registry().register(&mut stream, Token(accepted), interest)?;
                        stream.set_nodelay(true)?;
                        connections.insert(accepted, Connection::new(stream));
                        accepted += 1;
                    }
                }
                Token(token) => {
                    if let Some(connection) = connections.get_mut(&token)
                        && !connection.serve(&mut |request, out| source.answer(request, out))
                    {
                        connections.remove(&token);
                    }
                }
            }
        }
    }
}

impl Source {
    fn new(config: Config) -> Source {
        let now = clock::now();
        let resources = (0..config.resources)
            .map(|number| {
                let mut text = Text::new(config.content, number);
                // A state before the first change, so that those who come early have something to hold.
                text.stamp(Stamp { version: 1, changed: now, told: now });
                Resource { text, version: 1, changed: now, told: true, told_at: now, due: None, left: None }
            })
            .collect();
        Source { config, resources, every: 0, pusher: None, changes: 0, found: 0, unchanged: 0 }
    }

    fn obey(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Push(push) => {
                let pusher = Pusher::start(push)?;
                for (number, resource) in self.resources.iter().enumerate() {
                    pusher.push(number, resource.text.bytes());
                }
                self.pusher = Some(pusher);
            }
            Command::Start { every, spread, limit } => {
                self.every = every.max(1);
                let start = clock::now() + self.every;
                let count = self.resources.len() as u64;
                for (resource, number) in self.resources.iter_mut().zip(0..) {
                    resource.due = Some(start + if spread { self.every * number / count } else { 0 });
                    resource.left = limit;
                }
            }
            Command::Stop => self.resources.iter_mut().for_each(|resource| resource.due = None),
            Command::Status => {}
        }
        Ok(())
    }

    fn status(&self) -> Status {
        Status {
            changes: self.changes,
            heads: self.resources.iter().map(|resource| resource.version).collect(),
            all_told: self.resources.iter().all(|resource| resource.told),
            last_told: self.resources.iter().map(|resource| resource.told_at).max().unwrap_or(0),
            resting: self.next_due().is_none(),
            found: self.found,
            unchanged: self.unchanged,
            push_failures: self.pusher.as_ref().map_or(0, Pusher::failures),
            first_failure: self.pusher.as_ref().and_then(Pusher::first_failure),
        }
    }

    fn next_due(&self) -> Option<u64> {
        self.resources.iter().filter_map(|resource| resource.due).min()
    }

    fn change_what_is_due(&mut self) {
        let now = clock::now();
        for (number, resource) in self.resources.iter_mut().enumerate() {
            // A late generator catches up: as many changes happen as were ordered.
            while let Some(due) = resource.due.filter(|&due| due <= now) {
                resource.text.change();
                resource.changed = clock::now();
                resource.told = false;
                self.changes += 1;
                resource.left = resource.left.map(|left| left.saturating_sub(1));
                resource.due = (resource.left != Some(0)).then_some(due + self.every);
                if let Some(pusher) = &self.pusher {
                    resource.tell();
                    pusher.push(number, resource.text.bytes());
                }
            }
        }
    }

    fn answer(&mut self, request: &Request, out: &mut Vec<u8>) {
        let Some(resource) = request.resource.and_then(|number| self.resources.get_mut(number)) else {
            return server::write_missing(out);
        };
        if resource.told && request.known == Some(resource.version) {
            self.unchanged += 1;
            return server::write_unchanged(resource.version, out);
        }
        self.found += 1;
        resource.tell();
        if let (true, Some(number)) = (request.held, request.resource) {
            return server::write_held(number, resource.text.bytes(), out);
        }
        let gzip = self.config.gzip && request.gzip;
        let compressed = if gzip { resource.text.gzip().ok() } else { None };
        match &compressed {
            Some(body) => server::write_found(resource.version, true, body, out),
            None => server::write_found(resource.version, false, resource.text.bytes(), out),
        }
    }
}

impl Resource {
    /// Gives the state its number and its time, if nobody was told of it yet.
    fn tell(&mut self) {
        if !self.told {
            self.told = true;
            self.version += 1;
            self.told_at = clock::now();
            self.text.stamp(Stamp { version: self.version, changed: self.changed, told: self.told_at });
        }
    }
}
