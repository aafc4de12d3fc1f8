//! The same value in other texts: white space, the order of members, the escapes of strings.

use proptest::prelude::*;
use tidegate_json::Value;

/// How a value is written. Number texts always stay.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spelling {
    /// Without white space, with the fewest escapes.
    Compact,
    /// A member or element a line.
    Pretty,
    /// Drawn from this seed: white space between tokens, members in any order, escapes where none are needed.
    Wild(u64),
}

pub(crate) fn spellings() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        3 => Just(Spelling::Compact),
        1 => Just(Spelling::Pretty),
        2 => any::<u64>().prop_map(Spelling::Wild),
    ]
}

pub(crate) fn spell(value: &Value, spelling: Spelling) -> String {
    let mut writer = match spelling {
        Spelling::Compact => return value.to_text(),
        Spelling::Pretty => Writer { out: String::new(), seed: None, level: 0 },
        Spelling::Wild(seed) => Writer { out: String::new(), seed: Some(seed), level: 0 },
    };
    writer.gap();
    writer.value(value);
    writer.gap();
    writer.out
}

struct Writer {
    out: String,
    /// None writes prettily.
    seed: Option<u64>,
    level: usize,
}

impl Writer {
    /// The next of a sequence of numbers (splitmix64) below `end`; none without a seed.
    fn draw(&mut self, end: u64) -> Option<u64> {
        let seed = self.seed.as_mut()?;
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some((mixed ^ (mixed >> 31)) % end)
    }

    fn gap(&mut self) {
        if let Some(draw) = self.draw(8) {
            self.out.push_str(["", "", "", "", " ", "\n\t", "\r\n", "  "][draw as usize]);
        }
    }

    fn line(&mut self) {
        if self.seed.is_none() {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(self.level));
        }
        self.gap();
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Array(elements) if !elements.is_empty() => {
                self.container(["[", "]"], elements, Writer::value)
            }
            Value::Object(members) if !members.is_empty() => {
                let mut members: Vec<_> = members.iter().collect();
                for end in (1..members.len()).rev() {
                    let other = self.draw(4).and_then(|draw| self.draw(end as u64 + 1).filter(|_| draw == 0));
                    members.swap(end, other.map_or(end, |other| other as usize));
                }
                self.container(["{", "}"], &members, |writer, (name, member)| {
                    writer.string(name);
                    writer.gap();
                    writer.out.push(':');
                    if writer.seed.is_none() {
                        writer.out.push(' ');
                    }
                    writer.gap();
                    writer.value(member);
                });
            }
            Value::String(text) => self.string(text),
            other => self.out.push_str(&other.to_text()),
        }
    }

    fn container<T>(&mut self, brackets: [&str; 2], items: &[T], write: impl Fn(&mut Writer, &T)) {
        self.out.push_str(brackets[0]);
        self.level += 1;
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.gap();
                self.out.push(',');
            }
            self.line();
            write(self, item);
        }
        self.level -= 1;
        self.line();
        self.out.push_str(brackets[1]);
    }

    fn string(&mut self, text: &str) {
        if self.draw(3) != Some(0) {
            self.out.push_str(&Value::String(text.to_owned()).to_text());
            return;
        }
        self.out.push('"');
        for character in text.chars() {
            let needed = matches!(character, '"' | '\\' | '\u{0}'..='\u{1f}');
            match (self.draw(4), character) {
                (Some(0), '/') => self.out.push_str("\\/"),
                (Some(0..=1), _) => self.escape(character, false),
                (Some(2), _) if needed => self.escape(character, true),
                (_, _) if needed => {
                    let text = Value::String(character.to_string()).to_text();
                    self.out.push_str(&text[1..text.len() - 1]);
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, character: char, capitals: bool) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let escape = if capitals { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            self.out.push_str(&escape);
        }
    }
}
