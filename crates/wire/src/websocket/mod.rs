//! WebSocket frames (RFC 6455): those that a gateway writes.

mod encode;

pub use encode::{CloseCode, close, first_fragment, last_fragment, ping, pong, text};
