//! Redirects that the gateway follows itself, in the open mode and on routes that say so.

use tidegate_testkit::RecordedRequest;

use crate::common::{Api, Cell, Running, Setup, Stream, answer, document, get, ok, send};

/// An answer that redirects.
fn to(location: &str) -> Vec<u8> {
    answer("302 Found", &format!("Location: {location}\r\n"), "moved")
}

/// A gateway in the open mode that may ask this machine for everything, with these settings besides.
async fn open(toml: &str) -> Running {
    let more = format!(
        "[open]\npoll = \"1h\"\nallow = [\"http://127.0.0.1:*/**\", \"http://localhost:*/**\"]\n\
         allow_private = [\"127.0.0.1\", \"::1\"]\n{toml}\n"
    );
    Setup::new("http://127.0.0.1:9").more(&more).start().await
}

/// A gateway whose one route follows so many redirects.
async fn following(api: &Api, redirects: usize) -> Running {
    Setup::new(api.url()).origin(&format!("follow_redirects = {redirects}\n")).start().await
}

fn at(api: &Api, path: &str) -> String {
    format!("/~/{}{path}", api.url())
}

fn path(request: &RecordedRequest) -> String {
    request.line().1.to_owned()
}

#[tokio::test]
async fn the_end_of_the_way_is_what_is_read_and_streamed() {
    let value = Cell::<u64>::new(1_u64);
    let served = value.clone();
    let api = Api::serve(move |request| match request.line().1 {
        "/a/start" => to("../b?x=1"),
        "/b?x=1" => answer("308 Permanent Redirect", "Location: /c#part\r\n", ""),
        "/c" => ok(format!("[{}]", served.get())),
        other => panic!("{other}"),
    })
    .await;
    let gateways =
        [(open("").await, at(&api, "/a/start")), (following(&api, 5).await, "/a/start".to_owned())];
    for (gateway, target) in &gateways {
        let read = get(gateway.address, target, &[]).await;
        assert_eq!((read.status, read.text()), (200, "[1]"));
        let head = send(gateway.address, "HEAD", target, &[]).await;
        assert_eq!(head.status, 200);
    }
    let lively = Setup::lively(api.url()).origin("follow_redirects = 2\n").start().await;
    let mut stream = Stream::open(lively.address, "/a/start", &[]).await;
    assert_eq!(stream.begin().await.0.data, "[1]");
    value.set(2_u64);
    assert_eq!(stream.expect("snapshot").await.data, "[2]");
}

