//! Which differences between two documents are worth telling.
//!
//! Owns the meaning of a route's field controls: the payload, what is ignored in it, and how much numbers may differ.
//! They decide only *whether* a document is news to those who hold another; what is sent is always whole and exact. So
//! the other document is the one that was sent last, not the one that was seen last: small differences add up until
//! they count.
//!
//! Rules, in their order:
//! 1. The payload is where the pointer points to. Where either document lacks it, the whole documents are compared.
//! 2. What is ignored is as if absent, each document's own nodes in itself: of a member that appears, disappears or
//!    changes nothing is left to compare, and the elements after an ignored one move up.
//! 3. Numbers that a tolerance's path selects in both documents are the same if they differ by no more than it. Of
//!    several tolerances the largest holds in each document, and of both documents' the smaller.
//! 4. Everything else is the same as [`Value`]s are: number texts count, the order of members does not.
//!
//! Paths start at the whole document, whatever the payload is.
//!
//! It must not know of feeds, nor how documents are sent.

mod compare;
mod in_place;
mod reach;
#[cfg(test)]
mod tests;
mod texts;
mod tolerance;

use crate::{JsonPath, Pointer, Step, Value};

pub(crate) use in_place::any_counts;
pub(crate) use texts::differ;
pub use tolerance::Tolerance;

/// What decides whether the difference of two documents counts. None of it by default: then every difference does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldControls {
    payload: Pointer,
    ignored: Vec<JsonPath>,
    tolerances: Vec<(JsonPath, Tolerance)>,
}

impl FieldControls {
    /// The root as payload, and empty lists, are no control.
    pub fn new(
        payload: Pointer,
        ignored: Vec<JsonPath>,
        tolerances: Vec<(JsonPath, Tolerance)>,
    ) -> FieldControls {
        FieldControls { payload, ignored, tolerances }
    }

    /// Whether there are none, so that every difference counts.
    pub fn is_none(&self) -> bool {
        self.payload.is_root() && self.ignored.is_empty() && self.tolerances.is_empty()
    }

    /// Whether the difference between `old`, which was sent last, and `new` counts.
    ///
    /// Costs a comparison of the two where they are equal or there are no controls; else also a walk over what the
    /// paths lead through, and a copy of both documents for each path that is not local.
    ///
    /// ```
    /// use tidegate_json::{FieldControls, JsonPath, MAX_DEPTH, Pointer, Tolerance, parse};
    /// let last = (JsonPath::parse("$.last")?, Tolerance::new(0.01).unwrap());
    /// let controls = FieldControls::new(Pointer::root(), vec![JsonPath::parse("$.as_of")?], vec![last]);
    /// let quote = |text: &str| parse(text.as_bytes(), MAX_DEPTH).unwrap();
    /// let sent = quote(r#"{"as_of": 1, "last": 101.10}"#);
    /// assert!(!controls.counts(&sent, &quote(r#"{"as_of": 2, "last": 101.11}"#)));
    /// assert!(controls.counts(&sent, &quote(r#"{"as_of": 3, "last": 101.12}"#)));
    /// # Ok::<(), tidegate_json::ParsePathError>(())
    /// ```
    pub fn counts(&self, old: &Value, new: &Value) -> bool {
        old != new && (self.is_none() || compare::differ(self, old, new))
    }

    /// Where the payload is; the root if no part of documents is singled out.
    pub fn payload(&self) -> &Pointer {
        &self.payload
    }

    /// Whether all paths select by location alone, so that [`ignores`](Self::ignores) and
    /// [`tolerance`](Self::tolerance) always answer.
    pub fn is_local(&self) -> bool {
        self.ignored.iter().chain(self.tolerances.iter().map(|(path, _)| path)).all(JsonPath::is_local)
    }

    /// Whether what is at a location, in every document that has it, is ignored or inside something ignored. `None`
    /// if that takes the document.
    ///
    /// An answer of `true` decides about a difference between two documents at this location only where no array on
    /// the way got longer, shorter or another order: elements that an ignored one made way for count.
    pub fn ignores<'a>(&self, location: impl IntoIterator<Item = Step<'a>>) -> Option<bool> {
        let mut reached: Vec<_> = self.ignored.iter().map(JsonPath::start).collect();
        let selected = |reached: &[Option<_>]| {
            let pairs = self.ignored.iter().zip(reached);
            pairs.into_iter().any(|(path, reached)| reached.is_some_and(|reached| path.is_selected(reached)))
        };
        if selected(&reached) {
            return Some(true);
        }
        for step in location {
            for (path, reached) in self.ignored.iter().zip(&mut reached) {
                *reached = reached.map(|reached| path.step(reached, step));
            }
            if selected(&reached) {
                return Some(true);
            }
        }
        reached.iter().all(Option::is_some).then_some(false)
    }

    /// How much the number at a location, in every document that has it, may differ. The outer `None` if that takes
    /// the document, the inner one if not at all.
    pub fn tolerance<'a>(
        &self,
        location: impl IntoIterator<Item = Step<'a>> + Clone,
    ) -> Option<Option<Tolerance>> {
        let mut largest = None;
        for (path, tolerance) in &self.tolerances {
            if path.selects(location.clone())? {
                largest = Some(largest.map_or(*tolerance, |largest| tolerance.max(largest)));
            }
        }
        Some(largest)
    }
}
