//! One version's content: what its clients hold, and what a diff can be made from.

use std::fmt;

use bytes::Bytes;

use crate::json::{self, Delta, FieldControls, Identities, ParseError};

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

/// How documents are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// How deep they may nest.
    pub max_depth: usize,
    /// Which members identify the rows of which arrays.
    pub identities: &'a Identities,
    /// Which differences count.
    pub controls: &'a FieldControls,
}

/// A representation's content. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Document {
    /// JSON that can be patched.
    Json(json::Document),
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
            Form::Json => json(body, json::Document::parse(body.clone(), max_depth)),
            Form::Text if std::str::from_utf8(body).is_ok() => Ok(Document::Whole { text: body.clone() }),
            Form::Text => Err(DocumentError::NotUtf8),
        }
    }

    /// The document in `body`, which comes after this one, and what leads there.
    ///
    /// A patch is proven before it is offered: applied to this document it gives the next exactly, or it is not used.
    pub fn follow(&self, body: &Bytes, form: Form, rules: Rules<'_>) -> Result<Step, DocumentError> {
        let Rules { max_depth, identities, controls } = rules;
        let Document::Json(old) = self else { return self.follow_whole(body, form, max_depth) };
        if form != Form::Json {
            return self.follow_whole(body, form, max_depth);
        }
        match json::advance(old, body.clone(), max_depth, identities) {
            Ok(advance) => {
                let change = match advance.change.clone().into() {
                    Change::None => Change::None,
                    _ if !advance.counts(old, controls) => Change::Uncounted,
                    change => change,
                };
                let (document, unproven) =
                    (Document::Json(advance.document.clone()), advance.unproven.clone());
                Ok(Step { document, change, back: advance.back(old), unproven })
            }
            Err(error) => json(body, Err(error)).map(Step::whole),
        }
    }

    fn follow_whole(&self, body: &Bytes, form: Form, max_depth: usize) -> Result<Step, DocumentError> {
        let document = Document::new(body, form, max_depth)?;
        let same = match (self, &document) {
            (Document::Whole { text: old }, Document::Whole { text: new }) => old == new,
            _ => false,
        };
        let change = if same { Change::None } else { Change::Whole };
        Ok(Step { change, ..Step::whole(document) })
    }

    /// The text that a snapshot carries: compact where it can be patched.
    pub fn text(&self) -> Bytes {
        match self {
            Document::Json(document) => document.text(),
            Document::Whole { text } => text.clone(),
        }
    }

    /// How long [`Document::text`] is, in bytes.
    pub fn text_len(&self) -> usize {
        match self {
            Document::Json(document) => document.text_len(),
            Document::Whole { text } => text.len(),
        }
    }
}

/// The document of a body that claims to be JSON.
fn json(body: &Bytes, parsed: Result<json::Document, ParseError>) -> Result<Document, DocumentError> {
    match parsed {
        Ok(document) => Ok(Document::Json(document)),
        Err(error) if error.is_well_formed() => Ok(Document::Whole { text: body.clone() }),
        Err(error) => Err(DocumentError::NotJson(error)),
    }
}

/// A document that comes after another, and what leads there.
#[derive(Debug)]
pub struct Step {
    /// The document.
    pub document: Document,
    /// What leads there.
    pub change: Change,
    /// How the earlier document's text is made of this one's, where that takes less memory than the text.
    pub back: Option<Delta>,
    /// A patch that was made and was not right: a bug, which costs a snapshot and nothing else.
    pub unproven: Option<Box<json::Failed>>,
}

impl Step {
    pub(crate) fn whole(document: Document) -> Step {
        Step { document, change: Change::Whole, back: None, unproven: None }
    }
}

/// The change from one document to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Equal in value, number texts included: nothing to publish.
    None,
    /// Not equal, but the same in all that counts: nothing to publish either.
    Uncounted,
    /// An RFC 6902 patch, proven by applying it, and smaller than the new text.
    Patch(Bytes),
    /// The new document is to be sent whole.
    Whole,
}

