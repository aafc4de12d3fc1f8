//! Several subscriptions on one connection: what clients ask for over it, and what they are answered.
//!
//! A subscription over such a connection is the request for a stream that its client could have made on its own: it goes
//! the same way through the gateway, so that routes, credentials and limits mean the same. Only where the stream goes is
//! another matter.

mod events;
mod websocket;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, EXPECT, HOST, ORIGIN,
    RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tidegate_hub::{Body, Carrier, CarrierLimits, Seat, SeatError};
use tidegate_wire::json_message;
use tidegate_wire::request::{Request as Asked, RequestError, Subscribe};
use tidegate_wire::{CONTENT_TYPE_FIELD, EVENT_STREAM, Problem, ProblemKind};
use tokio::runtime::Handle;
use tokio::time::timeout;

pub(super) use self::events::Events;
use super::cors::WithCredentials;
use super::gateway::{Decided, host_of};
use super::own::Own;
use super::{Gateway, refusal};
use crate::origin::no_body;
use crate::proxy::Client;

/// Where a WebSocket is opened.
pub(super) const WEBSOCKET: &str = "/.tidegate/ws";

/// Where a multiplexed event stream is opened; what is below changes one.
pub(super) const EVENTS: &str = "/.tidegate/events";

/// The most bytes that a connection may owe its client beside updates.
const MOST_OWED: usize = 256 * 1024;

/// The most bytes of an answer that is told as a problem.
const MOST_PROBLEM: usize = 64 * 1024;

/// How long such an answer may take.
const PROBLEM_TIMEOUT: Duration = Duration::from_secs(5);

/// How many requests of a connection may make no sense before it is closed.
const MOST_ERRORS: u32 = 64;

/// How connections that carry several subscriptions are run.
#[derive(Debug, Clone, Copy)]
pub(super) struct CarriedLimits {
    /// Subscriptions on one connection.
    pub(super) subscriptions: usize,
    /// The most time without a byte on a connection.
    pub(super) heartbeat: Duration,
}

impl CarriedLimits {
    fn of_carrier(self) -> CarrierLimits {
        CarrierLimits { heartbeat: self.heartbeat, seats: self.subscriptions, owed: MOST_OWED }
    }
}

/// The connection that is to carry the stream that a request asks for: among the request's extensions.
#[derive(Clone)]
pub(super) struct On(pub(super) Arc<Carrier>);

/// A path as it may be written down: the name of a stream is known to its client alone.
pub(super) fn loggable(path: &str) -> &str {
    match path.strip_prefix(EVENTS) {
        Some(rest) if rest.starts_with('/') => EVENTS,
        _ => path,
    }
}

/// What the requests of a connection have in common.
struct Session {
    gateway: Arc<Gateway>,
    client: Client,
    fields: Packed,
    runtime: Handle,
}

impl Session {
    /// Of a connection that was opened by a request with these fields.
    fn new(gateway: Arc<Gateway>, client: Client, fields: &HeaderMap) -> Session {
        Session { gateway, client, fields: Packed::of(fields), runtime: Handle::current() }
    }

