//! Cross-origin access (Fetch §3.2), where the configuration turns it on.
//!
//! With it on, the gateway answers preflights itself and sets the fields on every answer in place of the origin's.
//! With it off, the origin's own fields and its answers to preflights pass through.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tidegate_hub::Body;

use super::answer;
use crate::config::CorsOrigins;

/// What a script may read of an answer besides what it always may.
const EXPOSED: &str = "Age, Cache-Status, Content-Length, ETag, Link, Location, Preference-Applied, Retry-After, Subscribe, \
                       Tidegate-Content-Type, Via";

/// How long a browser may remember a preflight, in seconds; Chromium's own limit.
const MAX_AGE: &str = "7200";

/// Who may read across origins.
#[derive(Debug, Clone)]
pub(super) struct Cors(CorsOrigins);

impl Cors {
    /// The policy for these origins.
    pub(super) fn new(origins: CorsOrigins) -> Cors {
        Cors(origins)
    }

    /// Whether pages of this origin may read here, though it is another's; and whether with the credentials that their
    /// browsers send by themselves.
    pub(super) fn allows(&self, origin: &str) -> Option<WithCredentials> {
        match &self.0 {
            CorsOrigins::None => None,
            CorsOrigins::Any => Some(WithCredentials(false)),
            listed => listed.allows(origin).then_some(WithCredentials(true)),
        }
    }

    /// What an answer to a request from `origin` has to say, if cross-origin access is on at all.
    fn grant(&self, origin: Option<&HeaderValue>) -> Option<Grant> {
        match &self.0 {
            CorsOrigins::None => None,
            // Without credentials: browsers refuse the combination of `*` and credentials (Fetch §3.2.5).
            CorsOrigins::Any => Some(Grant::Everyone),
            listed => {
                let allowed =
                    origin.filter(|origin| origin.to_str().is_ok_and(|origin| listed.allows(origin)));
                Some(allowed.map_or(Grant::Nobody, |origin| Grant::Named(origin.clone())))
            }
        }
    }

    /// The answer to a preflight, if this is one and cross-origin access is on.
    pub(super) fn preflight(&self, method: &Method, fields: &HeaderMap) -> Option<Response<Body>> {
        let is_preflight = method == Method::OPTIONS
            && fields.contains_key(ORIGIN)
            && fields.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let grant = self.grant(fields.get(ORIGIN))?;
        let mut response = answer::empty(StatusCode::NO_CONTENT);
        grant.write(response.headers_mut());
        if !matches!(grant, Grant::Nobody) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, fields[ACCESS_CONTROL_REQUEST_METHOD].clone());
            if let Some(asked) = fields.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        }
        for name in [ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            response.headers_mut().append(VARY, HeaderValue::from(name));
        }
        Some(response)
    }

    /// Sets the fields on the answer to a request from `origin`.
    pub(super) fn apply(&self, origin: Option<&HeaderValue>, fields: &mut HeaderMap) {
        let Some(grant) = self.grant(origin) else { return };
        for name in [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS,
        ] {
            fields.remove(name);
        }
        grant.write(fields);
        if !matches!(grant, Grant::Nobody) {
            fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}

/// Whether credentials that a browser sends by itself count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WithCredentials(pub(super) bool);

enum Grant {
    Everyone,
    Named(HeaderValue),
    Nobody,
}

impl Grant {
    fn write(&self, fields: &mut HeaderMap) {
        match self {
            Grant::Everyone => {
                fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                return;
            }
            Grant::Named(origin) => {
                fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            Grant::Nobody => {}
        }
        answer::vary(fields, "Origin");
    }
}
