//! From two documents to what is to be sent, and what patches do: the crate's front.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::delta::{Delta, Shared};
use crate::diff::scalars::{self, Direction};
use crate::document::follow::Taken;
use crate::document::in_place::{self, Difference};
use crate::overlay::{Overlay, Refusal};
use crate::prove::{parse, prove, proves_in_place};
use crate::{
    ApplyError, Document, FieldControls, Identities, Op, ParseError, Patch, PatchError, Pointer, Unproven,
    Value, diff as differ, fields,
};

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

/// What came of a text that followed a document.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The text's document.
    pub document: Document,
    /// What leads there.
    pub change: Change,
    /// Whether the patch was proven, and how it failed if it was not right: then [`Advance::change`] is
    /// [`Change::Whole`], and this is a bug in this crate.
    pub unproven: Option<Box<Failed>>,
    made: Made,
}

/// How the next document was made of the old one.
#[derive(Debug, Clone)]
enum Made {
    /// By these scalars, which changed in place.
    InPlace(Vec<Difference>),
    /// By scanning, which found these parts to be equal.
    Scanned(Vec<Shared>),
}

impl Advance {
    /// How the text of `old`, the document that was advanced from, is made of the new one; none where keeping it whole
    /// takes no more memory.
    pub fn back(self, old: &Document) -> Option<Delta> {
        let shared = match self.made {
            Made::InPlace(differences) => in_place::shared(old, &differences),
            Made::Scanned(shared) => shared,
        };
        Delta::of(old.bytes(), self.document.bytes(), shared)
    }

    /// Whether the difference from `old`, the document that was advanced from, counts under these controls.
    ///
    /// Costs the places of the scalars that changed, or a walk over what the paths lead through, where all paths of the
    /// controls are local; else the trees of both documents.
    pub fn counts(&self, old: &Document, controls: &FieldControls) -> bool {
        if controls.is_none() {
            return self.change != Change::None;
        }
        if let Made::InPlace(differences) = &self.made
            && let Some(counts) = fields::any_counts(controls, old, self.document.bytes(), differences)
        {
            return counts;
        }
        if let Some(differ) = fields::differ(controls, old, &self.document) {
            return differ;
        }
        controls.counts(&old.to_value(), &self.document.to_value())
    }

    /// Keeps the patch only if it is proven.
    fn settle(&mut self, proof: impl Fn(&Bytes, &Document) -> Result<(), Unproven>) {
        let Change::Patch(patch) = &self.change else { return };
        if let Err(how) = proof(patch, &self.document) {
            self.unproven = Some(Box::new(Failed { patch: patch.clone(), how }));
            self.change = Change::Whole;
        }
    }
}

/// A patch that was made and did not stand its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The patch.
    pub patch: Bytes,
    /// What is wrong with it.
    pub how: Unproven,
}

/// What leads from `old` to `new`, not proven: [`prove`](crate::prove()) does that.
///
/// Costs about a comparison of bytes where scalars changed in place; else a walk over what differs, with n log n for the
/// elements of changed arrays. A few times the parsing of both documents;
/// some ten times for ones that are made to be slow.
///
/// ```
/// use tidegate_json::{Change, Document, Identities, MAX_DEPTH, diff};
/// let document = |text: &'static str| Document::parse(text, MAX_DEPTH);
/// let old = document(r#"[{"id":1,"last":101.1,"venue":"XNAS"},{"id":2,"last":7,"venue":"XLON"}]"#)?;
/// let new = document(r#"[{"id":1,"last":101.10,"venue":"XNAS"},{"id":2,"last":7,"venue":"XLON"}]"#)?;
/// let patch = r#"[{"op":"replace","path":"/0/last","value":101.10}]"#;
/// assert_eq!(diff(&old, &new, &Identities::default()), Change::Patch(patch.into()));
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn diff(old: &Document, new: &Document, identities: &Identities) -> Change {
    of_patch(patch_between(old, new, identities), new)
}

/// The patch from one document to another, `[]` for equal ones; perhaps longer than the new document.
fn patch_between(old: &Document, new: &Document, identities: &Identities) -> Bytes {
    match in_place::differences(old, new.bytes(), identities) {
        Some(found) => scalars::write(old, new.bytes(), &found, Direction::Forward),
        None => structural(old, new, None, identities),
    }
}

