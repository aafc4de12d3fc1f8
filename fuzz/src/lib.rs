//! What the fuzz targets share: how an input is cut into texts, and the promises that they hold the engine to.
//!
//! An input is one or more texts with a byte `FF` between them, which no JSON text has. A text that begins with a byte
//! `FE` is an edit of the text before it: see [`texts`].
//!
//! Every function here panics where a promise is broken; that is what a fuzzer finds.

use bytes::Bytes;
use tidegate_json::{
    Advance, ApplyTextError, Change, Document, Identities, MAX_DEPTH, Op, Patch, Rewound, Value, advance_to,
    apply, compact, merge_patch, parse, patched, prove,
};

/// The texts of an input. An edit is a list of pieces, each after a byte `FE`: two bytes say where in the text
/// before (modulo its length), the next how many bytes go, and the rest of the piece comes in their place.
pub fn texts(input: &[u8]) -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for part in input.split(|&byte| byte == 0xFF) {
        let text = match (part.strip_prefix(&[0xFE]), texts.last()) {
            (Some(edits), Some(before)) => edited(before.clone(), edits),
            _ => part.to_vec(),
        };
        texts.push(text);
    }
    texts
}

fn edited(mut text: Vec<u8>, edits: &[u8]) -> Vec<u8> {
    for piece in edits.split(|&byte| byte == 0xFE) {
        let [high, low, gone, new @ ..] = piece else { continue };
        let start = (usize::from(*high) << 8 | usize::from(*low)) % (text.len() + 1);
        let end = (start + usize::from(*gone)).min(text.len());
        text.splice(start..end, new.iter().copied());
    }
    text
}

/// The document of a text, if it is one.
pub fn document(text: &[u8]) -> Option<Document> {
    Document::parse(Bytes::copy_from_slice(text), MAX_DEPTH).ok()
}

/// Whether a text is JSON in the eyes of a parser that is not ours; a byte order mark counts as nothing.
pub fn well_formed(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok().map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Everything that can be asked about a document is what its text says.
pub fn check_document(document: &Document) {
    let value = parse(document.body(), MAX_DEPTH).expect("a document's body is a document");
    assert_eq!(document.to_value(), value);
    assert_eq!(document.text(), compact(document.body()).as_ref());
    let text = value.to_text();
    let again = parse(text.as_bytes(), MAX_DEPTH).expect("a value's text is a document");
    assert_eq!(again, value);
    assert_eq!(again.to_text(), text);
}

/// The change leads from `old` to `new`, and says so in fewer bytes than the new document has.
pub fn check_change(old: &Document, new: &Document, change: &Change) {
    assert_eq!(*change == Change::None, old.to_value() == new.to_value(), "{change:?}");
    if let Change::Patch(patch) = change {
        assert!(patch.len() < new.text().len(), "{patch:?} is no shorter than {:?}", new.text());
        check_patch(old, new, patch);
    }
}

/// The old text comes back from the new one, and the way forward from the old text alone is right.
pub fn check_back(old: &Document, advance: Advance) {
    let new = advance.document.clone();
    if let Some(delta) = advance.back(old) {
        assert_eq!(Rewound::new(new.body()).back(&delta).to_bytes(), old.body());
    }
    let forward = advance_to(old.body(), &new, MAX_DEPTH, &Identities::default()).expect("it was a document");
    assert_eq!(forward.unproven, None);
    check_change(old, &new, &forward.change);
}

/// The patch turns `old` into `new`, by its proof, by its text and by its tree.
pub fn check_patch(old: &Document, new: &Document, patch: &[u8]) {
    prove(old, patch, new).expect("a patch is proven");
    assert_eq!(compact(patch).as_ref(), patch, "a patch is compact");
    let applied = apply(old, patch).expect("a patch applies");
    check_document(&applied);
    assert_eq!(applied.to_value(), new.to_value());
    let patch = Patch::parse(patch).expect("a patch is a patch");
    assert_eq!(patched(&old.to_value(), &patch), Ok(new.to_value()));
}

/// Where there is a merge patch, it gives exactly the new document.
pub fn check_merge_patch(old: &Document, new: &Document) {
    if let Some(patch) = merge_patch(old, new) {
        let patch = parse(&patch, MAX_DEPTH).expect("a merge patch is a document");
        assert_eq!(merged(old.to_value(), &patch), new.to_value());
    }
}

/// RFC 7396 §2.
fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(members) = patch else { return patch.clone() };
    let mut result = match target {
        Value::Object(members) => members,
        _ => Default::default(),
    };
    for (name, value) in members {
        if *value == Value::Null {
            result.shift_remove(name);
        } else {
            let old = result.get(name).cloned().unwrap_or(Value::Null);
            result.insert(name.clone(), merged(old, value));
        }
    }
    Value::Object(result)
}

/// Applies any text as a patch, in both ways that there are: they agree in what comes out and in why nothing does.
/// None where the text would copy so often that the document might double beyond any memory.
pub fn apply_both_ways(document: &Document, patch: &[u8]) -> Option<Result<Document, ApplyTextError>> {
    /// So many doublings of a document that fits into an input fit into memory.
    const COPIES: usize = 8;
    let operations = Patch::parse(patch);
    let copies =
        |patch: &Patch| patch.0.iter().filter(|operation| matches!(operation, Op::Copy { .. })).count();
    if operations.as_ref().is_ok_and(|patch| copies(patch) > COPIES) {
        return None;
    }
    let by_tree = match &operations {
        Ok(patch) => patched(&document.to_value(), patch).map_err(ApplyTextError::Apply),
        Err(error) => Err(ApplyTextError::Patch(error.clone())),
    };
    let by_text = apply(document, patch);
    match (&by_text, by_tree) {
        (Ok(by_text), Ok(by_tree)) => {
            assert_eq!(by_text.to_value(), by_tree);
            check_document(by_text);
        }
        (Err(by_text), Err(by_tree)) => assert_eq!(*by_text, by_tree),
        (by_text, by_tree) => panic!("by text {by_text:?}, by tree {by_tree:?}"),
    }
    Some(by_text)
}
