//! A client's connection, plain or over TLS, and how it leaves for a shard.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustls::ServerConnection;
use tidegate_hub::shard::Written;
use tidegate_hub::{Connection, Secure, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::http2::ALPN;

/// A client's connection.
#[derive(Debug)]
pub(super) enum ClientIo {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientIo {
    /// Whether both ends agreed on HTTP/2 (ALPN).
    pub(super) fn agreed_on_http2(&self) -> bool {
        match self {
            ClientIo::Plain(_) => false,
            ClientIo::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(ALPN),
        }
    }

    /// Has the kernel hold no more than about so many bytes that it has not sent yet, where it knows how.
    pub(super) fn hold_unsent(&self, bytes: usize) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let socket = match self {
                ClientIo::Plain(socket) => socket,
                ClientIo::Tls(stream) => stream.get_ref().0,
            };
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes)?;
        }
        Ok(())
    }

    /// Gives it to a shard to talk with its client, which lets the kernel hold `send_buffer` bytes of it. Comes with what
    /// was read of it and decrypted before. `keep` lives as long as it does.
    pub(super) fn into_talking_connection(
        self,
        send_buffer: usize,
        keep: Box<dyn Send>,
    ) -> io::Result<(Connection, Bytes)> {
        let mut read = Vec::new();
        let (socket, secure) = match self {
            ClientIo::Plain(socket) => (socket, None),
            ClientIo::Tls(stream) => {
                let (socket, mut tls) = stream.into_inner();
                let state = tls.process_new_packets().map_err(invalid)?;
                read.resize(state.plaintext_bytes_to_read(), 0);
                tls.reader().read_exact(&mut read)?;
                let secure: Box<dyn Secure> = Box::new(Encrypted { tls, heard: 0 });
                (socket, Some(secure))
            }
        };
        let socket = socket.into_std()?;
        socket2::SockRef::from(&socket).set_send_buffer_size(send_buffer)?;
        Ok((Connection { socket, secure, keep }, read.into()))
    }

    /// Gives it to a shard, which lets the kernel hold `send_buffer` bytes of it. `keep` lives as long as it does.
    pub(super) fn into_connection(self, send_buffer: usize, keep: Box<dyn Send>) -> io::Result<Connection> {
        let (socket, secure) = match self {
            ClientIo::Plain(socket) => (socket, None),
            ClientIo::Tls(stream) => {
                let (socket, mut tls) = stream.into_inner();
                // What was decrypted already makes no socket readable: the shard would never hear of it.
                silent(&tls.process_new_packets().map_err(invalid)?)?;
                let secure: Box<dyn Secure> = Box::new(Encrypted { tls, heard: 0 });
                (socket, Some(secure))
            }
        };
        let socket = socket.into_std()?;
        socket2::SockRef::from(&socket).set_send_buffer_size(send_buffer)?;
        Ok(Connection { socket, secure, keep })
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientIo::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            ClientIo::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            ClientIo::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            ClientIo::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            ClientIo::Plain(socket) => Pin::new(socket).poll_write_vectored(context, slices),
            ClientIo::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            ClientIo::Plain(socket) => socket.is_write_vectored(),
            ClientIo::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientIo::Plain(socket) => Pin::new(socket).poll_flush(context),
            ClientIo::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientIo::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            ClientIo::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// A TLS connection whose handshake is done, on a socket that a shard serves.
///
/// Bytes count as taken over once they are encrypted; of those at most one record waits for the socket.
struct Encrypted {
    tls: ServerConnection,
    /// Bytes that came from the client since the stream began.
    heard: usize,
}

/// The most that a client of a stream may send, in bytes: alerts and new keys take a few. Empty records would keep a shard
/// busy for nothing.
const MOST_HEARD: usize = 64 * 1024;

/// The most that is encrypted before it is sent, in bytes: one record (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;

/// The most that is encrypted in one turn.
const TURN: usize = 16 * RECORD;

impl Encrypted {
    /// Sends what is encrypted. True if nothing is left.
    fn pass_on(&mut self, mut socket: &mut dyn Socket) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl Secure for Encrypted {
    fn write(&mut self, socket: &mut dyn Socket, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let mut bytes = 0;
        if !self.pass_on(socket)? {
            return Ok(Written { bytes, blocked: true });
        }
        let mut rest =
            frames.iter().enumerate().map(|(index, frame)| &frame[if index == 0 { skip } else { 0 }..]);
        let mut current: &[u8] = &[];
        while bytes < TURN {
            // What is due together leaves in one write.
            let mut room = RECORD;
            while room > 0 {
                if current.is_empty() {
                    let Some(next) = rest.next() else { break };
                    current = next;
                }
                let (part, after) = current.split_at(current.len().min(room));
                self.tls.writer().write_all(part)?;
                (current, room, bytes) = (after, room - part.len(), bytes + part.len());
            }
            if !self.pass_on(socket)? {
                return Ok(Written { bytes, blocked: true });
            }
            if room > 0 {
                break;
            }
        }
        Ok(Written { bytes, blocked: false })
    }

    fn hear(&mut self, mut socket: &mut dyn Socket) -> io::Result<()> {
        loop {
            match self.tls.read_tls(&mut socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.heard += read;
                    if self.heard > MOST_HEARD {
                        return Err(io::Error::new(
                            ErrorKind::InvalidData,
                            "a client of a stream says too much",
                        ));
                    }
                    silent(&self.tls.process_new_packets().map_err(invalid)?)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // An answer to what came, such as new keys; what does not go now goes with what follows.
        self.pass_on(socket).map(|_| ())
    }

    fn read(&mut self, mut socket: &mut dyn Socket, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                // Decrypted before.
                Ok(read) if read > 0 => return Ok(read),
                Ok(_) => return Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.tls.read_tls(&mut socket)? == 0 {
                return Ok(0);
            }
            self.tls.process_new_packets().map_err(invalid)?;
            self.pass_on(socket)?;
        }
    }

    fn finish(&mut self, socket: &mut dyn Socket) -> io::Result<bool> {
        self.tls.send_close_notify();
        self.pass_on(socket)
    }
}

/// That the client has neither closed nor said anything.
fn silent(state: &rustls::IoState) -> io::Result<()> {
    if state.peer_has_closed() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if state.plaintext_bytes_to_read() > 0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "bytes on a connection that is a stream"));
    }
    Ok(())
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
