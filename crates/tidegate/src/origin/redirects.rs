//! Redirects of `GET` and `HEAD` (RFC 9110 §15.4): the way to the representation, hop by hop.
//!
//! Each hop is a request of its own, and its URL is checked like one that a client named. It may lead to another host, but
//! not from `https` to `http`, and not out of the part of an origin that the operator configured. What the first host was
//! meant to have (credentials, and every other field that may hold some) stays with it: from the first hop to another
//! origin on, only what says what the client can read is sent.
//!
//! Whoever asks conditionally asks with the validators of a representation, and these mean something only where it came
//! from. So [`Ends`] remembers where each resource's way ended, and the condition is sent there and nowhere else.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_LOCATION, EXPIRES,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LINK, LOCATION, PRAGMA, USER_AGENT, VARY, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use tidegate_core::caching;
use tidegate_core::{Failure, FailureKind, Validators};
use tidegate_hub::Body;
use tokio::sync::watch;

use super::Inner;
use super::elsewhere::{Elsewhere, Refusal, Unavailable};
use super::exchange::{Turn, no_body};
use super::incoming::Incoming;
use super::restrict;
use super::target::{self, Target};

/// The fields that may go on to another origin: none of them says who the client is.
const HARMLESS: [HeaderName; 7] =
    [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT, CACHE_CONTROL, PRAGMA, VIA];

/// How redirects of an origin are followed.
#[derive(Debug, Clone)]
pub(crate) struct Redirects {
    most: usize,
    elsewhere: Arc<Elsewhere>,
}

impl Redirects {
    /// So many at most, to hosts that `elsewhere` permits.
    pub(super) fn new(most: usize, elsewhere: Arc<Elsewhere>) -> Redirects {
        Redirects { most, elsewhere }
    }

    /// Where the ways of resources ended.
    pub(super) fn ends(&self) -> &Ends {
        &self.elsewhere.ends
    }
}

/// The answer at the end of the way.
pub(crate) struct Arrived {
    pub(crate) response: Response<Incoming>,
    /// What was asked last.
    pub(super) uri: Uri,
    /// Whether it was asked conditionally.
    pub(super) conditional: bool,
    /// Whether the origin itself gave it, and not another host.
    pub(super) is_home: bool,
}

/// Sends a request and waits for the head of the answer that is no redirect, or one that is not followed.
///
/// `is_condition_of`: whether the request's condition belongs to a URI. The condition is left out everywhere else.
pub(crate) async fn exchange(
    origin: &Inner,
    request: Request<Body>,
    upload: Option<watch::Receiver<Turn>>,
    is_condition_of: impl Fn(&Uri) -> bool,
) -> Result<Arrived, Failure> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_end_stream();
    match &origin.redirects {
        Some(redirects) if redirects.most > 0 && is_read => {
            follow(origin, redirects, request, is_condition_of).await
        }
        _ => {
            let uri = request.uri().clone();
            let response = origin.link.exchange(request, upload).await?;
            Ok(Arrived { response, uri, conditional: true, is_home: true })
        }
    }
}

