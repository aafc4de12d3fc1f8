//! What the gateway answers itself, below `/.tidegate/`.

use crate::common::{Api, Http, Setup, get, ok, send};

const DOCUMENTS: [&str; 2] = ["/.tidegate/openapi.json", "/.tidegate/asyncapi.json"];

#[tokio::test]
async fn the_documents_can_be_kept_and_asked_for_again() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).top("cors_origins = [\"https://app.test\"]\n").start().await;
    for path in DOCUMENTS {
        let origin = ("Origin", "https://app.test");
        let whole = get(gateway.address, path, &[origin]).await;
        assert_eq!((whole.status, whole.field("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!(whole.field("cache-control"), Some("max-age=60"));
        assert_eq!(whole.field("access-control-allow-origin"), Some("https://app.test"));
        let tag = whole.field("etag").expect("a tag").to_owned();
        for condition in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = get(gateway.address, path, &[origin, ("If-None-Match", &condition)]).await;
            assert_eq!((again.status, again.field("etag")), (304, Some(tag.as_str())), "{condition}");
            assert_eq!((again.text(), again.field("cache-control")), ("", Some("max-age=60")));
        }
        assert_eq!(get(gateway.address, path, &[("If-None-Match", "\"x\"")]).await.json(), whole.json());
        let head = send(gateway.address, "HEAD", path, &[]).await;
        assert_eq!((head.status, head.field("etag")), (200, Some(tag.as_str())));
        let written = send(gateway.address, "POST", path, &[]).await;
        assert_eq!((written.status, written.field("allow")), (405, Some("GET, HEAD")));
        assert_eq!(written.problem(), "method-not-allowed");
    }
    assert_eq!(api.asked(), 0);
}

#[tokio::test]
async fn the_documents_are_those_of_the_host_that_is_asked() {
    let api = Api::serve(|_| ok("[1]")).await;
    let more = "[[route]]\nhost = \"api.example.com\"\npath = \"/one\"\norigin = \"api\"\n";
    let gateway = Setup::new(api.url()).more(more).start().await;
    let at = async |host: &str| {
        let mut http = Http::connect(gateway.address).await;
        http.send(format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", DOCUMENTS[1])).await;
        http.response("GET").await.json()
    };
    let named = at("api.example.com:8443").await;
    assert_eq!(named["servers"]["gateway"]["host"], "api.example.com:8443");
    assert_eq!(named["servers"]["gateway"]["protocol"], "http");
    assert_eq!(named["channels"]["one"]["address"], "/one");
    let other = at("other.example.com").await;
    assert_eq!(other["servers"]["gateway"]["host"], "other.example.com");
    assert!(other["channels"].get("one").is_none(), "{other}");
    assert_eq!(at("a_b{evil}").await["servers"]["gateway"]["host"], "localhost");
}

#[tokio::test]
async fn nothing_there_reaches_an_origin() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for path in ["/.tidegate", "/.tidegate/", "/.tidegate/nothing", "/.tidegate/openapi.json/x"] {
        for accept in ["application/json", "text/event-stream"] {
            let answer = get(gateway.address, path, &[("Accept", accept)]).await;
            assert_eq!((answer.status, answer.problem().as_str()), (404, "no-route"), "{path}");
            for there in DOCUMENTS {
                assert!(answer.text().contains(there), "{}", answer.text());
            }
        }
        assert_eq!(send(gateway.address, "DELETE", path, &[]).await.status, 404);
    }
    assert_eq!(api.asked(), 0);
    // What only begins alike is the origin's.
    assert_eq!(get(gateway.address, "/.tidegates", &[]).await.text(), "[1]");
}

#[tokio::test]
async fn a_gateway_may_keep_to_itself_what_it_is() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).top("describe = false\n").start().await;
    for path in DOCUMENTS {
        let answer = get(gateway.address, path, &[]).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "no-route"), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().replace(path, "");
        assert!(DOCUMENTS.iter().all(|document| !detail.contains(document)), "{detail}");
    }
    assert_eq!(api.asked(), 0);
}