impl From<json::Change> for Change {
    fn from(change: json::Change) -> Self {
        match change {
            json::Change::None => Change::None,
            json::Change::Patch(patch) => Change::Patch(patch),
            json::Change::Whole => Change::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(controls: &FieldControls) -> Rules<'_> {
        static NONE: std::sync::LazyLock<Identities> = std::sync::LazyLock::new(Identities::default);
        Rules { max_depth: 8, identities: &NONE, controls }
    }

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
                    assert_eq!(matches!(document, Document::Json(_)), patchable, "{name}");
                    assert_eq!(document.text_len(), text.len(), "{name}");
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
        let long = "0123456789012345678901234567890123456789012345678901234567890123456789";
        let with = |rest: &str| format!("[\"{long}\",{rest}]");
        let patch = |value: &str| {
            let text = format!("[{{\"op\":\"replace\",\"path\":\"/1\",\"value\":{value}}}]");
            Change::Patch(text.into())
        };
        use Form::{Json, Text};
        for (old, old_form, new, new_form, expected) in [
            (with("1"), Json, with("2"), Json, patch("2")),
            (with("1.0"), Json, with("1.00"), Json, patch("1.00")),
            (with("1"), Json, with(" 2"), Json, patch("2")),
            ("[1]".into(), Json, "[2]".into(), Json, Change::Whole),
            ("[1.0]".into(), Json, "[ 1.0]".into(), Json, Change::None),
            ("[1.0]".into(), Json, "[1.00]".into(), Json, Change::Whole),
            ("[\"A\"]".into(), Json, "[\"\\u0041\"]".into(), Json, Change::None),
            ("{\"a\":1,\"b\":2}".into(), Json, "{\"b\":2,\"a\":1}".into(), Json, Change::None),
            ("[1]".into(), Json, "{\"a\":1,\"a\":1}".into(), Json, Change::Whole),
            ("{\"a\":1,\"a\":1}".into(), Json, "{\"a\":1,\"a\":1}".into(), Json, Change::None),
            ("{\"a\":1,\"a\":1}".into(), Json, "[1]".into(), Json, Change::Whole),
            ("a".into(), Text, "a".into(), Text, Change::None),
            ("a".into(), Text, "b".into(), Text, Change::Whole),
            ("[1]".into(), Json, "[1]".into(), Text, Change::Whole),
            ("[1]".into(), Text, "[1]".into(), Json, Change::Whole),
        ] {
            let (old, new) = (Bytes::from(old), Bytes::from(new));
            let document = Document::new(&old, old_form, 8).unwrap();
            let step = document.follow(&new, new_form, rules(&FieldControls::default())).unwrap();
            assert_eq!(step.change, expected, "{old:?} {new:?}");
            assert_eq!(step.document.text(), Document::new(&new, new_form, 8).unwrap().text());
            assert!(step.unproven.is_none());
        }
    }

    #[test]
    fn what_does_not_count_is_no_change() {
        let ignored = vec![json::JsonPath::parse("$.as_of").unwrap()];
        let controls = FieldControls::new(json::Pointer::root(), ignored, Vec::new());
        let old = document(br#"{"as_of":1,"rows":[{"id":1,"last":1.10}]}"#, Form::Json);
        for (new, expected) in [
            (r#"{"as_of":1,"rows":[{"id":1,"last":1.10}]}"#, Change::None),
            (r#"{"as_of":22,"rows":[{"id":1,"last":1.10}]}"#, Change::Uncounted),
            (r#"{"as_of":[],"rows":[{"id":1,"last":1.10}]}"#, Change::Uncounted),
            (r#"{"rows":[{"id":1,"last":1.10}]}"#, Change::Uncounted),
            (r#"{"as_of":2,"rows":[{"id":1,"last":1.1}]}"#, Change::Whole),
            (r#"{"as_of":2,"rows":[]}"#, Change::Whole),
            (r#"{"as_of":2,"as_of":2}"#, Change::Whole),
        ] {
            let step = old.follow(&Bytes::from(new), Form::Json, rules(&controls)).unwrap();
            assert_eq!(step.change, expected, "{new}");
        }
    }

    #[test]
    fn what_cannot_follow_is_an_error() {
        let document = document(b"[1]", Form::Json);
        for body in ["[1", "[1]]", "[[[[[[[[[1]]]]]]]]]"] {
            let error = document.follow(&Bytes::from(body), Form::Json, rules(&FieldControls::default()));
            assert!(matches!(error, Err(DocumentError::NotJson(_))), "{body}");
        }
    }
}
