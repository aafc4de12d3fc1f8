//! The parser: strict RFC 8259, and a kind of its own for every refusal.
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

use indexmap::map::Entry;

use super::{Number, Object, Value, number};

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
    /// The text ends before the value does; an empty text has no value at all.
    UnexpectedEnd,
}

impl ParseError {
    /// Whether the text follows RFC 8259's grammar to its end and is refused only because it cannot be patched.
    /// Such a text can still be handed on as it is.
    pub fn is_well_formed(&self) -> bool {
        matches!(self.kind, ParseErrorKind::DuplicateKey(_) | ParseErrorKind::LoneSurrogate)
    }

    fn new(kind: ParseErrorKind, text: &[u8], offset: usize) -> ParseError {
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
            ParseErrorKind::TrailingBytes => f.write_str("more after the end of the value"),
            ParseErrorKind::UnexpectedEnd => f.write_str("unexpected end"),
        }
    }
}

impl std::error::Error for ParseError {}

pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Parses one JSON text. One leading byte order mark is ignored.
///
/// Costs one pass for UTF-8 and one for the grammar. It recurses as deep as the text nests, so `max_depth` also
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
    let refuse = |fault: Fault| ParseError::new(fault.kind, text, fault.offset);
    let valid = std::str::from_utf8(text)
        .map_err(|error| Fault { kind: ParseErrorKind::InvalidUtf8, offset: error.valid_up_to() })
        .map_err(refuse)?;
    let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut parser = Parser { text: valid, bytes: text, at, limit: max_depth, flaw: None };
    let value = parser.text().map_err(refuse)?;
    match parser.flaw {
        None => Ok(value),
        Some(flaw) => Err(refuse(flaw)),
    }
}

struct Fault {
    kind: ParseErrorKind,
    offset: usize,
}

struct Parser<'a> {
    /// The text, known to be UTF-8; `bytes` are the same bytes.
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limit: usize,
    /// The first thing that makes this text no document of ours although it is well-formed so far.
    flaw: Option<Fault>,
}

impl Parser<'_> {
    fn text(&mut self) -> Result<Value, Fault> {
        self.skip_white_space();
        let value = self.value(0)?;
        self.skip_white_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.fault(ParseErrorKind::TrailingBytes)),
        }
    }

    /// `depth`: how many arrays and objects are open.
    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.expected("expected a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        self.open(depth)?;
        let mut members = Object::new();
        if self.closes(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let key_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("expected a key in quotes"));
            }
            let key = self.string()?;
            self.skip_white_space();
            if !self.take(b':') {
                return Err(self.expected("expected `:` after the key"));
            }
            self.skip_white_space();
            let value = self.value(depth + 1)?;
            match members.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(first) => {
                    let kind = ParseErrorKind::DuplicateKey(first.key().clone());
                    self.note(Fault { kind, offset: key_at });
                }
            }
            if self.closes(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.expected("expected `,` or `}`"));
            }
            self.skip_white_space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        self.open(depth)?;
        let mut elements = Vec::new();
        if self.closes(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.closes(b']') {
                return Ok(Value::Array(elements));
            }
            if !self.take(b',') {
                return Err(self.expected("expected `,` or `]`"));
            }
            self.skip_white_space();
        }
    }

    /// Steps over the bracket that opens a container at this depth.
    fn open(&mut self, depth: usize) -> Result<(), Fault> {
        if depth >= self.limit {
            return Err(self.fault(ParseErrorKind::TooDeep { limit: self.limit }));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over white space, and over the closing bracket if it comes next.
    fn closes(&mut self, bracket: u8) -> bool {
        self.skip_white_space();
        self.take(bracket)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        match number::scan(&self.bytes[self.at..]) {
            Ok(length) => {
                let start = self.at;
                self.at += length;
                if matches!(self.peek(), Some(b'0'..=b'9')) {
                    return Err(self.fault(ParseErrorKind::Syntax("a number must not begin with a zero")));
                }
                Ok(Value::Number(Number::from_scanned(&self.text[start..self.at])))
            }
            Err(length) => {
                self.at += length;
                Err(self.expected("expected a digit"))
            }
        }
    }

    fn literal(&mut self, word: &'static str, value: Value) -> Result<Value, Fault> {
        for &byte in word.as_bytes() {
            if !self.take(byte) {
                return Err(self.expected("expected `true`, `false` or `null`"));
            }
        }
        Ok(value)
    }

    /// Steps over a string, from quote to quote, and decodes it. Most strings have no escape and are copied whole.
    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let mut decoded = String::new();
        loop {
            let start = self.at;
            let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
            let Some(length) = self.bytes[start..].iter().position(special) else {
                self.at = self.bytes.len();
                return Err(self.fault(ParseErrorKind::UnexpectedEnd));
            };
            self.at += length;
            // Both ends are beside ASCII bytes, so they are character boundaries.
            decoded.push_str(&self.text[start..self.at]);
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(decoded);
                }
                b'\\' => decoded.push(self.escape()?),
                _ => return Err(self.fault(ParseErrorKind::Syntax("a control character must be escaped"))),
            }
        }
    }

    /// Steps over one escape, or over the two that make a surrogate pair.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return Err(self.expected("unknown escape")),
        };
        self.at += 1;
        Ok(character)
    }

    /// `start` is where the escape's backslash stands, `self.at` where its `u` does.
    fn unicode_escape(&mut self, start: usize) -> Result<char, Fault> {
        let first = self.four_hex_digits()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let high = first < 0xDC00;
        if high && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 1;
            let second = self.four_hex_digits()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                // Two halves always make a character of the supplementary planes.
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // The text is refused, so it does not matter what the second escape stands for.
        }
        self.note(Fault { kind: ParseErrorKind::LoneSurrogate, offset: start });
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// Steps over `u` and four hexadecimal digits.
    fn four_hex_digits(&mut self) -> Result<u32, Fault> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.expected("expected four hexadecimal digits")) };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn note(&mut self, flaw: Fault) {
        self.flaw.get_or_insert(flaw);
    }

    fn expected(&self, wanted: &'static str) -> Fault {
        self.fault(match self.peek() {
            None => ParseErrorKind::UnexpectedEnd,
            Some(_) => ParseErrorKind::Syntax(wanted),
        })
    }

    fn fault(&self, kind: ParseErrorKind) -> Fault {
        Fault { kind, offset: self.at }
    }
}

#[cfg(test)]
mod tests;
