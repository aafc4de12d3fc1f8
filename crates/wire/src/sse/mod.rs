//! Server-Sent Events, WHATWG HTML §9.2: [`Event`] writes them, [`Decoder`] reads them.
//!
//! Invariants:
//! - What [`Event`] writes, a decoder that follows the standard reads back as one event with the same data, where
//!   every line end (CR, LF or CRLF) of the data has become LF: the format cannot carry more.
//! - A [`Decoder`] gives the same items however its input is cut into chunks, and holds at most its limit in bytes.

mod decode;
mod encode;

pub use decode::{DEFAULT_MAX_EVENT_BYTES, DecodeError, Decoder, Item, Received};
pub use encode::{Event, HEARTBEAT, UNPROVEN, event_type, note};
