//! Braid subscriptions (draft-toomim-httpbis-braid-http-04): the status, the parts, and going on.

use crate::common::{Http, Setup, Stream, counted, counting, get, send};

const SUBSCRIBE: (&str, &str) = ("Subscribe", "true");

/// The fields of the next part, and its content, by the lengths that it gives.
async fn part(stream: &mut Stream) -> (String, String) {
    let mut fields = stream.text_until("\r\n\r\n").await;
    if fields.contains("Patches: 1\r\n") {
        fields.push_str(&stream.text_until("\r\n\r\n").await);
    }
    let fields = fields.trim_start().to_owned();
    let length =
        fields.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("it has a length");
    let content = stream.text_until("\r\n\r\n").await;
    let content = content.trim_end();
    assert_eq!(content.len().to_string(), length);
    (fields, content.to_owned())
}

fn version(fields: &str) -> String {
    let version = fields.lines().find_map(|line| line.strip_prefix("Version: \"")).expect("it has a version");
    version.trim_end_matches('"').to_owned()
}

#[tokio::test]
async fn a_subscription_has_a_status_of_its_own() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream =
        Stream::ask(gateway.address, "/q", &[SUBSCRIBE, ("Accept", "application/json, */*")]).await;
    let head = stream.head.clone();
    assert!(head.head.starts_with("HTTP/1.1 209 Subscription\r\n"), "{head:?}");
    assert_eq!(head.field("subscribe"), Some("true"));
    assert_eq!(head.field("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(head.field("content-type"), None);
    let (fields, content) = part(&mut stream).await;
    let first = version(&fields);
    assert!(
        fields.contains("\r\nContent-Type: application/json\r\n") && !fields.contains("Parents"),
        "{fields}"
    );
    assert!(content.starts_with("{\"n\":0,"), "{content}");
    number.set(1_u64);
    let (fields, content) = part(&mut stream).await;
    assert!(fields.contains(&format!("\r\nParents: \"{first}\"\r\n")), "{fields}");
    assert!(fields.contains("Content-Type: application/json-patch+json"), "{fields}");
    assert_eq!(content, counted(1));
    let second = version(&fields);
    assert!(!api.requests()[0].head.to_ascii_lowercase().contains("subscribe"), "it stays here");

    // From where it was: one patch, and then what follows.
    let parents = format!("\"{first}\"");
    let mut resumed = Stream::ask(gateway.address, "/q", &[SUBSCRIBE, ("Parents", &parents)]).await;
    let (fields, content) = part(&mut resumed).await;
    assert_eq!((version(&fields), content), (second.clone(), counted(1)));
    // From the newest: what follows alone.
    let parents = format!("\"{second}\"");
    let mut current = Stream::ask(gateway.address, "/q", &[SUBSCRIBE, ("Parents", &parents)]).await;
    number.set(2_u64);
    assert_eq!(part(&mut current).await.1, counted(2));
    // From nowhere that is known: a snapshot.
    let mut other = Stream::ask(gateway.address, "/q", &[SUBSCRIBE, ("Parents", "\"alice-1\"")]).await;
    assert!(part(&mut other).await.1.starts_with("{\"n\":2,"));
    assert_eq!(gateway.gateway.report().await.len(), 1, "all of them share");
}

#[tokio::test]
async fn merge_patches_and_gzip_and_later_requests() {
    let (api, number) = counting(300).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", "/q", &[]).await;
    let plain = http.response("GET").await;
    assert!(plain.list("vary").contains(&"Subscribe".to_owned()), "a cache has to know: {plain:?}");
    http.ask("GET", "/q", &[SUBSCRIBE, ("Tidegate-Mode", "merge"), ("Accept-Encoding", "gzip")]).await;
    let mut stream = Stream::of_any_sort(http).await;
    assert_eq!((stream.head.status, stream.head.field("content-encoding")), (209, Some("gzip")));
    part(&mut stream).await;
    number.set(1_u64);
    let (fields, content) = part(&mut stream).await;
    assert!(fields.contains("Content-Type: application/merge-patch+json"), "{fields}");
    assert_eq!(content, "{\"n\":1}");
    gateway.gateway.close_streams();
    let head = send(gateway.address, "HEAD", "/q", &[SUBSCRIBE]).await;
    assert_eq!(head.status, 209);
    let refused = get(gateway.address, "/q", &[SUBSCRIBE]).await;
    assert_eq!((refused.status, &*refused.problem()), (503, "shutting-down"));
}
