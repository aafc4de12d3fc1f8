//! The comparison of two trees under field controls.
//!
//! Owns which nodes are marked, and the walk over both trees. A node is known by its address: a tree that is borrowed
//! does not move, and no two of its nodes are in the same place.

use std::collections::{HashMap, HashSet};
use std::ptr;

use super::{FieldControls, Tolerance};
use crate::{JsonPath, Object, Pointer, Step, Value, location};

/// Whether two documents that are not equal differ in what counts.
pub(super) fn differ(controls: &FieldControls, old: &Value, new: &Value) -> bool {
    let sides = Sides { old: Marks::of(controls, old), new: Marks::of(controls, new) };
    let parts = sides.old.part(old, &controls.payload).zip(sides.new.part(new, &controls.payload));
    let root = Pointer::root();
    match parts.or_else(|| sides.old.part(old, &root).zip(sides.new.part(new, &root))) {
        Some((Part::Counts(old), Part::Counts(new))) => !sides.same(old, new),
        Some((Part::Ignored, Part::Ignored)) => false,
        // A filter took the whole payload out of one of the two.
        _ => true,
    }
}

/// The nodes of one document that its paths select.
struct Marks {
    ignored: HashSet<*const Value>,
    tolerances: HashMap<*const Value, Tolerance>,
}

/// What of a document is compared.
enum Part<'a> {
    Counts(&'a Value),
    Ignored,
}

/// The marks of both documents.
struct Sides {
    old: Marks,
    new: Marks,
}

impl Marks {
    fn of(controls: &FieldControls, document: &Value) -> Marks {
        let find = |path: &JsonPath| path.find(document).into_iter().map(ptr::from_ref);
        let mut tolerances = HashMap::new();
        for (path, tolerance) in &controls.tolerances {
            for node in find(path) {
                let largest = tolerances.entry(node).or_insert(*tolerance);
                *largest = largest.max(*tolerance);
            }
        }
        Marks { ignored: controls.ignored.iter().flat_map(find).collect(), tolerances }
    }

    fn is_ignored(&self, value: &Value) -> bool {
        self.ignored.contains(&ptr::from_ref(value))
    }

    /// What a pointer points to, ignored if it or anything around it is.
    fn part<'a>(&self, document: &'a Value, pointer: &Pointer) -> Option<Part<'a>> {
        let mut part = document;
        let mut ignored = self.is_ignored(document);
        for step in location(pointer, document)? {
            part = match step {
                Step::Name(name) => part.get(name)?,
                Step::Index(index) => part.as_array()?.get(index)?,
            };
            ignored |= self.is_ignored(part);
        }
        Some(if ignored { Part::Ignored } else { Part::Counts(part) })
    }

    fn tolerance(&self, value: &Value) -> Option<Tolerance> {
        self.tolerances.get(&ptr::from_ref(value)).copied()
    }
}

impl Sides {
    /// Whether nothing differs that counts; neither of the two is ignored itself. Recurses over the nesting.
    fn same(&self, old: &Value, new: &Value) -> bool {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.same_members(old, new),
            (Value::Array(old), Value::Array(new)) => {
                let mut old = old.iter().filter(|element| !self.old.is_ignored(element));
                let mut new = new.iter().filter(|element| !self.new.is_ignored(element));
                loop {
                    match (old.next(), new.next()) {
                        (None, None) => return true,
                        (Some(old), Some(new)) if self.same(old, new) => {}
                        _ => return false,
                    }
                }
            }
            (Value::Number(a), Value::Number(b)) if a != b => {
                let tolerance = self.old.tolerance(old).zip(self.new.tolerance(new));
                tolerance.is_some_and(|(old, new)| old.min(new).covers(a, b))
            }
            (old, new) => old == new,
        }
    }

    fn same_members(&self, old: &Object, new: &Object) -> bool {
        let kept = |marks: &Marks, value: &Value| !marks.is_ignored(value);
        let new_kept = new.values().filter(|member| kept(&self.new, member)).count();
        let mut old_kept = old.iter().filter(|(_, member)| kept(&self.old, member));
        let mut matched = 0;
        let all_match = old_kept.all(|(name, old)| {
            matched += 1;
            new.get(name).is_some_and(|new| kept(&self.new, new) && self.same(old, new))
        });
        all_match && matched == new_kept
    }
}
