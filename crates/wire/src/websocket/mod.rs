//! WebSocket (RFC 6455), the gateway's side of it, without a socket: the [handshake](Handshake), the frames that a gateway
//! writes, and a [`Decoder`] of those that a client sends.
//!
//! No extensions: what a client offers is not taken up, so that the reserved bits are always zero (§9.1).

mod close;
mod decode;
mod encode;
mod handshake;
mod opcode;

pub use close::CloseCode;
pub use decode::{Decoder, MAX_FRAGMENTS, Received, Violation};
pub use encode::{close, first_fragment, last_fragment, ping, pong, text};
pub use handshake::{Handshake, HandshakeError, SUBPROTOCOL};