async fn follow(
    origin: &Inner,
    redirects: &Redirects,
    request: Request<Body>,
    is_condition_of: impl Fn(&Uri) -> bool,
) -> Result<Arrived, Failure> {
    let (head, _) = request.into_parts();
    let (method, mut uri, mut fields) = (head.method, head.uri, head.headers);
    let home = Target::parse(&uri.to_string()).ok();
    let mut link = origin.link.clone();
    let mut is_home = true;
    let mut seen: Vec<Uri> = Vec::new();
    let mut passed = Passed::default();
    loop {
        let mut sent = fields.clone();
        let conditional = is_condition_of(&uri);
        if !conditional {
            sent.remove(IF_NONE_MATCH);
            sent.remove(IF_MODIFIED_SINCE);
        }
        let mut hop = Request::new(no_body());
        *hop.method_mut() = method.clone();
        *hop.uri_mut() = uri.clone();
        *hop.headers_mut() = sent;
        let asked = link.exchange(hop, None).await;
        let mut response = asked.map_err(|failure| Failure { elsewhere: !is_home, ..failure })?;
        let from = link.authority();
        let Some(location) = location(&response) else {
            if !seen.is_empty() {
                passed.finish(response.headers_mut(), &uri, is_home);
            }
            return Ok(Arrived { response, uri, conditional, is_home });
        };
        if seen.len() == redirects.most {
            let detail = format!("{from} redirects further, and {} redirects were followed", redirects.most);
            return Err(Failure::new(FailureKind::TooManyRedirects, detail));
        }
        let next = next_hop(&uri, &location, from)?;
        // An answer to a client's own `Authorization` is that client's (RFC 9111 §3.5).
        let is_authorized = fields.contains_key(AUTHORIZATION)
            && !origin.credentials.names().any(|name| name == AUTHORIZATION);
        passed.note(response.headers(), is_authorized);
        let now_home = home.as_ref().is_some_and(|home| home.origin() == next.origin());
        if !redirects.elsewhere.allows(&next) {
            // Also on the host that was asked first: a pattern may allow a part of it.
            return Err(Elsewhere::failure(from, &next, Refusal::NotAllowed));
        }
        if now_home {
            // The operator chose this host. What is outside of its part is asked nowhere.
            if !origin.mount.holds(next.path()) {
                let detail = format!("{from} redirects to a path outside of the origin's `url`");
                return Err(Failure::new(FailureKind::Unexpected, detail));
            }
            link = origin.link.clone();
        } else {
            redirects.elsewhere.permits(&next).map_err(|refusal| Elsewhere::failure(from, &next, refusal))?;
            let known = redirects.elsewhere.known(&next).map_err(|unavailable| match unavailable {
                Unavailable::TooMany => {
                    Failure::new(FailureKind::Overloaded, "as many origins are in use as may be".to_owned())
                }
                Unavailable::NoServerName => nonsense(from),
            })?;
            link = known.link;
        }
        if !(is_home && now_home) {
            fields = of_the_way_on(&fields);
        }
        is_home = now_home;
        seen.push(uri);
        uri = next.uri();
        if seen.contains(&uri) {
            let detail = format!("{} redirects in a circle", link.authority());
            return Err(Failure::new(FailureKind::RedirectLoop, detail));
        }
    }
}

/// Where an answer redirects to, if it is one of those that are followed.
fn location(response: &Response<Incoming>) -> Option<HeaderValue> {
    let followed = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    response.headers().get(LOCATION).filter(|_| followed).cloned()
}

fn nonsense(from: &str) -> Failure {
    Failure::new(FailureKind::NotHttp, format!("{from} redirects to what is no URL to ask"))
}

/// The URL that an answer from `at` redirects to; `from` is its host, for messages.
fn next_hop(at: &Uri, location: &HeaderValue, from: &str) -> Result<Target, Failure> {
    let next = target::resolve(at, location).and_then(|next| Target::parse(&next).ok());
    let next = next.ok_or_else(|| nonsense(from))?;
    // What was asked under protection is not asked again without.
    if at.scheme_str() == Some("https") && !next.is_secure() {
        let detail = format!("{from} redirects from https to http");
        return Err(Failure::new(FailureKind::Unexpected, detail));
    }
    Ok(next)
}

/// The fields for a host that is not the one before.
fn of_the_way_on(fields: &HeaderMap) -> HeaderMap {
    let kept = HARMLESS.iter().chain([&IF_NONE_MATCH, &IF_MODIFIED_SINCE]);
    let mut harmless = HeaderMap::new();
    for name in kept {
        for value in fields.get_all(name) {
            harmless.append(name.clone(), value.clone());
        }
    }
    harmless
}

/// What the answers on the way say about the answer at its end.
#[derive(Default)]
struct Passed {
    vary: Vec<HeaderValue>,
    is_for_one: bool,
    /// For how long all of them are fresh.
    lifetime: Option<Duration>,
}

