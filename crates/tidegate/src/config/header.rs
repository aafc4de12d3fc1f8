//! Which request header fields a route may declare irrelevant.
//!
//! Invariant: no field that carries credentials is ever accepted, so that no setting lets two accounts share a feed.
//! Custom fields that look like credentials by their name are refused as well: sharing too little costs a fetch,
//! sharing too much costs the trust of every user.

use http::HeaderName;

use super::value::{HeaderError, ValueError};

/// RFC 9110 §7.6.1, with the fields that older clients still send.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Fields that say which request this is.
const FRAMING: [&str; 5] = ["host", "content-length", "content-encoding", "content-type", "range"];

/// Whole names of fields that identify a caller without saying so in a word of [`CREDENTIAL_WORDS`].
const CREDENTIALS: [&str; 5] =
    ["dpop", "x-forwarded-user", "x-forwarded-email", "x-remote-user", "x-forwarded-client-cert"];

/// Parts of names that mean credentials, in standard fields (`Authorization`, `Cookie`) and in custom ones.
const CREDENTIAL_WORDS: [&str; 12] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "api-key",
    "apikey",
    "api_key",
    "session",
    "credential",
    "password",
    "jwt",
    "signature",
];

/// Fields that no host gets that a client names: a browser's cookies are those of the gateway's own site, and the rest is
/// the gateway's to say.
const NEVER_FORWARDED: [&str; 7] =
    ["cookie", "cookie2", "via", "forwarded", "accept-encoding", "proxy-authorization", "last-event-id"];

/// Checks the name of a field that the open mode is to forward.
///
/// # Errors
/// [`ValueError::HeaderName`] if it is no field name, [`ValueError::Header`] or [`ValueError::NotForwarded`] if it may not
/// be forwarded.
pub(super) fn parse_forwardable(text: &str) -> Result<HeaderName, ValueError> {
    let name: HeaderName = text.parse().map_err(|_| ValueError::HeaderName)?;
    let text = name.as_str();
    if HOP_BY_HOP.contains(&text) {
        Err(ValueError::Header(HeaderError::HopByHop))
    } else if FRAMING.contains(&text) {
        Err(ValueError::Header(HeaderError::Framing))
    } else if NEVER_FORWARDED.contains(&text) || text.starts_with("x-forwarded-") {
        Err(ValueError::NotForwarded)
    } else {
        Ok(name)
    }
}

/// Checks the name of a field that a route wants to leave out of the sharing key.
///
/// # Errors
/// [`ValueError::HeaderName`] if it is no field name, [`ValueError::Header`] if it may not be left out.
pub(super) fn parse_ignorable(text: &str) -> Result<HeaderName, ValueError> {
    let name: HeaderName = text.parse().map_err(|_| ValueError::HeaderName)?;
    let text = name.as_str();
    // Hop-by-hop first: `Proxy-Connection` is no credential.
    if HOP_BY_HOP.contains(&text) {
        Err(ValueError::Header(HeaderError::HopByHop))
    } else if CREDENTIALS.contains(&text) || CREDENTIAL_WORDS.iter().any(|word| text.contains(word)) {
        Err(ValueError::Header(HeaderError::Credentials))
    } else if FRAMING.contains(&text) {
        Err(ValueError::Header(HeaderError::Framing))
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_ignorable() {
        let check = |text: &str, expected: Result<&str, ValueError>| {
            let got = parse_ignorable(text);
            assert_eq!(got.as_ref().map(HeaderName::as_str), expected.as_ref().map(|name| *name), "{text}");
        };
        check("Accept-Language", Ok("accept-language"));
        check("X-Request-Id", Ok("x-request-id"));
        check("traceparent", Ok("traceparent"));
        for name in [
            "Authorization",
            "COOKIE",
            "Cookie2",
            "Proxy-Authorization",
            "X-Api-Key",
            "apikey",
            "X-Auth-Token",
            "X-CSRF-Token",
            "X-Session-Id",
            "Cf-Access-Jwt-Assertion",
            "DPoP",
            "X-Forwarded-User",
            "Signature-Input",
        ] {
            check(name, Err(ValueError::Header(HeaderError::Credentials)));
        }
        for name in ["Connection", "TE", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Proxy-Connection"] {
            check(name, Err(ValueError::Header(HeaderError::HopByHop)));
        }
        check("Host", Err(ValueError::Header(HeaderError::Framing)));
        check("", Err(ValueError::HeaderName));
        check("Accept: text/html", Err(ValueError::HeaderName));
    }
}
