//! Applying a patch to a text: RFC 6902's semantics without a tree.
//!
//! An overlay starts as a reference to the whole document. What an operation passes through is opened, one level at a
//! time, into references to the parts inside; everything else stays a reference. So applying costs the operations and
//! the containers on their ways, and comparing the outcome with another text is mostly comparing bytes.
//!
//! It takes nothing from how a patch was made but its text: a diff is proven with it.
//!
//! Invariant: an overlay whose patch failed is thrown away, so a patch applies whole or not at all.

mod members;

use std::borrow::Cow;

use crate::apply::{ApplyError, ApplyErrorKind, denote_the_same};
use crate::diff::equal;
use crate::document::Document;
use crate::document::tape::Node;
use crate::patch::{OpKind, RawOp};
use crate::pointer::{array_index, is_array_index};
use crate::{MAX_DEPTH, OpError, PatchError, Pointer, Value};
use members::Members;

/// Which text a reference is into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Document,
    Patch,
}

/// A value of the document that is being patched.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Part(Source, Node),
    Array(Vec<Item>),
    Object(Box<Members>),
}

/// A document with a patch applied to it as far as it got.
pub(crate) struct Overlay<'a> {
    texts: Texts<'a>,
    root: Item,
}

/// The two texts that references lead to.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    document: &'a Document,
    patch: &'a Document,
}

impl<'a> Texts<'a> {
    pub(crate) fn of(&self, source: Source) -> &'a Document {
        match source {
            Source::Document => self.document,
            Source::Patch => self.patch,
        }
    }
}

/// Why a patch's text cannot be applied.
pub(crate) enum Refusal {
    Patch(PatchError),
    Apply(ApplyError),
}

impl<'a> Overlay<'a> {
    /// `document` with the operations of `patch`, a JSON text, applied.
    pub(crate) fn of(document: &'a Document, patch: &'a Document) -> Result<Overlay<'a>, Refusal> {
        let root = patch.root();
        if root.is_scalar() || patch.kind(root) != b'[' {
            return Err(Refusal::Patch(PatchError::NotAnArray));
        }
        let operations = patch.children(root.container).enumerate().map(|(index, node)| {
            read(patch, node).map_err(|error| Refusal::Patch(PatchError::Op { index, error }))
        });
        let operations = operations.collect::<Result<Vec<_>, _>>()?;
        let texts = Texts { document, patch };
        let mut overlay = Overlay { texts, root: Item::Part(Source::Document, document.root()) };
        for (index, operation) in operations.into_iter().enumerate() {
            overlay.step(operation).map_err(|kind| Refusal::Apply(ApplyError { index, kind }))?;
        }
        Ok(overlay)
    }

    /// Whether the outcome is this document, number texts included.
    pub(crate) fn is(&self, other: &Document) -> bool {
        self.texts.is(&self.root, other, other.root())
    }

    /// The outcome's text.
    pub(crate) fn to_text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.texts.document.bytes().len() + self.texts.patch.bytes().len());
        self.texts.write(&self.root, &mut out);
        out
    }

    fn step(&mut self, operation: RawOp<Node>) -> Result<(), ApplyErrorKind> {
        let texts = self.texts;
        let RawOp { kind, path, from, value } = operation;
        let value = value.map(|node| Item::Part(Source::Patch, node));
        match (kind, value, from) {
            (OpKind::Add, Some(value), _) => self.put(&path, value),
            (OpKind::Replace, Some(value), _) => {
                check_depth(texts, &path, &value)?;
                *self.find(&path)? = value;
                Ok(())
            }
            (OpKind::Remove, ..) if path.is_root() => Err(ApplyErrorKind::RemovesDocument),
            (OpKind::Remove, ..) => self.take(&path).map(drop),
            (OpKind::Copy, _, Some(from)) => {
                let value = self.find(&from)?.clone();
                self.put(&path, value)
            }
            (OpKind::Move, _, Some(from)) => {
                if path.is_inside(&from) {
                    self.find(&from)?;
                    return Err(ApplyErrorKind::MoveIntoItself(path));
                }
                let value = self.take(&from)?;
                self.put(&path, value)
            }
            (OpKind::Test, Some(value), _) => {
                let wanted = texts.tree(&value);
                let found = texts.tree(self.find(&path)?);
                if denote_the_same(&found, &wanted) { Ok(()) } else { Err(ApplyErrorKind::TestFailed(path)) }
            }
            // `read` gives every kind what it needs.
            _ => Err(ApplyErrorKind::NotFound(path)),
        }
    }

    /// The value at `path`.
    fn find(&mut self, path: &Pointer) -> Result<&mut Item, ApplyErrorKind> {
        self.walk(path.tokens(), path)
    }

    fn walk<'t>(
        &mut self,
        tokens: impl Iterator<Item = Cow<'t, str>>,
        named: &Pointer,
    ) -> Result<&mut Item, ApplyErrorKind> {
        let texts = self.texts;
        let mut item = &mut self.root;
        for token in tokens {
            item = match texts.open(item) {
                Item::Array(elements) => {
                    let index = element_index(&token, elements.len(), named)?;
                    &mut elements[index]
                }
                Item::Object(members) => members
                    .find(texts, &token)
                    .and_then(|place| members.get_mut(place))
                    .ok_or_else(|| ApplyErrorKind::NotFound(named.clone()))?,
                Item::Part(..) => return Err(ApplyErrorKind::NotFound(named.clone())),
            };
        }
        Ok(item)
    }

    /// RFC 6902 §4.1.
    fn put(&mut self, path: &Pointer, value: Item) -> Result<(), ApplyErrorKind> {
        let texts = self.texts;
        check_depth(texts, path, &value)?;
        let Some((parent, token)) = path.parent_and_last() else {
            self.root = value;
            return Ok(());
        };
        match texts.open(self.walk(parent, path)?) {
            Item::Array(elements) => {
                let end = elements.len();
                let index = if token == "-" { end } else { element_index(&token, end + 1, path)? };
                elements.insert(index, value);
                Ok(())
            }
            Item::Object(members) => {
                members.put(texts, &token, value);
                Ok(())
            }
            Item::Part(..) => Err(ApplyErrorKind::NotFound(path.clone())),
        }
    }

    /// Takes what is there out of the document; a whole document leaves itself until another takes its place.
    fn take(&mut self, path: &Pointer) -> Result<Item, ApplyErrorKind> {
        let texts = self.texts;
        let Some((parent, token)) = path.parent_and_last() else { return Ok(self.root.clone()) };
        match texts.open(self.walk(parent, path)?) {
            Item::Array(elements) => {
                let index = element_index(&token, elements.len(), path)?;
                Ok(elements.remove(index))
            }
            Item::Object(members) => {
                members.take(texts, &token).ok_or_else(|| ApplyErrorKind::NotFound(path.clone()))
            }
            Item::Part(..) => Err(ApplyErrorKind::NotFound(path.clone())),
        }
    }
}

