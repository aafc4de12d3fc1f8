//! The common case of live data: the structure stays, and scalars change where they stand.
//!
//! The other text is walked in lockstep with an indexed one. Only where bytes differ is anything looked at: the scalar
//! there must have become another scalar, else the walk gives up. So the other text is proven well-formed without being
//! parsed, and its tape is the indexed one's, shifted.
//!
//! The walk also gives up where an array looks as if its elements had changed places, because then the smallest patch is
//! not one of replaced scalars.

use std::sync::Arc;

use bytes::Bytes;

use super::Document;
use super::scan::scalar_token;
use super::tape::{NONE, Tape};
use crate::delta::Shared;
use crate::identities::Identities;
use crate::search::{common_prefix, gallop, scalar_end};
use crate::strings;

/// A scalar whose text differs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) entry: u32,
    /// The container that holds it, and its place there. The root has no container.
    pub(crate) container: u32,
    pub(crate) ordinal: u32,
    /// The end of its text in the indexed text.
    pub(crate) end: u32,
    /// Its text in the other text.
    pub(crate) other: (u32, u32),
    /// The texts differ, but say the same: a string with other escapes.
    pub(crate) is_same: bool,
}

/// The scalars that differ between an indexed text and another of the same structure, in their order; none where the
/// structure differs, or probably does.
pub(crate) fn differences(
    indexed: &Document,
    other: &[u8],
    identities: &Identities,
) -> Option<Vec<Difference>> {
    let ours = indexed.bytes();
    if u32::try_from(other.len()).is_err() {
        return None;
    }
    let mut found: Vec<Difference> = Vec::new();
    let mut suspicion = Suspicion { indexed, other, identities, arrays: Vec::new() };
    // Both texts agree up to these places, which correspond.
    let (mut at, mut there) = (0, 0);
    loop {
        let agree = common_prefix(&ours[at..], &other[there..]);
        if at + agree == ours.len() && there + agree == other.len() {
            return Some(found);
        }
        let difference = difference_at(indexed, other, found.last(), (at + agree, there + agree))?;
        let resumed = (difference.end as usize, difference.other.1 as usize);
        if ours.get(resumed.0) != other.get(resumed.1) {
            return None;
        }
        if !difference.is_same && suspicion.rises(&difference) {
            return None;
        }
        found.push(difference);
        (at, there) = resumed;
    }
}

/// The scalar in or right before the place from which on the texts differ.
fn difference_at(
    indexed: &Document,
    other: &[u8],
    last: Option<&Difference>,
    (at, there): (usize, usize),
) -> Option<Difference> {
    let (ours, tape) = (indexed.bytes(), indexed.tape());
    let from = last.map_or(0, |last| last.entry as usize);
    let entry = gallop(&tape.starts, from, |&start| start as usize <= at).checked_sub(1)?;
    // A number may go on where its container ended.
    let is_close = |entry: usize| matches!(ours[tape.starts[entry] as usize], b'}' | b']');
    let at_close = tape.starts[entry] as usize == at && is_close(entry);
    let entry = if at_close { entry.checked_sub(1)? } else { entry };
    let start = tape.starts[entry] as usize;
    if matches!(ours[start], b'{' | b'[') || is_close(entry) {
        return None;
    }
    let end = scalar_end(ours, start);
    // At the very end only if one number or literal goes on where the other ends.
    if at > end || (at == end && ours[start] == b'"') {
        return None;
    }
    let other_start = there - (at - start);
    let other_end = scalar_token(other, other_start)?;
    // A number that goes on in a way that no number does: let the parser say what is wrong.
    if other.get(other_end).is_some_and(|&byte| crate::search::is_bare(byte)) {
        return None;
    }
    let entry = entry as u32;
    let (container, ordinal) = if tape.containers.is_empty() {
        (NONE, 0)
    } else {
        tape.locate(entry, last.map(|last| (last.entry, last.container, last.ordinal)))
    };
    let (old, new) = (&ours[start..end], &other[other_start..other_end]);
    let both_strings = old[0] == b'"' && new[0] == b'"';
    let is_same = both_strings && strings::same(&old[1..old.len() - 1], &new[1..new.len() - 1]);
    let other = (other_start as u32, other_end as u32);
    Some(Difference { entry, container, ordinal, end: end as u32, other, is_same })
}

/// The document of a text that differs from an indexed one in these scalars only.
///
/// Costs a pass over the entries after the first scalar that became longer or shorter.
pub(crate) fn follow_up(indexed: &Document, body: Bytes, differences: &[Difference]) -> Document {
    let tape = &indexed.tape;
    let grown =
        |it: &Difference| (it.other.1 - it.other.0).wrapping_sub(it.end - tape.starts[it.entry as usize]);
    let compact_len = body.len() - (indexed.body.len() - indexed.compact_len);
    let Some(first) = differences.iter().position(|it| grown(it) != 0) else {
        return Document { body, tape: tape.clone(), compact_len, depth: indexed.depth };
    };
    let mut starts = Vec::with_capacity(tape.starts.len());
    let mut done = differences[first].entry as usize + 1;
    starts.extend_from_slice(&tape.starts[..done]);
    let mut shift = grown(&differences[first]);
    for it in &differences[first + 1..] {
        let grown = grown(it);
        if grown != 0 {
            let upto = it.entry as usize + 1;
            starts.extend(tape.starts[done..upto].iter().map(|start| start.wrapping_add(shift)));
            done = upto;
            shift = shift.wrapping_add(grown);
        }
    }
    starts.extend(tape.starts[done..].iter().map(|start| start.wrapping_add(shift)));
    let tape = Tape { starts: Arc::new(starts), containers: tape.containers.clone() };
    Document { body, tape, compact_len, depth: indexed.depth }
}

