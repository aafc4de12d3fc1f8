//! Who may share an answer: the sharing key, and the one request that is sent for everyone who has it.
//!
//! Invariants (the design's promise 5):
//! - Two requests get the same key only if method, target and every header field that a shared fetch carries are
//!   equal. [`SharedRequest::new`] is the only constructor, and it makes the key *from* the request that it shares,
//!   so that a shared fetch cannot carry what the key does not hold.
//! - Fields that are known not to choose the content are left out, and come in when `Vary` names them.
//! - A key may hold credentials: it is compared and hashed, and never printed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::negotiation;

/// What the origin says chose an answer (RFC 9110 §12.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vary {
    any: bool,
    names: BTreeSet<String>,
}

impl Vary {
    /// Nothing but the target.
    pub fn none() -> Vary {
        Vary::default()
    }

    /// The union of all `Vary` fields of an answer; a member that is no field name counts as `*`.
    pub fn of(fields: &HeaderMap) -> Vary {
        let mut vary = Vary::none();
        for value in fields.get_all(header::VARY) {
            let members =
                value.to_str().unwrap_or("*").split(',').map(str::trim).filter(|name| !name.is_empty());
            for member in members {
                match HeaderName::from_bytes(member.as_bytes()) {
                    Ok(name) if member != "*" => {
                        vary.names.insert(name.as_str().to_owned());
                    }
                    _ => vary.any = true,
                }
            }
        }
        vary
    }

    /// This field alone.
    pub fn naming(name: &HeaderName) -> Vary {
        Vary { any: false, names: BTreeSet::from([name.as_str().to_owned()]) }
    }

    /// `Vary: *`: no other request may have this answer.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Both together.
    pub fn union(mut self, other: &Vary) -> Vary {
        self.any |= other.any;
        self.names.extend(other.names.iter().cloned());
        self
    }

    fn names(&self, name: &HeaderName) -> bool {
        self.names.contains(name.as_str())
    }

    /// Whether a key that was made with `considered` tells apart everything that this names.
    ///
    /// Fields that every key holds need not be considered, nor do those that the gateway makes itself for everyone
    /// (`Accept-Encoding` among them: it removes the coding, so that everyone gets the same representation).
    pub fn is_covered_by(&self, considered: &Vary) -> bool {
        considered.any
            || (!self.any
                && self.names.iter().all(|name| considered.names.contains(name) || !is_set_aside(name)))
    }
}

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
const REPLACED: [&str; 13] = [
    "accept-encoding",
    "host",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    // the path travelled, which a client could make up
    "via",
    "forwarded",
    "x-real-ip",
    "last-event-id",
];

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

fn is_replaced(name: &str) -> bool {
    REPLACED.contains(&name) || name.starts_with("x-forwarded-")
}

fn is_set_aside(name: &str) -> bool {
    SET_ASIDE.contains(&name) || name.starts_with("sec-")
}

/// Fields that choose a variant but say nothing of who the caller is.
fn is_preference(name: &str) -> bool {
    matches!(name, "accept" | "accept-language" | "content-language" | "content-type" | "content-length")
}

/// What is known about a request's resource before its key can be made.
#[derive(Debug, Clone, Copy)]
pub struct SharingRules<'a> {
    /// Names the route and its origin, so that equal targets of two routes stay apart.
    pub scope: &'a str,
    /// Fields that the route declares not to choose the content.
    pub irrelevant: &'a [HeaderName],
    /// What the origin's answers for this target named so far.
    pub vary: &'a Vary,
    /// A number that no other request has: what makes a key that nobody shares, under `Vary: *`.
    pub nonce: u64,
}

/// Who may share: requests with equal keys, and nobody else. Holds credentials, so it never shows its content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SharingKey(Arc<[u8]>);

impl fmt::Debug for SharingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharingKey({} bytes)", self.0.len())
    }
}

