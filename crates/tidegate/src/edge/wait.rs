//! Plain reads that wait for something newer than what their client has (RFC 7240 §4.3): for clients that can hold no
//! stream, and for caches that make one request of many.
//!
//! A reader that waits is a subscriber as any other: its resource is polled for it, the limits on streams count it, and it
//! costs a cursor. It is given nothing of what it subscribed to: the first update, or whatever else ends its stream, ends
//! the wait, and it is answered as a plain reader is. One whose client goes away is gone at once.
//!
//! What a client has can be named in two ways. By `If-None-Match`, where the end of a wait is a 304 as for any conditional
//! request. Or by the URL, so that everybody who has the same asks for the same: then a cache in front of the gateway sends
//! one request for all of them. Such a request has no condition, so the end of its wait is the representation as it is,
//! whose `ETag` tells; a 304 would be no answer to it (RFC 9110 §15.4.5), and what may not be stored could not be given to
//! those whom the cache let wait.

use std::time::Duration;

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, COOKIE, ETAG, EXPIRES, IF_NONE_MATCH, PRAGMA, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use tidegate_core::json::Selection;
use tidegate_core::sharing;
use tidegate_core::{Mode, Position, Wish};
use tidegate_hub::{Body, Coding, CountedBody, Current, Interest, Refused, Resume, Terms, Wanted};
use tidegate_wire::Format;
use tokio::time::timeout;

use super::{Gateway, answer, refusal};

/// For how long a cache may answer others with what the end of a wait was, in seconds: long enough for those whom it let
/// wait. It is also for how long a client may come too early.
const SHARED_FOR: i64 = 1;

/// Says which of its preferences a request was granted (RFC 7240 §3).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Tells nginx for how many seconds to keep an answer, over all else (nginx, `ngx_http_proxy_module`, `proxy_cache_valid`).
const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");

/// What a plain read waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Something newer than this; none where what the client has is nothing of ours, so that anything is newer.
    pub(super) after: Option<Position>,
    /// So long at most.
    pub(super) limit: Duration,
    /// How the client named what it has.
    pub(super) named: Named,
    /// How long was said with `Prefer`.
    pub(super) preferred: bool,
}

/// How a client names what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// With `If-None-Match`.
    ByTag,
    /// In the URL.
    ByUrl,
}

/// A read that has waited. It is a subscriber until this is dropped: so the feed is there for its answer.
pub(super) struct Waited(Option<CountedBody>);

impl Waited {
    /// It did not have to.
    pub(super) const NOT: Waited = Waited(None);

    /// Whether it had to, and the gateway is closing: then it is answered without the origin, which all who wait would
    /// ask at once.
    pub(super) fn is_answered_here(&self, refused: &Refused) -> bool {
        self.0.is_some() && matches!(refused, Refused::Closing)
    }
}

impl Gateway {
    /// Waits until there is something newer, or for as long as is allowed.
    pub(super) async fn wait(
        &self,
        wanted: Wanted<'_>,
        wish: Wish,
        selection: Option<&Selection>,
        wait: Wait,
    ) -> Result<Waited, Refused> {
        let Some(after) = wait.after.filter(|_| !wait.limit.is_zero()) else { return Ok(Waited::NOT) };
        let interest = Interest {
            resume: Resume::From(after),
            coding: Coding::Identity,
            wish,
            // What most streams have, so that nothing is encoded for those who wait alone.
            terms: Terms { format: Format::Sse, mode: Mode::First, rate: None },
            selection: selection.cloned(),
            carrier: None,
        };
        let subscription = self.hub.subscribe(wanted, interest).await?;
        if !subscription.is_current {
            return Ok(Waited::NOT);
        }
        let mut body = subscription.into_body();
        let ended = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
        // Whichever it is, it is over.
        let _ = timeout(wait.limit, ended).await;
        Ok(Waited(Some(body)))
    }
}

impl Wait {
    /// Says on an answer from memory that it was waited for, and what caches may make of it. `may_be_shared`: the request
    /// says nothing of who sends it.
    pub(super) fn note(&self, fields: &mut HeaderMap, current: &Current, may_be_shared: bool) {
        if self.preferred {
            set(fields, PREFERENCE_APPLIED, &format!("wait={}", self.limit.as_secs()));
        }
        if may_be_shared && allows_sharing(fields) {
            let left = current.ttl_s.unwrap_or(SHARED_FOR).clamp(0, SHARED_FOR);
            // An age counts against the lifetime (RFC 9111 §4.2).
            self.bound(fields, &format!("max-age={}", current.age_s.saturating_add(left.unsigned_abs())));
        } else {
            self.keep_from_caches(fields);
        }
    }

