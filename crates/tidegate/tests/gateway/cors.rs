//! Cross-origin access (Fetch §3.2).

use crate::common::{Api, Http, Response, Setup, answer, get, ok, send};

const PAGE: &str = "https://app.test";

fn api_fields() -> &'static str {
    "Content-Type: application/json\r\nAccess-Control-Allow-Origin: https://origins.own\r\n\
     Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: X-Own\r\n"
}

async fn api() -> Api {
    Api::serve(|request| match request.line().0 {
        "OPTIONS" => {
            answer("200 OK", "Allow: GET\r\nAccess-Control-Allow-Origin: https://origins.own\r\n", "")
        }
        _ => answer("200 OK", api_fields(), "[1]"),
    })
    .await
}

/// All three ways to an answer: from memory, as a stream, and passed through.
async fn answers(address: std::net::SocketAddr, origin: &str) -> Vec<Response> {
    let mut http = Http::connect(address).await;
    http.ask("GET", "/q", &[("Origin", origin), ("Accept", "text/event-stream")]).await;
    vec![
        get(address, "/q", &[("Origin", origin)]).await,
        http.head().await,
        send(address, "DELETE", "/q", &[("Origin", origin)]).await,
        get(address, "/q?tidegate.x=1", &[("Origin", origin)]).await,
    ]
}

#[tokio::test]
async fn the_origins_own_rules_where_none_are_configured() {
    let api = api().await;
    let gateway = Setup::new(api.url()).start().await;
    for response in answers(gateway.address, PAGE).await.iter().step_by(2).take(2) {
        assert_eq!(
            response.field("access-control-allow-origin"),
            Some("https://origins.own"),
            "{response:?}"
        );
        assert_eq!(response.field("access-control-expose-headers"), Some("X-Own"));
    }
    let preflight = [("Origin", PAGE), ("Access-Control-Request-Method", "PUT")];
    let passed = send(gateway.address, "OPTIONS", "/q", &preflight).await;
    assert_eq!((passed.status, passed.field("allow")), (200, Some("GET")));
    assert_eq!(api.requests().last().unwrap().line(), ("OPTIONS", "/q"));
}

#[tokio::test]
async fn a_list_names_who_may_read() {
    let api = api().await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    for response in answers(gateway.address, PAGE).await {
        assert_eq!(response.field("access-control-allow-origin"), Some(PAGE), "{response:?}");
        assert_eq!(response.field("access-control-allow-credentials"), Some("true"));
        assert!(response.list("vary").contains(&"Origin".to_owned()), "{response:?}");
        let exposed = response.list("access-control-expose-headers");
        for name in ["ETag", "Age", "Cache-Status", "Tidegate-Content-Type", "Retry-After"] {
            assert!(exposed.iter().any(|exposed| exposed == name), "{name}: {exposed:?}");
        }
    }
    for other in ["https://evil.test", "null", "https://app.test.evil", "http://app.test"] {
        for response in answers(gateway.address, other).await {
            assert_eq!(response.field("access-control-allow-origin"), None, "{other} {response:?}");
            assert_eq!(response.field("access-control-allow-credentials"), None);
            assert!(response.list("vary").contains(&"Origin".to_owned()), "{response:?}");
        }
    }
}

#[tokio::test]
async fn anyone_may_read_without_credentials() {
    let api = api().await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"*\"]\n").start().await;
    for response in answers(gateway.address, PAGE).await {
        assert_eq!(response.field("access-control-allow-origin"), Some("*"), "{response:?}");
        assert_eq!(response.field("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn preflights_are_answered_here() {
    let api = api().await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    let asked = "last-event-id, authorization, x-own";
    let preflight = |origin: &'static str| {
        [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", asked),
        ]
    };
    let allowed = send(gateway.address, "OPTIONS", "/q", &preflight(PAGE)).await;
    assert_eq!((allowed.status, allowed.field("access-control-allow-origin")), (204, Some(PAGE)));
    assert_eq!(allowed.field("access-control-allow-methods"), Some("PUT"));
    assert_eq!(allowed.field("access-control-allow-headers"), Some(asked));
    assert!(allowed.field("access-control-max-age").is_some());
    let refused = send(gateway.address, "OPTIONS", "/q", &preflight("https://evil.test")).await;
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (204, None));
    assert_eq!(refused.field("access-control-allow-methods"), None);
    assert_eq!(api.asked(), 0);
    // An OPTIONS that is no preflight is the origin's.
    let options = send(gateway.address, "OPTIONS", "/q", &[("Origin", PAGE)]).await;
    assert_eq!((options.status, options.field("allow")), (200, Some("GET")));
}

#[tokio::test]
async fn an_origin_that_answers_origin_without_vary_is_told_who_asks() {
    // Many do: the fields come only for requests with `Origin`, and `Vary` does not say so.
    let api = Api::serve(|request| match request.field("origin") {
        Some(origin) => {
            let fields =
                format!("Content-Type: application/json\r\nAccess-Control-Allow-Origin: {origin}\r\n");
            answer("200 OK", &fields, "[1]")
        }
        None => ok("[1]"),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    assert_eq!(get(gateway.address, "/q", &[]).await.field("access-control-allow-origin"), None);
    for page in ["https://a.example", "https://b.example"] {
        let response = get(gateway.address, "/q", &[("Origin", page)]).await;
        assert_eq!(response.field("access-control-allow-origin"), Some(page));
    }
}

#[tokio::test]
async fn pages_may_say_how_they_want_a_resource_read() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"*\"]\n").start().await;
    let asked = "tidegate-mode,tidegate-rate,tidegate-select,prefer,subscribe,parents";
    let preflight = send(
        gateway.address,
        "OPTIONS",
        "/q",
        &[
            ("Origin", "https://page.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", asked),
        ],
    )
    .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.field("access-control-allow-headers"), Some(asked));
    let read = get(gateway.address, "/q", &[("Origin", "https://page.example")]).await;
    let exposed = read.list("access-control-expose-headers");
    assert!(["Preference-Applied", "Subscribe"].iter().all(|name| exposed.contains(&(*name).to_owned())));
    assert_eq!(api.asked(), 1);
}
