//! A document and the bodies that come after it, most of them edits of the one before: advancing says of each what a
//! parse says, and a body that is refused leaves the document for the next one.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{check_back, check_change, check_document, document, texts};
use tidegate_json::{Document, Identities, MAX_DEPTH, advance};

fuzz_target!(|input: &[u8]| {
    let mut texts = texts(input).into_iter();
    let Some(mut last) = texts.next().and_then(|text| document(&text)) else { return };
    for body in texts.map(Bytes::from) {
        let parsed = Document::parse(body.clone(), MAX_DEPTH);
        match (parsed, advance(&last, body.clone(), MAX_DEPTH, &Identities::default())) {
            (Ok(parsed), Ok(advance)) => {
                assert_eq!(advance.unproven, None);
                let (new, change) = (advance.document.clone(), advance.change.clone());
                assert_eq!(new.body(), &body);
                check_document(&new);
                check_change(&last, &parsed, &change);
                check_back(&last, advance);
                last = new;
            }
            (Err(parsed), Err(advanced)) => assert_eq!(parsed, advanced),
            (parsed, advanced) => panic!("parsed {parsed:?}, advanced {advanced:?}"),
        }
    }
});
