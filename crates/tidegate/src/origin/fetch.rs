//! One fetch on behalf of a feed: the request, and what the answer means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tidegate_core::{
    Answer, Failure, FailureKind, Form, Outcome, Phase, Representation, Unfit, Validators, retry_after,
};
use tidegate_hub::{Body, FetchRequest, Fetched};
use tokio::time::Instant;

use super::Inner;
use super::coding::{self, DecodeError};
use super::collect::{self, End, Gathered};
use super::credentials::Own;
use super::exchange::{Repeatable, no_body, whole};
use super::incoming::Incoming;
use super::redirects::{self, Arrived, Redirects};
use super::{fields, media};

/// How long a plain reader waits for a body to be complete before it gets it piecemeal.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The largest body of an answer that is no document: error pages and the like.
const ANSWER_LIMIT: usize = 1 << 20;

/// What is asked for on behalf of clients that do not say: JSON, because it is what patches can be made of, and
/// anything else if there is none. Streams and plain readers share a feed, so both get the form that serves both.
/// `tidegate_core::negotiation` takes a wish that says no more than this for none.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.5");

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));

/// Asks once; and once more with a new token, where the origin refuses the one that the gateway had.
pub(super) async fn fetch(origin: &Inner, request: FetchRequest) -> Fetched {
    let credentials = &origin.credentials;
    let again = credentials.may_expire().then(|| request.clone());
    let own = match credentials.own().await {
        Ok(own) => own,
        Err(failure) => return without_answer(failure),
    };
    let mut is_home = true;
    let fetched = once(origin, request, &own, &mut is_home).await;
    // No other host was sent the token.
    let unauthorized = is_home
        && matches!(&fetched.outcome, Outcome::Answered(answer) if answer.status == StatusCode::UNAUTHORIZED);
    match again {
        Some(request) if unauthorized && credentials.refused(&own) => match credentials.own().await {
            Ok(own) => once(origin, request, &own, &mut is_home).await,
            Err(failure) => without_answer(failure),
        },
        _ => fetched,
    }
}

/// Asks once; and says whether it was the origin itself that answered, and not a host that it redirected to.
async fn once(origin: &Inner, request: FetchRequest, own: &Own<'_>, is_home: &mut bool) -> Fetched {
    let patient = request.patient;
    let is_conditional = has_conditions(&request.method);
    let condition = if is_conditional { request.condition.clone() } else { Validators::default() };
    let ends = origin.redirects.as_ref().map(Redirects::ends);
    let ends = ends.map(|ends| (ends, ends.asked(&request.target, &request.fields)));
    let request = match request_for(origin, request, own) {
        Ok(request) => request,
        Err(error) => {
            return failed(FailureKind::Request, format!("the target cannot be asked for: {error}"), 0);
        }
    };
    let is_condition_of = |uri: &Uri| ends.is_none_or(|(ends, asked)| ends.is_at(asked, uri, &condition));
    let Arrived { mut response, uri, conditional, is_home: by_the_origin } =
        match redirects::exchange(origin, request, None, is_condition_of).await {
            Ok(arrived) => arrived,
            Err(failure) => return without_answer(failure),
        };
    *is_home = by_the_origin;
    if response.status() == StatusCode::NOT_MODIFIED && (condition.is_empty() || !conditional) {
        let detail = format!("{} answered 304 to a request without a condition", origin.link.authority());
        return failed(FailureKind::NotHttp, detail, 0);
    }
    origin.mount.translate(response.headers_mut(), uri.path());
    let fetched = understand(origin, response, patient).await;
    if let Some((ends, asked)) = ends
        && let Some(validators) = validators_after(&fetched.outcome, condition)
    {
        ends.note(asked, &uri, &validators);
    }
    fetched
}

/// What a feed has for its next condition, if it takes this outcome; `before` is what it had.
fn validators_after(outcome: &Outcome, before: Validators) -> Option<Validators> {
    match outcome {
        Outcome::Fresh(representation) => Some(Validators::of(&representation.fields)),
        Outcome::NotModified { fields } => {
            let newer = Validators::of(fields);
            Some(Validators {
                etag: newer.etag.or(before.etag),
                last_modified: newer.last_modified.or(before.last_modified),
            })
        }
        _ => None,
    }
}

fn without_answer(failure: Failure) -> Fetched {
    Fetched { outcome: Outcome::Failed(failure), raw: None, wire_bytes: 0, waited: Duration::ZERO }
}

