//! The answer to a plain reader: the current representation from memory, with validators, age and encoding.

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, DATE, ETAG, EXPIRES,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, SET_COOKIE, VARY, VIA,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tidegate_hub::{Body, Current, Source};

use super::answer::{self, CACHE_STATUS};
use super::{asked, cache_status};

/// Below this size compression does not pay.
const MIN_COMPRESSED: usize = 256;

/// What is appended to a position in the `ETag` of its gzip form: another encoding, another strong tag
/// (RFC 9110 §8.8.3.3).
const GZIP_SUFFIX: &str = ".gzip";

/// The answer with the current representation, or the 304 that the request's conditions ask for.
pub(super) async fn response(method: &Method, request: &HeaderMap, current: &Current) -> Response<Body> {
    let gzip = wants_gzip(request, current);
    let tags = Tags::of(current);
    let mut fields = current.fields.clone();
    if current.source != Source::Fetched {
        fields.remove(SET_COOKIE);
    }
    fields.insert(ETAG, tags.value(gzip));
    fields.insert(AGE, HeaderValue::from(current.age_s));
    answer::vary(&mut fields, "Accept");
    answer::vary(&mut fields, "Accept-Encoding");
    answer::vary(&mut fields, "Subscribe");
    answer::vary(&mut fields, "Tidegate-Select");
    answer::via(&mut fields);
    let matched = not_modified(request, &fields, &tags);
    let status = if matched.is_some() { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    answer::cache_status(&mut fields, &cache_status::of(current, status));
    if let Some(matched) = matched {
        return only_validators(fields, matched.unwrap_or_else(|| tags.value(gzip)));
    }
    let body = match gzip {
        true => current.published.gzip().await.clone(),
        false => current.published.version().body.clone(),
    };
    if gzip {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let body = if method == Method::HEAD { Bytes::new() } else { body };
    let mut response = Response::new(answer::full(body));
    *response.headers_mut() = fields;
    response
}

/// The entity tags of both forms of a version.
struct Tags {
    identity: String,
    gzip: String,
}

impl Tags {
    fn of(current: &Current) -> Tags {
        let position = current.published.version().position;
        Tags { identity: format!("\"{position}\""), gzip: format!("\"{position}{GZIP_SUFFIX}\"") }
    }

    fn value(&self, gzip: bool) -> HeaderValue {
        let tag = if gzip { &self.gzip } else { &self.identity };
        // Letters, digits, dots and quotes only.
        HeaderValue::from_str(tag).expect("a position is ASCII")
    }
}

/// The opaque part of an entity tag of ours, if it is one: the position's text.
pub(super) fn position_text(tag: &str) -> Option<&str> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    Some(opaque.strip_suffix(GZIP_SUFFIX).unwrap_or(opaque))
}

/// Whether the request's conditions make it a 304, and with which tag (RFC 9110 §13.1.2, §13.1.3, §13.2.2).
fn not_modified(request: &HeaderMap, fields: &HeaderMap, tags: &Tags) -> Option<Option<HeaderValue>> {
    if request.contains_key(IF_NONE_MATCH) {
        // Either form of the version will do: whoever names its tag has that form stored.
        for tag in asked::none_match(request) {
            if tag == "*" {
                return Some(None);
            }
            if tag == tags.identity || tag == tags.gzip {
                return Some(HeaderValue::from_str(tag).ok());
            }
        }
        return None;
    }
    let since = httpdate::parse_http_date(request.get(IF_MODIFIED_SINCE)?.to_str().ok()?).ok()?;
    let modified = httpdate::parse_http_date(fields.get(LAST_MODIFIED)?.to_str().ok()?).ok()?;
    (modified <= since).then_some(None)
}

/// A 304 carries what would update a stored answer, and nothing of the body (RFC 9110 §15.4.5).
fn only_validators(fields: HeaderMap, tag: HeaderValue) -> Response<Body> {
    let mut response = answer::empty(StatusCode::NOT_MODIFIED);
    for name in [CACHE_CONTROL, CONTENT_LOCATION, DATE, EXPIRES, VARY, AGE, CACHE_STATUS, VIA, LAST_MODIFIED]
    {
        for value in fields.get_all(&name) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response.headers_mut().insert(ETAG, tag);
    response
}

fn wants_gzip(request: &HeaderMap, current: &Current) -> bool {
    let untouchable =
        current.fields.get_all(CACHE_CONTROL).iter().any(|value| {
            value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("no-transform"))
        });
    current.published.version().body.len() >= MIN_COMPRESSED && !untouchable && asked::accepts_gzip(request)
}
