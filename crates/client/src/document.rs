//! The client's copy of the resource.

use std::borrow::Cow;

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
