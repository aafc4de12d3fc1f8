//! Skipping what an earlier text already had.
//!
//! Where the scanner stands before an element or member, a few guesses say which one of the earlier text this could be.
//! Where the bytes agree over whole elements, their part of the earlier tape is taken over, shifted; nothing of them is
//! looked at a second time. So an insertion, a removal, a moved or a reversed run costs about a comparison of bytes.
//!
//! It proves nothing and decides nothing: equal bytes of the same kind have the same tape.

use super::Document;
use super::scan::Scanner;
use super::tape::{Container, NONE, Node};
use crate::delta::Shared;
use crate::keys::KeySpan;
use crate::search::{common_prefix, gallop};
use crate::strings;

/// Elements or members that were taken over from the earlier text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) shared: Shared,
    /// What they stood in, and what they stand in.
    pub(crate) containers: (u32, u32),
    /// Their places there.
    pub(crate) places: (u32, u32),
    pub(crate) count: u32,
}

/// The text to compare with.
pub(super) struct Guide<'a> {
    pub(super) like: &'a Document,
    /// How many bytes may still be searched for lost elements.
    search: usize,
}

impl<'a> Guide<'a> {
    pub(super) fn new(like: &'a Document) -> Guide<'a> {
        Guide { like, search: 2 * like.bytes().len() }
    }
}

/// A container whose text is shorter than this is parsed without a guide: that is quicker than guessing.
const WORTH_GUIDING: usize = 1024;

/// Scalars are taken over only in runs of this many bytes: fewer agree by chance, and are parsed as quickly.
const WORTH_TAKING: usize = 32;

/// How many unknown keys are compared with all others of their object; more are sorted.
const FEW_STRANGERS: usize = 8;

/// How many elements in a row may be unknown before one is searched in the whole earlier text.
const MISSES: usize = 2;

/// The earlier text's counterpart of the container that is being scanned.
pub(super) struct Trail<'a> {
    like: &'a Document,
    container: u32,
    children: Vec<Node>,
    is_object: bool,
    /// The members so far were those of the earlier text in their order, but for the strangers.
    in_order: bool,
    /// The place after the last of those members.
    reached: usize,
    /// The members whose keys were not found in the earlier text.
    strangers: Vec<KeySpan>,
    /// The place that is expected next.
    next: usize,
    /// How many elements in a row were unknown.
    misses: usize,
    /// The place after the last child that was given as a guide. Each is given once, so that all guides together cost no
    /// more than the earlier text.
    guided: usize,
}

impl<'a> Trail<'a> {
    /// Where an element begins: its key's quote for a member.
    fn start(&self, place: usize) -> usize {
        let child = self.children[place];
        if self.is_object { self.like.key_start(child) } else { self.like.start(child) }
    }

    /// What is expected to have stood in the place of the next element, if that is worth having.
    pub(super) fn guide_for_next(&mut self) -> Option<Node> {
        self.worth_guiding(self.next)
    }

    fn worth_guiding(&mut self, place: usize) -> Option<Node> {
        let child = *self.children.get(place).filter(|_| place >= self.guided)?;
        self.guided = place + 1;
        let worth = !child.is_scalar() && self.like.end(child) - self.like.start(child) >= WORTH_GUIDING;
        worth.then_some(child)
    }

    /// What stood under this key, if that is worth having; what follows it is expected next.
    pub(super) fn guide_for_key(&mut self, bytes: &[u8], key: KeySpan) -> Option<Node> {
        let text = key.text(bytes);
        let raw = &text[1..text.len() - 1];
        let near = [self.next, self.next + 1, self.next.wrapping_sub(1)];
        let place = near.into_iter().find(|&place| {
            self.children.get(place).is_some_and(|&child| strings::same(self.like.raw_key(child), raw))
        });
        let Some(place) = place else {
            self.strangers.push(key);
            return None;
        };
        self.in_order &= place >= self.reached;
        self.reached = place + 1;
        self.next = place + 1;
        self.worth_guiding(place)
    }

    /// Whether `keys`, all of the object that was scanned along this trail, are known to differ from each other, so
    /// that they need not be sorted: the earlier text's do, and the few others were compared with all.
    pub(super) fn knows_no_twins(&self, bytes: &[u8], keys: &[KeySpan]) -> bool {
        let differs = |stranger: &KeySpan| {
            keys.iter().all(|key| key == stranger || key.text(bytes) != stranger.text(bytes))
        };
        self.in_order
            && self.strangers.len() <= FEW_STRANGERS
            && !keys.iter().any(|key| key.escaped)
            && self.strangers.iter().all(differs)
    }

    /// The last element was unknown: it was edited, or is new. After some of those in a row the earlier text is
    /// searched for it, so that a removed block is stepped over.
    pub(super) fn missed(&mut self, element: &[u8], guide: Option<&mut Guide<'_>>) {
        self.next = (self.next + 1).min(self.children.len());
        self.misses += 1;
        if self.misses < MISSES || element.len() < 16 || self.next >= self.children.len() {
            return;
        }
        let from = self.start(self.next);
        let rest = &self.like.bytes()[from..];
        let Some(guide) = guide.filter(|guide| guide.search >= rest.len()) else { return };
        guide.search -= rest.len();
        if let Some(found) = memchr::memmem::find(rest, element) {
            let place = self.children.partition_point(|&child| self.like.start(child) < from + found);
            if place < self.children.len() && self.like.start(self.children[place]) == from + found {
                self.next = place + 1;
                self.misses = 0;
            }
        }
    }
}

