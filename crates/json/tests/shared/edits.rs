//! What happens to a document between two versions.

use proptest::prelude::*;
use proptest::sample::Index;
use tidegate_json::{Object, Value};

use super::documents::{names, number, scalars, values};

/// One change. An index picks among the places where such a change is possible; where there is none, nothing happens.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// A number or string becomes a little larger, smaller, longer or shorter.
    Tick(Index, u8),
    /// Something becomes something else.
    Set(Index, Value),
    /// A container gets one more.
    Insert(Index, Index, String, Value),
    /// An element or member goes.
    Remove(Index),
    /// Two elements, or the order of two members, change places.
    Swap(Index, Index, Index),
    /// The elements or members of a container move around.
    Rotate(Index, Index),
    /// Elements stand the other way round.
    Reverse(Index),
    /// An element is there once more.
    Repeat(Index, Index, Index),
    /// An element or member goes into another container.
    Relocate(Index, Index, Index, String),
    /// A member has another name.
    Rename(Index, String),
    /// Something goes into a container of its own.
    Wrap(Index, bool),
    /// An array becomes an object of its indexes.
    Retype(Index),
}

pub(crate) fn edits(count: std::ops::Range<usize>) -> BoxedStrategy<Vec<Edit>> {
    let index = any::<Index>;
    let edit = prop_oneof![
        8 => (index(), any::<u8>()).prop_map(|(at, how)| Edit::Tick(at, how)),
        3 => (index(), scalars()).prop_map(|(at, value)| Edit::Set(at, value)),
        1 => (index(), values()).prop_map(|(at, value)| Edit::Set(at, value)),
        3 => (index(), index(), names(), values()).prop_map(|(at, place, name, value)| Edit::Insert(at, place, name, value)),
        3 => index().prop_map(Edit::Remove),
        2 => (index(), index(), index()).prop_map(|(at, a, b)| Edit::Swap(at, a, b)),
        1 => (index(), index()).prop_map(|(at, by)| Edit::Rotate(at, by)),
        1 => index().prop_map(Edit::Reverse),
        1 => (index(), index(), index()).prop_map(|(at, from, to)| Edit::Repeat(at, from, to)),
        3 => (index(), index(), index(), names()).prop_map(|(at, to, place, name)| Edit::Relocate(at, to, place, name)),
        1 => (index(), names()).prop_map(|(at, name)| Edit::Rename(at, name)),
        1 => (index(), any::<bool>()).prop_map(|(at, array)| Edit::Wrap(at, array)),
        1 => index().prop_map(Edit::Retype),
    ];
    prop::collection::vec(edit, count).boxed()
}

/// Where a value is: the places of its ancestors and itself in their containers.
type Path = Vec<usize>;

