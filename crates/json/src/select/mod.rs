//! The part of a document that a reader wants: the whole, what a JSON Pointer points to (RFC 6901), or what a JSONPath
//! selects (RFC 9535).
//!
//! Owns what a selection is and the text it is known by. Whoever writes one is not trusted: its length, its filters, the
//! steps that it takes and the text that it makes are all bounded.
//!
//! - A pointer gives the value that it points to, `null` where it leads nowhere.
//! - A path gives the array of its nodes in the RFC's order, as often as it selects them (§2.1.2); members come in the
//!   document's order, which the RFC leaves open.
//!
//! Invariant: what is selected is the document's own bytes, so that number texts, escapes and the order of members stay
//! what they are; a property test holds it to the library's evaluation.

mod canonical;
mod evaluate;
mod filter;
mod reading;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;

use crate::document::walk::Walker;
use crate::path::{
    self,
    syntax::{self, Fault},
};
use crate::{Document, JsonPath, ParsePathError, Pointer};

use evaluate::Query;

/// A part of a document. Cheap to clone.
///
/// Two selections are equal when their [texts](Selection::as_str) are: paths in other spellings are, as far as these
/// lie outside of filters.
///
/// ```
/// use tidegate_json::{Document, MAX_DEPTH, Selection};
/// let board = Document::parse(r#"{"rows":[{"last":1.10},{"last":7}],"as_of":5}"#, MAX_DEPTH)?;
/// for (text, selected) in [
///     ("", r#"{"rows":[{"last":1.10},{"last":7}],"as_of":5}"#),
///     ("/rows/0/last", "1.10"),
///     ("/rows/2", "null"),
///     ("$.rows[*].last", "[1.10,7]"),
///     ("$.rows[?@.last > 5]", r#"[{"last":7}]"#),
///     ("$.rows[2]", "[]"),
/// ] {
///     let selection = Selection::parse(text).unwrap();
///     assert_eq!(selection.of(&board, 1 << 20).unwrap().text(), selected);
/// }
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Selection {
    text: Arc<str>,
    part: Part,
}

#[derive(Clone)]
enum Part {
    Whole,
    Pointer(Pointer),
    Path(Arc<Query>),
}

/// The text is not a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseSelectionError {
    /// Where, in bytes from the start of the text; always at a character.
    pub offset: usize,
    /// Which character that is, from 1.
    pub character: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl fmt::Display for ParseSelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a selection: at character {}, expected {}", self.character, self.expected)
    }
}

impl std::error::Error for ParseSelectionError {}

impl From<ParsePathError> for ParseSelectionError {
    fn from(error: ParsePathError) -> Self {
        let ParsePathError { offset, character, expected } = error;
        // Fewer filters are taken here.
        let expected = if expected == path::FILTER { reading::FILTER } else { expected };
        ParseSelectionError { offset, character, expected }
    }
}

/// Why a part of a document cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectError {
    /// The array of what the path selects is longer than it may be.
    TooLarge {
        /// How long it may be, in bytes.
        most: usize,
    },
    /// Finding what the path selects takes too many steps for a document of this size.
    TooCostly,
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectError::TooLarge { most } => write!(f, "the selection has more than {most} bytes"),
            SelectError::TooCostly => {
                f.write_str("the selection takes too many steps for a document of this size")
            }
        }
    }
}

impl std::error::Error for SelectError {}

impl Selection {
    /// The longest text of a selection, in bytes: enough for any part that somebody would name by hand, and short
    /// enough to be kept and logged with each reader.
    pub const MAX_LENGTH: usize = 1024;

