//! Small parts of answers that several places need.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use tidegate_hub::Body;
use tidegate_wire::{Problem, ProblemKind};

use crate::origin::{NAME, append_via};

/// `Cache-Status` (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A body held in memory.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A problem as `application/problem+json` (RFC 9457), with its own status. `retry_after_s` says when to come back.
pub(crate) fn problem(problem: &Problem, retry_after_s: Option<u64>) -> Response<Body> {
    let body = Bytes::from(problem.to_json());
    let named = problem.status.and_then(|status| StatusCode::from_u16(status).ok());
    let known = problem.known().map(ProblemKind::status);
    let status = named.or(known).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(full(body.clone()));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after_s {
        fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Adds a name to `Vary`, unless it is there or `*` is.
pub(super) fn vary(fields: &mut HeaderMap, name: &'static str) {
    let named = fields
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|member| member.trim() == "*" || member.trim().eq_ignore_ascii_case(name));
    if !named {
        fields.append(VARY, HeaderValue::from_static(name));
    }
}

/// Adds the gateway to `Via`, for what comes from the hub: it has forgotten the version that the origin spoke, which
/// was HTTP/1.1 in all likelihood.
pub(super) fn via(fields: &mut HeaderMap) {
    append_via(fields, Version::HTTP_11);
}

/// The fields among these that tell some caches what to keep, over `Cache-Control` (RFC 9213 §3, and those before it).
pub(super) fn for_some_caches(fields: &HeaderMap) -> Vec<HeaderName> {
    let is_one = |name: &&HeaderName| {
        ["surrogate-control", "x-accel-expires"].contains(&name.as_str())
            || name.as_str().ends_with("-cache-control")
    };
    fields.keys().filter(is_one).cloned().collect()
}

/// Adds the gateway's member to `Cache-Status`, after those of caches nearer to the origin (RFC 9211 §2).
pub(super) fn cache_status(fields: &mut HeaderMap, parameters: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("{NAME}; {parameters}")) {
        fields.append(CACHE_STATUS, value);
    }
}
