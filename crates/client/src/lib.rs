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

mod backoff;
mod builder;
mod document;
mod error;
mod head;
mod live;
mod machine;
mod poller;
mod transport;
mod update;

pub use builder::{BuildError, Client, ClientBuilder};
pub use document::Document;
pub use error::{Disconnect, Error};
pub use live::{Live, Traffic};
pub use update::{Source, Update};
