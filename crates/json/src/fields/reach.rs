//! How far the paths of field controls have come at a value: what is ignored there, and what is tolerated.

use std::borrow::Cow;

use super::{FieldControls, Tolerance};
use crate::path::Reached;
use crate::{JsonPath, Number, Step};

/// How far the paths have come at a value.
#[derive(Clone, PartialEq)]
pub(super) struct Reach {
    /// It is ignored, or something around it is.
    pub(super) ignored: bool,
    ignores: Vec<Reached>,
    tolerances: Vec<Reached>,
}

impl Reach {
    pub(super) fn at_root(controls: &FieldControls) -> Reach {
        // Every path is local, so each has a start.
        let start = |path: &JsonPath| path.start().unwrap_or(Reached::NOWHERE);
        let reach = Reach {
            ignored: false,
            ignores: controls.ignored.iter().map(start).collect(),
            tolerances: controls.tolerances.iter().map(|(path, _)| start(path)).collect(),
        };
        Reach { ignored: reach.selects_ignored(controls), ..reach }
    }

    pub(super) fn below(&self, controls: &FieldControls, step: Step<'_>) -> Reach {
        let ignores =
            controls.ignored.iter().zip(&self.ignores).map(|(path, reached)| path.step(*reached, step));
        let tolerances = controls.tolerances.iter().zip(&self.tolerances);
        let reach = Reach {
            ignored: self.ignored,
            ignores: ignores.collect(),
            tolerances: tolerances.map(|((path, _), reached)| path.step(*reached, step)).collect(),
        };
        Reach { ignored: self.ignored || reach.selects_ignored(controls), ..reach }
    }

    /// Whether no path selects this or anything below.
    pub(super) fn is_nowhere(&self) -> bool {
        self.ignores.iter().chain(&self.tolerances).all(|reached| reached.is_nowhere())
    }

    fn selects_ignored(&self, controls: &FieldControls) -> bool {
        controls.ignored.iter().zip(&self.ignores).any(|(path, reached)| path.is_selected(*reached))
    }

    /// The largest tolerance whose path selects the value.
    pub(super) fn tolerance(&self, controls: &FieldControls) -> Option<Tolerance> {
        let paths = controls.tolerances.iter().zip(&self.tolerances);
        let selected = paths.filter(|((path, _), reached)| path.is_selected(**reached));
        selected.map(|((_, tolerance), _)| *tolerance).reduce(Tolerance::max)
    }
}

/// A step that has its name.
pub(super) enum OwnStep<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

impl OwnStep<'_> {
    pub(super) fn as_step(&self) -> Step<'_> {
        match self {
            OwnStep::Name(name) => Step::Name(name),
            OwnStep::Index(index) => Step::Index(*index),
        }
    }
}

/// Whether a tolerance covers the difference of two scalars' texts: both are numbers, and not too far from each other.
pub(super) fn covers(tolerance: Tolerance, old: &[u8], new: &[u8]) -> bool {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<Number>().ok();
    number(old).zip(number(new)).is_some_and(|(old, new)| tolerance.covers(&old, &new))
}
