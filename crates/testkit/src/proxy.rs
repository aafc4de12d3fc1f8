//! A bad proxy: it stands between a client and a gateway, over loopback TCP, and does to streams what a script says.
//!
//! `testdata/scenarios/README.md` says how scripts are written; `e2e/lib/proxy.mjs` is the same for clients in Node. It knows
//! just enough of HTTP/1.1 and of Server-Sent Events to tell where a head and an event end. Each connection carries one
//! request, without compression.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What is done to a stream, or to one update in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Which update of the stream, from 0 on: events with an `id`. None: the stream as a whole.
    #[serde(default)]
    pub update: Option<usize>,
    /// What is done.
    #[serde(flatten)]
    pub act: Act,
}

/// See [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Act {
    /// The gateway is not asked; the answer has this status and `Retry-After`.
    Refuse {
        /// The status.
        status: u16,
        /// Seconds.
        retry_after: u32,
    },
    /// Everything behind the head is gathered until the gateway has ended the stream.
    Gather,
    /// It is sent twice.
    Repeat,
    /// It is sent behind the update after it.
    Swap,
    /// It is left out.
    Drop,
    /// This text in it, once, becomes another of the same length.
    Replace {
        /// What it was.
        text: String,
        /// What it becomes.
        by: String,
    },
    /// So many bytes of it are sent, and then the connection is closed.
    Cut {
        /// How many.
        bytes: usize,
    },
    /// Nothing is sent from here on, and the connection stays open.
    Stall,
    /// Behind it an earlier update of this stream is sent again.
    Replay {
        /// Which.
        earlier: usize,
    },
}

/// What happens to one stream.
type Script = Vec<Rule>;

struct Shared {
    target: Mutex<SocketAddr>,
    scripts: Vec<Script>,
    streams: watch::Sender<usize>,
    updates: watch::Sender<usize>,
    /// Counts the times that everything was cut.
    cuts: watch::Sender<usize>,
}

/// A proxy that runs until it is dropped.
pub struct BadProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl BadProxy {
    /// Listens on a free port of loopback, for `target`. The first stream gets the first script, and so on; those after
    /// the last one pass.
    pub async fn start(target: SocketAddr, scripts: Vec<Script>) -> BadProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let [streams, updates, cuts] = [0, 0, 0].map(watch::Sender::new);
        let shared = Arc::new(Shared { target: Mutex::new(target), scripts, streams, updates, cuts });
        let accepting = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection is accepted");
                let shared = accepting.clone();
                // A side that has gone is what this is for.
                connections.spawn(async move { drop(carry(client, &shared).await) });
            }
        });
        BadProxy { address, shared, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes to another gateway from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.shared.target.lock().expect("nobody panics while it holds this") = target;
    }

    /// Breaks every connection, as the death of the machine behind it does.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many streams were asked for so far.
    pub fn streams(&self) -> usize {
        *self.shared.streams.borrow()
    }

    /// How many updates came from gateways so far, in all streams that are not gathered.
    pub fn updates(&self) -> usize {
        *self.shared.updates.borrow()
    }
}

impl Drop for BadProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut cuts = shared.cuts.subscribe();
    let Some(head) = read_head(&mut client).await? else { return Ok(()) };
    let is_stream = head.contains("text/event-stream");
    let script = match is_stream {
        true => {
            let number = *shared.streams.borrow();
            shared.streams.send_modify(|count| *count += 1);
            shared.scripts.get(number).cloned().unwrap_or_default()
        }
        false => Script::new(),
    };
    let whole: Vec<&Act> = script.iter().filter(|rule| rule.update.is_none()).map(|rule| &rule.act).collect();
    if let Some(Act::Refuse { status, retry_after }) = whole.first() {
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let gathers = whole.contains(&&Act::Gather);
    let target = *shared.target.lock().expect("nobody panics while it holds this");
    let mut gateway = TcpStream::connect(target).await?;
    gateway.write_all(one_request(&head).as_bytes()).await?;
    let Some(answer) = read_head(&mut gateway).await? else { return Ok(()) };
    client.write_all(answer.as_bytes()).await?;

    let mut stream = Stream { rules: updates(script), ..Stream::default() };
    let (mut buffer, mut gathered) = (vec![0; 64 << 10], Vec::new());
    loop {
        let count = tokio::select! {
            count = gateway.read(&mut buffer) => count?,
            _ = cuts.changed() => return Ok(()),
            // A client says nothing behind its request: it has gone.
            _ = client.read_u8() => return Ok(()),
        };
        if count == 0 {
            client.write_all(&gathered).await?;
            return client.shutdown().await;
        }
        if gathers {
            gathered.extend_from_slice(&buffer[..count]);
            continue;
        }
        let before = stream.seen.len();
        let passed = if is_stream { stream.pass(&buffer[..count]) } else { buffer[..count].to_vec() };
        shared.updates.send_modify(|updates| *updates += stream.seen.len() - before);
        client.write_all(&passed).await?;
        if stream.is_cut {
            return client.shutdown().await;
        }
    }
}