    /// Keeps an answer from caches where it would be taken for what comes after the wait: it is another, or one caller's.
    pub(super) fn keep_from_caches(&self, fields: &mut HeaderMap) {
        self.bound(fields, "private, no-store");
    }

    /// Puts this in the place of all that an answer says of caches. What the client has is named by the request where it is
    /// not named by its URL, and the answer is then that of the URL as ever.
    fn bound(&self, fields: &mut HeaderMap, control: &str) {
        if self.named == Named::ByUrl {
            [EXPIRES, PRAGMA].into_iter().for_each(|name| drop(fields.remove(name)));
            answer::for_some_caches(fields).iter().for_each(|name| drop(fields.remove(name)));
            set(fields, CACHE_CONTROL, control);
        }
    }

    /// The answer where the gateway is closing: nothing newer is known of here, and another instance goes on.
    pub(super) fn cut_short(&self, request: &HeaderMap) -> Response<Body> {
        let tag = request.get(IF_NONE_MATCH).filter(|_| self.named == Named::ByTag);
        match (tag, self.after) {
            (Some(_), Some(after)) => {
                let mut response = answer::empty(StatusCode::NOT_MODIFIED);
                set(response.headers_mut(), ETAG, &format!("\"{after}\""));
                response
            }
            _ => refusal::of(Refused::Closing),
        }
    }
}

fn set(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    // Digits, letters and what stands between them.
    fields.insert(name, HeaderValue::from_str(value).expect("it is ASCII"));
}

/// Whether an origin lets caches that many share keep an answer with these fields (RFC 9111 §3), and for more than this
/// once.
fn allows_sharing(fields: &HeaderMap) -> bool {
    let members = |name: &HeaderName| {
        let lines = fields.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(str::trim)
    };
    let forbids = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default();
        ["private", "no-store", "no-cache"].iter().any(|forbids| name.eq_ignore_ascii_case(forbids))
    };
    !fields.contains_key(SET_COOKIE)
        && !members(&CACHE_CONTROL).any(forbids)
        && !answer::for_some_caches(fields).iter().any(|name| members(name).any(forbids))
        && !fields.get_all(X_ACCEL_EXPIRES).iter().any(forbids_nginx)
        && !members(&VARY).any(|name| name == "*")
}

/// Whether a value of `X-Accel-Expires` has nginx keep nothing: no seconds, or a moment, which may be over.
fn forbids_nginx(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default().trim();
    text.starts_with('@') || (!text.is_empty() && text.bytes().all(|byte| byte == b'0'))
}

/// Whether nothing of a request says who sends it, so that anybody may have its answer.
pub(super) fn is_anybodys(wanted: Wanted<'_>) -> bool {
    let fields = wanted.asked.fields;
    let named = [AUTHORIZATION, COOKIE].iter().any(|name| fields.contains_key(name));
    !named && !sharing::may_identify_caller(fields, &wanted.route.sharing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_origin_lets_caches_keep() {
        let check = |list: &[(&'static str, &'static str)], expected: bool| {
            let fields = list
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(allows_sharing(&fields), expected, "{list:?}");
        };
        check(&[], true);
        check(&[("cache-control", "public, max-age=5"), ("vary", "Accept, Accept-Encoding")], true);
        check(&[("cache-control", "max-age=5, Private=\"x\"")], false);
        check(&[("cache-control", "max-age=5"), ("cache-control", "no-store")], false);
        check(&[("cache-control", "no-cache")], false);
        check(&[("vary", "Accept, *")], false);
        check(&[("set-cookie", "a=1")], false);
        // What is said to some caches holds for all, because all are told the same (RFC 9213 §2.1).
        let public = ("cache-control", "public, max-age=60");
        check(&[public, ("cdn-cache-control", "max-age=5")], true);
        check(&[public, ("cdn-cache-control", "max-age=5, No-Store")], false);
        check(&[public, ("example-cache-control", "private")], false);
        check(&[public, ("surrogate-control", "no-store")], false);
        check(&[public, ("x-accel-expires", "30")], true);
        check(&[public, ("x-accel-expires", "soon")], true);
        for nothing in ["0", " 00", "@0", "@1000000000"] {
            check(&[public, ("x-accel-expires", nothing)], false);
        }
    }
}
