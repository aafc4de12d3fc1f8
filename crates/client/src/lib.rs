//! A live copy of an HTTP resource behind a Tidegate gateway, and of any other that can be polled.
//!
//! [`Live`] holds the document as of the last update. It applies each change whole or not at all, resumes where it was
//! after a lost connection, and never holds a document that the server did not have. Numbers keep their text: `1.10` stays
//! `1.10`.
//!
//! # Quick start
//!
//! ```
//! use tidegate_client::{Client, Update};
//!
//! # // A server with one update in it.
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/quotes", listener.local_addr()?);
//! # tokio::spawn(async move {
//! #     let (mut socket, _) = listener.accept().await.unwrap();
//! #     socket.read_u8().await.unwrap();
//! #     socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTidegate-Content-Type: application/json\r\n\r\n").await.unwrap();
//! #     socket.write_all(b"event: snapshot\nid: a.1\ndata: {\"price\":1.10}\n\nevent: patch\nid: a.2\ndata: [{\"op\":\"replace\",\"path\":\"/price\",\"value\":1.20}]\n\n").await.unwrap();
//! #     socket.read_to_end(&mut Vec::new()).await
//! # });
//! let mut live = Client::builder(url).build()?.live();
//! loop {
//!     match live.next().await? {
//!         Update::Connected { .. } => {}
//!         Update::Status(status) => println!("{} since {}", status.state.as_str(), status.since),
//!         Update::Disconnected { cause, retry_in } => println!("{cause}; again in {retry_in:?}"),
//!         // A snapshot, or a change that has been applied.
//!         _ => println!("{}", live.document().unwrap().text()),
//!     }
//! #   if live.position() == Some("a.2") { break assert_eq!(live.document().unwrap().text(), r#"{"price":1.20}"#); }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The document is a [`Value`], a text, or with [`Live::data`] a type of one's own:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tidegate_client::Client;
//!
//! #[derive(serde::Deserialize)]
//! struct Quote {
//!     symbol: String,
//!     price: f64,
//! }
//!
//! let client = Client::builder("https://live.example.com/quotes")
//!     .select("$[?@.price > 100]")
//!     .rate(Duration::from_secs(1))
//!     .build()?;
//! let mut live = client.live();
//! while live.next().await.is_ok() {
//!     if let Some(quotes) = live.data::<Vec<Quote>>() {
//!         println!("{} of them", quotes?.len());
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # States
//!
//! | it is | it goes on when |
//! | --- | --- |
//! | waiting, for nothing or for the next attempt | the wait is over: it asks |
//! | asking | the head of the answer comes ([`Update::Connected`]), or none does within [`answer_timeout`] |
//! | streaming | nothing came for [`idle_timeout`], the stream ends, or something in it cannot be right: it waits ([`Update::Disconnected`]) and resumes |
//! | polling, where the URL offers no stream | [`poll_interval`] has passed since the last request began; a failure is a [`Status`], as a gateway would say it |
//! | ended | never: [`Live::next`] gives the same [`Error`] each time |
//!
//! The document stays through all of them; what is known of its age is in [`Update::Status`] and
//! [`Update::Disconnected`]. Between attempts it waits as long as the server says (`retry` in the stream, `Retry-After`:
//! RFC 9110 §10.2.3, at most an hour) and a random part of a ceiling that doubles from 1 s up to [`max_backoff`], so that
//! clients which were lost together do not come back together.
//!
//! # What is wrong on the way
//!
//! - A change that does not fit, an event that cannot be read, one that is older than the document: the connection ends,
//!   and the next one begins with a snapshot. An event that comes twice counts once.
//! - Silence: a gateway sends a heartbeat every 15 s. Time that the machine slept counts, even where its clock stood still.
//! - A proxy that gathers the stream: when nothing comes behind its head for 10 s the resource is polled, and a stream is
//!   tried again after a minute, then ever more rarely.
//! - A patch that is left out on the way, so that the next one fits all the same, cannot be told. HTTP loses nothing, so
//!   it would take a proxy that takes streams apart.
//!
//! # Errors
//!
//! [`Disconnect`] is for a while, and the client goes on by itself; [`Error`] is for good. 5xx, 408, 425 and 429 are for a
//! while; other 4xx are for good, except that a 401 is tried once more with new fields where [`headers_from`] makes them.
//! Redirects are not followed: credentials must not go to another place unasked.
//!
//! # Standards
//!
//! Server-Sent Events (WHATWG HTML §9.2), JSON Patch (RFC 6902), JSON Merge Patch (RFC 7396), JSON Pointer (RFC 6901),
//! JSONPath (RFC 9535), problem details (RFC 9457), conditional requests (RFC 9110 §13). HTTP/1.1, over rustls with ring
//! where the URL is `https`.
//!
//! # Units and costs
//!
//! Times are [`Duration`](std::time::Duration)s, sizes are bytes. A [`Live`] holds the document as a tree, some times the
//! size of its text, and one event at most (32 MiB unless [`max_bytes`] is set). A patch costs its own size and what it
//! moves; a snapshot a parse; [`Live::data`] a write and a parse of the whole. There is no task and no queue: it works
//! while [`Live::next`] is awaited, and whoever does not ask slows the server down instead of filling memory. A client is
//! cheap to clone, and its clones share connections.
//!
//! [`answer_timeout`]: ClientBuilder::answer_timeout
//! [`idle_timeout`]: ClientBuilder::idle_timeout
//! [`poll_interval`]: ClientBuilder::poll_interval
//! [`max_backoff`]: ClientBuilder::max_backoff
//! [`max_bytes`]: ClientBuilder::max_bytes
//! [`headers_from`]: ClientBuilder::headers_from

// Inside, `machine` decides everything and does nothing: it is told what arrived and what time it is. `live` is the thin
// shell that sends, reads and sleeps.

#![deny(missing_docs)]

mod backoff;
mod builder;
mod document;
mod error;
mod fields;
mod head;
mod live;
mod machine;
mod order;
mod poller;
mod transport;
mod update;
mod wishes;

pub use builder::{BuildError, Client, ClientBuilder};
pub use document::Document;
pub use error::{Disconnect, Error};
pub use fields::BoxError;
pub use live::{Live, Traffic};
pub use update::{Source, Update};
pub use wishes::{ParseTransportError, Transport};

/// The types of header fields and statuses, as this crate takes and gives them.
pub use http;
/// TLS, as [`ClientBuilder::tls`] takes it.
pub use rustls;
pub use tidegate_core::json::{Number, Object, Op, Patch, Pointer, Value};
pub use tidegate_core::{Mode, ParseModeError};
pub use tidegate_wire::{Continuity, Problem, State, Status, Timestamp};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
