//! Which element of an array continues which old one.
//!
//! What scanning found to be equal is matched already. The others are matched by identity where they have one, else by
//! content, and what is left over between two matches is paired place by place.

use super::lcs::{common, increasing};
use super::{Differ, identity};
use crate::document::Document;
use crate::document::tape::Node;
use crate::keys::hash;

/// Where each new element comes from.
pub(super) struct Script {
    /// For each new element, the old one that it continues; no old one twice.
    pub(super) origins: Vec<Option<usize>>,
    /// For each new element, whether its old one stays where it is among the others that do. The origins of these
    /// increase.
    pub(super) kept: Vec<bool>,
    /// For each new element, whether it is known to be equal to the old one that it continues.
    pub(super) equal: Vec<bool>,
    pub(super) old_len: usize,
    /// Whether any element moves.
    pub(super) moves: bool,
}

impl Differ<'_> {
    /// Matches the elements between the equal ends of two arrays; `before` counts those at the beginning.
    pub(super) fn script(&mut self, old: (u32, &[Node]), new: (u32, &[Node]), before: usize) -> Script {
        let mut script = Script {
            origins: vec![None; new.1.len()],
            kept: vec![false; new.1.len()],
            equal: vec![false; new.1.len()],
            old_len: old.1.len(),
            moves: false,
        };
        if old.1.is_empty() || new.1.is_empty() {
            return script;
        }
        let mut free = vec![true; old.1.len()];
        self.match_taken(old.0, new.0, before, &mut script, &mut free);
        self.match_rest(old.1, new.1, &mut script, &free);
        script.keep_the_most();
        script.pair_the_rest();
        script.moves =
            script.origins.iter().zip(&script.kept).any(|(origin, kept)| origin.is_some() && !kept);
        script
    }

    /// Matches what scanning took over from the old text; takes the old elements out of `free`.
    fn match_taken(&self, old: u32, new: u32, before: usize, script: &mut Script, free: &mut [bool]) {
        let from = self.taken.partition_point(|it| it.containers.1 < new);
        for it in self.taken[from..].iter().take_while(|it| it.containers.1 == new) {
            if it.containers.0 != old {
                continue;
            }
            for offset in 0..it.count {
                let index = ((it.places.0 + offset) as usize).wrapping_sub(before);
                let place = ((it.places.1 + offset) as usize).wrapping_sub(before);
                if place < script.origins.len() && free.get(index) == Some(&true) {
                    free[index] = false;
                    script.origins[place] = Some(index);
                    script.equal[place] = true;
                }
            }
        }
    }

    /// Matches what is left on both sides, by identity or by content.
    fn match_rest(&mut self, old: &[Node], all: &[Node], script: &mut Script, free: &[bool]) {
        let indexes: Vec<usize> = (0..old.len()).filter(|&index| free[index]).collect();
        let places: Vec<usize> = (0..all.len()).filter(|&place| script.origins[place].is_none()).collect();
        if indexes.is_empty() || places.is_empty() {
            return;
        }
        let old: Vec<Node> = indexes.iter().map(|&index| old[index]).collect();
        let new: Vec<Node> = places.iter().map(|&place| all[place]).collect();
        let named = self.identities.of(self.draft.path());
        let origins = identity::match_rows((self.old, &old), (self.new, &new), all, named)
            .unwrap_or_else(|| by_content((self.old, &old), (self.new, &new), &mut self.search));
        for (at, origin) in origins.into_iter().enumerate() {
            script.origins[places[at]] = origin.map(|index| indexes[index]);
        }
    }
}

impl Script {
    /// The same, seen from the back of both arrays.
    pub(super) fn mirrored(&self) -> Script {
        let last = self.old_len.wrapping_sub(1);
        let origins = self.origins.iter().rev().map(|origin| origin.map(|index| last - index));
        Script {
            origins: origins.collect(),
            kept: self.kept.iter().rev().copied().collect(),
            equal: self.equal.iter().rev().copied().collect(),
            ..*self
        }
    }

