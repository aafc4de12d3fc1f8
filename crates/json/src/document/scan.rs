//! The grammar: from bytes to a tape, strict RFC 8259.
//!
//! Owns what is accepted and refused; [`follow`](super::follow) skips what an earlier text already had. It builds no
//! values. Where it recurses, the caller's depth limit bounds it.

use std::sync::Arc;

use super::Document;
use super::follow::{Guide, Taken};
use super::tape::{Container, NONE, Node, Tape};
use crate::keys::{KeySpan, second_of_twins};
use crate::parse::{BYTE_ORDER_MARK, Fault, ParseError, ParseErrorKind};
use crate::search::{is_white_space, plain_string};
use crate::{number, strings};

/// What came of scanning a text.
pub(crate) struct Scanned {
    pub(crate) tape: Tape,
    /// How many of its bytes are insignificant.
    pub(crate) spaces: usize,
    /// How deep it nests at most; what was taken over counts as deep as the earlier text.
    pub(crate) depth: usize,
    /// What was taken over from the earlier text.
    pub(crate) taken: Vec<Taken>,
}

/// Scans one JSON text. `like`, which nests no deeper than is allowed, is a text that it may have parts in common with.
pub(crate) fn scan(text: &[u8], max_depth: usize, like: Option<&Document>) -> Result<Scanned, ParseError> {
    let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let (entries, containers) = match like {
        Some(like) => (like.tape.starts.len() + 64, like.tape.containers.len() + 16),
        None => (text.len() / 12, text.len() / 128),
    };
    let mut scanner = Scanner {
        bytes: text,
        at,
        limit: max_depth,
        starts: Vec::with_capacity(entries),
        containers: Vec::with_capacity(containers),
        spaces: at,
        flaw: None,
        keys: Vec::new(),
        shapes: Vec::new(),
        guide: like.map(Guide::new),
        deepest: 0,
        taken: Vec::new(),
    };
    let scanned = if u32::try_from(text.len()).is_err() {
        Err(Fault { kind: ParseErrorKind::TooLong, offset: 0 })
    } else {
        scanner.text()
    };
    match (scanned, scanner.flaw.take()) {
        (Ok(()), None) => Ok(scanner.finish()),
        (Ok(()), Some(flaw)) => Err(ParseError::new(flaw, text)),
        (Err(fault), _) => Err(refused(fault, text)),
    }
}

/// What is no UTF-8 is said to be that, whatever else is wrong.
#[cold]
fn refused(fault: Fault, text: &[u8]) -> ParseError {
    match std::str::from_utf8(text) {
        Ok(_) => ParseError::new(fault, text),
        Err(error) => {
            ParseError::new(Fault { kind: ParseErrorKind::InvalidUtf8, offset: error.valid_up_to() }, text)
        }
    }
}

pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    limit: usize,
    pub(super) starts: Vec<u32>,
    pub(super) containers: Vec<Container>,
    spaces: usize,
    /// What makes this text no document of ours although it is well-formed so far.
    flaw: Option<Fault>,
    /// The keys of the objects that are open.
    pub(super) keys: Vec<KeySpan>,
    /// For each depth, the keys of the last object there, which are known to differ from each other. Rows have the
    /// same keys one after another: each then costs one comparison.
    shapes: Vec<Vec<KeySpan>>,
    pub(super) guide: Option<Guide<'a>>,
    deepest: usize,
    pub(super) taken: Vec<Taken>,
}

impl<'a> Scanner<'a> {
    fn finish(mut self) -> Scanned {
        // Reserved by estimate; what is far too much is given back.
        if self.starts.capacity() > self.starts.len() + self.starts.len() / 4 {
            self.starts.shrink_to_fit();
        }
        if self.containers.capacity() > self.containers.len() + self.containers.len() / 4 {
            self.containers.shrink_to_fit();
        }
        let tape = Tape { starts: Arc::new(self.starts), containers: Arc::new(self.containers) };
        let taken_over = match &self.guide {
            Some(guide) if !self.taken.is_empty() => guide.like.depth,
            _ => 0,
        };
        let depth = self.deepest.max(taken_over);
        Scanned { tape, spaces: self.spaces, depth, taken: self.taken }
    }

