//! Arrays: which new element continues which old one, and the operations that follow from it.
//!
//! Equal ends are left alone. What lies between is matched by identity where its rows have one, else by content,
//! and what is left over between two matches is paired place by place. Then: unmatched old elements are removed from
//! the back; new and moved ones are put in their places from the front; and last, when every element has its new
//! index, the pairs are edited inside.

use std::collections::HashMap;
use std::ops::Range;

use super::draft::TooDear;
use super::lcs::{common, increasing};
use super::{Differ, identity};
use crate::document::Document;
use crate::document::tape::Node;
use crate::keys::hash;

impl Differ<'_> {
    pub(super) fn compare_arrays(&mut self, old: u32, new: u32, limit: usize) -> Result<(), TooDear> {
        let old: Vec<Node> = self.old.children(old).collect();
        let new: Vec<Node> = self.new.children(new).collect();
        let before = old.iter().zip(&new).take_while(|&(&old, &new)| self.same(old, new)).count();
        let (old, new) = (&old[before..], &new[before..]);
        let after = old
            .iter()
            .rev()
            .zip(new.iter().rev())
            .take_while(|&(&old, &new)| self.ends_same(old, new))
            .count();
        let (old, new) = (&old[..old.len() - after], &new[..new.len() - after]);

        let script = self.script(old, new);
        self.rearrange(new, (before, after), &script, limit)?;
        for (place, &new) in new.iter().enumerate() {
            if let Some(index) = script.origins[place] {
                let token = self.draft.enter_element(before + place);
                let compared = self.compare(old[index], new, limit);
                self.draft.leave(token);
                compared?;
            }
        }
        Ok(())
    }

    fn same(&mut self, old: Node, new: Node) -> bool {
        match (old.is_scalar(), new.is_scalar()) {
            (true, true) => self.old.same_scalar(old, self.new, new),
            (false, false) => self.same_text(old, new),
            _ => false,
        }
    }

    /// The same, where the neighbours before are asked about next: nothing is compared ahead.
    fn ends_same(&self, old: Node, new: Node) -> bool {
        match (old.is_scalar(), new.is_scalar()) {
            (true, true) => self.old.same_scalar(old, self.new, new),
            (false, false) => self.old.span(old) == self.new.span(new),
            _ => false,
        }
    }

    /// Which new element continues which old one.
    fn script(&mut self, old: &[Node], new: &[Node]) -> Script {
        let mut script =
            Script { origins: vec![None; new.len()], kept: vec![false; new.len()], old_len: old.len() };
        if old.is_empty() || new.is_empty() {
            return script;
        }
        let named = self.identities.of(self.draft.path());
        script.origins = identity::match_rows((self.old, old), (self.new, new), named)
            .unwrap_or_else(|| by_content((self.old, old), (self.new, new), &mut self.search));
        script.keep_the_most();
        script.pair_the_rest();
        script
    }

    /// Removes, adds and moves, until every place holds its pair's old element or its new one. `ends` counts the
    /// equal elements before and after.
    fn rearrange(
        &mut self,
        new: &[Node],
        ends: (usize, usize),
        script: &Script,
        limit: usize,
    ) -> Result<(), TooDear> {
        let first = ends.0;
        let mut length = first + script.old_len + ends.1;
        for index in script.removed().rev() {
            let at = first + index;
            length -= 1;
            self.draft.shift(length - at)?;
            let token = self.draft.enter_element(at);
            self.draft.remove();
            self.draft.leave(token);
            self.draft.check(limit)?;
        }
        let mut waiting = Waiting::of(script);
        // The last kept element among the places that are done, and how many there are.
        let (mut anchor, mut passed) = (0, 0);
        for (place, &element) in new.iter().enumerate() {
            // The elements before `place` stand in their order; only waiting ones may stand between them.
            match script.origins[place] {
                Some(index) if script.kept[place] => (anchor, passed) = (index, passed + 1),
                Some(index) => {
                    let from = first + waiting.place_of(index, place, passed);
                    waiting.leave(index);
                    let to = first + place + waiting.before(anchor);
                    self.draft.shift((length - 1 - from) + (length - 1 - to))?;
                    self.draft.move_element(from, to);
                }
                None => {
                    let to = first + place + waiting.before(anchor);
                    self.draft.shift(length - to)?;
                    length += 1;
                    let token = self.draft.enter_element(to);
                    self.draft.add(self.new.span(element));
                    self.draft.leave(token);
                }
            }
            self.draft.check(limit)?;
        }
        Ok(())
    }
}

/// Where each new element comes from.
struct Script {
    /// For each new element, the old one that it continues; no old one twice.
    origins: Vec<Option<usize>>,
    /// For each new element, whether its old one stays where it is among the others that do. The origins of these
    /// increase.
    kept: Vec<bool>,
    old_len: usize,
}

impl Script {
    /// Of the matched elements, as many as possible stay, and the others move around them.
    fn keep_the_most(&mut self) {
        let matched: Vec<(usize, usize)> =
            self.origins.iter().enumerate().filter_map(|(place, index)| Some((place, (*index)?))).collect();
        let indexes: Vec<usize> = matched.iter().map(|&(_, index)| index).collect();
        for at in increasing(&indexes) {
            self.kept[matched[at].0] = true;
        }
    }

