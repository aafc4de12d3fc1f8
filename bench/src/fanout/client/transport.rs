//! A subscriber's socket, with TLS or without.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

/// A socket. Reading and writing never wait.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<ClientConnection>, TcpStream),
}

impl Transport {
    /// The socket itself.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Transport::Plain(stream) | Transport::Tls(_, stream) => stream,
        }
    }

    /// Whether a read that does not fill the buffer has emptied the socket (epoll(7)).
    pub(crate) fn short_read_is_all(&self) -> bool {
        matches!(self, Transport::Plain(_))
    }

    /// Sends a request, which is small: a new socket has room for it. Says whether it was taken; if not, the socket is
    /// not connected yet.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<bool> {
        match self {
            Transport::Plain(stream) => match stream.write(request) {
                Ok(written) if written == request.len() => Ok(true),
                Ok(_) => Err(io::Error::other("a new socket has no room for a request")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(error),
            },
            Transport::Tls(tls, _) => {
                // Kept until the handshake is over.
                tls.writer().write_all(request)?;
                self.flush()?;
                Ok(true)
            }
        }
    }

    /// Writes what the handshake or the request left to write.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Transport::Tls(tls, stream) = self else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(stream) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads plain bytes; 0 when the server has closed.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (tls, stream) = match self {
                Transport::Plain(stream) => return stream.read(buffer),
                Transport::Tls(tls, stream) => (tls, stream),
            };
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.read_tls(stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            self.flush()?;
        }
    }
}
