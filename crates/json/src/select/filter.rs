//! Filters (RFC 9535 §2.3.5), asked of the children of one array or object at a time.
//!
//! The library decides what passes. It is given nothing but those children (and the whole document, where a filter looks
//! there), so that it does no more than was counted; and only filters whose cost is about the size of what they are
//! asked of.

use std::ops::Range;

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use crate::Document;
use crate::document::tape::Node;
use crate::path::evaluate::copy_number;
use crate::path::syntax::{Fault, for_library, skip_quoted};

/// A filter that can be asked.
pub(super) struct Filter {
    /// Selects, in an object with the children as the array `c` and the document as `r`, the children that pass.
    query: JsonPath,
    asks_root: bool,
    /// How often it is taken to look at each value of what it is asked of: only part of a usual filter looks further than
    /// at a member.
    pub(super) weight: usize,
}

impl Filter {
    /// The filter that stands at this place of a path.
    pub(super) fn new(path: &str, place: Range<usize>) -> Result<Filter, Fault> {
        let start = place.start;
        let own = &path[place];
        let (rewritten, asks_root) =
            rewritten(own).map_err(|fault| Fault { offset: start + fault.offset, ..fault })?;
        let refused = |_| Fault { offset: start, expected: FILTER };
        let text = format!("$.c[{rewritten}]");
        let text = for_library(&text)?;
        let query = JsonPath::parse(&text).map_err(refused)?;
        Ok(Filter { query, asks_root, weight: 1 + own.len() / 16 })
    }

    /// The places of the children of a container that pass, in order. `scope` keeps the copy of the document.
    pub(super) fn passing(&self, document: &Document, container: Node, scope: &mut Scope) -> Vec<usize> {
        if self.asks_root && !scope.has_root {
            scope.set("r", copy(document, document.root()));
            scope.has_root = true;
        }
        scope.set("c", document.children(container.container).map(|child| copy(document, child)).collect());
        let located = self.query.query_located(&scope.value);
        let places = located.locations().filter_map(|location| match location.iter().next_back() {
            Some(PathElement::Index(index)) => Some(*index),
            _ => None,
        });
        places.collect()
    }
}

/// What filters are asked in.
pub(super) struct Scope {
    value: Value,
    has_root: bool,
}

impl Scope {
    pub(super) fn new() -> Scope {
        Scope { value: Value::Object(Default::default()), has_root: false }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.value[name] = value;
    }
}

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

/// The filter with `$` leading to where the scope has the document, and whether it does that.
fn rewritten(filter: &str) -> Result<(String, bool), Fault> {
    let mut out = String::with_capacity(filter.len() + 8);
    let mut open = Vec::new();
    let mut asks_root = false;
    let mut bytes = filter.bytes().enumerate();
    let mut copied = 0;
    while let Some((offset, byte)) = bytes.next() {
        let rest = &filter[offset..];
        let refuse = |expected| Err(Fault { offset, expected });
        match byte {
            b'\'' | b'"' => skip_quoted(&mut bytes, byte),
            b'[' | b'(' => open.push(byte),
            b']' | b')' => drop(open.pop()),
            b',' if open.last() == Some(&b'[') => return refuse(ONE_SELECTOR),
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
    Ok((out, asks_root))
}

/// Whether what follows this text is the argument of a function.
fn is_argument(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '\n', '\r']);
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
                let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
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

/// The value at a node as the library has values. Recurses as deep as the document nests.
fn copy(document: &Document, node: Node) -> Value {
    match document.kind(node) {
        b'"' => Value::String(document.string(node).into_owned()),
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'n' => Value::Null,
        b'{' => {
            let members = document.children(node.container);
            members.map(|member| (document.key(member).into_owned(), copy(document, member))).collect()
        }
        b'[' => document.children(node.container).map(|element| copy(document, element)).collect(),
        // Numbers are ASCII.
        _ => copy_number(&String::from_utf8_lossy(document.span(node))),
    }
}
