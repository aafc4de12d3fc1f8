//! What the gateway answers itself: everything below `/.tidegate/`, of which nothing reaches an origin.
//!
//! Owns which endpoints there are, and the documents that describe the gateway: they are written when first asked for,
//! once for all hosts that can reach the same routes. What carries several subscriptions is answered by `carried`. A new
//! endpoint is a line in [`ENDPOINTS`], and its description in `describe`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;
use tidegate_hub::Body;
use tidegate_wire::{Problem, ProblemKind};

use super::carried::{EVENTS, WEBSOCKET};
use super::gateway::{Decided, Gateway, host_of};
use super::query::RESERVED;
use super::{answer, asked, refusal};
use crate::config::{Config, HostPattern, OWN};
use crate::describe::{self, Offered, Surface, WRITTEN_HOST};

const OPENAPI: &str = "/.tidegate/openapi.json";
const ASYNCAPI: &str = "/.tidegate/asyncapi.json";

/// The endpoints, for documents and for whoever asks for another one.
const ENDPOINTS: &[&str] = &[ASYNCAPI, OPENAPI, WEBSOCKET, EVENTS];

/// What clients are offered besides.
const OFFERED: Offered = Offered { parameters: &RESERVED, endpoints: ENDPOINTS, lines: true, braid: true };

/// For how long a document may be used without asking again. It changes with the configuration, which is to say rarely.
const DOCUMENT_LIFETIME: &str = "max-age=60";

/// The gateway's own endpoints, as far as they need something.
pub(super) struct Own {
    /// Present where the gateway describes itself.
    documents: Option<Documents>,
}

/// The documents for each pattern of hosts, in order of precedence.
struct Documents {
    surface: Surface,
    texts: Vec<(HostPattern, OnceLock<Texts>)>,
}

/// Both documents, with [`WRITTEN_HOST`] where the request's host belongs.
struct Texts {
    openapi: String,
    asyncapi: String,
}

impl Own {
    pub(super) fn new(config: &Config) -> Own {
        let documents = config.describe.then(|| {
            let surface = Surface::of(config);
            let texts = surface.hosts().into_iter().map(|host| (host, OnceLock::new())).collect();
            Documents { surface, texts }
        });
        Own { documents }
    }

    /// Whether a request with this path is for the gateway itself.
    pub(super) fn is_for(path: &str) -> bool {
        path.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The endpoints that there are.
    fn endpoints(&self) -> impl Iterator<Item = &'static str> {
        let described = self.documents.is_some();
        ENDPOINTS.iter().copied().filter(move |&path| described || ![OPENAPI, ASYNCAPI].contains(&path))
    }
}

impl Documents {
    fn texts(&self, host: Option<&str>) -> Option<&Texts> {
        let (pattern, texts) = self.texts.iter().find(|(pattern, _)| pattern.matches(host))?;
        Some(texts.get_or_init(|| {
            let surface = self.surface.under(pattern);
            let text = |document: Value| document.to_string();
            Texts {
                openapi: text(describe::openapi(&surface, &OFFERED)),
                asyncapi: text(describe::asyncapi(&surface, &OFFERED)),
            }
        }))
    }

    /// The document at `path`, for a request to `host`.
    fn at(&self, path: &str, host: Option<&str>) -> Option<String> {
        let texts = self.texts(host)?;
        match path {
            OPENAPI => Some(texts.openapi.clone()),
            ASYNCAPI => Some(texts.asyncapi.replace(WRITTEN_HOST, shown_host(host))),
            _ => None,
        }
    }
}

/// A host that can stand in a document: anything else than the characters of names, addresses and ports could be read as
/// more than a host there.
fn shown_host(host: Option<&str>) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    host.filter(|host| !host.is_empty() && host.bytes().all(plain)).unwrap_or("localhost")
}

impl Gateway {
    /// Answers a request for the gateway itself.
    pub(super) async fn answer_own(&self, request: Request<Body>) -> Decided {
        let path = request.uri().path();
        let documents = self.own.documents.as_ref();
        if let Some(text) = documents.and_then(|documents| documents.at(path, host_of(&request))) {
            return Decided::Answer(document(request.method(), request.headers(), text));
        }
        let endpoints: Vec<_> = self.own.endpoints().map(|path| format!("`{path}`")).collect();
        let there = match endpoints.as_slice() {
            [] => String::from("nothing is"),
            endpoints => format!("there is {}", endpoints.join(", ")),
        };
        let detail = format!("{path} is not among what the gateway itself answers: {there}");
        Decided::Answer(refusal::told(&Problem::new(ProblemKind::NoRoute).with_detail(detail)))
    }
}

/// A document, or the 304 of a reader that has it (RFC 9110 §13.1.2).
fn document(method: &Method, request: &HeaderMap, text: String) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let problem = Problem::new(ProblemKind::MethodNotAllowed)
            .with_detail("a document of the gateway can be read with GET or HEAD");
        let mut response = refusal::told(&problem);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let tag = tag(&text);
    let mut response = match asked::none_match(request).any(|listed| listed == "*" || listed == tag) {
        true => answer::empty(StatusCode::NOT_MODIFIED),
        false => {
            let length = text.len();
            let body = if method == Method::HEAD { Bytes::new() } else { Bytes::from(text) };
            let mut response = Response::new(answer::full(body));
            let fields = response.headers_mut();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
            response
        }
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static(DOCUMENT_LIFETIME));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(ETAG, tag);
    }
    response
}

/// The entity tag of a text: the same in every process of a build.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_gateways_own() {
        for (path, expected) in [
            ("/.tidegate", true),
            ("/.tidegate/", true),
            ("/.tidegate/openapi.json", true),
            ("/.tidegates", false),
            ("/a/.tidegate/x", false),
            ("/", false),
        ] {
            assert_eq!(Own::is_for(path), expected, "{path}");
            assert!(
                !expected
                    || crate::config::PathPattern::parse(path).unwrap().is_below(OWN)
                    || path == "/.tidegate/"
            );
        }
    }

    #[test]
    fn only_a_host_stands_in_the_place_of_one() {
        for (host, expected) in [
            (Some("api.example.com"), "api.example.com"),
            (Some("127.0.0.1:8080"), "127.0.0.1:8080"),
            (Some("[::1]:8080"), "[::1]:8080"),
            (Some("a\",\"b"), "localhost"),
            (Some("{host}"), "localhost"),
            (Some(""), "localhost"),
            (None, "localhost"),
        ] {
            assert_eq!(shown_host(host), expected, "{host:?}");
        }
    }

    /// Every endpoint is described; what is not, nobody finds.
    #[test]
    fn every_endpoint_is_in_the_document() {
        let document = describe::openapi(&Surface::nothing(), &OFFERED);
        for path in ENDPOINTS {
            assert!(document["paths"].get(path).is_some(), "{path}");
        }
    }
}
