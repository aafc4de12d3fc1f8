//! Taking the insignificant white space out of a text that stays a text.

use std::borrow::Cow;

use super::parse::BYTE_ORDER_MARK;
use super::search::{is_white_space, string_end};

/// The text without white space outside strings and without a leading byte order mark; every other byte stays as
/// it is, so duplicate keys, escapes and number texts do too. One pass; borrowed when there was nothing inside to
/// remove.
///
/// For a text that is known to be well-formed (one that [`parse`](super::parse()) accepts, or refuses with
/// [`is_well_formed`](super::ParseError::is_well_formed)); of any other text it removes the same bytes, which
/// means nothing.
///
/// ```
/// use tidegate_json::compact;
/// assert_eq!(compact(b"{ \"a b\": [1.10,\n 2] }").as_ref(), br#"{"a b":[1.10,2]}"#);
/// ```
pub fn compact(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let Some(first) = text.iter().position(|&byte| !is_white_space(byte)) else { return Cow::Borrowed(&[]) };
    let last = text.iter().rposition(|&byte| !is_white_space(byte)).unwrap_or(first);
    let text = &text[first..=last];
    let mut out: Vec<u8> = Vec::new();
    // Where the bytes begin that are not copied yet.
    let mut pending = 0;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => at = string_end(text, at),
            byte if is_white_space(byte) => {
                if out.is_empty() {
                    out.reserve(text.len());
                }
                out.extend_from_slice(&text[pending..at]);
                at += 1;
                pending = at;
            }
            _ => at += 1,
        }
    }
    if pending == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[pending..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_white_space_and_nothing_else() {
        for (text, compacted, borrowed) in [
            ("1", "1", true),
            ("[1,\"a b\"]", "[1,\"a b\"]", true),
            (" \n[1,\"a b\"]\r\n\t", "[1,\"a b\"]", true),
            ("\u{feff}{}", "{}", true),
            ("\u{feff} [ ]\n", "[]", false),
            ("[1, 2]", "[1,2]", false),
            (
                r#"{ "a \" \\" : "\u0041 \ud800 " , "a":1.10 }"#,
                r#"{"a \" \\":"\u0041 \ud800 ","a":1.10}"#,
                false,
            ),
            ("\"é  é\"", "\"é  é\"", true),
        ] {
            let result = compact(text.as_bytes());
            assert_eq!(std::str::from_utf8(&result), Ok(compacted));
            assert_eq!(matches!(result, Cow::Borrowed(_)), borrowed, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_no_panic() {
        for text in ["\"abc", "\"a\\", " ", "", "[ \"\\"] {
            assert!(compact(text.as_bytes()).len() <= text.len());
        }
    }
}