/// One request on behalf of everyone with the same key.
#[derive(Debug, Clone)]
pub struct SharedRequest {
    key: SharingKey,
    resource: SharingKey,
    target: String,
    fields: HeaderMap,
    considered: Vary,
    credentialed: bool,
}

impl SharedRequest {
    /// The shared form of a `GET` (or `HEAD`) request for `target` (path and query, without reserved parameters)
    /// with these header fields. Carries nothing that is not in its key.
    pub fn new(target: &str, request: &HeaderMap, rules: SharingRules<'_>) -> SharedRequest {
        let nominated = connection_options(request);
        let mut fields = HeaderMap::new();
        let mut names: Vec<&HeaderName> = request.keys().collect();
        names.sort_by_key(|name| name.as_str());
        let mut credentialed = false;
        for name in names {
            let text = name.as_str();
            let dropped = HOP_BY_HOP.contains(&text)
                || nominated.contains(text)
                || rules.irrelevant.contains(name)
                || is_replaced(text)
                || (is_set_aside(text) && !rules.vary.names(name))
                || wants_any_language(request, name);
            if dropped {
                continue;
            }
            if name == header::ACCEPT {
                if let Some(accept) = negotiation::shared_accept(request) {
                    fields.insert(header::ACCEPT, accept);
                }
                continue;
            }
            credentialed |= !is_preference(text) && !is_set_aside(text);
            for value in request.get_all(name) {
                fields.append(name.clone(), value.clone());
            }
        }
        let resource = SharingKey(canonical(rules.scope, target, std::iter::empty(), None));
        let nonce = rules.vary.any.then_some(rules.nonce);
        let sorted = sorted_fields(&fields);
        let key = SharingKey(canonical(rules.scope, target, sorted.into_iter(), nonce));
        SharedRequest {
            key,
            resource,
            target: target.to_owned(),
            fields,
            considered: rules.vary.clone(),
            credentialed,
        }
    }

    /// Who may share it.
    pub fn key(&self) -> &SharingKey {
        &self.key
    }

