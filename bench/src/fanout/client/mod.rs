//! The load client: thousands of subscribers in one thread, with one epoll loop.
//!
//! It shares the machine with what it measures, so it does little: events are cut out of the read buffer, their stamp is
//! found, and a few numbers are kept for each connection. Only a sample applies patches.

mod connection;
mod sample;
mod tally;
mod transport;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};
use serde::{Deserialize, Serialize};

use super::clock;
use super::identity;
use super::role::{Commands, Next, answer};
use connection::{Connection, Progress};
pub(crate) use tally::Report;
use tally::Tally;

/// What it opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Where the server is.
    pub(crate) server: SocketAddr,
    /// What to ask for; `{}` stands for the resource's number.
    pub(crate) target: String,
    /// How many streams.
    pub(crate) connections: usize,
    /// Over how many resources they are spread, in turn.
    pub(crate) resources: usize,
    /// The number of the first source address: 2 for 127.0.0.2.
    pub(crate) first_address: u8,
    /// How many streams may be between connecting and their head.
    pub(crate) in_flight: usize,
    /// Nanoseconds between the first subscribers of two resources: when they come decides when the gateway polls.
    pub(crate) pace: u64,
    /// How many of them, the last, stop reading after the head.
    pub(crate) stalled: usize,
    /// Whether the resource is read once, plainly, on each connection before the stream is asked for.
    pub(crate) asks_before: bool,
    /// The certificate to trust, in PEM form, where it is over TLS.
    pub(crate) trust: Option<String>,
    /// How many of them, the first, apply what they receive.
    pub(crate) samples: usize,
}

/// What it is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Open all that is not open; answered with [`Connected`] when all are, or the time is over.
    Connect { patience_ms: u64, in_flight: usize },
    /// Forget all counts; answered with `null`.
    Mark,
    /// Say the counts; answered with a [`Report`].
    Report,
    /// Wait until every connection has these versions; answered with [`Reached`].
    Await { heads: Vec<u64>, patience_ms: u64 },
    /// Let those read that did not; answered with `null`.
    Resume,
    /// Close all connections, keeping their position; answered with `null`.
    Close,
    /// Compare what the sample holds with the source's answers; answered with [`Verified`].
    Verify { source: SocketAddr },
}

/// How connecting went.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Connected {
    /// Streams whose head has come.
    pub(crate) open: u64,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// How waiting went.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// Connections that are not where they should be; those that stall are not asked.
    pub(crate) behind: u64,
    /// When the last of them came there, on the shared clock.
    pub(crate) last: u64,
}

/// How the sample compares.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Verified {
    /// Connections that were compared.
    pub(crate) compared: u64,
    /// Those that hold something else than the source.
    pub(crate) different: u64,
    /// Events that could not be applied.
    pub(crate) failures: u64,
}

const WAKE: Token = Token(0);
const FIRST: usize = 1;

/// Addresses that each process spreads its connections over.
pub(crate) const ADDRESSES: u8 = 16;

/// How long after a failure a connection is tried again.
const RETRY: u64 = 200_000_000;

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What the parent waits for.
enum Waiting {
    Connected { since: u64, until: u64 },
    Heads { heads: Vec<u64>, until: u64 },
}

struct Client {
    config: Config,
    tls: Option<Arc<rustls::ClientConfig>>,
    connections: Vec<Connection>,
    tally: Tally,
    /// Connections to open, with the earliest time.
    closed: VecDeque<(u64, usize)>,
    /// Connections between connecting and the head.
    opening: usize,
    open: u64,
    waiting: Option<Waiting>,
    buffer: Vec<u8>,
}

/// Runs until the parent is done.
pub(crate) fn run(config: &str) -> io::Result<()> {
    let config: Config = serde_json::from_str(config)?;
    let mut poll = Poll::new()?;
    let commands = Commands::<Command>::read(Waker::new(poll.registry(), WAKE)?);
    answer(&())?;
    let mut client = Client::new(config)?;
    let mut events = Events::with_capacity(4096);
    loop {
        if let Err(error) = poll.poll(&mut events, client.waiting.is_some().then_some(LOOK))
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            if event.token() != WAKE {
                client.ready(event);
                continue;
            }
            loop {
                match commands.next()? {
                    Next::Do(command) => client.obey(command)?,
                    Next::Nothing => break,
                    Next::End => return Ok(()),
                }
            }
        }
        client.open_more(&poll)?;
        client.look()?;
    }
}

