//! What a merge patch does to a text (RFC 7396 §2).
//!
//! It reads the patch's text and follows the RFC's steps; nothing of what makes merge patches is in it, so that it can
//! prove them.

use std::borrow::Cow;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::document::Document;
use crate::document::tape::Node;
use crate::{MAX_DEPTH, ParseError, compact};

/// The document after a merge patch (RFC 7396 §2). What the patch does not name keeps its text; members that it changes
/// keep their places, and new ones come behind the others, in the patch's order.
///
/// The patch is held to what a document is held to: an object in it that has a key twice is refused, as is a nesting
/// deeper than [`MAX_DEPTH`].
///
/// Costs a scan of the patch, a walk over the objects that it leads into, a copy of the text and a comparison with it.
///
/// ```
/// use tidegate_json::{Document, MAX_DEPTH, apply_merge};
/// let document = Document::parse(r#"{"a":1.10,"b":{"c":[1],"d":2},"e":3}"#, MAX_DEPTH)?;
/// let merged = apply_merge(&document, br#"{"f":0,"b":{"c":[null],"d":null},"e":{"g":null}}"#)?;
/// assert_eq!(merged.text(), r#"{"a":1.10,"b":{"c":[null]},"e":{},"f":0}"#);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn apply_merge(document: &Document, patch: &[u8]) -> Result<Document, ParseError> {
    // Where both nest within their limits, what comes of them does.
    Document::parse_like(document, merged_text(document, patch)?, usize::MAX)
}

/// Proves that a merge patch turns `old` into `new`: same number texts, members in any order.
pub(super) fn proves(old: &Document, patch: &[u8], new: &Document) -> bool {
    let Ok(text) = merged_text(old, patch) else { return false };
    let is_new = |it: Document| it == *new;
    text == new.text() || Document::parse_like(new, text, usize::MAX).is_ok_and(is_new)
}

/// The text of what comes of it, without white space.
fn merged_text(document: &Document, patch: &[u8]) -> Result<Bytes, ParseError> {
    let patch = Document::parse(Bytes::copy_from_slice(patch), MAX_DEPTH)?;
    let mut merger = Merger { document, patch: &patch, out: Vec::with_capacity(document.text_len()) };
    merger.merge(Some(document.root()), patch.root());
    Ok(merger.out.into())
}

struct Merger<'a> {
    document: &'a Document,
    patch: &'a Document,
    out: Vec<u8>,
}

impl Merger<'_> {
    /// Writes what comes of the value at `target` of the document by the one at `patch` of the patch. Recurses over
    /// the patch's nesting.
    fn merge(&mut self, target: Option<Node>, patch: Node) {
        let (document, patches) = (self.document, self.patch);
        if patches.kind(patch) != b'{' {
            self.out.extend_from_slice(&compact(patches.span(patch)));
            return;
        }
        // By name; none for those that were made.
        let mut changes: IndexMap<Cow<'_, str>, Option<Node>> =
            patches.children(patch.container).map(|member| (patches.key(member), Some(member))).collect();
        self.out.push(b'{');
        let first = self.out.len();
        // A target that is no object counts as an empty one.
        let target = target.filter(|&target| document.kind(target) == b'{');
        for member in target.into_iter().flat_map(|target| document.children(target.container)) {
            match changes.get_mut(&document.key(member)).and_then(Option::take) {
                None => {
                    self.key(first, document.raw_key(member));
                    self.keep(member);
                }
                Some(change) if patches.kind(change) == b'n' => {}
                Some(change) => {
                    self.key(first, document.raw_key(member));
                    self.merge(Some(member), change);
                }
            }
        }
        for change in changes.into_values().flatten().filter(|&change| patches.kind(change) != b'n') {
            self.key(first, patches.raw_key(change));
            self.merge(None, change);
        }
        self.out.push(b'}');
    }

    /// Writes a value of the document as it is.
    fn keep(&mut self, node: Node) {
        let text = self.document.span(node);
        if self.document.is_compact() {
            self.out.extend_from_slice(text);
        } else {
            self.out.extend_from_slice(&compact(text));
        }
    }

    /// Writes a key as it stands in its text, in the object whose inside began at `first`.
    fn key(&mut self, first: usize, raw: &[u8]) {
        if self.out.len() > first {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(raw);
        self.out.extend_from_slice(b"\":");
    }
}
