//! Requests as HTTP/1.1 would have them, and answers as HTTP/2 wants them.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tidegate_hub::Body;
use tidegate_wire::{Problem, ProblemKind};

use crate::edge::answer;

/// Fields that speak of a connection, of which HTTP/2 has none (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The request in the form that the gateway judges, and passes on: its host in `Host`, its target without one, its cookies
/// on one line. Or what is wrong with one that two readers could take for two.
pub(super) fn received(request: Request<Incoming>) -> Result<Request<Body>, &'static str> {
    let (mut head, body) = request.into_parts();
    named_once(&mut head.uri, &mut head.headers)?;
    Ok(Request::from_parts(head, body.map_err(Into::into).boxed_unsync()))
}

/// The answer to a request with which this is wrong.
pub(super) fn refused(why: &str) -> Response<Body> {
    answer::problem(&Problem::new(ProblemKind::BadRequest).with_detail(why), None)
}

fn named_once(uri: &mut Uri, fields: &mut HeaderMap) -> Result<(), &'static str> {
    let mut hosts = fields.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err("the request has more than one `Host`");
    }
    let host = match (uri.authority(), host) {
        // RFC 9113 §8.3.1: two that differ are malformed, and a user has no place there.
        (Some(authority), Some(host)) if !is_same(authority.as_str(), host, uri.scheme()) => {
            return Err("`:authority` and `Host` name two hosts");
        }
        (Some(authority), _) if authority.as_str().contains('@') => {
            return Err("`:authority` names a user");
        }
        (Some(authority), _) => HeaderValue::from_str(authority.as_str()).ok(),
        (None, host) => host.cloned(),
    };
    let Some(host) = host else { return Err("the request has neither `:authority` nor `Host`") };
    fields.insert(HOST, host);
    // `CONNECT` has no path, and is refused later.
    if let Some(path) = uri.path_and_query() {
        *uri = Uri::from(PathAndQuery::clone(path));
    }
    join_cookies(fields);
    Ok(())
}

/// Whether both name the same host, where a scheme's usual port may be left out (RFC 3986 §6.2.3).
fn is_same(authority: &str, host: &HeaderValue, scheme: Option<&Scheme>) -> bool {
    let usual = if scheme == Some(&Scheme::HTTPS) { ":443" } else { ":80" };
    let bare = |host: &str| host.strip_suffix(usual).unwrap_or(host).to_ascii_lowercase();
    host.to_str().is_ok_and(|host| bare(authority) == bare(host))
}

/// Puts cookies that came on several lines on one, as everybody else expects them (RFC 9113 §8.2.3).
fn join_cookies(fields: &mut HeaderMap) {
    if fields.get_all(COOKIE).iter().count() < 2 {
        return;
    }
    let lines: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // What is made of valid values by adding visible characters is one.
    if let Ok(mut joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        joined.set_sensitive(true);
        fields.insert(COOKIE, joined);
    }
}

/// The answer without what only HTTP/1.1 has. One to `HEAD` keeps its length and loses its content, which hyper does by
/// itself for HTTP/1.1 alone.
pub(super) fn sent(method: &Method, mut response: Response<Body>) -> Response<Body> {
    let fields = response.headers_mut();
    for name in OF_A_CONNECTION {
        fields.remove(name);
    }
    if *method != Method::HEAD || response.body().is_end_stream() {
        return response;
    }
    let length = response.body().size_hint().exact();
    if let (Some(length), false) = (length, response.headers().contains_key(CONTENT_LENGTH)) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| answer::full(Bytes::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        of.iter().map(field).collect()
    }

    #[test]
    fn one_host_in_one_place() {
        let check = |uri: &'static str,
                     sent: &[(&'static str, &'static str)],
                     expected: Result<(&str, &str), &str>| {
            let (mut uri, mut fields) = (Uri::from_static(uri), fields(sent));
            let named = named_once(&mut uri, &mut fields);
            let found = named.map(|()| (uri.to_string(), fields[HOST].to_str().unwrap().to_owned()));
            let expected = expected.map(|(uri, host)| (uri.to_owned(), host.to_owned()));
            assert_eq!(found, expected, "{sent:?}");
        };
        check("http://a:1/p?q=%2F", &[], Ok(("/p?q=%2F", "a:1")));
        check("https://a/p", &[("host", "A")], Ok(("/p", "a")));
        check("/p", &[("host", "a")], Ok(("/p", "a")));
        check("a:443", &[], Ok(("a:443", "a:443")));
        check("/p", &[], Err("the request has neither `:authority` nor `Host`"));
        check("http://a/", &[("host", "b")], Err("`:authority` and `Host` name two hosts"));
        check("http://a/", &[("host", "a:80")], Ok(("/", "a")));
        check("https://a:443/", &[("host", "a")], Ok(("/", "a:443")));
        check("https://a/", &[("host", "a:80")], Err("`:authority` and `Host` name two hosts"));
        check("http://u@a/", &[], Err("`:authority` names a user"));
        check("http://a/", &[("host", "a"), ("host", "a")], Err("the request has more than one `Host`"));
    }

    #[test]
    fn cookies_stand_on_one_line() {
        let mut sent = fields(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3")]);
        join_cookies(&mut sent);
        assert_eq!(sent.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn an_answer_speaks_of_no_connection() {
        let with_fields = || {
            let mut response = Response::new(answer::full(Bytes::from_static(b"abc")));
            *response.headers_mut() =
                fields(&[("connection", "close"), ("upgrade", "x"), ("keep-alive", "y"), ("vary", "z")]);
            response
        };
        let response = sent(&Method::GET, with_fields());
        assert_eq!(response.headers(), &fields(&[("vary", "z")]));
        assert_eq!(response.body().size_hint().exact(), Some(3));
        let response = sent(&Method::HEAD, with_fields());
        assert_eq!(response.headers(), &fields(&[("vary", "z"), ("content-length", "3")]));
        assert!(response.body().is_end_stream());
    }
}
