//! How Tidegate's updates look on the wire: Server-Sent Events, status, problem details, gzip of streams.
//!
//! Pure: bytes in, values out, and back. What an update *means* (whether it may be applied, what happens when it may
//! not) belongs to whoever holds the document; this crate only knows how it is written down.
//!
//! - [`sse`]: events as the WHATWG HTML standard writes and reads them, §9.2.
//! - [`Format`]: the same updates in every format that a stream can have; [`json_message`], [`websocket`] and [`braid`]
//!   are what the others than [`sse`] are made of.
//! - [`gzip`]: streams that are compressed once for all their readers.
//! - [`Message`]: a received event by its meaning in this protocol.
//! - [`request`]: what a client asks for where several subscriptions share a connection.
//! - [`Status`]: whether the data of a stream is live, and since when.
//! - [`Problem`]: problem details (RFC 9457) with a closed set of codes, each with its blame.

pub mod braid;
mod format;
pub mod gzip;
pub mod json_message;
mod message;
pub mod problem;
pub mod request;
pub mod sse;
mod status;
mod timestamp;
pub mod websocket;

pub use format::{Format, Kind, Update};
pub use message::{Message, MessageError};
pub use problem::{Blame, Problem, ProblemKind, ProblemType};
pub use status::{Continuity, State, Status};
pub use timestamp::{ParseTimestampError, Timestamp};

/// The media type of a stream of Server-Sent Events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The media type of a stream of JSON messages, one a line.
pub const NDJSON: &str = "application/x-ndjson";

/// The response field that names the media type of the representation that a stream carries.
pub const CONTENT_TYPE_FIELD: &str = "tidegate-content-type";