impl<'a> Scanner<'a> {
    /// The earlier counterpart of the container that opens with `bracket`, where there is one of its kind that is
    /// worth following.
    pub(super) fn trail(&self, guide: Option<Node>, bracket: u8) -> Option<Trail<'a>> {
        let like = self.guide.as_ref()?.like;
        let node = guide.filter(|node| !node.is_scalar() && like.kind(*node) == bracket)?;
        let children = like.children(node.container).collect();
        Some(Trail {
            like,
            container: node.container,
            children,
            is_object: bracket == b'{',
            in_order: true,
            reached: 0,
            strangers: Vec::new(),
            next: 0,
            misses: 0,
            guided: 0,
        })
    }

    /// Skips elements that stand at the scanner's place as they stood in the earlier text; says how many.
    pub(super) fn follow(&mut self, trail: &mut Trail<'a>, parent: u32, ordinal: u32) -> Option<u32> {
        let next = trail.next;
        // The next one; the one before, if what was taken for its edit was an insertion; the one after, if the next
        // was removed; the one before the last match, in a reversed run.
        let guesses = [next, next.wrapping_sub(1), next + 1, next.wrapping_sub(2)];
        let guesses =
            if trail.misses == 0 { [guesses[0], guesses[2], guesses[3], guesses[1]] } else { guesses };
        guesses.into_iter().find_map(|place| self.follow_from(trail, place, parent, ordinal))
    }

    fn follow_from(&mut self, trail: &mut Trail<'a>, place: usize, parent: u32, ordinal: u32) -> Option<u32> {
        let first = *trail.children.get(place)?;
        let (old, like) = (trail.like.bytes(), trail.like);
        let from = trail.start(place);
        if old[from..].get(..8).is_some_and(|head| !self.bytes[self.at..].starts_with(head)) {
            return None;
        }
        let agree = from + common_prefix(&old[from..], &self.bytes[self.at..]);
        let siblings = &trail.children[place..];
        // All that begin where the texts still agree agree themselves, but perhaps the last one.
        let begun = gallop(siblings, 0, |&child| like.start(child) <= agree);
        let is_whole = |child: Node| {
            // A number or literal ends where the byte after it says so.
            like.end(child) + usize::from(child.is_scalar()) <= agree
        };
        let index = match begun.checked_sub(1)? {
            index if is_whole(siblings[index]) => index,
            index => index.checked_sub(1)?,
        };
        let last = siblings[index];
        let end = like.end(last);
        if first.is_scalar() && end - from < WORTH_TAKING {
            return None;
        }
        let shift = self.at.wrapping_sub(from) as u32;
        self.take_over(trail, (first, last), shift, parent, ordinal);
        if trail.is_object {
            trail.in_order &= place >= trail.reached;
            trail.reached = place + index + 1;
            for &member in &trail.children[place..=place + index] {
                let raw = like.raw_key(member);
                let start = (like.key_start(member) as u32).wrapping_add(shift);
                let end = start + raw.len() as u32 + 2;
                self.keys.push(KeySpan { start, end, escaped: raw.contains(&b'\\') });
            }
        }
        if !like.is_compact() {
            let skipped = &old[from..end];
            self.add_spaces(skipped.len() - crate::compact(skipped).len());
        }
        let (older, newer, len) = (from as u32, self.at as u32, (end - from) as u32);
        self.taken.push(Taken {
            shared: Shared { older, newer, len },
            containers: (trail.container, parent),
            places: (place as u32, ordinal),
            count: index as u32 + 1,
        });
        self.at += end - from;
        trail.next = place + index + 1;
        trail.misses = 0;
        Some(index as u32 + 1)
    }

    /// Copies the tape of the siblings `first` to `last`, whose text begins at the scanner's place shifted by `shift`.
    fn take_over(
        &mut self,
        trail: &Trail<'a>,
        siblings: (Node, Node),
        shift: u32,
        parent: u32,
        ordinal: u32,
    ) {
        let tape = trail.like.tape();
        let (begin, end) = (siblings.0.entry, tape.after(siblings.1));
        let reentry = (self.starts.len() as u32).wrapping_sub(begin);
        let entries = &tape.starts[begin as usize..end as usize];
        self.starts.extend(entries.iter().map(|start| start.wrapping_add(shift)));
        let before = |entry: u32| tape.containers.partition_point(|it| it.open < entry);
        let low = if siblings.0.is_scalar() { before(begin) } else { siblings.0.container as usize };
        let high = match siblings.1.container {
            NONE => before(end),
            last => tape.containers[last as usize].next as usize,
        };
        let renumber = (self.containers.len() as u32).wrapping_sub(low as u32);
        let mut next = ordinal;
        // The entry from which on siblings are not counted yet.
        let mut counted = begin;
        for it in &tape.containers[low..high] {
            let mut copy = Container {
                open: it.open.wrapping_add(reentry),
                close: it.close.wrapping_add(reentry),
                parent: it.parent.wrapping_add(renumber),
                ordinal: it.ordinal,
                next: it.next.wrapping_add(renumber),
            };
            if it.parent == trail.container {
                // The scalars before it have an entry each.
                next += it.open - counted;
                (copy.parent, copy.ordinal) = (parent, next);
                next += 1;
                counted = it.close + 1;
            }
            self.containers.push(copy);
        }
    }
}
