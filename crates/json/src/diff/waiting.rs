//! Where the elements stand that are to move, while others around them already have.

use super::script::Script;

/// The elements that are to move and have not yet: where they are among the others.
pub(super) struct Waiting {
    /// A Fenwick tree over the old elements that counts those that wait; empty when nothing moves.
    counts: Vec<usize>,
    /// For each old element, the new place of the next kept one.
    next_kept: Vec<usize>,
    /// For each old element, how many kept ones stand before it.
    kept_before: Vec<usize>,
}

impl Waiting {
    pub(super) fn of(script: &Script) -> Waiting {
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
    pub(super) fn before(&self, index: usize) -> usize {
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
    pub(super) fn place_of(&self, index: usize, placed: usize, passed: usize) -> usize {
        let next = self.next_kept[index];
        let others = if next < placed { next } else { placed + self.kept_before[index] - passed };
        others + self.before(index)
    }

    pub(super) fn leave(&mut self, index: usize) {
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
