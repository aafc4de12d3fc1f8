//! Who may share an answer: the sharing key, and the one request that is sent for everyone who has it.
//!
//! Invariants (the design's promise 5):
//! - Two requests get the same key only if method, target, content and every header field that a shared fetch carries
//!   are equal. [`SharedRequest::new`] is the only constructor, and it makes the key *from* the request that it shares,
//!   so that a shared fetch cannot carry what the key does not hold.
//! - What a route declares not to choose the content (header fields, query parameters, cookies) is left out of the
//!   fetch, not only of the key. So a route that is wrong about it gets an answer that lacks something, and never
//!   somebody else's.
//! - Fields that are known not to choose the content are left out, and come in when `Vary` names them.
//! - Where a verified identity divides callers, it is in the key, and the token that says who somebody is is neither in
//!   the key nor in the fetch. What the fetch tells of the identity is made from what the key holds of it.
//! - A key may hold credentials: it is compared and hashed, and never printed.
//!
//! The rooms: `key` is the key's bytes, `identity` what a verifier vouches for, `fields` which header fields take part, `cookies` and `query` what is left of
//! the two where a route names what matters, `vary` what the origin says chose an answer.

mod cookies;
mod fields;
mod identity;
mod key;
#[cfg(test)]
mod properties;
mod query;
#[cfg(test)]
mod tests;
mod vary;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};

use crate::negotiation;

pub use self::cookies::CookieNames;
pub use self::fields::{HOP_BY_HOP, OWN_PREFIX, connection_options};
pub use self::identity::{ClaimValue, Identity, Untellable, is_alike, take_out};
pub use self::key::SharingKey;
pub use self::query::IgnoredQuery;
pub use self::vary::Vary;

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Safe, or declared safe by the route. `HEAD` counts as `GET`, of which it is a part.
    pub method: &'a Method,
    /// Path and query, without reserved parameters.
    pub target: &'a str,
    /// The header fields as they came.
    pub fields: &'a HeaderMap,
    /// The content as it came.
    pub body: &'a Bytes,
}

impl<'a> Asked<'a> {
    /// A `GET` without content.
    pub fn get(target: &'a str, fields: &'a HeaderMap) -> Asked<'a> {
        static NOTHING: Bytes = Bytes::new();
        Asked { method: &Method::GET, target, fields, body: &NOTHING }
    }
}

/// What a route declares about what chooses the content. Nothing declared: everything may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharingPolicy {
    /// Header fields that do not.
    pub ignored_headers: Vec<HeaderName>,
    /// Query parameters that do not.
    pub ignored_query: IgnoredQuery,
    /// The cookies that do, if not all may.
    pub cookies: Option<CookieNames>,
}

/// What is known about a request's resource, and of who asks, before its key can be made.
#[derive(Debug, Clone, Copy)]
pub struct SharingRules<'a> {
    /// Names the route and its origin, so that equal targets of two routes stay apart.
    pub scope: &'a str,
    /// What the route declares.
    pub policy: &'a SharingPolicy,
    /// What divides callers in the place of `Authorization`, where a verifier vouches for it: a part of the key that no
    /// header field can claim.
    pub identity: Option<&'a Identity>,
    /// What the origin's answers for this target named so far.
    pub vary: &'a Vary,
    /// A number that no other request has: what makes a key that nobody shares, under `Vary: *`.
    pub nonce: u64,
}

/// One request on behalf of everyone with the same key.
#[derive(Debug, Clone)]
pub struct SharedRequest {
    key: SharingKey,
    resource: SharingKey,
    method: Method,
    target: String,
    fields: HeaderMap,
    body: Bytes,
    considered: Vary,
    identity: Option<Identity>,
}

