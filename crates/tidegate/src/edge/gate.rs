//! What stands between hyper and a client's connection: bytes that were read before come again, and the connection can
//! be taken out of hyper's hands for a shard.
//!
//! hyper keeps a connection until the answer's end, and a stream has none. So when a stream is asked for on a connection
//! that hyper serves, it is given an empty answer that closes the connection; what it writes from then on goes nowhere,
//! and when it lets go, the socket is still open. That is done only while nothing else is on its way: whatever hyper
//! wrote before was passed on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tidegate_hub::{Body, Subscription};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::Admitted;
use super::answer;
use super::client_io::ClientIo;

/// hyper's side.
pub(super) struct Gate {
    /// There until it is dropped. It counts as a connection wherever it goes: also behind an upgrade, which outlives
    /// hyper.
    io: Option<(ClientIo, Admitted)>,
    /// Read before, to be read again.
    again: Bytes,
    exit: Exit,
}

/// The side of whoever takes connections out.
#[derive(Clone, Default)]
pub(super) struct Exit(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// hyper has written something that was not passed on yet.
    unsent: bool,
    /// What the last bytes read were.
    tail: [u8; TAIL],
    leaving: Option<Leaving>,
    /// The connection, once hyper has let go of it.
    io: Option<(ClientIo, Admitted)>,
}

/// How many of the bytes read last are known.
const TAIL: usize = 16;

/// What a request ends with: its content where its head said how long that is, and else its head. Content in chunks ends
/// as a head does, with an empty line.
pub(super) struct Ending(Vec<u8>);

impl Ending {
    /// Of a request with these fields and this content.
    pub(super) fn of(fields: &HeaderMap, content: &[u8]) -> Ending {
        let stated = if fields.contains_key(TRANSFER_ENCODING) { &[][..] } else { content };
        Ending(stated[stated.len().saturating_sub(TAIL)..].to_vec())
    }

    /// Whether `tail` is what is left of a head's `end`, and the content, as far back as it goes.
    fn is(&self, tail: &[u8; TAIL], end: &[u8]) -> bool {
        let before = tail.strip_suffix(&self.0[..]);
        before.is_some_and(|before| before.ends_with(end) || end.ends_with(before))
    }
}

/// A stream that is to go on without hyper.
pub(super) struct Leaving {
    pub(super) subscription: Subscription,
    /// The head of its answer.
    pub(super) head: Bytes,
}

impl Exit {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; were it to, the state is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something came behind the request that is being answered, as far as can be told: two whole heads that
    /// came together look like one, and the second is lost unanswered, as it would have stayed.
    pub(super) fn has_more(&self, ending: &Ending) -> bool {
        let tail = self.state().tail;
        // hyper takes a bare LF for the end of a line, too.
        !ending.is(&tail, b"\n\r\n") && !ending.is(&tail, b"\n\n")
    }

    /// Takes the connection out of hyper's hands, if it can be now: gives the answer for hyper.
    pub(super) fn leave(&self, leaving: Leaving, ending: &Ending) -> Result<Response<Body>, Box<Leaving>> {
        let mut state = self.state();
        if state.unsent || state.leaving.is_some() || !ending.is(&state.tail, b"\r\n\r\n") {
            return Err(Box::new(leaving));
        }
        state.leaving = Some(leaving);
        let mut response = answer::empty(StatusCode::OK);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(response)
    }

    /// The connection and its stream, when hyper has let go of one that leaves.
    pub(super) fn taken(&self) -> Option<(ClientIo, Admitted, Leaving)> {
        let mut state = self.state();
        let (io, admitted) = state.io.take()?;
        Some((io, admitted, state.leaving.take()?))
    }

    fn is_leaving(&self) -> bool {
        self.state().leaving.is_some()
    }
}

impl Gate {
    /// A connection of which `again` was read already.
    pub(super) fn new(io: ClientIo, admitted: Admitted, again: Bytes, exit: Exit) -> Gate {
        Gate { io: Some((io, admitted)), again, exit }
    }

    /// The connection, once hyper has let go of it for another protocol, and what was read of it and not read again.
    pub(super) fn into_parts(mut self) -> Option<(ClientIo, Admitted, Bytes)> {
        let (io, admitted) = self.io.take()?;
        Some((io, admitted, std::mem::take(&mut self.again)))
    }

    fn io(&mut self) -> io::Result<Pin<&mut ClientIo>> {
        self.io.as_mut().map(|(io, _)| Pin::new(io)).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mut state = self.exit.state();
        if state.leaving.is_some() {
            state.io = self.io.take();
        }
    }
}

/// The last bytes of all that was read, of which `read` came last.
fn tail(before: [u8; TAIL], read: &[u8]) -> [u8; TAIL] {
    let mut tail = before;
    let new = &read[read.len().saturating_sub(TAIL)..];
    tail.rotate_left(new.len());
    tail[TAIL - new.len()..].copy_from_slice(new);
    tail
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = &mut *self;
        if gate.exit.is_leaving() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if gate.again.has_remaining() {
            let count = gate.again.len().min(buffer.remaining());
            buffer.put_slice(&gate.again.split_to(count));
        } else {
            ready!(gate.io()?.poll_read(context, buffer))?;
        }
        let mut state = gate.exit.state();
        state.tail = tail(state.tail, &buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.exit.is_leaving() {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.exit.state().unsent = true;
        self.io()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.exit.is_leaving() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        self.exit.state().unsent = true;
        self.io()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(|(io, _)| io.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.exit.is_leaving() {
            return Poll::Ready(Ok(()));
        }
        // hyper asks for it when it has written all it had.
        ready!(self.io()?.poll_flush(context))?;
        self.exit.state().unsent = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.exit.is_leaving() {
            return Poll::Ready(Ok(()));
        }
        self.io()?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_behind_a_request_is_seen() {
        let check = |fields: &[(http::HeaderName, &'static str)],
                     content: &str,
                     read: &str,
                     expected: [bool; 2]| {
            let fields =
                fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            let ending = Ending::of(&fields, content.as_bytes());
            let tail = tail([0; TAIL], read.as_bytes());
            let alone = ending.is(&tail, b"\n\r\n") || ending.is(&tail, b"\n\n");
            let proper = ending.is(&tail, b"\r\n\r\n");
            assert_eq!([alone, proper], expected, "{content:?} {read:?}");
        };
        let head = "POST / HTTP/1.1\r\nhost: h\r\n\r\n";
        let long = "something longer than a tail";
        for content in ["", "{}", "0123456789", "0123456789ab", "0123456789abc", "0123456789abcde", long] {
            let whole = format!("{head}{content}");
            check(&[], content, &whole, [true, true]);
            check(&[], content, &format!("{whole}G"), [false, false]);
            // Behind a head alone, an empty line is one more that nobody misses.
            check(&[], content, &format!("{whole}\r\n"), [content.is_empty(); 2]);
            check(&[], content, &format!("{whole}GET / HTTP/1.1\r\nhost: h"), [false, false]);
        }
        check(&[], "", "GET / HTTP/1.1\nhost: h\n\n", [true, false]);
        check(&[], "{}", "POST / HTTP/1.1\nhost: h\n\n{}", [true, false]);
        let chunked = [(TRANSFER_ENCODING, "chunked")];
        check(&chunked, "{}", &format!("{head}2\r\n{{}}\r\n0\r\n\r\n"), [true, true]);
        check(&chunked, "{}", &format!("{head}2\r\n{{}}\r\n0\r\n\r\n{{}}"), [false, false]);
    }
}
