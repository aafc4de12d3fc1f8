//! Feeds, shards, subscribers and their fan-out: core's decisions, done.
//!
//! - [`Hub`]: the way in. It finds or makes the feed for a request, by its sharing key.
//! - `registry`: what the hub and the feeds' tasks share: the table of feeds above all.
//! - `owner`, `feed_task`: each feed has one owner with one queue; the task around it makes the fetches that it decides.
//! - `shard`, `shard_thread`: each shard is a thread that hands updates to its subscribers' sinks.
//! - `socket`: the sink of a stream that its shard writes itself; `slot`: that of a stream that hyper writes.
//! - [`Subscription`]: a stream that may begin, on either.
//! - [`Origin`]: where representations come from; implemented by the program.
//!
//! The pure parts ([`owner`], [`shard`]) take the time as an argument and do no I/O, so that the properties that the
//! design promises are tested with thousands of clients in virtual time.

mod carrier;
mod clock;
mod encoded;
mod failures;
mod feed_task;
mod frame;
mod heavy;
mod hub;
mod origin;
pub mod owner;
mod problems;
pub mod published;
mod registry;
mod route;
pub mod shard;
mod shard_thread;
mod slot;
mod socket;
mod splits;
mod stats;
mod subscription;
mod terms;
mod unproven;

pub use carrier::{Carrier, CarrierLimits, Listener, Seat, SeatError};
pub use clock::Clock;
pub use encoded::Encoded;
pub use failures::FailureStats;
pub use frame::{Coding, Frame};
pub use heavy::heavily;
pub use hub::{Hub, HubLimits, Interest, Refused, Wanted};
pub use origin::{Awaited, Body, BoxError, FetchRequest, Fetched, Origin};
pub use owner::{Current, FeedReport, Forwarded, OF_THE_WHOLE, Resume, Source};
pub use problems::problem_of;
pub use route::Route;
pub use slot::StreamBody;
pub use socket::{Connection, Secure, Socket};
pub use stats::{FeedCounters, FeedStats, Way, WayStats};
pub use subscription::{CountedBody, Subscription};
pub use terms::{Rate, Terms};
