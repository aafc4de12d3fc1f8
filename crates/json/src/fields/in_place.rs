//! Field controls decided from where scalars changed, without a tree.

use super::FieldControls;
use super::reach::{OwnStep, Reach, covers};
use crate::document::Document;
use crate::document::in_place::Difference;
use crate::document::tape::NONE;
use crate::document::walk::Walker;
use crate::strings;

/// Whether any of the scalars that changed in place counts; none where that takes more than their places.
///
/// `indexed` is the document that was sent last, `other` the text that has the same structure. Costs a step of each path
/// for each container with such scalars and for each of them.
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
        payload => Walker::new(indexed).find(payload).map(|node| indexed.extent(node)),
    };
    let mut way = Way { controls, indexed, levels: Vec::new() };
    for it in differences.iter().filter(|it| !it.is_same) {
        if payload.is_some_and(|(first, last)| it.entry < first || it.entry > last) {
            continue;
        }
        let at = way.at(it);
        let start = indexed.tape().starts[it.entry as usize] as usize;
        let old = &indexed.bytes()[start..it.end as usize];
        let new = &other[it.other.0 as usize..it.other.1 as usize];
        let tolerated = || at.tolerance(controls).is_some_and(|tolerance| covers(tolerance, old, new));
        if !at.ignored && !tolerated() {
            return Some(true);
        }
    }
    Some(false)
}

/// The containers around the scalar that is being looked at, with how far the paths have come there.
struct Way<'a> {
    controls: &'a FieldControls,
    indexed: &'a Document,
    levels: Vec<(u32, Reach)>,
}

impl Way<'_> {
    fn at(&mut self, it: &Difference) -> Reach {
        if it.container == NONE {
            return Reach::at_root(self.controls);
        }
        self.go_to(it.container);
        let step = self.step(it.container, it.entry, it.ordinal);
        match self.levels.last() {
            Some((_, reach)) => reach.below(self.controls, step.as_step()),
            None => Reach::at_root(self.controls),
        }
    }

    fn go_to(&mut self, target: u32) {
        let containers = &self.indexed.tape().containers;
        let inner = containers[target as usize];
        self.levels.retain(|(container, _)| {
            let it = containers[*container as usize];
            it.open <= inner.open && inner.close <= it.close
        });
        let around = self.levels.last().map(|(container, _)| *container);
        let mut missing = Vec::new();
        let mut container = target;
        while Some(container) != around && container != NONE {
            missing.push(container);
            container = containers[container as usize].parent;
        }
        for container in missing.into_iter().rev() {
            let it = containers[container as usize];
            let reach = match self.levels.last() {
                Some((outer, reach)) => {
                    let step = self.step(*outer, it.open, it.ordinal);
                    reach.below(self.controls, step.as_step())
                }
                None => Reach::at_root(self.controls),
            };
            self.levels.push((container, reach));
        }
    }

    fn step(&self, container: u32, entry: u32, ordinal: u32) -> OwnStep<'_> {
        if !self.indexed.is_object(container) {
            return OwnStep::Index(ordinal as usize);
        }
        let start = self.indexed.tape().starts[entry as usize] as usize;
        OwnStep::Name(strings::decode(self.indexed.raw_key_before(start)))
    }
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
