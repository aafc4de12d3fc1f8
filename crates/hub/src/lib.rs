//! Feeds, shards, subscribers and their fan-out.

mod origin;

pub use origin::{Body, BoxError, FetchRequest, Fetched, Origin};
