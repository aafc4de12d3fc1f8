//! A case: a document, a change, and the texts before and after it.

use bytes::Bytes;

use crate::changes::{CHANGES, Change};
use crate::documents::{KINDS, Kind};
use crate::node::Node;
use crate::random::Random;

/// How many changes in a row `compose` gets.
pub(crate) const SUCCESSIVE: usize = 5;

/// A document and a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// The document's kind.
    pub(crate) kind: &'static Kind,
    /// What happens to it.
    pub(crate) change: Change,
}

/// The texts of a case.
#[derive(Debug)]
pub(crate) struct Texts {
    /// What the API answered first.
    pub(crate) before: Bytes,
    /// What it answered next, and after each further change of the same sort: [`SUCCESSIVE`] texts.
    pub(crate) after: Vec<Bytes>,
}

/// All cases in the order of tables. `filter` keeps those whose name contains it.
pub(crate) fn all(filter: Option<&str>) -> Vec<Case> {
    KINDS
        .iter()
        .flat_map(|kind| CHANGES.iter().map(move |&change| Case { kind, change }))
        .filter(|case| filter.is_none_or(|filter| case.name().contains(filter)))
        .filter(|case| !(case.kind.rows.is_empty() && case.change == Change::Reversed))
        .collect()
}

impl Case {
    /// The document's name and the change's.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.kind.name, self.change.name())
    }

    /// Builds the texts: always the same for a case, whichever others are built.
    pub(crate) fn texts(&self) -> Texts {
        let before = (self.kind.build)(&mut Random::named(self.kind.name));
        let mut random = Random::named(&self.name());
        let text = |node: &Node| Bytes::from(node.to_text());
        let mut texts = Texts { before: text(&before), after: Vec::new() };
        let mut node = before;
        for _ in 0..SUCCESSIVE {
            node = self.change.after(self.kind, &node, &mut random).expect("cases have a meaning");
            texts.after.push(text(&node));
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_texts_and_a_name_of_its_own() {
        let cases = all(None);
        let names: std::collections::BTreeSet<_> = cases.iter().map(Case::name).collect();
        assert_eq!(names.len(), cases.len());
        assert_eq!(cases.len(), KINDS.len() * CHANGES.len() - 1);
        for case in cases.iter().filter(|case| case.kind.about_bytes < 1_000_000) {
            let texts = case.texts();
            assert_eq!(texts.after.len(), SUCCESSIVE);
            assert_eq!(texts.before == texts.after[0], case.change == Change::None, "{}", case.name());
        }
    }
}