/// The document of `body`, a text that comes after `old`, and what leads there, proven.
///
/// Where only scalars changed in place, `body` is not parsed but compared with the old text; elsewhere what is equal is
/// compared and only the rest is parsed. `max_depth` is that of [`Document::parse`].
///
/// ```
/// use tidegate_json::{Change, Document, Identities, MAX_DEPTH, advance};
/// let old = Document::parse(r#"{"symbol":"ACME","last":101.1,"venue":"XNAS"}"#, MAX_DEPTH)?;
/// let same = r#"{"symbol":"ACME", "last":101.1, "venue":"XNAS"}"#;
/// assert_eq!(advance(&old, same.into(), MAX_DEPTH, &Identities::default())?.change, Change::None);
/// let old = Document::parse(r#"[{"id":1,"last":101.1,"venue":"XNAS"},{"id":2,"last":7,"venue":"XLON"}]"#, MAX_DEPTH)?;
/// let body = r#"[{"id":1,"last":101.10,"venue":"XNAS"},{"id":2,"last":7,"venue":"XLON"}]"#;
/// let step = advance(&old, body.into(), MAX_DEPTH, &Identities::default())?;
/// assert_eq!(step.change, Change::Patch(r#"[{"op":"replace","path":"/0/last","value":101.10}]"#.into()));
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn advance(
    old: &Document,
    body: Bytes,
    max_depth: usize,
    identities: &Identities,
) -> Result<Advance, ParseError> {
    let mut advance = advance_unproven(old, body, max_depth, identities)?;
    advance.settle(|patch, new| prove(old, patch, new));
    Ok(advance)
}

/// The same without the proof: for measuring what the proof costs.
#[doc(hidden)]
pub fn advance_unproven(
    old: &Document,
    body: Bytes,
    max_depth: usize,
    identities: &Identities,
) -> Result<Advance, ParseError> {
    let found =
        if old.nests_within(max_depth) { in_place::differences(old, &body, identities) } else { None };
    let Some(found) = found else {
        let (document, taken) = Document::following(old, body, max_depth)?;
        let made = Made::Scanned(taken.iter().map(|it| it.shared).collect());
        let change = of_patch(structural(old, &document, Some(taken), identities), &document);
        return Ok(Advance { document, change, unproven: None, made });
    };
    let document = in_place::follow_up(old, body, &found);
    let patch = scalars::write(old, document.bytes(), &found, Direction::Forward);
    let change = of_patch(patch, &document);
    Ok(Advance { document, change, unproven: None, made: Made::InPlace(found) })
}

/// What leads from the text `old`, which is no document yet, to the document `new`, proven: for a reader that stands
/// some versions back. `old` must have been a document once.
pub fn advance_to(
    old: &Bytes,
    new: &Document,
    max_depth: usize,
    identities: &Identities,
) -> Result<Advance, ParseError> {
    if new.nests_within(max_depth)
        && let Some(found) = in_place::differences(new, old, identities)
    {
        let change = of_patch(scalars::write(new, old, &found, Direction::Backward), new);
        let proven = match &change {
            Change::Patch(patch) => proves_in_place(new, old, patch, false),
            Change::None | Change::Whole => true,
        };
        if proven {
            return Ok(Advance {
                document: new.clone(),
                change,
                unproven: None,
                made: Made::Scanned(Vec::new()),
            });
        }
    }
    let old = Document::parse_like(new, old.clone(), max_depth)?;
    let change = diff(&old, new, identities);
    let mut advance =
        Advance { document: new.clone(), change, unproven: None, made: Made::Scanned(Vec::new()) };
    advance.settle(|patch, new| prove(&old, patch, new));
    Ok(advance)
}

/// `taken` is what `new` was found to have of `old` when it was scanned, if it was scanned beside it.
fn structural(old: &Document, new: &Document, taken: Option<Vec<Taken>>, identities: &Identities) -> Bytes {
    let (from, to) = (compacted(old), compacted(new));
    let as_scanned = matches!((&from, &to), (Cow::Borrowed(_), Cow::Borrowed(_)));
    if let (true, Some(taken)) = (as_scanned, taken) {
        return differ::patch(old, new, taken, identities);
    }
    // Both are documents already: that they are compared once more finds what they share.
    match Document::following(&from, to.body().clone(), usize::MAX) {
        Ok((to, taken)) => differ::patch(&from, &to, taken, identities),
        Err(_) => differ::patch(&from, &to, Vec::new(), identities),
    }
}

/// Patches carry values without white space, and weigh them so.
fn compacted(document: &Document) -> Cow<'_, Document> {
    if document.is_compact() {
        return Cow::Borrowed(document);
    }
    // What is taken out of a document changes neither its grammar nor its depth.
    match Document::parse(document.text(), usize::MAX) {
        Ok(compact) => Cow::Owned(compact),
        Err(_) => Cow::Borrowed(document),
    }
}

fn of_patch(patch: Bytes, new: &Document) -> Change {
    if patch.len() == 2 {
        Change::None
    } else if patch.len() < new.text_len() {
        Change::Patch(patch)
    } else {
        Change::Whole
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

impl fmt::Display for ApplyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyTextError::Patch(error) => write!(f, "not a patch: {error}"),
            ApplyTextError::Apply(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ApplyTextError {}

impl From<Refusal> for ApplyTextError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Patch(error) => ApplyTextError::Patch(error),
            Refusal::Apply(error) => ApplyTextError::Apply(error),
        }
    }
}