#[tokio::test]
async fn a_route_passes_redirects_on_until_it_is_told_to_follow() {
    let api = Api::serve(|request| match request.line().1 {
        "/a" => to("/b"),
        _ => ok("[1]"),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let read = get(gateway.address, "/a", &[]).await;
    assert_eq!((read.status, read.field("location")), (302, Some("/b")));
    let gateway = open("max_redirects = 0").await;
    let read = get(gateway.address, &at(&api, "/a"), &[]).await;
    // Back through the gateway: the browser knows no other host.
    assert_eq!((read.status, read.field("location")), (302, Some(&*at(&api, "/b"))));
    // What is no read is nobody's to repeat.
    let gateway = following(&api, 5).await;
    let posted = send(gateway.address, "POST", "/a", &[("Content-Length", "0")]).await;
    assert_eq!(posted.status, 302);
}

#[tokio::test]
async fn circles_and_long_ways_end() {
    let api = Api::serve(|request| match request.line().1 {
        "/self" => to("/self"),
        "/a" => to("/b"),
        "/b" => to("/a"),
        "/end" => ok("[1]"),
        number => match number[1..].parse::<u32>().unwrap() {
            0 => to("/end"),
            left => to(&format!("/{}", left - 1)),
        },
    })
    .await;
    let gateways = [
        (open("max_redirects = 3").await, "/~/".to_owned() + api.url()),
        (following(&api, 3).await, String::new()),
    ];
    for (gateway, before) in &gateways {
        for (path, expected) in [
            ("/2", (200, String::new())),
            ("/3", (502, "too-many-redirects".to_owned())),
            ("/self", (502, "redirect-loop".to_owned())),
            ("/a", (502, "redirect-loop".to_owned())),
        ] {
            for accept in ["*/*", "text/event-stream"] {
                if expected.0 == 200 && accept != "*/*" {
                    continue;
                }
                let read = get(gateway.address, &format!("{before}{path}"), &[("Accept", accept)]).await;
                let problem = if read.status == 200 { String::new() } else { read.problem() };
                assert!(read.status == expected.0 && problem.contains(&expected.1), "{path}: {read:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_hop_to_another_host_takes_no_credentials_along() {
    let far = Api::serve(|_| {
        answer(
            "200 OK",
            "Content-Type: application/json\r\nSet-Cookie: a=b\r\nContent-Location: /x\r\n",
            "[1]",
        )
    })
    .await;
    // The same machine by another name is another origin. Without sharing, the request is passed through: both ways.
    for caching in ["", "Vary: *\r\n"] {
        let location = format!("Location: {}/end\r\n{caching}", far.url());
        let near = Api::serve(move |_| answer("307 Temporary Redirect", &location, "")).await;
        let gateway = open("forward_headers = [\"Authorization\", \"X-Api-Key\"]").await;
        let fields = [
            ("Authorization", "Bearer s3cret"),
            ("X-Api-Key", "s3cret"),
            ("Cookie", "s3cret=1"),
            ("Accept-Language", "de"),
        ];
        let read = get(gateway.address, &at(&near, "/start"), &fields).await;
        assert_eq!((read.status, read.text()), (200, "[1]"), "{read:?}");
        assert_eq!(read.field("set-cookie"), None);
        assert_eq!(read.field("content-location"), Some(&*format!("{}/x", far.url())));
        let asked = near.requests();
        assert!(asked[0].head.contains("Bearer s3cret") && !asked[0].head.contains("s3cret=1"));
    }
    for request in far.requests() {
        assert!(!request.head.contains("s3cret"), "{}", request.head);
        assert_eq!(request.field("accept-language"), Some("de"));
        assert_eq!(request.field("host"), far.url().strip_prefix("http://"));
        assert!(request.names().iter().all(|name| !name.contains("forwarded")), "{}", request.head);
    }
    assert!(far.asked() >= 2);
}

#[tokio::test]
async fn credentials_that_stayed_behind_do_not_come_back() {
    let home = Cell::<String>::new("");
    let (served, back) = (home.clone(), home.clone());
    let far = Api::serve(move |_| to(&format!("{}/end", back.get()))).await;
    let location = format!("{}/far", far.url());
    let near = Api::serve(move |request| match request.line().1 {
        "/start" => to("/here"),
        "/here" => to(&location),
        "/end" => ok("[1]"),
        other => panic!("{other} {}", served.get()),
    })
    .await;
    home.set(near.url());
    let gateway = open("forward_headers = [\"Authorization\"]").await;
    let read = get(gateway.address, &at(&near, "/start"), &[("Authorization", "Bearer s3cret")]).await;
    assert_eq!((read.status, read.text()), (200, "[1]"), "{read:?}");
    let sent = near.requests();
    let with: Vec<_> =
        sent.iter().map(|request| (path(request), request.field("authorization").is_some())).collect();
    assert_eq!(with, [("/start".to_owned(), true), ("/here".to_owned(), true), ("/end".to_owned(), false)]);
}

#[tokio::test]
async fn every_hop_is_checked_like_a_url_that_a_client_names() {
    let secret = Api::serve(|_| ok("[\"secret\"]")).await;
    let port = secret.url().rsplit(':').next().unwrap().to_owned();
    for location in [
        format!("http://127.0.0.1:{port}/not-allowed"),
        format!("http://127.0.0.2:{port}/allowed"),
        format!("http://[::1]:{port}/allowed"),
        format!("http://2130706433:{port}/allowed"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        format!("http://user@127.0.0.1:{port}/allowed"),
        "file:///etc/passwd".to_owned(),
        format!("//127.0.0.1:{port}/not-allowed"),
        format!("http://127.0.0.1:{port}/allowed/%2e%2e/not-allowed"),
        format!("http://127.0.0.1:{port}/allowed/..%2fnot-allowed"),
        format!("https://127.0.0.1:{port}/allowed"),
    ] {
        let redirected = location.clone();
        let api = Api::serve(move |_| to(&redirected)).await;
        let more = format!(
            "[open]\nallow = [\"{}/**\", \"http://127.0.0.1:{port}/allowed/**\"]\nallow_private = [\"127.0.0.1\"]\n",
            api.url()
        );
        let gateway = Setup::new("http://127.0.0.1:9").more(&more).start().await;
        let refused = get(gateway.address, &at(&api, "/"), &[]).await;
        assert_eq!(refused.status, 502, "{location}: {refused:?}");
        assert!(
            !refused.text().contains("meta-data") && !refused.text().contains("not-allowed"),
            "{refused:?}"
        );
        // A route follows to what is public alone: this machine is not, although the origin is on it.
        let gateway = following(&api, 5).await;
        let refused = get(gateway.address, "/", &[]).await;
        assert_eq!(refused.status, 502, "{location}: {refused:?}");
    }
    assert_eq!(secret.asked(), 0);
}

#[tokio::test]
async fn a_redirect_does_not_leave_what_the_patterns_allow_of_its_own_host() {
    let api = Api::serve(|request| match request.line().1 {
        "/public/go" => to("/admin"),
        target => ok(format!("\"{target}\"")),
    })
    .await;
    let more = format!("[open]\nallow = [\"{}/public/**\"]\nallow_private = [\"127.0.0.1\"]\n", api.url());
    let gateway = Setup::new("http://127.0.0.1:9").more(&more).start().await;
    assert_eq!(get(gateway.address, &at(&api, "/public/a"), &[]).await.status, 200);
    assert_eq!(get(gateway.address, &at(&api, "/public/go"), &[]).await.status, 502);
    assert!(api.requests().iter().all(|request| request.line().1 != "/admin"));
}

#[tokio::test]
async fn a_route_does_not_leave_the_part_of_the_origin_that_it_is_for() {
    let api = Api::serve(|request| match request.line().1 {
        "/v1/a" => to("/v1/b"),
        "/v1/out" => to("/admin"),
        "/v1/up" => to("../admin"),
        "/v1/b" => ok("[1]"),
        other => panic!("{other}"),
    })
    .await;
    let gateway = Setup::new(format!("{}/v1", api.url())).origin("follow_redirects = 5\n").start().await;
    assert_eq!(get(gateway.address, "/a", &[]).await.text(), "[1]");
    for path in ["/out", "/up"] {
        assert_eq!(get(gateway.address, path, &[]).await.status, 502, "{path}");
    }
}

#[tokio::test]
async fn a_condition_goes_only_to_where_its_validator_came_from() {
    let moved = Cell::<String>::new("/one");
    let way = moved.clone();
    let api = Api::serve(move |request| match request.line().1 {
        "/start" if way.get() == "here" => document(request, "\"same\"", "", "[3]"),
        "/start" => to(&way.get()),
        "/one" => document(request, "\"same\"", "", "[1]"),
        "/two" => document(request, "\"same\"", "", "[2]"),
        other => panic!("{other}"),
    })
    .await;
    let gateway = Setup::lively(api.url()).origin("follow_redirects = 5\n").start().await;
    let mut stream = Stream::open(gateway.address, "/start", &[]).await;
    assert_eq!(stream.begin().await.0.data, "[1]");
    api.was_asked(6).await;
    for (way, expected) in [("/two", "[2]"), ("here", "[3]"), ("/one", "[1]")] {
        moved.set(way);
        assert_eq!(stream.expect("snapshot").await.data, expected);
    }
    let conditional: Vec<_> =
        api.requests().iter().filter(|request| !request.all("if-none-match").is_empty()).map(path).collect();
    assert!(conditional.iter().any(|path| path == "/one"), "{conditional:?}");
    let stats = gateway.gateway.totals();
    assert!(stats.not_modified > 0, "{stats:?}");
}

#[tokio::test]
async fn what_chose_the_way_chose_the_answer() {
    let api = Api::serve(|request| match request.line().1 {
        "/start" => {
            let language = request.field("user-agent").unwrap_or_default();
            answer("302 Found", &format!("Location: /{language}\r\nVary: User-Agent\r\n"), "")
        }
        path => ok(format!("{path:?}")),
    })
    .await;
    let gateway = following(&api, 5).await;
    for agent in ["one", "two", "one"] {
        let read = get(gateway.address, "/start", &[("User-Agent", agent)]).await;
        assert_eq!(read.text(), format!("\"/{agent}\""));
        assert!(read.list("vary").contains(&"User-Agent".to_owned()), "{read:?}");
    }
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let gateway = Setup::new("http://127.0.0.1:9").start().await;
    let address = gateway.address;
    // An origin that is the gateway itself, directly and by way of another proxy.
    let looped = open("").await;
    let inner = format!("http://{}", looped.address);
    for target in [format!("/~/{inner}/~/{inner}/x"), format!("/~/{inner}/x")] {
        let refused = get(looped.address, &target, &[]).await;
        assert_eq!((refused.status, &*refused.problem()), (508, "loop-detected"), "{refused:?}");
    }
    // Another gateway's mark is no loop.
    let other = get(address, "/x", &[("Via", "1.1 tidegate-00000000, 1.1 tidegate")]).await;
    assert_eq!(other.status, 502);
}
