//! What a route expects of its origin's answers: what keeps an error page, an empty envelope or a sudden `null` out.
//!
//! Owns the expectations and the judgement by them. Two of them are about the answer (its status and media type, judged
//! where it comes in: [`Expecting`]), two about the document (judged by the feed, and only where it differs from the last
//! one: [`Content`]). An answer that fails is a failure like any other: the last good version stays.
//!
//! Invariant: what is said about an answer that fails holds the route's own words and nothing of the body.

mod media;
mod origin;
mod schema;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::StatusCode;
use tidegate_core::json::{self, Pointer, Value};
use tidegate_core::{Document, Expect};

pub use media::MediaPattern;
pub use origin::Expecting;
pub use schema::{Schema, SchemaError};

/// What is expected of an answer before its body is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The statuses whose answers are representations.
    pub statuses: Vec<StatusCode>,
    /// The media type.
    pub media: MediaPattern,
}

impl Head {
    /// Whether this is no more than what every answer has to be.
    pub fn is_usual(&self) -> bool {
        self.statuses == [StatusCode::OK] && self.media.is_any()
    }
}

/// What is expected of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What it has, and not as `null`.
    pub pointers: Vec<Pointer>,
    /// What it is valid against.
    pub schema: Option<Arc<Schema>>,
}

impl Content {
    /// Whether every document will do.
    pub fn is_any(&self) -> bool {
        self.pointers.is_empty() && self.schema.is_none()
    }

    fn check_pointers(&self, document: &Document) -> Result<(), String> {
        if self.pointers.is_empty() {
            return Ok(());
        }
        let value = match document {
            Document::Json(document) => document.to_value(),
            Document::Whole { text } => json::parse(text, json::MAX_DEPTH).map_err(|_| {
                "the answer is no JSON that all parsers read alike, which `expect` needs".to_owned()
            })?,
        };
        for pointer in &self.pointers {
            let shown = if pointer.is_root() { "the whole document" } else { pointer.as_str() };
            match pointer.find(&value) {
                None => return Err(format!("the answer lacks {shown}, which `expect` names")),
                Some(Value::Null) => return Err(format!("{shown} is null, and `expect` names it")),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Expect for Content {
    fn check(&self, document: &Document) -> Result<(), String> {
        self.check_pointers(document)?;
        self.schema.as_ref().map_or(Ok(()), |schema| schema.check(&document.text()))
    }
}
