//! Filters (RFC 9535 §2.3.5), asked of the children of one array or object at a time.
//!
//! The library decides what passes. It is given nothing but those children (and the whole document, where a filter looks
//! there), so that it does no more than was counted; and only filters whose cost is about the size of what they are
//! asked of.

use std::ops::Range;

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use crate::Document;
use crate::document::tape::Node;
use crate::path::evaluate::copy_number;
use crate::path::syntax::{Fault, for_library};

use super::reading::{FILTER, read};

/// A filter that can be asked.
pub(super) struct Filter {
    /// Selects, in an object with the children as the array `c` and the document as `r`, the children that pass.
    query: JsonPath,
    asks_root: bool,
    /// The only members of the children that it looks at; none where it looks at more.
    names: Option<Vec<String>>,
    /// How many steps it is taken to cost for each value that it is given: making the library's value of it, and looking
    /// at it, which only part of a usual filter does.
    pub(super) weight: usize,
}

impl Filter {
    /// The filter that stands at this place of a path.
    pub(super) fn new(path: &str, place: Range<usize>) -> Result<Filter, Fault> {
        let start = place.start;
        let own = &path[place];
        let reading = read(own).map_err(|fault| Fault { offset: start + fault.offset, ..fault })?;
        let refused = |_| Fault { offset: start, expected: FILTER };
        let text = format!("$.c[{}]", reading.text);
        let text = for_library(&text)?;
        let query = JsonPath::parse(&text).map_err(refused)?;
        Ok(Filter { query, asks_root: reading.asks_root, names: reading.names, weight: 4 + own.len() / 16 })
    }

    /// Sets the scope for the children of a container; says how many values it was given.
    pub(super) fn ask(&self, document: &Document, container: u32, scope: &mut Scope) -> usize {
        let mut values = 0;
        if self.asks_root && !scope.has_root {
            scope.set("r", copy(document, document.root(), &mut values));
            scope.has_root = true;
        }
        let children = document.children(container);
        let children = children.map(|child| self.copy_child(document, child, &mut values)).collect();
        scope.set("c", children);
        values
    }

    /// A child as far as the filter looks at it.
    fn copy_child(&self, document: &Document, child: Node, values: &mut usize) -> Value {
        let Some(names) = &self.names else { return copy(document, child, values) };
        *values += 1;
        if document.kind(child) != b'{' {
            // It has no members.
            return Value::Null;
        }
        let mut members = serde_json::Map::new();
        for member in document.children(child.container) {
            if let Some(name) = names.iter().find(|name| document.has_key(member, name)) {
                members.insert(name.clone(), copy(document, member, values));
            }
        }
        Value::Object(members)
    }

    /// The places of the children that pass, in order: of those that the scope was set for.
    pub(super) fn passing(&self, scope: &Scope) -> Vec<usize> {
        let located = self.query.query_located(&scope.value);
        let places = located.locations().filter_map(|location| match location.iter().next_back() {
            Some(PathElement::Index(index)) => Some(*index),
            _ => None,
        });
        places.collect()
    }
}

/// What filters are asked in.
pub(super) struct Scope {
    value: Value,
    has_root: bool,
}

impl Scope {
    pub(super) fn new() -> Scope {
        Scope { value: Value::Object(Default::default()), has_root: false }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.value[name] = value;
    }
}

/// The value at a node as the library has values, which are counted. Recurses as deep as the document nests.
fn copy(document: &Document, node: Node, values: &mut usize) -> Value {
    *values += 1;
    match document.kind(node) {
        b'"' => Value::String(document.string(node).into_owned()),
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'n' => Value::Null,
        b'{' => {
            let members = document.children(node.container);
            members.map(|it| (document.key(it).into_owned(), copy(document, it, values))).collect()
        }
        b'[' => document.children(node.container).map(|it| copy(document, it, values)).collect(),
        // Numbers are ASCII.
        _ => copy_number(&String::from_utf8_lossy(document.span(node))),
    }
}
