//! What of a document has just changed.
//!
//! A tree beside the document's: patches mark places in it, and shift the marks of an array's later elements as they
//! insert and remove. So a mark stays with the value that it was made for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidegate_core::json::{self, Op, Patch, Pointer, Value};

/// How long a change is shown at all.
pub(super) const VISIBLE: Duration = Duration::from_millis(1500);
/// How long it is shown in its strong form.
const STRONG: Duration = Duration::from_millis(750);

/// How recent a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recency {
    /// Within the second half of the time in which it is shown.
    Fading,
    /// Within the first half.
    Fresh,
}

/// How recent a change at `at` is; `None` when it is not to be seen any more.
pub(super) fn recency(at: Instant, now: Instant) -> Option<Recency> {
    match now.saturating_duration_since(at) {
        age if age < STRONG => Some(Recency::Fresh),
        age if age < VISIBLE => Some(Recency::Fading),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Index(usize),
    Member(String),
}

/// The marks of one value and what is in it.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The whole value is new.
    whole: Option<Instant>,
    /// Something was removed from it.
    shrunk: Option<Instant>,
    children: BTreeMap<Key, Marks>,
}

impl Marks {
    /// When the whole value came.
    pub(super) fn whole(&self) -> Option<Instant> {
        self.whole
    }

    /// When something was last removed from the value.
    pub(super) fn shrunk(&self) -> Option<Instant> {
        self.shrunk
    }

    /// The marks of an array's element.
    pub(super) fn element(&self, index: usize) -> Option<&Marks> {
        self.children.get(&Key::Index(index))
    }

    /// The marks of an object's member.
    pub(super) fn member(&self, name: &str) -> Option<&Marks> {
        if self.children.is_empty() {
            return None;
        }
        self.children.get(&Key::Member(name.to_owned()))
    }

    /// Applies `patch` to `document`, one operation after another, and marks what each changes. On an error the
    /// document may be changed in part: the caller starts over from a whole one.
    pub(super) fn apply(
        &mut self,
        document: &mut Value,
        patch: &Patch,
        at: Instant,
    ) -> Result<(), json::ApplyError> {
        for op in &patch.0 {
            match op {
                Op::Add { path, .. } | Op::Copy { path, .. } => self.add(document, path, at),
                Op::Replace { path, .. } => self.mark(document, path, at),
                Op::Remove { path } => self.remove(document, path, at),
                Op::Test { .. } => {}
                Op::Move { from, path } => {
                    // Where it goes is said as of the document without it.
                    let Some(value) = from.find(document).cloned() else {
                        return json::apply_in_place(document, &Patch(vec![op.clone()]));
                    };
                    self.remove(document, from, at);
                    json::apply_in_place(document, &Patch(vec![Op::Remove { path: from.clone() }]))?;
                    self.add(document, path, at);
                    json::apply_in_place(document, &Patch(vec![Op::Add { path: path.clone(), value }]))?;
                    continue;
                }
            }
            json::apply_in_place(document, &Patch(vec![op.clone()]))?;
        }
        Ok(())
    }

    /// The marks of what holds `path`'s value, that value itself, and the last step to it.
    fn parent<'a, 'd>(
        &'a mut self,
        document: &'d Value,
        path: &Pointer,
    ) -> Option<(&'a mut Marks, &'d Value, String)> {
        let (parent, token) = path.split_last()?;
        let (mut marks, mut value) = (self, document);
        for step in parent.tokens() {
            let (key, child) = match value {
                Value::Array(elements) => {
                    let index = step.parse().ok()?;
                    (Key::Index(index), elements.get(index)?)
                }
                Value::Object(members) => (Key::Member(step.to_string()), members.get(&*step)?),
                _ => return None,
            };
            marks = marks.children.entry(key).or_default();
            value = child;
        }
        Some((marks, value, token.into_owned()))
    }

    fn become_new(&mut self, at: Instant) {
        *self = Marks { whole: Some(at), ..Marks::default() };
    }

    fn mark(&mut self, document: &Value, path: &Pointer, at: Instant) {
        if path.is_root() {
            return self.become_new(at);
        }
        let Some((marks, value, token)) = self.parent(document, path) else { return };
        let key = match (value, token.parse()) {
            (Value::Array(_), Ok(index)) => Key::Index(index),
            _ => Key::Member(token),
        };
        marks.children.entry(key).or_default().become_new(at);
    }

    fn add(&mut self, document: &Value, path: &Pointer, at: Instant) {
        if let Some((marks, Value::Array(elements), token)) = self.parent(document, path) {
            let index = token.parse().unwrap_or(elements.len());
            marks.shift(|other| Some(if other >= index { other + 1 } else { other }));
            marks.children.entry(Key::Index(index)).or_default().become_new(at);
        } else {
            self.mark(document, path, at);
        }
    }