impl Texts<'_> {
    /// Opens a reference to a container one level; scalars stay references.
    fn open<'i>(&self, item: &'i mut Item) -> &'i mut Item {
        if let Item::Part(source, node) = *item
            && !node.is_scalar()
        {
            let document = self.of(source);
            let children = document.children(node.container);
            *item = if document.is_object(node.container) {
                Item::Object(Box::new(Members::of(source, children)))
            } else {
                Item::Array(children.map(|child| Item::Part(source, child)).collect())
            };
        }
        item
    }

    fn is(&self, item: &Item, other: &Document, node: Node) -> bool {
        match item {
            Item::Part(source, part) => equal(self.of(*source), *part, other, node),
            _ if node.is_scalar() => false,
            Item::Array(elements) => other.kind(node) == b'[' && self.are(elements, other, node),
            Item::Object(members) => {
                let mut finder = members.finder();
                let mut count = 0;
                other.kind(node) == b'{'
                    && other.children(node.container).all(|child| {
                        count += 1;
                        let found = finder.find(*self, &other.key(child));
                        found.is_some_and(|member| self.is(member, other, child))
                    })
                    // Keys differ within each object, so equal counts leave none out.
                    && count == members.len()
            }
        }
    }

    /// Whether these are the elements of an array. Parts that stand beside each other in their text are compared together.
    fn are(&self, elements: &[Item], other: &Document, array: Node) -> bool {
        let mut children = other.children(array.container);
        let mut rest = elements;
        while let Some(first) = rest.first() {
            let before = children.clone();
            let count = self.neighbours(rest);
            let Some(begin) = children.next() else { return false };
            let Some(end) = (1..count).try_fold(begin, |_, _| children.next()) else { return false };
            let is_run = match (first, &rest[count - 1]) {
                (Item::Part(source, from), Item::Part(_, to)) if count > 1 => {
                    let text = self.of(*source);
                    text.bytes()[text.start(*from)..text.end(*to)]
                        == other.bytes()[other.start(begin)..other.end(end)]
                }
                _ => false,
            };
            let mut each = before;
            let equal = is_run
                || rest[..count].iter().all(|it| each.next().is_some_and(|child| self.is(it, other, child)));
            if !equal {
                return false;
            }
            rest = &rest[count..];
        }
        children.next().is_none()
    }

    /// How many items from the first on are parts of one text that stand beside each other there.
    fn neighbours(&self, items: &[Item]) -> usize {
        let Some(&Item::Part(source, first)) = items.first() else { return 1 };
        let tape = self.of(source).tape();
        let mut next = tape.after(first);
        let follows = |item: &&Item| match **item {
            Item::Part(other, node) if other == source && node.entry == next => {
                next = tape.after(node);
                true
            }
            _ => false,
        };
        1 + items[1..].iter().take_while(follows).count()
    }

    fn write(&self, item: &Item, out: &mut Vec<u8>) {
        match item {
            Item::Part(source, node) => out.extend_from_slice(self.of(*source).span(*node)),
            Item::Array(elements) => {
                out.push(b'[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    self.write(element, out);
                }
                out.push(b']');
            }
            Item::Object(members) => {
                out.push(b'{');
                for (place, (key, member)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    key.write(*self, out);
                    out.push(b':');
                    self.write(member, out);
                }
                out.push(b'}');
            }
        }
    }

    fn tree(&self, item: &Item) -> Value {
        match item {
            Item::Part(source, node) => self.of(*source).value_at(*node),
            Item::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.tree(element)).collect())
            }
            Item::Object(members) => {
                let members =
                    members.iter().map(|(key, member)| (key.decode(*self).into_owned(), self.tree(member)));
                Value::Object(members.collect())
            }
        }
    }

    fn depth(&self, item: &Item) -> usize {
        match item {
            Item::Part(source, node) => self.of(*source).depth_at(*node),
            Item::Array(elements) => {
                1 + elements.iter().map(|element| self.depth(element)).max().unwrap_or(0)
            }
            Item::Object(members) => {
                1 + members.iter().map(|(_, member)| self.depth(member)).max().unwrap_or(0)
            }
        }
    }
}

