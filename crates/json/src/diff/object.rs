//! Objects: members are paired by their keys, in whatever order they stand.

use super::Differ;
use super::draft::TooDear;
use crate::document::Document;
use crate::document::tape::Node;
use crate::keys::hash;

/// Objects of up to this many members are searched from one end to the other; of longer ones the keys are sorted.
const FEW: usize = 16;

/// The members of an object, to be found by their keys.
pub(crate) struct Members<'a> {
    document: &'a Document,
    list: Vec<Node>,
    /// The hashes of the keys with their members' places, sorted; made when first needed.
    sorted: Option<Vec<(u64, u32)>>,
    /// The place that is looked at first.
    next: usize,
}

impl<'a> Members<'a> {
    pub(crate) fn of(document: &'a Document, container: u32) -> Members<'a> {
        Members { document, list: document.children(container).collect(), sorted: None, next: 0 }
    }

    /// The member that has the same key.
    pub(crate) fn find(&mut self, other: &Document, member: Node) -> Option<Node> {
        self.place_of(other, member).map(|place| self.list[place])
    }

    /// The place of the member that has the same key.
    fn place_of(&mut self, other: &Document, member: Node) -> Option<usize> {
        let is_it =
            |&at: &usize| self.list.get(at).is_some_and(|&it| self.document.same_key(it, other, member));
        let place = match Some(self.next).filter(is_it) {
            Some(place) => place,
            None if self.list.len() <= FEW => (0..self.list.len()).find(is_it)?,
            None => self.search(other, member)?,
        };
        self.next = place + 1;
        Some(place)
    }

    fn search(&mut self, other: &Document, member: Node) -> Option<usize> {
        let (document, list) = (self.document, &self.list);
        let sorted = self.sorted.get_or_insert_with(|| {
            let hashes =
                list.iter().enumerate().map(|(at, &it)| (hash(document.key(it).as_bytes()), at as u32));
            let mut sorted: Vec<_> = hashes.collect();
            sorted.sort_unstable();
            sorted
        });
        let wanted = hash(other.key(member).as_bytes());
        let from = sorted.partition_point(|&(hash, _)| hash < wanted);
        let candidates = sorted[from..].iter().take_while(|&&(hash, _)| hash == wanted);
        // Many keys that were made to have equal hashes are not found: they count as others, which costs a longer patch
        // or a snapshot, and no time.
        let mut places = candidates.take(FEW).map(|&(_, at)| at as usize);
        places.find(|&at| document.same_key(list[at], other, member))
    }
}

/// The members of two objects by pairs; none where they do not have the same keys.
pub(super) fn pairs(left: &Document, a: u32, right: &Document, b: u32) -> Option<Vec<(Node, Node)>> {
    let mut members = Members::of(left, a);
    let mut pairs = Vec::with_capacity(members.list.len());
    for member in right.children(b) {
        let place = members.place_of(right, member)?;
        pairs.push((members.list[place], member));
    }
    // Keys differ within each object, so equal counts leave none out.
    (pairs.len() == members.list.len()).then_some(pairs)
}

/// How many comparisons of values the search for renamed members may take.
const MAX_RENAMES: usize = 256;

impl Differ<'_> {
    /// Removes, then edits, adds and moves in the new member order.
    pub(super) fn compare_objects(&mut self, old: u32, new: u32, limit: usize) -> Result<(), TooDear> {
        let (ours, theirs) = (self.old, self.new);
        // Mostly the keys are the same, in the same order.
        let mut rest = (ours.children(old), theirs.children(new));
        loop {
            let before = rest.clone();
            match (rest.0.next(), rest.1.next()) {
                (None, None) => return Ok(()),
                (Some(a), Some(b)) if ours.same_key(a, theirs, b) => self.compare_members(a, b, limit)?,
                _ => {
                    let members = before.0.collect();
                    let added = before.1.collect();
                    return self.compare_rest(old, members, added, limit);
                }
            }
        }
    }

    fn compare_members(&mut self, old: Node, new: Node, limit: usize) -> Result<(), TooDear> {
        let place = self.draft.enter_member(self.new.raw_key(new));
        let compared = self.compare(old, new, limit);
        self.draft.leave(place);
        compared
    }

    /// The members from the first on whose keys differ.
    fn compare_rest(
        &mut self,
        object: u32,
        old: Vec<Node>,
        new: Vec<Node>,
        limit: usize,
    ) -> Result<(), TooDear> {
        let mut members = Members { document: self.old, list: old, sorted: None, next: 0 };
        let origins: Vec<_> = new.iter().map(|&member| members.place_of(self.new, member)).collect();
        let mut removed = vec![true; members.list.len()];
        origins.iter().flatten().for_each(|&place| removed[place] = false);
        let renamed = self.renamed(&members.list, &new, &origins, &mut removed);
        // From the back, so that fewer members shift.
        let mut length = members.list.len();
        for (place, &member) in members.list.iter().enumerate().rev() {
            if removed[place] {
                length -= 1;
                self.goes(member);
                self.draft.shift(length - place)?;
                let place = self.draft.enter_member(self.old.raw_key(member));
                self.draft.remove();
                self.draft.leave(place);
                self.draft.check(limit)?;
            }
        }
        for (at, &member) in new.iter().enumerate() {
            match (origins[at], renamed.get(at).copied().flatten()) {
                (Some(place), _) => self.compare_members(members.list[place], member, limit)?,
                (None, Some(place)) => self.rename(members.list[place], member, limit)?,
                (None, None) => {
                    self.comes(member, object, at);
                    let place = self.draft.enter_member(self.new.raw_key(member));
                    self.draft.add(self.new.span(member));
                    self.draft.leave(place);
                    self.draft.check(limit)?;
                }
            }
        }
        Ok(())
    }

    /// For each new member without an origin, the removed one that has the same value: it is moved to its new name. They
    /// are taken out of `removed`.
    fn renamed(
        &mut self,
        old: &[Node],
        new: &[Node],
        origins: &[Option<usize>],
        removed: &mut [bool],
    ) -> Vec<Option<usize>> {
        let mut gone: Vec<usize> = (0..old.len()).filter(|&place| removed[place]).collect();
        let added: Vec<usize> = (0..new.len()).filter(|&at| origins[at].is_none()).collect();
        if gone.is_empty() || added.is_empty() || gone.len() * added.len() > MAX_RENAMES {
            return Vec::new();
        }
        let mut renamed = vec![None; new.len()];
        for at in added {
            let text = self.new.span(new[at]);
            // A short value costs less to send than its old name.
            let pays =
                |place: usize| text.len() + 20 > self.old.raw_key(old[place]).len() + self.draft.path().len();
            if let Some(which) =
                gone.iter().position(|&place| pays(place) && self.old.span(old[place]) == text)
            {
                let place = gone.swap_remove(which);
                removed[place] = false;
                renamed[at] = Some(place);
            }
        }
        renamed
    }

    fn rename(&mut self, old: Node, new: Node, limit: usize) -> Result<(), TooDear> {
        let place = self.draft.enter_member(self.old.raw_key(old));
        let from = self.draft.path().to_vec();
        self.draft.leave(place);
        let place = self.draft.enter_member(self.new.raw_key(new));
        self.draft.transfer(b"{\"op\":\"move\",\"from\":\"", &from);
        self.draft.leave(place);
        self.draft.check(limit)
    }
}
