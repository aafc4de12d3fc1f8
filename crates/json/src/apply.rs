//! Applying a patch: RFC 6902's semantics, whole or not at all.
//!
//! Invariants: an operation that fails leaves the document as it was, and so does a patch with a failing operation,
//! down to the member order; no operation makes a document deeper than [`MAX_DEPTH`].

use std::borrow::Cow;
use std::fmt;

use super::pointer::{array_index, is_array_index};
use super::{MAX_DEPTH, Object, Op, Patch, Pointer, Value, equal_numerically};

/// Why a patch does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyError {
    /// Which operation failed, from 0.
    pub index: usize,
    /// Why.
    pub kind: ApplyErrorKind,
}

/// Why an operation does not apply. The pointers are those of the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyErrorKind {
    /// There is no value here, or nothing that could hold one: a missing member or parent, or a scalar on the way.
    NotFound(Pointer),
    /// A token in an array is not an index: it has a leading zero, a sign, or other characters, or it is `-` where
    /// a value must exist.
    NotAnIndex(Pointer),
    /// An index is beyond the array's end.
    OutOfRange(Pointer),
    /// A `test` found another value here.
    TestFailed(Pointer),
    /// A `move` into the value that moves.
    MoveIntoItself(Pointer),
    /// A `remove` of the whole document, which would leave none.
    RemovesDocument,
    /// The document would nest deeper than [`MAX_DEPTH`].
    TooDeep(Pointer),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}: {}", self.index, self.kind)
    }
}

impl fmt::Display for ApplyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyErrorKind::NotFound(path) => write!(f, "nothing at {:?}", path.as_str()),
            ApplyErrorKind::NotAnIndex(path) => write!(f, "not an index in {:?}", path.as_str()),
            ApplyErrorKind::OutOfRange(path) => write!(f, "index out of range in {:?}", path.as_str()),
            ApplyErrorKind::TestFailed(path) => write!(f, "test failed at {:?}", path.as_str()),
            ApplyErrorKind::MoveIntoItself(path) => {
                write!(f, "a value cannot move into itself, to {:?}", path.as_str())
            }
            ApplyErrorKind::RemovesDocument => f.write_str("the whole document cannot be removed"),
            ApplyErrorKind::TooDeep(path) => {
                write!(f, "would nest deeper than {MAX_DEPTH} levels at {:?}", path.as_str())
            }
        }
    }
}

impl std::error::Error for ApplyError {}

/// The document after the patch. Costs a copy of the document besides [`apply_in_place`]'s work.
///
/// ```
/// use tidegate_json::{MAX_DEPTH, Patch, parse, patched};
/// let document = parse(br#"{"last":101.1}"#, MAX_DEPTH).unwrap();
/// let patch = Patch::parse(br#"[{"op":"replace","path":"/last","value":101.10}]"#).unwrap();
/// assert_eq!(patched(&document, &patch).unwrap().to_text(), r#"{"last":101.10}"#);
/// ```
pub fn patched(document: &Value, patch: &Patch) -> Result<Value, ApplyError> {
    let mut patched = document.clone();
    apply_in_place(&mut patched, patch).map(|()| patched)
}

/// Applies the patch to the document itself. On an error the document is what it was.
///
/// Each operation costs its path, the size of the value that it adds, copies, tests or moves, and the length of the
/// array or object whose elements or members shift. Nothing is copied for the way back: what operations replace
/// and remove is kept until the end, and put back if a later one fails.
///
/// ```
/// use tidegate_json::{MAX_DEPTH, Patch, apply_in_place, parse};
/// let mut document = parse(br#"[1]"#, MAX_DEPTH).unwrap();
/// let patch = br#"[{"op":"add","path":"/-","value":2},{"op":"test","path":"/0","value":7}]"#;
/// let error = apply_in_place(&mut document, &Patch::parse(patch).unwrap()).unwrap_err();
/// assert_eq!(error.to_string(), "operation 1: test failed at \"/0\"");
/// assert_eq!(document.to_text(), "[1]");
/// ```
pub fn apply_in_place(document: &mut Value, patch: &Patch) -> Result<(), ApplyError> {
    let mut done = Vec::with_capacity(patch.0.len());
    for (index, operation) in patch.0.iter().enumerate() {
        match step(document, operation) {
            Ok(undo) => done.push(undo),
            Err(kind) => {
                // One entry stands for each operation before this one, so they pair up from the back.
                for (operation, undo) in patch.0[..index].iter().zip(done).rev() {
                    take_back(document, operation, undo);
                }
                return Err(ApplyError { index, kind });
            }
        }
    }
    Ok(())
}

