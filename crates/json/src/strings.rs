//! String contents as they stand in a text, between their quotes: decoding, and comparison by what they say.
//!
//! Works on texts that are known to be well-formed.

use std::borrow::Cow;

/// What a string says. Borrowed when it has no escape.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, str> {
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' {
            decoded.push(raw[at]);
            at += 1;
            continue;
        }
        let (character, length) = escape(&raw[at..]);
        let mut utf8 = [0; 4];
        decoded.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        at += length;
    }
    // Only whole characters were put between whole characters.
    Cow::Owned(
        String::from_utf8(decoded)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// The character of the escape that begins the text, and the bytes that it takes.
fn escape(raw: &[u8]) -> (char, usize) {
    let simple = match raw.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let first = four_hex_digits(raw, 2);
            if let Some(character) = char::from_u32(first) {
                return (character, 6);
            }
            let second = four_hex_digits(raw, 8);
            let code = 0x10000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
        }
        Some(&other) => char::from(other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

fn four_hex_digits(raw: &[u8], from: usize) -> u32 {
    let digits = raw.get(from..from + 4).unwrap_or_default();
    digits.iter().fold(0, |code, &digit| code * 16 + char::from(digit).to_digit(16).unwrap_or(0))
}

/// Whether two strings say the same.
#[inline(always)]
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left == right || (has_escape(left, right) && decode(left) == decode(right))
}

#[inline(never)]
fn has_escape(left: &[u8], right: &[u8]) -> bool {
    left.contains(&b'\\') || right.contains(&b'\\')
}

/// Whether a string says this.
#[inline(always)]
pub(crate) fn is(raw: &[u8], name: &[u8]) -> bool {
    // An escape looks like what it says to nobody: `\n` is one character, and a name may be these two.
    if raw.contains(&b'\\') { decode(raw).as_bytes() == name } else { raw == name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_escape() {
        for (raw, decoded) in [
            ("plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9é\uD83D\uDE00!", "Aéé😀!"),
        ] {
            assert_eq!(decode(raw.as_bytes()), decoded);
            assert!(same(raw.as_bytes(), raw.as_bytes()) && is(raw.as_bytes(), decoded.as_bytes()));
        }
        assert!(same(br"\u0041", b"A") && same(b"/", br"\/"));
        assert!(!same(br"\u0041", b"B") && !same(b"A", b"B"));
        assert!(is(br"\n", b"\n") && !is(br"\n", br"\n") && is(br"\\n", br"\n"));
    }
}