    fn text(&mut self) -> Result<(), Fault> {
        self.skip_white_space();
        let guide = self.guide.as_ref().map(|guide| guide.like.root());
        self.value(0, NONE, 0, guide)?;
        self.skip_white_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(ParseErrorKind::TrailingBytes)),
        }
    }

    /// `depth`: how many arrays and objects are open; `guide`: what stood here in the earlier text.
    fn value(&mut self, depth: usize, parent: u32, ordinal: u32, guide: Option<Node>) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => {
                self.starts.push(self.at as u32);
                self.string().map(|_| ())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.object(depth, parent, ordinal, guide),
            Some(b'[') => self.array(depth, parent, ordinal, guide),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.expected("expected a value")),
        }
    }

    fn object(&mut self, depth: usize, parent: u32, ordinal: u32, guide: Option<Node>) -> Result<(), Fault> {
        let id = self.open(depth, parent, ordinal)?;
        if self.closes(b'}', id) {
            return Ok(());
        }
        let mut trail = self.trail(guide, b'{');
        let first_key = self.keys.len();
        let mut same_shape = true;
        let mut ordinal = 0;
        loop {
            if let Some(trail) = &mut trail
                && let Some(followed) = self.follow(trail, id, ordinal)
            {
                ordinal += followed;
                same_shape = false;
            } else {
                let key = self.key(depth, self.keys.len() - first_key, &mut same_shape)?;
                self.keys.push(key);
                let guide = trail.as_mut().and_then(|trail| trail.guide_for_key(self.bytes, key));
                self.value(depth + 1, id, ordinal, guide)?;
                ordinal += 1;
            }
            if self.closes(b'}', id) {
                let keys = &self.keys[first_key..];
                let known = trail.as_ref().is_some_and(|trail| trail.knows_no_twins(self.bytes, keys));
                if !same_shape && !known {
                    self.check_keys(depth, first_key);
                }
                self.keys.truncate(first_key);
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("expected `,` or `}`"));
            }
            self.skip_white_space();
        }
    }

    /// Steps over a key and its colon. `place` is the key's among its object's.
    #[inline(always)]
    fn key(&mut self, depth: usize, place: usize, same_shape: &mut bool) -> Result<KeySpan, Fault> {
        let start = self.at;
        if *same_shape {
            if let Some(expected) = self.shapes.get(depth).and_then(|shape| shape.get(place)) {
                let text = &self.bytes[expected.start as usize..expected.end as usize];
                if self.bytes.get(start..start + text.len()) == Some(text) {
                    self.at += text.len();
                    let key = KeySpan { start: start as u32, end: self.at as u32, escaped: expected.escaped };
                    self.colon()?;
                    return Ok(key);
                }
            }
            *same_shape = false;
        }
        if self.peek() != Some(b'"') {
            return Err(self.expected("expected a key in quotes"));
        }
        let escaped = self.string()?;
        let key = KeySpan { start: start as u32, end: self.at as u32, escaped };
        self.colon()?;
        Ok(key)
    }

    #[inline(always)]
    fn colon(&mut self) -> Result<(), Fault> {
        self.skip_white_space();
        if !self.take(b':') {
            return Err(self.expected("expected `:` after the key"));
        }
        self.skip_white_space();
        Ok(())
    }

    /// Looks for a key that the object that ends here has twice; if there is none, its keys are the shape to expect
    /// next at this depth.
    #[inline(never)]
    fn check_keys(&mut self, depth: usize, first_key: usize) {
        let keys = &self.keys[first_key..];
        if let Some(second) = second_of_twins(self.bytes, keys) {
            let raw = &self.bytes[second.start as usize + 1..second.end as usize - 1];
            let kind = ParseErrorKind::DuplicateKey(strings::decode(raw).into_owned());
            self.note(Fault { kind, offset: second.start as usize });
            return;
        }
        if self.shapes.len() <= depth {
            self.shapes.resize_with(depth + 1, Vec::new);
        }
        self.shapes[depth].clear();
        self.shapes[depth].extend_from_slice(keys);
    }

    fn array(&mut self, depth: usize, parent: u32, ordinal: u32, guide: Option<Node>) -> Result<(), Fault> {
        let id = self.open(depth, parent, ordinal)?;
        if self.closes(b']', id) {
            return Ok(());
        }
        let mut trail = self.trail(guide, b'[');
        let mut ordinal = 0;
        loop {
            if let Some(trail) = &mut trail
                && let Some(followed) = self.follow(trail, id, ordinal)
            {
                ordinal += followed;
            } else {
                let guide = trail.as_mut().and_then(|trail| trail.guide_for_next());
                let start = self.at;
                self.value(depth + 1, id, ordinal, guide)?;
                if let Some(trail) = &mut trail {
                    trail.missed(&self.bytes[start..self.at], self.guide.as_mut());
                }
                ordinal += 1;
            }
            if self.closes(b']', id) {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("expected `,` or `]`"));
            }
            self.skip_white_space();
        }
    }

    /// Steps over the bracket that opens a container, and gives the container's number.
    fn open(&mut self, depth: usize, parent: u32, ordinal: u32) -> Result<u32, Fault> {
        if depth >= self.limit {
            return Err(self.fault(ParseErrorKind::TooDeep { limit: self.limit }));
        }
        self.deepest = self.deepest.max(depth + 1);
        let id = self.containers.len() as u32;
        let open = self.starts.len() as u32;
        self.containers.push(Container { open, close: 0, parent, ordinal, next: 0 });
        self.starts.push(self.at as u32);
        self.at += 1;
        Ok(id)
    }

    /// Steps over white space, and over the closing bracket if it comes next.
    #[inline(always)]
    fn closes(&mut self, bracket: u8, id: u32) -> bool {
        self.skip_white_space();
        if self.peek() != Some(bracket) {
            return false;
        }
        let next = self.containers.len() as u32;
        let it = &mut self.containers[id as usize];
        it.close = self.starts.len() as u32;
        it.next = next;
        self.starts.push(self.at as u32);
        self.at += 1;
        true
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), Fault> {
        self.starts.push(self.at as u32);
        match number::scan(&self.bytes[self.at..]) {
            Ok(length) => {
                self.at += length;
                if matches!(self.peek(), Some(b'0'..=b'9')) {
                    return Err(self.fault(ParseErrorKind::Syntax("a number must not begin with a zero")));
                }
                Ok(())
            }
            Err(length) => {
                self.at += length;
                Err(self.expected("expected a digit"))
            }
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        self.starts.push(self.at as u32);
        for &byte in word.as_bytes() {
            if !self.take(byte) {
                return Err(self.expected("expected `true`, `false` or `null`"));
            }
        }
        Ok(())
    }

    /// Steps over a string, from quote to quote; says whether it has an escape.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Fault> {
        let token = string_token(self.bytes, self.at).inspect_err(|fault| self.at = fault.offset)?;
        self.at = token.end;
        if let Some(offset) = token.lone_surrogate {
            self.note(Fault { kind: ParseErrorKind::LoneSurrogate, offset });
        }
        Ok(token.escaped)
    }

    #[inline(always)]
    pub(super) fn skip_white_space(&mut self) {
        if self.bytes.get(self.at).is_some_and(|&byte| byte <= b' ') {
            let from = self.at;
            while self.bytes.get(self.at).is_some_and(|&byte| is_white_space(byte)) {
                self.at += 1;
            }
            self.spaces += self.at - from;
        }
    }

    pub(super) fn add_spaces(&mut self, spaces: usize) {
        self.spaces += spaces;
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Of several flaws the first in the text is told.
    fn note(&mut self, flaw: Fault) {
        if self.flaw.as_ref().is_none_or(|first| flaw.offset < first.offset) {
            self.flaw = Some(flaw);
        }
    }

    fn expected(&self, wanted: &'static str) -> Fault {
        expected(self.bytes, self.at, wanted)
    }

    fn fault(&self, kind: ParseErrorKind) -> Fault {
        Fault { kind, offset: self.at }
    }
}

