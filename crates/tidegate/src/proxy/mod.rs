//! Everything that is not a feed passes through here: any method, any body, upgrades.
//!
//! Owns the rewriting of header fields in both directions, the watch over uploads, and the tunnels behind upgrades.
//! Knows nothing of feeds; connections, time-outs and failures are `crate::origin`'s.
//!
//! Invariants:
//! - Every message is parsed and written anew; no raw bytes of a client reach an origin, except through a tunnel that
//!   the origin agreed to with a 101.
//! - Bodies flow in both directions frame by frame, trailers included; nothing is held whole.
//! - What the origin learns of the client (`Forwarded`, `X-Forwarded-*`) comes from the gateway, never from the client.
//!
//! What hyper sets the limits of:
//! - Interim answers (1xx) of the origin other than 101 are taken in and not relayed: hyper's server can send `100`
//!   only, and does so itself as soon as the body is asked for. `Expect` is therefore answered here, once the origin
//!   is connected, and not forwarded.
//! - Trailers travel where the message announces them in `Trailer`, and to a client only if it sent `TE: trailers`;
//!   others are dropped, as RFC 9110 §6.5.1 allows.

mod fields;
#[cfg(test)]
mod tests;
mod tunnel;
mod upload;

use std::net::SocketAddr;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use tidegate_core::{Failure, FailureKind};
use tidegate_hub::Body;

use crate::origin::{self, HttpOrigin, Incoming, no_body};
use fields::Upgrade;
pub use tunnel::Tunnels;

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address of the connection's other end.
    pub address: SocketAddr,
    /// Whether it speaks to the gateway by `http` or `https`.
    pub scheme: Scheme,
}

/// Whether a request asks to go on in another protocol. One that only offers `h2c`, as HTTP clients with a taste for
/// HTTP/2 do with every request, or that names none in `Connection`, does not.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    Upgrade::asked_by(request).is_some()
}

/// Passes one request through to the origin and returns its answer, whose body is still on its way.
///
/// The request's URI is the target as it should reach the origin: reserved query parameters are gone. For upgrades
/// the serving connection must have been made `with_upgrades`; the tunnel then runs in `tunnels` until either side
/// closes it. Connecting and waiting for the head have the origin's time-outs; bodies and tunnels have none.
///
/// `CONNECT`, and `TRACE` or `OPTIONS` with a spent `Max-Forwards`, are answered here.
pub async fn forward(
    origin: &HttpOrigin,
    mut request: Request<Body>,
    client: &Client,
    tunnels: &Tunnels,
) -> Result<Response<Body>, Failure> {
    if let Some(status) = answered_here(&mut request) {
        return Ok(empty(status));
    }
    let inner = origin.inner();
    let authority = inner.link.authority();
    let upgrade = Upgrade::asked_by(&request);
    let client_side = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    let wants_trailers = fields::wants_trailers(request.headers());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let uri = inner.mount.uri(target).map_err(|error| {
        Failure::new(FailureKind::Request, format!("the target cannot be asked of {authority}: {error}"))
    })?;
    let mut fields = fields::for_the_origin(&request, client, upgrade.as_ref());
    let own = inner.credentials.own().await?;
    // What echoes a request is not to be sent secrets (RFC 9110 §9.3.8).
    if request.method() != Method::TRACE {
        own.apply(&mut fields);
    }
    if let (false, Ok(prefix)) = (inner.mount.outside().is_empty(), inner.mount.outside().parse()) {
        fields.insert(HeaderName::from_static("x-forwarded-prefix"), prefix);
    }

    let (head, body) = request.into_parts();
    let (body, progress) = match body.is_end_stream() {
        true => (no_body(), None),
        false => {
            if !fields.contains_key(CONTENT_LENGTH) && body.size_hint().exact().is_none() {
                // Without this, hyper drops the content of a `GET` whose length is not known; by HTTP/2 it drops this.
                fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            let (body, progress) = upload::watched(body);
            (body.boxed_unsync(), Some(progress))
        }
    };
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = head.method;
    let asked = uri.path().to_owned();
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = fields;
    // The client's own condition, if any, is for whatever answers (RFC 9110 §13.2.1: a redirect ignores it).
    let response = origin::exchange(inner, outgoing, progress, |_| true).await?.response;
    if response.status() == StatusCode::UNAUTHORIZED {
        // It cannot be sent again, but the next one shall have a token that is accepted.
        inner.credentials.refused(&own);
    }

    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let mut fields = fields::for_the_client(&response, wants_trailers);
        inner.mount.translate(&mut fields, &asked);
        let (head, body) = response.into_parts();
        let mut answer = Response::new(body.map_err(Into::into).boxed_unsync());
        *answer.status_mut() = head.status;
        *answer.headers_mut() = fields;
        return Ok(answer);
    }
    match client_side {
        Some(client_side) => Ok(switched(response, client_side, tunnels, &inner.name)),
        None => Err(Failure::new(
            FailureKind::NotHttp,
            format!("{authority} switched protocols without being asked to"),
        )),
    }
}

/// Joins the two sides of an upgrade that the origin agreed to.
fn switched(
    mut response: Response<Incoming>,
    client_side: OnUpgrade,
    tunnels: &Tunnels,
    origin: &str,
) -> Response<Body> {
    let mut fields = fields::for_the_client(&response, false);
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    for protocol in response.headers().get_all(header::UPGRADE) {
        fields.append(header::UPGRADE, protocol.clone());
    }
    tunnels.join(client_side, hyper::upgrade::on(&mut response), origin);
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    *answer.headers_mut() = fields;
    answer
}

/// The status of requests that end at the gateway; counts down `Max-Forwards` for those that go on.
fn answered_here(request: &mut Request<Body>) -> Option<StatusCode> {
    // A gateway stands in front of one origin; it opens no tunnels to others (RFC 9110 §9.3.6).
    if request.method() == Method::CONNECT {
        return Some(StatusCode::NOT_IMPLEMENTED);
    }
    // RFC 9110 §7.6.2: only for these two, and what is no number is ignored.
    if !matches!(*request.method(), Method::TRACE | Method::OPTIONS) {
        return None;
    }
    let left: u64 = request.headers().get(header::MAX_FORWARDS)?.to_str().ok()?.trim().parse().ok()?;
    match left.checked_sub(1) {
        Some(left) => {
            request.headers_mut().insert(header::MAX_FORWARDS, HeaderValue::from(left));
            None
        }
        None if request.method() == Method::OPTIONS => Some(StatusCode::NO_CONTENT),
        None => Some(StatusCode::NOT_IMPLEMENTED),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(no_body());
    *response.status_mut() = status;
    response
}