/// The parts that an older and a newer text share, which differ in these scalars only; the older is the indexed one.
pub(crate) fn shared(indexed: &Document, differences: &[Difference]) -> Vec<Shared> {
    let (mut older, mut newer) = (0, 0);
    let mut parts = Vec::with_capacity(differences.len() + 1);
    for it in differences {
        let start = indexed.tape().starts[it.entry as usize];
        parts.push(Shared { older, newer, len: start - older });
        (older, newer) = (it.end, it.other.1);
    }
    parts.push(Shared { older, newer, len: indexed.bytes().len() as u32 - older });
    parts
}

/// Watches for signs that elements of an array were inserted, removed or moved although the structure is the same.
struct Suspicion<'a> {
    indexed: &'a Document,
    other: &'a [u8],
    identities: &'a Identities,
    /// The arrays in which something changed that could be such a sign; the last one is usually asked about again.
    arrays: Vec<Signs>,
}

struct Signs {
    container: u32,
    /// The element that changed last.
    last: Option<Last>,
    /// How many elements in a row changed.
    streak: u32,
    /// How many elements in a row now are what their neighbour was.
    shifted: u32,
    /// How many rows got another identity.
    renamed: u32,
}

#[derive(Clone, Copy)]
struct Last {
    ordinal: u32,
    /// The scalar that stands for the element.
    entry: u32,
    other: (u32, u32),
}

/// This many elements in a row changed: more likely than so many coincidences is that they moved.
const STREAK: u32 = 16;

impl Suspicion<'_> {
    /// Takes notice of one more difference; says whether it should be looked at structurally.
    fn rises(&mut self, it: &Difference) -> bool {
        if it.container == NONE {
            return false;
        }
        let tape = self.indexed.tape();
        let holder = &tape.containers[it.container as usize];
        if self.indexed.is_object(it.container) {
            if holder.parent == NONE || self.indexed.is_object(holder.parent) {
                return false;
            }
            if self.identifies(it) {
                return self.renamed(holder.parent);
            }
            // Rows without a usual identity: their first members stand for them.
            it.ordinal == 0 && self.element_changed(it, holder.parent, holder.ordinal)
        } else {
            let is_row_of_scalars =
                it.ordinal == 0 && holder.parent != NONE && !self.indexed.is_object(holder.parent);
            if is_row_of_scalars {
                self.renamed(holder.parent)
            } else {
                self.element_changed(it, it.container, it.ordinal)
            }
        }
    }

    /// Whether the member probably identifies its row.
    fn identifies(&self, it: &Difference) -> bool {
        let start = self.indexed.tape().starts[it.entry as usize] as usize;
        let is_first_text = it.ordinal == 0 && self.indexed.bytes()[start] == b'"';
        self.identities.may_identify(self.indexed.raw_key_before(start), is_first_text)
    }

    fn signs(&mut self, container: u32) -> &mut Signs {
        let known = self.arrays.iter().rposition(|signs| signs.container == container);
        let at = known.unwrap_or_else(|| {
            let nothing = Signs { container, last: None, streak: 0, shifted: 0, renamed: 0 };
            self.arrays.push(nothing);
            self.arrays.len() - 1
        });
        // An array is left before another one is come back to; keep the search short.
        if known.is_none() && self.arrays.len() > 8 {
            self.arrays.remove(0);
            return &mut self.arrays[7];
        }
        &mut self.arrays[at]
    }

    fn renamed(&mut self, array: u32) -> bool {
        let signs = self.signs(array);
        signs.renamed += 1;
        signs.renamed >= 2
    }

    /// The scalar that stands for the element at `ordinal` of an array changed.
    fn element_changed(&mut self, it: &Difference, array: u32, ordinal: u32) -> bool {
        let (indexed, bytes, other) = (self.indexed, self.indexed.bytes(), self.other);
        let old = |entry: u32| {
            let start = indexed.tape().starts[entry as usize] as usize;
            &bytes[start..scalar_end(bytes, start)]
        };
        let new = |(from, to): (u32, u32)| &other[from as usize..to as usize];
        let signs = self.signs(array);
        let follows = signs.last.is_some_and(|last| last.ordinal + 1 == ordinal);
        let before = signs.last.replace(Last { ordinal, entry: it.entry, other: it.other });
        signs.streak = if follows { signs.streak + 1 } else { 1 };
        let Some(before) = before.filter(|_| follows) else {
            signs.shifted = 0;
            return false;
        };
        let came_down = old(before.entry) == new(it.other);
        let went_up = old(it.entry) == new(before.other);
        signs.shifted = if came_down || went_up { signs.shifted + 1 } else { 0 };
        (came_down && went_up) || signs.shifted >= 2 || signs.streak >= STREAK
    }
}
