//! One subscriber: its socket, its place in the stream, and what it has seen.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Protocol, Socket, Type};

use super::Config;
use super::sample::Sample;
use super::tally::Tally;
use super::transport::Transport;
use crate::fanout::clock;
use crate::fanout::scan::{Broken, Event, Scanner};
use crate::fanout::stamp::Stamp;

/// The receive buffer of one that will not read: small, so that the server feels it soon. The kernel doubles it.
const STALLED_BUFFER: usize = 4096;

/// Its segments, as on an Ethernet: the kernel sizes the sender's buffer by them, and would keep megabytes for each by
/// those of the loopback.
const STALLED_SEGMENT: u32 = 1460;

/// One subscriber.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Option<Transport>,
    scanner: Scanner,
    asked: bool,
    /// The plain answer that comes before the stream, as far as it has come.
    before: Option<Vec<u8>>,
    pub(crate) resource: usize,
    /// Whether it reads nothing after the head.
    pub(crate) stalled: bool,
    /// Whether it ever did that: its times say nothing about the server.
    slow: bool,
    /// The newest version seen, 0 for none.
    pub(crate) version: u64,
    /// When it was seen.
    pub(crate) arrived: u64,
    id: Box<[u8]>,
    sample: Option<Box<Sample>>,
}

/// What came of reading.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The stream goes on.
    Open,
    /// It is over, with the reason.
    Over(String),
}

impl Connection {
    /// A subscriber of a resource.
    pub(crate) fn new(resource: usize, stalled: bool, sampled: bool) -> Connection {
        Connection {
            stream: None,
            scanner: Scanner::default(),
            asked: false,
            before: None,
            resource,
            stalled,
            slow: stalled,
            version: 0,
            arrived: 0,
            id: Box::default(),
            sample: sampled.then(Box::default),
        }
    }

    /// Whether the head of the stream has come.
    pub(crate) fn is_streaming(&self) -> bool {
        self.stream.is_some() && self.scanner.is_streaming()
    }

    /// What it applied, if it is in the sample.
    pub(crate) fn sample(&self) -> Option<&Sample> {
        self.sample.as_deref()
    }

    /// Begins to connect from this address.
    pub(crate) fn connect(
        &mut self,
        config: &Config,
        tls: Option<&Arc<ClientConfig>>,
        from: Ipv4Addr,
    ) -> io::Result<&mut TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Closing resets: tens of thousands of sockets in TIME_WAIT would hold the ports that the next run needs.
        socket.set_linger(Some(Duration::ZERO))?;
        if self.stalled {
            socket.set_recv_buffer_size(STALLED_BUFFER)?;
            socket.set_tcp_mss(STALLED_SEGMENT)?;
        }
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        match socket.connect(&config.server.into()) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => return Err(error),
            _ => {}
        }
        self.scanner = Scanner::default();
        self.asked = false;
        self.before = config.asks_before.then(Vec::new);
        let stream = TcpStream::from_std(socket.into());
        let transport = match tls {
            None => Transport::Plain(stream),
            Some(tls) => {
                let name = ServerName::from(config.server.ip());
                let tls = ClientConnection::new(tls.clone(), name).map_err(io::Error::other)?;
                Transport::Tls(Box::new(tls), stream)
            }
        };
        Ok(self.stream.insert(transport).socket())
    }

    /// The socket is connected, or has failed to: asks for the stream.
    pub(crate) fn ask(&mut self, config: &Config) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if self.asked {
            return stream.flush();
        }
        if let Some(error) = stream.socket().take_error()? {
            return Err(error);
        }
        let accept = if self.before.is_some() { "application/json" } else { "text/event-stream" };
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n",
            config.target.replace("{}", &self.resource.to_string()),
            config.server
        );
        if !self.id.is_empty() && self.before.is_none() {
            request += &format!("Last-Event-ID: {}\r\n", String::from_utf8_lossy(&self.id));
        }
        request += "\r\n";
        self.asked = stream.send(request.as_bytes())?;
        Ok(())
    }

    /// Reads what there is, and counts it.
    pub(crate) fn read(&mut self, config: &Config, buffer: &mut [u8], tally: &mut Tally) -> Progress {
        loop {
            if self.stalled && self.scanner.is_streaming() {
                return Progress::Open;
            }
            let Some(stream) = &mut self.stream else { return Progress::Open };
            let short_read_is_all = stream.short_read_is_all();
            let read = match stream.read(buffer) {
                Ok(0) => return Progress::Over("closed by the server".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Progress::Over(error.kind().to_string()),
            };
            if let Some(before) = &mut self.before {
                before.extend_from_slice(&buffer[..read]);
                if is_whole(before) {
                    self.before = None;
                    self.asked = false;
                    if let Err(error) = self.ask(config) {
                        return Progress::Over(error.to_string());
                    }
                }
                continue;
            }
            let now = clock::now();
            tally.bytes += read as u64;
            let Connection { scanner, version, arrived, id, sample, slow, .. } = self;
            let seen = scanner.feed(&buffer[..read], &mut |event| {
                if let Some(stamp) = Stamp::find(event.data) {
                    tally.event(stamp, *version, now, *slow);
                    *version = stamp.version;
                    *arrived = now;
                }
                keep_id(id, event);
                if let Some(sample) = sample {
                    sample.take(event);
                }
            });
            match seen {
                Ok(()) => {}
                Err(Broken::Status(status)) => return Progress::Over(format!("status {status}")),
                Err(Broken::Ended) => return Progress::Over("ended by the server".into()),
                Err(Broken::Framing) => return Progress::Over("not HTTP".into()),
            }
            if read < buffer.len() && short_read_is_all {
                return Progress::Open;
            }
        }
    }
}

/// Whether this is a whole answer, by its `Content-Length`.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= end + 4 + length)
}

/// The last event's id, without an allocation for each where its length stays the same.
fn keep_id(id: &mut Box<[u8]>, event: &Event<'_>) {
    if event.id.len() == id.len() {
        id.copy_from_slice(event.id);
    } else if !event.id.is_empty() {
        *id = event.id.into();
    }
}

/// `EINPROGRESS`: connecting goes on in the background.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();
