//! Any bytes from a client: however they are cut, they say the same, and no message is longer than the limit. What they say
//! is read as a request, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_wire::request::{MAX_SUB, Request};
use tidegate_wire::websocket::{Decoder, Received, Violation};

const LIMIT: u32 = 512;

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Violation>) {
    let (mut decoder, mut out) = (Decoder::new(LIMIT), Vec::new());
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

fuzz_target!(|input: &[u8]| {
    // The first byte says how the rest is cut.
    let Some((size, stream)) = input.split_first() else { return };
    let whole = decode([stream]);
    assert_eq!(decode(stream.chunks(usize::from(*size % 32) + 1)), whole);
    for received in whole.0 {
        match received {
            Received::Text(text) => {
                assert!(text.len() <= LIMIT as usize);
                if let Ok(Request::Subscribe(subscribe)) = Request::read(text.as_bytes()) {
                    assert!(subscribe.sub <= MAX_SUB && subscribe.url.as_str().starts_with('/'));
                    assert!(!subscribe.headers.contains_key("host"));
                }
            }
            Received::Ping(content) => assert!(content.len() <= 125),
            Received::Close { code, .. } => assert_ne!(code, Some(1005)),
            Received::Pong => {}
        }
    }
    // Requests alone, which the fuzzer would have to mask.
    let (one, list) = (Request::read(stream), Request::read_list(stream));
    assert!(one.is_err() || list.is_err());
    if let Err(error) = one {
        assert!(error.detail.len() < 1024);
    }
});
