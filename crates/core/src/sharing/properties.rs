//! The promise as properties, over requests made of what is confused most easily.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Request {
    method: &'static str,
    target: String,
    fields: Vec<(&'static str, String)>,
    body: &'static str,
}

const NAMES: [&str; 18] = [
    "authorization",
    "cookie",
    "cookie",
    "cookie",
    "x-api-key",
    "accept",
    "accept-language",
    "content-type",
    "x",
    "x-a",
    "connection",
    "user-agent",
    "origin",
    "cache-control",
    "x-forwarded-for",
    "if-none-match",
    "content-length",
    "te",
];

/// Pieces that fit together in more than one way.
const PIECES: [&str; 16] = [
    "a",
    "b",
    "session=",
    "_ga=1",
    "; ",
    ";",
    ",",
    "=",
    "\"",
    "$Version=1",
    " ",
    "x",
    "authorization",
    "*",
    "text/event-stream",
    "session=a",
];

const PARAMETERS: [&str; 12] =
    ["a=1", "a=2", "a", "", "_=1", "_", "%5f=1", "utm_a=1", "utm_b=;a=1", "b=_=1", "%ff=1", "_%3D=1"];

fn requests() -> impl Strategy<Value = Request> {
    let value =
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..5).prop_map(|pieces| pieces.concat());
    let fields = prop::collection::vec((prop::sample::select(&NAMES[..]), value), 0..5);
    let query = prop::collection::vec(prop::sample::select(&PARAMETERS[..]), 0..4);
    let target = (prop::sample::select(&["/", "/a", "/%61", "/_=1"][..]), query).prop_map(|(path, query)| {
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    });
    let method = prop::sample::select(&["GET", "HEAD", "POST", "QUERY"][..]);
    (method, target, fields, prop::sample::select(&["", "{}", "{} ", "a"][..]))
        .prop_map(|(method, target, fields, body)| Request { method, target, fields, body })
}

fn policies() -> impl Strategy<Value = SharingPolicy> {
    let headers = prop::sample::subsequence(vec!["accept-language", "x", "user-agent"], 0..3);
    let query = prop::sample::subsequence(vec!["_", "utm_*", "a"], 0..3);
    let cookies = prop::option::of(prop::sample::subsequence(vec!["session", "b"], 0..3));
    (headers, query, cookies).prop_map(|(headers, query, cookies)| SharingPolicy {
        ignored_headers: headers.into_iter().map(HeaderName::from_static).collect(),
        ignored_query: IgnoredQuery::new(query),
        cookies: cookies.map(|names| CookieNames::new(names.into_iter().map(str::to_owned))),
    })
}

/// Identities that are confused most easily: kinds, names within values, and what encodings of several claims make
/// equal.
fn identities() -> impl Strategy<Value = Option<Identity>> {
    let texts =
        prop::sample::select(&["", "1", "true", "t1", "n1", "a", "b", "ab", "sub", "tenant", "a\0b"][..]);
    let value = prop_oneof![
        4 => texts.prop_map(|text| ClaimValue::Text(text.to_owned())),
        1 => (0_i128..3).prop_map(ClaimValue::Whole),
        1 => any::<bool>().prop_map(ClaimValue::Flag),
    ];
    let claim = (prop::sample::select(&["sub", "tenant", "a", ""][..]), value);
    let claims = prop::collection::vec(claim, 0..3);
    let told = prop::sample::subsequence(vec![("x-a", "sub"), ("x", "tenant"), ("accept", "a")], 0..3);
    let identity =
        (prop::sample::select(&["v", "w", "vsub"][..]), claims, told).prop_map(|(verifier, claims, told)| {
            let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let told: Vec<_> = told
                .into_iter()
                .map(|(field, claim)| (HeaderName::from_static(field), claim.to_owned()))
                .collect();
            Identity::new(verifier, claims, &told).ok()
        });
    prop_oneof![1 => Just(None), 3 => identity]
}

fn varies() -> impl Strategy<Value = Vary> {
    prop::sample::select(&["", "user-agent", "origin, cookie", "accept-encoding"][..])
        .prop_map(|names| Vary::of(&[(header::VARY, names.parse().unwrap())].into_iter().collect()))
}

