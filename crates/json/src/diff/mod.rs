//! From two documents to a patch that turns one into the other.
//!
//! Invariants: applying the patch to `old` gives `new` exactly; the same two documents always give the same patch;
//! whatever would take more bytes as edits than as a replacement is replaced; the time is that of parsing both documents
//! a few times over, some ten times for documents that are made to be slow (hundreds of levels, long keys).
//!
//! The parts: [`scalars`] writes the patch where only scalars changed in place; this file walks two documents of any
//! structure side by side and weighs edits against replacing; [`mod@object`] pairs members; [`script`] decides
//! which elements correspond, with [`identity`] and [`lcs`] to find them, and [`mod@array`] turns that into operations, with
//! [`waiting`] to know the places; [`across`] moves what left one container for another; [`draft`] is the
//! patch's text as it grows.

mod across;
mod array;
mod draft;
mod identity;
mod lcs;
mod object;
pub(crate) mod scalars;
mod script;
mod waiting;

use bytes::Bytes;

use self::across::Strays;
use self::draft::{Draft, TooDear};
pub(crate) use self::object::Members;
use crate::document::Document;
use crate::document::follow::Taken;
use crate::document::tape::Node;
use crate::identities::Identities;
use crate::search::{common_prefix, common_suffix};

/// The patch from one compact document to another; empty (`[]`) when they are equal in value, and perhaps longer than
/// the new document. `taken` is what `new` was found to have of `old` when it was scanned.
pub(crate) fn patch(old: &Document, new: &Document, taken: Vec<Taken>, identities: &Identities) -> Bytes {
    patch_within(old, new, taken, identities, across::MOST)
}

/// The same, with this many moves from one container to another at most.
fn patch_within(
    old: &Document,
    new: &Document,
    mut taken: Vec<Taken>,
    identities: &Identities,
    moves: usize,
) -> Bytes {
    taken.sort_unstable_by_key(|it| (it.containers.1, it.places.1));
    let mut differ = Differ {
        old,
        new,
        identities,
        taken,
        draft: Draft::new(),
        search: MIN_SEARCH.max((old.bytes().len() + new.bytes().len()) / 4),
        run: Run::default(),
        tail: Tail::default(),
        strays: Strays::default(),
    };
    // Elements of which some are spelt differently could be matched crosswise.
    if differ.may_be_equal() && differ.is_equal(old.root(), new.root()) {
        return differ.draft.finish();
    }
    // Without a limit nothing is too dear.
    let _ = differ.compare(old.root(), new.root(), usize::MAX);
    let (found, strays) = (differ.draft.finish(), differ.strays);
    let left = moves.checked_sub(1);
    let shorter = left.and_then(|left| across::moved_first(old, new, &strays, identities, &found, left));
    shorter.unwrap_or(found)
}

/// The steps of the searches for corresponding elements that small documents may take, too.
const MIN_SEARCH: usize = 1 << 14;

/// Two documents, side by side.
struct Differ<'a> {
    old: &'a Document,
    new: &'a Document,
    identities: &'a Identities,
    /// What scanning found to be equal, by the new container and the place in it.
    taken: Vec<Taken>,
    draft: Draft,
    /// How many steps the searches for corresponding elements may still take, all arrays together. Past it arrays are
    /// matched by their unique elements only. The steps hold eight bytes each meanwhile.
    search: usize,
    run: Run,
    tail: Tail,
    strays: Strays,
}

impl<'a> Differ<'a> {
    /// Appends the edits that turn `old` into `new`, both at the draft's place, unless its length would pass `limit`.
    fn compare(&mut self, old: Node, new: Node, limit: usize) -> Result<(), TooDear> {
        match (old.is_scalar(), new.is_scalar()) {
            (true, true) if self.old.same_scalar(old, self.new, new) => return Ok(()),
            (false, false) if self.same_text(old, new) => return Ok(()),
            (false, false) if self.old.kind(old) == self.new.kind(new) => {
                let (mark, strays) = (self.draft.mark(), self.strays.mark());
                let length = self.new.end(new) - self.new.start(new);
                let replaced = mark.out_len().saturating_add(self.draft.replace_cost_at(mark, length));
                let inside = limit.min(replaced);
                let edited = if self.old.is_object(old.container) {
                    self.compare_objects(old.container, new.container, inside)
                } else {
                    self.compare_arrays(old.container, new.container, inside)
                };
                if edited.is_ok() {
                    return Ok(());
                }
                self.draft.rewind(mark);
                self.strays.rewind(strays);
            }
            _ => {}
        }
        let text = self.new.span(new);
        self.draft.check_room(text.len(), limit)?;
        self.draft.replace(text);
        self.draft.check(limit)
    }

    /// Whether the documents have equally many values.
    fn may_be_equal(&self) -> bool {
        let (old, new) = (self.old.tape(), self.new.tape());
        old.starts.len() == new.starts.len() && old.containers.len() == new.containers.len()
    }