    /// Does what was asked. False if the connection has asked too much that makes no sense.
    fn heed(&self, carrier: &Arc<Carrier>, asked: Result<Asked, RequestError>) -> bool {
        match asked {
            Ok(Asked::Subscribe(subscribe)) => {
                let sub = Some(subscribe.sub);
                if Own::is_for(subscribe.url.path()) {
                    let detail = "`url` leads to the gateway itself, which has nothing to subscribe to";
                    return self.refuse(carrier, sub, ProblemKind::BadRequest, detail);
                }
                match carrier.reserve(subscribe.sub) {
                    Ok(seat) => {
                        let request = match subscription(&self.fields, *subscribe, carrier) {
                            Ok(request) => request,
                            Err(detail) => {
                                let problem = Problem::new(ProblemKind::BadRequest).with_detail(detail);
                                seat.refuse(&json_message::error(&problem.to_json(), None));
                                return carrier.count_error() < MOST_ERRORS;
                            }
                        };
                        let (gateway, client) = (self.gateway.clone(), self.client.clone());
                        self.runtime.spawn(begin(gateway, client, seat, request));
                        true
                    }
                    Err(error @ SeatError::Closing) => {
                        let problem = Problem::new(ProblemKind::ShuttingDown).with_detail(error.to_string());
                        say_error(carrier, sub, &problem.to_json(), Some(spread()));
                        true
                    }
                    Err(error @ SeatError::Taken) => {
                        self.refuse(carrier, sub, ProblemKind::BadRequest, &error.to_string())
                    }
                    Err(error @ SeatError::Full) => {
                        self.refuse(carrier, sub, ProblemKind::TooManyStreams, &error.to_string())
                    }
                }
            }
            Ok(Asked::Unsubscribe { sub }) => {
                carrier.unsubscribe(sub) || {
                    let detail = "there is no subscription with this `sub` on this connection";
                    self.refuse(carrier, Some(sub), ProblemKind::BadRequest, detail)
                }
            }
            Err(RequestError { sub, detail }) => self.refuse(carrier, sub, ProblemKind::BadRequest, &detail),
        }
    }

    fn refuse(&self, carrier: &Arc<Carrier>, sub: Option<u32>, kind: ProblemKind, detail: &str) -> bool {
        say_error(carrier, sub, &Problem::new(kind).with_detail(detail).to_json(), None);
        carrier.count_error() < MOST_ERRORS
    }
}

/// Header fields as bytes: a connection that waits for updates keeps them for as long as it lives, and a map of them takes
/// several times the memory.
struct Packed(Box<[u8]>);

impl Packed {
    /// Those that say something about each request: not those of the connection.
    fn of(fields: &HeaderMap) -> Packed {
        let mut packed = Vec::new();
        for (name, value) in fields {
            // Nor of the content of the request that opened it.
            let own = [CONNECTION, UPGRADE, TE, TRAILER, TRANSFER_ENCODING, ACCEPT, EXPECT];
            let begins = |start: &str| name.as_str().starts_with(start);
            let is_digest = name == "digest" || name == "repr-digest";
            if own.contains(name) || begins("sec-websocket-") || begins("content-") || is_digest {
                continue;
            }
            // Neither may hold a line end.
            packed.extend_from_slice(name.as_str().as_bytes());
            packed.push(b'\n');
            packed.extend_from_slice(value.as_bytes());
            packed.push(b'\n');
        }
        Packed(packed.into())
    }

    fn unpack(&self) -> HeaderMap {
        let mut parts = self.0.split(|byte| *byte == b'\n');
        let mut fields = HeaderMap::new();
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                fields.append(name, value);
            }
        }
        fields
    }
}

/// The request for the stream that a subscription is.
///
/// # Errors
/// What of it cannot be said in a request.
fn subscription(
    fields: &Packed,
    subscribe: Subscribe,
    carrier: &Arc<Carrier>,
) -> Result<Request<Body>, String> {
    let Subscribe { url, id, mode, select, rate, max_age, headers, .. } = subscribe;
    let mut fields = fields.unpack();
    for name in headers.keys() {
        fields.remove(name);
    }
    for (name, value) in &headers {
        fields.append(name.clone(), value.clone());
    }
    let accept = fields.remove(ACCEPT);
    let accept = accept.and_then(|accept| {
        HeaderValue::from_bytes(&[EVENT_STREAM.as_bytes(), b", ", accept.as_bytes()].concat()).ok()
    });
    fields.insert(ACCEPT, accept.unwrap_or(HeaderValue::from_static(EVENT_STREAM)));
    let said = [
        ("last-event-id", id),
        ("tidegate-mode", mode),
        ("tidegate-select", select),
        ("tidegate-rate", rate),
    ];
    for (name, value) in said {
        let Some(value) = value else { continue };
        // Its bytes: a selection may name members in any script.
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            let member = name.strip_prefix("tidegate-").unwrap_or("id");
            return Err(format!("`{member}` has characters that nothing here is named by"));
        };
        fields.insert(HeaderName::from_static(name), value);
    }
    if let Some(seconds) = max_age
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={seconds}"))
    {
        fields.insert(CACHE_CONTROL, value);
    }
    let mut request = Request::new(no_body());
    *request.uri_mut() = url.into();
    *request.headers_mut() = fields;
    request.extensions_mut().insert(On(carrier.clone()));
    Ok(request)
}

