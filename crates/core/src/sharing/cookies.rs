//! Cookies that choose the content, where a route names them.
//!
//! Invariant: what is kept goes into the key *and* into the fetch, the same bytes. So whatever is misread here, and
//! however the origin reads it, nobody gets an answer to cookies that it did not send itself. What the doubts below
//! are about is the other mistake: to leave out a cookie that the origin would have seen.

use http::{HeaderMap, HeaderValue, header};

/// The names of the cookies of a route that choose the content. None at all means that no cookie does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieNames(Vec<String>);

impl CookieNames {
    /// These and no others. Names of cookies have a case (RFC 6265 §4.1.1).
    pub fn new(names: impl IntoIterator<Item = String>) -> CookieNames {
        CookieNames(names.into_iter().collect())
    }

    /// What is kept of a request's cookies: those that are named, and whatever cannot be read beyond doubt. As sent
    /// and in order, equal names too: which of them counts is the origin's to say. Several fields, as HTTP/2 may split
    /// the cookies (RFC 9113 §8.2.3), are one list.
    pub(super) fn kept(&self, request: &HeaderMap) -> Vec<HeaderValue> {
        let lines = || request.get_all(header::COOKIE).iter();
        let pieces = || lines().flat_map(|line| pieces(line.as_bytes()));
        if pieces().any(opens_a_quote) {
            // To readers that know quoted strings, as cookies once had them (RFC 2109 §4.1), the `;` within is no end.
            return lines().cloned().collect();
        }
        let kept: Vec<&[u8]> = pieces().filter(|piece| self.keeps(piece)).collect();
        // Parts of valid values, and what joins them is valid.
        let joined = (!kept.is_empty()).then(|| HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok());
        joined.flatten().into_iter().collect()
    }

    fn keeps(&self, piece: &[u8]) -> bool {
        let Some((name, value)) = pair(piece) else { return true };
        let is_named = |name: &[u8]| self.0.iter().any(|named| named.as_bytes() == name);
        // There were readers that took a comma for a separator (RFC 2109 §4.3.4), and there are joiners that write one.
        let may_hold_more = value.iter().any(|byte| matches!(byte, b',' | b'"' | b' ' | b'\t'));
        is_named(name) || (may_hold_more && self.0.iter().any(|named| holds(value, named.as_bytes())))
    }
}

/// The names of the cookies in a `Cookie` value with what they hold. What is no pair has no name that could be told.
pub(super) fn named(value: &HeaderValue) -> impl Iterator<Item = (Option<&str>, &[u8])> {
    pieces(value.as_bytes()).map(|piece| match pair(piece) {
        Some((name, value)) => (std::str::from_utf8(name).ok(), value),
        None => (None, piece),
    })
}

/// What stands between the `;` of a `Cookie` value (RFC 6265 §5.4), without the white space around it.
fn pieces(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty())
}

/// Name and value, where it is beyond doubt that it is a cookie: the name is a token (RFC 6265 §4.1.1), and none of the
/// attributes that cookies once came with (`$Version`, RFC 2109 §4.3.4).
fn pair(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = piece.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (piece[..equals].trim_ascii_end(), piece[equals + 1..].trim_ascii_start());
    let is_token = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    (is_token && !name.is_empty() && name[0] != b'$').then_some((name, value))
}

fn opens_a_quote(piece: &[u8]) -> bool {
    piece.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len().max(1)).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(names: &[&str], lines: &[&str]) -> Vec<String> {
        let request = lines.iter().map(|line| (header::COOKIE, line.parse().unwrap())).collect();
        let names = CookieNames::new(names.iter().map(|name| (*name).to_owned()));
        names.kept(&request).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_named_cookies_are_kept() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&[""], &[]),
            (&["_ga=1; b=2"], &[]),
            (&["session=a"], &["session=a"]),
            (&["_ga=1; session=a; theme=x"], &["session=a"]),
            (&["session=a; _ga=1; session=b"], &["session=a; session=b"]),
            (&["session=b; session=a"], &["session=b; session=a"]),
            (&["_ga=1", "lang=de", "session=a"], &["lang=de; session=a"]),
            (&[" ;; session = a ;"], &["session = a"]),
            (&["session="], &["session="]),
            (&["session=a=b==; x=session"], &["session=a=b=="]),
            (&["session=\"a\"; _ga=\"1\""], &["session=\"a\""]),
            (&["Session=a; SESSION=b; xsession=c; session2=d"], &[]),
            (&["_ga={\"a\":1,\"b\":2}"], &[]),
        ] {
            assert_eq!(kept(&["session", "lang"], lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_beyond_doubt_is_kept() {
        for (lines, expected) in [
            (&["session; _ga=1"][..], &["session"][..]),
            (&["=a; _ga=1"], &["=a"]),
            (&["$Version=1; _ga=1; $Path=/; session=a"], &["$Version=1; $Path=/; session=a"]),
            (&["a b=1; _ga=1"], &["a b=1"]),
            (&["a[0]=1; _ga=1"], &["a[0]=1"]),
            // One quoted string to some, three pieces to others: all of it, as it came.
            (&["_ga=\"1; session=a; x\"; b=2", "c=3"], &["_ga=\"1; session=a; x\"; b=2", "c=3"]),
            (&["_ga=\"; b=1"], &["_ga=\"; b=1"]),
            // Where commas separate, this is a session.
            (&["_ga=1, session=a; b=2"], &["_ga=1, session=a"]),
            (&["_ga=1,2; b=3"], &[]),
        ] {
            assert_eq!(kept(&["session"], lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn no_name_keeps_nothing_but_doubts() {
        assert_eq!(kept(&[], &["session=a; b=\"c\"; d=1, e=2"]), [""; 0]);
        assert_eq!(kept(&[], &["session=a; b"]), ["b"]);
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        let value: HeaderValue = "session=a; token; $Path=/".parse().unwrap();
        let names: Vec<_> = named(&value).map(|(name, _)| name).collect();
        assert_eq!(names, [Some("session"), None, None]);
    }
}
