//! A reconnecting client for live HTTP resources.
//!
//! ```no_run
//! use tidegate_client::{Client, Update};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut live = Client::builder("http://127.0.0.1:8080/quotes").build()?.live();
//! loop {
//!     match live.next().await? {
//!         Update::Snapshot { .. } | Update::Patched { .. } => println!("{:?}", live.document()),
//!         Update::Status(status) => println!("{:?} since {}", status.state, status.since),
//!         Update::Connected { .. } => {}
//!         Update::Disconnected { cause, retry_in } => println!("{cause}; again in {retry_in:?}"),
//!     }
//! }
//! # }
//! ```
//!
//! [`Live`] holds the current document. It applies each patch whole or not at all, resumes with `Last-Event-ID` after
//! a lost connection, and asks for a snapshot when a patch does not fit. It waits between attempts with full jitter,
//! at least as long as the server says. It ends only by an [`Error`]: something that trying again cannot mend.
//!
//! Where the URL offers no stream, it is polled conditionally and the changes are worked out here, so that the same
//! updates come out ([`Source`]).
//!
//! Inside, `machine` decides everything and does nothing: it is told what arrived and what time it is. `live` is the
//! thin shell that sends, reads and sleeps.

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
