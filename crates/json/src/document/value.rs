//! The tree of a text.

use super::Document;
use super::tape::Node;
use crate::{Number, Object, Value, strings};

/// The value at a node. Recurses as deep as the text nests.
pub(super) fn value_of(document: &Document, node: Node) -> Value {
    if node.is_scalar() {
        return scalar_of(document.span(node));
    }
    let children = document.children(node.container);
    if document.is_object(node.container) {
        let members = children.map(|child| (document.key(child).into_owned(), value_of(document, child)));
        return Value::Object(members.collect::<Object>());
    }
    Value::Array(children.map(|child| value_of(document, child)).collect())
}

fn scalar_of(text: &[u8]) -> Value {
    match text[0] {
        b'"' => Value::String(strings::decode(&text[1..text.len() - 1]).into_owned()),
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'n' => Value::Null,
        // The scanner saw a number here, and numbers are ASCII.
        _ => Value::Number(Number::from_scanned(&String::from_utf8_lossy(text))),
    }
}
