//! The header fields of a request that passes through, and of its answer.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header};
use tidegate_core::sharing::{OWN_PREFIX, connection_options};
use tidegate_hub::Body;

use super::Client;
use crate::origin::{Incoming, append_own_via, append_via, end_to_end};

/// What clients claim about the path that they came. It is dropped: whoever stands in front of the gateway has to be
/// trusted explicitly, and nobody is yet.
const CLAIMED: [HeaderName; 2] = [header::FORWARDED, HeaderName::from_static("x-real-ip")];

/// The protocols that a client offers to upgrade to (RFC 9110 §7.8).
pub(super) struct Upgrade(HeaderValue);

impl Upgrade {
    /// What the request asks for, without `h2c`: HTTP/2 inside a tunnel would carry requests past the gateway, and
    /// that upgrade is obsolete (RFC 9113 §3.1). HTTP/1.0 cannot upgrade.
    pub(super) fn asked_by<B>(request: &Request<B>) -> Option<Upgrade> {
        if request.version() != Version::HTTP_11 || !connection_options(request.headers()).contains("upgrade")
        {
            return None;
        }
        let offered: Vec<&str> = request
            .headers()
            .get_all(header::UPGRADE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|protocol| !protocol.is_empty() && !protocol.eq_ignore_ascii_case("h2c"))
            .collect();
        (!offered.is_empty()).then(|| HeaderValue::from_str(&offered.join(", ")).ok().map(Upgrade))?
    }
}

/// Whether a client takes trailers (RFC 9110 §10.1.4).
pub(super) fn wants_trailers(fields: &HeaderMap) -> bool {
    fields
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// The fields that the origin gets, but for its `Host`.
pub(super) fn for_the_origin(
    request: &Request<Body>,
    client: &Client,
    upgrade: Option<&Upgrade>,
) -> HeaderMap {
    let sent = request.headers();
    let mut fields = end_to_end(sent);
    for name in CLAIMED {
        fields.remove(name);
    }
    // What is for this gateway, or could only be true coming from it.
    let ours = |name: &str| name.starts_with("x-forwarded-") || name.starts_with(OWN_PREFIX);
    let ours: Vec<HeaderName> = fields.keys().filter(|name| ours(name.as_str())).cloned().collect();
    for name in ours {
        fields.remove(name);
    }
    // Answered by the server that reads the body.
    fields.remove(header::EXPECT);
    // Announces the trailers of the request's own body, which go with it.
    copy(sent, header::TRAILER, &mut fields);
    append_own_via(&mut fields, request.version());
    add_forwarded(&mut fields, request, client);

    // Fields of this connection, each named as such (RFC 9110 §7.6.1).
    let mut options = Vec::new();
    if wants_trailers(sent) {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        options.push("te");
    }
    if let Some(Upgrade(protocols)) = upgrade {
        fields.insert(header::UPGRADE, protocols.clone());
        options.push("upgrade");
    }
    if let (false, Ok(options)) = (options.is_empty(), HeaderValue::from_str(&options.join(", "))) {
        fields.insert(header::CONNECTION, options);
    }
    fields
}

/// The fields that the client gets.
pub(super) fn for_the_client(response: &Response<Incoming>, wants_trailers: bool) -> HeaderMap {
    let mut fields = end_to_end(response.headers());
    if wants_trailers {
        copy(response.headers(), header::TRAILER, &mut fields);
    }
    append_via(&mut fields, response.version());
    fields
}

fn copy(from: &HeaderMap, name: HeaderName, to: &mut HeaderMap) {
    for value in from.get_all(&name) {
        to.append(name.clone(), value.clone());
    }
}

/// Says where the request came from, in the standard's way (RFC 7239) and in the customary one.
fn add_forwarded(fields: &mut HeaderMap, request: &Request<Body>, client: &Client) {
    let address = client.address.ip().to_canonical();
    let scheme = client.scheme.as_str();
    // A request in absolute form names its host in the target (RFC 9112 §3.2.2).
    let host = match request.uri().authority() {
        // Without a user and a password, which have no place there (RFC 9110 §4.2.4).
        Some(authority) => authority.as_str().rsplit('@').next().and_then(|host| host.parse().ok()),
        None => request.headers().get(header::HOST).cloned(),
    };
    let node = if address.is_ipv6() { format!("\"[{address}]\"") } else { address.to_string() };
    let mut forwarded = format!("for={node};proto={scheme}");
    if let Some(host) = host.as_ref().and_then(|host| host.to_str().ok()) {
        forwarded.push_str(";host=\"");
        // RFC 9110 §5.6.4: within quotes these two are escaped.
        forwarded.push_str(&host.replace('\\', "\\\\").replace('"', "\\\""));
        forwarded.push('"');
    }
    let mut add = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            fields.insert(HeaderName::from_static(name), value);
        }
    };
    add("forwarded", HeaderValue::from_str(&forwarded).ok());
    add("x-forwarded-for", HeaderValue::from_str(&address.to_string()).ok());
    add("x-forwarded-proto", HeaderValue::from_str(scheme).ok());
    add("x-forwarded-host", host);
}
