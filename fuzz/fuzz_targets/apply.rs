//! A document and any texts as patches: applying them to the text and to the tree is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{apply_both_ways, document, texts};

fuzz_target!(|input: &[u8]| {
    let mut texts = texts(input).into_iter();
    let Some(document) = texts.next().and_then(|text| document(&text)) else { return };
    // Each on the document itself, so that no more copies add up than one patch may have.
    for patch in texts {
        apply_both_ways(&document, &patch);
    }
});
