//! Which header fields of a request take part in a shared fetch, and which never do.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, header};

use super::vary::Vary;

/// Hop-by-hop and connection fields, which never travel (RFC 9110 §7.6.1), whatever `Connection` names besides.
pub const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that the gateway always makes itself, the same for everyone: even `Vary` cannot bring a client's in.
const REPLACED: [&str; 18] = [
    "accept-encoding",
    "host",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    // it follows from the content, which is in the key
    "content-length",
    // the path travelled, which a client could make up
    "via",
    "forwarded",
    "x-real-ip",
    // what a client says of its stream, to the gateway
    "last-event-id",
    "subscribe",
    "parents",
    "heartbeats",
    // of Braid: another for each client, by chance
    "peer",
];

/// What the fields begin with by which clients tell a gateway what they want of it.
pub const OWN_PREFIX: &str = "tidegate-";

/// Fields that are known not to choose the content, until `Vary` names them.
const SET_ASIDE: [&str; 10] = [
    "user-agent",
    "referer",
    "origin",
    "cache-control",
    "pragma",
    "date",
    "priority",
    // tracing
    "traceparent",
    "tracestate",
    "x-request-id",
];

/// Fields that choose a variant, or describe the content, but say nothing of who the caller is.
const PREFERENCES: [&str; 6] =
    ["accept", "accept-language", "content-language", "content-type", "content-encoding", "prefer"];

fn is_replaced(name: &str) -> bool {
    REPLACED.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with(OWN_PREFIX)
}

pub(super) fn is_set_aside(name: &str) -> bool {
    SET_ASIDE.contains(&name) || name.starts_with("sec-")
}

/// Whether a field may say who the caller is. What is not known may.
pub(super) fn may_identify(name: &HeaderName) -> bool {
    !PREFERENCES.contains(&name.as_str()) && !is_set_aside(name.as_str())
}

/// The names of the fields of a request that take part in a shared fetch, in order.
///
/// What `Connection` nominates takes no part, whatever it is: it would not travel (RFC 9110 §7.6.1). So a client that
/// nominates `Authorization` asks for what anybody would get who sends none, and shares with them.
pub(super) fn taking_part<'a>(
    request: &'a HeaderMap,
    ignored: &[HeaderName],
    vary: &Vary,
) -> Vec<&'a HeaderName> {
    let nominated = connection_options(request);
    let takes_part = |name: &&HeaderName| {
        let text = name.as_str();
        !(HOP_BY_HOP.contains(&text)
            || nominated.contains(text)
            || ignored.contains(name)
            || is_replaced(text)
            || (is_set_aside(text) && !vary.names(name))
            || wants_any_language(request, name))
    };
    let mut names: Vec<&HeaderName> = request.keys().filter(takes_part).collect();
    names.sort_by_key(|name| name.as_str());
    names
}

/// `Accept-Language: *` says no more than none at all (RFC 9110 §12.5.4), and some clients say it always.
fn wants_any_language(request: &HeaderMap, name: &HeaderName) -> bool {
    name == header::ACCEPT_LANGUAGE && request.get_all(name).iter().all(|value| value.as_bytes() == b"*")
}

/// The names that `Connection` nominates as hop-by-hop, in lower case (RFC 9110 §7.6.1).
pub fn connection_options(fields: &HeaderMap) -> BTreeSet<String> {
    fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}
