//! The origin: good resources that change, and neighbours that behave badly.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How often each good resource changes.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Bytes of the big document, which is new each time.
pub(super) const BIG: usize = 16 << 20;

/// How often a dripping answer brings a byte.
const DRIP: Duration = Duration::from_millis(500);

/// The resources, and when they changed.
pub(super) struct Town {
    /// For each good resource the times of its versions, from the first on.
    changes: Vec<Mutex<Vec<Instant>>>,
    big: AtomicU64,
    asked: AtomicU64,
}

impl Town {
    /// So many good resources, at their first versions.
    pub(super) fn new(good: usize) -> Arc<Town> {
        let now = Instant::now();
        let changes = (0..good).map(|_| Mutex::new(vec![now])).collect();
        Arc::new(Town { changes, big: AtomicU64::new(0), asked: AtomicU64::new(0) })
    }

    fn times(&self, good: usize) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        // Nothing panics while it is held.
        self.changes[good].lock().expect("no holder panics")
    }

    /// When a version of a good resource came to be; `None` for what never was.
    pub(super) fn changed(&self, good: usize, version: usize) -> Option<Instant> {
        self.times(good).get(version).copied()
    }

    /// Requests so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// Lets the good resources change, each in its turn, for ever.
    pub(super) async fn live(self: Arc<Town>) {
        let mut tick = tokio::time::interval(EVERY / self.changes.len() as u32);
        for good in (0..self.changes.len()).cycle() {
            tick.tick().await;
            self.times(good).push(Instant::now());
        }
    }

    /// Serves until it is dropped.
    pub(super) async fn serve(self: Arc<Town>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let town = self.clone();
                // A connection that breaks is the gateway's to notice.
                tokio::spawn(async move { town.answer(socket).await });
            }
        });
        Ok(address)
    }

    async fn answer(&self, mut socket: TcpStream) -> io::Result<()> {
        let mut read = Vec::new();
        loop {
            while !read.ends_with(b"\r\n\r\n") {
                if socket.read_buf(&mut read).await? == 0 {
                    return Ok(());
                }
            }
            self.asked.fetch_add(1, Relaxed);
            let head = String::from_utf8_lossy(&read).into_owned();
            read.clear();
            let target = head.split(' ').nth(1).unwrap_or_default();
            let mut parts = target.split('/').skip(1);
            let (kind, number) = (parts.next(), parts.next().and_then(|part| part.parse::<usize>().ok()));
            let body = match (kind, number) {
                (Some("good"), Some(good)) if good < self.changes.len() => {
                    let version = self.times(good).len() - 1;
                    Bytes::from(format!("{{\"n\":{version},\"fill\":\"{:0200}\"}}", good))
                }
                (Some("hangs"), _) => pending().await,
                (Some("drips"), _) => {
                    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n[").await?;
                    loop {
                        tokio::time::sleep(DRIP).await;
                        socket.write_all(b" ").await?;
                    }
                }
                (Some("big"), _) => self.big(),
                _ => Bytes::from(format!("\"{target}\"")),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(&body).await?;
        }
    }

    /// Rows that are all new.
    fn big(&self) -> Bytes {
        let version = self.big.fetch_add(1, Relaxed);
        let row = format!("{{\"version\":{version},\"text\":\"{}\"}},", "x".repeat(1000));
        let mut text = String::with_capacity(BIG + 16);
        text.push('[');
        while text.len() + row.len() < BIG {
            text.push_str(&row);
        }
        text.pop();
        text.push(']');
        text.into()
    }
}