/// Begins a subscription, or says why not.
async fn begin(gateway: Arc<Gateway>, client: Client, seat: Seat, request: Request<Body>) {
    let decided = tokio::select! {
        decided = gateway.decide(request, &client) => decided,
        // What is asked of an origin for nobody is let go of.
        () = seat.unwanted() => return,
    };
    match decided {
        Decided::Stream(subscription, head, _) => {
            let content_type = head.headers().get(CONTENT_TYPE_FIELD).and_then(|value| value.to_str().ok());
            let data = content_type.map_or_else(|| json!({}), |media| json!({ "content_type": media }));
            let open = json_message::event("open", &data.to_string());
            let open = seat.carrier().format().message(&open);
            subscription.join(seat, open);
        }
        // It has what it asked for.
        Decided::Answer(response) if response.status() == StatusCode::NO_CONTENT => {
            seat.refuse(&json_message::event("end", "{}"));
        }
        Decided::Answer(response) => {
            let retry = retry_in(&response);
            let problem = problem_of(response).await;
            seat.refuse(&json_message::error(&problem, retry));
        }
    }
}

fn say_error(carrier: &Arc<Carrier>, sub: Option<u32>, problem: &str, retry: Option<Duration>) {
    let rest = json_message::error(problem, retry);
    let format = carrier.format();
    carrier.say(match sub {
        Some(sub) => [&format.prefix(sub)[..], &format.message(&rest)[..]].concat().into(),
        None => format.lone_message(&rest),
    });
}

/// When to come back, so that not all come at once.
fn spread() -> Duration {
    Duration::from_millis(1000 + getrandom::u64().unwrap_or_default() % 2000)
}

/// When what was refused with this answer may be asked for again; none where the same would be refused again.
fn retry_in(response: &Response<Body>) -> Option<Duration> {
    let status = response.status();
    let may_pass = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    let named = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    may_pass.then(|| named.map_or_else(spread, Duration::from_secs))
}

/// An answer as problem details: its own, or those that its status is worth.
async fn problem_of(response: Response<Body>) -> String {
    let (head, body) = response.into_parts();
    let is_problem = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.starts_with("application/problem+json")));
    if is_problem
        && let Ok(Some(body)) = timeout(PROBLEM_TIMEOUT, collected(body, MOST_PROBLEM)).await
        && let Ok(problem) = serde_json::from_slice::<serde_json::Map<_, _>>(&body)
    {
        return serde_json::Value::Object(problem).to_string();
    }
    let title = head.status.canonical_reason().unwrap_or("the answer is no stream");
    json!({ "type": "about:blank", "title": title, "status": head.status.as_u16() }).to_string()
}

impl Gateway {
    /// Answers a request that opens or changes a connection with several subscriptions; gives back any other.
    pub(super) async fn answer_carried(
        &self,
        request: Request<Body>,
        client: &Client,
    ) -> Result<Response<Body>, Request<Body>> {
        let path = request.uri().path();
        let stream = path.strip_prefix(EVENTS).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        if path != WEBSOCKET && path != EVENTS && stream.is_none() {
            return Err(request);
        }
        let Some(gateway) = self.itself.get().and_then(Weak::upgrade) else {
            let problem = Problem::new(ProblemKind::ShuttingDown).with_detail("the gateway is not serving");
            return Ok(refusal::told(&problem));
        };
        Ok(match stream {
            Some(stream) => events::change(&gateway, &stream, request, client).await,
            None if path == WEBSOCKET => websocket::open(&gateway, request, client),
            None => events::open(&gateway, request, client).await,
        })
    }
}

