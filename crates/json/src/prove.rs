//! The proof that a patch is right, made from the patch's text alone.
//!
//! It parses the patch anew and follows its paths by itself: nothing that wrote the patch is trusted. Patches that only
//! replace parts in the order of the text are proven by comparing bytes: the old text, with the parts at the patch's
//! paths exchanged for the patch's values, must be the new text. All others are applied and compared.

use std::fmt;

use bytes::Bytes;

use crate::change::ApplyTextError;
use crate::document::Document;
use crate::document::tape::Node;
use crate::document::walk::Walker;
use crate::overlay::{Overlay, read};
use crate::patch::OpKind;
use crate::search::scalar_end;
use crate::{MAX_DEPTH, Pointer};

/// A patch is not what leads from one document to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// It does not apply.
    Refused(ApplyTextError),
    /// It gives another document.
    Differs,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unproven::Refused(error) => error.fmt(f),
            Unproven::Differs => f.write_str("it gives another document"),
        }
    }
}

impl std::error::Error for Unproven {}

/// Proves that `patch` turns `old` into `new`, number texts included.
///
/// Costs a scan of the patch, a walk along the containers that its paths lead through, and a comparison of the
/// documents' bytes.
pub fn prove(old: &Document, patch: &[u8], new: &Document) -> Result<(), Unproven> {
    let refused = |error| Unproven::Refused(ApplyTextError::Patch(error));
    let patch = parse(patch).map_err(|error| refused(error.into()))?;
    if replaces_in_order(old, new.bytes(), &patch, true) {
        return Ok(());
    }
    let overlay = Overlay::of(old, &patch).map_err(|refusal| Unproven::Refused(refusal.into()))?;
    if overlay.is(new) { Ok(()) } else { Err(Unproven::Differs) }
}

/// Proves, where it can, that `patch` turns the text `old` into `new` or (not `forward`) `new` into `old`, where the
/// former is indexed and the latter has the same structure.
pub(crate) fn proves_in_place(indexed: &Document, other: &[u8], patch: &[u8], forward: bool) -> bool {
    parse(patch).is_ok_and(|patch| replaces_in_order(indexed, other, &patch, forward))
}

pub(crate) fn parse(patch: &[u8]) -> Result<Document, crate::ParseError> {
    // A value in a patch lies two levels down: in the array, in the operation.
    Document::parse(Bytes::copy_from_slice(patch), MAX_DEPTH + 2)
}

/// Whether the patch consists of `replace` operations from front to back of the text, and exchanging those parts gives
/// the one text from the other byte for byte.
fn replaces_in_order(indexed: &Document, other: &[u8], patch: &Document, forward: bool) -> bool {
    let root = patch.root();
    if root.is_scalar() || patch.kind(root) != b'[' {
        return false;
    }
    let ours = indexed.bytes();
    let mut walker = Walker::new(indexed);
    // Both texts are seen to be equal, or exchanged, up to these places.
    let (mut at, mut there) = (0, 0);
    for operation in patch.children(root.container) {
        let Some((path, value)) = replacement(patch, operation) else { return false };
        let Some(node) = walker.find(&path) else { return false };
        let (start, end) = (indexed.start(node), indexed.end(node));
        if start < at {
            return false;
        }
        let value = patch.span(value);
        let kept = start - at;
        if ours.get(at..start) != other.get(there..there + kept) || other.get(there..there + kept).is_none() {
            return false;
        }
        let from = there + kept;
        let Some(to) = value_end(other, from) else { return false };
        let new = if forward { &other[from..to] } else { &ours[start..end] };
        if new != value {
            return false;
        }
        (at, there) = (end, to);
    }
    ours[at..] == other[there..]
}

fn replacement(patch: &Document, node: Node) -> Option<(Pointer, Node)> {
    let operation = read(patch, node).ok()?;
    (operation.kind == OpKind::Replace).then_some((operation.path, operation.value?))
}

/// The place after the value that begins at `start` of a text that is well-formed.
fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    if !matches!(bytes.get(start)?, b'[' | b'{') {
        return Some(scalar_end(bytes, start));
    }
    let mut depth = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => at = crate::search::string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}
