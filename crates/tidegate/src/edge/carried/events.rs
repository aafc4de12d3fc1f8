//! Multiplexed event streams: several resources on one stream of Server-Sent Events, and the requests that change it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use tidegate_hub::{Body, Carrier, Listener};
use tidegate_wire::EVENT_STREAM;
use tidegate_wire::request::{MAX_REQUESTS, Request as Asked, Subscribe};
use tidegate_wire::{Format, Problem, ProblemKind, json_message};

use super::{Session, content, welcome};
use crate::edge::{Gateway, answer, refusal};
use crate::proxy::Client;

/// The most bytes of a list of requests.
const MOST_CONTENT: usize = 256 * 1024;

/// The streams that can be changed, by their names. Who knows a name may change its stream: it is drawn at random, and told
/// to nobody else.
#[derive(Default)]
pub(in crate::edge) struct Events(Mutex<HashMap<String, Weak<Carrier>>>);

impl Events {
    fn table(&self) -> MutexGuard<'_, HashMap<String, Weak<Carrier>>> {
        // Nothing panics while it is held; were it to, the table is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Option<Arc<Carrier>> {
        self.table().get(name)?.upgrade()
    }
}

/// What becomes of a stream's name when the stream ends.
struct Named {
    gateway: Weak<Gateway>,
    name: String,
}

impl Listener for Named {
    fn heard(&self, _: &Arc<Carrier>, _: &[u8]) {}

    fn left(&self) {
        if let Some(gateway) = self.gateway.upgrade() {
            gateway.events.table().remove(&self.name);
        }
    }
}

/// Opens a stream.
pub(super) async fn open(gateway: &Arc<Gateway>, request: Request<Body>, client: &Client) -> Response<Body> {
    let fields = match allowed(gateway, &request) {
        Ok(fields) => fields,
        Err(problem) => return refusal::told(&problem),
    };
    let (head, body) = request.into_parts();
    let asked = match head.method {
        Method::GET | Method::HEAD => of_query(head.uri.query().unwrap_or_default()),
        Method::POST => match content(body, MOST_CONTENT, gateway.head_timeout).await {
            Ok(content) => Subscribe::read_list(&content).map_err(|error| error.detail),
            Err(problem) => return refusal::told(&problem),
        },
        _ => return not_allowed("GET, HEAD, POST"),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(detail) => return bad_request(&detail),
    };
    if gateway.is_short_of_memory() {
        return refusal::told(&refusal::short_of_memory());
    }
    let Some(name) = name() else {
        return refusal::told(
            &Problem::new(ProblemKind::Internal).with_detail("there are no random numbers"),
        );
    };
    if head.method == Method::HEAD {
        return streaming(answer::full(Bytes::new()));
    }
    let session = Session::new(gateway.clone(), client.clone(), &fields);
    let listener = Named { gateway: Arc::downgrade(gateway), name: name.clone() };
    let limits = gateway.carried.of_carrier();
    let (carrier, body) = gateway.hub.carry_in_body(Format::Multiplexed, limits, Box::new(listener));
    gateway.events.table().insert(name.clone(), Arc::downgrade(&carrier));
    carrier.say(format!("event: open\ndata: {{\"stream\":\"{name}\"}}\n\n").into());
    let mut asked = asked.into_iter();
    if !asked.all(|subscribe| session.heed(&carrier, Ok(Asked::Subscribe(Box::new(subscribe))))) {
        end(&carrier);
    }
    streaming(body.boxed_unsync())
}

/// Changes a stream that runs.
pub(super) async fn change(
    gateway: &Arc<Gateway>,
    name: &str,
    request: Request<Body>,
    client: &Client,
) -> Response<Body> {
    if request.method() != Method::POST {
        return not_allowed("POST");
    }
    let fields = match allowed(gateway, &request) {
        Ok(fields) => fields,
        Err(problem) => return refusal::told(&problem),
    };
    let body = request.into_body();
    let Some(carrier) = gateway.events.find(name) else {
        let detail = "there is no such stream, or it has ended: open another";
        return refusal::told(&Problem::new(ProblemKind::NoRoute).with_detail(detail));
    };
    let content = match content(body, MOST_CONTENT, gateway.head_timeout).await {
        Ok(content) => content,
        Err(problem) => return refusal::told(&problem),
    };
    match Asked::read_list(&content) {
        Ok(asked) => {
            let session = Session::new(gateway.clone(), client.clone(), &fields);
            if !asked.into_iter().all(|asked| session.heed(&carrier, Ok(asked))) {
                end(&carrier);
            }
            answer::empty(StatusCode::ACCEPTED)
        }
        Err(error) => bad_request(&error.detail),
    }
}