    /// Reads a selection: nothing for the whole, a JSON Pointer as in RFC 6901 §5, or a JSONPath.
    ///
    /// Beyond what [`JsonPath`] permits, a filter may not cost more than about what it is asked of (RFC 9535 §4.1 and
    /// RFC 9485 §8 speak of that danger): inside of a filter, `..` and several selectors in one pair of brackets are
    /// refused, queries from `$` on have only names and indexes, and the functions `match` and `search` are not
    /// offered.
    pub fn parse(text: &str) -> Result<Selection, ParseSelectionError> {
        let refuse = |fault: Fault| {
            let before = text.get(..fault.offset).unwrap_or(text);
            ParseSelectionError {
                offset: before.len(),
                character: before.chars().count() + 1,
                expected: fault.expected,
            }
        };
        if text.len() > Self::MAX_LENGTH {
            let offset = (0..=Self::MAX_LENGTH).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            return Err(refuse(Fault { offset, expected: "the end: a selection has at most 1024 bytes" }));
        }
        match text.as_bytes().first() {
            None => Ok(Selection::whole()),
            Some(b'/') => {
                let pointer = Pointer::parse(text).map_err(|_| refuse(bad_escape(text)))?;
                Ok(Selection { text: text.into(), part: Part::Pointer(pointer) })
            }
            Some(b'$') => {
                // What the library takes is a path, and what it says of another is the better error.
                JsonPath::parse(text)?;
                let segments = syntax::segments(text).map_err(refuse)?;
                let canonical = canonical::text(text, &segments);
                let query = Query::new(text, segments).map_err(refuse)?;
                Ok(Selection { text: canonical.into(), part: Part::Path(Arc::new(query)) })
            }
            Some(_) => Err(refuse(Fault {
                offset: 0,
                expected: "nothing (the whole), `/` (a JSON Pointer) or `$` (a JSONPath)",
            })),
        }
    }

    /// The whole document.
    pub fn whole() -> Selection {
        Selection { text: "".into(), part: Part::Whole }
    }

    /// Whether this is the whole document. The path `$` is not: it gives an array with the document in it.
    pub fn is_whole(&self) -> bool {
        matches!(self.part, Part::Whole)
    }

    /// The text that the selection is known by, which reads as an equal one: of a path the shortest usual spelling,
    /// with its filters as they were given.
    ///
    /// ```
    /// use tidegate_json::Selection;
    /// assert_eq!(Selection::parse("$['rows'] [ * ].last")?.as_str(), "$.rows[*].last");
    /// # Ok::<(), tidegate_json::ParseSelectionError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part of a document, as a document; of a path at most `most` bytes. Other selections are never longer than
    /// the document, but for a `null`.
    ///
    /// The whole costs nothing; a pointer costs its way and a copy of what it points to; a path costs what of the
    /// document it leads through, and a copy of what it selects. No tree is made, but of what a
    /// filter looks at. In filters, numbers compare as 64-bit floating point, with those beyond its range as
    /// the largest of their sign; what is selected keeps its texts.
    ///
    /// The array of a path nests one level deeper than its nodes do.
    pub fn of(&self, document: &Document, most: usize) -> Result<Document, SelectError> {
        match &self.part {
            Part::Whole => Ok(document.clone()),
            Part::Pointer(pointer) => Ok(match Walker::new(document).find(pointer) {
                Some(node) => document.part(node),
                None => null(),
            }),
            Part::Path(query) => query.of(document, most),
        }
    }
}

fn null() -> Document {
    Document::parse(Bytes::from_static(b"null"), 0).expect("`null` is a text without nesting")
}

/// The place of the first `~` that escapes nothing (RFC 6901 §3).
fn bad_escape(text: &str) -> Fault {
    let mut places = text.match_indices('~').map(|(at, _)| at + 1);
    let offset = places.find(|&at| !text[at..].starts_with(['0', '1'])).unwrap_or(text.len());
    Fault { offset, expected: "`0` or `1` after `~`, which stand for `~` and `/`" }
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Selection {}

impl Hash for Selection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Default for Selection {
    fn default() -> Self {
        Selection::whole()
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl FromStr for Selection {
    type Err = ParseSelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Selection::parse(text)
    }
}
