//! The model's own JSON documents: how they change, how they are written, and when two of them are the same.
//!
//! Knows nothing of the documents under test but how to read their tree, for the comparison.

use tidegate_core::Jitter;
use tidegate_core::json::Value;

/// A JSON document of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Doc {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number by its text.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Doc>),
    /// An object, its members in the order in which they are written.
    Object(Vec<(String, Doc)>),
}

/// A sort of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Some scalars get other values.
    Scalars(u8),
    /// An array gets an element in front, in the middle or at the end.
    Insert,
    /// An array loses an element.
    Remove,
    /// The elements of an array change places.
    Reorder,
    /// A value becomes one of another type.
    Retype,
    /// An object gets or loses a member.
    Member,
    /// A number is written in another way.
    NumberText,
    /// Everything is another document.
    Replace,
}

/// The texts of numbers that a careless implementation changes.
const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "-0.0",
    "1.1",
    "1.10",
    "1E5",
    "100000",
    "1e-7",
    "9007199254740993",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    "1E400",
];

const TEXTS: [&str; 8] =
    ["", "a", "ACME", "a/b~c", "line\nbreak\r\n", "\"quoted\\\"", "gr\u{fc}n \u{1f600}", "\u{2028}\u{0}"];

const NAMES: [&str; 8] = ["price", "size", "", "a/b", "m~n", "0", "-", "\u{e9}t\u{e9}"];

/// A number below `below`, which must not be 0.
pub(super) fn pick(rng: &mut Jitter, below: usize) -> usize {
    (rng.bits() % below as u64) as usize
}

fn number(rng: &mut Jitter) -> Doc {
    Doc::Number(match pick(rng, 2) {
        0 => NUMBERS[pick(rng, NUMBERS.len())].to_owned(),
        _ => format!("{}.{:02}", pick(rng, 1000), pick(rng, 100)),
    })
}

fn scalar(rng: &mut Jitter) -> Doc {
    match pick(rng, 8) {
        0 => Doc::Null,
        1 => Doc::Bool(rng.bits() & 1 == 0),
        2 | 3 => Doc::Text(TEXTS[pick(rng, TEXTS.len())].to_owned()),
        _ => number(rng),
    }
}

fn row(rng: &mut Jitter) -> Doc {
    let id = Doc::Number(pick(rng, 40).to_string());
    let mut members = vec![("id".to_owned(), id), ("last".to_owned(), number(rng))];
    for name in NAMES.iter().take(pick(rng, 4)) {
        members.push(((*name).to_owned(), scalar(rng)));
    }
    if pick(rng, 4) == 0 {
        members.push(("depth".to_owned(), Doc::Array((0..pick(rng, 4)).map(|_| number(rng)).collect())));
    }
    Doc::Object(members)
}

impl Doc {
    /// Some document: mostly a board of rows, sometimes an array of anything or a lone scalar.
    pub fn seeded(rng: &mut Jitter) -> Doc {
        match pick(rng, 8) {
            0 => scalar(rng),
            1 => Doc::Array((0..pick(rng, 12)).map(|_| scalar(rng)).collect()),
            _ => {
                let rows = (0..3 + pick(rng, 12)).map(|_| row(rng)).collect();
                Doc::Object(vec![
                    ("rows".to_owned(), Doc::Array(rows)),
                    ("at".to_owned(), number(rng)),
                    ("note".to_owned(), scalar(rng)),
                ])
            }
        }
    }

    /// Changes it; a change that finds nothing to work on replaces the document.
    pub fn edit(&mut self, edit: Edit, rng: &mut Jitter) {
        let done = match edit {
            Edit::Scalars(count) => {
                (0..=count).all(|_| self.change_some(rng, Doc::is_scalar, |it, rng| *it = scalar(rng)))
            }
            Edit::Insert => self.change_some(rng, Doc::is_array, insert),
            Edit::Remove => self.change_some(rng, Doc::is_array, remove),
            Edit::Reorder => self.change_some(rng, Doc::is_array, reorder),
            Edit::Retype => self.change_some(rng, |_| true, retype),
            Edit::Member => self.change_some(rng, Doc::is_object, member),
            Edit::NumberText => self.change_some(rng, Doc::is_number, |it, rng| *it = number(rng)),
            Edit::Replace => false,
        };
        if !done {
            *self = Doc::seeded(rng);
        }
    }

