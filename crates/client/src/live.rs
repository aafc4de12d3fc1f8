//! The shell around the machine: sends, reads and sleeps, and decides nothing.

use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::head::Head;
use crate::machine::{Command, Machine, Now};
use crate::transport::{request_failure, root_cause};
use crate::{Client, Disconnect, Document, Error, Source, Update};

/// What was received so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Requests that were sent.
    pub requests: u64,
    /// The answers' heads, in HTTP/1.1's form, estimated from their fields.
    pub head_bytes: u64,
    /// The answers' bodies as they came, compressed where they were, without the framing of chunks and of TLS.
    pub body_bytes: u64,
}

impl Traffic {
    /// Heads and bodies together.
    pub fn bytes(&self) -> u64 {
        self.head_bytes + self.body_bytes
    }
}

type Answer = Result<Response<Incoming>, Disconnect>;

/// The one request that is under way.
enum Exchange {
    Asking(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Reading(Incoming),
}

/// What an exchange brought.
enum Arrival {
    Answer(Answer),
    Data(Bytes),
    End,
    Broken(hyper::Error),
}

impl Exchange {
    /// The next thing that comes. Cancel-safe: what has not been returned is not lost.
    async fn next(&mut self) -> Arrival {
        match self {
            Exchange::Asking(answer) => Arrival::Answer(answer.await),
            Exchange::Reading(body) => loop {
                match body.frame().await {
                    None => return Arrival::End,
                    Some(Err(error)) => return Arrival::Broken(error),
                    // Trailers say nothing that is needed here.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => return Arrival::Data(data),
                        Err(_trailers) => continue,
                    },
                }
            },
        }
    }
}

/// A resource that is being watched.
///
/// It works only while [`Live::next`] is awaited: a holder that does not ask reads nothing, so a slow holder slows
/// the server down instead of filling memory here, and is current again as soon as it asks.
pub struct Live {
    client: Client,
    machine: Machine,
    exchange: Option<Exchange>,
    traffic: Traffic,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("url", &self.client.url)
            .field("position", &self.position())
            .field("traffic", &self.traffic)
            .finish_non_exhaustive()
    }
}

/// One request, with the caller's fields and then the machine's, which win.
async fn ask(client: Client, fields: Vec<(HeaderName, HeaderValue)>) -> Answer {
    let mut headers = client.headers;
    if let Some(fresh) = &client.fresh {
        let made = fresh.make().await.map_err(|error| Disconnect::NoFields(error.to_string()))?;
        for name in made.keys() {
            headers.remove(name);
        }
        headers.extend(made);
    }
    for (name, value) in fields {
        headers.insert(name, value);
    }
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = client.url;
    *request.headers_mut() = headers;
    client.http.request(request).await.map_err(|error| request_failure(&error))
}

fn now() -> Now {
    Now { instant: Instant::now().into_std(), wall: SystemTime::now().into() }
}

impl Live {
    pub(crate) fn new(client: Client, seed: u64) -> Live {
        let machine = Machine::new(client.settings.clone(), seed, now());
        Live { client, machine, exchange: None, traffic: Traffic::default() }
    }

    /// The document as of the update that was returned last. `None` before the first one.
    pub fn document(&self) -> Option<&Document> {
        self.machine.document()
    }

    /// The document as a type of the caller's; see [`Document::data`]. `None` before the first one.
    ///
    /// # Errors
    /// When the document is not what the type expects.
    pub fn data<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        self.document().map(Document::data)
    }

    /// Where the document stands; `None` before the first one, and when the last patch did not fit.
    pub fn position(&self) -> Option<&str> {
        self.machine.position()
    }

    /// Where the updates come from, once that is known.
    pub fn source(&self) -> Option<Source> {
        self.machine.source()
    }

    /// What was received so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Waits for the next update. It fails when the client has ended, and then every time.
    ///
    /// Cancel-safe. Needs a tokio runtime with I/O and time.
    pub async fn next(&mut self) -> Result<Update, Error> {
        loop {
            if let Some(update) = self.machine.poll_update(now()) {
                self.obey();
                return update;
            }
            self.obey();
            let Some(until) = self.machine.poll_timeout() else { continue };
            let arrival = match &mut self.exchange {
                Some(exchange) => tokio::time::timeout_at(until.into(), exchange.next()).await.ok(),
                None => {
                    tokio::time::sleep_until(until.into()).await;
                    None
                }
            };
            match arrival {
                Some(arrival) => self.take(arrival),
                None => self.machine.handle_timeout(now()),
            }
        }
    }

    fn obey(&mut self) {
        match self.machine.poll_command() {
            Some(Command::Send(fields)) => {
                self.traffic.requests += 1;
                self.exchange = Some(Exchange::Asking(Box::pin(ask(self.client.clone(), fields))));
            }
            Some(Command::Cancel) => self.exchange = None,
            None => {}
        }
    }

    fn take(&mut self, arrival: Arrival) {
        let now = now();
        match arrival {
            Arrival::Answer(Ok(answer)) => {
                let (parts, body) = answer.into_parts();
                let head = Head { status: parts.status, headers: parts.headers };
                self.traffic.head_bytes += head.estimated_size();
                self.exchange = Some(Exchange::Reading(body));
                self.machine.handle_head(now, head);
            }
            Arrival::Answer(Err(cause)) => {
                self.exchange = None;
                self.machine.handle_failure(now, cause);
            }
            Arrival::Data(data) => {
                self.traffic.body_bytes += data.len() as u64;
                self.machine.handle_body(now, &data);
            }
            Arrival::End => {
                self.exchange = None;
                self.machine.handle_end(now);
            }
            Arrival::Broken(error) => {
                self.exchange = None;
                self.machine.handle_failure(now, Disconnect::Broken(root_cause(&error)));
            }
        }
    }
}
