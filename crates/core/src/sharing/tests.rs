//! What splits a feed, what does not, and what a shared fetch carries.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};

use super::*;

fn fields(list: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    map
}

fn with(policy: &SharingPolicy, target: &str, list: &[(&str, &str)], vary: &Vary) -> SharedRequest {
    let rules = SharingRules { scope: "r", policy, identity: None, vary, nonce: 7 };
    SharedRequest::new(Asked::get(target, &fields(list)), rules)
}

fn shared(target: &str, list: &[(&str, &str)], vary: &Vary) -> SharedRequest {
    with(&SharingPolicy::default(), target, list, vary)
}

fn vary(value: &str) -> Vary {
    Vary::of(&fields(&[("vary", value)]))
}

#[test]
fn who_asks_and_how_does_not_split_a_feed() {
    let none = Vary::none();
    let plain = shared("/q", &[], &none);
    for list in [
        &[("user-agent", "a")][..],
        &[("accept-encoding", "gzip"), ("cache-control", "no-cache"), ("if-none-match", "\"x\"")],
        &[("sec-fetch-mode", "cors"), ("origin", "https://a"), ("referer", "https://a/b")],
        &[("accept", "text/event-stream"), ("last-event-id", "1")],
        &[("accept", "application/x-ndjson"), ("tidegate-mode", "merge"), ("tidegate-rate", "1s")],
        &[("tidegate-select", "$.a"), ("tidegate-of-tomorrow", "1"), ("prefer", "wait=10")],
        &[("subscribe", "true"), ("parents", "\"1\""), ("peer", "abc"), ("heartbeats", "20s")],
        &[("accept-language", "*")],
        &[("accept", "*/*"), ("x-forwarded-for", "10.0.0.1"), ("traceparent", "00-0-0-00")],
        &[("connection", "x-hop"), ("x-hop", "1"), ("te", "trailers")],
        &[("connection", "close, Authorization"), ("authorization", "Bearer a"), ("content-length", "0")],
    ] {
        let request = shared("/q", list, &none);
        assert_eq!(request.key(), plain.key(), "{list:?}");
        assert!(request.fields().is_empty(), "{list:?} is not forwarded");
        assert!(!request.is_credentialed());
    }
}

#[test]
fn everything_else_splits_it_and_is_forwarded() {
    let none = Vary::none();
    let mut keys = vec![shared("/q", &[], &none)];
    for (target, list) in [
        ("/q?", &[][..]),
        ("/Q", &[]),
        ("/%71", &[]),
        ("/q", &[("authorization", "Bearer a")]),
        ("/q", &[("authorization", "Bearer b")]),
        ("/q", &[("cookie", "s=1")]),
        ("/q", &[("cookie", "s=1"), ("cookie", "t=2")]),
        ("/q", &[("cookie", "t=2"), ("cookie", "s=1")]),
        ("/q", &[("x-api-key", "1")]),
        ("/q", &[("accept-language", "de")]),
        ("/q", &[("accept-language", "*, de")]),
        ("/q", &[("accept", "application/xml")]),
        ("/q", &[("x-a", "1x-b2")]),
        ("/q", &[("x-a", "1"), ("x-b", "2")]),
    ] {
        let request = shared(target, list, &none);
        assert!(keys.iter().all(|other| other.key() != request.key()), "{target} {list:?}");
        assert_eq!(request.fields(), &fields(list), "{target} {list:?}");
        assert_eq!(request.target(), target);
        keys.push(request);
    }
}

#[test]
fn method_and_content_split_it_and_are_forwarded() {
    let policy = SharingPolicy::default();
    let none = Vary::none();
    let make = |method: &Method, list: &[(&str, &str)], body: &'static str| {
        let (fields, body) = (fields(list), Bytes::from_static(body.as_bytes()));
        let asked = Asked { method, target: "/q", fields: &fields, body: &body };
        SharedRequest::new(
            asked,
            SharingRules { scope: "r", policy: &policy, identity: None, vary: &none, nonce: 0 },
        )
    };
    let query = Method::from_bytes(b"QUERY").unwrap();
    let (json, form) = (("content-type", "application/json"), ("content-type", "text/plain"));
    let mut keys: Vec<SharedRequest> = Vec::new();
    for (method, list, body) in [
        (&Method::GET, &[][..], ""),
        (&Method::POST, &[], ""),
        (&query, &[], ""),
        (&Method::POST, &[json], "{}"),
        (&Method::POST, &[json], "{} "),
        (&Method::POST, &[form], "{}"),
        (&Method::POST, &[], "{}"),
        (&Method::POST, &[json, ("content-encoding", "gzip")], "{}"),
        (&Method::POST, &[json, ("content-language", "de")], "{}"),
        (&query, &[json], "{}"),
    ] {
        let request = make(method, list, body);
        assert!(keys.iter().all(|other| other.key() != request.key()), "{method} {list:?} {body}");
        assert_eq!((request.method(), &request.body()[..]), (method, body.as_bytes()));
        assert_eq!(request.fields(), &fields(list));
        assert!(!request.is_private(), "{method} {list:?}");
        assert_eq!(request.resource(), make(&Method::GET, &[], "").resource(), "a resource has no method");
        keys.push(request);
    }
    assert_eq!(make(&Method::HEAD, &[], "").key(), make(&Method::GET, &[], "").key());
    assert_eq!(make(&Method::HEAD, &[], "").method(), Method::GET);
    let lengths = [make(&Method::POST, &[("content-length", "2")], "{}"), make(&Method::POST, &[], "{}")];
    assert_eq!(lengths[0].key(), lengths[1].key());
}

