//! The first byte of a frame (RFC 6455 §5.2), and what bounds a control frame.

/// The frame is the last of its message.
pub(super) const FIN: u8 = 0x80;
/// What extensions would use.
pub(super) const RESERVED: u8 = 0x70;
/// Where the opcode stands.
pub(super) const OPCODE: u8 = 0x0f;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// The most bytes of a control frame's content (RFC 6455 §5.5).
pub(super) const MOST_CONTROL: usize = 125;
