//! RFC 6901 JSON Pointers: the path of a value in a document.
//!
//! Invariant: a [`Pointer`] holds its text, which is empty or begins with `/`, and whose every `~` is followed by
//! `0` or `1`. That spelling is unique, so pointers are equal, or prefixes of each other, exactly when their texts
//! are (at a `/`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::Value;

/// A path into a document: the empty pointer is the whole document, each token goes one step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pointer(String);

/// The text is not a JSON Pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParsePointerError {
    /// It is neither empty nor does it begin with `/`.
    NoLeadingSlash,
    /// A `~` is not followed by `0` or `1`.
    BadEscape,
}

impl fmt::Display for ParsePointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParsePointerError::NoLeadingSlash => "a pointer is empty or begins with `/`",
            ParsePointerError::BadEscape => "`~` in a pointer must be followed by `0` or `1`",
        })
    }
}

impl std::error::Error for ParsePointerError {}

impl Pointer {
    /// The pointer to the whole document.
    pub fn root() -> Pointer {
        Pointer::default()
    }

    /// Reads the string form (RFC 6901 §5, without the JSON string's quotes and escapes).
    ///
    /// ```
    /// use tidegate_json::Pointer;
    /// let pointer = Pointer::parse("/a~1b/~01/0").unwrap();
    /// assert_eq!(pointer.tokens().collect::<Vec<_>>(), ["a/b", "~1", "0"]);
    /// assert!(Pointer::parse("a").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Pointer, ParsePointerError> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(ParsePointerError::NoLeadingSlash);
        }
        // What follows each `~`: the first piece is what stands before all of them.
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return Err(ParsePointerError::BadEscape);
        }
        Ok(Pointer(text.to_owned()))
    }

    /// The string form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the whole document.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens from the root downwards, unescaped.
    pub fn tokens(&self) -> impl Iterator<Item = Cow<'_, str>> {
        // The text before the first slash is always empty, and stands for no token.
        self.0.split('/').skip(1).map(unescape)
    }

    /// Goes one step further down, to a member of this name or (with a decimal number) an element.
    pub fn push(&mut self, token: &str) {
        self.0.push('/');
        for character in token.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
    }

    /// The pointer to what holds this one's value, and the last token; none for the root.
    pub fn split_last(&self) -> Option<(Pointer, Cow<'_, str>)> {
        let (parent, token) = self.0.rsplit_once('/')?;
        Some((Pointer(parent.to_owned()), unescape(token)))
    }

    /// The tokens but for the last one, and the last one; none for the root.
    pub(crate) fn parent_and_last(&self) -> Option<(impl Iterator<Item = Cow<'_, str>>, Cow<'_, str>)> {
        let (parent, token) = self.0.rsplit_once('/')?;
        Some((parent.split('/').skip(1).map(unescape), unescape(token)))
    }

    /// Whether this points to something inside what `outer` points to, and not to that itself.
    pub fn is_inside(&self, outer: &Pointer) -> bool {
        self.0.strip_prefix(&outer.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The value that this points to, where the document has it.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.tokens().try_fold(document, |value, token| match value {
            Value::Object(members) => members.get(&*token),
            Value::Array(elements) => elements.get(array_index(&token)?),
            _ => None,
        })
    }
}

/// `~1` before `~0` (RFC 6901 §4): `~01` is `~1`, not `/`.
pub(crate) fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The index that a token names (RFC 6901 §4): decimal, no leading zeros, nothing else. An index too large for
/// this machine is none, like any other that no array has; [`is_array_index`] tells the two apart.
pub(crate) fn array_index(token: &str) -> Option<usize> {
    token.parse().ok().filter(|_| is_array_index(token))
}

/// Whether the token is spelt as an index.
pub(crate) fn is_array_index(token: &str) -> bool {
    let digits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    digits && (token == "0" || !token.starts_with('0'))
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pointer {
    type Err = ParsePointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Pointer::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_DEPTH, parse};

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_examples_of_rfc_6901() {
        let document = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"~1":9}"#;
        let document = parse(document, MAX_DEPTH).unwrap();
        for (text, found) in [
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
            ("/~01", "9"),
        ] {
            assert_eq!(pointer(text).find(&document).map(Value::to_text).as_deref(), Some(found), "{text}");
        }
        assert_eq!(pointer("").find(&document), Some(&document));
        for text in [
            "/foo/2",
            "/foo/-",
            "/foo/00",
            "/foo/+1",
            "/foo/",
            "/foo/1/0",
            "/bar",
            "//",
            "/foo/99999999999999999999",
        ] {
            assert_eq!(pointer(text).find(&document), None, "{text}");
        }
    }

    #[test]
    fn refuses() {
        for (text, error) in [
            ("a", ParsePointerError::NoLeadingSlash),
            ("#/a", ParsePointerError::NoLeadingSlash),
            ("/~", ParsePointerError::BadEscape),
            ("/~/0", ParsePointerError::BadEscape),
            ("/~2", ParsePointerError::BadEscape),
            ("/~0~", ParsePointerError::BadEscape),
        ] {
            assert_eq!(Pointer::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn tokens_survive_the_text() {
        for tokens in [&[][..], &[""], &["", ""], &["a/b", "~", "~1", "~0", "/"], &["é", "0", "-"]] {
            let mut built = Pointer::root();
            tokens.iter().for_each(|token| built.push(token));
            assert_eq!(pointer(built.as_str()), built);
            assert_eq!(built.tokens().collect::<Vec<_>>(), tokens);
            let last = built.split_last();
            assert_eq!(last.as_ref().map(|(_, token)| &**token), tokens.last().copied());
            assert_eq!(last.map(|(parent, _)| parent.tokens().count()), tokens.len().checked_sub(1));
            assert_eq!(built.is_root(), tokens.is_empty());
        }
    }

    #[test]
    fn inside_ends_at_a_token() {
        for (inner, outer, inside) in [
            ("/a/b", "/a", true),
            ("/a", "", true),
            ("/ab", "/a", false),
            ("/a", "/a", false),
            ("", "", false),
        ] {
            assert_eq!(pointer(inner).is_inside(&pointer(outer)), inside, "{inner} in {outer}");
        }
    }
}
