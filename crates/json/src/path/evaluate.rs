//! Evaluation by the library, for paths that need the whole document.
//!
//! Owns the way to the library's documents and back. The copy has only what a filter can tell apart: the order of
//! members and the texts of numbers stay behind, which is why the answer is given in nodes of the original.

use serde_json_path::{JsonPath, PathElement};

use crate::Value;

/// The selected nodes, each once.
pub(super) fn find<'a>(query: &JsonPath, document: &'a Value) -> Vec<&'a Value> {
    let copy = copy(document);
    // A path may select a node several times (RFC 9535 §2.1.2), as `$[0, 0]` does.
    let located = query.query_located(&copy).dedup();
    let original = |mut steps: std::slice::Iter<'_, PathElement<'_>>| {
        steps.try_fold(document, |value, step| match step {
            PathElement::Name(name) => value.get(name),
            PathElement::Index(index) => value.as_array()?.get(*index),
        })
    };
    located.locations().filter_map(|location| original(location.iter())).collect()
}

fn copy(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => copy_number(number.as_str()),
        Value::String(text) => text.as_str().into(),
        Value::Array(elements) => elements.iter().map(copy).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), copy(member))).collect(),
    }
}

/// The nearest number that the library has, in one form for each: it tells `1` from `1.0` where they are inside of
/// arrays and objects that are compared.
pub(crate) fn copy_number(text: &str) -> serde_json::Value {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    // Texts of JSON numbers always are numbers to Rust.
    let nearest = text.parse::<f64>().unwrap_or(0.0).clamp(f64::MIN, f64::MAX);
    let integer = nearest as i64;
    if integer as f64 == nearest && integer != i64::MAX { integer.into() } else { nearest.into() }
}
