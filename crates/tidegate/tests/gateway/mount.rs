//! APIs that clients see under another host or path than the origin does.

use super::common::{Api, Http, Setup, Stream, answer, get, ok, send};

const MOUNTED: &str =
    "[[route]]\npath = \"/market/**\"\norigin = \"api\"\nmount = \"/market\"\npoll = \"50ms\"\n";

#[tokio::test]
async fn what_an_answer_says_about_places_is_true_for_clients() {
    let api = Api::serve(|request| match request.line() {
        ("POST", "/v1/orders") => answer(
            "201 Created",
            "Location: /v1/orders/7\r\nSet-Cookie: s=1; Path=/v1\r\nLink: </v1/orders?p=2>; rel=next\r\n",
            "",
        ),
        ("GET", "/v1/old") => answer("302 Found", "Location: /v1/orders\r\n", ""),
        ("GET", "/v1/orders") => answer(
            "200 OK",
            "Content-Type: application/json\r\nContent-Location: /v1/orders?all\r\nLink: </v1/orders?p=2>; rel=next\r\n",
            "[]",
        ),
        (_, target) => ok(format!("\"{target}\"")),
    })
    .await;
    let gateway = Setup::new(format!("{}/v1", api.url())).more(MOUNTED).start().await;

    let created = send(gateway.address, "POST", "/market/orders", &[]).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.field("location"), Some("/market/orders/7"));
    assert_eq!(created.field("set-cookie"), Some("s=1; Path=/market"));
    assert_eq!(created.field("link"), Some("</market/orders?p=2>; rel=next"));
    let asked = api.requests();
    assert_eq!(asked[0].field("x-forwarded-prefix"), Some("/market"));

    let moved = get(gateway.address, "/market/old", &[]).await;
    assert_eq!((moved.status, moved.field("location")), (302, Some("/market/orders")));
    let orders = get(gateway.address, "/market/orders", &[]).await;
    assert_eq!(orders.field("content-location"), Some("/market/orders?all"));
    assert_eq!(orders.field("link"), Some("</market/orders?p=2>; rel=next"));
    assert_eq!(get(gateway.address, "/market/a/b?c=%2F", &[]).await.text(), "\"/v1/a/b?c=%2F\"");
    assert_eq!(get(gateway.address, "/market", &[]).await.text(), "\"/v1\"");
    // The same API where it is: another feed, and other references.
    assert_eq!(get(gateway.address, "/old", &[]).await.field("location"), Some("/orders"));
}

#[tokio::test]
async fn a_stream_of_a_mounted_api() {
    let api = Api::serve(|request| ok(format!("\"{}\"", request.line().1))).await;
    let gateway = Setup::new(api.url()).more(MOUNTED).start().await;
    let mut stream = Stream::open(gateway.address, "/market/quotes?x", &[]).await;
    assert_eq!(stream.expect("snapshot").await.data, "\"/quotes?x\"");
}

#[tokio::test]
async fn a_host_has_routes_of_its_own() {
    let (here, there) = (Api::serve(|_| ok("1")).await, Api::serve(|_| ok("2")).await);
    let more = format!(
        "[[route]]\npath = \"/**\"\nhost = \"there.example\"\norigin = \"there\"\n\
         [[origin]]\nname = \"there\"\nurl = \"{}\"\n",
        there.url()
    );
    let gateway = Setup::new(here.url()).more(&more).start().await;
    for (host, expected) in [
        ("127.0.0.1", "1"),
        ("there.example", "2"),
        ("There.Example:8080", "2"),
        ("there.example.evil", "1"),
        ("a.there.example", "1"),
    ] {
        let mut http = Http::connect(gateway.address).await;
        http.send(format!("GET /q HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(http.response("GET").await.text(), expected, "{host}");
    }
    // Two feeds, though the target is the same.
    assert_eq!((here.asked(), there.asked()), (3, 2));
}
