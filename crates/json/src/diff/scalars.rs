//! Writing the patch for scalars that changed in place.
//!
//! Whatever container would take more bytes as edits than as a replacement is replaced.

use bytes::Bytes;

use super::draft::{Draft, Mark, Place};
use crate::compact;
use crate::document::Document;
use crate::document::in_place::Difference;

/// In which direction a patch leads between an indexed text and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the indexed text to the other.
    Forward,
    /// From the other text to the indexed one.
    Backward,
}

/// The patch for these differences, `[]` where all of them say the same.
pub(crate) fn write(
    indexed: &Document,
    other: &[u8],
    differences: &[Difference],
    direction: Direction,
) -> Bytes {
    let mut writer = Writer {
        indexed,
        new: if direction == Direction::Forward { other } else { indexed.bytes() },
        forward: direction == Direction::Forward,
        draft: Draft::new(),
        open: Vec::new(),
        way: Vec::new(),
        shift: 0,
        deferred: None,
    };
    if indexed.root().is_scalar() {
        if differences.iter().any(|it| !it.is_same) {
            writer.draft.replace(&compact(writer.new));
        }
        return writer.draft.finish();
    }
    for difference in differences {
        writer.edit(difference);
    }
    while !writer.open.is_empty() {
        writer.leave();
    }
    writer.flush();
    writer.draft.finish()
}

/// A container that has edits inside.
struct Open {
    container: u32,
    /// The place of the container around it.
    outside: Place,
    mark: Mark,
    /// Where its new text begins.
    start: usize,
    /// The bytes of new values among its edits.
    values: usize,
    /// Its edits cannot become shorter than a replacement any more; they are not written.
    dear: bool,
}

/// A container that is to be replaced, and not written yet: what encloses it may be replaced, too, and then its text need
/// not be copied at every level.
struct Deferred {
    /// The pointer to it.
    path: Vec<u8>,
    /// Where its new text begins and ends.
    text: (usize, usize),
    /// What writing it takes.
    cost: usize,
}

struct Writer<'a> {
    indexed: &'a Document,
    new: &'a [u8],
    forward: bool,
    draft: Draft,
    open: Vec<Open>,
    /// The way down to a container, from it upwards; kept for its memory.
    way: Vec<u32>,
    /// How far the places after the present one have moved from the indexed text to the other.
    shift: isize,
    /// The last edit, if it is put off.
    deferred: Option<Deferred>,
}

impl Writer<'_> {
    fn edit(&mut self, it: &Difference) {
        let start = self.indexed.tape().starts[it.entry as usize];
        let grown = (it.other.1 - it.other.0) as isize - (it.end - start) as isize;
        // Also for what only is spelt differently: where a container begins is known when it is entered.
        self.go_to(it.container);
        if !it.is_same {
            let value = if self.forward { it.other } else { (start, it.end) };
            self.replace(it, &self.new[value.0 as usize..value.1 as usize]);
        }
        self.shift += grown;
    }

    fn replace(&mut self, it: &Difference, value: &[u8]) {
        // The root is always open, and `go_to` opened what holds the scalar.
        let Some(top) = self.open.last_mut() else { return };
        if top.dear {
            return;
        }
        debug_assert!(self.deferred.is_none(), "going to a container writes what was put off");
        let indexed = self.indexed;
        let place = if indexed.is_object(it.container) {
            let start = indexed.tape().starts[it.entry as usize] as usize;
            self.draft.enter_member(indexed.raw_key_before(start))
        } else {
            self.draft.enter_element(it.ordinal as usize)
        };
        self.draft.replace(value);
        self.draft.leave(place);
        top.values += value.len();
        // A replacement has all that did not change and all the new values; so it is shorter for certain once the
        // rest of the edits is longer than the container was.
        let tape = indexed.tape();
        let container = &tape.containers[top.container as usize];
        let was = tape.starts[container.close as usize] - tape.starts[container.open as usize];
        let replacing = self.draft.replace_cost_at(top.mark, was as usize + 1);
        if self.draft.since(top.mark) > top.values + replacing {
            self.draft.rewind(top.mark);
            top.dear = true;
        }
    }

    /// Leaves and enters containers until `target` is the innermost one.
    fn go_to(&mut self, target: u32) {
        let tape = self.indexed.tape();
        let inner = tape.containers[target as usize];
        while let Some(top) = self.open.last() {
            let it = tape.containers[top.container as usize];
            if it.open <= inner.open && inner.close <= it.close {
                break;
            }
            self.leave();
        }
        self.flush();
        let around = self.open.last().map(|top| top.container);
        self.way.clear();
        let mut container = target;
        while Some(container) != around {
            self.way.push(container);
            if container == 0 {
                break;
            }
            container = tape.containers[container as usize].parent;
        }
        while let Some(container) = self.way.pop() {
            self.enter(container);
        }
    }

    fn enter(&mut self, container: u32) {
        let (indexed, tape) = (self.indexed, self.indexed.tape());
        let it = tape.containers[container as usize];
        let start = tape.starts[it.open as usize] as usize;
        let (outside, inherits) = match self.open.last() {
            None => (self.draft.here(), false),
            Some(parent) if indexed.is_object(parent.container) => {
                (self.draft.enter_member(indexed.raw_key_before(start)), parent.dear)
            }
            Some(parent) => (self.draft.enter_element(it.ordinal as usize), parent.dear),
        };
        let start = if self.forward { start.wrapping_add_signed(self.shift) } else { start };
        self.open.push(Open {
            container,
            outside,
            mark: self.draft.mark(),
            start,
            values: 0,
            dear: inherits,
        });
    }

    /// Leaves the innermost container; what replacing it would make shorter is replaced.
    fn leave(&mut self) {
        let Some(top) = self.open.pop() else { return };
        let tape = self.indexed.tape();
        let close = tape.starts[tape.containers[top.container as usize].close as usize] as usize;
        let end = 1 + if self.forward { close.wrapping_add_signed(self.shift) } else { close };
        let outer_dear = self.open.last().is_some_and(|outer| outer.dear);
        if !outer_dear {
            self.weigh(&top, end);
        }
        self.draft.leave(top.outside);
        if let Some(outer) = self.open.last_mut() {
            outer.values += top.values;
        }
    }

    fn weigh(&mut self, top: &Open, end: usize) {
        let text = &self.new[top.start..end];
        // Of a text with white space the compact length counts; it has about the white space that its document has.
        let length = match self.indexed.is_compact() {
            true => text.len(),
            false => {
                (text.len() as u64 * self.indexed.text_len() as u64 / self.indexed.bytes().len() as u64)
                    as usize
            }
        };
        let put_off = self.deferred.as_ref().map_or(0, |deferred| deferred.cost);
        let cost = self.draft.replace_cost_at(top.mark, length);
        if top.dear || self.draft.since(top.mark) + put_off > cost {
            self.draft.rewind(top.mark);
            let path = self.draft.path().to_vec();
            self.deferred = Some(Deferred { path, text: (top.start, end), cost });
        }
    }

    /// Writes what was put off.
    fn flush(&mut self) {
        if let Some(Deferred { path, text: (start, end), .. }) = self.deferred.take() {
            let text = &self.new[start..end];
            // Both texts have the same white space, or none.
            match self.indexed.is_compact() {
                true => self.draft.replace_at(&path, text),
                false => self.draft.replace_at(&path, &compact(text)),
            }
        }
    }
}