fn expected(bytes: &[u8], at: usize, wanted: &'static str) -> Fault {
    let kind = match bytes.get(at) {
        None => ParseErrorKind::UnexpectedEnd,
        Some(_) => ParseErrorKind::Syntax(wanted),
    };
    Fault { kind, offset: at }
}

/// A string token.
pub(super) struct StringToken {
    /// The place after its closing quote.
    pub(super) end: usize,
    pub(super) escaped: bool,
    /// Where half of a surrogate pair stands.
    pub(super) lone_surrogate: Option<usize>,
}

/// The string whose opening quote stands at `start`: RFC 8259 §7, and UTF-8.
#[inline(always)]
pub(super) fn string_token(bytes: &[u8], start: usize) -> Result<StringToken, Fault> {
    let plain = plain_string(bytes, start + 1);
    if plain.ascii && bytes.get(plain.end) == Some(&b'"') {
        return Ok(StringToken { end: plain.end + 1, escaped: false, lone_surrogate: None });
    }
    unusual_string(bytes, start)
}

/// The same for strings that have escapes or other characters than ASCII's.
#[inline(never)]
fn unusual_string(bytes: &[u8], start: usize) -> Result<StringToken, Fault> {
    let mut token = StringToken { end: start + 1, escaped: false, lone_surrogate: None };
    let mut ascii = true;
    loop {
        let plain = plain_string(bytes, token.end);
        ascii &= plain.ascii;
        token.end = plain.end;
        match bytes.get(token.end) {
            Some(b'"') => break,
            Some(b'\\') => {
                token.escaped = true;
                escape(bytes, &mut token)?;
            }
            Some(_) => {
                let kind = ParseErrorKind::Syntax("a control character must be escaped");
                return Err(Fault { kind, offset: token.end });
            }
            None => return Err(Fault { kind: ParseErrorKind::UnexpectedEnd, offset: token.end }),
        }
    }
    if !ascii && let Err(error) = std::str::from_utf8(&bytes[start..token.end]) {
        return Err(Fault { kind: ParseErrorKind::InvalidUtf8, offset: start + error.valid_up_to() });
    }
    token.end += 1;
    Ok(token)
}

