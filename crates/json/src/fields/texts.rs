//! Field controls decided from two texts of any structure, without a tree, where all paths are local.
//!
//! Says what [`compare`](super::compare) says (a property test holds it to that).

use super::FieldControls;
use super::reach::{OwnStep, Reach, covers};
use crate::Pointer;
use crate::diff::{Members, equal};
use crate::document::Document;
use crate::document::tape::Node;
use crate::pointer::array_index;

/// Whether two documents differ in what counts; none where that takes more than places.
pub(crate) fn differ(controls: &FieldControls, old: &Document, new: &Document) -> Option<bool> {
    if !controls.is_local() {
        return None;
    }
    let sides = Sides { controls, old, new };
    let part = |pointer: &Pointer| Some((part(controls, old, pointer)?, part(controls, new, pointer)?));
    let ((a, from), (b, to)) = part(controls.payload()).or_else(|| part(&Pointer::root()))?;
    Some(match (from.ignored, to.ignored) {
        (true, true) => false,
        (false, false) => !sides.same((a, &from), (b, &to)),
        _ => true,
    })
}

/// What a pointer points to, and how far the paths have come there.
fn part(controls: &FieldControls, document: &Document, pointer: &Pointer) -> Option<(Node, Reach)> {
    let (mut node, mut reach) = (document.root(), Reach::at_root(controls));
    for token in pointer.tokens() {
        if node.is_scalar() {
            return None;
        }
        let step;
        (node, step) = if document.is_object(node.container) {
            (document.member(node.container, token.as_bytes())?, OwnStep::Name(token))
        } else {
            let index = array_index(&token)?;
            (document.children(node.container).nth(index)?, OwnStep::Index(index))
        };
        reach = reach.below(controls, step.as_step());
    }
    Some((node, reach))
}

struct Sides<'a> {
    controls: &'a FieldControls,
    old: &'a Document,
    new: &'a Document,
}

impl Sides<'_> {
    /// Whether nothing differs that counts; neither of the two is ignored itself. Recurses over the nesting.
    fn same(&self, (a, from): (Node, &Reach), (b, to): (Node, &Reach)) -> bool {
        let (old, new) = (self.old, self.new);
        if from.is_nowhere() && to.is_nowhere() {
            return equal(old, a, new, b);
        }
        if a.is_scalar() || b.is_scalar() {
            return a.is_scalar()
                && b.is_scalar()
                && (old.same_scalar(a, new, b) || self.tolerated(a, from, b, to));
        }
        if old.kind(a) != new.kind(b) {
            return false;
        }
        if from == to && old.span(a) == new.span(b) {
            return true;
        }
        if old.is_object(a.container) {
            self.same_members(a, from, b, to)
        } else {
            self.same_elements(a, from, b, to)
        }
    }

    fn tolerated(&self, a: Node, from: &Reach, b: Node, to: &Reach) -> bool {
        let tolerances = from.tolerance(self.controls).zip(to.tolerance(self.controls));
        tolerances.is_some_and(|(old, new)| covers(old.min(new), self.old.span(a), self.new.span(b)))
    }

    fn same_elements(&self, a: Node, from: &Reach, b: Node, to: &Reach) -> bool {
        let kept = |document: &Document, array: Node, reach: &Reach| {
            let children: Vec<Node> = document.children(array.container).collect();
            let reach = reach.clone();
            children.into_iter().enumerate().filter_map(move |(index, child)| {
                let below = reach.below(self.controls, crate::Step::Index(index));
                (!below.ignored).then_some((child, below))
            })
        };
        let (mut ours, mut theirs) = (kept(self.old, a, from), kept(self.new, b, to));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some((a, from)), Some((b, to))) if self.same((a, &from), (b, &to)) => {}
                _ => return false,
            }
        }
    }

    fn same_members(&self, a: Node, from: &Reach, b: Node, to: &Reach) -> bool {
        let below = |document: &Document, reach: &Reach, member: Node| {
            reach.below(self.controls, crate::Step::Name(&document.key(member)))
        };
        let kept =
            self.old.children(a.container).filter(|&member| !below(self.old, from, member).ignored).count();
        let mut members = Members::of(self.old, a.container);
        let mut matched = 0;
        self.new.children(b.container).all(|member| {
            let theirs = below(self.new, to, member);
            if theirs.ignored {
                return true;
            }
            matched += 1;
            members.find(self.new, member).is_some_and(|our| {
                let ours = below(self.old, from, our);
                !ours.ignored && self.same((our, &ours), (member, &theirs))
            })
        }) && matched == kept
    }
}
