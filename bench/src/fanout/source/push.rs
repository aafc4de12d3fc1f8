//! Publishing to the peers that are told instead of asking.
//!
//! A thread of its own writes, and another reads what is answered, so that a peer that is slow to answer does not hold
//! up the next change: requests are pipelined, and the peer takes them in their order.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use serde::{Deserialize, Serialize};

/// How a peer is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Push {
    /// The data as a line, on one connection.
    Lines(SocketAddr),
    /// The data as the body of a POST, pipelined on one connection; the resource's number follows the target.
    Post(SocketAddr, String),
    /// An item for Pushpin's control port, a connection for each: it closes them.
    Pushpin(SocketAddr),
}

/// What became of what was pushed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answers that said no, and connections that broke.
    failures: AtomicU64,
    /// What the first of them said.
    first: OnceLock<String>,
}

impl Outcome {
    fn failed(&self, what: String) {
        self.failures.fetch_add(1, Relaxed);
        // Only the first is kept.
        let _ = self.first.set(what);
    }
}

/// The way to the thread that pushes.
#[derive(Debug)]
pub(crate) struct Pusher {
    sender: Sender<(usize, Vec<u8>)>,
    outcome: Arc<Outcome>,
}

impl Pusher {
    /// Connects.
    pub(crate) fn start(push: Push) -> io::Result<Pusher> {
        let outcome = Arc::new(Outcome::default());
        let (sender, receiver) = channel::<(usize, Vec<u8>)>();
        let mut kept = match &push {
            Push::Lines(address) | Push::Post(address, _) => Some(connected(*address)?),
            Push::Pushpin(_) => None,
        };
        if let (Push::Post(..), Some(stream)) = (&push, &kept) {
            let (stream, outcome) = (stream.try_clone()?, outcome.clone());
            thread::spawn(move || read_answers(stream, &outcome));
        }
        let told = outcome.clone();
        thread::spawn(move || {
            for (resource, data) in receiver {
                let request = request(&push, resource, &data);
                let result = match (&mut kept, &push) {
                    (Some(stream), _) => stream.write_all(&request),
                    (None, Push::Lines(address) | Push::Post(address, _) | Push::Pushpin(address)) => {
                        posted_alone(*address, &request)
                    }
                };
                if let Err(error) = result {
                    told.failed(error.to_string());
                }
            }
        });
        Ok(Pusher { sender, outcome })
    }

    /// Tells the peer. It happens in order, later.
    pub(crate) fn push(&self, resource: usize, data: &[u8]) {
        if self.sender.send((resource, data.to_vec())).is_err() {
            self.outcome.failed("the thread that pushes has ended".into());
        }
    }

    /// What the first that was not taken was answered.
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.outcome.first.get().cloned()
    }

    /// How many were not taken.
    pub(crate) fn failures(&self) -> u64 {
        self.outcome.failures.load(Relaxed)
    }
}

fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(push: &Push, resource: usize, data: &[u8]) -> Vec<u8> {
    let (target, address, body) = match push {
        Push::Lines(_) => return [data, b"\n"].concat(),
        Push::Post(address, target) => (format!("{target}{resource}"), address, data.to_vec()),
        Push::Pushpin(address) => {
            let content = format!("data: {}\n\n", String::from_utf8_lossy(data));
            let item = serde_json::json!({
                "items": [{"channel": format!("r{resource}"), "formats": {"http-stream": {"content": content}}}]
            });
            ("/publish/".to_owned(), address, item.to_string().into_bytes())
        }
    };
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

fn posted_alone(address: SocketAddr, request: &[u8]) -> io::Result<()> {
    let mut stream = connected(address)?;
    stream.write_all(request)?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if &status[9..10] == b"2" {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&status).into_owned()))
    }
}

fn read_answers(stream: TcpStream, outcome: &Outcome) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // A body without a line end stands before the next status on its line.
    while let Ok(1..) = reader.read_until(b'\n', &mut line) {
        if let Some(place) = memchr::memmem::find(&line, b"HTTP/1.1 ")
            && line.get(place + 9) != Some(&b'2')
        {
            outcome.failed(String::from_utf8_lossy(&line[place..]).trim().to_owned());
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_peer_is_sent() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!(request(&Push::Lines(address), 0, b"{}"), b"{}\n");
        let post = request(&Push::Post(address, "/pub?id=".into()), 7, b"{}");
        let post = String::from_utf8(post).unwrap();
        assert!(post.starts_with("POST /pub?id=7 HTTP/1.1\r\n"), "{post}");
        assert!(post.ends_with("Content-Length: 2\r\n\r\n{}"), "{post}");
        let item = String::from_utf8(request(&Push::Pushpin(address), 7, b"{}")).unwrap();
        assert!(item.contains(r#""channel":"r7""#) && item.contains(r"data: {}\n\n"), "{item}");
    }
}
