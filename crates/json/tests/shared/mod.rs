//! Documents as feeds have them, documents that are hostile, and how both go on: the one generator of this crate's
//! property tests and of the pairs that foreign libraries are given (`examples/pairs.rs`).
//!
//! What it makes suits machine floats and libraries that guard JavaScript's prototypes: no number beyond a float's
//! range, no member named `__proto__`, `constructor` or `prototype`.

// Boxed where a test would else hold all the parts of a strategy's state in one frame of its stack.
mod documents;
mod edits;
pub(crate) mod spelling;

use proptest::prelude::*;
use tidegate_json::Value;

use spelling::spell;

pub(crate) use documents::documents;

/// One version of a document.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) value: Value,
    /// The value in some spelling.
    pub(crate) text: String,
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A document and what it becomes, in `steps` steps. Each changes values, or only the spelling, or nothing.
pub(crate) fn chains(steps: impl Into<prop::collection::SizeRange>) -> BoxedStrategy<Vec<Version>> {
    let step = prop_oneof![
        6 => (edits::edits(1..4), Just(None)),
        2 => (edits::edits(4..12), Just(None)),
        1 => (edits::edits(0..3), spelling::spellings().prop_map(Some)),
    ];
    let steps = prop::collection::vec(step, steps);
    let chains = (documents(), spelling::spellings(), steps).prop_map(|(mut value, mut spelling, steps)| {
        let mut versions = vec![Version { text: spell(&value, spelling), value: value.clone() }];
        for (edits, another) in steps {
            edits.iter().for_each(|edit| edit.make(&mut value));
            spelling = another.unwrap_or(spelling);
            versions.push(Version { text: spell(&value, spelling), value: value.clone() });
        }
        versions
    });
    chains.boxed()
}

/// Two versions of a document, or two documents that have nothing to do with each other.
pub(crate) fn pairs() -> BoxedStrategy<(Version, Version)> {
    let versions = chains(1..=1).prop_map(|mut chain| {
        let new = chain.pop().expect("a step makes a version");
        (chain.pop().expect("a chain begins with a document"), new)
    });
    let stranger = || {
        let spelt = |(value, spelling)| Version { text: spell(&value, spelling), value };
        (documents(), spelling::spellings()).prop_map(spelt)
    };
    let strangers = (stranger(), stranger());
    prop_oneof![5 => versions, 1 => strangers].boxed()
}