fn request_for(origin: &Inner, request: FetchRequest, own: &Own<'_>) -> Result<Request<Body>, http::Error> {
    let FetchRequest { method, target, fields: from_clients, body, condition, end_to_end, .. } = request;
    let mut fields = fields::end_to_end(&from_clients);
    // It follows from the content, which is the fetch's own.
    fields.remove(header::CONTENT_LENGTH);
    own.apply(&mut fields);
    fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED));
    fields.entry(header::ACCEPT).or_insert(ACCEPT);
    // A client's own is there only where `Vary` names it.
    fields.entry(header::USER_AGENT).or_insert(USER_AGENT);
    if end_to_end {
        // RFC 9111 §5.2: directives are passed on, whatever they meant here.
        fields.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    }
    fields::append_own_via(&mut fields, Version::HTTP_11);
    let Validators { etag, last_modified } =
        if has_conditions(&method) { condition } else { Validators::default() };
    if let Some(etag) = etag {
        fields.insert(header::IF_NONE_MATCH, etag);
    }
    if let Some(date) = last_modified {
        fields.insert(header::IF_MODIFIED_SINCE, date);
    }
    let content = if body.is_empty() { no_body() } else { whole(body.clone()) };
    let mut request = Request::builder().method(method).uri(origin.mount.uri(&target)?).body(content)?;
    *request.headers_mut() = fields;
    // What is fetched is safe, by its method or by the route's word.
    request.extensions_mut().insert(Repeatable(body));
    Ok(request)
}

/// Whether a method has conditions whose answer is 304 (RFC 9110 §13.1.2): `GET`, and `QUERY`, which is like it. A
/// `POST` that is declared safe is still a `POST` to the origin, and would be answered with 412.
fn has_conditions(method: &Method) -> bool {
    *method == Method::GET || method.as_str() == "QUERY"
}

async fn understand(origin: &Inner, response: Response<Incoming>, patient: bool) -> Fetched {
    let authority = origin.link.authority();
    match response.status() {
        StatusCode::NOT_MODIFIED => {
            let fields = fields::of_the_representation(response.headers());
            Fetched {
                outcome: Outcome::NotModified { fields },
                raw: None,
                wire_bytes: 0,
                waited: Duration::ZERO,
            }
        }
        StatusCode::SWITCHING_PROTOCOLS => {
            let detail = format!("{authority} switched protocols without being asked to");
            failed(FailureKind::NotHttp, detail, 0)
        }
        // Part of a representation, which nobody asked for (RFC 9110 §15.3.7).
        StatusCode::PARTIAL_CONTENT => unfit(Unfit::MediaType, response.map(boxed), 0),
        StatusCode::OK => match document_form(&response) {
            Some(form) => document(origin, response, form, patient).await,
            None => unfit(Unfit::MediaType, response.map(boxed), 0),
        },
        _ => answer(origin, response, patient).await,
    }
}

/// The form of a document, unless its coding is unknown, or its end is: a body that only the connection's end
/// delimits may have been cut off, and only JSON and compressed content would tell.
fn document_form(response: &Response<Incoming>) -> Option<Form> {
    let form = media::form(response.headers())?;
    let codings = coding::codings(response.headers())?;
    let tells_its_end = form == Form::Json || !codings.is_empty();
    (tells_its_end || !collect::is_close_delimited(response)).then_some(form)
}

async fn document(origin: &Inner, response: Response<Incoming>, form: Form, patient: bool) -> Fetched {
    let limit = origin.max_body;
    if response.body().size_hint().lower() > limit as u64 {
        return unfit(Unfit::TooLarge, response.map(boxed), 0);
    }
    let close_delimited = collect::is_close_delimited(&response);
    let taken = Taken::gather(origin, response, limit, patient).await;
    let wire_bytes = taken.wire_bytes();
    match taken.gathered.end {
        End::Complete => {}
        End::OverLimit => return unfit(Unfit::TooLarge, taken.into_raw(), wire_bytes),
        End::Late if !patient => return unfit(Unfit::Slow, taken.into_raw(), wire_bytes),
        End::Late | End::Broken(_) => return taken.failed(origin),
    }
    match taken.decode(limit).await {
        // Text that is not UTF-8, whatever its type says, and a number that the connection's end may have cut short
        // ("12" of "123"), prove nothing: they pass through.
        Ok(body) if form == Form::Text && std::str::from_utf8(&body).is_err() => {
            unfit(Unfit::MediaType, taken.into_raw(), wire_bytes)
        }
        Ok(body) if close_delimited && body.trim_ascii_end().last().is_some_and(u8::is_ascii_digit) => {
            unfit(Unfit::MediaType, taken.into_raw(), wire_bytes)
        }
        Ok(body) => {
            let fields = fields::of_the_representation(&taken.head.headers);
            let outcome = Outcome::Fresh(Representation { body, form, fields });
            Fetched { outcome, raw: None, wire_bytes, waited: Duration::ZERO }
        }
        Err(DecodeError::TooLarge) => {
            let detail =
                format!("the answer of {} is over {limit} bytes when decoded", origin.link.authority());
            let outcome = Outcome::Failed(Failure::new(FailureKind::TooLarge, detail));
            Fetched { outcome, raw: Some(taken.into_raw()), wire_bytes, waited: Duration::ZERO }
        }
        Err(DecodeError::Broken) => taken.undecodable(origin),
    }
}