/// The fields of a request that opens or changes a connection, as far as its subscriptions may have them.
///
/// Browsers let any page open a WebSocket, and post a form, with the user's cookies, and leave it to the server to look at
/// `Origin` (RFC 6455 §10.2). Where any page may read here, what browsers send by themselves does not count.
fn welcome(gateway: &Gateway, request: &Request<Body>) -> Result<HeaderMap, Problem> {
    let mut fields = request.headers().clone();
    // A target in absolute form has the last word on the host (RFC 9112 §3.2.2).
    let host = host_of(request).map(str::to_owned);
    if let Some(host) = host.as_deref().and_then(|host| HeaderValue::from_str(host).ok()) {
        fields.insert(HOST, host);
    }
    let Some(origin) = fields.get(ORIGIN) else { return Ok(fields) };
    let origin = origin.to_str().unwrap_or_default();
    let own = origin.split_once("://").map(|(_, authority)| authority);
    if own.zip(host.as_deref()).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host)) {
        return Ok(fields);
    }
    match gateway.cors.allows(origin) {
        Some(WithCredentials(true)) => Ok(fields),
        Some(WithCredentials(false)) => {
            [COOKIE, AUTHORIZATION].iter().for_each(|name| drop(fields.remove(name)));
            Ok(fields)
        }
        None => {
            let detail = "pages of this origin may not open a connection here: name it in `cors_origins`";
            Err(Problem::new(ProblemKind::OriginNotAllowed).with_detail(detail))
        }
    }
}

/// A body, whole; none where it breaks off or is over `most` bytes.
async fn collected(mut body: Body, most: usize) -> Option<Bytes> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            if data.len() > most - all.len() {
                return None;
            }
            all.extend_from_slice(&data);
        }
    }
    Some(all.freeze())
}

/// A content that is read whole, or the answer that says why not.
async fn content(body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    match timeout(within, collected(body, most)).await {
        Ok(Some(content)) => Ok(content),
        Ok(None) => Err(Problem::new(ProblemKind::BodyTooLarge)
            .with_detail(format!("the content broke off, or has more than {most} bytes"))),
        Err(_) => Err(Problem::new(ProblemKind::RequestTimeout)
            .with_detail("the request's content did not come within `request_head_timeout`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_were_but_for_those_of_the_connection() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("host", "h"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x-empty", ""),
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-key", "k"),
            ("accept", "*/*"),
            ("expect", "100-continue"),
            ("content-length", "2"),
            ("content-language", "de"),
            ("content-digest", "sha-256=:AA==:"),
            ("repr-digest", "sha-256=:AA==:"),
            ("digest", "sha-256=AA"),
            ("authorization", "Bearer \u{e4}"),
        ] {
            fields.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let unpacked = Packed::of(&fields).unpack();
        for name in ["upgrade", "connection", "sec-websocket-key", "accept", "expect"] {
            fields.remove(name);
        }
        for name in ["content-length", "content-language", "content-digest", "repr-digest", "digest"] {
            fields.remove(name);
        }
        assert_eq!(unpacked, fields);
        assert!(Packed::of(&HeaderMap::new()).unpack().is_empty());
    }

    #[test]
    fn the_name_of_a_stream_is_not_written_down() {
        for (path, expected) in [
            ("/.tidegate/events/0123456789abcdef", EVENTS),
            ("/.tidegate/events/", EVENTS),
            (EVENTS, EVENTS),
            ("/.tidegate/eventsource", "/.tidegate/eventsource"),
            ("/q/.tidegate/events/a", "/q/.tidegate/events/a"),
        ] {
            assert_eq!(loggable(path), expected);
        }
    }
}