    fn change_some(
        &mut self,
        rng: &mut Jitter,
        want: fn(&Doc) -> bool,
        change: fn(&mut Doc, &mut Jitter),
    ) -> bool {
        let count = self.count(want);
        if count == 0 {
            return false;
        }
        let mut index = pick(rng, count);
        if let Some(found) = self.nth(want, &mut index) {
            change(found, rng);
        }
        true
    }

    fn is_scalar(&self) -> bool {
        !self.is_array() && !self.is_object()
    }

    fn is_number(&self) -> bool {
        matches!(self, Doc::Number(_))
    }

    fn is_array(&self) -> bool {
        matches!(self, Doc::Array(_))
    }

    fn is_object(&self) -> bool {
        matches!(self, Doc::Object(_))
    }

    fn count(&self, want: fn(&Doc) -> bool) -> usize {
        let inside = match self {
            Doc::Array(elements) => elements.iter().map(|element| element.count(want)).sum(),
            Doc::Object(members) => members.iter().map(|(_, value)| value.count(want)).sum(),
            _ => 0,
        };
        inside + usize::from(want(self))
    }

    fn nth(&mut self, want: fn(&Doc) -> bool, index: &mut usize) -> Option<&mut Doc> {
        if want(self) {
            if *index == 0 {
                return Some(self);
            }
            *index -= 1;
        }
        match self {
            Doc::Array(elements) => elements.iter_mut().find_map(|element| element.nth(want, index)),
            Doc::Object(members) => members.iter_mut().find_map(|(_, value)| value.nth(want, index)),
            _ => None,
        }
    }

    /// The document as JSON. `rng` spells it: white space, the order of members, escapes; none of it changes the
    /// value. Without `rng` it is compact and plain.
    pub fn to_text(&self, rng: Option<&mut Jitter>) -> String {
        let mut out = String::new();
        match rng {
            Some(rng) => self.write(&mut out, &mut Some(rng)),
            None => self.write(&mut out, &mut None),
        }
        out
    }

    fn write(&self, out: &mut String, rng: &mut Option<&mut Jitter>) {
        match self {
            Doc::Null => out.push_str("null"),
            Doc::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Doc::Number(text) => out.push_str(text),
            Doc::Text(text) => write_string(out, text, rng),
            Doc::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    space(out, rng);
                    element.write(out, rng);
                }
                space(out, rng);
                out.push(']');
            }
            Doc::Object(members) => {
                let mut order: Vec<usize> = (0..members.len()).collect();
                if let (Some(rng), true) = (rng.as_deref_mut(), members.len() > 1) {
                    order.rotate_left(pick(rng, members.len()));
                }
                out.push('{');
                for (index, member) in order.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    space(out, rng);
                    write_string(out, &members[member].0, rng);
                    out.push(':');
                    space(out, rng);
                    members[member].1.write(out, rng);
                }
                out.push('}');
            }
        }
    }

    /// Equal for two documents exactly if they have the same values, number texts, array order and members.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        match self {
            Doc::Array(elements) => {
                out.push('[');
                for element in elements {
                    out.push_str(&element.canonical());
                    out.push(',');
                }
                out.push(']');
            }
            Doc::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|left, right| left.0.cmp(&right.0));
                out.push('{');
                for (name, value) in sorted {
                    out.push_str(&format!("{name:?}:{},", value.canonical()));
                }
                out.push('}');
            }
            Doc::Text(text) => out.push_str(&format!("{text:?}")),
            scalar => scalar.write(&mut out, &mut None),
        }
        out
    }
}

