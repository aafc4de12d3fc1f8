//! What the resources hold: JSON that is rendered once and edited in place.
//!
//! Everything that changes has a fixed width, so a change costs its own bytes and no rendering; the generator must not
//! take the time of what it feeds. Invariant: the text is valid, compact JSON after each change, and differs from
//! every text before it, by its stamp if by nothing else.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::fanout::stamp::{self, Stamp};
use crate::random::Random;

/// The kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// One quote, of so many bytes: stamp and price are new with each change.
    Event {
        /// The size of the JSON text; at least 120.
        bytes: usize,
    },
    /// Rows of quotes, of about so many bytes: with each change a fifth of the rows has five new numbers.
    Document {
        /// The size of the JSON text.
        bytes: usize,
    },
}

/// One resource's text.
#[derive(Debug)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    stamp: usize,
    /// Where the numbers are that change, by row.
    rows: Vec<Vec<Digits>>,
    random: Random,
}

/// A number of a fixed width.
#[derive(Debug, Clone, Copy)]
struct Digits {
    start: usize,
    len: usize,
}

impl Text {
    /// The first text of the resource with this number.
    pub(crate) fn new(content: Content, resource: usize) -> Text {
        let mut text = Text {
            bytes: Vec::new(),
            stamp: 0,
            rows: Vec::new(),
            random: Random::named(&format!("resource {resource}")),
        };
        text.push(r#"{"stamp":""#);
        text.stamp = text.bytes.len();
        text.push(&"0".repeat(stamp::WIDTH));
        match content {
            Content::Event { bytes } => {
                text.push(r#"","symbol":"TIDE","price":"#);
                let price = text.number("100.25");
                text.rows.push(vec![price]);
                text.push(r#","note":""#);
                let rest = bytes.saturating_sub(text.bytes.len() + 2);
                text.push(&"n".repeat(rest));
                text.push("\"}");
            }
            Content::Document { bytes } => {
                text.push(r#"","rows":["#);
                while text.bytes.len() < bytes.saturating_sub(100) {
                    if !text.rows.is_empty() {
                        text.push(",");
                    }
                    text.row();
                }
                text.push("]}");
            }
        }
        text
    }

    fn row(&mut self) {
        let mut numbers = Vec::new();
        self.push(&format!(r#"{{"id":"Q{:05}""#, self.rows.len()));
        for (name, first) in [
            ("bid", "101.25"),
            ("ask", "101.75"),
            ("last", "101.50"),
            ("volume", "100000"),
            ("trades", "1000"),
        ] {
            self.push(&format!(r#","{name}":"#));
            let number = self.number(first);
            numbers.push(number);
        }
        self.push(r#","venue":"XNAS"}"#);
        self.rows.push(numbers);
    }

    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, text: &str) -> Digits {
        let start = self.bytes.len();
        self.push(text);
        Digits { start, len: text.len() }
    }

    /// A change: a fifth of the rows, at least one, gets new numbers.
    pub(crate) fn change(&mut self) {
        let count = self.rows.len().div_ceil(5);
        for row in self.random.scattered(count, self.rows.len()) {
            for Digits { start, len } in self.rows[row].clone() {
                let digits = &mut self.bytes[start..start + len];
                // No number begins with 0, which JSON forbids.
                let mut least = 1;
                for digit in digits.iter_mut().filter(|digit| digit.is_ascii_digit()) {
                    *digit = b'0' + self.random.between(least, 9) as u8;
                    least = 0;
                }
            }
        }
    }

    /// Says which version this is.
    pub(crate) fn stamp(&mut self, stamp: Stamp) {
        stamp.write(&mut self.bytes[self.stamp..]);
    }

    /// The JSON text.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The JSON text as gzip, made for speed.
    pub(crate) fn gzip(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&self.bytes)?;
        encoder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_json_of_the_same_size() {
        for (content, size) in
            [(Content::Event { bytes: 200 }, 200), (Content::Document { bytes: 50_000 }, 50_000)]
        {
            let mut text = Text::new(content, 3);
            let first = text.bytes().to_vec();
            for version in 1..20 {
                let before = text.bytes().to_vec();
                text.change();
                let stamp = Stamp { version, changed: 5, told: 6 };
                text.stamp(stamp);
                let document = tidegate_json::Document::parse(text.bytes().to_vec(), 8).unwrap();
                assert!(document.is_compact());
                assert_eq!(text.bytes().len(), first.len());
                assert!(text.bytes().len().abs_diff(size) <= 100, "{}", text.bytes().len());
                assert_ne!(text.bytes(), before);
                assert_eq!(Stamp::find(text.bytes()), Some(stamp));
            }
        }
    }

    #[test]
    fn a_fifth_of_a_document_changes() {
        let mut text = Text::new(Content::Document { bytes: 50_000 }, 0);
        text.change();
        let rows = |text: &Text| -> Vec<serde_json::Value> {
            let value: serde_json::Value = serde_json::from_slice(text.bytes()).unwrap();
            value["rows"].as_array().unwrap().clone()
        };
        let before = rows(&text);
        text.change();
        let changed = std::iter::zip(&before, rows(&text)).filter(|(before, after)| *before != after).count();
        assert_eq!(changed, before.len().div_ceil(5));
    }
}
