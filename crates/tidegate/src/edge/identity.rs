//! Who may come on a route that verifies its callers, and what follows for the request and its answer (RFC 6750).
//!
//! Invariants:
//! - Nothing but a preflight passes without a valid token, and a preflight goes on as a browser sends one: with nothing
//!   that says or claims who anybody is.
//! - What tells the origin of a claim is set here, and whatever a client sent under its name, or under one that an origin
//!   may take for it, goes no further.
//! - No answer on such a route may be kept by a cache that others use.
//! - What is said about a token holds nothing of it.

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, HOST, ORIGIN, PRAGMA, REFERER, USER_AGENT, VIA,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use tidegate_core::Identity;
use tidegate_core::sharing::{connection_options, is_alike, take_out};
use tidegate_hub::Body;
use tidegate_wire::{Problem, ProblemKind};

use super::{answer, asked, refusal};
use crate::identity::{Claims, Unusable, Verifier};
use crate::origin::no_body;

/// The scheme of bearer tokens, which has no case (RFC 9110 §11.1).
const BEARER: &str = "bearer";

/// What a browser's preflight has of fields, beside those that begin with `Sec-` (Fetch §4.8).
const OF_A_PREFLIGHT: [HeaderName; 14] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL,
    CONNECTION,
    HOST,
    ORIGIN,
    PRAGMA,
    REFERER,
    USER_AGENT,
    VIA,
    HeaderName::from_static("access-control-request-private-network"),
];

/// What a route asks of its callers.
#[derive(Debug)]
pub(super) struct Guard {
    /// The verifier's name, which is its realm as well.
    pub(super) name: String,
    pub(super) verifier: Arc<Verifier>,
    /// The claims that divide callers; if there are none, their tokens do.
    pub(super) partition_by: Vec<String>,
    /// The fields that tell the origin of claims.
    pub(super) told: Vec<(HeaderName, String)>,
}

/// Somebody who may come.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// What divides it from others, where its token does not.
    pub(super) identity: Option<Identity>,
    /// For how long its token is valid; `None` where there is none.
    pub(super) remaining: Option<Duration>,
}

/// Why somebody may not.
#[derive(Debug)]
struct Denied {
    problem: Problem,
    /// The `error` of the challenge (RFC 6750 §3.1); none where nothing was presented.
    error: Option<&'static str>,
}

