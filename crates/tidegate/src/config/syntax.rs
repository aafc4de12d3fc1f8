//! The file as TOML.
//!
//! Owns the call of the TOML parser and the wording of its errors. The parser recovers after an error, so all of a
//! file's syntax errors are reported together. What the rest of such a file means is not known for sure (a broken
//! header puts its keys into another table), so nothing else is reported before the syntax is right.

use toml::Spanned;
use toml::de::DeTable;

use super::error::{ConfigError, Problem};
use super::source::Source;

/// Parses the text of a file.
///
/// # Errors
/// All syntax errors, in the order of the file.
pub(super) fn parse(source: &Source) -> Result<Spanned<DeTable<'_>>, Vec<ConfigError>> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Ok(table);
    }
    let mut spans: Vec<_> = errors
        .into_iter()
        .map(|error| (error.span().unwrap_or(source.text().len()..source.text().len()), error))
        .collect();
    spans.sort_by_key(|(span, _)| span.start);
    // After an error the parser may stumble again over the rest of the line: the first is the one that helps.
    spans.dedup_by_key(|(span, _)| source.line(span.start));
    let report = |(span, error): (std::ops::Range<usize>, toml::de::Error)| {
        let line = source.line_text(span.start).trim();
        let problem =
            Problem::Syntax { help: help(line, error.message()), reason: error.message().to_owned() };
        ConfigError { place: source.place(&span), problem }
    };
    Err(spans.into_iter().map(report).collect())
}

/// What was probably meant by a line that is not TOML.
fn help(line: &str, message: &str) -> &'static str {
    if message.contains("duplicate key") {
        return "write each key, and each [table], once; remove one of the two";
    }
    if line.starts_with('[') {
        return "a header is alone on its line: [limits], [tls], [[origin]] or [[route]]";
    }
    match line.split_once('=') {
        None => "write `key = value`, as in `poll = \"500ms\"`",
        Some((_, value)) if value.trim().is_empty() => {
            "write a value after the `=`, as in `poll = \"500ms\"`"
        }
        Some((_, value)) if !value.trim_start().starts_with(['"', '\'', '[', '{']) => {
            "put text between quotes, as in `poll = \"500ms\"`; numbers, true and false stand without"
        }
        Some(_) => "close every quote and bracket, and put a comma between the values of a list",
    }
}
