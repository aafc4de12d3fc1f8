//! Paths that select by location alone, matched step by step.
//!
//! Owns the matching. The set of segments that have been matched on the way to a node is a set of bits, so that one
//! step costs one look at each segment that could come next, whatever lies above.

use super::segment::{Segment, Selector};
use super::{Reached, Step};
use crate::Value;

/// The segments of a path: one fewer than the bits of [`Reached`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segments(Vec<Segment>);

impl Segments {
    /// The most segments: the set of reached ones has a bit for the root and one for each.
    const MAX: usize = u64::BITS as usize - 1;

    /// `None` if there are too many to match this way, or one that takes more than a location.
    pub(super) fn new(segments: Vec<Segment>) -> Option<Segments> {
        let local = segments.iter().flat_map(|segment| &segment.selectors).all(Selector::is_local);
        (local && segments.len() <= Self::MAX).then_some(Segments(segments))
    }

    pub(super) fn start(&self) -> Reached {
        Reached(1)
    }

    pub(super) fn step(&self, Reached(reached): Reached, step: Step<'_>) -> Reached {
        let mut next = 0;
        let mut rest = reached;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            // Without a segment, the path ends here and goes no further down.
            let Some(segment) = self.0.get(bit as usize) else { continue };
            if segment.selectors.iter().any(|selector| selector.matches(step)) {
                next |= 1 << (bit + 1);
            }
            if segment.descends {
                next |= 1 << bit;
            }
        }
        Reached(next)
    }

    pub(super) fn is_selected(&self, Reached(reached): Reached) -> bool {
        reached >> self.0.len() & 1 == 1
    }

    pub(super) fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        self.walk(document, self.start(), &mut found);
        found
    }

    fn walk<'a>(&self, value: &'a Value, reached: Reached, found: &mut Vec<&'a Value>) {
        if self.is_selected(reached) {
            found.push(value);
        }
        let mut enter = |step, inner| {
            let next = self.step(reached, step);
            if !next.is_nowhere() {
                self.walk(inner, next, found);
            }
        };
        match value {
            Value::Array(elements) => {
                elements.iter().enumerate().for_each(|(index, inner)| enter(Step::Index(index), inner));
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, inner)| enter(Step::Name(name), inner));
            }
            _ => {}
        }
    }
}

impl Selector {
    /// Whether a step and nothing else decides.
    fn is_local(&self) -> bool {
        match self {
            Selector::Name(_) | Selector::Wildcard => true,
            Selector::Index(index) => *index >= 0,
            Selector::Slice(_) | Selector::Filter(_) => false,
        }
    }

    fn matches(&self, step: Step<'_>) -> bool {
        match (self, step) {
            (Selector::Wildcard, _) => true,
            (Selector::Name(wanted), Step::Name(name)) => wanted == name,
            (Selector::Index(wanted), Step::Index(index)) => usize::try_from(*wanted) == Ok(index),
            (Selector::Name(_), Step::Index(_)) | (Selector::Index(_), Step::Name(_)) => false,
            // These take the document; a path that has one is not matched here.
            (Selector::Slice(_) | Selector::Filter(_), _) => false,
        }
    }
}
