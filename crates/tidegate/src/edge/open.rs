//! The open mode: `/~/https://api.example.com/path?query` is that URL, live like any route, where the operator allows it.
//!
//! Owns the way from such a request to the route that answers it: reading the URL, the allowlist, which of the client's
//! header fields go on, and the origins, which are made when they are first asked for. What its answers may not do to the
//! gateway's own site is in `origin/restrict.rs`. That a name leads to no private address is the connection's to check
//! (`origin::PublicOnly`), because only there it is known what is connected to.
//!
//! Invariants:
//! - Nothing but a `GET` or `HEAD` without content leaves here, with the fields of [`KEPT`] and those the operator names.
//! - There are at most so many origins as configured. One in use is never let go.
//! - What a client is told never depends on what there is in a network that may not be connected to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, HOST,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, PRAGMA, TE, USER_AGENT, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tidegate_hub::{Body, Route};
use tidegate_wire::{Problem, ProblemKind};

use super::asks::{MODE, PARENTS, RATE, SELECT, SUBSCRIBE};
use super::content::{Reads, is_bare};
use super::gateway::{Decided, Gateway, GatewayRoute, refused, with_target};
use super::identity::Caller;
use crate::config::{HostPattern, OpenConfig, PathPattern, TargetPattern};
use crate::origin::{
    Elsewhere, HttpOrigin, Limits, OriginError, PublicOnly, Refusal, Target, Unavailable, machine_tls,
};
use crate::proxy::{self, Client};

/// What the path of a request of the open mode begins with.
const PREFIX: &str = "/~/";

/// The fields that are kept of a request: what its client can read, and what is for the gateway itself.
const KEPT: [HeaderName; 19] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    ACCEPT_ENCODING,
    USER_AGENT,
    CACHE_CONTROL,
    PRAGMA,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    HOST,
    CONNECTION,
    TE,
    VIA,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
    MODE,
    RATE,
    SELECT,
    SUBSCRIBE,
    PARENTS,
];

/// What every URL that a client names has in common.
pub(super) struct Open {
    elsewhere: Arc<Elsewhere>,
    kept: Vec<HeaderName>,
    live: Box<dyn Fn(&HttpOrigin) -> Route + Send + Sync>,
    /// What feeds hold on to, by the name of the origin.
    routes: Mutex<HashMap<String, Weak<Route>>>,
}

impl Open {
    /// `max_body`: the largest document. `live`: the policy for what an origin answers.
    pub(super) fn new(
        config: &OpenConfig,
        max_body: usize,
        live: impl Fn(&HttpOrigin) -> Route + Send + Sync + 'static,
    ) -> Result<Open, OriginError> {
        let allow: Vec<_> = config.allow.iter().map(|pattern| TargetPattern::clone(pattern)).collect();
        let secure = allow.iter().any(TargetPattern::allows_tls);
        let tls = machine_tls(secure).map_err(OriginError::Roots)?;
        let allowed = move |target: &Target| {
            let (host, port, path) = (target.host(), target.port(), target.path());
            allow.iter().any(|pattern| pattern.matches(target.is_secure(), host, port, path))
        };
        let guard = PublicOnly::new(config.allow_private.iter().map(|network| **network).collect());
        let limits = Limits {
            connect_timeout: *config.time_outs.connect,
            head_timeout: *config.time_outs.head,
            body_timeout: *config.time_outs.body,
            max_body,
            redirects: *config.max_redirects,
            origins: *config.max_open_origins,
        };
        let forwarded = config.forward_headers.iter().map(|name| HeaderName::clone(name));
        Ok(Open {
            elsewhere: Elsewhere::new(allowed, guard, tls, limits),
            kept: KEPT.into_iter().chain(forwarded).collect(),
            live: Box::new(live),
            routes: Mutex::default(),
        })
    }

