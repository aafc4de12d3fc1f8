//! One frame as deflate data (RFC 1951) that stands anywhere in a stream.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};

use super::checksum::Part;

/// Frames up to this length are stored, not compressed.
///
/// Measured: a frame of our format has its first repetitions at about 100 bytes. From 95 to 128 bytes, compressing it
/// saves 6 to 17 bytes over storing it, of a packet that begins with 52 bytes or more of TCP and IP; a heartbeat would
/// even grow. That costs 10 µs where storing costs half of one, and is work for the reader too. From about 170 bytes
/// on, the operations of a patch repeat each other, and a third or more is saved.
pub const STORED_UP_TO_BYTES: usize = 128;

/// Frames from this length on are compressed lightly: most are snapshots, which few readers share, perhaps one.
///
/// Measured with 82 KB of quotes: a quarter of the CPU (0.24 ms instead of 0.96 ms) for a tenth more bytes. A shorter
/// frame is mostly a patch, sent to all, and costs some 10 µs and 3 µs a KB once for all of them: there bytes are
/// dearer. The length is that of deflate's window.
pub const LIGHT_FROM_BYTES: usize = 32 * 1024;

/// The most that one stored block holds (RFC 1951 §3.2.4).
const BLOCK_BYTES: usize = 65_535;
/// What a stored block that begins at a whole byte costs: its three bits, padded, LEN and NLEN.
const BLOCK_HEAD_BYTES: usize = 5;

/// A frame, packed once for all its readers: whole bytes of deflate data that refer to nothing before them and are not
/// the last of a stream, and what a reader's checksum needs to go on after them. See the [module](super).
#[derive(Debug, Clone)]
pub struct Segment {
    bytes: Bytes,
    part: Part,
}

impl Segment {
    /// Packs a frame. An empty frame becomes an empty segment.
    ///
    /// Takes less than 1 µs up to [`STORED_UP_TO_BYTES`], 12 µs for an event of 500 bytes, 5 ms for a megabyte.
    pub fn of(plain: &[u8]) -> Segment {
        let packed = if plain.len() <= STORED_UP_TO_BYTES { None } else { compressed(plain) };
        let bytes = packed.unwrap_or_else(|| stored(plain));
        Segment { bytes: bytes.into(), part: Part::of(plain) }
    }

    /// What is sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn part(&self) -> &Part {
        &self.part
    }
}

/// How long [`stored`] makes so many bytes.
fn stored_length(plain: usize) -> usize {
    plain + BLOCK_HEAD_BYTES * plain.div_ceil(BLOCK_BYTES)
}

/// The bytes in stored blocks, none of them the last (RFC 1951 §3.2.4).
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored_length(plain.len()));
    for block in plain.chunks(BLOCK_BYTES) {
        let length = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out
}

/// The bytes compressed and fully flushed, where that is shorter than storing them.
fn compressed(plain: &[u8]) -> Option<Vec<u8>> {
    let level = if plain.len() < LIGHT_FROM_BYTES { 6 } else { 2 };
    // There is room for what is worth having: an encoder that fills it has not won anything, and is dropped.
    let room = stored_length(plain.len());
    let mut out = Vec::with_capacity(room);
    let mut encoder = Compress::new(Compression::new(level), false);
    encoder
        .compress_vec(plain, &mut out, FlushCompress::Full)
        .expect("a new encoder, flushed and not finished, has nothing to complain of");
    // A flush is complete when the encoder stops with room left: then the bytes end in an empty stored block.
    let complete = encoder.total_in() == plain.len() as u64 && out.len() < room;
    complete.then(|| {
        out.shrink_to_fit();
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_one_stored_block() {
        assert_eq!(Segment::of(b":\n").bytes(), &[0, 2, 0, 0xfd, 0xff, b':', b'\n'][..]);
    }

    #[test]
    fn nothing_is_an_empty_segment() {
        assert!(Segment::of(b"").bytes().is_empty());
    }

    #[test]
    fn short_frames_are_stored_and_longer_ones_compressed() {
        let check = |length: usize, expected: bool| {
            let plain = b"ab".repeat(length.div_ceil(2));
            let segment = Segment::of(&plain[..length]);
            assert_eq!(segment.bytes().len() == length + 5, expected, "{length}");
            assert!(segment.bytes().len() <= length + 5);
        };
        check(STORED_UP_TO_BYTES, true);
        check(STORED_UP_TO_BYTES + 1, false);
        check(LIGHT_FROM_BYTES - 1, false);
        check(LIGHT_FROM_BYTES, false);
    }

    #[test]
    fn stored_blocks_are_filled() {
        let check = |plain: usize, expected: usize| {
            assert_eq!(stored_length(plain), expected);
            assert_eq!(stored(&vec![7; plain]).len(), expected);
        };
        check(0, 0);
        check(1, 6);
        check(65_535, 65_540);
        check(65_536, 65_546);
        check(131_070, 131_080);
        check(131_071, 131_086);
    }
}
