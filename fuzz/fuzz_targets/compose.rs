//! A document and what comes after it, as patches or as documents: one patch has their net effect, or all fail.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{apply_both_ways, check_patch, document, texts};
use tidegate_json::{Change, Document, Identities, compose, diff};

/// More would let copies double a document too often.
const MAX_PATCHES: usize = 4;

/// What leads from the document to the text, if that is a document and no patch.
fn step(last: &Document, text: &[u8]) -> Option<Vec<u8>> {
    let next = document(text).filter(|next| !next.text().starts_with(b"[{\"op\":"))?;
    Some(match diff(last, &next, &Identities::default()) {
        Change::None => b"[]".to_vec(),
        Change::Patch(patch) => patch.to_vec(),
        Change::Whole => [&br#"[{"op":"replace","path":"","value":"#[..], &next.text(), b"}]"].concat(),
    })
}

fuzz_target!(|input: &[u8]| {
    let mut texts = texts(input).into_iter();
    let Some(first) = texts.next().and_then(|text| document(&text)) else { return };
    let mut last = Some(first.clone());
    let mut patches: Vec<Vec<u8>> = Vec::new();
    for text in texts.take(MAX_PATCHES) {
        let patch = last.as_ref().and_then(|last| step(last, &text)).unwrap_or(text);
        // After one that fails the others do not matter.
        if let Some(before) = last {
            let Some(applied) = apply_both_ways(&before, &patch) else { return };
            last = applied.ok();
        }
        patches.push(patch);
    }
    let borrowed: Vec<&[u8]> = patches.iter().map(Vec::as_slice).collect();
    let composed = compose(&first, &borrowed, &Identities::default());
    match (composed, last) {
        (Ok(composed), Some(last)) => check_patch(&first, &last, &composed),
        (Err(_), None) => {}
        (composed, last) => panic!("composed {composed:?}, one after another {last:?}"),
    }
});
