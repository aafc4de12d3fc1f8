//! What reaches the origin.

use http::Uri;
use tidegate_core::Validators;

use super::super::OriginError;
use super::*;

/// The request that a fetch sends.
async fn sent(path: &str, request: FetchRequest) -> tidegate_testkit::RecordedRequest {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&format!("{}{path}", server.url()));
    let (_, request) = tokio::join!(origin.fetch(request), async {
        let (mut connection, request) = server.request().await;
        connection.answer("200 OK", "", "").await;
        request
    });
    request
}

#[tokio::test]
async fn a_fetch_carries_the_given_fields_and_the_gateway_s_own() {
    let given = [
        ("authorization", "Bearer s"),
        ("x-tenant", "7"),
        // None of these belongs to a shared fetch, whoever put it in.
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("content-length", "5"),
        ("host", "gateway.example"),
        ("accept-encoding", "deflate"),
    ];
    let condition = Validators {
        etag: Some("W/\"a\"".parse().unwrap()),
        last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap()),
    };
    let request = sent("", FetchRequest { fields: fields(&given), condition, ..get("/q?a=1&b=%20") }).await;
    assert_eq!(request.line(), ("GET", "/q?a=1&b=%20"));
    let mut names = request.names();
    names.sort();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "host",
            "if-modified-since",
            "if-none-match",
            "user-agent",
            "via",
            "x-tenant"
        ]
    );
    assert_eq!(request.field("accept"), Some("application/json, */*;q=0.5"));
    assert_eq!(request.field("accept-encoding"), Some("gzip, br, zstd"));
    assert_eq!(request.field("user-agent"), Some(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    assert!(request.field("via").is_some_and(|via| via.starts_with("1.1 tidegate-")));
    assert_eq!(request.field("if-none-match"), Some("W/\"a\""));
    assert_ne!(request.field("host"), Some("gateway.example"));
}

#[tokio::test]
async fn a_client_s_wishes_come_before_the_gateway_s() {
    let given = fields(&[("accept", "application/xml"), ("user-agent", "vary-names-it/1")]);
    let request = sent("", FetchRequest { fields: given, ..get("/") }).await;
    assert_eq!(request.field("accept"), Some("application/xml"));
    assert_eq!(request.field("user-agent"), Some("vary-names-it/1"));
}

#[tokio::test]
async fn targets_are_joined_to_the_base() {
    for (path, target, expected) in [
        ("", "/", "/"),
        ("/", "/q", "/q"),
        ("", "/a/../b?x=/../y", "/a/../b?x=/../y"),
        ("", "//twice//?", "//twice//?"),
        ("", "/%7Euser/%e4", "/%7Euser/%e4"),
        ("/api", "/q?a", "/api/q?a"),
        ("/api/", "/", "/api/"),
        ("/api/v1/", "/a//b", "/api/v1/a//b"),
        ("/api", "/../admin?up=../..", "/api/admin?up=../.."),
        ("/api", "/x/%2e%2e/%2E%2e/admin", "/api/admin"),
    ] {
        assert_eq!(sent(path, get(target)).await.line().1, expected, "{path:?} + {target:?}");
    }
}

#[test]
fn a_base_is_a_place_without_secrets() {
    let refused = |url: &'static str| {
        HttpOrigin::new(OriginSettings { base: Uri::from_static(url), ..settings("http://a") }).unwrap_err()
    };
    assert!(matches!(refused("ftp://host/"), OriginError::Scheme));
    assert!(matches!(refused("/only/a/path"), OriginError::Scheme));
    assert!(matches!(refused("http://host/?query"), OriginError::Query));
    let error = refused("http://user:s3cret@host/");
    assert!(matches!(error, OriginError::Credentials));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
