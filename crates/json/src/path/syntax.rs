//! The text of a path: its segments, and where it goes wrong.
//!
//! Owns the grammar outside of filters (RFC 9535 §2.1 to §2.5). It exists because the library keeps its syntax tree to
//! itself and says of many errors only that there is one. What it lets pass is not therefore a path: that is the
//! library's word.

use std::borrow::Cow;
use std::ops::Range;

use super::JsonPath;
use super::segment::{Segment, Selector, Slice};

/// Where a text goes wrong, in bytes, and what should stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) expected: &'static str,
}

/// The largest integer of I-JSON (RFC 7493 §2.2), the limit of indexes and slices (RFC 9535 §2.1).
const MAX_INTEGER: u64 = (1 << 53) - 1;

const SELECTOR: &str = "a name in quotes, an index, a slice, `*` or a filter `?…`";
const INTEGER: &str = "an integer without leading zeros, between -(2^53-1) and 2^53-1";
const ESCAPE: &str = "an escape of a JSON string, or `\\` before the quote that the name is in";
const DIGITS: &str = "four hexadecimal digits after `\\u`";

/// The text as the library can take it, of the same length.
///
/// It refuses what would make the library slow (see [`JsonPath::MAX_NESTING`]), and two faults of the library are kept
/// from mattering: it panics where a text ends within `\u` and its digits, and it refuses the digits of a high surrogate
/// that are not capitals (RFC 9535 §2.3.1.1 takes both, as ABNF does).
pub(crate) fn for_library(text: &str) -> Result<Cow<'_, str>, Fault> {
    let mut prepared = Cow::Borrowed(text);
    let mut bytes = text.bytes().enumerate();
    let mut depth = 0;
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'[' | b'(' if depth == JsonPath::MAX_NESTING => {
                return Err(Fault { offset, expected: "at most ten brackets and parentheses in each other" });
            }
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            b'\'' | b'"' => {
                skip_quoted(&mut bytes, byte);
                let end = bytes.clone().next().map_or(text.len(), |(end, _)| end);
                capitals(&mut prepared, offset..end)?;
            }
            _ => {}
        }
    }
    Ok(prepared)
}

/// Makes the digits of all `\u` in a quoted text capitals.
fn capitals(text: &mut Cow<'_, str>, quoted: Range<usize>) -> Result<(), Fault> {
    let mut bytes = text.as_bytes()[quoted.clone()].iter().zip(quoted.start..);
    let mut escapes = Vec::new();
    while let Some((byte, offset)) = bytes.next() {
        if *byte == b'\\' && bytes.next().is_some_and(|(escaped, _)| *escaped == b'u') {
            escapes.push(offset);
        }
    }
    for offset in escapes {
        let digits = offset + 2..offset + 6;
        let found =
            text.get(digits.clone()).filter(|found| found.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(found) = found else { return Err(Fault { offset, expected: DIGITS }) };
        if found.bytes().any(|byte| byte.is_ascii_lowercase()) {
            text.to_mut()[digits].make_ascii_uppercase();
        }
    }
    Ok(())
}

/// Goes on behind the quote that closes, or to the end.
pub(crate) fn skip_quoted(bytes: &mut impl Iterator<Item = (usize, u8)>, quote: u8) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            byte if byte == quote => return,
            _ => {}
        }
    }
}

