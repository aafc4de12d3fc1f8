//! A JSON text with the index of its values: what diffs, patches and trees are made from.
//!
//! Invariants: the text is well-formed, has no duplicate keys and no lone surrogates, and nests no deeper than was
//! allowed; the index is that of exactly this text. Both are shared, so clones are cheap.
//!
//! Memory: the text, 4 bytes for each value and container end, 20 for each container. That is about half of the text
//! again for usual documents, and at most fourteen times the text, for one of nothing but empty arrays.

pub(crate) mod follow;
pub(crate) mod in_place;
pub(crate) mod part;
pub(crate) mod scan;
pub(crate) mod tape;
mod value;
pub(crate) mod walk;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::search::{scalar_end, string_end};
use crate::strings;
use crate::{ParseError, Value, compact};
use follow::Taken;
use scan::Scanned;
use tape::{Children, Node, Tape};

/// A JSON text, checked and indexed. Cheap to clone.
///
/// ```
/// use tidegate_json::{Document, MAX_DEPTH};
/// let document = Document::parse(r#"{"symbol": "ACME", "last": 101.10}"#, MAX_DEPTH)?;
/// assert_eq!(document.text(), r#"{"symbol":"ACME","last":101.10}"#);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Document {
    body: Bytes,
    tape: Tape,
    compact_len: usize,
    /// How deep the text nests at most.
    depth: usize,
}

impl Document {
    /// Checks and indexes a text, which may nest to `max_depth` (at most [`MAX_DEPTH`](crate::MAX_DEPTH), or the stack
    /// is known to be large). One leading byte order mark is ignored.
    ///
    /// Costs one pass over the text.
    pub fn parse(body: impl Into<Bytes>, max_depth: usize) -> Result<Document, ParseError> {
        let body = body.into();
        let scanned = scan::scan(&body, max_depth, None)?;
        Ok(Document::of(body, scanned))
    }

    /// The same as [`Document::parse`] for a text that is expected to have much in common with `like`: parts that are
    /// equal are compared instead of parsed.
    pub fn parse_like(
        like: &Document,
        body: impl Into<Bytes>,
        max_depth: usize,
    ) -> Result<Document, ParseError> {
        Document::following(like, body.into(), max_depth).map(|(document, _)| document)
    }

    /// The same, and what was found to be equal.
    pub(crate) fn following(
        like: &Document,
        body: Bytes,
        max_depth: usize,
    ) -> Result<(Document, Vec<Taken>), ParseError> {
        let mut scanned = scan::scan(&body, max_depth, Some(like).filter(|like| like.depth <= max_depth))?;
        let taken = std::mem::take(&mut scanned.taken);
        Ok((Document::of(body, scanned), taken))
    }

    fn of(body: Bytes, scanned: Scanned) -> Document {
        let compact_len = body.len() - scanned.spaces;
        Document { body, tape: scanned.tape, compact_len, depth: scanned.depth }
    }

    /// The text as it was given.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The text without insignificant white space and byte order mark; the same bytes, shared, when there was none.
    pub fn text(&self) -> Bytes {
        if self.is_compact() {
            return self.body.clone();
        }
        match compact(&self.body) {
            Cow::Borrowed(part) => self.body.slice_ref(part),
            Cow::Owned(text) => Bytes::from(text),
        }
    }

    /// How long [`Document::text`] is, in bytes.
    pub fn text_len(&self) -> usize {
        self.compact_len
    }

    /// Whether the text is known to nest no deeper than this.
    pub(crate) fn nests_within(&self, depth: usize) -> bool {
        self.depth <= depth
    }

    /// Whether the text has no insignificant white space.
    pub fn is_compact(&self) -> bool {
        self.compact_len == self.body.len()
    }

    /// Bytes of memory beside the text's.
    pub fn index_memory(&self) -> usize {
        self.tape.memory()
    }

    /// The tree.
    pub fn to_value(&self) -> Value {
        self.value_at(self.root())
    }
}

impl Document {
    pub(crate) fn tape(&self) -> &Tape {
        &self.tape
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn root(&self) -> Node {
        self.tape.root()
    }

    pub(crate) fn children(&self, container: u32) -> Children<'_> {
        self.tape.children(container)
    }

    /// Where a value begins.
    #[inline(always)]
    pub(crate) fn start(&self, node: Node) -> usize {
        self.tape.starts[node.entry as usize] as usize
    }

    /// The place after a value.
    #[inline(always)]
    pub(crate) fn end(&self, node: Node) -> usize {
        if node.is_scalar() {
            scalar_end(&self.body, self.start(node))
        } else {
            let close = self.tape.containers[node.container as usize].close;
            self.tape.starts[close as usize] as usize + 1
        }
    }

    /// A value's text.
    #[inline(always)]
    pub(crate) fn span(&self, node: Node) -> &[u8] {
        &self.body[self.start(node)..self.end(node)]
    }

    /// The first byte of a value, which tells its kind.
    #[inline(always)]
    pub(crate) fn kind(&self, node: Node) -> u8 {
        self.body[self.start(node)]
    }

