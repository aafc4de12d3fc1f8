//! From a document and its marks to lines of styled text. Pure.
//!
//! What fits on a line stands on one line; what does not is opened. Nothing of the document reaches the terminal as a
//! control character.

use std::borrow::Cow;
use std::time::Instant;

use tidegate_core::json::Value;

use super::marks::{Marks, Recency, recency};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Values and punctuation.
    Plain,
    /// Member names.
    Name,
    /// What changed.
    Changed(Recency),
}

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// One line of the screen.
pub(super) type Line = Vec<Span>;

/// A document as lines.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) lines: Vec<Line>,
    /// The first line with the newest change.
    pub(super) first_change: Option<usize>,
}

/// Characters that a terminal would obey instead of showing become their number.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    // Besides the control characters, those that turn the direction of what follows.
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| match character {
        hidden if is_hidden(hidden) => format!("\\u{:04x}", u32::from(hidden)),
        shown => shown.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Renders JSON for a screen of `width` columns.
pub(super) fn render_json(value: &Value, marks: &Marks, now: Instant, width: usize) -> Rendered {
    let mut writer = Writer { now, width, line: Vec::new(), newest: None, out: Rendered::default() };
    writer.write(value, Some(marks), None, 0, "");
    writer.end_line();
    writer.out
}

/// Renders text; the lines in `changed` came at that time.
pub(super) fn render_text(text: &str, changed: &[Option<Instant>], now: Instant) -> Rendered {
    let newest = changed.iter().flatten().max();
    let lines = text.lines().enumerate().map(|(index, line)| {
        let style = changed.get(index).copied().flatten().and_then(|at| recency(at, now));
        let text = printable(&line.replace('\t', "    ")).into_owned();
        vec![Span { text, style: style.map_or(Style::Plain, Style::Changed) }]
    });
    let first_change = newest.and_then(|newest| changed.iter().position(|at| at.as_ref() == Some(newest)));
    Rendered { lines: lines.collect(), first_change }
}

/// When each line of `new` came: those of `old` keep their time while they are equal.
pub(super) fn changed_lines(
    old: &str,
    changed: &[Option<Instant>],
    new: &str,
    now: Instant,
) -> Vec<Option<Instant>> {
    let mut old = old.lines();
    let times = new.lines().enumerate().map(|(index, line)| {
        if old.next() == Some(line) { changed.get(index).copied().flatten() } else { Some(now) }
    });
    times.collect()
}

/// The columns that a container takes on one line, if that is at most `room`. Stops as soon as it is more.
fn inline_width(value: &Value, room: usize) -> Option<usize> {
    // Depth is no danger: every level takes two columns of the room.
    let taken = |used: usize, value: &Value| Some(used + inline_width(value, room.checked_sub(used)?)?);
    let width = match value {
        Value::Array(elements) => elements.iter().try_fold(2, |used, element| taken(used + 2, element))?,
        Value::Object(members) => members
            .iter()
            .try_fold(2, |used, (name, member)| taken(used + quoted(name).chars().count() + 4, member))?,
        scalar => scalar_text(scalar).chars().count(),
    };
    (width <= room).then_some(width)
}

fn quoted(text: &str) -> String {
    printable(&Value::String(text.to_owned()).to_text()).into_owned()
}

/// The text of anything but a container with something in it.
fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_text(),
    }
}

struct Writer {
    now: Instant,
    width: usize,
    line: Line,
    newest: Option<Instant>,
    out: Rendered,
}

impl Writer {
    fn push(&mut self, text: impl Into<String>, changed: Option<Instant>, otherwise: Style) {
        let visible = changed.and_then(|at| Some((at, recency(at, self.now)?)));
        if let Some((at, _)) = visible.filter(|(at, _)| self.newest.is_none_or(|newest| *at > newest)) {
            self.newest = Some(at);
            self.out.first_change = Some(self.out.lines.len());
        }
        let style = visible.map_or(otherwise, |(_, recency)| Style::Changed(recency));
        let text = text.into();
        match self.line.last_mut() {
            Some(last) if last.style == style => last.text.push_str(&text),
            _ => self.line.push(Span { text, style }),
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.out.lines.push(line);
    }

    fn indent(&mut self, depth: usize) {
        // Deeper than half the screen it would only push the values out of it.
        self.push(" ".repeat((2 * depth).min(self.width / 2)), None, Style::Plain);
    }

    /// Writes a value to the current line, and opens further lines when it does not fit. `inherited` is when the
    /// container around it came; `tail` is what follows it.
    fn write(
        &mut self,
        value: &Value,
        marks: Option<&Marks>,
        inherited: Option<Instant>,
        depth: usize,
        tail: &str,
    ) {
        let came = marks.and_then(Marks::whole).max(inherited);
        // Something that went away is shown at the brackets around it.
        let brackets = marks.and_then(Marks::shrunk).max(came);
        let used: usize = self.line.iter().map(|span| span.text.chars().count()).sum();
        let room = self.width.saturating_sub(used + tail.len());
        let is_open = depth == 0 || inline_width(value, room).is_none();
        match value {
            Value::Array(elements) if !elements.is_empty() => {
                let children = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| (None, element, marks.and_then(|marks| marks.element(index))));
                self.write_children("[", children, "]", (came, brackets), is_open, depth);
            }
            Value::Object(members) if !members.is_empty() => {
                let children = members.iter().map(|(name, member)| {
                    (Some(name.as_str()), member, marks.and_then(|marks| marks.member(name)))
                });
                self.write_children("{", children, "}", (came, brackets), is_open, depth);
            }
            scalar => self.push(scalar_text(scalar), brackets, Style::Plain),
        }
        if !tail.is_empty() {
            self.push(tail, None, Style::Plain);
        }
    }

