//! Stands in until the engine arrives.
use super::Value;
use std::borrow::Cow;
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ParseError;
#[allow(missing_docs)]
impl ParseError {
    pub fn is_well_formed(&self) -> bool {
        false
    }
}
impl std::fmt::Display for ParseError {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Patch;
#[allow(missing_docs)]
impl Patch {
    pub fn is_empty(&self) -> bool {
        false
    }
    pub fn to_text(&self) -> String {
        String::new()
    }
}
#[allow(missing_docs)]
pub fn parse(_: &[u8], _: usize) -> Result<Value, ParseError> {
    Err(ParseError)
}
#[allow(missing_docs)]
pub fn compact(text: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(text)
}
#[allow(missing_docs)]
pub fn diff(_: &Value, _: &Value) -> Patch {
    Patch
}
#[allow(missing_docs)]
pub fn apply(_: &Value, _: &Patch) -> Result<Value, ParseError> {
    Err(ParseError)
}
