//! What a request's header fields ask for, of whoever answers from memory.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use tidegate_core::negotiation;

/// The members of a list of entity tags (RFC 9110 §8.8.3). A tag may hold commas, so that only those between tags divide.
pub(crate) fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    // A tag has no escapes: every quote opens or closes one.
    let divides = move |character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    };
    list.split(divides).map(str::trim).filter(|tag| !tag.is_empty())
}

/// The tags that `If-None-Match` lists, with quotes and ready for the weak comparison that it demands: without `W/`
/// (RFC 9110 §13.1.2). `*` comes as itself.
pub(crate) fn none_match(request: &HeaderMap) -> impl Iterator<Item = &str> {
    let listed = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(tags).map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

/// Whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3).
pub(crate) fn accepts_gzip(request: &HeaderMap) -> bool {
    let mut any = false;
    for value in request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for member in value.split(',') {
            let mut parts = member.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let refused = negotiation::quality(parts) == 0;
            if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                return !refused;
            }
            any |= coding == "*" && !refused;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn gzip_only_where_it_is_allowed() {
        let check = |value: &'static str, expected: bool| {
            let fields = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&fields), expected, "{value}");
        };
        check("gzip, br", true);
        check("br, X-GZIP;q=0.5", true);
        check("*", true);
        check("", false);
        check("br", false);
        check("gzip;q=0, *", false);
        check("*;q=0", false);
        check("gzip; Q=0.000", false);
        check("gzip;q=much", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn listed_tags_lose_their_weakness_and_nothing_else() {
        let mut fields = HeaderMap::new();
        fields.append(IF_NONE_MATCH, HeaderValue::from_static("W/\"a\" , \"b.gzip\""));
        fields.append(IF_NONE_MATCH, HeaderValue::from_static("*"));
        assert_eq!(none_match(&fields).collect::<Vec<_>>(), ["\"a\"", "\"b.gzip\"", "*"]);
    }

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