/// The fields of a request that a page of another site cannot have sent by itself: its content is JSON, for which browsers
/// ask first (Fetch §4.9), and its origin may read here.
fn allowed(gateway: &Gateway, request: &Request<Body>) -> Result<HeaderMap, Problem> {
    let fields = welcome(gateway, request)?;
    let media = fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if request.method() == Method::POST && !media.eq_ignore_ascii_case("application/json") {
        let detail = "the content has to be JSON, and to say so: `Content-Type: application/json`";
        return Err(Problem::new(ProblemKind::BadRequest).with_detail(detail));
    }
    Ok(fields)
}

/// Ends a stream that has asked too much that makes no sense.
fn end(carrier: &Carrier) {
    let problem = Problem::new(ProblemKind::BadRequest).with_detail("too many requests that make no sense");
    carrier.close(Format::Multiplexed.lone_message(&json_message::error(&problem.to_json(), None)));
}

fn streaming(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let fields: &mut HeaderMap = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    fields.insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn bad_request(detail: &str) -> Response<Body> {
    answer::problem(&Problem::new(ProblemKind::BadRequest).with_detail(detail), None)
}

fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut problem = Problem::new(ProblemKind::BadRequest).with_detail(format!("this is for {allowed}"));
    problem.status = Some(StatusCode::METHOD_NOT_ALLOWED.as_u16());
    let mut response = answer::problem(&problem, None);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 128 random bits.
fn name() -> Option<String> {
    Some(format!("{:016x}{:016x}", getrandom::u64().ok()?, getrandom::u64().ok()?))
}

/// What the parameters of a query ask for: each `url` is a subscription, and the rest is said of all.
fn of_query(query: &str) -> Result<Vec<Subscribe>, String> {
    const VALID: &str = "valid are `url` (for each resource), `tidegate.mode`, `tidegate.select`, `tidegate.rate` and \
                         `tidegate.max-age`";
    let mut urls: Vec<String> = Vec::new();
    let (mut mode, mut select, mut rate, mut max_age) = (None, None, None, None);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8().map(String::from)
        };
        let (Ok(name), Ok(value)) = (decoded(name), decoded(value)) else {
            return Err(format!("a parameter is not UTF-8; {VALID}"));
        };
        match &*name {
            "url" => urls.push(value),
            "tidegate.mode" => mode = Some(value),
            "tidegate.select" => select = Some(value),
            "tidegate.rate" => rate = Some(value),
            "tidegate.max-age" => match value.parse() {
                Ok(seconds) => max_age = Some(seconds),
                Err(_) => return Err("`tidegate.max-age` is no number of seconds".into()),
            },
            _ => return Err(format!("`{name}` is no parameter here; {VALID}")),
        }
    }
    if urls.len() > MAX_REQUESTS {
        return Err(format!("`url` may be there {MAX_REQUESTS} times at the most"));
    }
    let subscribe = |(sub, url): (u32, String)| {
        let of_all = (mode.clone(), select.clone(), rate.clone());
        let (mode, select, rate) = of_all;
        let subscribe = Subscribe::to(sub, &url).map_err(|error| error.detail)?;
        Ok(Subscribe { mode, select, rate, max_age, ..subscribe })
    };
    (1..).zip(urls).map(subscribe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_for_several() {
        let asked = of_query("url=%2Fa%3Fx%3D1&tidegate.mode=merge&url=/b&tidegate.max-age=30").unwrap();
        let told: Vec<_> =
            asked.iter().map(|it| (it.sub, it.url.as_str(), it.mode.as_deref(), it.max_age)).collect();
        assert_eq!(told, [(1, "/a?x=1", Some("merge"), Some(30)), (2, "/b", Some("merge"), Some(30))]);
        assert!(of_query("").unwrap().is_empty());
        for (query, about) in [
            ("url=b", "`url` has to be"),
            ("url=http://elsewhere/", "`url` has to be"),
            ("uri=/b", "`uri` is no parameter here"),
            ("url=%ff", "not UTF-8"),
            ("tidegate.max-age=x", "no number of seconds"),
        ] {
            assert!(of_query(query).unwrap_err().contains(about), "{query}");
        }
    }
}
