//! The gateway: which way a request goes.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use http::header::{HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use rustls::ServerConfig;
use tidegate_core::Position;
use tidegate_hub::{Body, FeedCounters, FeedReport, FeedStats, Hub, Route, Subscription, WayStats};
use tidegate_wire::{Problem, ProblemKind};
use tokio::sync::watch;
use tracing::debug;

use super::admission::AdmissionLimits;
use super::asks::{self, Ask};
use super::carried::{self, CarriedLimits, Events};
use super::content::{self, Content, Reads};
use super::cors::Cors;
use super::gate::Ending;
use super::identity::{Caller, Guard, keep_private};
use super::live::Live;
use super::open::Open;
use super::own::Own;
use super::part::Parts;
use super::writes::Write;
use super::{answer, asked, cache_status, plain, query, refusal};
use crate::config::{ByteSize, HostPattern, OrAuto, PathPattern};
use crate::memory::Pressure;
use crate::origin::{HttpOrigin, was_here};
use crate::proxy::{self, Client, Tunnels};

/// A gateway that is ready to answer.
pub struct Gateway {
    pub(super) hub: Hub,
    pub(super) routes: Vec<GatewayRoute>,
    /// Present where clients may name URLs themselves.
    pub(super) open: Option<Open>,
    /// What the gateway answers itself.
    pub(super) own: Own,
    /// The counts of all live routes together.
    pub(super) totals: Arc<FeedCounters>,
    pub(super) cors: Cors,
    pub(super) carried: CarriedLimits,
    pub(super) events: Events,
    pub(super) tunnels: Tunnels,
    pub(super) head_timeout: Duration,
    /// Requests that a connection of HTTP/2 may have at once; 0 where the gateway does not speak it.
    pub(super) max_h2_streams: u32,
    /// How long a plain read may wait for something newer.
    pub(super) max_wait: Duration,
    /// Takes parts out of what the hub does not keep.
    pub(super) parts: Parts,
    /// What the kernel may hold of a stream, in bytes.
    pub(super) send_buffer: usize,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) limits: AdmissionLimits,
    pub(super) memory: OrAuto<ByteSize>,
    /// Set when the gateway begins to serve.
    pub(super) pressure: OnceLock<watch::Receiver<Pressure>>,
    /// Itself, for what outlives a request; set when the gateway begins to serve.
    pub(super) itself: OnceLock<Weak<Gateway>>,
}

pub(super) struct GatewayRoute {
    pub(super) host: HostPattern,
    pub(super) pattern: PathPattern,
    pub(super) origin: HttpOrigin,
    /// Present where its reads can be subscribed to.
    pub(super) live: Option<Arc<Route>>,
    /// What its reads are.
    pub(super) reads: Reads,
    /// Present where its callers are verified.
    pub(super) guard: Option<Guard>,
}

/// What becomes of a request.
pub(super) enum Decided {
    /// It is answered.
    Answer(Response<Body>),
    /// It becomes a stream, with this head; and what the request ended with.
    Stream(Subscription, Response<()>, Ending),
}

impl Gateway {
    /// Ends all streams, each with the time after which to come back; new ones are refused.
    pub fn close_streams(&self) {
        self.hub.shutdown();
    }

    /// Ends what passes through upgraded connections.
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// How all feeds are doing.
    pub async fn report(&self) -> Vec<FeedReport> {
        self.hub.report().await
    }

    /// What was counted on the live route for every host that `path` matches, over all its feeds, since the start.
    pub fn route_stats(&self, path: &str) -> Option<FeedStats> {
        Some(self.route(None, path)?.live.as_ref()?.counters.read())
    }

    /// Has new streams refused while memory runs short. Only the first call counts.
    pub(super) fn watch_memory(&self, pressure: watch::Receiver<Pressure>) {
        // A second listener of the same gateway watches the same process.
        let _ = self.pressure.set(pressure);
    }

    pub(super) fn is_short_of_memory(&self) -> bool {
        self.pressure.get().is_some_and(|pressure| *pressure.borrow() >= Pressure::Refuse)
    }

    /// What was counted on all live routes, since the start.
    pub fn totals(&self) -> FeedStats {
        self.totals.read()
    }

    /// Streams begun since the start, by how they came to their connections.
    pub fn ways(&self) -> WayStats {
        self.hub.ways()
    }

    fn route(&self, host: Option<&str>, path: &str) -> Option<&GatewayRoute> {
        self.routes.iter().find(|route| route.host.matches(host) && route.pattern.matches(path))
    }

