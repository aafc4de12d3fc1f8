//! From two documents to a patch that turns one into the other.
//!
//! Invariants: applying `diff(old, new)` to `old` gives `new` exactly; the patch is never longer than replacing the
//! whole document; the same two documents always give the same patch.
//!
//! The parts: [`tree`] measures and hashes both documents once, this file walks them side by side and weighs edits
//! against replacing, [`mod@array`] decides which elements correspond and turns that into operations, [`lcs`] holds
//! the two sequence algorithms.

mod array;
mod lcs;
mod tree;

use super::write::string_len;
use super::{Op, Patch, Pointer, Value};
use tree::Node;

/// A patch that turns `old` into `new`: `apply(old, &diff(old, new))` equals `new`, number texts included (the
/// order of an object's members has no meaning and may differ).
///
/// Both documents must nest no deeper than [`MAX_DEPTH`](super::MAX_DEPTH). Costs a pass over both with a hash of
/// every value, n log n in the elements of changed arrays, and a bounded search for how those correspond. Whatever
/// would take more bytes as edits than as a replacement is replaced.
///
/// ```
/// use tidegate_json::{MAX_DEPTH, parse, patched, tree_diff};
/// let old = parse(br#"[{"id":1,"last":101.1},{"id":2,"last":7}]"#, MAX_DEPTH)?;
/// let new = parse(br#"[{"id":3,"last":5},{"id":1,"last":101.10},{"id":2,"last":7}]"#, MAX_DEPTH)?;
/// assert_eq!(patched(&old, &tree_diff(&old, &new)), Ok(new));
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn tree_diff(old: &Value, new: &Value) -> Patch {
    let (old, new) = (Node::of(old), Node::of(new));
    let mut draft = Draft { edits: Vec::new(), cost: 0, search: MAX_SEARCH, shifts: MAX_SHIFTS };
    // Without a limit nothing is too dear.
    let _ = draft.compare(&mut Pointer::root(), &old, &new, usize::MAX);
    Patch(draft.edits.into_iter().map(Edit::into_op).collect())
}

/// How many steps the searches for corresponding elements may take in one diff, all arrays together; they hold up to
/// eight bytes for each meanwhile. Past it arrays are matched by their unique elements only.
const MAX_SEARCH: usize = 1 << 20;

/// How many elements and members may shift by one place, all told, when the patch is applied. Each insertion near
/// the front of an array shifts all the rest, in every client. Many of them in a long array would cost each client
/// seconds; then the array is replaced. 500 rows never come near; 100,000 do with some 700 removals at the front.
const MAX_SHIFTS: usize = 1 << 26;

/// An operation before it owns its value.
enum Edit<'a> {
    Add(Pointer, &'a Value),
    Remove(Pointer),
    Replace(Pointer, &'a Value),
    Move { from: Pointer, path: Pointer },
}

impl Edit<'_> {
    fn into_op(self) -> Op {
        match self {
            Edit::Add(path, value) => Op::Add { path, value: value.clone() },
            Edit::Remove(path) => Op::Remove { path },
            Edit::Replace(path, value) => Op::Replace { path, value: value.clone() },
            Edit::Move { from, path } => Op::Move { from, path },
        }
    }
}

/// The edits have become longer than what they were to save; the enclosing value is to be replaced.
struct TooDear;

/// The patch as far as it is written.
struct Draft<'a> {
    edits: Vec<Edit<'a>>,
    /// The bytes of the edits so far as text, a comma each included.
    cost: usize,
    /// The steps of [`MAX_SEARCH`] that are left.
    search: usize,
    /// The shifts of [`MAX_SHIFTS`] that are left.
    shifts: usize,
}