/// Steps over one escape, or over the two that make a surrogate pair.
fn escape(bytes: &[u8], token: &mut StringToken) -> Result<(), Fault> {
    let start = token.end;
    match bytes.get(start + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            token.end += 2;
            return Ok(());
        }
        Some(b'u') => {}
        _ => return Err(expected(bytes, start + 1, "unknown escape")),
    }
    let first = four_hex_digits(bytes, start + 2)?;
    token.end = start + 6;
    if !(0xD800..0xE000).contains(&first) {
        return Ok(());
    }
    if first < 0xDC00 && bytes[token.end..].starts_with(b"\\u") {
        let second = four_hex_digits(bytes, token.end + 2)?;
        token.end += 6;
        if (0xDC00..0xE000).contains(&second) {
            return Ok(());
        }
    }
    token.lone_surrogate.get_or_insert(start);
    Ok(())
}

fn four_hex_digits(bytes: &[u8], from: usize) -> Result<u32, Fault> {
    let mut code = 0;
    for at in from..from + 4 {
        let digit = bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let Some(digit) = digit else { return Err(expected(bytes, at, "expected four hexadecimal digits")) };
        code = code * 16 + digit;
    }
    Ok(code)
}

/// The place after the scalar that begins at `start`, where one stands there that a document of ours may have.
#[inline(always)]
pub(super) fn scalar_token(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => {
            let token = string_token(bytes, start).ok()?;
            token.lone_surrogate.is_none().then_some(token.end)
        }
        b'-' | b'0'..=b'9' => number::scan(&bytes[start..]).ok().map(|length| start + length),
        first => {
            let word: &[u8] = match first {
                b't' => b"true",
                b'f' => b"false",
                b'n' => b"null",
                _ => return None,
            };
            bytes[start..].starts_with(word).then_some(start + word.len())
        }
    }
}
