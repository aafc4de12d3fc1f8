//! What the module promises of whole streams, by decoders that know nothing of segments.

use std::io::{Read, Write};

use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write;
use proptest::prelude::*;

use super::{HEADER, Running, Segment};
use crate::sse::{Event, HEARTBEAT};
use crate::{Status, Timestamp};

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::from_fn(|| Some(next())).flatten().take(length).collect()
}

/// A patch event of so many operations.
fn patch(seed: u64, operations: usize) -> Vec<u8> {
    let operations: Vec<_> = noise(seed, 2 * operations)
        .chunks(2)
        .map(|two| format!(r#"{{"op":"replace","path":"/quotes/{}/price","value":{}.50}}"#, two[0], two[1]))
        .collect();
    format!("event: patch\nid: 0000000000001.{seed}.0000007\ndata: [{}]\n\n", operations.join(","))
        .into_bytes()
}

/// Lengths where something changes: the threshold of storing, the level, the blocks.
const EDGES: &[usize] = &[0, 1, 127, 128, 129, 32_767, 32_768, 65_534, 65_535, 65_536, 131_070, 131_071];

fn frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(HEARTBEAT.to_vec()),
        4 => (any::<u64>(), 0..40usize).prop_map(|(seed, operations)| patch(seed, operations)),
        2 => prop::collection::vec(any::<u8>(), 0..400),
        1 => (any::<u64>(), 500..1_500usize).prop_map(|(seed, operations)| patch(seed, operations)),
        1 => (any::<u64>(), prop::sample::select(EDGES)).prop_map(|(seed, length)| noise(seed, length)),
        1 => (any::<u8>(), prop::sample::select(EDGES)).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// A whole stream of the segments.
fn stream(segments: &[Segment]) -> Vec<u8> {
    let mut stream = HEADER.to_vec();
    let mut running = Running::default();
    for segment in segments {
        stream.extend_from_slice(segment.bytes());
        running = running.after(segment);
    }
    stream.extend_from_slice(&running.trailer());
    stream
}

#[test]
fn a_stream_without_segments_is_a_gzip_of_nothing() {
    let mut out = Vec::new();
    GzDecoder::new(&stream(&[])[..]).read_to_end(&mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn a_wrong_order_of_checksums_is_noticed() {
    let (a, b) = (Segment::of(b"data: 1\n\n"), Segment::of(b"data: 2\n\n"));
    let mut stream = [&HEADER[..], a.bytes(), b.bytes()].concat();
    stream.extend_from_slice(&Running::default().after(&b).after(&a).trailer());
    assert!(GzDecoder::new(&stream[..]).read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn events_of_this_protocol_shrink() {
    let check = |plain: &[u8], most: usize| {
        let packed = Segment::of(plain).bytes().len();
        assert!(packed <= most, "{} bytes became {packed}: {}", plain.len(), String::from_utf8_lossy(plain));
    };
    let live = Status::live(Timestamp::from_unix_ms(1_769_851_800_250), 550);
    let status = Event::status(&serde_json::to_string(&live).unwrap()).encode();
    check(&status, status.len() + 5);
    check(&patch(1, 4), 200);
    check(&patch(1, 100), 1_400);
    check(&patch(1, 1_500), 18_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Joined at any point, a stream decodes to the frames since then and ends validly, and nothing follows.
    #[test]
    fn a_stream_joined_anywhere_is_one_member(frames in prop::collection::vec(frame(), 0..7)) {
        let segments: Vec<_> = frames.iter().map(|frame| Segment::of(frame)).collect();
        for from in 0..=frames.len() {
            let stream = stream(&segments[from..]);
            let expected = frames[from..].concat();
            let mut out = Vec::new();
            let mut decoder = GzDecoder::new(&stream[..]);
            decoder.read_to_end(&mut out).expect("valid to its end, checksum and length included");
            prop_assert!(out == expected);
            prop_assert!(decoder.into_inner().is_empty(), "nothing follows");
            out.clear();
            MultiGzDecoder::new(&stream[..]).read_to_end(&mut out).expect("one member");
            prop_assert!(out == expected);
        }
    }

    /// After each segment its frame can be read, by whoever has only got the bytes so far, in pieces of any size.
    #[test]
    fn each_segment_can_be_read_at_once(
        frames in prop::collection::vec(frame(), 0..7),
        from in any::<prop::sample::Index>(),
        piece in 1..5_000usize,
    ) {
        let frames = &frames[from.index(frames.len() + 1)..];
        let mut decoder = write::GzDecoder::new(Vec::new());
        let mut running = Running::default();
        let mut expected = Vec::new();
        decoder.write_all(&HEADER).unwrap();
        for frame in frames {
            let segment = Segment::of(frame);
            running = running.after(&segment);
            for piece in segment.bytes().chunks(piece) {
                decoder.write_all(piece).unwrap();
            }
            decoder.flush().unwrap();
            expected.extend_from_slice(frame);
            prop_assert!(decoder.get_ref() == &expected, "all of the frames so far");
        }
        decoder.write_all(&running.trailer()).unwrap();
        prop_assert!(decoder.finish().expect("valid to its end") == expected);
    }

    /// Packing never costs more than five bytes for every 65,535.
    #[test]
    fn a_segment_is_never_longer_than_stored(frame in frame()) {
        let most = frame.len() + 5 * frame.len().div_ceil(65_535);
        prop_assert!(Segment::of(&frame).bytes().len() <= most);
    }
}