    /// The first and the last entry of a value.
    pub(crate) fn extent(&self, node: Node) -> (u32, u32) {
        (node.entry, self.tape.after(node) - 1)
    }

    /// Where the inside of a container begins and ends, without its brackets.
    pub(crate) fn inside(&self, container: u32) -> (usize, usize) {
        let it = &self.tape.containers[container as usize];
        (self.tape.starts[it.open as usize] as usize + 1, self.tape.starts[it.close as usize] as usize)
    }

    pub(crate) fn is_object(&self, container: u32) -> bool {
        let open = self.tape.containers[container as usize].open;
        self.body[self.tape.starts[open as usize] as usize] == b'{'
    }

    /// Where the key of a member begins, at its quote.
    #[inline(always)]
    pub(crate) fn key_start(&self, member: Node) -> usize {
        key_start(&self.body, self.start(member))
    }

    /// The key of a member as it stands in the text, without its quotes.
    #[inline(always)]
    pub(crate) fn raw_key(&self, member: Node) -> &[u8] {
        self.raw_key_before(self.start(member))
    }

    /// The key before the value that begins at this place, as it stands in the text.
    pub(crate) fn raw_key_before(&self, start: usize) -> &[u8] {
        let (open, close) = key_quotes(&self.body, start);
        &self.body[open + 1..close]
    }

    /// The key of a member, decoded.
    pub(crate) fn key(&self, member: Node) -> Cow<'_, str> {
        strings::decode(self.raw_key(member))
    }

    /// Whether a member has this (decoded) name.
    pub(crate) fn has_key(&self, member: Node, name: &str) -> bool {
        strings::is(self.raw_key(member), name.as_bytes())
    }

    /// What the string at a node says.
    pub(crate) fn string(&self, node: Node) -> Cow<'_, str> {
        let text = self.span(node);
        strings::decode(&text[1..text.len() - 1])
    }

    /// The tree of the value at a node.
    pub(crate) fn value_at(&self, node: Node) -> Value {
        value::value_of(self, node)
    }

    /// How many containers a value has, itself included.
    pub(crate) fn containers_in(&self, node: Node) -> usize {
        if node.is_scalar() {
            return 0;
        }
        (self.tape.containers[node.container as usize].next - node.container) as usize
    }

    /// How many containers lie around the innermost value of this one, itself included.
    pub(crate) fn depth_at(&self, node: Node) -> usize {
        if node.is_scalar() {
            return 0;
        }
        1 + self.children(node.container).map(|child| self.depth_at(child)).max().unwrap_or(0)
    }

    /// Whether two members have the same key.
    pub(crate) fn same_key(&self, member: Node, other: &Document, others: Node) -> bool {
        strings::same(self.raw_key(member), other.raw_key(others))
    }

    /// Whether two scalars are equal, number texts included.
    #[inline(always)]
    pub(crate) fn same_scalar(&self, node: Node, other: &Document, others: Node) -> bool {
        let (ours, theirs) = (&self.body[self.start(node)..], &other.body[other.start(others)..]);
        same_scalar(ours, theirs)
    }

    /// The member of an object of this (decoded) name.
    pub(crate) fn member(&self, container: u32, name: &[u8]) -> Option<Node> {
        self.children(container).find(|&member| strings::is(self.raw_key(member), name))
    }
}

/// Whether the scalars that begin two texts are equal, number texts included.
#[inline(always)]
pub(crate) fn same_scalar(left: &[u8], right: &[u8]) -> bool {
    if left[0] == b'"' {
        if right[0] != b'"' {
            return false;
        }
        let end = string_end(left, 0);
        if right.get(..end) == Some(&left[..end]) {
            return true;
        }
        let other = string_end(right, 0);
        return strings::same(&left[1..end - 1], &right[1..other - 1]);
    }
    let end = scalar_end(left, 0);
    right.get(..end) == Some(&left[..end]) && scalar_end(right, 0) == end
}

fn key_start(bytes: &[u8], value_start: usize) -> usize {
    key_quotes(bytes, value_start).0
}

/// The places of the quotes around the key of the value that begins at `value_start`, found backwards.
#[inline(always)]
fn key_quotes(bytes: &[u8], value_start: usize) -> (usize, usize) {
    let mut at = value_start - 1;
    // Only white space and a colon stand between a key and its value.
    while bytes[at] != b'"' {
        at -= 1;
    }
    let close = at;
    loop {
        // Most keys are short; a long one is searched by words.
        let near = (at.saturating_sub(32)..at).rev().find(|&at| bytes[at] == b'"');
        at = match near.or_else(|| memchr::memrchr(b'"', &bytes[..at])) {
            Some(quote) => quote,
            // A member's value has a key.
            None => return (0, close),
        };
        // A quote in a key is escaped; before the key's own stand a bracket, a comma or white space.
        if bytes[at - 1] != b'\\' {
            return (at, close);
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({})", String::from_utf8_lossy(&self.body))
    }
}

impl PartialEq for Document {
    /// Equality of values: same number texts, same array order, members in any order.
    fn eq(&self, other: &Document) -> bool {
        crate::diff::equal(self, self.root(), other, other.root())
    }
}

impl Eq for Document {}
