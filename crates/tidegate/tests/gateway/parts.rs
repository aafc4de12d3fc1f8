//! Parts of what the gateway does not keep, and what is said of parts where the whole is answered.

use crate::common::{Api, Setup, answer, get, ok, send};

const JSON: &str = "application/json";
const SELECT: (&str, &str) = ("Tidegate-Select", "/a");

#[tokio::test]
async fn what_could_have_been_a_part_says_so() {
    let api = Api::serve(|request| match request.line().1 {
        "/alone" => {
            answer("200 OK", &format!("Content-Type: {JSON}\r\nCache-Control: no-store\r\n"), "{\"a\":1}")
        }
        "/image" => answer("200 OK", "Content-Type: image/png\r\nVary: Accept\r\n", "x"),
        "/none" => answer("404 Not Found", "", ""),
        _ => ok("{\"a\":1}"),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let tag = get(gateway.address, "/q", &[]).await.field("etag").unwrap().to_owned();
    let only_if_cached = ("Cache-Control", "only-if-cached");
    for (target, fields, status) in [
        ("/q", &[][..], 200),
        ("/q", &[SELECT], 200),
        ("/q", &[("If-None-Match", &*tag)], 304),
        ("/q", &[("Cache-Control", "no-store")], 200),
        ("/alone", &[], 200),
        ("/alone", &[SELECT], 200),
        ("/image", &[], 200),
        ("/image", &[SELECT], 406),
        ("/image", &[("Accept", "text/event-stream")], 406),
        ("/none", &[], 404),
        ("/unknown", &[only_if_cached], 504),
    ] {
        let response = get(gateway.address, target, fields).await;
        assert_eq!(response.status, status, "{target} {fields:?}");
        let vary = response.list("vary");
        for name in ["Accept", "Tidegate-Select"] {
            assert_eq!(vary.iter().filter(|it| *it == name).count(), 1, "{target} {fields:?}: {vary:?}");
        }
    }
    assert!(send(gateway.address, "PUT", "/q", &[]).await.list("vary").is_empty(), "a write has no parts");
}

#[tokio::test]
async fn an_origins_own_stream_is_never_relayed_for_a_part_of_it() {
    let api = Api::serve(|_| answer("200 OK", "Content-Type: text/event-stream\r\n", "data: all\n\n")).await;
    let gateway = Setup::new(api.url()).start().await;
    let accept = ("Accept", "text/event-stream");
    let whole = get(gateway.address, "/q", &[accept]).await;
    assert_eq!((whole.status, whole.text()), (200, "data: all\n\n"));
    // Shared or one caller's alone.
    for own in [("X-A", "1"), ("Cookie", "a=1"), ("Authorization", "Bearer a")] {
        let refused = get(gateway.address, "/q", &[accept, SELECT, own]).await;
        assert_eq!((refused.status, &*refused.problem()), (406, "not-selectable"), "{own:?}");
        let refused = get(gateway.address, "/q?tidegate.select=$.a", &[accept, own]).await;
        assert_eq!((refused.status, &*refused.problem()), (406, "not-selectable"), "{own:?}");
        assert!(refused.text().contains("a stream of its own"), "{}", refused.text());
    }
    assert_eq!(get(gateway.address, "/q?tidegate.select=", &[accept]).await.status, 200);
}
