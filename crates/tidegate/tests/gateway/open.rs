//! The open mode: clients name the URL, and the operator's patterns say which.

use crate::common::{Api, Cell, Running, Setup, Stream, answer, document, get, ok, send};

/// A gateway in the open mode with these settings, in front of an origin that nothing asks.
async fn open(toml: &str) -> Running {
    let more = format!("[open]\npoll = \"1h\"\n{toml}\n");
    Setup::new("http://127.0.0.1:9").more(&more).start().await
}

/// One that may ask everything on this machine.
async fn open_here() -> Running {
    open("allow = [\"http://127.0.0.1:*/**\", \"http://localhost:*/**\"]\nallow_private = [\"127.0.0.1\", \"::1\"]").await
}

fn at(url: &str, path: &str) -> String {
    format!("/~/{url}{path}")
}

#[tokio::test]
async fn a_url_is_live_like_any_route() {
    let value = Cell::<u64>::new(1_u64);
    let served = value.clone();
    let api = Api::serve(move |request| {
        assert_eq!(request.line(), ("GET", "/a%20b?x=%2F&y"));
        ok(format!("{{\"n\":{}}}", served.get()))
    })
    .await;
    let allow = "allow = [\"http://127.0.0.1:*/**\"]\nallow_private = [\"127.0.0.1\"]\n";
    let more = format!("[open]\npoll = \"50ms\"\n{allow}");
    let gateway = Setup::new("http://127.0.0.1:9").more(&more).start().await;
    let target = at(api.url(), "/a%20b?x=%2F&y&tidegate.accept=*/*");
    let read = get(gateway.address, &target, &[]).await;
    assert_eq!((read.status, read.text()), (200, "{\"n\":1}"));
    assert!(read.field("etag").is_some());
    let mut stream = Stream::open(gateway.address, &at(api.url(), "/a%20b?x=%2F&y"), &[]).await;
    let (snapshot, _) = stream.begin().await;
    assert_eq!(snapshot.data, "{\"n\":1}");
    value.set(2_u64);
    assert_eq!(stream.expect("snapshot").await.data, "{\"n\":2}");
    let merged = target.replace("http://", "http:/");
    assert_eq!(get(gateway.address, &merged, &[]).await.text(), "{\"n\":2}");
}

#[tokio::test]
async fn only_what_the_patterns_allow_is_asked() {
    let api = Api::serve(|_| ok("[1]")).await;
    let port = api.url().rsplit(':').next().unwrap();
    let allow = format!("allow = [\"http://127.0.0.1:{port}/v1/**\"]\nallow_private = [\"127.0.0.0/8\"]");
    let gateway = open(&allow).await;
    assert_eq!(get(gateway.address, &at(api.url(), "/v1/a"), &[]).await.status, 200);
    for (url, status, problem) in [
        (format!("http://127.0.0.1:{port}/v2"), 403, "target-not-allowed"),
        (format!("http://127.0.0.1:{port}/"), 403, "target-not-allowed"),
        (format!("https://127.0.0.1:{port}/v1"), 403, "target-not-allowed"),
        (format!("http://127.0.0.2:{port}/v1"), 403, "target-not-allowed"),
        (format!("http://localhost:{port}/v1"), 403, "target-not-allowed"),
        (format!("http://127.0.0.1.evil.example:{port}/v1"), 403, "target-not-allowed"),
        ("http://127.0.0.1/v1".to_owned(), 403, "target-not-allowed"),
        (format!("http://127.0.0.1:{port}/%761"), 403, "target-not-allowed"),
        (format!("http://127.0.0.1:{port}@evil.example/v1"), 400, "bad-request"),
        (format!("http://evil.example\\@127.0.0.1:{port}/v1"), 400, "bad-request"),
        (format!("http://127.0.0.1:{port}/v1/../v2"), 400, "bad-request"),
        (format!("http://127.0.0.1:{port}/v1/%2e%2e/v2"), 400, "bad-request"),
        (format!("http://127.0.0.1:{port}/v1/..%2fv2"), 400, "bad-request"),
        (format!("http://127.0.0.1:{port}/v1\\..\\v2"), 400, "bad-request"),
        (format!("http://2130706433:{port}/v1"), 400, "bad-request"),
        (format!("http://0x7f.1:{port}/v1"), 400, "bad-request"),
        (format!("http://127.1:{port}/v1"), 400, "bad-request"),
        (format!("ftp://127.0.0.1:{port}/v1"), 400, "bad-request"),
        (format!("//127.0.0.1:{port}/v1"), 400, "bad-request"),
        (String::new(), 400, "bad-request"),
    ] {
        for accept in ["*/*", "text/event-stream"] {
            let refused = get(gateway.address, &format!("/~/{url}"), &[("Accept", accept)]).await;
            assert_eq!((refused.status, &*refused.problem()), (status, problem), "{url}");
        }
    }
    assert_eq!(api.asked(), 1);
}

