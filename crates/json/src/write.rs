//! Writing a value: compact, numbers by their text, strings with the fewest escapes that RFC 8259 §7 permits.

use std::fmt;

use super::Value;

/// Where text goes; the same code writes it and measures it.
pub(crate) trait Sink {
    fn put(&mut self, text: &str);
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl Value {
    /// The value as compact JSON.
    ///
    /// ```
    /// use tidegate_json::{MAX_DEPTH, parse};
    /// let value = parse(br#"[ 1.10, "\u0041\n" ]"#, MAX_DEPTH)?;
    /// assert_eq!(value.to_text(), r#"[1.10,"A\n"]"#);
    /// # Ok::<(), tidegate_json::ParseError>(())
    /// ```
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        write(&mut text, self);
        text
    }

    /// Appends the value as compact JSON, which is UTF-8.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        write(out, self);
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

pub(crate) fn write(out: &mut impl Sink, value: &Value) {
    match value {
        Value::Null => out.put("null"),
        Value::Bool(true) => out.put("true"),
        Value::Bool(false) => out.put("false"),
        Value::Number(number) => out.put(number.as_str()),
        Value::String(text) => write_string(out, text),
        Value::Array(elements) => {
            out.put("[");
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.put(",");
                }
                write(out, element);
            }
            out.put("]");
        }
        Value::Object(members) => {
            out.put("{");
            for (place, (key, member)) in members.iter().enumerate() {
                if place > 0 {
                    out.put(",");
                }
                write_string(out, key);
                out.put(":");
                write(out, member);
            }
            out.put("}");
        }
    }
}

pub(crate) fn write_string(out: &mut impl Sink, text: &str) {
    out.put("\"");
    write_string_content(out, text);
    out.put("\"");
}

/// Writes what stands between a string's quotes.
pub(crate) fn write_string_content(out: &mut impl Sink, text: &str) {
    let mut rest = text;
    // Every byte that needs an escape is ASCII, so the cuts are character boundaries.
    while let Some(at) = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20) {
        out.put(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.put("\\\""),
            b'\\' => out.put("\\\\"),
            0x08 => out.put("\\b"),
            0x09 => out.put("\\t"),
            0x0A => out.put("\\n"),
            0x0C => out.put("\\f"),
            0x0D => out.put("\\r"),
            control => out.put(&format!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.put(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_only_what_must_be() {
        for (text, json) in [
            ("", r#""""#),
            ("a/é😀\u{7f}\u{2029}", "\"a/é😀\u{7f}\u{2029}\""),
            ("\"\\", r#""\"\\""#),
            ("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}", r#""\u0000\b\t\n\u000b\f\r\u001f""#),
        ] {
            let value = Value::String(text.into());
            assert_eq!(value.to_text(), json);
            assert_eq!(value.to_string(), json);
            let mut bytes = b"data: ".to_vec();
            value.write_to(&mut bytes);
            assert_eq!(bytes, format!("data: {json}").into_bytes());
        }
    }
}