/// The document after a patch: RFC 6902, whole or not at all.
///
/// Costs the operations' ways, a copy of the text and a scan of what changed in it.
///
/// ```
/// use tidegate_json::{Document, MAX_DEPTH, apply};
/// let document = Document::parse(r#"{"last":101.1}"#, MAX_DEPTH)?;
/// let patched = apply(&document, br#"[{"op":"replace","path":"/last","value":101.10}]"#).unwrap();
/// assert_eq!(patched.text(), r#"{"last":101.10}"#);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn apply(document: &Document, patch: &[u8]) -> Result<Document, ApplyTextError> {
    let patch = parse(patch).map_err(|error| ApplyTextError::Patch(error.into()))?;
    let text = Overlay::of(document, &patch)?.to_text();
    // Operations keep to the depth that is allowed, and to one member of a name.
    Document::parse_like(document, text, usize::MAX).map_err(|error| ApplyTextError::Patch(error.into()))
}

/// One patch with the net effect of several, the first of which applies to `document`. Never longer than the
/// operations of all of them one after another.
///
/// ```
/// use tidegate_json::{Document, Identities, MAX_DEPTH, compose};
/// let document = Document::parse(r#"{"last":101.1,"venue":"XNAS"}"#, MAX_DEPTH)?;
/// let first = br#"[{"op":"replace","path":"/last","value":7}]"#;
/// let second = br#"[{"op":"replace","path":"/last","value":8.50}]"#;
/// let both = compose(&document, &[first, second], &Identities::default()).unwrap();
/// assert_eq!(both, r#"[{"op":"replace","path":"/last","value":8.50}]"#);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn compose(
    document: &Document,
    patches: &[&[u8]],
    identities: &Identities,
) -> Result<Bytes, ApplyTextError> {
    let mut last = document.clone();
    for patch in patches {
        last = apply(&last, patch)?;
    }
    let composed = patch_between(document, &last, identities);
    let proven = prove(document, &composed, &last).is_ok();
    let joined = concatenate(patches);
    // What was applied step by step is right as it stands.
    Ok(if proven && composed.len() <= joined.len() { composed } else { joined })
}

/// The operations of several patches one after another, as one patch.
pub fn concatenate<T: AsRef<[u8]>>(patches: &[T]) -> Bytes {
    let mut joined = vec![b'['];
    for patch in patches {
        let operations = crate::compact(patch.as_ref());
        // Without the brackets.
        let operations = operations.get(1..operations.len().saturating_sub(1)).unwrap_or_default();
        if joined.len() > 1 && !operations.is_empty() {
            joined.push(b',');
        }
        joined.extend_from_slice(operations);
    }
    joined.push(b']');
    Bytes::from(joined)
}

/// A patch between two trees, for those who hold no texts: `patched(old, &tree_diff(old, new))` equals `new`.
///
/// Costs writing and scanning both.
pub fn tree_diff(old: &Value, new: &Value) -> Patch {
    let document = |value: &Value| Document::parse(value.to_text(), usize::MAX);
    let replaced = || Patch(vec![Op::Replace { path: Pointer::root(), value: new.clone() }]);
    let (Ok(from), Ok(to)) = (document(old), document(new)) else { return replaced() };
    match diff(&from, &to, &Identities::default()) {
        Change::None => Patch::default(),
        Change::Patch(patch) if prove(&from, &patch, &to).is_ok() => {
            Patch::parse(&patch).unwrap_or_else(|_| replaced())
        }
        Change::Patch(_) | Change::Whole => replaced(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_DEPTH;

    #[test]
    fn a_patch_that_does_not_stand_its_proof_is_not_offered() {
        let document = |text: &'static str| Document::parse(text, MAX_DEPTH).expect("a document");
        let (old, new) = (document("[1,2]"), document("[1,3]"));
        for (patch, how) in [
            (r#"[{"op":"replace","path":"/1","value":4}]"#, Some("it gives another document")),
            (r#"[{"op":"replace","path":"/1","value":3.0}]"#, Some("it gives another document")),
            (r#"[{"op":"remove","path":"/2"}]"#, Some("operation 0: index out of range in \"/2\"")),
            ("[", Some("not a patch: unexpected end at line 1, column 2")),
            (r#"[{"op":"replace","path":"/1","value":3}]"#, None),
            (r#"[{"op":"remove","path":"/1"},{"op":"add","path":"/-","value":3}]"#, None),
        ] {
            let change = Change::Patch(Bytes::from_static(patch.as_bytes()));
            let made = Made::Scanned(Vec::new());
            let mut advance = Advance { document: new.clone(), change: change.clone(), unproven: None, made };
            advance.settle(|patch, new| prove(&old, patch, new));
            let failed = advance.unproven.as_ref().map(|failed| failed.how.to_string());
            assert_eq!(failed.as_deref(), how, "{patch}");
            assert_eq!(advance.change, if how.is_some() { Change::Whole } else { change }, "{patch}");
        }
    }

    #[test]
    fn patches_one_after_another_are_one() {
        for (patches, joined) in [
            (&[][..], "[]"),
            (&["[]", "[]"], "[]"),
            (&["[]", r#"[{"a":1}]"#, "[ ]", r#"[ {"b":2}, {"c":3} ]"#], r#"[{"a":1},{"b":2},{"c":3}]"#),
        ] {
            assert_eq!(concatenate(patches), joined);
        }
    }
}