/// What an operation did, as far as the operation itself does not say it.
enum Undo {
    /// It only looked.
    Nothing,
    /// Something was put at its path.
    Put(Put),
    /// Something was taken from its path.
    Taken(Place, Value),
    /// Something was taken from there and put at its path.
    Moved(Place, Put),
}

/// How a value came to its path.
enum Put {
    /// As one more element or member, at this place in its container.
    New(usize),
    /// Instead of this value.
    Instead(Value),
}

/// Where a value stood in its container.
enum Place {
    Element(usize),
    Member(usize, String),
    /// It was the document itself.
    Document,
}

fn step(document: &mut Value, operation: &Op) -> Result<Undo, ApplyErrorKind> {
    match operation {
        Op::Add { path, value } => {
            put(document, path, Cow::Borrowed(value)).map(Undo::Put).map_err(|(kind, _)| kind)
        }
        Op::Replace { path, value } => {
            check_depth(path, value)?;
            let target = find_mut(document, path)?;
            Ok(Undo::Put(Put::Instead(std::mem::replace(target, value.clone()))))
        }
        Op::Remove { path } if path.is_root() => Err(ApplyErrorKind::RemovesDocument),
        Op::Remove { path } => take(document, path).map(|(place, value)| Undo::Taken(place, value)),
        Op::Copy { from, path } => {
            let value = find_mut(document, from)?.clone();
            put(document, path, Cow::Owned(value)).map(Undo::Put).map_err(|(kind, _)| kind)
        }
        Op::Move { from, path } => {
            if path.is_inside(from) {
                find_mut(document, from)?;
                return Err(ApplyErrorKind::MoveIntoItself(path.clone()));
            }
            let (place, value) = take(document, from)?;
            match put(document, path, Cow::Owned(value)) {
                Ok(put) => Ok(Undo::Moved(place, put)),
                Err((kind, value)) => {
                    put_back(document, from, place, value.into_owned());
                    Err(kind)
                }
            }
        }
        Op::Test { path, value } => {
            if denote_the_same(find_mut(document, path)?, value) {
                Ok(Undo::Nothing)
            } else {
                Err(ApplyErrorKind::TestFailed(path.clone()))
            }
        }
    }
}

fn take_back(document: &mut Value, operation: &Op, undo: Undo) {
    match (undo, operation) {
        (Undo::Nothing, _) => {}
        (Undo::Put(put), _) => drop(unput(document, operation.path(), put)),
        (Undo::Taken(place, value), _) => put_back(document, operation.path(), place, value),
        (Undo::Moved(place, put), Op::Move { from, path }) => {
            if let Some(value) = unput(document, path, put) {
                put_back(document, from, place, value);
            }
        }
        (Undo::Moved(..), _) => unreachable!("only a move moves"),
    }
}

/// RFC 6902 §4.1. On failure the value comes back with the reason.
fn put<'a>(
    document: &mut Value,
    path: &Pointer,
    value: Cow<'a, Value>,
) -> Result<Put, (ApplyErrorKind, Cow<'a, Value>)> {
    match put_target(document, path, &value) {
        Err(kind) => Err((kind, value)),
        Ok(Target::Over(old)) => Ok(Put::Instead(std::mem::replace(old, value.into_owned()))),
        Ok(Target::Element(elements, index)) => {
            elements.insert(index, value.into_owned());
            Ok(Put::New(index))
        }
        Ok(Target::Member(members, name)) => {
            let (index, old) = members.insert_full(name.into_owned(), value.into_owned());
            Ok(old.map_or(Put::New(index), Put::Instead))
        }
    }
}