/// The segments of a path. What stands in its filters is not looked at.
pub(crate) fn segments(text: &str) -> Result<Vec<Segment>, Fault> {
    let mut reader = Reader { text, at: 0 };
    let mut segments = Vec::new();
    if !reader.take("$") {
        return reader.fault("`$`, the whole document");
    }
    loop {
        let end = reader.at;
        reader.skip_space();
        if reader.rest().is_empty() {
            if reader.at > end {
                reader.at = end;
                return reader.fault("the end: no white space follows a path");
            }
            return Ok(segments);
        }
        if reader.at > end && reader.rest().starts_with("..") {
            reader.at = end;
            return reader.fault("`..` without white space before it");
        }
        segments.push(reader.segment()?);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        // `at` only ever moves over whole characters.
        &self.text[self.at..]
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn fault<T>(&self, expected: &'static str) -> Result<T, Fault> {
        Err(Fault { offset: self.at, expected })
    }

    fn segment(&mut self) -> Result<Segment, Fault> {
        if self.take("..") {
            let selectors = match self.take("[") {
                true => self.bracketed()?,
                false => vec![self.shorthand("a name, `*` or `[` after `..`")?],
            };
            return Ok(Segment { descends: true, selectors });
        }
        let selectors = if self.take("[") {
            self.bracketed()?
        } else if self.take(".") {
            let expected = match self.rest().bytes().next() {
                Some(b'0'..=b'9') => "a name or `*` after `.`; an index is written `[0]`",
                Some(b'\'' | b'"' | b'[') => {
                    "a name without quotes or `*` after `.`; in brackets, without the `.`"
                }
                _ => "a name or `*` after `.`",
            };
            vec![self.shorthand(expected)?]
        } else {
            let inside_name =
                self.at > 1 && !self.text[..self.at].ends_with([']', '*', ' ', '\t', '\n', '\r']);
            return self.fault(match self.rest().bytes().next() {
                Some(b'-') if inside_name => "`.`, `[` or the end; such a name is written `['…']`",
                _ => "`.`, `[` or the end",
            });
        };
        Ok(Segment { descends: false, selectors })
    }

    /// `*`, or a name without quotes (RFC 9535 §2.5.1.1).
    fn shorthand(&mut self, expected: &'static str) -> Result<Selector, Fault> {
        if self.take("*") {
            return Ok(Selector::Wildcard);
        }
        let rest = self.rest();
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        if !rest.starts_with(begins) {
            return self.fault(expected);
        }
        let length = rest.find(|c: char| !begins(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        Ok(Selector::Name(rest[..length].to_owned()))
    }

    /// The selectors up to the closing bracket.
    fn bracketed(&mut self) -> Result<Vec<Selector>, Fault> {
        let mut selectors = Vec::new();
        loop {
            self.skip_space();
            selectors.push(self.selector()?);
            self.skip_space();
            if self.take("]") {
                return Ok(selectors);
            }
            if !self.take(",") {
                return self.fault("`,` or `]`");
            }
        }
    }

    fn selector(&mut self) -> Result<Selector, Fault> {
        match self.rest().bytes().next() {
            Some(b'*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some(b'\'' | b'"') => self.quoted().map(Selector::Name),
            Some(b'?') => {
                let start = self.at;
                self.skip_filter();
                Ok(Selector::Filter(start..self.at))
            }
            Some(b'-' | b':' | b'0'..=b'9') => self.index_or_slice(),
            _ => self.fault(SELECTOR),
        }
    }

    /// An index or a slice (RFC 9535 §2.3.3 and §2.3.4).
    fn index_or_slice(&mut self) -> Result<Selector, Fault> {
        let first = self.optional_integer()?;
        let end = self.at;
        self.skip_space();
        if let Some(index) = first
            && !self.rest().starts_with(':')
        {
            self.at = end;
            return Ok(Selector::Index(index));
        }
        let mut others = [None, None];
        for other in &mut others {
            if !self.take(":") {
                break;
            }
            self.skip_space();
            *other = self.optional_integer()?;
            self.skip_space();
        }
        let [end, step] = others;
        Ok(Selector::Slice(Slice { start: first, end, step }))
    }

    fn optional_integer(&mut self) -> Result<Option<i64>, Fault> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let negative = digits.len() < rest.len();
        let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
        if digits.is_empty() && !negative {
            return Ok(None);
        }
        // `-0` is refused as well: an integer has one spelling (§2.3.3.1).
        let zero_first = digits.starts_with('0') && (digits.len() > 1 || negative);
        match digits.parse::<u64>() {
            Ok(magnitude) if magnitude <= MAX_INTEGER && !zero_first => {
                self.at += usize::from(negative) + digits.len();
                // It fits: it has 53 bits.
                let magnitude = magnitude as i64;
                Ok(Some(if negative { -magnitude } else { magnitude }))
            }
            _ => self.fault(INTEGER),
        }
    }

    /// Goes to what ends a filter: a comma or a bracket outside of everything that the filter opened.
    fn skip_filter(&mut self) {
        let mut bytes = self.rest().bytes().enumerate();
        let mut depth = 0_u32;
        let length = loop {
            let Some((offset, byte)) = bytes.next() else { break self.rest().len() };
            match byte {
                b'\'' | b'"' => skip_quoted(&mut bytes, byte),
                b'[' | b'(' => depth += 1,
                b',' | b']' | b')' if depth == 0 => break offset,
                b']' | b')' => depth -= 1,
                _ => {}
            }
        };
        self.at += length;
    }

    /// A name in quotes (RFC 9535 §2.3.1.1).
    fn quoted(&mut self) -> Result<String, Fault> {
        let mut name = String::new();
        let quote = if self.rest().starts_with('"') { '"' } else { '\'' };
        self.at += 1;
        loop {
            let Some(character) = self.rest().chars().next() else { return self.fault("a closing quote") };
            match character {
                '\\' => name.push(self.escape(quote)?),
                '\0'..='\u{1f}' => return self.fault("an escape: a name in quotes has no control character"),
                _ => self.at += character.len_utf8(),
            }
            match character {
                '\\' => {}
                end if end == quote => return Ok(name),
                other => name.push(other),
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<char, Fault> {
        let Some(escaped) = self.rest()[1..].chars().next() else { return self.fault(ESCAPE) };
        let character = match escaped {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            '/' | '\\' => escaped,
            'u' => return self.unicode(),
            other if other == quote => other,
            _ => return self.fault(ESCAPE),
        };
        self.at += 2;
        Ok(character)
    }

    /// `\u` with four digits, or two of them that are a pair of surrogates.
    fn unicode(&mut self) -> Result<char, Fault> {
        let unit = |at: usize| {
            let digits = self.text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
            let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            hexadecimal.then(|| u16::from_str_radix(digits, 16).ok())?
        };
        let Some(first) = unit(self.at) else { return self.fault(DIGITS) };
        let second = unit(self.at + 6).filter(|_| (0xD800..0xDC00).contains(&first));
        match char::decode_utf16([Some(first), second].into_iter().flatten()).next() {
            Some(Ok(character)) => {
                self.at += if second.is_some() { 12 } else { 6 };
                Ok(character)
            }
            _ => self.fault("both halves of a surrogate pair, the high one first"),
        }
    }
}
