//! The header fields that one subscription may have.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::MAX_TEXT;
use super::members::{Members, read_text, short};

/// Fields that may not be set, and what begins with what ends in `-`.
///
/// Those that a page could not set with `fetch` (the Fetch standard's forbidden request headers): a subscription is no way
/// around what browsers keep for themselves, the cookies above all. Those that belong to the connection (RFC 9110 §7.6.1)
/// or to its peers' word about who the client is, which a handshake's fields carry. And those that would make it another
/// request than one for the current representation.
const REFUSED: &[&str] = &[
    "accept-charset",
    "accept-encoding",
    "access-control-",
    "connection",
    "content-",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-",
    "keep-alive",
    "origin",
    "proxy-",
    "range",
    "referer",
    "sec-",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
];

/// Fields that a member says, and which.
const MEMBERS: &[(&str, &str)] = &[
    ("last-event-id", "id"),
    ("tidegate-mode", "mode"),
    ("tidegate-select", "select"),
    ("tidegate-rate", "rate"),
];

/// Reads the object of header fields.
pub(super) fn read(value: Option<&RawValue>) -> Result<HeaderMap, String> {
    let Some(value) = value else { return Ok(HeaderMap::new()) };
    let members: Members =
        serde_json::from_str(value.get()).map_err(|error| format!("`headers`: {error}"))?;
    let mut fields = HeaderMap::with_capacity(members.iter().len());
    for (key, value) in members.iter() {
        let shown = short(key);
        let name: HeaderName = (key.len() <= MAX_TEXT)
            .then(|| key.parse().ok())
            .flatten()
            .ok_or_else(|| format!("`headers`: `{shown}` is no name of a header field"))?;
        check(&name)?;
        let value = read_text(value).filter(|value| value.len() <= MAX_TEXT);
        let value = value.and_then(|value| HeaderValue::from_str(&value).ok()).ok_or_else(|| {
            format!("`headers`: `{shown}` has to be a string of visible ASCII, of at most {MAX_TEXT} bytes")
        })?;
        if fields.insert(name, value).is_some() {
            return Err(format!("`headers`: `{shown}` is there twice, but for its case"));
        }
    }
    Ok(fields)
}

fn check(name: &HeaderName) -> Result<(), String> {
    let name = name.as_str();
    if let Some((_, member)) = MEMBERS.iter().find(|(field, _)| *field == name) {
        return Err(format!("`headers`: instead of `{name}` there is the member `{member}`"));
    }
    let refused = REFUSED.iter().any(|field| match field.ends_with('-') {
        true => name.starts_with(field),
        false => name == *field,
    });
    if refused {
        return Err(format!("`headers`: `{name}` cannot be set for one subscription"));
    }
    Ok(())
}