#[test]
fn what_vary_names_comes_in() {
    let named = vary("User-Agent, Accept-Encoding");
    let a = shared("/q", &[("user-agent", "a"), ("accept-encoding", "br")], &named);
    let b = shared("/q", &[("user-agent", "b")], &named);
    assert_ne!(a.key(), b.key());
    assert_eq!(a.fields(), &fields(&[("user-agent", "a")]));
    assert_eq!(a.resource(), b.resource());
}

#[test]
fn vary_any_shares_with_nobody() {
    let (any, policy) = (vary("*"), SharingPolicy::default());
    let make = |nonce| {
        let rules = SharingRules { scope: "r", policy: &policy, identity: None, vary: &any, nonce };
        SharedRequest::new(Asked::get("/q", &HeaderMap::new()), rules)
    };
    assert_ne!(make(1).key(), make(2).key());
    assert!(make(1).is_private() && !make(1).is_credentialed());
}

#[test]
fn a_route_can_name_what_does_not_matter() {
    let policy = SharingPolicy {
        ignored_headers: vec![header::ACCEPT_LANGUAGE],
        ignored_query: IgnoredQuery::new(["_", "utm_*"]),
        cookies: Some(CookieNames::new(["session".to_owned()])),
    };
    let none = Vary::none();
    let plain = with(&policy, "/q?a=1", &[], &none);
    for (target, list) in [
        ("/q?a=1&_=5", &[("accept-language", "de")][..]),
        ("/q?utm_source=x&a=1", &[("cookie", "_ga=1; theme=dark")]),
    ] {
        let request = with(&policy, target, list, &none);
        assert_eq!(request.key(), plain.key());
        assert_eq!(request.resource(), plain.resource());
        assert!(request.fields().is_empty() && request.target() == "/q?a=1" && !request.is_private());
    }
    let alice = with(&policy, "/q?a=1", &[("cookie", "_ga=1; session=a"), ("cookie", "x=2")], &none);
    let again = with(&policy, "/q?a=1", &[("cookie", "session=a; _ga=9")], &vary("Cookie"));
    let bob = with(&policy, "/q?a=1", &[("cookie", "session=b; _ga=1")], &none);
    assert_eq!(alice.key(), again.key());
    assert_eq!(alice.fields(), &fields(&[("cookie", "session=a")]));
    assert!(alice.key() != bob.key() && alice.is_private());
    // The fetch carries no other cookie, so no other can have chosen the answer.
    assert!(vary("Cookie, Accept-Language").is_covered_by(alice.considered()));
}

#[test]
fn two_routes_never_share() {
    let (policy, none) = (SharingPolicy::default(), Vary::none());
    let make = |scope| {
        let rules = SharingRules { scope, policy: &policy, identity: None, vary: &none, nonce: 0 };
        SharedRequest::new(Asked::get("/q", &HeaderMap::new()), rules)
    };
    assert_ne!(make("a").key(), make("b").key());
    assert_ne!(make("a").resource(), make("b").resource());
}

#[test]
fn a_key_does_not_show_its_secrets() {
    let request =
        shared("/q", &[("authorization", "Bearer s3cret"), ("cookie", "a=s3cret; s3cret")], &Vary::none());
    assert!(request.is_credentialed());
    assert!(!format!("{:?}", request.key()).contains("s3cret"));
    let names: Vec<_> = request.parts().map(|(name, _)| name).collect();
    let expected = [PartName::Field("authorization"), PartName::Cookie("a"), PartName::Field("cookie")];
    assert_eq!(names, expected);
}