impl Passed {
    fn note(&mut self, fields: &HeaderMap, is_authorized: bool) {
        self.vary.extend(fields.get_all(VARY).iter().cloned());
        self.is_for_one |= !caching::may_collapse(fields, is_authorized);
        // What does not say may lead elsewhere the next time.
        let is_validated = fields
            .get_all(CACHE_CONTROL)
            .iter()
            .any(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("no-cache")));
        let lifetime = caching::lifetime(fields).filter(|_| !is_validated).unwrap_or_default();
        self.lifetime = Some(self.lifetime.map_or(lifetime, |shortest| shortest.min(lifetime)));
    }

    /// Makes the last answer one to what was asked first: what chose the way chose the answer, and the answer is no
    /// longer fresh than the way to it.
    fn finish(self, fields: &mut HeaderMap, end: &Uri, is_home: bool) {
        for value in self.vary {
            fields.append(VARY, value);
        }
        if let Some(lifetime) =
            self.lifetime.filter(|shorter| caching::lifetime(fields).is_some_and(|own| *shorter < own))
        {
            shorten(fields, lifetime);
        }
        if self.is_for_one {
            fields.append(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        for name in [LOCATION, CONTENT_LOCATION] {
            let resolved = fields.get(&name).and_then(|value| target::resolve(end, value));
            match resolved.and_then(|text| HeaderValue::from_str(&text).ok()) {
                Some(absolute) => _ = fields.insert(name, absolute),
                None => _ = fields.remove(name),
            }
        }
        if !is_home {
            // They are relative to that host, or meant for it.
            fields.remove(LINK);
            // A browser takes it for an answer of the gateway's own site.
            restrict(fields, false);
            // What it says of how often it may be asked binds nobody who asks the origin.
            let limits: Vec<_> = fields.keys().filter(|name| is_a_limit(name.as_str())).cloned().collect();
            for name in limits {
                fields.remove(name);
            }
        }
    }
}

/// Whether a field says how often somebody may ask: those that the budget reads.
fn is_a_limit(name: &str) -> bool {
    name == "retry-after"
        || ["ratelimit", "x-ratelimit", "x-rate-limit"].iter().any(|begin| name.starts_with(begin))
}

/// Gives an answer another lifetime.
fn shorten(fields: &mut HeaderMap, lifetime: Duration) {
    fields.remove(EXPIRES);
    let said: Vec<_> = fields.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
    let said = said.join(",");
    // Where a quoted argument holds a comma, its parts stay side by side.
    let others = said.split(',').map(str::trim).filter(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !(name.eq_ignore_ascii_case("max-age") || name.eq_ignore_ascii_case("s-maxage"))
    });
    let own = format!("max-age={}", lifetime.as_secs());
    let all: Vec<_> = others.chain([own.as_str()]).filter(|directive| !directive.is_empty()).collect();
    if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
        fields.insert(CACHE_CONTROL, value);
    }
}

/// Where the way of each resource ended last, and with which validators. One number each: whether they are the same is all
/// that is asked.
#[derive(Debug, Default)]
pub(super) struct Ends {
    hasher: RandomState,
    known: Mutex<HashMap<u64, u64>>,
}

/// How many ends are remembered; when there are more, all are learnt anew, for one unconditional fetch each.
const MAX_ENDS: usize = 16_384;

/// What was asked for: a resource, for those who share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked(u64);

impl Ends {
    pub(super) fn asked(&self, target: &str, fields: &HeaderMap) -> Asked {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        Asked(self.hasher.hash_one((target, fields)))
    }

    fn end(&self, uri: &Uri, validators: &Validators) -> u64 {
        let bytes = |value: &Option<HeaderValue>| value.as_ref().map(|value| value.as_bytes().to_vec());
        self.hasher.hash_one((uri, bytes(&validators.etag), bytes(&validators.last_modified)))
    }

