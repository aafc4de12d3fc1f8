//! Polling a plain URL: what to ask with, and what an answer changes. Pure: the machine asks and keeps the time.

use std::io::Read;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use tidegate_core::json::{self, Selection};
use tidegate_core::{Binding, Epoch, Offset, Position};

use crate::document::is_json;
use crate::head::Head;
use crate::{Disconnect, Document, Error, Update};

/// What is known of a polled resource.
#[derive(Debug)]
pub(crate) struct Poller {
    limit: usize,
    select: Option<Selection>,
    head: Position,
    has_version: bool,
    validators: Vec<(HeaderName, HeaderValue)>,
}

/// Why an answer cannot be used.
#[derive(Debug)]
pub(crate) enum PollError {
    /// The next answer may be better.
    ForNow(Disconnect),
    /// It will not.
    ForGood(Error),
}

impl Poller {
    /// A poller whose positions are of the lineage `epoch`, that takes bodies of up to `limit` bytes, decoded, and what
    /// is selected from them.
    pub(crate) fn new(epoch: u64, limit: usize, select: Option<Selection>) -> Poller {
        let head = Position { epoch: Epoch(epoch), offset: Offset::FIRST, binding: Binding(0) };
        Poller { limit, select, head, has_version: false, validators: Vec::new() }
    }

    /// The fields that make the next request conditional.
    pub(crate) fn conditions(&self) -> &[(HeaderName, HeaderValue)] {
        &self.validators
    }

    /// Takes an answer with a body: replaces `document` where it is another one, and says how. `None`: it is equal.
    /// On an error, the document and the validators stay.
    pub(crate) fn accept(
        &mut self,
        head: &Head,
        body: &[u8],
        document: &mut Option<Document>,
    ) -> Result<Option<Update>, PollError> {
        let body = self.decode(head, body)?;
        let content_type = head.field(&header::CONTENT_TYPE).unwrap_or_default();
        let text = std::str::from_utf8(&body)
            .map_err(|_| PollError::ForGood(Error::NotText { content_type: content_type.to_owned() }))?;
        let new = match &self.select {
            None => Document::read(text, is_json(content_type)),
            Some(select) => self.selected(select, text)?,
        };
        self.validators = validators(head);
        if document.as_ref() == Some(&new) {
            return Ok(None);
        }
        if std::mem::replace(&mut self.has_version, true) {
            self.head.offset = self.head.offset.next();
        }
        let position = self.head.to_string();
        let patch = match (&*document, &new) {
            (Some(Document::Json(old)), Document::Json(new)) => Some(json::tree_diff(old, new)),
            _ => None,
        };
        let update = match patch.map(|patch| (patch.to_text().len(), patch)) {
            // The same rule as in the gateway: what is smaller.
            Some((bytes, patch)) if bytes < text.len() => {
                Update::Patched { position, patch: Arc::new(patch), bytes }
            }
            _ => Update::Snapshot { position, bytes: text.len() },
        };
        *document = Some(new);
        Ok(Some(update))
    }

    /// A plain API knows nothing of selections, so what is wanted is taken from the whole here.
    fn selected(&self, select: &Selection, text: &str) -> Result<Document, PollError> {
        let none = |reason: String| PollError::ForGood(Error::Unselectable { reason });
        let whole = json::Document::parse(text.to_owned(), json::MAX_DEPTH)
            .map_err(|error| none(format!("it is not JSON that all parsers read alike ({error})")))?;
        let part = select.of(&whole, self.limit).map_err(|error| none(error.to_string()))?;
        Ok(Document::Json(part.to_value()))
    }

    fn decode<'a>(&self, head: &Head, body: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, PollError> {
        let malformed = |what: String| PollError::ForNow(Disconnect::Malformed(what));
        let coding = head.field(&header::CONTENT_ENCODING).unwrap_or("identity").trim().to_ascii_lowercase();
        match coding.as_str() {
            "identity" => Ok(body.into()),
            // x-gzip is the same (RFC 9110 §8.4.1.3).
            "gzip" | "x-gzip" => {
                let mut decoded = Vec::new();
                // One byte more than allowed shows that there is more, and is all that is decoded of it.
                flate2::read::MultiGzDecoder::new(body)
                    .take(self.limit as u64 + 1)
                    .read_to_end(&mut decoded)
                    .map_err(|error| malformed(format!("a gzip body that cannot be decoded ({error})")))?;
                if decoded.len() > self.limit {
                    return Err(PollError::ForGood(Error::TooLarge { limit: self.limit }));
                }
                Ok(decoded.into())
            }
            other => Err(malformed(format!("a body in the coding {other:?}, which was not asked for"))),
        }
    }
}