impl Client {
    fn new(config: Config) -> io::Result<Client> {
        let tls = config.trust.as_deref().map(identity::client).transpose()?;
        let reading = config.connections.saturating_sub(config.stalled);
        let connections = (0..config.connections)
            .map(|n| Connection::new(n % config.resources.max(1), n >= reading, n < config.samples))
            .collect();
        Ok(Client {
            config,
            tls,
            connections,
            tally: Tally::new(),
            closed: VecDeque::new(),
            opening: 0,
            open: 0,
            waiting: None,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn obey(&mut self, command: Command) -> io::Result<()> {
        let now = clock::now();
        match command {
            Command::Connect { patience_ms, in_flight } => {
                self.config.in_flight = in_flight;
                let resources = self.config.resources;
                let closed = self.connections.iter().enumerate().filter(|(_, one)| one.stream.is_none());
                self.closed =
                    closed.map(|(n, _)| (now + self.config.pace * n.min(resources) as u64, n)).collect();
                let until = now + patience_ms * 1_000_000;
                self.waiting = Some(Waiting::Connected { since: now, until });
                return Ok(());
            }
            Command::Await { heads, patience_ms } => {
                self.waiting = Some(Waiting::Heads { heads, until: now + patience_ms * 1_000_000 });
                return Ok(());
            }
            Command::Report => return answer(&self.tally.report(self.open)),
            Command::Verify { source } => return answer(&self.verify(source)?),
            Command::Mark => self.tally.mark(now),
            Command::Resume => {
                for number in 0..self.connections.len() {
                    if self.connections[number].stalled {
                        self.connections[number].stalled = false;
                        self.read(number);
                    }
                }
            }
            Command::Close => {
                self.connections.iter_mut().for_each(|connection| connection.stream = None);
                (self.open, self.opening) = (0, 0);
            }
        }
        answer(&())
    }

    fn ready(&mut self, event: &Event) {
        let number = event.token().0 - FIRST;
        let connection = &mut self.connections[number];
        if connection.stream.is_none() {
            return;
        }
        if event.is_writable()
            && let Err(error) = connection.ask(&self.config)
        {
            return self.fail(number, error.kind().to_string());
        }
        if event.is_readable() {
            self.read(number);
        }
    }

    fn read(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let before = connection.is_streaming();
        let progress = connection.read(&self.config, &mut self.buffer, &mut self.tally);
        if !before && connection.is_streaming() {
            self.opening -= 1;
            self.open += 1;
        }
        if let Progress::Over(reason) = progress {
            self.fail(number, reason);
        }
    }

    fn fail(&mut self, number: usize, reason: String) {
        let connection = &mut self.connections[number];
        match connection.is_streaming() {
            true => self.open -= 1,
            false => self.opening -= 1,
        }
        connection.stream = None;
        self.tally.failure(reason);
        self.closed.push_back((clock::now() + RETRY, number));
    }

    fn open_more(&mut self, poll: &Poll) -> io::Result<()> {
        let now = clock::now();
        while self.opening < self.config.in_flight
            && let Some(&(due, number)) = self.closed.front()
            && due <= now
        {
            self.closed.pop_front();
            let last = self.config.first_address + (number % usize::from(ADDRESSES)) as u8;
            let from = Ipv4Addr::new(127, 0, 0, last);
            match self.connections[number].connect(&self.config, self.tls.as_ref(), from) {
                Ok(stream) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(stream, Token(FIRST + number), interest)?;
                    self.opening += 1;
                }
                Err(error) => {
                    self.tally.failure(error.kind().to_string());
                    self.closed.push_back((now + RETRY, number));
                }
            }
        }
        Ok(())
    }

    /// Answers what the parent waits for, if it is there or the time is over.
    fn look(&mut self) -> io::Result<()> {
        let now = clock::now();
        match &self.waiting {
            Some(Waiting::Connected { since, until })
                if self.open == self.connections.len() as u64 || now > *until =>
            {
                let seconds = (now - since) as f64 / 1e9;
                self.waiting = None;
                answer(&Connected { open: self.open, seconds })?;
            }
            Some(Waiting::Heads { heads, until }) => {
                let reading = self.connections.iter().filter(|connection| !connection.stalled);
                let behind = reading.clone().filter(|one| one.version < heads[one.resource]).count() as u64;
                if behind == 0 || now > *until {
                    let last = reading.map(|connection| connection.arrived).max().unwrap_or(0);
                    self.waiting = None;
                    answer(&Reached { behind, last })?;
                }
            }
            Some(Waiting::Connected { .. }) | None => {}
        }
        Ok(())
    }

    fn verify(&self, source: SocketAddr) -> io::Result<Verified> {
        let mut verified = Verified::default();
        let mut texts = vec![None; self.config.resources];
        for connection in &self.connections {
            let Some(sample) = connection.sample() else { continue };
            let text = match &mut texts[connection.resource] {
                Some(text) => text,
                empty => empty.insert(fetched(source, connection.resource)?),
            };
            verified.compared += 1;
            verified.different += u64::from(!sample.holds(text));
            verified.failures += sample.failures;
        }
        Ok(verified)
    }
}

/// The resource's text, from the source itself.
fn fetched(source: SocketAddr, resource: usize) -> io::Result<Vec<u8>> {
    let mut stream = BufReader::new(TcpStream::connect(source)?);
    write!(stream.get_mut(), "GET /r/{resource} HTTP/1.1\r\nHost: {source}\r\n\r\n")?;
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        line.clear();
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text)?;
    Ok(text)
}