    /// Whether two values are equal. Ends at the first difference, and compares bytes up to there.
    fn is_equal(&mut self, old: Node, new: Node) -> bool {
        if old.is_scalar() || new.is_scalar() {
            return old.is_scalar() && new.is_scalar() && self.old.same_scalar(old, self.new, new);
        }
        if self.same_text(old, new) {
            return true;
        }
        let (ours, theirs) = (self.old, self.new);
        if ours.kind(old) != theirs.kind(new) {
            return false;
        }
        if ours.is_object(old.container) {
            let pairs = object::pairs(ours, old.container, theirs, new.container);
            return pairs.is_some_and(|pairs| pairs.into_iter().all(|(old, new)| self.is_equal(old, new)));
        }
        let (mut left, mut right) = (ours.children(old.container), theirs.children(new.container));
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(old), Some(new)) if self.is_equal(old, new) => {}
                _ => return false,
            }
        }
    }

    /// Whether the texts of two values are the same bytes.
    fn same_text(&mut self, old: Node, new: Node) -> bool {
        let (old_span, new_span) =
            ((self.old.start(old), self.old.end(old)), (self.new.start(new), self.new.end(new)));
        self.run.agrees(self.old.bytes(), old_span, self.new.bytes(), new_span)
    }
}

/// How far both texts agree from a pair of places on: bytes that were compared once are not compared again, neither by
/// the containers inside a container that differs, nor by its neighbours.
#[derive(Default)]
struct Run {
    old: usize,
    new: usize,
    len: usize,
    /// The texts are known to differ right behind it.
    ends: bool,
}

/// Bytes that are compared ahead of what was asked for.
const AHEAD: usize = 1024;

impl Run {
    /// How many bytes agree from a pair of places on, up to `most`.
    fn agreed(&mut self, old: &[u8], a: usize, new: &[u8], b: usize, most: usize) -> usize {
        let is_inside = a >= self.old && a <= self.old + self.len && b.wrapping_sub(self.new) == a - self.old;
        if is_inside && (self.ends || self.old + self.len - a >= most) {
            return most.min(self.old + self.len - a);
        }
        let len = common_prefix(&old[a..a + most], &new[b..b + most]);
        *self = Run { old: a, new: b, len, ends: len < most };
        len
    }

    fn agrees(&mut self, old: &[u8], a: (usize, usize), new: &[u8], b: (usize, usize)) -> bool {
        let length = a.1 - a.0;
        if length != b.1 - b.0 {
            return false;
        }
        let is_inside =
            a.0 >= self.old && a.0 <= self.old + self.len && b.0.wrapping_sub(self.new) == a.0 - self.old;
        if is_inside {
            if a.1 <= self.old + self.len {
                return true;
            }
            if self.ends {
                return false;
            }
        }
        let ahead = length.max(AHEAD);
        let (left, right) = (&old[a.0..old.len().min(a.0 + ahead)], &new[b.0..new.len().min(b.0 + ahead)]);
        let len = common_prefix(left, right);
        *self = Run { old: a.0, new: b.0, len, ends: len < left.len().min(right.len()) };
        len >= length
    }
}

/// How far both texts agree backwards from a pair of ends, for the same reason.
#[derive(Default)]
struct Tail {
    old: usize,
    new: usize,
    len: usize,
}

impl Tail {
    /// How many bytes agree before a pair of places, at most as far as the texts from the other pair on go.
    fn agreed(&mut self, old: &[u8], a: (usize, usize), new: &[u8], b: (usize, usize)) -> usize {
        let most = (a.1 - a.0).min(b.1 - b.0);
        let is_inside =
            a.1 <= self.old && self.old - a.1 <= self.len && self.new.wrapping_sub(b.1) == self.old - a.1;
        if is_inside {
            return most.min(self.len - (self.old - a.1));
        }
        // Without a bound, so that what is found holds for the containers inside, too.
        let len = common_suffix(&old[..a.1], &new[..b.1]);
        *self = Tail { old: a.1, new: b.1, len };
        most.min(len)
    }
}

/// Whether two values are equal: same number texts, same array order, members in any order.
///
/// Costs one comparison of bytes, and a walk over both where they differ.
pub(crate) fn equal(left: &Document, a: Node, right: &Document, b: Node) -> bool {
    if !a.is_scalar() && !b.is_scalar() && left.span(a) == right.span(b) {
        return true;
    }
    equal_inside(left, a, right, b)
}

fn equal_inside(left: &Document, a: Node, right: &Document, b: Node) -> bool {
    if a.is_scalar() || b.is_scalar() {
        return a.is_scalar() && b.is_scalar() && left.same_scalar(a, right, b);
    }
    if left.kind(a) != right.kind(b) {
        return false;
    }
    if !left.is_object(a.container) {
        let (mut ours, mut theirs) = (left.children(a.container), right.children(b.container));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if equal_inside(left, a, right, b) => {}
                _ => return false,
            }
        }
    }
    object::pairs(left, a.container, right, b.container)
        .is_some_and(|pairs| pairs.into_iter().all(|(a, b)| equal_inside(left, a, right, b)))
}

#[cfg(test)]
mod tests;
