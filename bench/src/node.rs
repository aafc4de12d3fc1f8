//! The model that documents are built in and changed in: a tree that keeps number texts and member order, and knows
//! nothing of the engine that is measured.

use crate::random::Random;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number's text.
    Number(String),
    /// A string that needs no escapes.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object; names are unique and need no escapes.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// An object of these members.
    pub(crate) fn object<const N: usize>(members: [(&str, Node); N]) -> Node {
        Node::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A string.
    pub(crate) fn text(text: impl Into<String>) -> Node {
        Node::Text(text.into())
    }

    /// An integer.
    pub(crate) fn integer(value: i64) -> Node {
        Node::Number(value.to_string())
    }

    /// `units` with `places` decimals, without trailing zeros: the text that JavaScript would write, so that no
    /// library has to rewrite it and the sizes of patches compare.
    pub(crate) fn decimal(units: i64, places: usize) -> Node {
        let text = fixed(units, places);
        let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        Node::Number(text.to_owned())
    }

    /// The member of that name, or the element at that index.
    pub(crate) fn child_mut(&mut self, step: &str) -> Option<&mut Node> {
        match self {
            Node::Object(members) => {
                members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value)
            }
            Node::Array(elements) => elements.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// What these steps lead to.
    pub(crate) fn at_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, step| node.child_mut(step))
    }

    /// The elements, where this is an array.
    pub(crate) fn elements_mut(&mut self) -> Option<&mut Vec<Node>> {
        match self {
            Node::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Calls `visit` on each scalar, but for those in members or at indices that `fixed` names.
    pub(crate) fn scalars_mut<'a>(&'a mut self, fixed: &[&str], visit: &mut dyn FnMut(&'a mut Node)) {
        match self {
            Node::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    if !fixed.iter().any(|name| name.parse() == Ok(index)) {
                        element.scalars_mut(fixed, visit);
                    }
                }
            }
            Node::Object(members) => {
                for (name, value) in members {
                    if !fixed.contains(&name.as_str()) {
                        value.scalars_mut(fixed, visit);
                    }
                }
            }
            scalar => visit(scalar),
        }
    }

    /// Gives a scalar another value of the same look: a price moves, a text gets another word.
    pub(crate) fn renew(&mut self, random: &mut Random) {
        match self {
            Node::Null => *self = Node::Bool(true),
            Node::Bool(value) => *value = !*value,
            Node::Number(text) => {
                let (units, places) = parts(text);
                // At the places of a price when it has any: 101 is followed by 101.07, not only by other integers.
                let (units, places) = if places == 1 { (units * 10, 2) } else { (units, places) };
                *self = Node::decimal(moved(units, random), places);
            }
            Node::Text(text) => *text = renewed(text, random),
            Node::Array(_) | Node::Object(_) => {}
        }
    }

    /// The text without white space.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Null => out.push_str("null"),
            Node::Bool(true) => out.push_str("true"),
            Node::Bool(false) => out.push_str("false"),
            Node::Number(text) => out.push_str(text),
            Node::Text(text) => quote(text, out),
            Node::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Node::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A text that needs no escapes, in quotes.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// `units` with `places` decimals, trailing zeros kept: the look of prices in texts.
pub(crate) fn fixed(units: i64, places: usize) -> String {
    if places == 0 {
        return units.to_string();
    }
    let scale = 10_i64.pow(places as u32);
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:0places$}", units.abs() / scale, units.abs() % scale)
}

/// Another string of the same look: a price, a hash, a time, or words of which the last one changes.
fn renewed(text: &str, random: &mut Random) -> String {
    let all = |is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    if all(|&byte| byte.is_ascii_digit() || byte == b'.') {
        let (units, places) = parts(text);
        return fixed(moved(units, random), places);
    }
    if text.len() >= 16 && all(u8::is_ascii_hexdigit) {
        return random.hex(text.len());
    }
    if let Some((minute, second)) = text.strip_suffix('Z').and_then(|time| time.rsplit_once(':'))
        && let Ok(second) = second.parse::<i64>()
    {
        return format!("{minute}:{:02}Z", (second + random.between(1, 59)) % 60);
    }
    let kept = text.rfind([' ', '/', '-', '_', '.']).map_or(0, |joint| joint + 1);
    let mut word = random.words(1, "");
    if word == text[kept..] {
        word.push('s');
    }
    format!("{}{word}", &text[..kept])
}

/// A decimal text as units and decimals.
fn parts(text: &str) -> (i64, usize) {
    let places = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let units =
        text.replacen('.', "", 1).parse().expect("the generator writes decimals of at most 15 digits");
    (units, places)
}

/// A number near another one, never the same.
fn moved(units: i64, random: &mut Random) -> i64 {
    let step = random.between(1, (units.abs() / 200).clamp(9, 100_000));
    if random.coin() && units > step { units - step } else { units + step }
}
