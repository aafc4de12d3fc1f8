//! The open mode: `/~/https://api.example.com/path?query` is that URL, live like any route, where the operator allows it.
//!
//! Owns the way from such a request to the route that answers it: reading the URL, the allowlist, which of the client's
//! header fields go on, and the origins, which are made when they are first asked for. What its answers may not do to the
//! gateway's own site is in `restrict`. That a name leads to no private address is the connection's to check
//! (`origin::Guard`), because only there it is known what is connected to.
//!
//! Invariants:
//! - Nothing but a `GET` or `HEAD` without content leaves here, with the fields of [`KEPT`] and those the operator names.
//! - There are at most so many origins as configured. One in use is never let go.
//! - What a client is told never depends on what there is in a network that may not be connected to.

mod restrict;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, HOST,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, PRAGMA, TE, USER_AGENT, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tidegate_hub::{Body, Route};
use tidegate_wire::{Problem, ProblemKind};
use tokio::time::Instant;

use super::gateway::{Decided, Gateway, GatewayRoute, has_body, refused, with_target};
use crate::config::{HostPattern, OpenConfig, PathPattern, TargetPattern, TimeOuts};
use crate::origin::{ClientConfig, Guard, HttpOrigin, OriginError, OriginSettings, Target, native_tls};
use crate::proxy::{self, Client};

/// What the path of a request of the open mode begins with.
const PREFIX: &str = "/~/";

/// The fields that are kept of a request: what its client can read, and what is for the gateway itself.
const KEPT: [HeaderName; 14] = [
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
];

/// How long an origin is kept that nobody uses: longer than its connections are.
const IDLE: Duration = Duration::from_secs(60);

/// What every origin that a client chooses has in common.
pub(super) struct Open {
    allow: Vec<TargetPattern>,
    guard: Arc<Guard>,
    kept: Vec<HeaderName>,
    tls: ClientConfig,
    time_outs: TimeOuts,
    max_body: usize,
    live: Box<dyn Fn(&HttpOrigin) -> Route + Send + Sync>,
    most: usize,
    origins: Mutex<HashMap<String, Known>>,
}

struct Known {
    route: Arc<GatewayRoute>,
    used: Instant,
}

impl Known {
    /// Whether a request or a feed holds on to it.
    fn is_in_use(&self) -> bool {
        let by_a_feed = self.route.live.as_ref().is_some_and(|live| Arc::strong_count(live) > 1);
        by_a_feed || Arc::strong_count(&self.route) > 1
    }
}

impl Open {
    /// `max_body`: the largest document. `live`: the policy for what an origin answers.
    pub(super) fn new(
        config: &OpenConfig,
        max_body: usize,
        live: impl Fn(&HttpOrigin) -> Route + Send + Sync + 'static,
    ) -> Result<Open, OriginError> {
        let allow: Vec<_> = config.allow.iter().map(|pattern| TargetPattern::clone(pattern)).collect();
        let tls = native_tls(allow.iter().any(TargetPattern::allows_tls)).map_err(OriginError::Roots)?;
        let forwarded = config.forward_headers.iter().map(|name| HeaderName::clone(name));
        Ok(Open {
            allow,
            guard: Arc::new(Guard::new(config.allow_private.iter().map(|network| **network).collect())),
            kept: KEPT.into_iter().chain(forwarded).collect(),
            tls,
            time_outs: config.time_outs.clone(),
            max_body,
            live: Box::new(live),
            most: *config.max_open_origins,
            origins: Mutex::default(),
        })
    }

    /// Whether a request with this path is for the open mode.
    pub(super) fn is_for(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// The route of a request, whose target and fields are those for its origin from here on.
    fn place(&self, request: &mut Request<Body>) -> Result<Arc<GatewayRoute>, Problem> {
        let bad = |detail: &str| Problem::new(ProblemKind::BadRequest).with_detail(detail);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let detail = "a URL behind `/~/` can be read with GET or HEAD and not be changed";
            return Err(Problem::new(ProblemKind::MethodNotAllowed).with_detail(detail));
        }
        if has_body(request) {
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
        self.check(&target)
            .map_err(|detail| Problem::new(ProblemKind::TargetNotAllowed).with_detail(detail))?;
        let outside = target.outside();
        *request.uri_mut() = with_target(request.uri(), &format!("{outside}{}", target.path_and_query()))
            .map_err(|_| bad("the target is not valid"))?;
        let fields = std::mem::take(request.headers_mut());
        *request.headers_mut() = self.kept_of(&fields);
        self.route(&target)
    }

    /// Whether a URL may be asked, as far as it can be known before its host is looked up.
    fn check(&self, target: &Target) -> Result<(), &'static str> {
        let (host, port, path) = (target.host(), target.port(), target.path());
        if !self.allow.iter().any(|pattern| pattern.matches(target.is_secure(), host, port, path)) {
            return Err("no pattern in `allow` of `[open]` permits this URL");
        }
        match target.address() {
            Some(address) if !self.guard.allows(address) => {
                Err("this address is not public, and `allow_private` of `[open]` does not name it")
            }
            _ => Ok(()),
        }
    }

    fn kept_of(&self, fields: &HeaderMap) -> HeaderMap {
        let kept = fields.iter().filter(|(name, _)| self.kept.contains(name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The route of a target's origin, which is made where there is none.
    fn route(&self, target: &Target) -> Result<Arc<GatewayRoute>, Problem> {
        let lost = |error: String| {
            tracing::error!(error, "an origin could not be made");
            Problem::new(ProblemKind::Internal).with_detail("the gateway could not make this origin")
        };
        let base = target.base().map_err(|error| lost(error.to_string()))?;
        let outside = target.outside();
        let name = outside.strip_prefix(PREFIX).unwrap_or(&outside).to_owned();
        let now = Instant::now();
        // Nothing panics while it is held.
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = origins.get_mut(&name) {
            known.used = now;
            return Ok(known.route.clone());
        }
        origins.retain(|_, known| known.is_in_use() || now.duration_since(known.used) < IDLE);
        if origins.len() >= self.most {
            let unused = origins.iter().filter(|(_, known)| !known.is_in_use());
            let longest = unused.min_by_key(|(_, known)| known.used).map(|(name, _)| name.clone());
            let Some(longest) = longest else {
                return Err(Problem::new(ProblemKind::TooManyOrigins)
                    .with_detail("as many origins are in use as `max_open_origins` allows"));
            };
            origins.remove(&longest);
        }
        let settings = OriginSettings {
            name: name.clone(),
            base,
            connect_timeout: *self.time_outs.connect,
            head_timeout: *self.time_outs.head,
            body_timeout: *self.time_outs.body,
            max_body: self.max_body,
        };
        let origin = HttpOrigin::guarded(settings, self.tls.clone(), self.guard.clone())
            .map_err(|error| lost(error.to_string()))?
            .mounted_at(&outside);
        let live = Some(Arc::new((self.live)(&origin)));
        let route = Arc::new(GatewayRoute {
            host: HostPattern::default(),
            pattern: PathPattern::everything(),
            origin,
            live,
        });
        origins.insert(name, Known { route: route.clone(), used: now });
        Ok(route)
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
            Ok(route) => self.answer_on(&route, request, client).await,
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
            Decided::Stream(_, head) => head.headers_mut(),
        };
        restrict::answer(fields, open.kept.contains(&AUTHORIZATION));
        decided
    }
}