    /// The resource whatever the header fields: what knowledge about `Vary` is filed under.
    pub fn resource(&self) -> &SharingKey {
        &self.resource
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The header fields that the shared fetch carries.
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// What the key considers of `Vary`.
    pub fn considered(&self) -> &Vary {
        &self.considered
    }

    /// Whether the key holds fields that may identify the caller.
    pub fn is_credentialed(&self) -> bool {
        self.credentialed
    }
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

fn sorted_fields(fields: &HeaderMap) -> Vec<(&HeaderName, &HeaderValue)> {
    let mut sorted: Vec<_> = fields.iter().collect();
    // Stable: the values of one name keep their order, which may matter.
    sorted.sort_by_key(|(name, _)| name.as_str());
    sorted
}

/// An injective encoding: every part is preceded by its length.
fn canonical<'a>(
    scope: &str,
    target: &str,
    fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    nonce: Option<u64>,
) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(128);
    let mut part = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    part(Method::GET.as_str().as_bytes());
    part(scope.as_bytes());
    part(target.as_bytes());
    part(nonce.map(u64::to_be_bytes).as_ref().map_or(&[], |nonce| nonce.as_slice()));
    for (name, value) in fields {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn shared(target: &str, list: &[(&str, &str)], vary: &Vary) -> SharedRequest {
        let rules = SharingRules { scope: "r", irrelevant: &[], vary, nonce: 7 };
        SharedRequest::new(target, &fields(list), rules)
    }

    fn vary(value: &str) -> Vary {
        Vary::of(&fields(&[("vary", value)]))
    }

    #[test]
    fn who_asks_and_how_does_not_split_a_feed() {
        let none = Vary::none();
        let plain = shared("/q", &[], &none);
        for list in [
            &[("user-agent", "a")][..],
            &[("accept-encoding", "gzip"), ("cache-control", "no-cache"), ("if-none-match", "\"x\"")],
            &[("sec-fetch-mode", "cors"), ("origin", "https://a"), ("referer", "https://a/b")],
            &[("accept", "text/event-stream"), ("last-event-id", "1")],
            &[("accept-language", "*")],
            &[("accept", "*/*"), ("x-forwarded-for", "10.0.0.1"), ("traceparent", "00-0-0-00")],
            &[("connection", "x-hop"), ("x-hop", "1"), ("te", "trailers")],
        ] {
            let request = shared("/q", list, &none);
            assert_eq!(request.key(), plain.key(), "{list:?}");
            assert!(request.fields().is_empty(), "{list:?} is not forwarded");
            assert!(!request.is_credentialed());
        }
    }

    #[test]
    fn everything_else_splits_it_and_is_forwarded() {
        let none = Vary::none();
        let mut keys = vec![shared("/q", &[], &none)];
        for (target, list) in [
            ("/q?", &[][..]),
            ("/Q", &[]),
            ("/q", &[("authorization", "Bearer a")]),
            ("/q", &[("authorization", "Bearer b")]),
            ("/q", &[("cookie", "s=1")]),
            ("/q", &[("cookie", "s=1"), ("cookie", "t=2")]),
            ("/q", &[("cookie", "t=2"), ("cookie", "s=1")]),
            ("/q", &[("x-api-key", "1")]),
            ("/q", &[("accept-language", "de")]),
            ("/q", &[("accept-language", "*, de")]),
            ("/q", &[("accept", "application/xml")]),
            ("/q", &[("x-a", "1x-b2")]),
            ("/q", &[("x-a", "1"), ("x-b", "2")]),
        ] {
            let request = shared(target, list, &none);
            assert!(keys.iter().all(|other| other.key() != request.key()), "{target} {list:?}");
            assert_eq!(request.fields(), &fields(list), "{target} {list:?}");
            keys.push(request);
        }
    }

    #[test]
    fn what_vary_names_comes_in() {
        let named = vary("User-Agent, Accept-Encoding");
        let a = shared("/q", &[("user-agent", "a"), ("accept-encoding", "br")], &named);
        let b = shared("/q", &[("user-agent", "b")], &named);
        assert_ne!(a.key(), b.key());
        assert_eq!(a.fields(), &fields(&[("user-agent", "a")]));
        assert_eq!(a.resource(), b.resource());
    }

    #[test]
    fn a_key_covers_what_it_holds() {
        let none = Vary::none();
        assert!(vary("Accept-Encoding").is_covered_by(&none));
        assert!(vary("Cookie, Authorization, Accept-Language, Accept").is_covered_by(&none));
        assert!(!vary("Origin").is_covered_by(&none));
        assert!(!vary("sec-ch-ua").is_covered_by(&none));
        assert!(vary("Origin").is_covered_by(&vary("origin, user-agent")));
        assert!(!vary("*").is_covered_by(&vary("origin")));
        assert!(vary("*").is_covered_by(&vary("*")));
        assert!(vary("bad name").is_any());
    }

    #[test]
    fn vary_any_shares_with_nobody() {
        let any = vary("*");
        let make = |nonce| {
            SharedRequest::new(
                "/q",
                &HeaderMap::new(),
                SharingRules { scope: "r", irrelevant: &[], vary: &any, nonce },
            )
        };
        assert_ne!(make(1).key(), make(2).key());
    }

    #[test]
    fn a_route_can_name_fields_irrelevant() {
        let irrelevant = [header::ACCEPT_LANGUAGE];
        let rules = SharingRules { scope: "r", irrelevant: &irrelevant, vary: &Vary::none(), nonce: 0 };
        let request = SharedRequest::new("/q", &fields(&[("accept-language", "de")]), rules);
        assert!(request.fields().is_empty());
    }

    #[test]
    fn a_key_does_not_show_its_secrets() {
        let request = shared("/q", &[("authorization", "Bearer s3cret")], &Vary::none());
        assert!(request.is_credentialed());
        assert!(!format!("{:?}", request.key()).contains("s3cret"));
    }
}
