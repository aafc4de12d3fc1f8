//! Two documents: what the engine says leads from each to the other does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{check_change, check_merge_patch, document, texts};
use tidegate_json::{Identities, diff};

fuzz_target!(|input: &[u8]| {
    let texts = texts(input);
    let [old, new, ..] = &texts[..] else { return };
    if let (Some(old), Some(new)) = (document(old), document(new)) {
        for (old, new) in [(&old, &new), (&new, &old), (&old, &old)] {
            check_change(old, new, &diff(old, new, &Identities::default()));
            check_merge_patch(old, new);
        }
    }
});
