//! Connecting to one of several addresses, as quickly as any of them allows.
//!
//! Owns the attempts. The next address is tried when one fails, or after 250 ms without waiting for it (RFC 8305 §5). An
//! attempt that lost goes on in the background until it connects or its time is over: only so is it known whether that
//! address works.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::addresses::Order;
use super::connect::Book;
use super::connect_error::is_own_limit;

/// How long an attempt may take before the next address is tried beside it (RFC 8305 §8).
const HEAD_START: Duration = Duration::from_millis(250);

/// How often the kernel asks whether an idle peer is still there: what ends a tunnel or a stream whose peer vanished.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// The attempts on behalf of one connection.
pub(super) struct Race {
    first: VecDeque<SocketAddr>,
    last: VecDeque<SocketAddr>,
    limit: Duration,
    book: Book,
    report: mpsc::UnboundedSender<Attempt>,
    reports: mpsc::UnboundedReceiver<Attempt>,
    running: usize,
}

type Attempt = (SocketAddr, io::Result<TcpStream>);

impl Race {
    /// A race in which no attempt takes longer than `limit`.
    pub(super) fn new(order: Order, limit: Duration, book: Book) -> Race {
        let (report, reports) = mpsc::unbounded_channel();
        let Order { first, last } = order;
        Race { first: first.into(), last: last.into(), limit, book, report, reports, running: 0 }
    }

    /// How many addresses there are yet.
    pub(super) fn left(&self) -> usize {
        self.running + self.first.len() + self.last.len()
    }

    /// The next connection. `None` when every attempt has come to an end; else the last error, if no more is to come.
    pub(super) async fn next(&mut self) -> Option<Attempt> {
        loop {
            if self.running == 0 && !self.begin() {
                // What was left out is tried when nothing else is left.
                self.first.append(&mut self.last);
                if !self.begin() {
                    return None;
                }
            }
            let attempt = tokio::select! {
                biased;
                attempt = self.reports.recv() => attempt?,
                () = tokio::time::sleep(HEAD_START), if !self.first.is_empty() => {
                    self.begin();
                    continue;
                }
            };
            self.running -= 1;
            if attempt.1.is_ok() || self.left() == 0 {
                return Some(attempt);
            }
            self.begin();
        }
    }

    /// Begins the next attempt, if there is one.
    fn begin(&mut self) -> bool {
        let Some(address) = self.first.pop_front() else { return false };
        self.running += 1;
        let (limit, book, report) = (self.limit, self.book.clone(), self.report.clone());
        tokio::spawn(async move {
            let attempt = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
                Ok(attempt) => attempt.and_then(prepared),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            match &attempt {
                Ok(_) => book.lock().connected(address),
                Err(error) if is_own_limit(error) => {}
                Err(error) => {
                    tracing::debug!(%address, %error, "connecting to an origin's address failed");
                    book.lock().failed(address, Instant::now());
                }
            }
            // Nobody waits for it any more where another was quicker.
            let _ = report.send((address, attempt));
        });
        true
    }
}

/// The socket as every connection to an origin has it: what is written goes out at once, and the kernel looks after
/// peers that are silent.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))?;
    Ok(stream)
}
