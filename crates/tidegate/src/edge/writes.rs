//! What a request that passes through may have changed, and who is told of it (RFC 9111 §4.4).
//!
//! Invariant: the feeds of everything that a write may have changed know of it before the writer has its answer. So
//! whatever the writer reads next, and its own streams, show the write.

use std::borrow::Cow;

use http::header::{CONTENT_LOCATION, HOST, LOCATION};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use tidegate_hub::{Body, Hub, Origin, Route};

use crate::origin::{HttpOrigin, without_dot_segments};
use crate::proxy::Client;

/// A write on its way. Dropped without an answer, because the origin failed or the client went away, it may have
/// happened all the same.
pub(super) struct Write {
    hub: Hub,
    origin: HttpOrigin,
    /// The request's URI, as the client sees it.
    target: Uri,
    /// What may have changed.
    changed: Vec<String>,
}

impl Write {
    /// The write that a request is; `None` where it is none.
    pub(super) fn of(
        request: &Request<Body>,
        client: &Client,
        origin: &HttpOrigin,
        live: Option<&Route>,
        hub: &Hub,
    ) -> Option<Write> {
        if is_safe(request.method()) {
            return None;
        }
        let target = public_uri(request, &client.scheme)?;
        let written = target.path_and_query()?.as_str();
        // Feeds are named without the parameters that do not choose the content.
        let named = live.map_or(Cow::Borrowed(written), |live| live.sharing.ignored_query.strip(written));
        let changed = vec![origin.resource(&named)];
        Some(Write { hub: hub.clone(), origin: origin.clone(), target, changed })
    }

    /// The origin answered, and its answer is as the client gets it.
    pub(super) fn answered(mut self, response: &Response<Body>) {
        if !may_have_happened(response.status()) {
            self.changed.clear();
            return;
        }
        let named: Vec<_> = [LOCATION, CONTENT_LOCATION]
            .iter()
            .filter_map(|name| self.named(response.headers(), name))
            .collect();
        self.changed.extend(named);
    }

    /// The resource that a field of the answer names. An absolute reference counts only where it is of the same origin
    /// (RFC 9111 §4.4): the gateway, as the client sees it, or the API's own where clients do not see the place.
    fn named(&self, fields: &HeaderMap, name: &HeaderName) -> Option<String> {
        let reference = fields.get(name)?.to_str().ok()?;
        if let Some(target) = resolve(&self.target, reference) {
            return Some(self.origin.resource(target.as_str()));
        }
        let own: Uri = self.changed.first()?.parse().ok()?;
        let target = resolve(&own, reference)?;
        Some(format!("{}://{}{target}", own.scheme()?, own.authority()?))
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        self.hub.invalidate(&self.changed);
    }
}

/// Whether a method only reads (RFC 9110 §9.2.1, and the IANA registry of methods). One that is not known writes.
fn is_safe(method: &Method) -> bool {
    matches!(
        method.as_str(),
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY" | "PRI" | "PROPFIND" | "REPORT" | "SEARCH"
    )
}

/// Whether a write with this answer may have happened: where it is no error, and where a server says that it does not
/// know the end of it, as those in front of an API do for what timed out behind them.
fn may_have_happened(status: StatusCode) -> bool {
    let unknown = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];
    status.is_success() || status.is_redirection() || unknown.contains(&status)
}

/// The absolute URI of a request, as the client sees it.
fn public_uri(request: &Request<Body>, scheme: &Scheme) -> Option<Uri> {
    let mut parts = request.uri().clone().into_parts();
    if parts.authority.is_none() {
        parts.authority = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    }
    // An HTTP/1.0 client may name no host: nothing absolute is of its origin then, and paths are.
    let authority = parts.authority.unwrap_or_else(|| http::uri::Authority::from_static("invalid"));
    let target = parts.path_and_query?;
    Uri::builder().scheme(scheme.clone()).authority(authority).path_and_query(target).build().ok()
}

/// What a reference names at a base (RFC 3986 §5.2), where it is of the base's origin: its path and query.
fn resolve(base: &Uri, reference: &str) -> Option<PathAndQuery> {
    let reference = reference.trim().split('#').next().unwrap_or_default();
    let scheme = base.scheme_str()?;
    let rest = match reference.split_once("://") {
        Some((named, _)) if named.contains(['/', '?']) => None,
        Some((named, rest)) if named.eq_ignore_ascii_case(scheme) => Some(rest),
        Some(_) => return None,
        None => reference.strip_prefix("//"),
    };
    let reference = match rest {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let same = without_port(authority, scheme) == without_port(base.authority()?.as_str(), scheme);
            if !same {
                return None;
            }
            if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
        }
        None => reference.to_owned(),
    };
    let (path, query) = match reference.find('?') {
        Some(at) => reference.split_at(at),
        None => (&*reference, ""),
    };
    let query = match base.query() {
        Some(query) if reference.is_empty() => format!("?{query}"),
        _ => query.to_owned(),
    };
    let path = match path {
        "" => base.path().to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => {
            let directory = &base.path()[..=base.path().rfind('/')?];
            format!("{directory}{path}")
        }
    };
    format!("{}{query}", without_dot_segments(&path)).parse().ok()
}

/// An authority in lower case, without the port that its scheme has anyway.
fn without_port(authority: &str, scheme: &str) -> String {
    let default = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.to_ascii_lowercase();
    authority.strip_suffix(default).map(str::to_owned).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_the_same_origin() {
        let base: Uri = "http://api.test/v1/items?q=1".parse().unwrap();
        for (reference, expected) in [
            ("/items/5", Some("/items/5")),
            ("5", Some("/v1/5")),
            ("items/5?x=/..#part", Some("/v1/items/5?x=/..")),
            ("../x", Some("/x")),
            ("./", Some("/v1/")),
            ("?q=2", Some("/v1/items?q=2")),
            ("", Some("/v1/items?q=1")),
            ("#part", Some("/v1/items?q=1")),
            ("/a?to=http://other.test/", Some("/a?to=http://other.test/")),
            ("http://api.test/v1/x", Some("/v1/x")),
            ("HTTP://API.test:80/v1/x", Some("/v1/x")),
            ("http://api.test", Some("/")),
            ("http://api.test?a", Some("/?a")),
            ("//api.test/x", Some("/x")),
            ("https://api.test/v1/x", None),
            ("http://api.test:81/v1/x", None),
            ("http://other.test/v1/x", None),
            ("//other.test/x", None),
            ("http://api.test@other.test/x", None),
            ("/a b", None),
        ] {
            let resolved = resolve(&base, reference);
            assert_eq!(resolved.as_ref().map(PathAndQuery::as_str), expected, "{reference:?}");
        }
    }

    #[test]
    fn what_writes() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND"] {
            assert!(is_safe(&method.parse().unwrap()), "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "LOCK", "MADE-UP", "get"] {
            assert!(!is_safe(&method.parse().unwrap()), "{method}");
        }
        for (status, expected) in
            [(200, true), (204, true), (303, true), (304, true), (400, false), (412, false)]
        {
            assert_eq!(may_have_happened(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        for (status, expected) in [(500, true), (502, true), (504, true), (501, false), (503, false)] {
            assert_eq!(may_have_happened(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