#[tokio::test]
async fn without_it_the_path_is_one_like_any_other() {
    let api = Api::serve(|request| ok(format!("{:?}", request.line().1))).await;
    let gateway = Setup::new(api.url()).start().await;
    let read = get(gateway.address, "/~/http://h/x", &[]).await;
    assert_eq!(read.text(), "\"/~/http://h/x\"");
}

#[tokio::test]
async fn what_is_not_public_is_not_connected_to_whatever_leads_there() {
    let api = Api::serve(|_| ok("[1]")).await;
    let port = api.url().rsplit(':').next().unwrap();
    let gateway = open("allow = [\"*\"]").await;
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0.0.0.0",
    ] {
        let refused = get(gateway.address, &format!("/~/http://{host}:{port}/"), &[]).await;
        assert_eq!((refused.status, &*refused.problem()), (403, "target-not-allowed"), "{host}");
    }
    // A name that leads here and one that leads nowhere are answered alike: nobody maps a network by asking.
    let told = |host: &str, text: &str| text.replace(host, "HOST");
    let mut answers = Vec::new();
    for host in ["localhost", "no-such-host.invalid"] {
        for accept in ["*/*", "text/event-stream"] {
            let target = format!("/~/http://{host}:{port}/");
            let refused = get(gateway.address, &target, &[("Accept", accept)]).await;
            assert_eq!((refused.status, &*refused.problem()), (502, "origin-unresolved"), "{host}");
            answers.push(told(host, refused.text()));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(answers[0].contains("HOST") && !answers[0].contains("127.0.0.1"), "{answers:?}");
    assert_eq!(api.asked(), 0);
}

#[tokio::test]
async fn nothing_but_reads_leaves() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = open_here().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let refused = send(gateway.address, method, &at(api.url(), "/"), &[("Content-Length", "0")]).await;
        assert_eq!((refused.status, &*refused.problem()), (405, "method-not-allowed"), "{method}");
        assert_eq!(refused.field("allow"), Some("GET, HEAD"));
    }
    for fields in [
        &[("Content-Length", "2")][..],
        &[("Connection", "upgrade"), ("Upgrade", "websocket")],
        &[("If-Match", "\"a\"")],
    ] {
        let refused = get(gateway.address, &at(api.url(), "/"), fields).await;
        assert_eq!((refused.status, &*refused.problem()), (400, "bad-request"), "{fields:?}");
    }
    assert_eq!(api.asked(), 0);
    let head = send(gateway.address, "HEAD", &at(api.url(), "/"), &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// What a browser on the gateway's own site would send, and more.
const SENT: [(&str, &str); 9] = [
    ("Cookie", "session=s3cret"),
    ("Authorization", "Bearer s3cret"),
    ("X-Api-Key", "s3cret"),
    ("Proxy-Authorization", "Basic s3cret"),
    ("Origin", "https://s3cret.example"),
    ("Referer", "https://s3cret.example/"),
    ("X-Csrf-Token", "s3cret"),
    ("Range", "bytes=0-1"),
    ("Accept-Language", "de"),
];

#[tokio::test]
async fn no_credentials_of_the_gateway_s_site_reach_another() {
    // `no-store` is never shared, so that the request is passed through instead of fetched.
    for caching in ["", "Cache-Control: no-store\r\n", "Vary: *\r\n", "Vary: Origin, Cookie\r\n"] {
        let api = Api::serve(move |_| {
            answer("200 OK", &format!("Content-Type: application/json\r\n{caching}"), "[1]")
        })
        .await;
        let gateway = open_here().await;
        let read = get(gateway.address, &at(api.url(), "/"), &SENT).await;
        assert_eq!((read.status, read.text()), (200, "[1]"));
        for request in api.requests() {
            assert!(!request.head.contains("s3cret"), "{caching}: {}", request.head);
            assert_eq!(request.field("accept-language"), Some("de"));
        }
    }
    let forwarding = "allow = [\"http://127.0.0.1:*/**\"]\nallow_private = [\"127.0.0.1\"]\n\
                      forward_headers = [\"Authorization\", \"X-Api-Key\"]\n";
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = open(forwarding).await;
    get(gateway.address, &at(api.url(), "/"), &SENT).await;
    let requests = api.requests();
    assert_eq!(requests[0].field("authorization"), Some("Bearer s3cret"));
    assert_eq!(requests[0].field("x-api-key"), Some("s3cret"));
    assert_eq!(requests[0].field("cookie"), None);
    // Two accounts never share.
    get(gateway.address, &at(api.url(), "/"), &[("Authorization", "Bearer other")]).await;
    assert_eq!(api.asked(), 2);
}

#[tokio::test]
async fn an_answer_says_nothing_about_the_gateway_s_site() {
    let fields = "Content-Type: text/html\r\nSet-Cookie: session=stolen\r\nAccess-Control-Allow-Origin: *\r\n\
                  Strict-Transport-Security: max-age=1\r\nWWW-Authenticate: Basic\r\n";
    for status in ["200 OK", "401 Unauthorized", "404 Not Found"] {
        let api = Api::serve(move |_| answer(status, fields, "<script>")).await;
        let gateway = open_here().await;
        let read = get(gateway.address, &at(api.url(), "/"), &[]).await;
        assert_eq!(read.text(), "<script>");
        for name in
            ["set-cookie", "access-control-allow-origin", "strict-transport-security", "www-authenticate"]
        {
            assert_eq!(read.field(name), None, "{status}");
        }
        assert_eq!(read.field("content-security-policy"), Some("default-src 'none'; sandbox"));
        assert_eq!(read.field("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn equal_paths_of_two_hosts_never_share() {
    let one = Api::serve(|request| document(request, "\"v\"", "", "[1]")).await;
    let two = Api::serve(|request| document(request, "\"v\"", "", "[2]")).await;
    let gateway = open_here().await;
    for _ in 0..2 {
        assert_eq!(get(gateway.address, &at(one.url(), "/q"), &[]).await.text(), "[1]");
        assert_eq!(get(gateway.address, &at(two.url(), "/q"), &[]).await.text(), "[2]");
    }
    let by_name = one.url().replace("127.0.0.1", "LOCALHOST.");
    assert_eq!(get(gateway.address, &at(&by_name, "/q"), &[]).await.text(), "[1]");
    assert_eq!(
        one.requests().last().unwrap().field("host"),
        Some(&*one.url().replace("http://127.0.0.1", "localhost"))
    );
}

#[tokio::test]
async fn origins_are_bounded_and_those_in_use_stay() {
    let apis =
        [Api::serve(|_| ok("[1]")).await, Api::serve(|_| ok("[2]")).await, Api::serve(|_| ok("[3]")).await];
    let more = "allow = [\"http://127.0.0.1:*/**\"]\nallow_private = [\"127.0.0.1\"]\nmax_open_origins = 2\nlinger = \"0s\"";
    let gateway = open(more).await;
    let first = Stream::open(gateway.address, &at(apis[0].url(), "/"), &[]).await;
    let second = Stream::open(gateway.address, &at(apis[1].url(), "/"), &[]).await;
    let refused = get(gateway.address, &at(apis[2].url(), "/"), &[]).await;
    assert_eq!((refused.status, &*refused.problem()), (503, "too-many-origins"));
    assert!(refused.field("retry-after").is_some());
    assert_eq!(get(gateway.address, &at(apis[0].url(), "/other"), &[]).await.status, 200);
    drop(second);
    crate::common::until("the feed ends and its origin makes room", || async {
        get(gateway.address, &at(apis[2].url(), "/"), &[]).await.status == 200
    })
    .await;
    drop(first);
}
