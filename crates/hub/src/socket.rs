//! The sink of a stream that its shard writes itself: a socket, plain or with something between.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::shard::{Sink, Written};

/// What goes to a socket in one write at most, so that a big snapshot leaves others their turn.
const SLICE: usize = 256 * 1024;

/// The most frames handed to the kernel in one write.
const MOST_SLICES: usize = 16;

/// A connected socket that never waits.
pub trait Socket: Read + Write {}

impl<S: Read + Write> Socket for S {}

/// What stands between a stream and its socket: TLS. As [`Sink`] says for each.
pub trait Secure: Send {
    /// Takes over what it can of `frames` from the byte at `skip` on.
    fn write(&mut self, socket: &mut dyn Socket, frames: &[Bytes], skip: usize) -> io::Result<Written>;

    /// Looks at what came from a client that has nothing to say.
    fn hear(&mut self, socket: &mut dyn Socket) -> io::Result<()>;

    /// Reads what the client says.
    fn read(&mut self, socket: &mut dyn Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Nothing follows. True once all was passed on.
    fn finish(&mut self, socket: &mut dyn Socket) -> io::Result<bool>;
}

/// A client's connection, from the edge that accepted it. The socket does not block.
pub struct Connection {
    /// The socket.
    pub socket: std::net::TcpStream,
    /// What stands between, if anything.
    pub secure: Option<Box<dyn Secure>>,
    /// Whatever is to live as long as the connection.
    pub keep: Box<dyn Send>,
}

/// The shard's side of a connection.
pub(crate) struct SocketSink<K> {
    socket: TcpStream,
    secure: Option<Box<dyn Secure>>,
    _keep: (Box<dyn Send>, K),
}

impl<K> SocketSink<K> {
    pub(crate) fn new(connection: Connection, keep: K) -> SocketSink<K> {
        let Connection { socket, secure, keep: edges } = connection;
        SocketSink { socket: TcpStream::from_std(socket), secure, _keep: (edges, keep) }
    }

    /// Lets an event loop watch the socket.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }
}

impl<K> SocketSink<K> {
    /// Reads what the client says.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.secure {
            Some(secure) => secure.read(&mut self.socket, buffer),
            None => self.socket.read(buffer),
        }
    }
}

impl<K> Sink for SocketSink<K> {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        match &mut self.secure {
            Some(secure) => secure.write(&mut self.socket, frames, skip),
            None => write(&mut self.socket, frames, skip),
        }
    }

    fn hear(&mut self) -> io::Result<()> {
        match &mut self.secure {
            Some(secure) => secure.hear(&mut self.socket),
            None => hear(&mut self.socket),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        if let Some(secure) = &mut self.secure
            && !secure.finish(&mut self.socket)?
        {
            return Ok(false);
        }
        self.socket.shutdown(Shutdown::Write)?;
        Ok(true)
    }
}

fn write(socket: &mut TcpStream, frames: &[Bytes], skip: usize) -> io::Result<Written> {
    let mut slices = [IoSlice::new(&[]); MOST_SLICES];
    let (mut count, mut asked, mut left) = (0, 0, skip);
    for frame in frames {
        if count == MOST_SLICES || asked == SLICE {
            break;
        }
        let rest = &frame[left.min(frame.len())..];
        left -= left.min(frame.len());
        if !rest.is_empty() {
            let part = &rest[..rest.len().min(SLICE - asked)];
            slices[count] = IoSlice::new(part);
            (count, asked) = (count + 1, asked + part.len());
        }
    }
    if asked == 0 {
        return Ok(Written { bytes: 0, blocked: false });
    }
    loop {
        let written = match &slices[..count] {
            [one] => socket.write(one),
            several => socket.write_vectored(several),
        };
        return match written {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            // The kernel took less than it was offered, so it is full, and says when it is not any more.
            Ok(bytes) => Ok(Written { bytes, blocked: bytes < asked }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Written { bytes: 0, blocked: true }),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}

fn hear(socket: &mut TcpStream) -> io::Result<()> {
    let mut byte = [0; 64];
    loop {
        return match socket.read(&mut byte) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            // A request behind that of a stream would never be answered.
            Ok(_) => Err(io::Error::new(ErrorKind::InvalidData, "bytes on a connection that is a stream")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}
