//! A JSON text with what is asked about it again and again.

use bytes::Bytes;

use crate::{ParseError, Value, parse};

/// A JSON text, checked and indexed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Document {
    body: Bytes,
    value: Value,
}

impl Document {
    /// Checks and indexes a text.
    pub fn parse(body: impl Into<Bytes>, max_depth: usize) -> Result<Document, ParseError> {
        let body = body.into();
        let value = parse(&body, max_depth)?;
        Ok(Document { body, value })
    }

    /// The text as it was given.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The text without insignificant white space.
    pub fn text(&self) -> Bytes {
        Bytes::copy_from_slice(&crate::compact(&self.body))
    }

    /// The tree.
    pub fn to_value(&self) -> Value {
        self.value.clone()
    }
}
