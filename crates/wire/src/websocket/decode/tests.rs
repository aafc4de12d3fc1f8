use super::*;
use proptest::prelude::*;

const LIMIT: u32 = 70_000;

/// A frame as a client sends it, with the shortest length.
fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mask = [0x1d, 0xfe, 0x00, 0x7b];
    let mut out = vec![first];
    match content.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(content.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    out
}

type Decoded = (Vec<Received>, Option<Violation>);

fn decode<'a>(decoder: &mut Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut out = Vec::new();
    for mut chunk in chunks {
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(received)) => out.push(received),
                Ok(None) => break,
                Err(violation) => return (out, Some(violation)),
            }
        }
        assert!(chunk.is_empty());
    }
    (out, None)
}

fn whole(bytes: &[u8]) -> Decoded {
    let result = decode(&mut Decoder::new(LIMIT), [bytes]);
    assert_eq!(decode(&mut Decoder::new(LIMIT), bytes.chunks(1)), result, "{bytes:x?}");
    result
}

fn text(text: &str) -> Received {
    Received::Text(text.to_owned())
}

#[test]
fn messages_in_fragments_with_control_frames_between() {
    let stream = [
        frame(0x81, "ü".as_bytes()),
        frame(0x81, b""),
        // A character over the border of two fragments, and a ping right there.
        frame(0x01, b"a\xc3"),
        frame(0x89, b"\xff?"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"\xbcb"),
        frame(0x81, &[b'x'; 126]),
        frame(0x81, &[b'x'; 0x1_0000]),
        frame(0x88, b"\x03\xe8bye"),
        // Nobody reads on.
        frame(0x83, b""),
    ];
    let expected = [
        text("ü"),
        text(""),
        Received::Ping(b"\xff?".to_vec()),
        Received::Pong,
        text("aüb"),
        text(&"x".repeat(126)),
        text(&"x".repeat(0x1_0000)),
        Received::Close { code: Some(1000), reason: "bye".into() },
    ];
    assert_eq!(whole(&stream.concat()), (expected.to_vec(), None));
}

#[test]
fn each_violation_and_its_code() {
    let check = |bytes: &[u8], violation: Violation, code: u16| {
        let (received, found) = whole(bytes);
        assert_eq!((received.len(), found), (0, Some(violation)), "{bytes:x?}");
        assert_eq!(violation.code().number(), code);
        assert!(violation.to_string().len() <= 123, "the reason fits into a closing frame");
    };
    check(&[0x81, 0x02], Violation::Unmasked, 1002);
    check(&[0xc1], Violation::Reserved, 1002);
    check(&[0xa9], Violation::Reserved, 1002);
    check(&[0x83], Violation::Opcode, 1002);
    check(&[0x8b], Violation::Opcode, 1002);
    check(&[0x09], Violation::Control, 1002);
    check(&[0x89, 0xfe], Violation::Control, 1002);
    check(&[0x80], Violation::NothingToContinue, 1002);
    check(&[frame(0x01, b"a"), frame(0x81, b"b")].concat(), Violation::Interleaved, 1002);
    check(&[0x81, 0xfe, 0, 125, 0, 0, 0, 0], Violation::Length, 1002);
    check(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], Violation::Length, 1002);
    check(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Violation::Length, 1002);
    check(&frame(0x88, b"\x03"), Violation::Close, 1002);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535_u16] {
        check(&frame(0x88, &code.to_be_bytes()), Violation::Close, 1002);
    }
    check(&frame(0x88, b"\x03\xe8\xff"), Violation::NotUtf8, 1007);
    check(&[0x82], Violation::Binary, 1003);
    check(&frame(0x81, b"a\xc3"), Violation::NotUtf8, 1007);
    // A surrogate, known for what it is before the frame has ended.
    check(&frame(0x81, b"\xed\xa0\x80 and more")[..8], Violation::NotUtf8, 1007);
    check(&[frame(0x01, b"\xf0\x9f"), frame(0x00, b"\x98a")].concat(), Violation::NotUtf8, 1007);
    let fragments = [frame(0x01, b""), frame(0x00, b"").repeat(usize::from(MAX_FRAGMENTS) - 1)].concat();
    check(&[&fragments[..], &[0x80]].concat(), Violation::TooManyFragments, 1008);
}

#[test]
fn a_closing_frame_needs_no_code() {
    let closed = |code| (vec![Received::Close { code, reason: String::new() }], None);
    assert_eq!(whole(&frame(0x88, b"")), closed(None));
    for code in [1000, 1001, 1012, 3000, 4999_u16] {
        assert_eq!(whole(&frame(0x88, &code.to_be_bytes())), closed(Some(code)));
    }
}

#[test]
fn too_big_by_its_length_alone() {
    let too_big = (Vec::new(), Some(Violation::TooBig { limit: 300 }));
    let mut decoder = Decoder::new(300);
    let header = &frame(0x81, &[b'a'; 301])[..8];
    assert_eq!(decode(&mut decoder, [header]), too_big);
    assert_eq!(decode(&mut decoder, [&b"x"[..]]), too_big, "it stays failed");
    // 2⁶³ − 1 bytes, of which nothing is kept.
    let huge = [0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
    assert_eq!(decode(&mut Decoder::new(300), [&huge[..]]), too_big);
    // Fragments count together; a ping between them does not.
    let stream = [frame(0x01, &[b'a'; 200]), frame(0x89, &[b'p'; 125]), frame(0x80, &[b'a'; 100])].concat();
    assert_eq!(decode(&mut Decoder::new(300), [&stream[..]]).1, None);
    let stream = [frame(0x01, &[b'a'; 200]), frame(0x80, &[b'a'; 101])].concat();
    assert_eq!(decode(&mut Decoder::new(300), [&stream[..]]), too_big);
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 96, "{}", size_of::<Decoder>());
    let mut decoder = Decoder::new(LIMIT);
    let stream = [frame(0x81, &[b'a'; 1000]), frame(0x89, b"ping")].concat();
    decode(&mut decoder, [&stream[..]]);
    assert_eq!(decoder.buffer.capacity(), 0);
    // What a length announces takes no memory before it comes.
    decode(&mut decoder, [&frame(0x81, &[b'a'; 0x1_0000])[..20]]);
    assert!(decoder.buffer.capacity() < 100);
}

/// Frames as they may come, right ones more often than wrong ones.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => Just(0x81_u8),
        4 => prop::sample::select(vec![0x01, 0x00, 0x80]),
        4 => prop::sample::select(vec![0x89, 0x8a]),
        1 => prop::sample::select(vec![0x88, 0x82, 0x09, 0xc1]),
    ];
    let content = prop_oneof![
        6 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => "a{120,300}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    let frames = prop::collection::vec((first, content), 0..8);
    (frames, any::<u64>()).prop_map(|(frames, cut)| {
        let mut out: Vec<u8> = frames.iter().flat_map(|(first, content)| frame(*first, content)).collect();
        out.truncate(out.len() - (cut % 3) as usize % (out.len() + 1));
        out
    })
}

proptest! {
    #[test]
    fn however_it_is_cut(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert_eq!(decode(&mut Decoder::new(256), chunks), decode(&mut Decoder::new(256), [&stream[..]]));
    }

    #[test]
    fn whatever_comes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        whole(&bytes);
    }
}
