//! What a request's header fields ask for: a content coding (RFC 9110 §12.5.3) and a validator (§13.1.2).
//!
//! Field lines of one name are one list (RFC 9110 §5.3), so both functions take all of them.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

/// The coding that `Accept-Encoding` asks for: gzip where it is acceptable and not less wanted than identity.
/// Where both are refused it is identity, which RFC 9110 §12.5.3 allows instead of an error.
pub(crate) fn coding(headers: &HeaderMap) -> Coding {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for member in
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','))
    {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        // A member whose weight cannot be read says nothing.
        let Some(weight) = weight(parts) else { continue };
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(weight);
        } else if name.eq_ignore_ascii_case("identity") {
            identity = Some(weight);
        } else if name == "*" {
            any = Some(weight);
        }
    }
    // `*` stands for what is not named; identity needs no naming, so only its own weight competes with gzip's.
    let gzip = gzip.or(any).unwrap_or(0);
    if gzip > 0 && gzip >= identity.unwrap_or(0) { Coding::Gzip } else { Coding::Identity }
}

/// The weight among a member's parameters in thousandths; 1,000 where there is none, nothing where it is malformed
/// (RFC 9110 §12.4.2).
fn weight<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    for parameter in parameters {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") {
            return thousandths(value.trim());
        }
    }
    Some(1_000)
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

/// Whether `If-None-Match` holds `etag` (a strong one, in quotes): weak comparison, `*` matches anything.
/// A list is read up to its first malformed member.
pub(crate) fn none_match_holds(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        if value.trim() == "*" {
            return true;
        }
        let mut rest = value;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            rest = rest.strip_prefix("W/").unwrap_or(rest);
            // A comma may stand inside a tag, so the closing quote ends it, not the comma.
            let Some(length) = rest.strip_prefix('"').and_then(|tag| tag.find('"')) else { return false };
            let (tag, after) = rest.split_at(length + 2);
            if tag == etag {
                return true;
            }
            rest = after;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: http::HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_str(value).expect("a field value")))
            .collect()
    }

    #[test]
    fn accept_encoding_weights_count() {
        use Coding::{Gzip, Identity};
        for (values, expected) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["gzip"], Gzip),
            (&["GZIP"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip, deflate, br, zstd"], Gzip),
            (&["br", "gzip"], Gzip),
            (&["br"], Identity),
            (&["gzip;q=0"], Identity),
            (&["gzip; q=0.000"], Identity),
            (&["gzip;q=0.001"], Gzip),
            (&["gzip ; Q=0.5 , identity;q=0.5"], Gzip),
            (&["gzip;q=0.5, identity;q=0.8"], Identity),
            (&["identity"], Identity),
            (&["identity;q=0"], Identity),
            (&["*"], Gzip),
            (&["*;q=0"], Identity),
            (&["gzip;q=0, *"], Identity),
            (&["gzip, *;q=0"], Gzip),
            (&["gzip;q=2"], Identity),
            (&["gzip;q=1.5"], Identity),
            (&["gzip;q=0.1234"], Identity),
            (&["gzip;q="], Identity),
            (&["gzip;q=x"], Identity),
        ] {
            assert_eq!(coding(&with(ACCEPT_ENCODING, values)), expected, "{values:?}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (values, expected) in [
            (&[][..], false),
            (&[r#""abc""#], true),
            (&[r#"W/"abc""#], true),
            (&[r#""ABC""#], false),
            (&[r#""abc-gzip""#], false),
            (&[r#""x", "abc""#], true),
            (&[r#""x","y,z" , W/"abc""#], true),
            (&[r#""x""#, r#""abc""#], true),
            (&[r#""y,"abc""#], false),
            (&["*"], true),
            (&[" * "], true),
            (&[r#""x", *"#], false),
            (&["abc"], false),
            (&[r#""abc"#], false),
            (&[r#"w/"abc""#], false),
        ] {
            assert_eq!(none_match_holds(&with(IF_NONE_MATCH, values), r#""abc""#), expected, "{values:?}");
        }
    }
}
