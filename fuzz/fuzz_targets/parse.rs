//! Any bytes: the parser agrees with one that is not ours about the grammar, and what it accepts survives its own text.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{check_document, well_formed};
use tidegate_json::{Document, MAX_DEPTH, ParseErrorKind, compact, parse};

fuzz_target!(|input: &[u8]| {
    let parsed = parse(input, MAX_DEPTH);
    let accepted = match &parsed {
        Ok(_) => true,
        // What follows the place that is too deep was not looked at.
        Err(error) if matches!(error.kind, ParseErrorKind::TooDeep { .. }) => return,
        Err(error) => error.is_well_formed(),
    };
    assert_eq!(accepted, well_formed(input));
    let document = Document::parse(Bytes::copy_from_slice(input), MAX_DEPTH);
    assert_eq!(document.as_ref().err(), parsed.as_ref().err());
    if accepted {
        // Also of what cannot be patched, the compact text is JSON.
        assert!(well_formed(&compact(input)));
    }
    if let Ok(document) = document {
        assert_eq!(document.body(), input);
        check_document(&document);
    }
});