/// The paths of all values that `wanted` says yes to, from the root down.
fn paths(value: &Value, wanted: fn(&Value) -> bool) -> Vec<Path> {
    fn walk(value: &Value, wanted: fn(&Value) -> bool, path: &mut Path, found: &mut Vec<Path>) {
        if wanted(value) {
            found.push(path.clone());
        }
        let children: Vec<&Value> = match value {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
        for (place, child) in children.into_iter().enumerate() {
            path.push(place);
            walk(child, wanted, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    walk(value, wanted, &mut Path::new(), &mut found);
    found
}

fn pick(paths: Vec<Path>, at: &Index) -> Option<Path> {
    (!paths.is_empty()).then(|| paths[at.index(paths.len())].clone())
}

fn find<'a>(value: &'a mut Value, path: &[usize]) -> &'a mut Value {
    path.iter().fold(value, |value, &place| match value {
        Value::Array(elements) => &mut elements[place],
        Value::Object(members) => &mut members[place],
        _ => unreachable!("a path leads through containers"),
    })
}

fn is_any(_: &Value) -> bool {
    true
}

fn is_scalar(value: &Value) -> bool {
    !is_container(value)
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

fn is_array(value: &Value) -> bool {
    matches!(value, Value::Array(_))
}

fn is_filled(value: &Value) -> bool {
    len(value) > 0
}

fn is_filled_array(value: &Value) -> bool {
    is_array(value) && is_filled(value)
}

fn len(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

impl Edit {
    pub(crate) fn make(&self, document: &mut Value) {
        // None where the document has no place for it.
        let _ = self.try_to_make(document);
    }

    fn try_to_make(&self, document: &mut Value) -> Option<()> {
        let mut below_root = paths(document, is_any);
        below_root.remove(0);
        match self {
            Edit::Tick(at, how) => {
                let path = pick(paths(document, is_scalar), at)?;
                tick(find(document, &path), *how);
            }
            Edit::Set(at, value) => {
                let path = pick(paths(document, is_any), at)?;
                *find(document, &path) = value.clone();
            }
            Edit::Insert(at, place, name, value) => {
                let path = pick(paths(document, is_container), at)?;
                insert(find(document, &path), place, name, value.clone());
            }
            Edit::Remove(at) => drop(cut(document, &pick(below_root, at)?)),
            Edit::Swap(at, a, b) => {
                let path = pick(paths(document, is_filled), at)?;
                let container = find(document, &path);
                let (a, b) = (a.index(len(container)), b.index(len(container)));
                match container {
                    Value::Array(elements) => elements.swap(a, b),
                    Value::Object(members) => members.swap_indices(a, b),
                    _ => {}
                }
            }
            Edit::Rotate(at, by) => {
                let path = pick(paths(document, is_filled), at)?;
                let container = find(document, &path);
                let by = by.index(len(container));
                match container {
                    Value::Array(elements) => elements.rotate_left(by),
                    Value::Object(members) => {
                        let mut all: Vec<_> = std::mem::take(members).into_iter().collect();
                        all.rotate_left(by);
                        *members = all.into_iter().collect();
                    }
                    _ => {}
                }
            }
            Edit::Reverse(at) => {
                let path = pick(paths(document, is_array), at)?;
                if let Value::Array(elements) = find(document, &path) {
                    elements.reverse();
                }
            }
            Edit::Repeat(at, from, to) => {
                let path = pick(paths(document, is_filled_array), at)?;
                if let Value::Array(elements) = find(document, &path) {
                    let element = elements[from.index(elements.len())].clone();
                    elements.insert(to.index(elements.len() + 1), element);
                }
            }
            Edit::Relocate(at, to, place, name) => {
                let value = cut(document, &pick(below_root, at)?);
                let path = pick(paths(document, is_container), to)?;
                insert(find(document, &path), place, name, value);
            }
            Edit::Rename(at, name) => {
                let path = pick(below_root, at)?;
                let (&place, parent) = path.split_last()?;
                if let Value::Object(members) = find(document, parent)
                    && !members.contains_key(name)
                {
                    let (_, value) = members.shift_remove_index(place)?;
                    members.shift_insert(place, name.clone(), value);
                }
            }
            Edit::Wrap(at, array) => {
                let path = pick(paths(document, is_any), at)?;
                let place = find(document, &path);
                let value = std::mem::replace(place, Value::Null);
                *place = match array {
                    true => Value::Array(vec![value]),
                    false => Value::Object([("id".to_owned(), value)].into()),
                };
            }
            Edit::Retype(at) => {
                let path = pick(paths(document, is_array), at)?;
                let place = find(document, &path);
                if let Value::Array(elements) = std::mem::replace(place, Value::Null) {
                    let members =
                        elements.into_iter().enumerate().map(|(place, value)| (place.to_string(), value));
                    *place = Value::Object(members.collect::<Object>());
                }
            }
        }
        Some(())
    }
}

fn tick(value: &mut Value, how: u8) {
    match value {
        Value::Number(old) => {
            let old = old.as_str();
            let text = match how % 5 {
                0 => format!("{}", how),
                1 => {
                    format!("{}{how}", old.split(['e', 'E', '.']).next().unwrap_or("1").trim_end_matches('0'))
                }
                2 if old.contains('.') && !old.contains(['e', 'E']) => format!("{old}0"),
                3 if old.contains('.') && !old.contains(['e', 'E']) => {
                    old.trim_end_matches(|digit: char| digit.is_ascii_digit()).to_owned() + &how.to_string()
                }
                _ => format!("-{how}.{how}0"),
            };
            // What was put together may be no number, as in `-007`, or beyond a float's range.
            let digits = text.len() <= 40;
            *value =
                number(if digits && text.parse::<tidegate_json::Number>().is_ok() { &text } else { "1" });
        }
        Value::String(text) => match how % 5 {
            0 => drop(text.pop()),
            1 => text.push('é'),
            2 => text.insert(0, '"'),
            3 => text.push_str(" and a longer end"),
            _ => *text = text.chars().rev().collect(),
        },
        Value::Bool(bool) => *bool = !*bool,
        Value::Null => *value = Value::Bool(true),
        Value::Array(_) | Value::Object(_) => {}
    }
}

fn insert(container: &mut Value, place: &Index, name: &str, value: Value) {
    match container {
        Value::Array(elements) => elements.insert(place.index(elements.len() + 1), value),
        Value::Object(members) => {
            members.insert(name.to_owned(), value);
        }
        _ => {}
    }
}

/// Takes a value out of its container.
fn cut(document: &mut Value, path: &[usize]) -> Value {
    let (&place, parent) = path.split_last().expect("the root is in no container");
    match find(document, parent) {
        Value::Array(elements) => elements.remove(place),
        Value::Object(members) => {
            members.shift_remove_index(place).expect("the path is one of the document").1
        }
        _ => unreachable!("a path leads through containers"),
    }
}
