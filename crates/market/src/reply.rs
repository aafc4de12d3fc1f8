//! Answers: representations, problems, preflights, and the fields that every answer carries.
//!
//! Invariants: an answer leaves [`finish`] with every field that will be on the wire, so that its size can be
//! counted; any web page may read any answer, errors included.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use serde::Serialize;

use crate::catalog::{Representation, http_date};
use crate::negotiate::{self, Coding};
use crate::units::Timestamp;

/// The methods of every endpoint.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const ANYONE: HeaderValue = HeaderValue::from_static("*");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// `GET` and `HEAD` of a resource: the representation, or 304 where the caller has it.
///
/// `If-Modified-Since` is not looked at: its seconds are too coarse for data that changes many times in one, and
/// without a validator a whole answer is always right (RFC 9110 §8.8.2.2 and §13.1.3).
pub(crate) async fn representation(headers: &HeaderMap, representation: &Representation) -> Response<Bytes> {
    let coding = representation.coding(negotiate::coding(headers));
    let etag = representation.etag(coding);
    let fresh = negotiate::none_match_holds(headers, etag);
    let body = if fresh { Bytes::new() } else { representation.body(coding).await };
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    // Hexadecimal digits, a hyphen, letters and quotes.
    fields.insert(header::ETAG, HeaderValue::from_str(etag).expect("an entity tag is visible ASCII"));
    // Stored by anyone, asked about each time.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if fresh {
        // RFC 9110 §15.4.5: no other field that describes the representation.
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    fields.insert(header::CONTENT_TYPE, JSON);
    fields.insert(header::LAST_MODIFIED, representation.modified().clone());
    if coding == Coding::Gzip {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// JSON that is new each time and kept by nobody.
pub(crate) fn unstored(json: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(json.into());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Problem details (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

/// An error with its details. `about:blank`: the status says what kind of problem it is.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or_default();
    let details = Problem { r#type: "about:blank", title, status: status.as_u16(), detail };
    // Strings and a number: always JSON.
    let details = serde_json::to_vec(&details).expect("problem details are plain data");
    let mut response = unstored(details);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM);
    response
}

/// The outage: 503, to be tried again in a second.
pub(crate) fn unavailable() -> Response<Bytes> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "the market data service is out of order");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A method that no endpoint has.
pub(crate) fn not_allowed() -> Response<Bytes> {
    let mut response =
        problem(StatusCode::METHOD_NOT_ALLOWED, "market data can only be read: GET, HEAD or OPTIONS");
    response.headers_mut().insert(header::ALLOW, METHODS);
    response
}

/// `OPTIONS`, which is what a browser sends to ask whether a page may send a request (Fetch §4.8): it may.
pub(crate) fn options(headers: &HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    fields.insert(header::ALLOW, METHODS);
    if headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        fields.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
        fields.insert(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
    }
    response
}

/// Completes an answer with what all of them carry, and takes the body from one to `HEAD`.
pub(crate) fn finish<B>(
    request: &Request<B>,
    mut response: Response<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let length = response.body().len();
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let fields = response.headers_mut();
    fields.insert(header::DATE, http_date(now));
    if !bodiless {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
    fields.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date, ETag, Retry-After"));
    fields.insert(TIMING_ALLOW_ORIGIN, ANYONE);
    if let Some(connection) = connection(request) {
        fields.insert(header::CONNECTION, connection);
    }
    if request.method() == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

/// The `Connection` field that the answer needs: the server would add it itself, but after the answer was counted.
fn connection<B>(request: &Request<B>) -> Option<HeaderValue> {
    let asks = |option: &str| {
        let values =
            request.headers().get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case(option))
    };
    match request.version() {
        // RFC 9112 §9.3: persistent from 1.1 on, unless one side says otherwise; before that, only on request.
        Version::HTTP_10 if asks("keep-alive") => Some(HeaderValue::from_static("keep-alive")),
        Version::HTTP_10 => Some(HeaderValue::from_static("close")),
        _ if asks("close") => Some(HeaderValue::from_static("close")),
        _ => None,
    }
}