impl SharedRequest {
    /// The shared form of what was asked. Carries nothing that is not in its key.
    pub fn new(asked: Asked<'_>, rules: SharingRules<'_>) -> SharedRequest {
        let SharingRules { scope, policy, identity, vary, nonce } = rules;
        let method = if asked.method == Method::HEAD { Method::GET } else { asked.method.clone() };
        let target = policy.ignored_query.strip(asked.target).into_owned();
        let fields = carried(asked.fields, policy, identity, vary);
        let body = asked.body.clone();
        let nonce = vary.is_any().then_some(nonce);
        SharedRequest {
            key: SharingKey::of_request(scope, &method, &target, &fields, body.clone(), identity, nonce),
            resource: SharingKey::of_resource(scope, &target),
            identity: identity.cloned(),
            considered: vary.clone(),
            method,
            target,
            fields,
            body,
        }
    }

    /// Who may share it.
    pub fn key(&self) -> &SharingKey {
        &self.key
    }

    /// The resource, whatever the method, the header fields and the content, and without ignored parameters: what
    /// knowledge about `Vary` is filed under.
    pub fn resource(&self) -> &SharingKey {
        &self.resource
    }

    /// The method of the shared fetch; never `HEAD`.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query of the shared fetch.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The header fields that the shared fetch carries.
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// The content that the shared fetch carries.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the key considers of `Vary`.
    pub fn considered(&self) -> &Vary {
        &self.considered
    }

    /// Whether the key holds what may identify the caller.
    pub fn is_credentialed(&self) -> bool {
        self.identity.is_some() || self.fields.keys().any(fields::may_identify)
    }

    /// Whether it is for one caller as far as can be told: its key holds what may identify the caller, or is no other
    /// request's by the origin's will (`Vary: *`).
    pub fn is_private(&self) -> bool {
        self.is_credentialed() || self.considered.is_any()
    }

    /// What tells this key from others of its resource: the claims of the identity, the header fields, and of `Cookie`
    /// the cookies.
    pub fn parts(&self) -> impl Iterator<Item = (PartName<'_>, &[u8])> {
        let claims = self.identity.iter().flat_map(Identity::claims);
        let fields = self.fields.iter().flat_map(|(name, value)| {
            let cookies = (name == header::COOKIE).then(|| cookies::named(value));
            let cookies = cookies.into_iter().flatten().map(|(name, value)| match name {
                Some(name) => (PartName::Cookie(name), value),
                None => (PartName::Field("cookie"), value),
            });
            let field = (name != header::COOKIE).then(|| (PartName::Field(name.as_str()), value.as_bytes()));
            field.into_iter().chain(cookies)
        });
        claims.map(|(name, value)| (PartName::Claim(name), value)).chain(fields)
    }
}

/// What a part of a key is called. Names may be shown; what they hold may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartName<'a> {
    /// A header field, in lower case.
    Field(&'a str),
    /// A cookie.
    Cookie(&'a str),
    /// A claim that divides callers.
    Claim(&'a str),
}

/// Whether something in a request says who the caller is, as far as can be told, where the route declares this and the
/// origin's `Vary` names nothing.
pub fn may_identify_caller(request: &HeaderMap, policy: &SharingPolicy) -> bool {
    carried(request, policy, None, &Vary::none()).keys().any(fields::may_identify)
}

/// The header fields that a shared fetch carries.
fn carried(
    request: &HeaderMap,
    policy: &SharingPolicy,
    identity: Option<&Identity>,
    vary: &Vary,
) -> HeaderMap {
    let mut carried = HeaderMap::new();
    for name in fields::taking_part(request, &policy.ignored_headers, vary) {
        match (name, &policy.cookies) {
            // It says who the caller is, which the identity says for all its tokens.
            (&header::AUTHORIZATION, _) if identity.is_some() => {}
            (&header::ACCEPT, _) => {
                carried.extend(negotiation::shared_accept(request).map(|accept| (header::ACCEPT, accept)));
            }
            (name, _) if *name == negotiation::PREFER => {
                carried
                    .extend(negotiation::shared_prefer(request).map(|prefer| (negotiation::PREFER, prefer)));
            }
            (&header::COOKIE, Some(cookies)) => {
                for value in cookies.kept(request) {
                    carried.append(header::COOKIE, value);
                }
            }
            _ => {
                for value in request.get_all(name) {
                    carried.append(name.clone(), value.clone());
                }
            }
        }
    }
    if let Some(identity) = identity {
        identity.tell(&mut carried);
    }
    carried
}