    fn remove(&mut self, document: &Value, path: &Pointer, at: Instant) {
        let Some((marks, value, token)) = self.parent(document, path) else {
            return self.become_new(at);
        };
        marks.shrunk = Some(at);
        match (value, token.parse::<usize>()) {
            (Value::Array(_), Ok(index)) => marks.shift(|other| match other.cmp(&index) {
                std::cmp::Ordering::Less => Some(other),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(other - 1),
            }),
            _ => drop(marks.children.remove(&Key::Member(token))),
        }
    }

    /// Moves the marks of elements to other indexes; `None` drops them.
    fn shift(&mut self, to: impl Fn(usize) -> Option<usize>) {
        let children = std::mem::take(&mut self.children).into_iter();
        self.children = children
            .filter_map(|(key, marks)| match key {
                Key::Index(index) => to(index).map(|index| (Key::Index(index), marks)),
                Key::Member(_) => Some((key, marks)),
            })
            .collect();
    }

    /// Forgets what is not to be seen any more. Gives whether anything is left.
    pub(super) fn prune(&mut self, now: Instant) -> bool {
        self.whole = self.whole.filter(|at| recency(*at, now).is_some());
        self.shrunk = self.shrunk.filter(|at| recency(*at, now).is_some());
        self.children.retain(|_, marks| marks.prune(now));
        self.whole.is_some() || self.shrunk.is_some() || !self.children.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::watch) fn value(text: &str) -> Value {
        json::parse(text.as_bytes(), json::MAX_DEPTH).expect("a test's document is JSON")
    }

    /// The paths that are marked: `/a` where the whole value is new, `/a-` where something was removed from it.
    fn paths(marks: &Marks, at: &str, out: &mut Vec<String>) {
        out.extend(marks.whole.map(|_| at.to_owned()));
        out.extend(marks.shrunk.map(|_| format!("{at}-")));
        for (key, child) in &marks.children {
            match key {
                Key::Index(index) => paths(child, &format!("{at}/{index}"), out),
                Key::Member(name) => paths(child, &format!("{at}/{name}"), out),
            }
        }
    }

    #[test]
    fn marks_stay_with_their_values() {
        let check = |before: &str, patch: &str, expected: &[&str]| {
            let (mut document, patch) = (value(before), Patch::parse(patch.as_bytes()).unwrap());
            let after = json::patched(&document, &patch).unwrap();
            let mut marks = Marks::default();
            marks.apply(&mut document, &patch, Instant::now()).unwrap();
            assert_eq!(document, after);
            let mut out = Vec::new();
            paths(&marks, "", &mut out);
            assert_eq!(out, expected, "{patch:?}");
        };
        let rows = r#"{"rows":[{"a":1},{"a":2},{"a":3}],"0":{"x":1}}"#;
        check(rows, r#"[{"op":"replace","path":"/rows/1/a","value":5}]"#, &["/rows/1/a"]);
        // The mark of the second row moves down with it, and up again.
        check(
            rows,
            r#"[{"op":"replace","path":"/rows/1/a","value":5},{"op":"add","path":"/rows/0","value":0}]"#,
            &["/rows/0", "/rows/2/a"],
        );
        check(
            rows,
            r#"[{"op":"replace","path":"/rows/2/a","value":5},{"op":"remove","path":"/rows/0"},{"op":"remove","path":"/rows/0"}]"#,
            &["/rows-", "/rows/0/a"],
        );
        check(rows, r#"[{"op":"add","path":"/rows/-","value":0}]"#, &["/rows/3"]);
        check(
            rows,
            r#"[{"op":"replace","path":"/rows/0/a","value":9},{"op":"move","from":"/rows/2","path":"/rows/0"}]"#,
            &["/rows-", "/rows/0", "/rows/1/a"],
        );
        // Members whose names are numbers do not shift.
        check(
            rows,
            r#"[{"op":"replace","path":"/0/x","value":2},{"op":"add","path":"/1","value":0},{"op":"copy","from":"/0","path":"/2"}]"#,
            &["/0/x", "/1", "/2"],
        );
        check(
            rows,
            r#"[{"op":"replace","path":"/rows/0/a","value":9},{"op":"remove","path":"/rows"}]"#,
            &["-"],
        );
        check(rows, r#"[{"op":"replace","path":"","value":[]}]"#, &[""]);
        check(rows, r#"[{"op":"test","path":"/0/x","value":1.0}]"#, &[]);
    }

    #[test]
    fn they_fade_and_go() {
        let start = Instant::now();
        let mut marks = Marks::default();
        let patch = Patch::parse(br#"[{"op":"add","path":"/0","value":1}]"#).unwrap();
        marks.apply(&mut value("[]"), &patch, start).unwrap();
        assert_eq!(recency(start, start), Some(Recency::Fresh));
        assert_eq!(recency(start, start + STRONG), Some(Recency::Fading));
        assert!(marks.prune(start + VISIBLE - Duration::from_millis(1)));
        assert!(!marks.prune(start + VISIBLE) && marks.element(0).is_none());
        assert_eq!(recency(start, start + VISIBLE), None);
    }
}