impl Guard {
    /// Lets a request pass, with what the origin is to know of its caller. `now` is the time since 1970.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub(super) fn admit(
        &self,
        request: &mut Request<Body>,
        now: Duration,
    ) -> Result<Caller, Box<Response<Body>>> {
        if is_preflight(request) {
            let kept = |name: &HeaderName| OF_A_PREFLIGHT.contains(name) || name.as_str().starts_with("sec-");
            let sent = std::mem::take(request.headers_mut());
            let fields = sent.iter().filter(|(name, _)| kept(name));
            *request.headers_mut() = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            *request.body_mut() = no_body();
            return Ok(Caller::default());
        }
        self.known(request, now).map_err(|denied| Box::new(self.refuse(&denied)))
    }

    fn known(&self, request: &mut Request<Body>, now: Duration) -> Result<Caller, Denied> {
        let token = bearer(request.headers())?;
        let verified = self.verifier.verify(token, now).map_err(|invalid| Denied {
            problem: Problem::new(ProblemKind::TokenInvalid)
                .with_detail(format!("the token {}", invalid.reason())),
            error: Some("invalid_token"),
        })?;
        let identity = self.identity(&verified.claims)?;
        let nominated = connection_options(request.headers());
        if nominated.iter().any(|name| self.told.iter().any(|(told, _)| is_alike(name, told.as_str()))) {
            // It would be taken off on the way, and the origin would not know who asks.
            let detail = "`Connection` names a field by which the origin is told who asks";
            let problem = Problem::new(ProblemKind::BadRequest).with_detail(detail);
            return Err(Denied { problem, error: Some("invalid_request") });
        }
        identity.tell(request.headers_mut());
        if !self.told.is_empty() && !request.body().is_end_stream() {
            let body = std::mem::replace(request.body_mut(), no_body());
            let names: Vec<HeaderName> = self.told.iter().map(|(name, _)| name.clone()).collect();
            *request.body_mut() = body
                .map_frame(move |mut frame| {
                    if let Some(trailers) = frame.trailers_mut() {
                        take_out(trailers, names.iter());
                    }
                    frame
                })
                .boxed_unsync();
        }
        let identity = (!self.partition_by.is_empty()).then_some(identity);
        Ok(Caller { identity, remaining: Some(verified.remaining) })
    }

    /// What divides the caller from others, and what the origin is told of it.
    fn identity(&self, claims: &Claims) -> Result<Identity, Denied> {
        let deny = |detail: String| Denied {
            problem: Problem::new(ProblemKind::ClaimUnusable).with_detail(detail),
            error: None,
        };
        let told =
            self.told.iter().map(|(_, claim)| claim).filter(|claim| !self.partition_by.contains(claim));
        let mut found = Vec::with_capacity(self.partition_by.len());
        for name in self.partition_by.iter().chain(told) {
            let value = claims.identifying(name).map_err(|unusable| {
                deny(match unusable {
                    Unusable::Missing => format!("the token has no claim `{name}`, which this route needs"),
                    Unusable::Kind => {
                        format!("the token's claim `{name}` is neither a text, nor a whole number, nor true or false")
                    }
                })
            })?;
            found.push((name.clone(), value));
        }
        Identity::new(&self.name, found, &self.told).map_err(|(name, error)| {
            deny(format!("the token's claim `{name}` {error}, so the origin cannot be told it"))
        })
    }

    fn refuse(&self, denied: &Denied) -> Response<Body> {
        let mut response = refusal::told(&denied.problem);
        // RFC 6750 §3: a challenge with every 401; with the reason, where something was presented.
        let is_challenge = response.status() == http::StatusCode::UNAUTHORIZED || denied.error.is_some();
        let mut challenge = format!("Bearer realm=\"{}\"", self.name);
        if let Some(error) = denied.error {
            challenge.push_str(&format!(", error=\"{error}\""));
            if let Some(detail) = &denied.problem.detail {
                challenge.push_str(&format!(", error_description=\"{detail}\""));
            }
        }
        if let (true, Ok(challenge)) = (is_challenge, HeaderValue::from_str(&challenge)) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What a page asks for another (Fetch §4.8). Browsers send it without any credentials.
fn is_preflight(request: &Request<Body>) -> bool {
    let fields = request.headers();
    request.method() == Method::OPTIONS
        && fields.contains_key(ORIGIN)
        && fields.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The bearer token of a request (RFC 6750 §2.1), the only place where one is looked for: those in a URL end up in logs
/// (RFC 6750 §5.3).
fn bearer(fields: &HeaderMap) -> Result<&str, Denied> {
    let mut lines = fields.get_all(AUTHORIZATION).iter();
    let missing = |detail: &str| Denied {
        problem: Problem::new(ProblemKind::TokenMissing).with_detail(detail),
        error: None,
    };
    let Some(line) = lines.next() else {
        return Err(missing("the request has no `Authorization: Bearer` field"));
    };
    if lines.next().is_some() {
        let detail = "the request has more than one `Authorization`";
        let problem = Problem::new(ProblemKind::BadRequest).with_detail(detail);
        return Err(Denied { problem, error: Some("invalid_request") });
    }
    let credentials = line.to_str().ok().and_then(|line| line.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => Ok(token.trim_matches(' ')),
        _ => Err(missing("the request's `Authorization` is not a `Bearer` token")),
    }
}

/// Keeps an answer out of caches that others use (RFC 9111 §5.2.2.7), whatever the origin says of it.
pub(super) fn keep_private(fields: &mut HeaderMap) {
    let lines: Vec<String> = fields
        .get_all(CACHE_CONTROL)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    let all = lines.join(", ");
    let mut kept: Vec<&str> = Vec::new();
    for directive in asked::tags(&all) {
        let name = directive.split('=').next().unwrap_or_default().trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if !(is("public") || is("s-maxage") || is("private") || is("proxy-revalidate")) {
            kept.push(directive);
        }
    }
    if !kept.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")) {
        kept.push("private");
    }
    // What cannot be written again is not understood by others either.
    let control = HeaderValue::from_str(&kept.join(", ")).unwrap_or(HeaderValue::from_static("private"));
    fields.insert(CACHE_CONTROL, control);
    for name in answer::for_some_caches(fields) {
        fields.remove(name);
    }
    answer::vary(fields, "Authorization");
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

    #[test]
    fn a_bearer_token_is_one_field_of_one_scheme() {
        let check = |lines: &[&str], expected: Result<&str, &str>| {
            let fields = fields(&lines.iter().map(|line| ("authorization", *line)).collect::<Vec<_>>());
            let found = bearer(&fields).map_err(|denied| denied.problem.known().unwrap().code());
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&[], Err("token-missing"));
        check(&["Bearer a.b.c"], Ok("a.b.c"));
        check(&["bearer  a.b.c "], Ok("a.b.c"));
        check(&["BEARER a b"], Ok("a b"));
        check(&["Bearer"], Err("token-missing"));
        check(&["Bearer\ta"], Err("token-missing"));
        check(&["Basic a"], Err("token-missing"));
        check(&["Bearer a", "Bearer a"], Err("bad-request"));
        check(&["Basic a", "Bearer a"], Err("bad-request"));
    }

    #[test]
    fn what_others_could_keep_becomes_private() {
        let check = |lines: &[&str], expected: &str| {
            let mut fields = fields(&lines.iter().map(|line| ("cache-control", *line)).collect::<Vec<_>>());
            fields.insert("cdn-cache-control", HeaderValue::from_static("max-age=60"));
            fields.insert("surrogate-control", HeaderValue::from_static("max-age=60"));
            keep_private(&mut fields);
            let lines: Vec<_> =
                fields.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!((lines, fields.len()), (vec![expected], 2));
            assert_eq!(fields["vary"], "Authorization");
        };
        check(&[], "private");
        check(&["public, max-age=60"], "max-age=60, private");
        check(&["Public", "S-MaxAge=60, must-revalidate"], "must-revalidate, private");
        check(&["private=\"set-cookie, x\", max-age=1"], "max-age=1, private");
        check(&["no-store"], "no-store");
        check(&["no-cache, no-transform"], "no-cache, no-transform, private");
        check(&["no-cache=\"a, public\""], "no-cache=\"a, public\", private");
    }
}
