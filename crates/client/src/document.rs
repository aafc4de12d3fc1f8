//! The client's copy of the resource.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use tidegate_core::json::{self, Value};

/// A representation as the client holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// JSON that can be patched, with the origin's number texts and member order.
    Json(Value),
    /// Anything else, and JSON that only its text can stand for (duplicate keys, lone surrogates).
    Text(String),
}

impl Document {
    /// Reads a representation's text. `json` says that its media type is JSON; what cannot be parsed stays text.
    pub(crate) fn read(text: &str, json: bool) -> Document {
        let value = if json { json::parse(text.as_bytes(), json::MAX_DEPTH).ok() } else { None };
        value.map_or_else(|| Document::Text(text.to_owned()), Document::Json)
    }

    /// The value, where it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Document::Json(value) => Some(value),
            Document::Text(_) => None,
        }
    }

    /// The document as a type of the caller's, read from its exact text; text that is not JSON cannot be read so.
    ///
    /// What becomes of a number is the type's business: `f64` rounds, a decimal type or
    /// [`RawValue`](serde_json::value::RawValue) does not. Costs a write and a parse of the whole document: for a member
    /// or two, take them from [`json`](Self::json).
    ///
    /// # Errors
    /// When the document is not what the type expects.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text())
    }

    /// The text: JSON is compact, with the origin's number texts.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Document::Json(value) => Cow::Owned(value.to_text()),
            Document::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// Whether a media type is JSON: `application/json`, or with the suffix `+json` (RFC 6839 §3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_type() {
        #[derive(serde::Deserialize)]
        struct Quote {
            name: String,
            price: Box<serde_json::value::RawValue>,
        }
        let document = Document::read(r#"{"name":"\u00fc","price":1.10,"later":[]}"#, true);
        let quote: Quote = document.data().unwrap();
        assert_eq!((quote.name.as_str(), quote.price.get()), ("ü", "1.10"));
        assert!(document.data::<Vec<u8>>().is_err());
        assert!(Document::Text("hello".into()).data::<String>().is_err());
    }

    #[test]
    fn what_is_json_and_what_stays_text() {
        for (media_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/jsonp", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_json(media_type), expected, "{media_type}");
        }
        assert!(Document::read("[1.10]", true).json().is_some());
        assert_eq!(Document::read("[ 1.10 ]", true).text(), "[1.10]");
        assert_eq!(Document::read("[ 1.10 ]", false), Document::Text("[ 1.10 ]".into()));
        assert_eq!(Document::read(r#"{"a":1,"a":2}"#, true).text(), r#"{"a":1,"a":2}"#);
    }
}
