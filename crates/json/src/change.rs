//! From two documents to what is to be sent.

use bytes::Bytes;

use crate::{ApplyError, Document, Identities, ParseError, Patch, PatchError};

/// What leads from one document to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Equal in value, number texts included.
    None,
    /// An RFC 6902 patch as compact text, shorter than the new document's.
    Patch(Bytes),
    /// No patch is shorter than the new document.
    Whole,
}

/// What leads from `old` to `new`. Not proven.
pub fn diff(old: &Document, new: &Document, _identities: &Identities) -> Change {
    let patch = crate::tree_diff(&old.to_value(), &new.to_value());
    if patch.is_empty() {
        return Change::None;
    }
    let text = patch.to_text();
    if text.len() < new.text().len() { Change::Patch(text.into()) } else { Change::Whole }
}

/// Parses `body`, the text that came after `old`, and says what leads there, in one go. Not proven.
pub fn advance(
    old: &Document,
    body: Bytes,
    max_depth: usize,
    identities: &Identities,
) -> Result<(Document, Change), ParseError> {
    let new = Document::parse(body, max_depth)?;
    let change = diff(old, &new, identities);
    Ok((new, change))
}

/// Proves that `patch` turns `old` into `new`.
pub fn prove(old: &Document, patch: &[u8], new: &Document) -> Result<(), String> {
    match apply(old, patch) {
        Ok(applied) if applied.to_value() == new.to_value() => Ok(()),
        Ok(_) => Err("it gives another document".into()),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// Why a patch's text cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyTextError {
    /// It is not a patch.
    Patch(PatchError),
    /// It does not apply.
    Apply(ApplyError),
}

/// The document after a patch.
pub fn apply(document: &Document, patch: &[u8]) -> Result<Document, ApplyTextError> {
    let patch = Patch::parse(patch).map_err(ApplyTextError::Patch)?;
    let value = crate::patched(&document.to_value(), &patch).map_err(ApplyTextError::Apply)?;
    Ok(Document::parse(value.to_text(), crate::MAX_DEPTH).expect("a value is a document"))
}

/// One patch with the net effect of several, the first of which applies to `document`.
pub fn compose(
    document: &Document,
    patches: &[&[u8]],
    identities: &Identities,
) -> Result<Bytes, ApplyTextError> {
    let mut last = document.clone();
    for patch in patches {
        last = apply(&last, patch)?;
    }
    Ok(match diff(document, &last, identities) {
        Change::None => Bytes::from_static(b"[]"),
        Change::Patch(patch) => patch,
        Change::Whole => Bytes::from(format!(
            r#"[{{"op":"replace","path":"","value":{}}}]"#,
            String::from_utf8_lossy(&last.text())
        )),
    })
}

/// An RFC 7396 merge patch from `old` to `new`, where one can say exactly that.
pub fn merge_patch(_old: &Document, _new: &Document) -> Option<Bytes> {
    None
}
