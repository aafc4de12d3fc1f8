//! The page's web server: its files, what it asks about the demo, and its controls.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;
use tidegate_hub::Body;
use tidegate_wire::{Problem, ProblemType};

use super::Parts;
use super::assets::Assets;
use super::control::{self, Control};
use super::counts::{Facts, Stats};
use crate::edge::answer;

/// The page, and what it needs to know of the parts.
pub(super) struct Page {
    assets: Assets,
    parts: Arc<Parts>,
}

impl Page {
    /// The page that shows these parts.
    pub(super) fn new(parts: Arc<Parts>) -> Page {
        Page { assets: Assets::load(), parts }
    }

    /// Answers one request.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let path = request.uri().path();
        let mut response = match Control::of(path) {
            Some(control) => self.control(control, request),
            None if path.starts_with(control::BELOW) => not_found(),
            None if !matches!(*request.method(), Method::GET | Method::HEAD) => not_allowed("GET, HEAD"),
            None => match path {
                "/demo.json" => json(&Facts::of(&self.parts)),
                "/stats" => json(&Stats::of(&self.parts)),
                _ => self.assets.answer(path, request.headers()).unwrap_or_else(not_found),
            },
        };
        let fields = response.headers_mut();
        fields.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        if request.method() == Method::HEAD {
            *response.body_mut() = answer::full(Bytes::new());
        }
        response
    }

    fn control<B>(&self, control: Control, request: &Request<B>) -> Response<Body> {
        if request.method() != Method::POST {
            return not_allowed("POST");
        }
        if !control::is_ours(request.headers()) {
            return refusal(StatusCode::FORBIDDEN, "other pages may not control the demo");
        }
        match control {
            Control::Market(fault) => self.parts.market.set_fault(fault),
            Control::RestartGateway => self.parts.gateway.restart(),
        }
        answer::empty(StatusCode::NO_CONTENT)
    }
}

fn json(value: &impl Serialize) -> Response<Body> {
    // Strings and numbers in structs: always JSON.
    let body = Bytes::from(serde_json::to_vec(value).expect("plain data"));
    let length = body.len();
    let mut response = Response::new(answer::full(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, &format!("this takes {allowed}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn not_found() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "the page is at /")
}

/// A problem that means no more than its status does (RFC 9457 §4.2.1): the page's server is no gateway.
fn refusal(status: StatusCode, detail: &str) -> Response<Body> {
    let problem = Problem {
        kind: ProblemType::Other(String::from("about:blank")),
        title: status.canonical_reason().map(str::to_owned),
        status: Some(status.as_u16()),
        detail: Some(detail.to_owned()),
        origin_status: None,
    };
    answer::problem(&problem, None)
}
