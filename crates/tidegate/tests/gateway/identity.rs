//! Promise 5 where callers are verified: who is the same shares, whatever its token; who is not never does; and nobody is
//! who it says it is without proof.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::common::{Api, Running, Setup, Stream, answer, get, ok, send};

const SECRET: &str = "the secret of the tests, which is 32 bytes or more";

const BY_TENANT: &str =
    "verifier = \"login\"\npartition_by = [\"tenant\"]\nclaim_headers = { X-Tenant = \"tenant\" }\n";

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A token as it stands in `Authorization`.
fn signed(header: &str, claims: &Value, secret: &str) -> String {
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// One that is valid for an hour, with these claims beside.
fn token(more: Value) -> String {
    let mut claims = json!({ "iss": "https://login", "aud": "orders", "exp": now() + 3600 });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    signed(r#"{"alg":"HS256","typ":"JWT"}"#, &claims, SECRET)
}

fn of(tenant: &str, id: u32) -> String {
    token(json!({ "tenant": tenant, "jti": id }))
}

fn verifier(more: &str) -> String {
    format!(
        "[[verifier]]\nname = \"login\"\nsecrets = {{ main = \"{SECRET}\" }}\nissuer = \"https://login\"\n\
         audience = \"orders\"\n{more}"
    )
}

/// An API that tells what it was asked.
async fn echo() -> Api {
    Api::serve(|request| {
        let head: Vec<&str> = request
            .head
            .split("\r\n")
            .filter(|line| !line.to_ascii_lowercase().starts_with("via:"))
            .collect();
        ok(json!({ "head": head }).to_string())
    })
    .await
}

async fn start(api: &Api, route: &str) -> Running {
    Setup::new(api.url()).route(route).more(&verifier("")).start().await
}

#[tokio::test]
async fn two_tokens_of_one_tenant_share_and_two_tenants_never_do() {
    let api = echo().await;
    let gateway = start(&api, BY_TENANT).await;
    let mut streams = Vec::new();
    for (tenant, id) in [("acme", 1), ("zeta", 2), ("acme", 3), ("acme", 4)] {
        let own = of(tenant, id);
        let mut stream = Stream::open(gateway.address, "/q", &[("Authorization", &own)]).await;
        let (snapshot, _) = stream.begin().await;
        assert!(snapshot.data.to_ascii_lowercase().contains(&format!("x-tenant: {tenant}")), "{snapshot:?}");
        assert_eq!(stream.head.field("cache-control"), Some("no-cache, no-transform, private"));
        streams.push((tenant, snapshot.id, stream));
    }
    assert_eq!((api.asked(), gateway.gateway.report().await.len()), (2, 2));
    assert_eq!(streams[0].1, streams[2].1, "the same version");
    for request in api.requests() {
        assert!(
            request.field("authorization").is_none() && !request.head.contains("eyJ"),
            "{}",
            request.head
        );
    }
    // A plain reader of the same tenant has it from memory, and no cache in between may keep it.
    let own = of("zeta", 9);
    let read = get(gateway.address, "/q", &[("Authorization", &own), ("X-Tenant", "acme")]).await;
    assert!(read.text().contains("zeta") && !read.text().contains("acme"), "{read:?}");
    assert!(read.list("cache-control").contains(&"private".to_owned()), "{read:?}");
    assert!(read.list("vary").contains(&"Authorization".to_owned()), "{read:?}");
}

/// Whatever claims hold: each caller gets the answer to its own, and of two that differ none gets the other's.
#[tokio::test]
async fn claims_that_look_alike_are_told_apart() {
    let api = echo().await;
    let gateway =
        start(&api, "verifier = \"login\"\npartition_by = [\"tenant\", \"sub\"]\nclaim_headers = { X-T = \"tenant\", X-S = \"sub\" }\n")
            .await;
    let callers = [
        json!({ "tenant": "1", "sub": "a" }),
        json!({ "tenant": 1, "sub": "a" }),
        json!({ "tenant": true, "sub": "a" }),
        json!({ "tenant": "true", "sub": "a" }),
        json!({ "tenant": "a", "sub": "1" }),
        json!({ "tenant": "1a", "sub": "a" }),
        json!({ "tenant": "1", "sub": "aa" }),
        json!({ "tenant": "1, sub=a", "sub": "a" }),
        json!({ "tenant": -1, "sub": u64::MAX }),
    ];
    for round in 0..2 {
        for (index, caller) in callers.iter().enumerate() {
            let own = token(caller.clone());
            let read = get(gateway.address, "/q", &[("Authorization", &own)]).await;
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            for (field, claim) in [("x-t", "tenant"), ("x-s", "sub")] {
                let line = json!(format!("{field}: {}", plain(&caller[claim])));
                let head = read.json();
                assert!(head["head"].as_array().unwrap().contains(&line), "{round} {caller}: {head}");
            }
            assert_eq!(
                gateway.gateway.report().await.len(),
                if round == 0 { index + 1 } else { callers.len() }
            );
        }
    }
}

#[tokio::test]
async fn nothing_goes_without_a_valid_token() {
    let api = echo().await;
    let gateway = start(&api, BY_TENANT).await;
    let right = json!({ "iss": "https://login", "aud": "orders", "exp": now() + 3600, "tenant": "zq9" });
    let with = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        signed(r#"{"alg":"HS256"}"#, &claims, SECRET)
    };
    let unsigned = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
        format!("Bearer {header}.{}.", URL_SAFE_NO_PAD.encode(right.to_string()))
    };
    let whole = with("jti", json!(1));
    for (authorization, status, code, error) in [
        (None, 401, "token-missing", None),
        (Some("Basic zq9".to_owned()), 401, "token-missing", None),
        (Some("zq9".to_owned()), 401, "token-missing", None),
        (Some("Bearer zq9".to_owned()), 401, "token-invalid", Some("invalid_token")),
        (Some(unsigned("none")), 401, "token-invalid", Some("invalid_token")),
        (Some(unsigned("HS256")), 401, "token-invalid", Some("invalid_token")),
        (Some(signed(r#"{"alg":"HS384"}"#, &right, SECRET)), 401, "token-invalid", Some("invalid_token")),
        (
            Some(signed(r#"{"alg":"HS256"}"#, &right, "another secret")),
            401,
            "token-invalid",
            Some("invalid_token"),
        ),
        (
            Some(signed(r#"{"alg":"HS256","crit":["zq9"]}"#, &right, SECRET)),
            401,
            "token-invalid",
            Some("invalid_token"),
        ),
        (Some(with("exp", json!(now() - 31))), 401, "token-invalid", Some("invalid_token")),
        (Some(with("exp", json!(null))), 401, "token-invalid", Some("invalid_token")),
        (Some(with("nbf", json!(now() + 600))), 401, "token-invalid", Some("invalid_token")),
        (Some(with("iss", json!("https://zq9"))), 401, "token-invalid", Some("invalid_token")),
        (Some(with("aud", json!(["billing"]))), 401, "token-invalid", Some("invalid_token")),
        (Some(format!("{whole}, {whole}")), 401, "token-invalid", Some("invalid_token")),
        (Some(with("tenant", json!(null))), 403, "claim-unusable", None),
        (Some(with("tenant", json!(["zq9"]))), 403, "claim-unusable", None),
        (Some(with("tenant", json!({ "zq9": 1 }))), 403, "claim-unusable", None),
        (Some(with("tenant", json!(1.5))), 403, "claim-unusable", None),
        (Some(with("tenant", json!(""))), 403, "claim-unusable", None),
        (Some(with("tenant", json!("zq9\r\nX-Admin: 1"))), 403, "claim-unusable", None),
        (Some(with("tenant", json!("zq9\u{0}"))), 403, "claim-unusable", None),
        (Some(with("tenant", json!(" zq9"))), 403, "claim-unusable", None),
    ] {
        for (method, accept) in
            [("GET", "*/*"), ("GET", "text/event-stream"), ("POST", "*/*"), ("OPTIONS", "*/*")]
        {
            let mut fields = vec![("Accept", accept), ("Content-Length", "0")];
            fields.extend(authorization.iter().map(|value| ("Authorization", value.as_str())));
            let refused = send(gateway.address, method, "/q", &fields).await;
            assert_eq!((refused.status, &*refused.problem()), (status, code), "{method} {authorization:?}");
            assert!(!format!("{refused:?}").contains("zq9"), "{refused:?}");
            assert_eq!(refused.field("cache-control"), Some("no-store"));
            let challenge = refused.field("www-authenticate");
            match (status, error) {
                (401, None) => assert_eq!(challenge, Some("Bearer realm=\"login\"")),
                (401, Some(error)) => {
                    let begins =
                        format!("Bearer realm=\"login\", error=\"{error}\", error_description=\"the token ");
                    assert!(
                        challenge.is_some_and(|challenge| challenge.starts_with(&begins)),
                        "{challenge:?}"
                    );
                }
                _ => assert_eq!(challenge, None),
            }
        }
    }
    // Two are one too many, even if both are right, and so is a claim that something else takes off on its way.
    for (name, value) in
        [("Authorization", whole.as_str()), ("Connection", "X-Tenant"), ("Connection", "close, x_tenant")]
    {
        let refused = get(gateway.address, "/q", &[("Authorization", &whole), (name, value)]).await;
        assert_eq!((refused.status, &*refused.problem()), (400, "bad-request"), "{name}");
        assert!(refused.field("www-authenticate").unwrap().contains("error=\"invalid_request\""));
    }
    assert_eq!(api.asked(), 0);
    // The scheme has no case, and a name of a key that is not there is a hint that leads nowhere.
    let lower = whole.replacen("Bearer", "bEARER", 1);
    assert_eq!(get(gateway.address, "/q", &[("Authorization", &lower)]).await.status, 200);
    let named = signed(r#"{"alg":"HS256","kid":"other"}"#, &right, SECRET);
    assert_eq!(get(gateway.address, "/q", &[("Authorization", &named)]).await.status, 200);
    assert_eq!(gateway.gateway.report().await.len(), 1, "both are of one tenant");
}

#[tokio::test]
async fn what_is_claimed_without_proof_goes_no_further() {
    let api = echo().await;
    // The common route is live; the other one stands before it.
    let passed = "[[route]]\npath = \"/passed/**\"\norigin = \"api\"\nlive = false\nverifier = \"login\"\n\
                  claim_headers = { X-Tenant = \"tenant\" }\n";
    for (is_live, more) in [(true, ""), (false, passed)] {
        let setup = Setup::new(api.url()).route(BY_TENANT);
        let gateway = setup.more(&format!("{more}{}", verifier(""))).start().await;
        let own = of("acme", 1);
        let forged = [
            ("Authorization", &*own),
            ("X-Tenant", "zq9"),
            ("x-tenant", "zq9"),
            ("X_Tenant", "zq9"),
            ("x_TENANT", "zq9"),
        ];
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            let mut fields = forged.to_vec();
            fields.push(("Content-Length", "0"));
            let seen = send(gateway.address, method, "/passed/q", &fields).await;
            assert_eq!(seen.status, 200, "{seen:?}");
            let last = api.requests().pop().unwrap();
            assert!(!last.head.contains("zq9"), "{method}: {}", last.head);
            assert_eq!(last.all("x-tenant"), ["acme"], "{method}");
            // What passes through is the caller's own request.
            let shared = method == "GET" && is_live;
            assert_eq!(last.field("authorization").is_none(), shared, "{method}");
        }
    }
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_carries_nobody() {
    let api = echo().await;
    let preflight = [
        ("Origin", "https://app.test"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
        ("X-Tenant", "zq9"),
        ("Cookie", "session=zq9"),
        ("X-HTTP-Method-Override", "DELETE"),
    ];
    let gateway = start(&api, BY_TENANT).await;
    let passed = send(gateway.address, "OPTIONS", "/q", &preflight).await;
    assert_eq!(passed.status, 200);
    let seen = api.requests().pop().unwrap();
    assert!(
        !seen.head.contains("zq9") && !seen.head.to_ascii_lowercase().contains("override"),
        "{}",
        seen.head
    );
    assert_eq!(seen.field("access-control-request-headers"), Some("authorization"));

    let setup = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").route(BY_TENANT);
    let gateway = setup.more(&verifier("")).start().await;
    let answered = send(gateway.address, "OPTIONS", "/q", &preflight).await;
    assert_eq!(
        (answered.status, answered.field("access-control-allow-headers")),
        (204, Some("authorization"))
    );
    // And the page may read why it was refused.
    let refused = get(gateway.address, "/q", &[("Origin", "https://app.test")]).await;
    assert_eq!(refused.field("access-control-allow-origin"), Some("https://app.test"));
    assert_eq!(api.asked(), 1);
}

#[tokio::test]
async fn a_position_of_somebody_else_proves_nothing() {
    let api = echo().await;
    let gateway = start(&api, BY_TENANT).await;
    let acme = of("acme", 1);
    let mut stream = Stream::open(gateway.address, "/q", &[("Authorization", &acme)]).await;
    let (snapshot, _) = stream.begin().await;
    let id = snapshot.id.unwrap();
    // Another token of the same tenant goes on silently.
    let renewed = of("acme", 2);
    let mut again =
        Stream::open(gateway.address, "/q", &[("Authorization", &renewed), ("Last-Event-ID", &id)]).await;
    let status = again.expect("status").await;
    assert!(status.status().get("continuity").is_none(), "{status:?}");
    let zeta = of("zeta", 3);
    let mut other =
        Stream::open(gateway.address, "/q", &[("Authorization", &zeta), ("Last-Event-ID", &id)]).await;
    let (snapshot, status) = other.begin().await;
    assert!(!snapshot.data.contains("acme"), "{snapshot:?}");
    assert_eq!(status.status()["continuity"], "unproven");
    // A tag of another's version is no reason for a 304.
    let tag = format!("\"{id}\"");
    let read = get(gateway.address, "/q", &[("Authorization", &zeta), ("If-None-Match", &tag)]).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn without_claims_that_divide_each_token_does() {
    let api = echo().await;
    let gateway = start(&api, "verifier = \"login\"\n").await;
    for id in 0..2 {
        let own = of("acme", id);
        get(gateway.address, "/q", &[("Authorization", &own)]).await;
        assert_eq!(api.requests().pop().unwrap().field("authorization"), Some(&*own));
    }
    assert_eq!(gateway.gateway.report().await.len(), 2);
}

#[tokio::test]
async fn what_the_origin_calls_public_is_kept_by_nobody_in_between() {
    let api = Api::serve(|_| {
        let fields = "Content-Type: application/json\r\nCache-Control: public, s-maxage=60, max-age=30\r\n\
                      CDN-Cache-Control: max-age=600\r\nSurrogate-Control: max-age=600\r\n";
        answer("200 OK", fields, "{}")
    })
    .await;
    let gateway = start(&api, BY_TENANT).await;
    let own = of("acme", 1);
    for method in ["GET", "POST"] {
        let fields = [("Authorization", &*own), ("Content-Length", "0")];
        let seen = send(gateway.address, method, "/q", &fields).await;
        assert_eq!(seen.list("cache-control"), ["max-age=30", "private"], "{method}");
        assert_eq!((seen.field("cdn-cache-control"), seen.field("surrogate-control")), (None, None));
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let api = echo().await;
    let setup = Setup::new(api.url()).route(BY_TENANT);
    let gateway = setup.more(&verifier("leeway = \"0s\"\n")).start().await;
    let lasting = of("acme", 1);
    let mut stays = Stream::open(gateway.address, "/q", &[("Authorization", &lasting)]).await;
    stays.begin().await;
    let short = token(json!({ "tenant": "acme", "exp": now() + 3 }));
    let mut ends = Stream::open(gateway.address, "/q", &[("Authorization", &short)]).await;
    ends.begin().await;
    let last = ends.expect("status").await;
    let cause = &last.status()["cause"];
    assert_eq!(cause["type"], "urn:tidegate:problem:token-invalid", "{last:?}");
    assert!(last.retry.is_some(), "{last:?}");
    ends.ends().await;
    crate::common::until("it has left", || async { gateway.subscribers().await == 1 }).await;
    let again = get(gateway.address, "/q", &[("Authorization", &short)]).await;
    assert_eq!((again.status, &*again.problem()), (401, "token-invalid"));
    drop(stays);
}

#[tokio::test]
async fn a_read_waits_no_longer_than_its_token_is_valid() {
    let api = echo().await;
    let setup = Setup::new(api.url()).route(BY_TENANT);
    let gateway = setup.more(&verifier("leeway = \"0s\"\n")).start().await;
    let read = get(gateway.address, "/q", &[("Authorization", &of("acme", 1))]).await;
    let tag = read.field("etag").unwrap();
    let by_url = format!("/q?tidegate.after={}", tag.trim_matches('"'));
    for (target, status) in [("/q", 304), (&*by_url, 200)] {
        let short = token(json!({ "tenant": "acme", "exp": now() + 2 }));
        let mut fields = vec![("Authorization", &*short), ("Prefer", "wait=60")];
        if status == 304 {
            fields.push(("If-None-Match", tag));
        }
        let same = get(gateway.address, target, &fields).await;
        assert_eq!(same.status, status, "{same:?}");
        let applied = same.field("preference-applied").unwrap();
        assert!(["wait=0", "wait=1", "wait=2"].contains(&applied), "{applied}");
    }
}
