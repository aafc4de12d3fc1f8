//! Field controls decided from where scalars changed, without a tree.

use super::FieldControls;
use crate::document::Document;
use crate::document::in_place::Difference;
use crate::document::tape::NONE;
use crate::{Number, Step};

/// Whether any of the scalars that changed in place counts; none where that takes more than their places.
///
/// `indexed` is the document that was sent last, `other` the text that has the same structure.
pub(crate) fn any_counts(
    controls: &FieldControls,
    indexed: &Document,
    other: &[u8],
    differences: &[Difference],
) -> Option<bool> {
    if !controls.is_local() {
        return None;
    }
    let payload = match controls.payload() {
        root if root.is_root() => None,
        // Without a payload the whole documents are compared; both have it or neither, because the structure is equal.
        payload => crate::prove::find(indexed, payload).map(|node| indexed.extent(node)),
    };
    for it in differences.iter().filter(|it| !it.is_same) {
        if payload.is_some_and(|(first, last)| it.entry < first || it.entry > last) {
            continue;
        }
        let names = names(indexed, it);
        let location = || names.iter().rev().map(Name::step);
        if controls.ignores(location())? || is_tolerated(controls, location(), indexed, other, it)? {
            continue;
        }
        return Some(true);
    }
    Some(false)
}

/// A step whose name is its own.
enum Name<'a> {
    Member(std::borrow::Cow<'a, str>),
    Element(usize),
}

impl Name<'_> {
    fn step(&self) -> Step<'_> {
        match self {
            Name::Member(name) => Step::Name(name),
            Name::Element(index) => Step::Index(*index),
        }
    }
}

/// The steps from a scalar up to the root.
fn names<'a>(indexed: &'a Document, it: &Difference) -> Vec<Name<'a>> {
    let tape = indexed.tape();
    let mut names = Vec::new();
    let (mut entry, mut container, mut ordinal) = (it.entry, it.container, it.ordinal);
    while container != NONE {
        names.push(if indexed.is_object(container) {
            let start = tape.starts[entry as usize] as usize;
            Name::Member(crate::strings::decode(indexed.raw_key_before(start)))
        } else {
            Name::Element(ordinal as usize)
        });
        let it = &tape.containers[container as usize];
        (entry, ordinal, container) = (it.open, it.ordinal, it.parent);
    }
    names
}

fn is_tolerated<'a>(
    controls: &FieldControls,
    location: impl IntoIterator<Item = Step<'a>> + Clone,
    indexed: &Document,
    other: &[u8],
    it: &Difference,
) -> Option<bool> {
    let Some(tolerance) = controls.tolerance(location)? else { return Some(false) };
    let start = indexed.tape().starts[it.entry as usize] as usize;
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<Number>().ok();
    let old = number(&indexed.bytes()[start..it.end as usize]);
    let new = number(&other[it.other.0 as usize..it.other.1 as usize]);
    Some(old.zip(new).is_some_and(|(old, new)| tolerance.covers(&old, &new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identities, JsonPath, MAX_DEPTH, Pointer, Tolerance, advance};

    fn controls(payload: &str, ignored: &[&str], tolerances: &[(&str, f64)]) -> FieldControls {
        let path = |text: &&str| JsonPath::parse(text).expect("a path");
        let tolerances = tolerances.iter().map(|(text, most)| (path(text), Tolerance::new(*most).unwrap()));
        let payload = Pointer::parse(payload).expect("a pointer");
        FieldControls::new(payload, ignored.iter().map(path).collect(), tolerances.collect())
    }

    #[test]
    fn places_decide_like_trees() {
        let old =
            r#"{"meta":{"at":1,"took":2.5},"rows":[{"id":7,"last":1.10,"at":5},{"id":8,"last":2,"at":6}]}"#;
        for (controls, edits, counts) in [
            (controls("/rows", &[], &[]), &[("\"took\":2.5", "\"took\":9")][..], false),
            (controls("/rows", &[], &[]), &[("\"last\":2", "\"last\":3")], true),
            (controls("/nothing", &[], &[]), &[("\"took\":2.5", "\"took\":9")], true),
            (controls("/rows/1", &[], &[]), &[("\"last\":1.10", "\"last\":3")], false),
            (controls("", &["$..at"], &[]), &[("\"at\":5", "\"at\":50"), ("\"at\":1", "\"at\":11")], false),
            (controls("", &["$.meta"], &[]), &[("\"at\":5", "\"at\":50"), ("\"at\":1", "\"at\":11")], true),
            (controls("", &["$.rows[*].last"], &[]), &[("\"last\":2", "\"last\":null")], false),
            (
                controls("", &[], &[("$.rows[*].last", 0.5)]),
                &[("1.10", "1.60"), ("\"last\":2", "\"last\":1.5")],
                false,
            ),
            (controls("", &[], &[("$.rows[*].last", 0.5)]), &[("\"last\":1.10", "\"last\":1.61")], true),
            (controls("", &[], &[("$.rows[*].last", 0.5)]), &[("\"last\":1.10", "\"last\":\"1.10\"")], true),
            (
                controls("/rows", &["$.rows[0].at"], &[]),
                &[("\"at\":5", "\"at\":50"), ("\"at\":1", "\"at\":11")],
                false,
            ),
        ] {
            let new = edits.iter().fold(old.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
            let document = crate::Document::parse(old, MAX_DEPTH).expect("a document");
            let advance = advance(&document, new.clone().into(), MAX_DEPTH, &Identities::default()).unwrap();
            let decided = any_counts(
                &controls,
                &document,
                new.as_bytes(),
                &crate::document::in_place::differences(&document, new.as_bytes(), &Identities::default())
                    .unwrap_or_else(|| panic!("{new}")),
            );
            assert_eq!(decided, Some(counts), "{new}");
            assert_eq!(advance.counts(&document, &controls), counts, "{new}");
            assert_eq!(controls.counts(&document.to_value(), &advance.document.to_value()), counts, "{new}");
        }
    }

    #[test]
    fn what_takes_the_document_is_left_to_the_tree() {
        let document = crate::Document::parse("[1,2]", MAX_DEPTH).expect("a document");
        let found =
            crate::document::in_place::differences(&document, b"[1,3]", &Identities::default()).unwrap();
        assert_eq!(any_counts(&controls("", &["$[-1]"], &[]), &document, b"[1,3]", &found), None);
        let advance = advance(&document, "[1,3]".into(), MAX_DEPTH, &Identities::default()).unwrap();
        assert!(!advance.counts(&document, &controls("", &["$[-1]"], &[])));
        assert!(advance.counts(&document, &FieldControls::default()));
    }
}