    /// Whether a request with this path is for the open mode.
    pub(super) fn is_for(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// The route of a request, whose target and fields are those for its origin from here on.
    fn place(&self, request: &mut Request<Body>) -> Result<GatewayRoute, Problem> {
        let bad = |detail: &str| Problem::new(ProblemKind::BadRequest).with_detail(detail);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let detail = "a URL behind `/~/` can be read with GET or HEAD and not be changed";
            return Err(Problem::new(ProblemKind::MethodNotAllowed).with_detail(detail));
        }
        if !is_bare(request) {
            return Err(bad("a request for a URL behind `/~/` has no content"));
        }
        if proxy::is_upgrade(request) {
            return Err(bad("a URL behind `/~/` is read over HTTP and by no other protocol"));
        }
        if [IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| request.headers().contains_key(name)) {
            return Err(bad("`If-Match` and `If-Unmodified-Since` are not passed on to a URL behind `/~/`"));
        }
        let sent = request.uri().path_and_query().map(|sent| sent.as_str());
        let url = sent.and_then(|sent| sent.strip_prefix(PREFIX)).unwrap_or_default();
        let target = Target::parse_embedded(url)
            .map_err(|error| bad(&format!("what follows `/~/` is not a URL that can be asked: {error}")))?;
        self.elsewhere.permits(&target).map_err(|refusal| {
            Problem::new(ProblemKind::TargetNotAllowed).with_detail(match refusal {
                Refusal::NotAllowed => "no pattern in `allow` of `[open]` permits this URL",
                Refusal::NotPublic => {
                    "this address is not public, and `allow_private` of `[open]` does not name it"
                }
            })
        })?;
        let outside = target.outside();
        *request.uri_mut() = with_target(request.uri(), &format!("{outside}{}", target.path_and_query()))
            .map_err(|_| bad("the target is not valid"))?;
        let fields = std::mem::take(request.headers_mut());
        *request.headers_mut() = self.kept_of(&fields);
        let origin = self.elsewhere.origin(&target).map_err(|unavailable| match unavailable {
            Unavailable::TooMany => Problem::new(ProblemKind::TooManyOrigins)
                .with_detail("as many origins are in use as `max_open_origins` of `[open]` allows"),
            Unavailable::NoServerName => bad("no certificate could be for this host"),
        })?;
        let live = Some(self.live_route(&origin));
        Ok(GatewayRoute {
            host: HostPattern::default(),
            pattern: PathPattern::everything(),
            origin,
            live,
            reads: Reads::default(),
            guard: None,
        })
    }

    /// The one that its feeds have, while there are any.
    fn live_route(&self, origin: &HttpOrigin) -> Arc<Route> {
        // Nothing panics while it is held.
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(origin.name()).and_then(Weak::upgrade) {
            return route;
        }
        routes.retain(|_, route| route.strong_count() > 0);
        let route = Arc::new((self.live)(origin));
        routes.insert(origin.name().to_owned(), Arc::downgrade(&route));
        route
    }

    fn kept_of(&self, fields: &HeaderMap) -> HeaderMap {
        let kept = fields.iter().filter(|(name, _)| self.kept.contains(name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl Gateway {
    /// Answers a request whose path is a URL.
    pub(super) async fn answer_open(
        &self,
        open: &Open,
        mut request: Request<Body>,
        client: &Client,
    ) -> Decided {
        let mut decided = match open.place(&mut request) {
            Ok(route) => self.answer_on(&route, request, client, &Caller::default()).await,
            Err(problem) => {
                let mut decided = refused(&problem);
                if problem.known() == Some(ProblemKind::MethodNotAllowed)
                    && let Decided::Answer(response) = &mut decided
                {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                }
                return decided;
            }
        };
        let fields = match &mut decided {
            Decided::Answer(response) => response.headers_mut(),
            Decided::Stream(_, head, _) => head.headers_mut(),
        };
        crate::origin::restrict(fields, open.kept.contains(&AUTHORIZATION));
        decided
    }
}