fn insert(array: &mut Doc, rng: &mut Jitter) {
    let Doc::Array(elements) = array else { return };
    let at = match pick(rng, 3) {
        0 => 0,
        1 => elements.len(),
        _ => pick(rng, elements.len() + 1),
    };
    let rows = elements.first().is_some_and(Doc::is_object);
    if elements.len() < 40 {
        elements.insert(at, if rows { row(rng) } else { scalar(rng) });
    }
}

fn remove(array: &mut Doc, rng: &mut Jitter) {
    let Doc::Array(elements) = array else { return };
    if elements.is_empty() {
        return;
    }
    let at = match pick(rng, 3) {
        0 => 0,
        1 => elements.len() - 1,
        _ => pick(rng, elements.len()),
    };
    elements.remove(at);
}

fn reorder(array: &mut Doc, rng: &mut Jitter) {
    let Doc::Array(elements) = array else { return };
    if elements.len() < 2 {
        return;
    }
    let (left, right) = (pick(rng, elements.len()), pick(rng, elements.len()));
    match pick(rng, 3) {
        0 => elements.swap(left, right),
        1 => elements.rotate_left(left),
        _ => elements.reverse(),
    }
}

fn retype(value: &mut Doc, rng: &mut Jitter) {
    *value = match value {
        Doc::Array(_) => Doc::Object(vec![("0".to_owned(), scalar(rng))]),
        Doc::Object(_) => Doc::Array(vec![scalar(rng), scalar(rng)]),
        Doc::Number(text) => Doc::Text(text.clone()),
        _ => row(rng),
    };
}

fn member(object: &mut Doc, rng: &mut Jitter) {
    let Doc::Object(members) = object else { return };
    let name = NAMES[pick(rng, NAMES.len())];
    match members.iter().position(|(taken, _)| taken == name) {
        Some(index) => {
            members.remove(index);
        }
        None => members.push((name.to_owned(), scalar(rng))),
    }
}

fn space(out: &mut String, rng: &mut Option<&mut Jitter>) {
    if let Some(rng) = rng {
        out.push_str(["", "", " ", "\n  ", "\r\n\t"][pick(rng, 5)]);
    }
}

fn write_string(out: &mut String, text: &str, rng: &mut Option<&mut Jitter>) {
    out.push('"');
    for character in text.chars() {
        let escape = rng.as_deref_mut().is_some_and(|rng| pick(rng, 4) == 0);
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if escape || character < ' ' => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// The canonical text of a document under test; made without its own comparison.
pub fn canonical(value: &Value) -> String {
    model(value).canonical()
}

fn model(value: &Value) -> Doc {
    match value {
        Value::Null => Doc::Null,
        Value::Bool(value) => Doc::Bool(*value),
        Value::Number(number) => Doc::Number(number.as_str().to_owned()),
        Value::String(text) => Doc::Text(text.clone()),
        Value::Array(elements) => Doc::Array(elements.iter().map(model).collect()),
        Value::Object(members) => {
            Doc::Object(members.iter().map(|(name, value)| (name.clone(), model(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::json;

    #[test]
    fn every_spelling_is_the_same_document() {
        let mut rng = Jitter::new(1);
        let mut doc = Doc::seeded(&mut rng);
        let edits = [Edit::Scalars(3), Edit::Insert, Edit::Retype, Edit::Member, Edit::Reorder, Edit::Remove];
        for round in 0..300 {
            doc.edit(edits[round % edits.len()], &mut rng);
            for text in [doc.to_text(None), doc.to_text(Some(&mut rng))] {
                let value =
                    json::parse(text.as_bytes(), json::MAX_DEPTH).unwrap_or_else(|e| panic!("{e}: {text}"));
                assert_eq!(canonical(&value), doc.canonical());
            }
        }
    }

    #[test]
    fn what_differs_is_told_apart() {
        let texts = [
            "1.1",
            "1.10",
            "\"1.1\"",
            "[1,2]",
            "[2,1]",
            "{\"a\":1}",
            "{\"a\":1,\"b\":1}",
            "[[1],2]",
            "[[1,2]]",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for text in texts {
            assert!(seen.insert(canonical(&json::parse(text.as_bytes(), 9).unwrap())), "{text}");
        }
    }
}