/// `If-None-Match` alone where there is an entity tag: a recipient ignores the date beside it (RFC 9110 §13.1.3).
fn validators(head: &Head) -> Vec<(HeaderName, HeaderValue)> {
    let pair = |from: &HeaderName, to: HeaderName| head.headers.get(from).map(|value| (to, value.clone()));
    pair(&header::ETAG, header::IF_NONE_MATCH)
        .or_else(|| pair(&header::LAST_MODIFIED, header::IF_MODIFIED_SINCE))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::head;
    use std::io::Write;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn changes_come_out_as_updates() {
        let (mut poller, mut document) = (Poller::new(1, 1000, None), None);
        let mut accept = |text: &str| {
            let update = poller.accept(&head(200, &[JSON]), text.as_bytes(), &mut document).unwrap();
            assert_eq!(document, Some(Document::read(text, true)));
            match update {
                None => "equal".to_owned(),
                Some(Update::Snapshot { position, bytes }) => format!("{position} snapshot {bytes}"),
                Some(Update::Patched { position, patch, .. }) => format!("{position} {}", patch.to_text()),
                Some(other) => panic!("{other:?}"),
            }
        };
        let rows = r#"[{"id":1,"price":1.10,"name":"a long name, so that a patch is smaller"}"#;
        assert_eq!(accept(&format!("{rows}]")), "0000000000001.1.0000000 snapshot 72");
        assert_eq!(accept(&format!(" {rows} ]")), "equal");
        assert_eq!(
            accept(&format!("{}]", rows.replace("1.10", "1.1"))),
            r#"0000000000001.2.0000000 [{"op":"replace","path":"/0/price","value":1.1}]"#
        );
        assert_eq!(accept("2"), "0000000000001.3.0000000 snapshot 1");
        assert_eq!(accept(r#"{"a":1,"a":2}"#), "0000000000001.4.0000000 snapshot 13");
        assert_eq!(accept("[]"), "0000000000001.5.0000000 snapshot 2");
    }

    #[test]
    fn codings_limits_and_binary() {
        let check = |fields: &[(&'static str, &str)], body: &[u8], expected: &str| {
            let (mut poller, mut document) = (Poller::new(1, 100, None), None);
            let result = match poller.accept(&head(200, fields), body, &mut document) {
                Ok(_) => document.unwrap().text().into_owned(),
                Err(PollError::ForNow(disconnect)) => disconnect.to_string(),
                Err(PollError::ForGood(error)) => error.to_string(),
            };
            assert!(result.contains(expected), "{result}");
        };
        check(&[JSON, ("content-encoding", "GZIP")], &gzip("[1.10]"), "[1.10]");
        check(&[JSON, ("content-encoding", "identity")], b"[1]", "[1]");
        check(&[("content-type", "text/plain")], b"[ 1 ]", "[ 1 ]");
        check(&[JSON, ("content-encoding", "gzip")], &gzip("[1.10]")[..12], "cannot be decoded");
        check(&[JSON, ("content-encoding", "gzip")], &gzip(&"1".repeat(101)), "larger than 100 bytes");
        check(&[JSON, ("content-encoding", "br")], b"[1]", "\"br\", which was not asked for");
        check(&[("content-type", "image/png")], b"\x89PNG", "(image/png) is not text");
    }

    #[test]
    fn a_part_is_selected_here() {
        let select = Some(Selection::parse("/rows/0").unwrap());
        let (mut poller, mut document) = (Poller::new(1, 100, select), None);
        let mut check = |body: &str, expected: &str| {
            let result = poller.accept(&head(200, &[JSON]), body.as_bytes(), &mut document);
            match result {
                Ok(update) => assert_eq!(update.is_some(), !expected.is_empty(), "{body}"),
                Err(error) => return assert!(format!("{error:?}").contains(expected), "{error:?}"),
            }
            if !expected.is_empty() {
                assert_eq!(document.as_ref().unwrap().text(), expected);
            }
        };
        check(r#"{"rows":[1.10,2]}"#, "1.10");
        check(r#"{"rows":[1.10,3]}"#, "");
        check("[]", "null");
        check("<p>", "Unselectable");
    }

    #[test]
    fn the_next_request_is_conditional() {
        let (mut poller, mut document) = (Poller::new(1, 100, None), None);
        let mut check = |fields: &[(&'static str, &str)], expected: &[(&str, &str)]| {
            poller.accept(&head(200, fields), b"1", &mut document).unwrap();
            let sent: Vec<_> =
                poller.conditions().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
            assert_eq!(sent, expected);
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        check(&[("etag", "W/\"1\""), ("last-modified", date)], &[("if-none-match", "W/\"1\"")]);
        check(&[("last-modified", date)], &[("if-modified-since", date)]);
        check(&[], &[]);
    }
}