/// A request for one answer, that is not compressed.
fn one_request(head: &str) -> String {
    let kept = head.trim_end().split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("accept-encoding:") && !line.starts_with("connection:")
    });
    kept.chain(["Connection: close", "\r\n"]).collect::<Vec<&str>>().join("\r\n")
}

/// A head with its empty line; nothing where the connection ends before.
async fn read_head(side: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match side.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn updates(script: Script) -> BTreeMap<usize, Act> {
    script.into_iter().filter_map(|rule| Some((rule.update?, rule.act))).collect()
}

/// The events of one stream, on their way.
#[derive(Default)]
struct Stream {
    rules: BTreeMap<usize, Act>,
    /// What came and is no whole event yet.
    rest: Vec<u8>,
    /// Every update so far, as the gateway sent it.
    seen: Vec<Vec<u8>>,
    held: Vec<u8>,
    is_stalled: bool,
    is_cut: bool,
}

impl Stream {
    /// What of the bytes goes on.
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let mut out = Vec::new();
        while !self.is_cut {
            // Heartbeats are no part of an event, and not to be kept waiting.
            let end = match self.rest.starts_with(b":\n") {
                true => Some(2),
                false => self.rest.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2),
            };
            let Some(end) = end else { break };
            let event: Vec<u8> = self.rest.drain(..end).collect();
            self.event(event, &mut out);
        }
        out
    }

    fn event(&mut self, event: Vec<u8>, out: &mut Vec<u8>) {
        let is_update = event.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"id:"));
        let number = self.seen.len();
        if is_update {
            self.seen.push(event.clone());
        }
        if self.is_stalled {
            return;
        }
        if !is_update {
            return out.extend(event);
        }
        let held = std::mem::take(&mut self.held);
        match self.rules.get(&number) {
            Some(Act::Repeat) => out.extend([&event[..], &event].concat()),
            Some(Act::Swap) => self.held = event,
            Some(Act::Drop) => {}
            Some(Act::Replace { text, by }) => {
                let read = String::from_utf8_lossy(&event).into_owned();
                assert!(read.contains(text.as_str()), "there is {text:?} in {read:?}");
                out.extend(read.replacen(text.as_str(), by, 1).into_bytes());
            }
            Some(Act::Cut { bytes }) => {
                out.extend(&event[..(*bytes).min(event.len())]);
                self.is_cut = true;
            }
            Some(Act::Stall) => self.is_stalled = true,
            Some(Act::Replay { earlier }) => out.extend([&event[..], &self.seen[*earlier]].concat()),
            // They are about whole streams.
            Some(Act::Refuse { .. } | Act::Gather) | None => out.extend(event),
        }
        out.extend(held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_events() {
        let check = |rules: &str, expected: &str| {
            let script: Script = serde_json::from_str(rules).unwrap();
            let mut stream = Stream { rules: updates(script), ..Stream::default() };
            let mut out = Vec::new();
            for byte in b"id: 0\n\n:\nevent: status\n\nid: 1\n\nid: 2\n\n" {
                out.extend(stream.pass(&[*byte]));
            }
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out.replace("event: status\n", "s").replace("id: ", "").replace('\n', ""), expected);
        };
        check("[]", "0:s12");
        check(r#"[{"update":1,"do":"repeat"}]"#, "0:s112");
        check(r#"[{"update":1,"do":"swap"}]"#, "0:s21");
        check(r#"[{"update":1,"do":"drop"}]"#, "0:s2");
        check(r#"[{"update":1,"do":"replace","text":"1","by":"9"}]"#, "0:s92");
        check(r#"[{"update":1,"do":"cut","bytes":5}]"#, "0:s1");
        check(r#"[{"update":1,"do":"cut","bytes":0}]"#, "0:s");
        check(r#"[{"update":1,"do":"stall"}]"#, "0:s");
        check(r#"[{"update":2,"do":"replay","earlier":0}]"#, "0:s120");
        check(r#"[{"do":"gather"}]"#, "0:s12");
        assert!(serde_json::from_str::<Script>(r#"[{"do":"refuse","status":503}]"#).is_err());
    }

    #[test]
    fn a_request_for_one_answer() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(one_request(head), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
}
