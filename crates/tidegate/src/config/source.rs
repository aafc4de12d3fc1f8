//! The text of a configuration file, and places in it.
//!
//! Owns the way from a byte offset to line, column and a quoted line. A quoted line is safe to print: control
//! characters are replaced (a file must not be able to steer a terminal), and what stands between `://` and `@` is
//! masked, because that is where passwords are written by mistake.

use std::ops::Range;
use std::sync::Arc;

/// A file's name and text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Arc<str>,
    text: Arc<str>,
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a place in a file.
    File(Location),
    /// In the file as a whole.
    WholeFile(Arc<str>),
    /// In a command line option.
    Option(&'static str),
}

/// A place in a file, with the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file's name, as it was given.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
    /// The line, or the part of a long one around the place, safe to print.
    pub excerpt: String,
    /// How many characters of the excerpt stand before the place.
    pub indent: usize,
}

/// The longest part of a line that is quoted, in characters.
const MAX_EXCERPT: usize = 160;

impl Source {
    /// A file's name (as errors show it) and its text.
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self { file: file.chars().map(clean).collect::<String>().into(), text: text.into() }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file as a whole.
    pub(super) fn whole(&self) -> Place {
        Place::WholeFile(self.file.clone())
    }

    /// The place of a span of bytes, its line quoted.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        self.locate(span, None)
    }

    /// The place of a key; the value after it is not quoted, because nobody knows what it holds.
    pub(super) fn place_of_unknown_key(&self, span: &Range<usize>) -> Place {
        self.locate(span, Some(span.end))
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.text.as_bytes()[..self.floor(offset)].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The offset itself, or the nearest one before it that does not split a character.
    fn floor(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        // At most three steps: no character is longer than four bytes, and offset 0 splits none.
        (0..=offset).rev().find(|offset| self.text.is_char_boundary(*offset)).unwrap_or(0)
    }

    /// The offsets of the line that holds an offset, without its end.
    fn line_around(&self, offset: usize) -> Range<usize> {
        let offset = self.floor(offset);
        let start = self.text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[offset..].find('\n').map_or(self.text.len(), |length| offset + length);
        start..end
    }

    /// The text of the line that holds an offset, without its end.
    pub(super) fn line_text(&self, offset: usize) -> &str {
        self.text[self.line_around(offset)].trim_end_matches('\r')
    }

    fn locate(&self, span: &Range<usize>, cut: Option<usize>) -> Place {
        let start = self.floor(span.start);
        let Range { start: line_start, end: line_end } = self.line_around(start);
        let end = self.floor(span.end).clamp(start, line_end);
        let mut shown = self.text
            [line_start..cut.map_or(line_end, |cut| self.floor(cut).clamp(start, line_end))]
            .trim_end_matches('\r')
            .to_owned();
        if cut.is_some() {
            shown.push_str(" = …");
        }
        let before = self.text[line_start..start].chars().count();
        let masked = mask_userinfo(&shown);
        // Of a long line, the part that begins a little before the place.
        let (excerpt, indent) = if before > MAX_EXCERPT / 2 {
            let skipped = before - MAX_EXCERPT / 4;
            (format!("…{}", masked.chars().skip(skipped).collect::<String>()), before - skipped + 1)
        } else {
            (masked, before)
        };
        Place::File(Location {
            file: self.file.clone(),
            line: self.line(start),
            column: before + 1,
            width: self.text[start..end].chars().count().max(1),
            excerpt: safe(&excerpt),
            indent,
        })
    }
}

/// The character, or a harmless one in place of one that could steer a terminal or reverse the reading direction.
fn clean(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}

/// A text that may be printed: cleaned, and shortened where it would fill the screen. One character stays one
/// character, so that columns still fit.
pub(super) fn safe(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_EXCERPT).map(clean).collect();
    if text.chars().nth(MAX_EXCERPT).is_some() {
        shown.push('…');
    }
    shown
}

/// Replaces user names and passwords in URLs by as many `*`.
///
/// A password may hold anything, quotes included, so everything from the first `://` to the last `@` after it is
/// masked: too much rather than too little.
pub fn mask_userinfo(text: &str) -> String {
    let Some(start) = text.find("://").map(|found| found + 3) else { return text.to_owned() };
    let length = text[start..].rfind('@').unwrap_or(0);
    let (before, rest) = text.split_at(start);
    let (userinfo, after) = rest.split_at(length);
    format!("{before}{}{after}", "*".repeat(userinfo.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str, span: Range<usize>) -> Location {
        match Source::new("f", text).place(&span) {
            Place::File(location) => location,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn places() {
        let check = |text: &str, span: Range<usize>, expected: (usize, usize, usize, &str)| {
            let got = location(text, span);
            assert_eq!((got.line, got.column, got.width, got.excerpt.as_str()), expected, "{text:?}");
        };
        check("a = 1\nb = 2\n", 0..1, (1, 1, 1, "a = 1"));
        check("a = 1\r\nb = 2\r\n", 11..12, (2, 5, 1, "b = 2"));
        check("é = 1", 5..6, (1, 5, 1, "é = 1"));
        check("a = \"\"\"\nx\"\"\"\n", 4..12, (1, 5, 3, "a = \"\"\""));
        check("a", 1..1, (1, 2, 1, "a"));
        check("a\n", 2..2, (2, 1, 1, ""));
        check("", 7..9, (1, 1, 1, ""));
        check("é", 1..1, (1, 1, 1, "é"));
        check("a\x1b[31m\t= 1", 0..1, (1, 1, 1, "a\u{fffd}[31m = 1"));
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(location(&"x".repeat(500), 0..500).excerpt.chars().count(), MAX_EXCERPT + 1);
        let far = location(&format!("{}Y{}", "x".repeat(300), "z".repeat(300)), 300..301);
        assert_eq!((far.column, far.excerpt.chars().nth(far.indent)), (301, Some('Y')));
        assert_eq!(far.excerpt.chars().count(), MAX_EXCERPT + 1);
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        let check = |text: &str, expected: &str| assert_eq!(mask_userinfo(text), expected);
        check("url = \"http://host/a@b\"", "url = \"http://******@b\"");
        check("'http://u:p@ss\"é@h'", "'http://********@h'");
        check("url = \"http://h\"", "url = \"http://h\"");
        check("no url, a@b", "no url, a@b");
    }
}
