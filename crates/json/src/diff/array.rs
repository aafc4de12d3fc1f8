//! Arrays: the operations that make the new order of the old, and then the edits inside.
//!
//! Equal ends are left alone. What lies between gets a [`Script`] that says which new element continues which old one.
//! Then: old elements without a new one are removed from the back; new and moved ones are put in their places from the
//! front; and last, when every element has its new index, the pairs are edited inside.

use super::Differ;
use super::draft::TooDear;
use super::script::Script;
use super::waiting::Waiting;
use crate::document::tape::Node;

impl Differ<'_> {
    pub(super) fn compare_arrays(&mut self, old: u32, new: u32, limit: usize) -> Result<(), TooDear> {
        let ours: Vec<Node> = self.old.children(old).collect();
        let theirs: Vec<Node> = self.new.children(new).collect();
        let (before, after) = self.equal_ends((old, &ours), (new, &theirs));
        let (ours, theirs) = (&ours[before..ours.len() - after], &theirs[before..theirs.len() - after]);

        let script = self.script((old, ours), (new, theirs), before);
        self.rearrange(theirs, (before, after), &script, limit)?;
        for (place, &element) in theirs.iter().enumerate() {
            if let Some(index) = script.origins[place].filter(|_| !script.equal[place]) {
                let token = self.draft.enter_element(before + place);
                let compared = self.compare(ours[index], element, limit);
                self.draft.leave(token);
                compared?;
            }
        }
        Ok(())
    }

    /// How many elements at the beginnings, and how many at the ends, have the same texts.
    fn equal_ends(&mut self, old: (u32, &[Node]), new: (u32, &[Node])) -> (usize, usize) {
        let (old_inside, new_inside) = (self.old.inside(old.0), self.new.inside(new.0));
        let (bytes, others) = (self.old.bytes(), self.new.bytes());
        let fewest = old.1.len().min(new.1.len());
        let most = (old_inside.1 - old_inside.0).min(new_inside.1 - new_inside.0);
        let agree = old_inside.0 + self.run.agreed(bytes, old_inside.0, others, new_inside.0, most);
        // All that begin where the texts still agree agree themselves, but perhaps the last one.
        let begun = old.1.partition_point(|&child| self.old.start(child) <= agree);
        let mut before = begun.saturating_sub(1).min(fewest);
        while before < begun.min(fewest) && self.same(old.1[before], new.1[before]) {
            before += 1;
        }
        let agree = self.tail.agreed(bytes, old_inside, others, new_inside);
        // The comma before an element agrees, too: so it is one in both.
        let from = old_inside.1 - agree;
        let after = old.1.len() - old.1.partition_point(|&child| self.old.start(child) <= from);
        (before, after.min(fewest - before))
    }

    fn same(&self, old: Node, new: Node) -> bool {
        match (old.is_scalar(), new.is_scalar()) {
            (true, true) => self.old.same_scalar(old, self.new, new),
            (false, false) => self.old.span(old) == self.new.span(new),
            _ => false,
        }
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
