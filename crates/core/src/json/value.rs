//! The document tree.

use indexmap::IndexMap;

/// A JSON value that loses nothing of the text but insignificant white space and the spelling of string escapes.
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

/// A number by its text: `1.10`, `1E5`, `-0` and 40-digit integers stay what they are. Equality is by text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// The number's text as the origin wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
