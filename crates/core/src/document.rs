//! One version's content: what its clients hold, and what a diff can be made from.

use std::fmt;

use bytes::Bytes;

use crate::json::{self, ParseError, Value};

/// What sort of text a representation is; decided from its media type by whoever fetched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `application/json`, `application/*+json`: patched.
    Json,
    /// Any other text in UTF-8: streamed as whole snapshots.
    Text,
}

/// A body is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// It claims to be JSON and is not, or nests too deep.
    NotJson(ParseError),
    /// It claims to be text and is not UTF-8.
    NotUtf8,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentError::NotJson(error) => write!(f, "the body is not acceptable JSON: {error}"),
            DocumentError::NotUtf8 => f.write_str("the body is not UTF-8 text"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// A representation's content.
#[derive(Debug, Clone)]
pub enum Document {
    /// JSON that can be patched. `text` is compact; `value` is the same, parsed.
    Json {
        /// The compact text, the origin's number texts and member order kept.
        text: Bytes,
        /// The tree.
        value: Value,
    },
    /// Text that is only ever sent whole: not JSON, or JSON whose meaning differs between parsers (duplicate keys,
    /// lone surrogates: RFC 8259 §4 and §8.2), which no patch could address for all of them.
    Whole {
        /// The text as the origin sent it.
        text: Bytes,
    },
}

impl Document {
    /// The document in `body`. A body that claims to be JSON and is not is an error, never a document.
    pub fn new(body: &Bytes, form: Form, max_depth: usize) -> Result<Document, DocumentError> {
        match form {
            Form::Json => match json::parse(body, max_depth) {
                Ok(value) => Ok(Document::Json { text: compacted(body), value }),
                Err(error) if error.is_well_formed() => Ok(Document::Whole { text: body.clone() }),
                Err(error) => Err(DocumentError::NotJson(error)),
            },
            Form::Text if std::str::from_utf8(body).is_ok() => Ok(Document::Whole { text: body.clone() }),
            Form::Text => Err(DocumentError::NotUtf8),
        }
    }

    /// The text that a snapshot carries.
    pub fn text(&self) -> &Bytes {
        match self {
            Document::Json { text, .. } | Document::Whole { text } => text,
        }
    }
}

/// `body` without insignificant white space; the same bytes, shared, when there was none.
fn compacted(body: &Bytes) -> Bytes {
    match json::compact(body) {
        std::borrow::Cow::Borrowed(same) if same.len() == body.len() => body.clone(),
        std::borrow::Cow::Borrowed(part) => body.slice_ref(part),
        std::borrow::Cow::Owned(text) => Bytes::from(text),
    }
}

/// The change from one document to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Equal in value, number texts included: nothing to publish.
    None,
    /// An RFC 6902 patch, proven by applying it, and smaller than the new text.
    Patch(Bytes),
    /// The new document is to be sent whole.
    Whole,
}

/// What leads from `old` to `new`.
///
/// A patch is proven before it is offered: applied to `old` it gives `new` exactly, or it is not used.
pub fn change(old: &Document, new: &Document) -> Change {
    match (old, new) {
        (Document::Json { value: old, .. }, Document::Json { value: new, text }) => {
            let patch = json::tree_diff(old, new);
            if patch.is_empty() {
                return Change::None;
            }
            let encoded = patch.to_text();
            let proven = encoded.len() < text.len() && json::patched(old, &patch).as_ref() == Ok(new);
            if proven { Change::Patch(Bytes::from(encoded)) } else { Change::Whole }
        }
        (Document::Whole { text: old }, Document::Whole { text: new }) if old == new => Change::None,
        _ => Change::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(body: &'static [u8], form: Form) -> Document {
        Document::new(&Bytes::from_static(body), form, 8).unwrap()
    }

    #[test]
    fn what_a_body_is() {
        for (body, form, expected) in [
            (&b"[ 1.10, \"\\u0041\" ]"[..], Form::Json, Ok((true, &b"[1.10,\"\\u0041\"]"[..]))),
            (b" {}\n", Form::Json, Ok((true, b"{}"))),
            (b"\xEF\xBB\xBF[]", Form::Json, Ok((true, b"[]"))),
            (b"{\"a\": 1, \"a\": 2}", Form::Json, Ok((false, b"{\"a\": 1, \"a\": 2}"))),
            (b"[\"\\udc00\"]", Form::Json, Ok((false, b"[\"\\udc00\"]"))),
            (b"[1", Form::Json, Err("not acceptable JSON")),
            (b"", Form::Json, Err("not acceptable JSON")),
            (b"[\"\xff\"]", Form::Json, Err("not acceptable JSON")),
            (b"{\"a\":1,\"a\":\"\xff\"}", Form::Json, Err("not acceptable JSON")),
            (b"[[[[[[[[[]]]]]]]]]", Form::Json, Err("not acceptable JSON")),
            (b" a\r\n", Form::Text, Ok((false, b" a\r\n"))),
            (b"", Form::Text, Ok((false, b""))),
            (b"\xff", Form::Text, Err("not UTF-8")),
        ] {
            let name = String::from_utf8_lossy(body);
            match (Document::new(&Bytes::from_static(body), form, 8), expected) {
                (Ok(document), Ok((patchable, text))) => {
                    assert_eq!(matches!(document, Document::Json { .. }), patchable, "{name}");
                    assert_eq!(document.text(), text, "{name}");
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{name}: {error}")
                }
                (document, expected) => panic!("{name}: {document:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_body_that_is_compact_is_not_copied() {
        for (body, offset) in [(&b"[1,2]"[..], 0), (b"\n[1,2]\n", 1)] {
            let body = Bytes::from_static(body);
            let document = Document::new(&body, Form::Json, 8).unwrap();
            assert_eq!(document.text().as_ptr(), body[offset..].as_ptr());
        }
    }

    #[test]
    fn what_leads_from_one_to_the_next() {
        let long = b"[\"0123456789012345678901234567890123456789012345678901234567890123456789\",1]";
        let longer = b"[\"0123456789012345678901234567890123456789012345678901234567890123456789\",2]";
        let patch = b"[{\"op\":\"replace\",\"path\":\"/1\",\"value\":2}]";
        for (old, new, expected) in [
            (
                document(long, Form::Json),
                document(longer, Form::Json),
                Change::Patch(Bytes::from_static(patch)),
            ),
            (document(b"[1]", Form::Json), document(b"[2]", Form::Json), Change::Whole),
            (document(b"[1.0]", Form::Json), document(b"[ 1.0]", Form::Json), Change::None),
            (document(b"[1.0]", Form::Json), document(b"[1.00]", Form::Json), Change::Whole),
            (
                document(b"{\"a\":1,\"b\":2}", Form::Json),
                document(b"{\"b\":2,\"a\":1}", Form::Json),
                Change::None,
            ),
            (document(b"a", Form::Text), document(b"a", Form::Text), Change::None),
            (document(b"a", Form::Text), document(b"b", Form::Text), Change::Whole),
            (document(b"[1]", Form::Json), document(b"[1]", Form::Text), Change::Whole),
            (document(b"[1]", Form::Text), document(b"[1]", Form::Json), Change::Whole),
        ] {
            assert_eq!(change(&old, &new), expected, "{old:?} {new:?}");
        }
    }
}
