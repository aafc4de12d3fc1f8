//! One gzip stream (RFC 1952) for each reader, out of pieces that all readers share.
//!
//! A live stream is sent to many readers who joined at different times, so nobody's encoder may depend on what came
//! before. Each frame becomes a [`Segment`] once; a reader's stream is [`HEADER`], the segments since it joined, and
//! [`Running::trailer`] of its own checksum, which is all the state that a reader needs.
//!
//! Invariants:
//! - [`HEADER`], any segments in any order and the trailer of their [`Running`] are one gzip member, of those frames'
//!   plain bytes one after the other.
//! - Whoever has a segment's last byte can read its whole frame: nothing is held back for what follows.
//! - A segment is never longer than its frame in stored blocks: five bytes more for every 65,535.

mod checksum;
mod segment;

pub use checksum::{Running, TRAILER_BYTES};
pub use segment::{LIGHT_FROM_BYTES, STORED_UP_TO_BYTES, Segment};

/// How the stream begins: deflate, no name, no time, no hint of the system (RFC 1952 §2.3).
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

#[cfg(test)]
mod tests;