    /// Of the matched elements, as many as possible stay, and the others move around them.
    fn keep_the_most(&mut self) {
        let matched: Vec<(usize, usize)> =
            self.origins.iter().enumerate().filter_map(|(place, index)| Some((place, (*index)?))).collect();
        if matched.is_sorted_by_key(|&(_, index)| index) {
            matched.iter().for_each(|&(place, _)| self.kept[place] = true);
            return;
        }
        let indexes: Vec<usize> = matched.iter().map(|&(_, index)| index).collect();
        for at in increasing(&indexes) {
            self.kept[matched[at].0] = true;
        }
    }

    /// Between two kept elements, what was removed and what was added become one edit each, in order.
    fn pair_the_rest(&mut self) {
        if self.origins.iter().all(Option::is_some) {
            return;
        }
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
    pub(super) fn removed(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let mut continued = vec![false; self.old_len];
        for &index in self.origins.iter().flatten() {
            continued[index] = true;
        }
        (0..self.old_len).filter(move |&index| !continued[index])
    }
}

/// Matches equal elements: as many as can stay in order; or, where finding those would take too long, the ones that
/// both sides have exactly once.
fn by_content(
    old: (&Document, &[Node]),
    new: (&Document, &[Node]),
    search: &mut usize,
) -> Vec<Option<usize>> {
    let mut origins = vec![None; new.1.len()];
    let (mut ours, mut theirs) = (hashes(old), hashes(new));
    // What only one side has cannot be matched: the search is spared it.
    let common_to_both = in_both(&ours, &theirs);
    let is_common = |it: &(u64, usize)| common_to_both.binary_search(&it.0).is_ok();
    ours.retain(is_common);
    theirs.retain(is_common);
    let only_hashes = |side: &[(u64, usize)]| side.iter().map(|it| it.0).collect::<Vec<_>>();
    if let Some(pairs) = common(&only_hashes(&ours), &only_hashes(&theirs), search) {
        for (index, place) in pairs {
            origins[theirs[place].1] = Some(ours[index].1);
        }
        return origins;
    }
    let mut ours = unique(ours).into_iter().peekable();
    for (hash, place) in unique(theirs) {
        while ours.next_if(|&(other, _)| other < hash).is_some() {}
        if let Some((_, index)) = ours.next_if(|&(other, _)| other == hash) {
            origins[place] = Some(index);
        }
    }
    origins
}

/// A number for each element, the same for elements with the same text, and the element's place.
fn hashes((document, nodes): (&Document, &[Node])) -> Vec<(u64, usize)> {
    nodes.iter().map(|&node| hash(document.span(node))).zip(0..).collect()
}

/// The hashes that both sides have, sorted, each once.
fn in_both(left: &[(u64, usize)], right: &[(u64, usize)]) -> Vec<u64> {
    let sorted = |side: &[(u64, usize)]| {
        let mut hashes: Vec<u64> = side.iter().map(|it| it.0).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    };
    let (mut left, right) = (sorted(left), sorted(right));
    let mut right = right.into_iter().peekable();
    left.retain(|&hash| {
        while right.next_if(|&other| other < hash).is_some() {}
        right.next_if_eq(&hash).is_some()
    });
    left
}

/// The hashes that occur once, sorted, with their places.
fn unique(mut hashes: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    hashes.sort_unstable();
    hashes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() == 1).map(|group| group[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(hashes: &[u64]) -> Vec<(u64, usize)> {
        hashes.iter().copied().zip(0..).collect()
    }

    #[test]
    fn unique_hashes_are_those_that_occur_once() {
        assert_eq!(unique(placed(&[5, 7, 5, 9, 5, 7])), [(9, 3)]);
        assert_eq!(unique(placed(&[2, 1])), [(1, 1), (2, 0)]);
    }

    #[test]
    fn hashes_in_both_are_found_once() {
        assert_eq!(in_both(&placed(&[5, 7, 5, 9, 1]), &placed(&[9, 5, 9, 5, 2])), [5, 9]);
        assert!(in_both(&placed(&[]), &placed(&[9])).is_empty());
    }
}