impl<'a> Draft<'a> {
    /// Appends the edits that turn `old` into `new`, both at `path`, unless [`Self::cost`] would pass `limit`.
    fn compare(
        &mut self,
        path: &mut Pointer,
        old: &Node<'a>,
        new: &Node<'a>,
        limit: usize,
    ) -> Result<(), TooDear> {
        if old.same(new) {
            return Ok(());
        }
        let (written, spent, shifts) = (self.edits.len(), self.cost, self.shifts);
        let replacing = replace_cost(path, new);
        let limit_inside = limit.min(spent.saturating_add(replacing));
        let edited = match (old.value, new.value) {
            (Value::Object(_), Value::Object(_)) => self.compare_objects(path, old, new, limit_inside),
            (Value::Array(_), Value::Array(_)) => self.compare_arrays(path, old, new, limit_inside),
            _ => Err(TooDear),
        };
        if edited.is_err() {
            self.edits.truncate(written);
            (self.cost, self.shifts) = (spent, shifts);
            self.spend(replacing, limit)?;
            self.edits.push(Edit::Replace(path.clone(), new.value));
        }
        Ok(())
    }

    /// Removes, then edits and adds in the new member order.
    fn compare_objects(
        &mut self,
        path: &mut Pointer,
        old: &Node<'a>,
        new: &Node<'a>,
        limit: usize,
    ) -> Result<(), TooDear> {
        // From the back, so that fewer members shift.
        let names = old.value.as_object().into_iter().flat_map(|members| members.keys().enumerate().rev());
        let mut removed = 0;
        for (place, name) in names.filter(|(_, name)| new.member(name).is_none()) {
            removed += 1;
            self.shift(old.children.len() - place - removed)?;
            below(path, name, |path| self.remove(path, limit))?;
        }
        for (name, new) in new.members() {
            below(path, name, |path| match old.member(name) {
                Some(old) => self.compare(path, old, new, limit),
                None => self.add(path, new, limit),
            })?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Pointer, new: &Node<'a>, limit: usize) -> Result<(), TooDear> {
        self.spend(r#"{"op":"add","path":,"value":},"#.len() + string_len(path.as_str()) + new.len, limit)?;
        self.edits.push(Edit::Add(path.clone(), new.value));
        Ok(())
    }

    fn remove(&mut self, path: &Pointer, limit: usize) -> Result<(), TooDear> {
        self.spend(r#"{"op":"remove","path":},"#.len() + string_len(path.as_str()), limit)?;
        self.edits.push(Edit::Remove(path.clone()));
        Ok(())
    }

    fn relocate(&mut self, from: Pointer, path: &Pointer, limit: usize) -> Result<(), TooDear> {
        let pointers = string_len(from.as_str()) + string_len(path.as_str());
        self.spend(r#"{"op":"move","from":,"path":},"#.len() + pointers, limit)?;
        self.edits.push(Edit::Move { from, path: path.clone() });
        Ok(())
    }

    /// Accounts for elements or members that an operation shifts by one place.
    fn shift(&mut self, places: usize) -> Result<(), TooDear> {
        self.shifts = self.shifts.checked_sub(places).ok_or(TooDear)?;
        Ok(())
    }

    fn spend(&mut self, bytes: usize, limit: usize) -> Result<(), TooDear> {
        let cost = self.cost.saturating_add(bytes);
        if cost > limit {
            return Err(TooDear);
        }
        self.cost = cost;
        Ok(())
    }
}

fn replace_cost(path: &Pointer, new: &Node<'_>) -> usize {
    r#"{"op":"replace","path":,"value":},"#.len() + string_len(path.as_str()) + new.len
}

/// Does something one step further down, and comes back up.
fn below<T>(path: &mut Pointer, token: &str, then: impl FnOnce(&mut Pointer) -> T) -> T {
    let length = path.as_str().len();
    path.push(token);
    let result = then(path);
    path.truncate(length);
    result
}

#[cfg(test)]
mod tests;
pub(crate) fn equal(
    a: &crate::Document,
    _x: crate::document::tape::Node,
    b: &crate::Document,
    _y: crate::document::tape::Node,
) -> bool {
    a.to_value() == b.to_value()
}
