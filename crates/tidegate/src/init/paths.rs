//! From the paths of OpenAPI to patterns.
//!
//! A parameter of OpenAPI may be a part of a segment (`/{id}.json`), have any name and be percent-encoded in no way; one of
//! a pattern is a segment with a name of letters, digits and `_`.

use crate::config::{PathPattern, PatternError, ValueError};

/// A pattern, and whether it matches more than the path it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) pattern: PathPattern,
    pub(super) wider: bool,
}

/// The pattern for a path; why there is none.
pub(super) fn pattern(path: &str) -> Result<Made, &'static str> {
    if !path.starts_with('/') {
        return Err("its path does not begin with `/`");
    }
    // What some generators add to tell operations apart is no part of a path.
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let mut names: Vec<String> = Vec::new();
    let mut wider = false;
    let mut pattern = String::new();
    for piece in path.split('/').skip(1) {
        pattern.push('/');
        let parameter = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'));
        match parameter.filter(|name| !name.contains(['{', '}'])) {
            Some(name) => pattern.push_str(&format!("{{{}}}", free_name(name, &mut names))),
            None if piece.contains(['{', '}', '*']) => {
                wider = true;
                pattern.push('*');
            }
            None => pattern.push_str(&encoded(piece)),
        }
    }
    match PathPattern::parse(&pattern) {
        Ok(parsed) if parsed.is_below(crate::config::OWN) => {
            Err("its path lies where the gateway itself answers")
        }
        Ok(pattern) => Ok(Made { pattern, wider }),
        Err(ValueError::Pattern(PatternError::EmptySegment)) => Err("its path has an empty segment"),
        Err(ValueError::Pattern(PatternError::DotSegment)) => Err("its path has a segment `.` or `..`"),
        Err(_) => Err("its path is no URL path"),
    }
}

/// A name that a parameter of a pattern may have.
fn free_name(name: &str, names: &mut Vec<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut free: String = name.chars().map(plain).collect();
    if !free.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        free.insert(0, '_');
    }
    while names.contains(&free) {
        free.push('_');
    }
    names.push(free.clone());
    free
}

/// A literal as clients send it: what no path can hold is percent-encoded (RFC 3986 §3.3), an escape is left as it is.
fn encoded(piece: &str) -> String {
    let bytes = piece.as_bytes();
    let mut text = String::new();
    for (index, &byte) in bytes.iter().enumerate() {
        let hex = |at: usize| bytes.get(index + at).is_some_and(u8::is_ascii_hexdigit);
        match byte {
            b'%' if hex(1) && hex(2) => text.push('%'),
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&byte) => {
                text.push(byte.into())
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |path: &str, expected: &str, wider: bool| {
            let made = pattern(path).unwrap_or_else(|why| panic!("{path}: {why}"));
            assert_eq!((made.pattern.to_string().as_str(), made.wider), (expected, wider), "{path}");
        };
        check("/", "/", false);
        check("/quotes/{symbol}/trades", "/quotes/{symbol}/trades", false);
        check("/a/{user-id}/{user.id}/{1}/{größe}", "/a/{user_id}/{user_id_}/{_1}/{gr__e}", false);
        check("/{}", "/{_}", false);
        check("/v1.2/a-b_c~d/", "/v1.2/a-b_c~d/", false);
        check("/{id}.json", "/*", true);
        check("/{from}..{to}/x", "/*/x", true);
        check("/files/*", "/files/*", true);
        check("/caf\u{e9}/a b/100%/%2F", "/caf%C3%A9/a%20b/100%25/%2F", false);
        check("/odata/Items({key})", "/odata/*", true);
        check("/$metadata", "/$metadata", false);
        check("/search?type=a", "/search", false);
        check("/queue#Action=Send", "/queue", false);
    }

    #[test]
    fn what_no_pattern_can_say() {
        let check = |path: &str, expected: &str| {
            let told = pattern(path).unwrap_err();
            assert!(told.contains(expected), "{path}: {told}");
        };
        check("", "begin with `/`");
        check("quotes", "begin with `/`");
        check("/a//b", "empty segment");
        check("/a/../b", "`.` or `..`");
        check("/.tidegate/x", "the gateway itself");
    }
}
