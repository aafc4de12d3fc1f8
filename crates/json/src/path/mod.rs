//! JSONPath (RFC 9535): which nodes of a document a path selects.
//!
//! Owns the parsed path, its errors with their places, and two ways to ask: [`JsonPath::find`] evaluates a document,
//! [`JsonPath::selects`] decides from a location alone. The library has the last word on what a path is, and evaluates
//! filters, slices and indexes from the end; everything else is matched here, on our own values.
//!
//! Invariant: where both ways can answer, they agree (a property test holds them to it).
//!
//! It must not know what paths are for.

pub(crate) mod evaluate;
mod local;
pub(crate) mod segment;
pub(crate) mod syntax;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::{Pointer, Value};

use local::Segments;
use syntax::Fault;

/// A JSONPath, checked.
///
/// Local paths are equal when they have the same segments, however these are spelt: `$.a` and `$['a']` are. Others are
/// equal when they also abbreviate alike.
#[derive(Clone)]
pub struct JsonPath {
    text: Box<str>,
    query: serde_json_path::JsonPath,
    /// The steps, where a location alone decides.
    local: Option<Segments>,
}

/// One step from a value down to one of its members or elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step<'a> {
    /// To the member of an object that has this name.
    Name(&'a str),
    /// To this element of an array.
    Index(usize),
}

/// How far a path has come at a node: see [`JsonPath::start`]. As cheap as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached(u64);

/// The text is not a JSONPath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsePathError {
    /// Where, in bytes from the start of the text; always at a character.
    pub offset: usize,
    /// Which character that is, from 1.
    pub character: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl fmt::Display for ParsePathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a JSONPath: at character {}, expected {}", self.character, self.expected)
    }
}

impl std::error::Error for ParsePathError {}

/// What is said of a place inside a filter, which only the library reads.
pub(crate) const FILTER: &str = "a filter, as in `?@.price > 10`: comparisons of single values, `&&`, `||`, `!`, and the functions \
                      `length`, `count`, `value`, `match` and `search`";

impl JsonPath {
    /// Reads a path.
    ///
    /// Beyond RFC 9535 (which permits limits in §2.1), brackets and parentheses may be nested at most
    /// [`MAX_NESTING`](Self::MAX_NESTING) deep; and the library takes no white space before `..`.
    ///
    /// ```
    /// use tidegate_json::JsonPath;
    /// assert!(JsonPath::parse("$.rows[*]['last price']").is_ok());
    /// let error = JsonPath::parse("$.rows.0").unwrap_err();
    /// assert_eq!((error.character, error.expected), (8, "a name or `*` after `.`; an index is written `[0]`"));
    /// ```
    pub fn parse(text: &str) -> Result<JsonPath, ParsePathError> {
        let refuse = |fault: Fault| {
            let before = text.get(..fault.offset).unwrap_or(text);
            ParsePathError {
                offset: before.len(),
                character: before.chars().count() + 1,
                expected: fault.expected,
            }
        };
        let ours = syntax::segments(text);
        let prepared = match (syntax::for_library(text), &ours) {
            (Ok(prepared), _) => prepared,
            (Err(fault), Err(first)) if first.offset < fault.offset => return Err(refuse(*first)),
            (Err(fault), _) => return Err(refuse(fault)),
        };
        match serde_json_path::JsonPath::parse(&prepared) {
            // What ours does not follow, the library evaluates.
            Ok(query) => Ok(JsonPath { text: text.into(), query, local: ours.ok().and_then(Segments::new) }),
            // Ours knows better what stands in a path, the library what stands in a filter.
            Err(error) => Err(refuse(match ours {
                Err(fault) => fault,
                Ok(_) => Fault { offset: error.position(), expected: FILTER },
            })),
        }
    }

    /// How deep brackets and parentheses may be nested. The library's time doubles with each filter in a filter, and
    /// its stack grows with each parenthesis.
    pub const MAX_NESTING: usize = 10;

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path selects by location alone: names, indexes from the start, wildcards and descendants. Filters,
    /// slices and negative indexes depend on what else a document holds; so is a path of 64 or more segments taken.
    pub fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// Whether the path selects the node at a location, in every document that has one there. `None` if that takes
    /// the document: see [`is_local`](Self::is_local).
    ///
    /// Costs the number of steps times the number of segments.
    ///
    /// ```
    /// use tidegate_json::{JsonPath, Step};
    /// let path = JsonPath::parse("$..rows[*].last")?;
    /// assert_eq!(path.selects([Step::Name("rows"), Step::Index(7), Step::Name("last")]), Some(true));
    /// assert_eq!(path.selects([Step::Name("rows"), Step::Index(7)]), Some(false));
    /// assert_eq!(JsonPath::parse("$.rows[-1]")?.selects([Step::Name("rows"), Step::Index(7)]), None);
    /// # Ok::<(), tidegate_json::ParsePathError>(())
    /// ```
    pub fn selects<'a>(&self, location: impl IntoIterator<Item = Step<'a>>) -> Option<bool> {
        let segments = self.local.as_ref()?;
        let reached =
            location.into_iter().fold(segments.start(), |reached, step| segments.step(reached, step));
        Some(segments.is_selected(reached))
    }

    /// How far the path has come at the root; to be taken down a document with [`step`](Self::step), one step for each
    /// level, where whoever walks a document wants to ask at every node. `None` as for [`selects`](Self::selects).
    pub fn start(&self) -> Option<Reached> {
        self.local.as_ref().map(Segments::start)
    }

    /// How far the path has come one step further down.
    pub fn step(&self, reached: Reached, step: Step<'_>) -> Reached {
        self.local.as_ref().map_or(Reached::NOWHERE, |segments| segments.step(reached, step))
    }

    /// Whether the path selects the node at which it has come this far.
    pub fn is_selected(&self, reached: Reached) -> bool {
        self.local.as_ref().is_some_and(|segments| segments.is_selected(reached))
    }

    /// The selected nodes, each once, in no particular order.
    ///
    /// A local path costs the part of the document that it leads through; any other copies the document. In filters,
    /// numbers compare as 64-bit floating point, with those beyond its range as the largest of their sign.
    pub fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        match &self.local {
            Some(segments) => segments.find(document),
            None => evaluate::find(&self.query, document),
        }
    }
}

impl Reached {
    pub(crate) const NOWHERE: Reached = Reached(0);

    /// As far as either of the two.
    pub(crate) fn or(self, other: Reached) -> Reached {
        Reached(self.0 | other.0)
    }

    /// Whether nothing at or below this node can be selected.
    pub fn is_nowhere(self) -> bool {
        self == Reached::NOWHERE
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        match (&self.local, &other.local) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self.query == other.query,
            _ => false,
        }
    }
}

impl Eq for JsonPath {}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl FromStr for JsonPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        JsonPath::parse(text)
    }
}

/// The steps to what a pointer points to, where the document has it. The pointer's text alone does not tell the member
/// `0` from the first element, so the document is asked along the way, and only there.
pub fn location<'a>(pointer: &Pointer, document: &'a Value) -> Option<Vec<Step<'a>>> {
    let mut steps = Vec::new();
    pointer.tokens().try_fold(document, |value, token| {
        let (step, inner) = match value {
            Value::Object(members) => {
                let (_, name, member) = members.get_full(&*token)?;
                (Step::Name(name), member)
            }
            Value::Array(elements) => {
                let index = crate::pointer::array_index(&token)?;
                (Step::Index(index), elements.get(index)?)
            }
            _ => return None,
        };
        steps.push(step);
        Some(inner)
    })?;
    Some(steps)
}
