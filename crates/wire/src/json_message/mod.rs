//! JSON messages: what lines of NDJSON, WebSocket messages and multiplexed events say.
//!
//! A message is written without its opening brace, so that a prefix can name the subscription in front of bytes that
//! everybody shares. It is read whole.

mod decode;
mod encode;

pub use decode::{Event, Received, read, read_string};
pub use encode::{HEARTBEAT, error, event, event_type, status, update};
