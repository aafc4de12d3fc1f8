//! The gateway's own credentials: whoever comes shares what it may read, and nobody learns how.

use tidegate_testkit::ScriptedOrigin;

use crate::common::{Api, Setup, get, ok, send};

#[tokio::test]
async fn clients_with_different_credentials_share_what_the_gateway_reads() {
    let api = Api::serve(|_| ok("[1]")).await;
    let own = "headers = { Authorization = \"Bearer own\", \"X-Api-Key\" = \"key\" }\n";
    let gateway = Setup::new(api.url()).origin(own).start().await;
    for client in ["a", "b"] {
        let fields = [("Authorization", client), ("X-Api-Key", client)];
        assert_eq!(get(gateway.address, "/q", &fields).await.text(), "[1]");
    }
    assert_eq!(gateway.gateway.report().await.len(), 1, "one feed serves both");
    send(gateway.address, "DELETE", "/q", &[("Authorization", "a")]).await;
    for request in api.requests() {
        assert_eq!(
            (request.all("authorization"), request.all("x-api-key")),
            (vec!["Bearer own"], vec!["key"])
        );
    }
    // Another field that may say who asks divides, as everywhere.
    get(gateway.address, "/q", &[("X-User", "a")]).await;
    assert_eq!(gateway.gateway.report().await.len(), 2);
}

/// What echoes a request echoes no secret (RFC 9110 §9.3.8).
#[tokio::test]
async fn a_trace_carries_none() {
    let api = Api::serve(|request| ok(serde_json::json!({ "head": request.head }).to_string())).await;
    let gateway = Setup::new(api.url()).origin("headers = { \"X-Api-Key\" = \"zq9key\" }\n").start().await;
    let echoed = send(gateway.address, "TRACE", "/q", &[("Content-Length", "0")]).await;
    assert!(echoed.status == 200 && !echoed.text().contains("zq9key"), "{echoed:?}");
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_a_problem_without_secrets() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let token = format!(
        "oauth2_token_url = \"{}/token\"\noauth2_client_id = \"zq9id\"\noauth2_client_secret = \"zq9secret\"\n",
        issuer.url()
    );
    drop(issuer);
    let gateway = Setup::new(api.url()).origin(&token).start().await;
    for (method, accept) in [("GET", "application/json"), ("GET", "text/event-stream"), ("POST", "*/*")] {
        let refused =
            send(gateway.address, method, "/q", &[("Accept", accept), ("Content-Length", "0")]).await;
        assert_eq!((refused.status, &*refused.problem()), (502, "origin-unreachable"), "{method}");
        assert!(!format!("{refused:?}").contains("zq9"), "{refused:?}");
    }
}