/// Any answer but 200: an error, a redirect, an empty success.
async fn answer(origin: &Inner, response: Response<Incoming>, patient: bool) -> Fetched {
    let status = response.status();
    let taken = Taken::gather(origin, response, ANSWER_LIMIT, patient).await;
    let wire_bytes = taken.wire_bytes();
    match taken.gathered.end {
        End::Complete => {}
        End::OverLimit => return taken.unlike_an_answer(origin, Unfit::TooLarge),
        End::Late if !patient => return taken.unlike_an_answer(origin, Unfit::Slow),
        End::Late | End::Broken(_) => return taken.failed(origin),
    }
    let Some(codings) = coding::codings(&taken.head.headers) else {
        return taken.unlike_an_answer(origin, Unfit::MediaType);
    };
    match coding::decode(taken.gathered.bytes.clone(), &codings, ANSWER_LIMIT).await {
        Ok(body) => {
            let mut fields = fields::of_the_representation(&taken.head.headers);
            fields::retry_after_in_seconds(&mut fields, SystemTime::now());
            Fetched {
                outcome: Outcome::Answered(Answer { status, fields, body }),
                raw: None,
                wire_bytes,
                waited: Duration::ZERO,
            }
        }
        Err(DecodeError::TooLarge) => taken.unlike_an_answer(origin, Unfit::TooLarge),
        Err(DecodeError::Broken) => taken.undecodable(origin),
    }
}

/// An answer whose body was taken in, whole or not.
struct Taken {
    head: http::response::Parts,
    gathered: Gathered,
}

impl Taken {
    async fn gather(origin: &Inner, response: Response<Incoming>, limit: usize, patient: bool) -> Taken {
        let (head, body) = response.into_parts();
        let time = if patient { origin.body_timeout } else { origin.patience };
        let gathered = collect::gather(body, limit, Instant::now() + time).await;
        Taken { head, gathered }
    }

    fn wire_bytes(&self) -> u64 {
        self.gathered.bytes.len() as u64
    }

    async fn decode(&self, limit: usize) -> Result<Bytes, DecodeError> {
        let codings = coding::codings(&self.head.headers).unwrap_or_default();
        coding::decode(self.gathered.bytes.clone(), &codings, limit).await
    }

    /// The answer as the origin sent it.
    fn into_raw(self) -> Response<Body> {
        raw(self.head, self.gathered.into_body())
    }

    /// The body did not come to an end.
    fn failed(self, origin: &Inner) -> Fetched {
        let authority = origin.link.authority();
        let wire_bytes = self.wire_bytes();
        let (kind, detail) = match self.gathered.end {
            End::Broken(error) => {
                let sized = self.head.headers.contains_key(header::CONTENT_LENGTH);
                (
                    collect::how_broken(&error, sized),
                    format!("the answer of {authority} broke off after {wire_bytes} bytes: {error}"),
                )
            }
            _ => (
                FailureKind::TimedOut(Phase::Body),
                format!("the answer of {authority} was not complete within {:?}", origin.body_timeout),
            ),
        };
        failed(kind, detail, wire_bytes)
    }

    fn undecodable(self, origin: &Inner) -> Fetched {
        let detail =
            format!("the answer of {} is not in the content coding it names", origin.link.authority());
        failed(FailureKind::Undecodable, detail, self.wire_bytes())
    }

    /// An answer that is no document and too much to be taken in. A success passes through for the given reason, and
    /// an error is a failure; its reader gets it as it is.
    fn unlike_an_answer(self, origin: &Inner, reason: Unfit) -> Fetched {
        let status = self.head.status;
        let wire_bytes = self.wire_bytes();
        if status.is_success() {
            return unfit(reason, self.into_raw(), wire_bytes);
        }
        let mut fields = self.head.headers.clone();
        fields::retry_after_in_seconds(&mut fields, SystemTime::now());
        let detail = format!("{} answered {status}", origin.link.authority());
        let retry_after = retry_after(&fields);
        let failure = Failure { retry_after, ..Failure::new(FailureKind::Status(status), detail) };
        Fetched {
            outcome: Outcome::Failed(failure),
            raw: Some(self.into_raw()),
            wire_bytes,
            waited: Duration::ZERO,
        }
    }
}

fn boxed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

fn raw(head: http::response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = fields::end_to_end(&head.headers);
    response
}

fn unfit(reason: Unfit, response: Response<Body>, wire_bytes: u64) -> Fetched {
    let (head, body) = response.into_parts();
    Fetched {
        outcome: Outcome::Unfit(reason),
        raw: Some(raw(head, body)),
        wire_bytes,
        waited: Duration::ZERO,
    }
}

fn failed(kind: FailureKind, detail: String, wire_bytes: u64) -> Fetched {
    Fetched {
        outcome: Outcome::Failed(Failure::new(kind, detail)),
        raw: None,
        wire_bytes,
        waited: Duration::ZERO,
    }
}
