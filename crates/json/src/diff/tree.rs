//! A document with the size and the hash of every value in it, from one pass.
//!
//! Hashes only propose: two values count as the same after they were compared.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::Value;
use crate::write::{string_len, write};

/// A value with what the diff asks about it again and again.
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    /// The bytes of its compact text.
    pub(crate) len: usize,
    /// Equal values have equal hashes. The keys of the hash are fixed, so that diffs are reproducible.
    pub(crate) hash: u64,
    /// The elements, or the members' values in the members' order.
    pub(crate) children: Vec<Node<'a>>,
}

impl<'a> Node<'a> {
    pub(crate) fn of(value: &'a Value) -> Node<'a> {
        match value {
            Value::Array(elements) => Node::of_array(value, elements),
            Value::Object(members) => {
                let children: Vec<_> = members.values().map(Node::of).collect();
                Node::of_object(value, children)
            }
            scalar => Node::of_scalar(scalar),
        }
    }

    fn of_array(value: &'a Value, elements: &'a [Value]) -> Node<'a> {
        let children: Vec<_> = elements.iter().map(Node::of).collect();
        let hash = hash(|hasher| {
            hasher.write_u8(4);
            children.iter().for_each(|child| hasher.write_u64(child.hash));
        });
        let commas = children.len().saturating_sub(1);
        let len = 2 + commas + children.iter().map(|child| child.len).sum::<usize>();
        Node { value, len, hash, children }
    }

    fn of_object(value: &'a Value, children: Vec<Node<'a>>) -> Node<'a> {
        let names = value.as_object().into_iter().flat_map(|members| members.keys());
        let (mut len, mut sum) = (2 + children.len().saturating_sub(1), 0u64);
        for (name, child) in names.zip(&children) {
            len += string_len(name) + 1 + child.len;
            // A sum, because the order of members has no meaning.
            sum = sum.wrapping_add(hash(|hasher| (name, child.hash).hash(hasher)));
        }
        Node { value, len, hash: hash(|hasher| (5u8, sum).hash(hasher)), children }
    }

    fn of_scalar(value: &'a Value) -> Node<'a> {
        let mut len = 0;
        write(&mut len, value);
        let hash = hash(|hasher| match value {
            Value::Bool(bool) => (1u8, bool).hash(hasher),
            Value::Number(number) => (2u8, number).hash(hasher),
            Value::String(text) => (3u8, text).hash(hasher),
            _ => hasher.write_u8(0),
        });
        Node { value, len, hash, children: Vec::new() }
    }

    /// Whether the values are equal. Costs nothing when they are not, but for a collision.
    pub(crate) fn same(&self, other: &Node<'_>) -> bool {
        self.hash == other.hash && self.value == other.value
    }

    /// An object's members with their names, in their order; none for other values.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a str, &Node<'a>)> {
        let names = self.value.as_object().into_iter().flat_map(|members| members.keys());
        names.map(String::as_str).zip(&self.children)
    }

    /// An object's member of this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Node<'a>> {
        self.children.get(self.value.as_object()?.get_index_of(name)?)
    }
}

fn hash(feed: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_DEPTH, parse};

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_collision_is_not_equality() {
        let (one, two) = (value("[1]"), value("[2]"));
        let one = Node::of(&one);
        let collision = Node { hash: one.hash, ..Node::of(&two) };
        assert!(!one.same(&collision));
    }

    #[test]
    fn hashes_tell_values_apart_and_ignore_the_order_of_members() {
        let equal = [r#"{"a":1,"b":[true]}"#, r#"{"b":[true],"a":1}"#].map(value);
        assert!(Node::of(&equal[0]).same(&Node::of(&equal[1])));
        let texts = [
            "null",
            "true",
            "false",
            "1",
            "1.0",
            r#""1""#,
            r#""""#,
            "[]",
            "{}",
            "[null]",
            "[[]]",
            "[1,2]",
            "[2,1]",
            r#"{"a":1}"#,
            r#"{"b":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":1}"#,
        ];
        let values = texts.map(value);
        let hashes: std::collections::HashSet<u64> =
            values.iter().map(|value| Node::of(value).hash).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn the_length_is_that_of_the_text() {
        for text in ["[]", "{}", "[1.10,[],{}]", "{\"a\":\"\\u0000é\",\"\\\"\":{\"b\":[null,false]}}"] {
            assert_eq!(Node::of(&value(text)).len, text.len(), "{text}");
        }
    }
}
