//! The parts of a path (RFC 9535 §2.3 and §2.5), as they were read.

use std::ops::Range;

/// One segment (RFC 9535 §2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Whether it also selects among the descendants (§2.5.2).
    pub(crate) descends: bool,
    /// What it selects among the children.
    pub(crate) selectors: Vec<Selector>,
}

/// One selector (RFC 9535 §2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// The member of this name.
    Name(String),
    /// The element of this index; a negative one counts from the end.
    Index(i64),
    /// Every member and every element.
    Wildcard,
    /// Elements in a regular distance.
    Slice(Slice),
    /// The children that a filter lets pass: where it stands in the path's text, from its `?` on.
    Filter(Range<usize>),
}

/// A slice (RFC 9535 §2.3.4), as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) step: Option<i64>,
}

impl Slice {
    /// The indexes that it selects of an array of this length, in its order (§2.3.4.2).
    pub(crate) fn indexes(&self, length: usize) -> impl Iterator<Item = usize> {
        // An array in memory is shorter than 2^32, the integers of a path are below 2^53: nothing overflows.
        let length = length as i64;
        let normal = |index: i64| if index >= 0 { index } else { length + index };
        let step = self.step.unwrap_or(1);
        let (from, to) = if step >= 0 {
            let start = normal(self.start.unwrap_or(0)).clamp(0, length);
            (start, normal(self.end.unwrap_or(length)).clamp(0, length))
        } else {
            let start = normal(self.start.unwrap_or(length - 1)).clamp(-1, length - 1);
            // The default end lies before the first element, and is not counted from the end.
            (start, self.end.map_or(-1, |end| normal(end).clamp(-1, length - 1)))
        };
        let inside = move |&index: &i64| (step > 0 && index < to) || (step < 0 && index > to);
        std::iter::successors(Some(from), move |index| Some(index + step))
            .take_while(inside)
            // Both bounds lie inside of the array.
            .map(|index| index as usize)
    }
}