/// Where an `add` puts its value.
enum Target<'d, 'p> {
    Over(&'d mut Value),
    Element(&'d mut Vec<Value>, usize),
    Member(&'d mut Object, Cow<'p, str>),
}

fn put_target<'d, 'p>(
    document: &'d mut Value,
    path: &'p Pointer,
    value: &Value,
) -> Result<Target<'d, 'p>, ApplyErrorKind> {
    check_depth(path, value)?;
    let Some((parent, token)) = path.split_last() else { return Ok(Target::Over(document)) };
    match find_mut_for(document, &parent, path)? {
        Value::Array(elements) => match &*token {
            "-" => {
                let end = elements.len();
                Ok(Target::Element(elements, end))
            }
            token => {
                let index = element_index(token, elements.len() + 1, path)?;
                Ok(Target::Element(elements, index))
            }
        },
        Value::Object(members) => Ok(Target::Member(members, token)),
        _ => Err(ApplyErrorKind::NotFound(path.clone())),
    }
}

/// Takes what is there out of the document; a whole document leaves `null` until another takes its place.
fn take(document: &mut Value, path: &Pointer) -> Result<(Place, Value), ApplyErrorKind> {
    let Some((parent, token)) = path.split_last() else {
        return Ok((Place::Document, std::mem::replace(document, Value::Null)));
    };
    match find_mut_for(document, &parent, path)? {
        Value::Array(elements) => {
            let index = element_index(&token, elements.len(), path)?;
            Ok((Place::Element(index), elements.remove(index)))
        }
        Value::Object(members) => match members.shift_remove_full(&*token) {
            Some((index, name, value)) => Ok((Place::Member(index, name), value)),
            None => Err(ApplyErrorKind::NotFound(path.clone())),
        },
        _ => Err(ApplyErrorKind::NotFound(path.clone())),
    }
}

/// The inverse of [`take`], in a document that is what `take` left.
fn put_back(document: &mut Value, path: &Pointer, place: Place, value: Value) {
    let container = match path.split_last() {
        Some((parent, _)) => find_mut(document, &parent).ok(),
        None => Some(document),
    };
    match (container, place) {
        (Some(document), Place::Document) => *document = value,
        (Some(Value::Array(elements)), Place::Element(index)) => elements.insert(index, value),
        (Some(Value::Object(members)), Place::Member(index, name)) => {
            members.shift_insert(index, name, value);
        }
        _ => unreachable!("what a value was taken from is still there"),
    }
}

/// The inverse of a put, in a document that is what the put left; gives what had been put.
fn unput(document: &mut Value, path: &Pointer, put: Put) -> Option<Value> {
    match put {
        Put::Instead(old) => find_mut(document, path).ok().map(|place| std::mem::replace(place, old)),
        Put::New(index) => match find_mut(document, &path.split_last()?.0).ok()? {
            Value::Array(elements) => Some(elements.remove(index)),
            Value::Object(members) => members.shift_remove_index(index).map(|(_, value)| value),
            _ => None,
        },
    }
}

/// The value there; the error names the same pointer.
fn find_mut<'d>(document: &'d mut Value, path: &Pointer) -> Result<&'d mut Value, ApplyErrorKind> {
    find_mut_for(document, path, path)
}

/// The value at `path`; errors name `named`, the pointer of the operation.
fn find_mut_for<'d>(
    document: &'d mut Value,
    path: &Pointer,
    named: &Pointer,
) -> Result<&'d mut Value, ApplyErrorKind> {
    let mut value = document;
    for token in path.tokens() {
        value = match value {
            Value::Array(elements) => {
                let index = element_index(&token, elements.len(), named)?;
                &mut elements[index]
            }
            Value::Object(members) => {
                members.get_mut(&*token).ok_or_else(|| ApplyErrorKind::NotFound(named.clone()))?
            }
            _ => return Err(ApplyErrorKind::NotFound(named.clone())),
        };
    }
    Ok(value)
}

/// The index that the token names, which must be below `end`.
fn element_index(token: &str, end: usize, named: &Pointer) -> Result<usize, ApplyErrorKind> {
    if !is_array_index(token) {
        return Err(ApplyErrorKind::NotAnIndex(named.clone()));
    }
    array_index(token).filter(|&index| index < end).ok_or_else(|| ApplyErrorKind::OutOfRange(named.clone()))
}

fn check_depth(path: &Pointer, value: &Value) -> Result<(), ApplyErrorKind> {
    // Every token is one container around the value.
    if path.tokens().count() + value.depth() > MAX_DEPTH {
        return Err(ApplyErrorKind::TooDeep(path.clone()));
    }
    Ok(())
}

/// RFC 6902 §4.6: numbers by what they denote, members in any order, everything else exactly.
pub(crate) fn denote_the_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => equal_numerically(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| denote_the_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| denote_the_same(left, right)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests;
