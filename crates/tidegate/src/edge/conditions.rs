//! Lists of entity tags, as conditional requests carry them (RFC 9110 §8.8.3, §13.1).

/// The members of a list. A tag may hold commas, so that only those between tags divide.
pub(super) fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    // A tag has no escapes: every quote opens or closes one.
    let divides = move |character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    };
    list.split(divides).map(str::trim).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_tags_do_not_divide() {
        for (list, expected) in [
            ("", &[][..]),
            ("*", &["*"]),
            ("\"a\"", &["\"a\""]),
            ("\"a\",W/\"b\" ,, \"c\"", &["\"a\"", "W/\"b\"", "\"c\""]),
            ("\"a, b\", \"c\"", &["\"a, b\"", "\"c\""]),
            ("\"a\\\", \"b\"", &["\"a\\\"", "\"b\""]),
            ("\"open, a", &["\"open, a"]),
        ] {
            assert_eq!(tags(list).collect::<Vec<_>>(), expected, "{list}");
        }
    }
}
