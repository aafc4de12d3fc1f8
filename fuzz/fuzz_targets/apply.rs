//! A document and any texts as patches: applying them to the text and to the tree is the same, and proves what came out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{apply_both_ways, document, texts};
use tidegate_json::prove;

fuzz_target!(|input: &[u8]| {
    let mut texts = texts(input).into_iter();
    let Some(document) = texts.next().and_then(|text| document(&text)) else { return };
    // Each on the document itself, so that no more copies add up than one patch may have.
    for patch in texts {
        if let Some(Ok(applied)) = apply_both_ways(&document, &patch) {
            prove(&document, &patch, &applied).expect("it gives what it gave");
            let changed = document.to_value() != applied.to_value();
            assert_eq!(prove(&document, &patch, &document).is_err(), changed);
        }
    }
});
