//! What a text is refused for: strict RFC 8259, and a kind of its own for every refusal. The grammar itself is in
//! [`document::scan`](crate::document::scan).
//!
//! Stated outcomes where the RFC leaves a choice:
//! - One leading byte order mark is ignored (§8.1 permits that; real origins send it). It is never written.
//! - A key that an object has twice is refused (§4 leaves it open): a patch could not address the second.
//! - A surrogate escape without its other half is refused (§8.2): it has no UTF-8 form.
//! - Nesting is limited by the caller, numbers are not limited at all.
//!
//! The middle two are *well-formed* texts all the same, that is, JSON to everybody else. That claim is made only
//! after the whole text was seen to follow the grammar.

use std::fmt;

use bytes::Bytes;

use crate::{Document, Value};

/// The nesting that documents may have by default, in arrays and objects; RFC 8259 §9 permits a limit.
pub const MAX_DEPTH: usize = 512;

/// Why a text is not a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// The line of that place, from 1; lines end with LF.
    pub line: usize,
    /// The character in that line, from 1; a leading byte order mark does not count.
    pub column: usize,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Not UTF-8 (RFC 8259 §8.1).
    InvalidUtf8,
    /// An object has this key twice; the place is that of the second.
    DuplicateKey(String),
    /// A `\u` escape is half of a surrogate pair and the other half is missing.
    LoneSurrogate,
    /// More arrays and objects inside each other than the caller allowed.
    TooDeep {
        /// What the caller allowed.
        limit: usize,
    },
    /// The grammar wants something else here.
    Syntax(&'static str),
    /// Something other than white space follows the value.
    TrailingBytes,
    /// The text is longer than 4 GiB, which places in it could not say.
    TooLong,
    /// The text ends before the value does; an empty text has no value at all.
    UnexpectedEnd,
}

/// Where something is wrong, before it is said in lines and columns.
pub(crate) struct Fault {
    pub(crate) kind: ParseErrorKind,
    pub(crate) offset: usize,
}

impl ParseError {
    /// Whether the text follows RFC 8259's grammar to its end and is refused only because it cannot be patched.
    /// Such a text can still be handed on as it is.
    pub fn is_well_formed(&self) -> bool {
        matches!(self.kind, ParseErrorKind::DuplicateKey(_) | ParseErrorKind::LoneSurrogate)
    }

    pub(crate) fn new(fault: Fault, text: &[u8]) -> ParseError {
        let Fault { kind, offset } = fault;
        let before = &text[..offset];
        let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        // A character begins at every byte that does not continue one.
        let column = 1 + before[line_start..].iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        ParseError { kind, offset, line, column }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.kind, self.line, self.column)
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseErrorKind::InvalidUtf8 => f.write_str("invalid UTF-8"),
            ParseErrorKind::DuplicateKey(key) => write!(f, "duplicate key {key:?}"),
            ParseErrorKind::LoneSurrogate => f.write_str("half of a surrogate pair"),
            ParseErrorKind::TooDeep { limit } => write!(f, "nested deeper than {limit} levels"),
            ParseErrorKind::Syntax(wanted) => f.write_str(wanted),
            ParseErrorKind::TooLong => f.write_str("longer than 4 GiB"),
            ParseErrorKind::TrailingBytes => f.write_str("more after the end of the value"),
            ParseErrorKind::UnexpectedEnd => f.write_str("unexpected end"),
        }
    }
}

impl std::error::Error for ParseError {}

pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Parses one JSON text. One leading byte order mark is ignored.
///
/// Costs one pass for the grammar and one for the tree; a [`Document`] is much cheaper where no tree is needed. It recurses as deep as the text nests, so `max_depth` also
/// bounds the stack: use [`MAX_DEPTH`] or less unless the stack is known to be large.
///
/// ```
/// use tidegate_json::{MAX_DEPTH, ParseErrorKind, parse};
/// let quote = parse(br#"{"symbol": "ACME", "last": 101.10}"#, MAX_DEPTH)?;
/// assert_eq!(quote.to_text(), r#"{"symbol":"ACME","last":101.10}"#);
///
/// let refused = parse(br#"{"a": 1, "a": 2}"#, MAX_DEPTH).unwrap_err();
/// assert_eq!(refused.kind, ParseErrorKind::DuplicateKey("a".into()));
/// assert!(refused.is_well_formed());
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn parse(text: &[u8], max_depth: usize) -> Result<Value, ParseError> {
    Document::parse(Bytes::copy_from_slice(text), max_depth).map(|document| document.to_value())
}

#[cfg(test)]
mod tests;
