//! What a filter asks about, from its text: whether that could cost too much, and which members it looks at.

use crate::path::syntax::{Fault, skip_quoted};

/// What is said of a place inside a filter that only the library reads.
pub(super) const FILTER: &str = "a filter, as in `?@.price > 10`: comparisons of single values, `&&`, `||`, `!`, and \
                                 the functions `length`, `count` and `value`";
const ONE_SELECTOR: &str =
    "one selector in the brackets: inside of a filter, several are refused for their cost";
const NO_DESCENT: &str = "a single `.`: inside of a filter, `..` is refused for its cost";
pub(super) const SINGULAR: &str =
    "a name or an index: inside of a filter, a query from `$` on has nothing else, for its cost";
const NO_ARGUMENT: &str = "a query from `@` on: a function of what `$` leads to is refused for its cost";
const NO_REGEX: &str = "`length`, `count` or `value`: `match` and `search` are not offered, for their cost";

/// What a filter's text says about it.
pub(super) struct Reading {
    /// The filter with `$` leading to the member `r` of the document.
    pub(super) text: String,
    /// Whether it looks there.
    pub(super) asks_root: bool,
    /// The only members of the values that it is asked of which it looks at; none where it looks at more than members.
    pub(super) names: Option<Vec<String>>,
}

/// Reads a filter that the library takes as one, from its `?` on.
pub(super) fn read(filter: &str) -> Result<Reading, Fault> {
    let mut out = String::with_capacity(filter.len() + 8);
    // The brackets around a place; a `?` stands for one with a filter of its own.
    let mut open = Vec::new();
    let mut asks_root = false;
    let mut names = Some(Vec::new());
    let mut bytes = filter.bytes().enumerate();
    let mut copied = 0;
    while let Some((offset, byte)) = bytes.next() {
        // Nothing of what is looked for begins inside of a character.
        let rest = filter.get(offset..).unwrap_or_default();
        let refuse = |expected| Err(Fault { offset, expected });
        match byte {
            b'\'' | b'"' => skip_quoted(&mut bytes, byte),
            b'[' | b'(' => open.push(byte),
            b']' | b')' => drop(open.pop()),
            b'?' if open.last() == Some(&b'[') => open.splice(open.len() - 1.., [b'?']).for_each(drop),
            b',' if matches!(open.last(), Some(b'[' | b'?')) => return refuse(ONE_SELECTOR),
            // Further inside, it stands for what is found in those members.
            b'@' if !open.contains(&b'?') => {
                names = names.zip(first_name(&rest[1..])).map(|(mut names, name)| {
                    names.push(name.to_owned());
                    names
                });
            }
            b'.' if rest.starts_with("..") => return refuse(NO_DESCENT),
            b'm' if rest.starts_with("match(") => return refuse(NO_REGEX),
            b's' if rest.starts_with("search(") => return refuse(NO_REGEX),
            b'$' if is_argument(&filter[..offset]) => return refuse(NO_ARGUMENT),
            b'$' => {
                check_singular(&rest[1..])
                    .map_err(|at| Fault { offset: offset + 1 + at, expected: SINGULAR })?;
                out.push_str(&filter[copied..=offset]);
                out.push_str(".r");
                (copied, asks_root) = (offset + 1, true);
            }
            _ => {}
        }
    }
    out.push_str(&filter[copied..]);
    Ok(Reading { text: out, asks_root, names })
}

/// The name with which the segments at the beginning of a text begin; none where that is anything else, or has escapes.
fn first_name(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(SPACE);
    if let Some(name) = text.strip_prefix('.') {
        let end = name.bytes().position(|byte| !in_name(byte)).unwrap_or(name.len());
        return Some(&name[..end]).filter(|name| !name.is_empty());
    }
    let quoted = text.strip_prefix('[')?.trim_start_matches(SPACE);
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, _) = quoted[1..].split_once(quote)?;
    (!name.contains('\\')).then_some(name)
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Whether what follows this text is the argument of a function.
fn is_argument(before: &str) -> bool {
    let before = before.trim_end_matches(SPACE);
    before.strip_suffix('(').is_some_and(|before| before.ends_with(|c: char| c.is_ascii_lowercase()))
}

/// Goes over the segments at the beginning of a text that is well-formed, up to where there is no more; says where one
/// is no name and no index.
fn check_singular(text: &str) -> Result<(), usize> {
    let mut bytes = text.bytes().enumerate().peekable();
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    loop {
        while bytes.next_if(|(_, byte)| is_space(*byte)).is_some() {}
        match bytes.next() {
            Some((_, b'.')) => {
                if let Some((at, _)) = bytes.next_if(|(_, byte)| matches!(byte, b'*' | b'.')) {
                    return Err(at);
                }
                while bytes.next_if(|(_, byte)| in_name(*byte)).is_some() {}
            }
            Some((_, b'[')) => loop {
                match bytes.next() {
                    Some((_, quote @ (b'\'' | b'"'))) => skip_quoted(&mut bytes, quote),
                    Some((_, b']')) | None => break,
                    Some((at, b'*' | b':' | b'?' | b',')) => return Err(at),
                    Some(_) => {}
                }
            },
            _ => return Ok(()),
        }
    }
}