/// The index that the token names, which must be below `end`.
fn element_index(token: &str, end: usize, named: &Pointer) -> Result<usize, ApplyErrorKind> {
    if !is_array_index(token) {
        return Err(ApplyErrorKind::NotAnIndex(named.clone()));
    }
    array_index(token).filter(|&index| index < end).ok_or_else(|| ApplyErrorKind::OutOfRange(named.clone()))
}

fn check_depth(texts: Texts<'_>, path: &Pointer, value: &Item) -> Result<(), ApplyErrorKind> {
    let around = path.tokens().count();
    // As many containers as a part has it nests at most.
    let at_most = match value {
        Item::Part(source, node) => texts.of(*source).containers_in(*node),
        _ => MAX_DEPTH,
    };
    if around + at_most > MAX_DEPTH && around + texts.depth(value) > MAX_DEPTH {
        return Err(ApplyErrorKind::TooDeep(path.clone()));
    }
    Ok(())
}

/// Reads one operation of a patch's text.
pub(crate) fn read(patch: &Document, node: Node) -> Result<RawOp<Node>, OpError> {
    if node.is_scalar() || patch.kind(node) != b'{' {
        return Err(OpError::NotAnObject);
    }
    RawOp::read(|name| {
        let member = patch.member(node.container, name.as_bytes())?;
        let text = (patch.kind(member) == b'"').then(|| patch.string(member));
        Some((text, member))
    })
}

#[cfg(test)]
mod tests {
    use crate::{ApplyErrorKind, ApplyTextError, Document, MAX_DEPTH, apply, prove};

    #[test]
    fn a_name_is_what_a_key_says_and_not_how_it_is_written() {
        let document = |text: &'static str| Document::parse(text, MAX_DEPTH).expect("a document");
        let old = document(r#"{"\n":1,"kept":"something that is longer than the patch would be"}"#);
        // The pointer's token is a backslash and an n.
        let patch = br#"[{"op":"replace","path":"/\\n","value":2}]"#;
        match apply(&old, patch) {
            Err(ApplyTextError::Apply(error)) => assert!(matches!(error.kind, ApplyErrorKind::NotFound(_))),
            other => panic!("{other:?}"),
        }
        let new = document(r#"{"\n":2,"kept":"something that is longer than the patch would be"}"#);
        assert!(prove(&old, patch, &new).is_err());
        assert!(prove(&old, br#"[{"op":"replace","path":"/\n","value":2}]"#, &new).is_ok());
    }
}