    /// Between two kept elements, what was removed and what was added become one edit each, in order.
    fn pair_the_rest(&mut self) {
        let removed: Vec<usize> = self.removed().collect();
        let mut removed = removed.into_iter().peekable();
        // For each place, the kept old element that comes next from there.
        let mut next = vec![self.old_len; self.origins.len()];
        for place in (0..self.origins.len()).rev() {
            let after = next.get(place + 1).copied().unwrap_or(self.old_len);
            next[place] = self.origins[place].filter(|_| self.kept[place]).unwrap_or(after);
        }
        let mut passed = 0;
        for (place, next) in next.into_iter().enumerate() {
            match self.origins[place] {
                Some(index) if self.kept[place] => passed = index,
                Some(_) => {}
                None => {
                    while removed.next_if(|&index| index < passed).is_some() {}
                    if let Some(index) = removed.next_if(|&index| index < next) {
                        self.origins[place] = Some(index);
                        self.kept[place] = true;
                        passed = index;
                    }
                }
            }
        }
    }

    /// The old elements that no new one continues, in order.
    fn removed(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let mut continued = vec![false; self.old_len];
        for &index in self.origins.iter().flatten() {
            continued[index] = true;
        }
        (0..self.old_len).filter(move |&index| !continued[index])
    }
}

/// The elements that are to move and have not yet: where they are among the others.
struct Waiting {
    /// A Fenwick tree over the old elements that counts those that wait; empty when nothing moves.
    counts: Vec<usize>,
    /// For each old element, the new place of the next kept one.
    next_kept: Vec<usize>,
    /// For each old element, how many kept ones stand before it.
    kept_before: Vec<usize>,
}

impl Waiting {
    fn of(script: &Script) -> Waiting {
        let mut waiting = Waiting { counts: Vec::new(), next_kept: Vec::new(), kept_before: Vec::new() };
        let matched = || script.origins.iter().zip(&script.kept).enumerate();
        if matched().all(|(_, (origin, kept))| origin.is_none() || *kept) {
            return waiting;
        }
        waiting.counts = vec![0; script.old_len + 1];
        waiting.next_kept = vec![script.origins.len(); script.old_len];
        waiting.kept_before = vec![0; script.old_len];
        for (place, (origin, &kept)) in matched() {
            match *origin {
                Some(index) if kept => waiting.next_kept[index] = place,
                Some(index) => waiting.change(index, |count| *count += 1),
                None => {}
            }
        }
        let mut kept = 0;
        for (index, before) in waiting.kept_before.iter_mut().enumerate() {
            *before = kept;
            kept += usize::from(waiting.next_kept[index] < script.origins.len());
        }
        for index in (0..script.old_len.saturating_sub(1)).rev() {
            waiting.next_kept[index] = waiting.next_kept[index].min(waiting.next_kept[index + 1]);
        }
        waiting
    }

    /// How many wait before this old element.
    fn before(&self, index: usize) -> usize {
        let mut at = index.min(self.counts.len().saturating_sub(1));
        let mut sum = 0;
        while at > 0 {
            sum += self.counts[at];
            at &= at - 1;
        }
        sum
    }

    /// Where a waiting element stands when the first `placed` places are done, `passed` of them by kept elements.
    /// Before it stand the others that wait before it, and:
    /// - where the next kept element is placed already, all that is placed before that one: new and moved elements
    ///   were put right behind the placed one that they follow, so in front of this one;
    /// - else all that is placed, and the kept elements between the last placed one and this one.
    fn place_of(&self, index: usize, placed: usize, passed: usize) -> usize {
        let next = self.next_kept[index];
        let others = if next < placed { next } else { placed + self.kept_before[index] - passed };
        others + self.before(index)
    }

    fn leave(&mut self, index: usize) {
        self.change(index, |count| *count -= 1);
    }

    fn change(&mut self, index: usize, change: impl Fn(&mut usize)) {
        let mut at = index + 1;
        while at < self.counts.len() {
            change(&mut self.counts[at]);
            at += at & at.wrapping_neg();
        }
    }
}

/// Matches equal elements: as many as can stay in order; or, where finding those would take too long, the ones that
/// both sides have exactly once.
fn by_content(
    old: (&Document, &[Node]),
    new: (&Document, &[Node]),
    search: &mut usize,
) -> Vec<Option<usize>> {
    let hashes = |(document, nodes): (&Document, &[Node])| {
        nodes.iter().map(|&node| hash(document.span(node))).collect::<Vec<_>>()
    };
    let (old, new) = (hashes(old), hashes(new));
    let mut origins = vec![None; new.len()];
    if let Some(pairs) = common(&old, &new, search) {
        for (index, place) in pairs {
            origins[place] = Some(index);
        }
    } else {
        let (old, new) = (unique(&old), unique(&new));
        for (hash, place) in new {
            origins[place] = old.get(&hash).copied();
        }
    }
    origins
}

/// The places of the hashes that occur once.
fn unique(hashes: &[u64]) -> HashMap<u64, usize> {
    let mut seen: HashMap<u64, Range<usize>> = HashMap::new();
    for (place, &hash) in hashes.iter().enumerate() {
        seen.entry(hash).and_modify(|places| places.end = place + 1).or_insert(place..place + 1);
    }
    seen.into_iter()
        .filter(|(_, places)| places.len() == 1)
        .map(|(hash, places)| (hash, places.start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_hashes_are_those_that_occur_once() {
        assert_eq!(unique(&[5, 7, 5, 9, 5, 7]), HashMap::from([(9, 3)]));
        assert_eq!(unique(&[1, 2]), HashMap::from([(1, 0), (2, 1)]));
    }
}