fn field_map(list: &[(&'static str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn share(request: &Request, policy: &SharingPolicy, vary: &Vary) -> SharedRequest {
    share_as(request, policy, None, vary)
}

fn share_as(
    request: &Request,
    policy: &SharingPolicy,
    identity: Option<&Identity>,
    vary: &Vary,
) -> SharedRequest {
    let (fields, body) = (field_map(&request.fields), Bytes::from_static(request.body.as_bytes()));
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let asked = Asked { method: &method, target: &request.target, fields: &fields, body: &body };
    SharedRequest::new(asked, SharingRules { scope: "r", policy, identity, vary, nonce: 0 })
}

/// What the origin is sent: all that it can choose an answer by.
fn sent(shared: &SharedRequest) -> (Method, String, BTreeMap<String, Vec<HeaderValue>>, Bytes) {
    let mut fields: BTreeMap<String, Vec<HeaderValue>> = BTreeMap::new();
    for (name, value) in shared.fields() {
        fields.entry(name.as_str().to_owned()).or_default().push(value.clone());
    }
    (shared.method().clone(), shared.target().to_owned(), fields, shared.body().clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Who shares gets the answer to the very request that would have been sent for itself, and who would have sent
    /// another shares nothing.
    #[test]
    fn keys_are_equal_exactly_where_the_fetches_are(
        a in requests(), b in requests(), policy in policies(), vary in varies(), same in any::<[bool; 4]>(),
    ) {
        // Independent requests are hardly ever equal: some parts are.
        let b = Request {
            method: if same[0] { a.method } else { b.method },
            target: if same[1] { a.target.clone() } else { b.target },
            fields: if same[2] { a.fields.clone() } else { b.fields },
            body: if same[3] { a.body } else { b.body },
        };
        let (a, b) = (share(&a, &policy, &vary), share(&b, &policy, &vary));
        prop_assert_eq!(a.key() == b.key(), sent(&a) == sent(&b), "{:?} {:?}", sent(&a), sent(&b));
        prop_assert_eq!(a.resource() == b.resource(), a.target() == b.target());
    }

    /// The same with an identity: it divides callers in addition to what is sent, and no header field stands for it.
    #[test]
    fn an_identity_divides_and_its_token_does_not(
        a in requests(), b in requests(), policy in policies(), vary in varies(),
        who in (identities(), identities()), same in any::<[bool; 3]>(), tokens in ["[a-z]{4}", "[a-z]{4}"],
    ) {
        let b = if same[0] { a.clone() } else { b };
        let (mine, theirs) = if same[1] { (who.0.clone(), who.0) } else { who };
        let one = share_as(&a, &policy, mine.as_ref(), &vary);
        let other = share_as(&b, &policy, theirs.as_ref(), &vary);
        // Who is told of, and by which names, is the route's: equal identities are told alike.
        let claims = |identity: &Option<Identity>| identity.as_ref().map(|identity| {
            identity.parts().map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        let equal = sent(&one) == sent(&other) && claims(&mine) == claims(&theirs);
        prop_assert_eq!(one.key() == other.key(), equal, "{:?} {:?} {:?} {:?}", mine, theirs, sent(&one), sent(&other));

        // Another token of the same caller is the same caller, and none reaches the origin.
        let with_token = |token: &str| {
            let mut request = a.clone();
            request.fields.retain(|(name, _)| *name != "authorization");
            request.fields.push(("authorization", format!("Bearer {token}")));
            share_as(&request, &policy, mine.as_ref(), &vary)
        };
        let shared = tokens.map(|token| with_token(&token));
        let nominated = a.fields.iter().any(|(name, value)| *name == "connection" && value.contains("authorization"));
        match &mine {
            Some(_) => {
                prop_assert_eq!(shared[0].key(), shared[1].key());
                prop_assert!(!shared[0].fields().contains_key("authorization"));
                prop_assert!(shared[0].is_credentialed());
            }
            None if !nominated => prop_assert!(shared[0].fields().contains_key("authorization")),
            None => {}
        }
    }

    /// Two identities that differ in anything never share, whatever else their requests hold.
    #[test]
    fn no_field_makes_one_identity_another(
        a in requests(), b in requests(), policy in policies(), who in (identities(), identities()), same in any::<bool>(),
    ) {
        let claims = |identity: &Option<Identity>| identity.as_ref().map(|identity| {
            identity.parts().map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        prop_assume!(claims(&who.0) != claims(&who.1));
        let b = if same { a.clone() } else { b };
        let one = share_as(&a, &policy, who.0.as_ref(), &Vary::none());
        let other = share_as(&b, &policy, who.1.as_ref(), &Vary::none());
        prop_assert_ne!(one.key(), other.key());
    }

    /// What is sent is made of what was asked, and asking just that is asking the same.
    #[test]
    fn a_fetch_is_its_own_shared_form(
        request in requests(), policy in policies(), who in identities(), vary in varies(),
    ) {
        let once = share_as(&request, &policy, who.as_ref(), &vary);
        let (method, target, fields, body) = (once.method(), once.target(), once.fields(), once.body());
        let again = SharedRequest::new(
            Asked { method, target, fields, body },
            SharingRules { scope: "r", policy: &policy, identity: who.as_ref(), vary: &vary, nonce: 1 },
        );
        prop_assert_eq!(again.key(), once.key(), "{:?} {:?}", sent(&again), sent(&once));
        prop_assert_eq!(sent(&again), sent(&once));
    }

    /// What does not travel, and what the route declares irrelevant, changes nothing.
    #[test]
    fn what_is_left_out_changes_nothing(request in requests(), word in "[a-z]{1,8}") {
        let policy = SharingPolicy {
            ignored_headers: vec![HeaderName::from_static("x-ignored")],
            ignored_query: IgnoredQuery::new(["nonce", "utm_*"]),
            cookies: Some(CookieNames::new(["session".to_owned()])),
        };
        let none = Vary::none();
        let mut more = request.clone();
        for name in ["x-ignored", "user-agent", "referer", "traceparent", "x-forwarded-for", "if-none-match"] {
            more.fields.push((name, word.clone()));
        }
        more.fields.push(("cookie", format!("analytics={word}")));
        let separator = if more.target.contains('?') { '&' } else { '?' };
        more.target.push_str(&format!("{separator}nonce={word}&utm_{word}=1&%6eonce"));
        // Where a quote is open, all cookies are kept: in doubt, nothing is shared.
        let quotes = request.fields.iter().any(|(name, value)| *name == "cookie" && value.contains('"'));
        prop_assume!(!quotes);
        let (more, plain) = (share(&more, &policy, &none), share(&request, &policy, &none));
        prop_assert_eq!(more.key(), plain.key(), "{:?} {:?}", sent(&more), sent(&plain));
    }
}
