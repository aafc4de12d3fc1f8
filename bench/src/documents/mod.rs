//! The documents: what they are made of, where their rows are, and which of their values tick.

mod feeds;
mod market;
mod plain;

use crate::node::Node;
use crate::random::Random;

/// A document's kind: how it is built and what in it changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// What tables call it.
    pub(crate) name: &'static str,
    /// Its size in bytes, about: what the tests hold it to within a tenth.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the tests compare it"))]
    pub(crate) about_bytes: usize,
    /// Builds one.
    pub(crate) build: fn(&mut Random) -> Node,
    /// The paths of its arrays of rows; changes of structure act on the first one. Empty: it has no rows.
    pub(crate) rows: &'static [&'static [&'static str]],
    /// The paths inside a row of what changes when the row does.
    pub(crate) ticking: &'static [&'static [&'static str]],
    /// The names (or indices) inside a row of what never changes.
    pub(crate) fixed: &'static [&'static str],
    /// A member of the root that changes whenever more than one value does.
    pub(crate) stamp: Option<&'static str>,
    /// Makes a row that was not there before.
    pub(crate) row: fn(&mut Random) -> Node,
}

/// All documents, the smaller ones of a kind first.
pub(crate) const KINDS: &[Kind] = &[
    market::QUOTES_90K,
    market::QUOTES,
    market::ORDER_BOOK,
    feeds::EVENTS,
    plain::CONFIG,
    plain::NUMBERS,
    plain::STRINGS,
    feeds::RECORDS,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn each_number(node: &Node, check: &mut dyn FnMut(&str)) {
        match node {
            Node::Number(text) => check(text),
            Node::Array(elements) => elements.iter().for_each(|element| each_number(element, check)),
            Node::Object(members) => members.iter().for_each(|(_, value)| each_number(value, check)),
            _ => {}
        }
    }

    #[test]
    fn documents_have_their_sizes_and_their_rows() {
        for kind in KINDS {
            let mut node = (kind.build)(&mut Random::named(kind.name));
            let size = node.to_text().len();
            assert!(size.abs_diff(kind.about_bytes) <= kind.about_bytes / 10, "{}: {size} bytes", kind.name);
            for rows in kind.rows {
                let rows = node.at_mut(rows).and_then(Node::elements_mut).expect(kind.name);
                assert!(rows.len() >= 30, "{}: {} rows", kind.name, rows.len());
                for path in kind.ticking {
                    assert!(rows[0].at_mut(path).is_some(), "{}: {path:?}", kind.name);
                }
            }
        }
    }

    #[test]
    fn documents_are_the_same_in_every_run() {
        for kind in KINDS {
            let build = || (kind.build)(&mut Random::named(kind.name));
            assert!(build() == build(), "{}", kind.name);
        }
    }

    #[test]
    fn documents_are_json_whose_numbers_survive_other_parsers() {
        for kind in KINDS {
            let node = (kind.build)(&mut Random::named(kind.name));
            assert!(serde_json::from_str::<serde_json::Value>(&node.to_text()).is_ok(), "{}", kind.name);
            each_number(&node, &mut |text| {
                let value: serde_json::Value = serde_json::from_str(text).expect("a number");
                assert_eq!(value.to_string(), text, "{}", kind.name);
                assert!(text.bytes().filter(u8::is_ascii_digit).count() <= 15, "{}: {text}", kind.name);
            });
        }
    }
}