    /// Decides what becomes of one request. In a box, because it may lead to other requests, which are decided on here.
    pub(super) fn decide<'a>(
        &'a self,
        request: Request<Body>,
        client: &'a Client,
    ) -> Pin<Box<dyn Future<Output = Decided> + Send + 'a>> {
        Box::pin(self.decide_now(request, client))
    }

    async fn decide_now(&self, request: Request<Body>, client: &Client) -> Decided {
        let origin = request.headers().get(ORIGIN).cloned();
        if let Some(preflight) = self.cors.preflight(request.method(), request.headers()) {
            return Decided::Answer(preflight);
        }
        let method = request.method().clone();
        let path = carried::loggable(request.uri().path()).to_owned();
        let mut decided = self.answer(request, client).await;
        let (status, fields) = match &mut decided {
            Decided::Answer(response) => (response.status(), response.headers_mut()),
            Decided::Stream(_, head, _) => (head.status(), head.headers_mut()),
        };
        self.cors.apply(origin.as_ref(), fields);
        debug!(%method, path, status = status.as_u16(), client = %client.address, "answered");
        decided
    }

    async fn answer(&self, request: Request<Body>, client: &Client) -> Decided {
        if let Some(wrong) = wrong_host(&request) {
            return refused(&Problem::new(ProblemKind::BadRequest).with_detail(wrong));
        }
        if was_here(request.headers()) {
            let detail = "a request that this gateway sent came back to it: some origin leads here";
            return refused(&Problem::new(ProblemKind::LoopDetected).with_detail(detail));
        }
        let request = match self.answer_carried(request, client).await {
            Ok(response) => return Decided::Answer(response),
            Err(request) => request,
        };
        if Own::is_for(request.uri().path()) {
            return self.answer_own(request).await;
        }
        if let Some(open) = self.open.as_ref().filter(|_| Open::is_for(request.uri().path())) {
            return self.answer_open(open, request, client).await;
        }
        let Some(route) = self.route(host_of(&request), request.uri().path()) else {
            let detail = format!("no route matches {}", request.uri().path());
            return refused(&Problem::new(ProblemKind::NoRoute).with_detail(detail));
        };
        let Some(guard) = &route.guard else {
            return self.answer_on(route, request, client, &Caller::default()).await;
        };
        self.answer_known(route, guard, request, client).await
    }

    /// Answers a request on a route that verifies its callers.
    async fn answer_known(
        &self,
        route: &GatewayRoute,
        guard: &Guard,
        mut request: Request<Body>,
        client: &Client,
    ) -> Decided {
        // By the machine's clock as it is now: tokens are dated by the issuer's.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut decided = match guard.admit(&mut request, now) {
            Ok(caller) => self.answer_on(route, request, client, &caller).await,
            Err(refusal) => Decided::Answer(*refusal),
        };
        match &mut decided {
            Decided::Answer(response) if response.status().is_informational() => {}
            Decided::Answer(response) => keep_private(response.headers_mut()),
            Decided::Stream(_, head, _) => keep_private(head.headers_mut()),
        }
        decided
    }

    /// Answers a request of `caller` on the route that it is for.
    pub(super) async fn answer_on(
        &self,
        route: &GatewayRoute,
        mut request: Request<Body>,
        client: &Client,
        caller: &Caller,
    ) -> Decided {
        let Some(target) = request.uri().path_and_query().cloned() else {
            return refused(&Problem::new(ProblemKind::BadRequest).with_detail("the request names no path"));
        };
        let (target, reserved) = match query::split(&target) {
            Ok(split) => split,
            Err(wrong) => return refused(&wrong.problem()),
        };
        match with_target(request.uri(), &target) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => {
                return refused(
                    &Problem::new(ProblemKind::BadRequest).with_detail("the target is not valid"),
                );
            }
        }
        if let Some(accept) = reserved.get("tidegate.accept") {
            match HeaderValue::from_str(accept) {
                Ok(value) => request.headers_mut().insert(http::header::ACCEPT, value),
                Err(_) => {
                    let detail = "`tidegate.accept` is no valid `Accept`";
                    return refused(&Problem::new(ProblemKind::BadRequest).with_detail(detail));
                }
            };
        }
        let of_a_part = asks::is_of_a_part(request.headers(), &reserved);
        if of_a_part {
            // It may be ignored (RFC 9110 §14.2), and it would be a range of the whole.
            [RANGE, IF_RANGE].iter().for_each(|name| _ = request.headers_mut().remove(name));
        }
        let Some(live) = &route.live else {
            return if of_a_part { no_part() } else { self.pass(route, request, client).await };
        };
        match route.reads.judge(request, self.head_timeout).await {
            Content::Read(request, content) => {
                let (method, mut fields) = (request.method().clone(), request.headers().clone());
                if !content::has_conditions(&method) {
                    // RFC 9110 §13.1.3: with any other method it is ignored.
                    fields.remove(IF_MODIFIED_SINCE);
                }
                let ask = match Ask::of(&method, &fields, &reserved, self.max_wait) {
                    Ok(ask) => ask,
                    Err(problem) => return refused(&problem),
                };
                let target = &*target;
                let live = Live { route: live, method, target, fields, content, ask, caller };
                self.live(route, live, request, client).await
            }
            // Neither the whole in its place, nor a write to more than was meant.
            Content::Other(_) if of_a_part => no_part(),
            Content::Other(request) => self.pass(route, request, client).await,
            Content::TooLarge(request) => match asks::format(request.method(), request.headers()) {
                _ if of_a_part => no_part(),
                Some(_) => refused(&Problem::new(ProblemKind::BodyTooLarge).with_detail(
                    "the content is over this route's `max_query_body`, so it cannot be streamed",
                )),
                None => {
                    let mut response = self.forward_read(route, request, client).await;
                    answer::cache_status(response.headers_mut(), cache_status::BYPASS);
                    Decided::Answer(response)
                }
            },
            Content::Late => {
                let detail = "the request's content did not come within `request_head_timeout`";
                refused(&Problem::new(ProblemKind::RequestTimeout).with_detail(detail))
            }
            Content::Broken => {
                let detail = "the request's content broke off";
                refused(&Problem::new(ProblemKind::BadRequest).with_detail(detail))
            }
        }
    }

    /// Passes a request through as it is, but for the positions of ours in its conditions.
    async fn pass(&self, route: &GatewayRoute, mut request: Request<Body>, client: &Client) -> Decided {
        self.translate_conditions(request.headers_mut()).await;
        let status = route.live.as_ref().map(|_| match *request.method() {
            Method::GET | Method::HEAD => cache_status::BYPASS,
            _ => cache_status::METHOD,
        });
        let mut response = self.forward(route, request, client).await;
        // What becomes a tunnel is no answer that anybody could keep.
        if let Some(status) = status.filter(|_| !response.status().is_informational()) {
            answer::cache_status(response.headers_mut(), status);
        }
        Decided::Answer(response)
    }

    /// Passes a request through that may change something.
    async fn forward(&self, route: &GatewayRoute, request: Request<Body>, client: &Client) -> Response<Body> {
        let write = Write::of(&request, client, &route.origin, route.live.as_deref(), &self.hub);
        self.exchange(route, request, client, write).await
    }

    /// Passes a request through that changes nothing, by its method or by the route's word.
    pub(super) async fn forward_read(
        &self,
        route: &GatewayRoute,
        request: Request<Body>,
        client: &Client,
    ) -> Response<Body> {
        self.exchange(route, request, client, None).await
    }

    async fn exchange(
        &self,
        route: &GatewayRoute,
        request: Request<Body>,
        client: &Client,
        write: Option<Write>,
    ) -> Response<Body> {
        match proxy::forward(&route.origin, request, client, &self.tunnels).await {
            Ok(response) => {
                if let Some(write) = write {
                    write.answered(&response);
                }
                response
            }
            // The write is dropped without an answer: it may have happened.
            Err(failure) => refusal::failed(&failure),
        }
    }

    /// Puts the origin's validators in the place of tags that are positions of ours, so that a conditional write
    /// reaches the origin with the tag that it gave for that version.
    async fn translate_conditions(&self, fields: &mut HeaderMap) {
        for name in [IF_MATCH, IF_NONE_MATCH] {
            let lines: Option<Vec<_>> = fields.get_all(&name).iter().map(|line| line.to_str().ok()).collect();
            let Some(list) = lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join(", ")) else {
                continue;
            };
            let mut translated = Vec::new();
            for tag in asked::tags(&list) {
                let known = match plain::position_text(tag).and_then(|text| text.parse::<Position>().ok()) {
                    Some(position) => {
                        self.hub.validators_at(position).await.and_then(|validators| validators.etag)
                    }
                    None => None,
                };
                let origins = known.as_ref().and_then(|tag| tag.to_str().ok());
                translated.push(match origins {
                    // A weak tag stays one: for `If-Match` it matches nothing (RFC 9110 §13.1.1).
                    Some(strong) if tag.starts_with("W/") && !strong.starts_with("W/") => {
                        format!("W/{strong}")
                    }
                    Some(origins) => origins.to_owned(),
                    None => tag.to_owned(),
                });
            }
            if let Ok(value) = HeaderValue::from_str(&translated.join(", ")) {
                fields.insert(name, value);
            }
        }
    }
}

/// The answer to a request about a part where there are none.
fn no_part() -> Decided {
    let detail = "a part can only be selected of what is read on a live route, without `If-Match` and \
                  `If-Unmodified-Since`";
    refused(&Problem::new(ProblemKind::BadOption).with_detail(detail))
}

/// What is wrong with how a request names its host (RFC 9112 §3.2): two servers must never take it for two hosts.
fn wrong_host(request: &Request<Body>) -> Option<&'static str> {
    match request.headers().get_all(HOST).iter().count() {
        0 if request.version() == Version::HTTP_11 => Some("the request has no `Host`"),
        0 | 1 => None,
        _ => Some("the request has more than one `Host`"),
    }
}

/// The host that a request names, with its port if it has one: in an absolute target, else in `Host` (RFC 9112 §3.2.2).
pub(super) fn host_of(request: &Request<Body>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str().rsplit('@').next().unwrap_or_default()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// The same URI with another path and query. A request in absolute form keeps the host that it names there.
pub(super) fn with_target(uri: &Uri, target: &str) -> Result<Uri, http::Error> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse()?);
    Ok(Uri::from_parts(parts)?)
}

pub(super) fn refused(problem: &Problem) -> Decided {
    Decided::Answer(refusal::told(problem))
}
