//! RFC 7396 merge patches, where one can say exactly what changed.
//!
//! [`mod@apply`] says what a merge patch does, and proves those that are made here.

mod apply;
#[cfg(test)]
mod tests;
mod tree;

use bytes::Bytes;

use crate::diff::{Members, equal};
use crate::document::Document;
use crate::document::tape::Node;

pub use apply::apply_merge;
pub use tree::merge_in_place;

/// The RFC 7396 merge patch that turns `old` into `new`, where there is one that says exactly that and is shorter than
/// the new document; else the document is to be sent whole.
///
/// A merge patch cannot set a member to `null`, because `null` removes it, and it replaces arrays whole: none is made
/// where a member becomes `null` or brings one with it (`null` inside arrays is fine), nor where the document is no object
/// before and after. The order of members counts as little as everywhere: whoever applies the patch has new members
/// behind the others, wherever `new` has them.
///
/// It is proven before it is given: its text, applied as [`apply_merge`] does, gives `new`, number texts included. One
/// that did not stand the proof would be none.
///
/// Costs a walk over both documents, and for the proof a copy of the old text and a comparison of the result.
///
/// ```
/// use tidegate_json::{Document, MAX_DEPTH, merge_patch};
/// let document = |text: &'static str| Document::parse(text, MAX_DEPTH);
/// let old = document(r#"{"quote":{"last":101.1,"size":5},"halted":true,"venue":"XNAS"}"#)?;
/// let new = document(r#"{"quote":{"last":101.10,"size":5},"venue":"XNAS"}"#)?;
/// assert_eq!(merge_patch(&old, &new).unwrap(), r#"{"halted":null,"quote":{"last":101.10}}"#);
/// let new = document(r#"{"quote":null,"halted":true,"venue":"XNAS"}"#)?;
/// assert_eq!(merge_patch(&old, &new), None);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn merge_patch(old: &Document, new: &Document) -> Option<Bytes> {
    write_patch(old, new).filter(|patch| apply::proves(old, patch, new))
}

/// The same without the proof.
fn write_patch(old: &Document, new: &Document) -> Option<Bytes> {
    let (a, b) = (old.root(), new.root());
    let both_objects =
        [(old, a), (new, b)].iter().all(|(it, node)| !node.is_scalar() && it.is_object(node.container));
    if !both_objects {
        return None;
    }
    let mut out = Vec::new();
    merge_objects(old, a, new, b, &mut out)?;
    (out.len() < new.text_len()).then(|| Bytes::from(out))
}

/// Writes the merge patch between two objects; none where there is none.
fn merge_objects(old: &Document, a: Node, new: &Document, b: Node, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'{');
    let first = out.len();
    let comma = |out: &mut Vec<u8>| {
        if out.len() > first {
            out.push(b',');
        }
    };
    let mut finder = Members::of(new, b.container);
    for member in old.children(a.container).filter(|&member| finder.find(old, member).is_none()) {
        comma(out);
        write_key(old, member, out);
        out.extend_from_slice(b"null");
    }
    let mut finder = Members::of(old, a.container);
    for member in new.children(b.container) {
        let origin = finder.find(new, member);
        let is_object =
            |document: &Document, node: Node| !node.is_scalar() && document.is_object(node.container);
        let both_objects = origin.filter(|&origin| is_object(old, origin) && is_object(new, member));
        if both_objects.is_none() && origin.is_some_and(|origin| equal(old, origin, new, member)) {
            continue;
        }
        let before = out.len();
        comma(out);
        write_key(new, member, out);
        let value = out.len();
        match both_objects {
            Some(origin) => {
                merge_objects(old, origin, new, member, out)?;
                if out.len() == value + 2 {
                    // Nothing in it changed.
                    out.truncate(before);
                }
            }
            None => write_value(new, member, out)?,
        }
    }
    out.push(b'}');
    Some(())
}

/// Writes a value that comes whole; none where merging it would lose a `null`.
fn write_value(document: &Document, node: Node, out: &mut Vec<u8>) -> Option<()> {
    if has_lost_null(document, node) {
        return None;
    }
    out.extend_from_slice(&crate::compact(document.span(node)));
    Some(())
}

/// Whether merging the value would drop a `null`: those that stand in objects, but for the insides of arrays.
fn has_lost_null(document: &Document, node: Node) -> bool {
    match document.kind(node) {
        b'n' => true,
        b'{' => document.children(node.container).any(|member| has_lost_null(document, member)),
        _ => false,
    }
}

fn write_key(document: &Document, member: Node, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(document.raw_key(member));
    out.extend_from_slice(b"\":");
}