    fn write_children<'a>(
        &mut self,
        open: &str,
        children: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Value, Option<&'a Marks>)>,
        close: &str,
        (came, brackets): (Option<Instant>, Option<Instant>),
        is_open: bool,
        depth: usize,
    ) {
        self.push(open, brackets, Style::Plain);
        let last = children.len() - 1;
        for (index, (name, child, marks)) in children.enumerate() {
            if is_open {
                self.end_line();
                self.indent(depth + 1);
            }
            if let Some(name) = name {
                self.push(quoted(name), came, Style::Name);
                self.push(": ", None, Style::Plain);
            }
            let tail = match (index == last, is_open) {
                (true, _) => "",
                (false, true) => ",",
                (false, false) => ", ",
            };
            self.write(child, marks, came, depth + 1, tail);
        }
        if is_open {
            self.end_line();
            self.indent(depth);
        }
        self.push(close, brackets, Style::Plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::marks::tests::value;
    use tidegate_core::json::Patch;

    /// Lines as text, with `*` around what is fresh.
    fn text(rendered: &Rendered) -> String {
        let line = |line: &Line| -> String {
            let span = |span: &Span| match span.style {
                Style::Changed(Recency::Fresh) => format!("*{}*", span.text),
                Style::Changed(Recency::Fading) => format!("~{}~", span.text),
                Style::Plain | Style::Name => span.text.clone(),
            };
            line.iter().map(span).collect()
        };
        rendered.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_fits_stands_on_one_line_and_what_changed_is_marked() {
        let check = |before: &str, patch: &str, width: usize, first: Option<usize>, expected: &str| {
            let (mut document, mut marks, now) = (value(before), Marks::default(), Instant::now());
            marks.apply(&mut document, &Patch::parse(patch.as_bytes()).unwrap(), now).unwrap();
            let rendered = render_json(&document, &marks, now, width);
            assert_eq!(text(&rendered), expected);
            assert_eq!(rendered.first_change, first);
        };
        let quotes = r#"{"time":7,"quotes":[{"s":"A","p":1.10},{"s":"B","p":2.00}]}"#;
        check(
            quotes,
            r#"[{"op":"replace","path":"/quotes/1/p","value":2.10}]"#,
            30,
            Some(4),
            "{\n  \"time\": 7,\n  \"quotes\": [\n    {\"s\": \"A\", \"p\": 1.10},\n    {\"s\": \"B\", \"p\": *2.10*}\n  ]\n}",
        );
        check(
            quotes,
            r#"[{"op":"remove","path":"/quotes/0"},{"op":"add","path":"/new","value":{"x":[]}}]"#,
            80,
            Some(2),
            "{\n  \"time\": 7,\n  \"quotes\": *[*{\"s\": \"B\", \"p\": 2.00}*]*,\n  \"new\": *{\"x\"*: *[]}*\n}",
        );
        check(
            r#"{"a":{"b":{"c":1}}}"#,
            "[]",
            10,
            None,
            "{\n  \"a\": {\n    \"b\": {\n     \"c\": 1\n    }\n  }\n}",
        );
        check("[]", r#"[{"op":"replace","path":"","value":1}]"#, 10, Some(0), "*1*");
        check("[1]", r#"[{"op":"remove","path":"/0"}]"#, 10, Some(0), "*[]*");
    }

    #[test]
    fn older_changes_fade_and_the_newest_is_the_first() {
        let (mut document, mut marks, start) = (value("[1,2]"), Marks::default(), Instant::now());
        let replace = |path: &str| {
            Patch::parse(format!(r#"[{{"op":"replace","path":"{path}","value":0}}]"#).as_bytes())
        };
        marks.apply(&mut document, &replace("/0").unwrap(), start).unwrap();
        let now = start + std::time::Duration::from_millis(800);
        marks.apply(&mut document, &replace("/1").unwrap(), now).unwrap();
        let rendered = render_json(&document, &marks, now, 80);
        assert_eq!((text(&rendered).as_str(), rendered.first_change), ("[\n  ~0~,\n  *0*\n]", Some(2)));
    }

    #[test]
    fn text_is_marked_by_lines() {
        let now = Instant::now();
        let changed = changed_lines("a\nb\nc", &[], "a\nx\nc\n\td", now);
        let rendered = render_text("a\nx\nc\n\td", &changed, now);
        assert_eq!((text(&rendered).as_str(), rendered.first_change), ("a\n*x*\nc\n*    d*", Some(1)));
        assert_eq!(changed_lines("a", &[Some(now)], "a", now), [Some(now)]);
    }

    #[test]
    fn nothing_is_obeyed() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}\u{202e}é"), "a\\u001b[2J\\u009b\\u202eé");
        let rendered = render_json(&value(r#"["\u001b\u009b"]"#), &Marks::default(), Instant::now(), 80);
        assert_eq!(text(&rendered), "[\n  \"\\u001b\\u009b\"\n]");
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let rendered = render_json(&value(&deep), &Marks::default(), Instant::now(), 80);
        assert!(
            rendered.lines.iter().all(|line| line.iter().map(|span| span.text.len()).sum::<usize>() <= 80)
        );
    }
}
