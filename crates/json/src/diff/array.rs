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

/// Arrays that differ over more elements than this are replaced, unless elements only came or only went: matching takes
/// some hundred bytes for each meanwhile.
const MAX_ELEMENTS: usize = 1 << 21;

impl Differ<'_> {
    pub(super) fn compare_arrays(&mut self, old: u32, new: u32, limit: usize) -> Result<(), TooDear> {
        let ours: Vec<Node> = self.old.children(old).collect();
        let theirs: Vec<Node> = self.new.children(new).collect();
        let (before, after) = self.equal_ends((old, &ours), (new, &theirs));
        let all = theirs;
        let (ours, theirs) = (&ours[before..ours.len() - after], &all[before..all.len() - after]);

        let most = ours.len().max(theirs.len());
        if most > MAX_ELEMENTS && !ours.is_empty() && !theirs.is_empty() {
            return Err(TooDear);
        }
        let script = self.script((old, ours), (new, theirs), before);
        self.rearrange(old, (ours, &all), (before, after), &script, limit)?;
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
        array: u32,
        (old, all): (&[Node], &[Node]),
        ends: (usize, usize),
        script: &Script,
        limit: usize,
    ) -> Result<(), TooDear> {
        let mut length = ends.0 + script.old_len + ends.1;
        let new = &all[ends.0..all.len() - ends.1];
        let steps = steps(script, ends, length);
        for step in steps {
            match step {
                Step::Remove(at, index) => {
                    length -= 1;
                    self.goes(old[index]);
                    self.draft.shift(length - at)?;
                    let token = self.draft.enter_element(at);
                    self.draft.remove();
                    self.draft.leave(token);
                }
                Step::Move(from, to) => {
                    self.draft.shift((length - 1 - from) + (length - 1 - to))?;
                    self.draft.move_element(from, to);
                }
                Step::Add(to, place) => {
                    self.draft.shift(length - to)?;
                    length += 1;
                    match self.twin(all, ends, script, (place, length - 1)) {
                        Some(from) => self.draft.copy_element(from, to),
                        None => {
                            self.comes(new[place], array, ends.0 + place);
                            self.draft.check_room(self.new.span(new[place]).len(), limit)?;
                            let token = self.draft.enter_element(to);
                            self.draft.add(self.new.span(new[place]));
                            self.draft.leave(token);
                        }
                    }
                }
            }
            self.draft.check(limit)?;
        }
        Ok(())
    }

    /// Where an element stands that is the same as one to be added, stays as it is, and is long enough for a copy to be
    /// shorter than the value. `new` are all new elements, `ends` counts the equal ones before and after, `length` is the
    /// array's at this time. Only the nearest are looked at.
    fn twin(
        &self,
        new: &[Node],
        ends: (usize, usize),
        script: &Script,
        (place, length): (usize, usize),
    ) -> Option<usize> {
        let text = self.new.span(new[ends.0 + place]);
        let digits = 2 * (ends.0 + place).max(1).ilog10() as usize;
        // Where elements move, others may stand between.
        if script.moves || text.len() < r#""from":"","#.len() + self.draft.path().len() + digits {
            return None;
        }
        let is_same = |other: usize| self.new.span(new[other]) == text;
        let here = ends.0 + place;
        let before = (here.saturating_sub(NEAR)..here).rev().find(|&other| {
            let in_script = other.checked_sub(ends.0);
            let is_final =
                in_script.is_none_or(|other| script.origins[other].is_none() || script.equal[other]);
            is_final && is_same(other)
        });
        let behind = || (ends.1 > 0 && is_same(new.len() - ends.1)).then_some(length - ends.1);
        before.or_else(behind)
    }
}

/// How many elements before an added one are looked at for one that could be copied.
const NEAR: usize = 8;

/// A change of an array's order; indexes are those at its time.
enum Step {
    /// From where, and the place among the old elements.
    Remove(usize, usize),
    /// From, and to as of the array without what moves.
    Move(usize, usize),
    /// To where, and the place among the new elements.
    Add(usize, usize),
}

impl Step {
    /// How many digits it takes to say it.
    fn digits(&self) -> u32 {
        let digits = |index: usize| index.checked_ilog10().unwrap_or(0) + 1;
        match *self {
            Step::Remove(at, _) => digits(at),
            Step::Move(from, to) => digits(from) + digits(to),
            Step::Add(to, _) => digits(to),
        }
    }
}

/// The steps, from the front to the back or from the back to the front, whichever has the shorter indexes: a reversed
/// list, for one, is put in order by taking one after the other to the front.
fn steps(script: &Script, ends: (usize, usize), length: usize) -> Vec<Step> {
    let forward = steps_from_front(script, ends.0);
    if !script.moves {
        return forward;
    }
    let mut length = length;
    let places = script.origins.len();
    let backward = steps_from_front(&script.mirrored(), ends.1).into_iter().map(|step| match step {
        Step::Remove(at, index) => {
            length -= 1;
            Step::Remove(length - at, script.old_len - 1 - index)
        }
        Step::Move(from, to) => Step::Move(length - 1 - from, length - 1 - to),
        Step::Add(to, place) => {
            length += 1;
            Step::Add(length - 1 - to, places - 1 - place)
        }
    });
    let backward: Vec<Step> = backward.collect();
    let digits = |steps: &[Step]| steps.iter().map(Step::digits).sum::<u32>();
    if digits(&backward) < digits(&forward) { backward } else { forward }
}

/// The steps from the front to the back, behind `first` equal elements.
fn steps_from_front(script: &Script, first: usize) -> Vec<Step> {
    let mut steps: Vec<Step> =
        script.removed().rev().map(|index| Step::Remove(first + index, index)).collect();
    let mut waiting = Waiting::of(script);
    // The last kept element among the places that are done, and how many there are.
    let (mut anchor, mut passed) = (0, 0);
    for (place, origin) in script.origins.iter().enumerate() {
        // The elements before `place` stand in their order; only waiting ones may stand between them.
        match *origin {
            Some(index) if script.kept[place] => (anchor, passed) = (index, passed + 1),
            Some(index) => {
                let from = first + waiting.place_of(index, place, passed);
                waiting.leave(index);
                steps.push(Step::Move(from, first + place + waiting.before(anchor)));
            }
            None => steps.push(Step::Add(first + place + waiting.before(anchor), place)),
        }
    }
    steps
}