    /// Notes that the representation with these validators came from there.
    pub(super) fn note(&self, asked: Asked, uri: &Uri, validators: &Validators) {
        let end = self.end(uri, validators);
        // Nothing panics while it is held.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_ENDS && !known.contains_key(&asked.0) {
            known.clear();
        }
        known.insert(asked.0, end);
    }

    /// Whether the last representation came from there, with these validators.
    pub(super) fn is_at(&self, asked: Asked, uri: &Uri, validators: &Validators) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&asked.0).copied();
        known == Some(self.end(uri, validators))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_a_url_and_never_out_of_tls() {
        let next = |at: &'static str, location: &'static str| {
            let next = next_hop(&Uri::from_static(at), &HeaderValue::from_static(location), "h");
            next.map(|next| next.uri().to_string()).map_err(|failure| failure.kind)
        };
        assert_eq!(next("http://h/a", "https://H/b#c"), Ok("https://h/b".to_owned()));
        assert_eq!(next("https://h/a", "//other/b"), Ok("https://other/b".to_owned()));
        assert_eq!(next("https://h/a", "http://h/b"), Err(FailureKind::Unexpected));
        assert_eq!(next("https://h/a", "HTTP://h:443/b"), Err(FailureKind::Unexpected));
        for location in [
            "file:///etc/passwd",
            "gopher://h/",
            "http://u:p@h/",
            "http://127.1/",
            "http:///x",
            "http://h:0/",
        ] {
            assert_eq!(next("http://h/a", location), Err(FailureKind::NotHttp), "{location}");
        }
    }

    #[test]
    fn an_answer_is_no_longer_fresh_than_the_way_to_it() {
        let fields = |caching: &str| {
            let mut fields = HeaderMap::new();
            if !caching.is_empty() {
                fields.insert(CACHE_CONTROL, caching.parse().unwrap());
            }
            fields
        };
        for (way, end, expected) in [
            ("", "max-age=60", "max-age=0"),
            ("", "", ""),
            (
                "",
                "public, s-maxage=60, max-age=30, no-cache=\"a, b\"",
                "public, no-cache=\"a, b\", max-age=0",
            ),
            ("max-age=30", "max-age=60", "max-age=30"),
            ("max-age=90", "max-age=60", "max-age=60"),
            ("max-age=30", "no-store", "no-store"),
            ("private, max-age=90", "max-age=60", "max-age=60, private"),
            ("no-store", "", "private"),
        ] {
            let mut passed = Passed::default();
            passed.note(&fields("max-age=100"), false);
            passed.note(&fields(way), false);
            let mut last = fields(end);
            passed.finish(&mut last, &Uri::from_static("http://h/"), true);
            let found: Vec<_> =
                last.get_all(CACHE_CONTROL).iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(found.join(", "), expected, "{way} and {end}");
        }
    }

    #[test]
    fn a_condition_belongs_to_one_place() {
        let ends = Ends::default();
        let etag = |text: &str| Validators { etag: text.parse().ok(), last_modified: None };
        let (here, there) = (Uri::from_static("http://a/x"), Uri::from_static("http://b/x"));
        let (one, two) = (ends.asked("/x", &HeaderMap::new()), ends.asked("/y", &HeaderMap::new()));
        assert!(!ends.is_at(one, &here, &etag("\"1\"")));
        ends.note(one, &here, &etag("\"1\""));
        assert!(ends.is_at(one, &here, &etag("\"1\"")));
        assert!(!ends.is_at(one, &there, &etag("\"1\"")));
        assert!(!ends.is_at(one, &here, &etag("\"2\"")));
        assert!(!ends.is_at(two, &here, &etag("\"1\"")));
        ends.note(one, &there, &etag("\"2\""));
        assert!(!ends.is_at(one, &here, &etag("\"1\"")));
        let other_fields = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("de"))]);
        assert!(!ends.is_at(ends.asked("/x", &other_fields), &there, &etag("\"2\"")));
    }

    #[test]
    fn it_is_bounded() {
        let ends = Ends::default();
        for number in 0..=MAX_ENDS {
            let asked = ends.asked(&number.to_string(), &HeaderMap::new());
            ends.note(asked, &Uri::from_static("http://a/"), &Validators::default());
        }
        assert_eq!(ends.known.lock().unwrap().len(), 1);
    }
}
