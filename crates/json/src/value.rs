//! The document tree.

use indexmap::IndexMap;

use super::Number;

/// A JSON value that loses nothing of the text but insignificant white space and the spelling of string escapes.
///
/// Equality is that of the design's first promise: same values, same number texts, same array order, same members
/// in any order. RFC 6902's `test` compares numbers by what they denote instead, see
/// [`equal_numerically`](super::equal_numerically).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, by its text.
    Number(Number),
    /// A string, decoded.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object; members keep the origin's order, equality ignores it.
    Object(Object),
}

/// The members of an object, in the origin's order. Two objects are equal when they have equal members in any order.
pub type Object = IndexMap<String, Value>;

impl Value {
    /// The member of this name, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// The members, where this is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, where this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The decoded text, where this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// How many arrays and objects lie around the innermost value, this one included; a scalar has 0, `[[]]` has 2.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Value::Array(elements) => 1 + elements.iter().map(Value::depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}
