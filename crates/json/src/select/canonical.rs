//! One spelling for a path, whatever its own: equal paths are to share what is made for them.

use std::fmt::Write;

use crate::path::segment::{Segment, Selector, Slice};

/// The path in its shortest usual spelling; filters are taken from its text as they are.
pub(super) fn text(path: &str, segments: &[Segment]) -> String {
    let mut out = String::from("$");
    for segment in segments {
        let dots = if segment.descends { ".." } else { "" };
        match &segment.selectors[..] {
            [Selector::Name(name)] if is_shorthand(name) => {
                out.push_str(if segment.descends { ".." } else { "." });
                out.push_str(name);
            }
            [Selector::Wildcard] if segment.descends => out.push_str("..*"),
            selectors => {
                out.push_str(dots);
                for (place, selector) in selectors.iter().enumerate() {
                    out.push(if place == 0 { '[' } else { ',' });
                    write_selector(&mut out, path, selector);
                }
                out.push(']');
            }
        }
    }
    out
}

/// Whether a name can stand without quotes (RFC 9535 §2.5.1.1).
fn is_shorthand(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    name.starts_with(begins) && name.chars().all(|c| begins(c) || c.is_ascii_digit())
}

fn write_selector(out: &mut String, path: &str, selector: &Selector) {
    // Writing to a string does not fail.
    let _ = match selector {
        Selector::Name(name) => {
            write_name(out, name);
            Ok(())
        }
        Selector::Index(index) => write!(out, "{index}"),
        Selector::Wildcard => write!(out, "*"),
        Selector::Slice(Slice { start, end, step }) => {
            let number = |number: &Option<i64>| number.map(|it| it.to_string()).unwrap_or_default();
            match step {
                None | Some(1) => write!(out, "{}:{}", number(start), number(end)),
                Some(step) => write!(out, "{}:{}:{step}", number(start), number(end)),
            }
        }
        Selector::Filter(place) => {
            write!(out, "{}", path[place.clone()].trim_end_matches([' ', '\t', '\n', '\r']))
        }
    };
}

/// As in normalized paths (RFC 9535 §2.7).
fn write_name(out: &mut String, name: &str) {
    out.push('\'');
    for character in name.chars() {
        match character {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", character as u32)),
            other => out.push(other),
        }
    }
    out.push('\'');
}
