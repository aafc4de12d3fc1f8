//! The ceiling: the least that a server can do, to measure others by.
//!
//! One thread, one epoll loop. Whoever connects gets a fixed head and the last event, whatever it asks; each event is
//! framed once and written to each connection with one `send`. The joined variant takes all events that wait and writes
//! them with one `send` together.
//!
//! All events are one log of bytes and a connection is an offset in it: one that would block goes on from its offset
//! when it is writable again. The log is kept for the run, which is short.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use serde::{Deserialize, Serialize};

use super::role::{Commands, Next, answer};

/// How it runs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Whether events that wait are written together.
    pub(crate) joined: bool,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// For subscribers.
    pub(crate) subscribe: SocketAddr,
    /// For the source: each line is an event's data.
    pub(crate) publish: SocketAddr,
}

/// The only command: the counts so far.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Count;

/// What it did so far.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Events that were published.
    pub(crate) events: u64,
    /// Calls of `send`, those included that would have blocked.
    pub(crate) sends: u64,
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";

const WAKE: Token = Token(0);
const SUBSCRIBE: Token = Token(1);
const PUBLISH: Token = Token(2);
const SOURCE: Token = Token(3);
/// The first connection's token.
const FIRST: usize = 4;

struct Connection {
    stream: TcpStream,
    /// How much of the log was written. The head counts as written: a new socket has room for it.
    offset: usize,
}

struct Ceiling {
    joined: bool,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    log: Vec<u8>,
    /// Where the last event begins in the log.
    last: usize,
    counts: Counts,
}

/// Runs until the parent is done.
pub(crate) fn run(config: &str) -> io::Result<()> {
    let config: Config = serde_json::from_str(config)?;
    let mut poll = Poll::new()?;
    let commands = Commands::<Count>::read(Waker::new(poll.registry(), WAKE)?);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (mut subscribers, mut publishers) = (TcpListener::bind(any)?, TcpListener::bind(any)?);
    poll.registry().register(&mut subscribers, SUBSCRIBE, Interest::READABLE)?;
    poll.registry().register(&mut publishers, PUBLISH, Interest::READABLE)?;
    answer(&Ready { subscribe: subscribers.local_addr()?, publish: publishers.local_addr()? })?;

    let mut ceiling = Ceiling {
        joined: config.joined,
        connections: Vec::new(),
        free: Vec::new(),
        log: Vec::new(),
        last: 0,
        counts: Counts::default(),
    };
    let mut source: Option<TcpStream> = None;
    let mut received = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        let mut more = false;
        for event in &events {
            match event.token() {
                WAKE => loop {
                    match commands.next()? {
                        Next::Do(Count) => answer(&ceiling.counts)?,
                        Next::Nothing => break,
                        Next::End => return Ok(()),
                    }
                },
                SUBSCRIBE => {
                    while let Some(stream) = accepted(&subscribers)? {
                        ceiling.add(stream, &poll)?;
                    }
                }
                PUBLISH => {
                    while let Some(mut stream) = accepted(&publishers)? {
                        poll.registry().register(&mut stream, SOURCE, Interest::READABLE)?;
                        source = Some(stream);
                    }
                }
                SOURCE => more = true,
                Token(token) => ceiling.connection_is_ready(token - FIRST, event.is_readable()),
            }
        }
        if let (true, Some(source)) = (more, &mut source) {
            while read_some(source, &mut received)? {}
            ceiling.publish(&mut received);
        }
    }
}

impl Ceiling {
    fn add(&mut self, stream: TcpStream, poll: &Poll) -> io::Result<()> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let mut connection = Connection { stream, offset: self.last };
        let token = Token(FIRST + place);
        poll.registry().register(&mut connection.stream, token, Interest::READABLE | Interest::WRITABLE)?;
        // A socket that refuses this option or this head is on its way out; its next event says so.
        let _ = connection.stream.set_nodelay(true);
        let _ = connection.stream.write(HEAD);
        self.connections[place] = Some(connection);
        self.advance(place, self.log.len());
        Ok(())
    }

    /// Frames the whole lines and sends them, one by one or together.
    fn publish(&mut self, received: &mut Vec<u8>) {
        let Some(end) = memchr::memrchr(b'\n', received).map(|place| place + 1) else { return };
        let mut ends = Vec::new();
        for line in received[..end].split_inclusive(|&byte| byte == b'\n') {
            self.last = self.log.len();
            self.counts.events += 1;
            let _ = write!(self.log, "id: {}\ndata: ", self.counts.events);
            self.log.extend_from_slice(line);
            self.log.push(b'\n');
            ends.push(self.log.len());
        }
        received.drain(..end);
        if self.joined {
            ends.drain(..ends.len() - 1);
        }
        for end in ends {
            for place in 0..self.connections.len() {
                self.advance(place, end);
            }
        }
    }

    fn connection_is_ready(&mut self, place: usize, readable: bool) {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        if readable {
            let mut request = [0; 2048];
            loop {
                match connection.stream.read(&mut request) {
                    Ok(0) => return self.remove(place),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return self.remove(place),
                }
            }
        }
        self.advance(place, self.log.len());
    }

    /// Writes what the connection lacks up to `end`, with one `send`.
    fn advance(&mut self, place: usize, end: usize) {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        if connection.offset >= end {
            return;
        }
        self.counts.sends += 1;
        match connection.stream.write(&self.log[connection.offset..end]) {
            Ok(written) => connection.offset += written,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.remove(place),
        }
    }

    fn remove(&mut self, place: usize) {
        self.connections[place] = None;
        self.free.push(place);
    }
}

fn accepted(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(Some(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            // The client was gone before it was accepted.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether more may be there.
fn read_some(source: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    match source.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(read) => {
            received.extend_from_slice(&buffer[..read]);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}
