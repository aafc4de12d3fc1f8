//! The gateway as a shared cache (RFC 9111, 5861, 9211), over real HTTP. The whole table of directives is in
//! `crates/core/src/caching/tests.rs`; here is what becomes of it between a client and an origin. Time is told by `Age`.

use crate::common::{Api, Cell, Response, Setup, Stream, answer, document, get, ok, send};

/// JSON with these fields, one a line.
fn with(fields: &str, body: &str) -> Vec<u8> {
    let lines: String =
        fields.split('\n').filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect();
    answer("200 OK", &format!("Content-Type: application/json\r\n{lines}"), body)
}

/// What `Cache-Status` says, without the name of the gateway; it must be a valid list of one (RFC 9211, RFC 9651 §3.1).
#[track_caller]
fn status(response: &Response) -> String {
    let field = response.field("cache-status").unwrap_or_else(|| panic!("none in {response:?}"));
    let (name, parameters) = field.split_once("; ").unwrap_or((field, ""));
    assert_eq!(name, "tidegate");
    for parameter in parameters.split("; ") {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, "?1"));
        let is_integer = value.parse::<i64>().is_ok();
        let token = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let valid = match key {
            "hit" | "stored" | "collapsed" => value == "?1",
            "ttl" | "fwd-status" => is_integer,
            "fwd" | "detail" => token(value) && !value.is_empty(),
            _ => false,
        };
        assert!(valid, "{field}");
    }
    parameters.to_owned()
}

/// Two reads one after the other while nobody watches: what the second gets and how often the origin was asked.
#[tokio::test]
async fn the_second_read() {
    for (section, fields, first, second, expected, asked) in [
        ("4.2", "Cache-Control: max-age=60", "", "", "hit; ttl=60", 1),
        ("4.2.3", "Cache-Control: max-age=60\nAge: 20", "", "", "hit; ttl=40", 1),
        ("4.2.3", "Cache-Control: max-age=60\nAge: 60", "", "", "fwd=stale; stored", 2),
        (
            "4.2.1",
            "Expires: Sun, 06 Nov 1994 08:50:37 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
            "",
            "",
            "hit; ttl=60",
            1,
        ),
        ("5.3", "Expires: 0", "", "", "fwd=stale; stored", 2),
        ("5.3", "Cache-Control: max-age=60\nExpires: 0", "", "", "hit; ttl=60", 1),
        ("4.2.2", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "", "", "fwd=stale; stored", 2),
        ("5.2.2.10", "Cache-Control: max-age=60, s-maxage=0", "", "", "fwd=stale; stored", 2),
        ("4.2.1", "Cache-Control: max-age=60, max-age=61", "", "", "fwd=stale; stored", 2),
        ("5.2.2.4", "Cache-Control: no-cache, max-age=60", "", "", "fwd=stale; stored", 2),
        ("5.2.2.5", "Cache-Control: no-store, max-age=60", "", "", "fwd=miss", 2),
        ("5.2.2.3", "Cache-Control: must-understand, no-store, max-age=60", "", "", "hit; ttl=60", 1),
        ("5.2.2.7", "Cache-Control: private, max-age=60", "", "", "fwd=miss", 2),
        ("7.3", "Cache-Control: max-age=60\nSet-Cookie: a=1", "", "", "fwd=miss", 2),
        ("3.5", "Cache-Control: max-age=60", "Authorization: a", "Authorization: a", "fwd=miss", 2),
        (
            "3.5",
            "Cache-Control: max-age=60, public",
            "Authorization: a",
            "Authorization: a",
            "hit; ttl=60",
            1,
        ),
        (
            "3.5",
            "Cache-Control: max-age=60, public",
            "Authorization: a",
            "Authorization: b",
            "fwd=miss; stored",
            2,
        ),
        ("4.1", "Cache-Control: max-age=60\nVary: X-A", "X-A: 1", "X-A: 1", "hit; ttl=60", 1),
        (
            "4.1",
            "Cache-Control: max-age=60\nVary: User-Agent",
            "User-Agent: 1",
            "User-Agent: 2",
            "fwd=miss; stored",
            3,
        ),
        ("4.1", "Cache-Control: max-age=60\nVary: *", "", "", "fwd=miss; stored", 3),
        ("5.2.1.1", "Cache-Control: max-age=60\nAge: 20", "", "Cache-Control: max-age=30", "hit; ttl=40", 1),
        (
            "5.2.1.1",
            "Cache-Control: max-age=60\nAge: 20",
            "",
            "Cache-Control: max-age=10",
            "fwd=request; stored",
            2,
        ),
        ("5.2.1.1", "Cache-Control: max-age=60", "", "Cache-Control: max-age=0", "fwd=request; stored", 2),
        (
            "5.2.1.2",
            "Cache-Control: max-age=60\nAge: 90",
            "",
            "Cache-Control: max-stale=60",
            "hit; ttl=-30; detail=max-stale",
            1,
        ),
        (
            "5.2.1.2",
            "Cache-Control: max-age=60\nAge: 90",
            "",
            "Cache-Control: max-stale=10",
            "fwd=stale; stored",
            2,
        ),
        (
            "5.2.1.3",
            "Cache-Control: max-age=60\nAge: 20",
            "",
            "Cache-Control: min-fresh=30",
            "hit; ttl=40",
            1,
        ),
        (
            "5.2.1.3",
            "Cache-Control: max-age=60\nAge: 20",
            "",
            "Cache-Control: min-fresh=50",
            "fwd=request; stored",
            2,
        ),
        ("5.2.1.4", "Cache-Control: max-age=60", "", "Cache-Control: no-cache", "fwd=request; stored", 2),
        ("5.4", "Cache-Control: max-age=60", "", "Pragma: no-cache", "fwd=request; stored", 2),
        ("5.2.1.5", "Cache-Control: max-age=60", "", "Cache-Control: no-store", "hit; ttl=60", 1),
        ("5.2.1.5", "Cache-Control: max-age=60", "Cache-Control: no-store", "", "fwd=miss; stored", 2),
        ("5.2.1.7", "Cache-Control: max-age=60", "", "Cache-Control: only-if-cached", "hit; ttl=60", 1),
        ("5.2.1.7", "Cache-Control: max-age=0", "", "Cache-Control: only-if-cached", "detail=not-kept", 1),
    ] {
        let api = Api::serve(move |_| with(fields, "[1]")).await;
        let gateway = Setup::new(api.url()).start().await;
        let split = |line: &'static str| line.split_once(": ").into_iter().collect::<Vec<_>>();
        get(gateway.address, "/q", &split(first)).await;
        let response = get(gateway.address, "/q", &split(second)).await;
        let case = format!("§{section}: {fields:?}, {first:?}, {second:?}");
        assert_eq!(status(&response), expected, "{case}");
        assert_eq!(api.asked(), asked, "{case}");
        assert_eq!(response.status, if expected == "detail=not-kept" { 504 } else { 200 }, "{case}");
    }
}

/// §5.2.1.7.
#[tokio::test]
async fn only_if_cached_where_nothing_is_kept() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let response = get(gateway.address, "/q", &[("Cache-Control", "only-if-cached")]).await;
    assert_eq!((response.status, response.problem()), (504, "not-kept".to_owned()));
    assert_eq!((api.asked(), gateway.gateway.report().await.len()), (0, 0));
    // A watched feed has an answer for it.
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let response = get(gateway.address, "/q", &[("Cache-Control", "only-if-cached")]).await;
    assert_eq!((response.text(), status(&response), api.asked()), ("[1]", "hit".to_owned(), 1));
}

/// §5.2.1.5.
#[tokio::test]
async fn what_a_reader_wants_to_be_kept_by_nobody() {
    let api = Api::serve(|_| with("Cache-Control: max-age=60", "[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let response = get(gateway.address, "/q", &[("Cache-Control", "no-store")]).await;
    assert_eq!((response.text(), status(&response)), ("[1]", "fwd=miss".to_owned()));
    assert_eq!(gateway.gateway.report().await.len(), 0, "there is no feed for it");
    assert!(response.list("vary").iter().any(|name| name.eq_ignore_ascii_case("accept")));
}

/// §3.2, §4.3.4: a 304 updates the fields of what is kept, and its lifetime.
#[tokio::test]
async fn a_304_updates_what_is_kept() {
    let fields = Cell::<String>::new("Cache-Control: max-age=0\r\nX-A: 1\r\n");
    let served = fields.clone();
    let api = Api::serve(move |request| document(request, "\"o\"", &served.get(), "[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let first = get(gateway.address, "/q", &[]).await;
    fields.set("Cache-Control: max-age=60\r\nX-A: 2\r\nAge: 7\r\n");
    let second = get(gateway.address, "/q", &[]).await;
    assert_eq!(status(&second), "fwd=stale; fwd-status=304; stored");
    assert_eq!((second.text(), second.field("x-a"), second.field("age")), ("[1]", Some("2"), Some("7")));
    assert_eq!(second.field("etag"), first.field("etag"));
    let third = get(gateway.address, "/q", &[]).await;
    assert_eq!((status(&third), third.field("x-a")), ("hit; ttl=53".to_owned(), Some("2")));
    // The reader's own condition is answered here; what the origin answered is said where it differs (RFC 9211 §2.3).
    let tag = first.field("etag").unwrap();
    let fourth = get(gateway.address, "/q", &[("If-None-Match", tag), ("Cache-Control", "no-cache")]).await;
    assert_eq!((fourth.status, status(&fourth)), (304, "fwd=request; stored".to_owned()));
    fields.set("Cache-Control: max-age=60\r\n");
    let asked = api.asked();
    let head = send(gateway.address, "HEAD", "/q", &[]).await;
    assert!(status(&head).starts_with("hit; ttl="), "a GET answers a HEAD");
    assert_eq!(api.asked(), asked);
}

/// §5.2.2.4: fields that only a validated answer carries.
#[tokio::test]
async fn fields_that_each_use_has_to_validate() {
    let api = Api::serve(|_| {
        with("Cache-Control: max-age=60, no-cache=\"x-a, X-B\"\nX-A: 1\nX-B: 2\nX-C: 3", "[1]")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let shown = |response: &Response| ["x-a", "x-b", "x-c"].map(|name| response.field(name).is_some());
    assert_eq!(shown(&get(gateway.address, "/q", &[]).await), [true, true, true]);
    assert_eq!(shown(&get(gateway.address, "/q", &[]).await), [false, false, true]);
    let validated = get(gateway.address, "/q", &[("Cache-Control", "no-cache")]).await;
    assert_eq!(shown(&validated), [true, true, true]);
}

/// RFC 5861 §3.
#[tokio::test]
async fn stale_while_revalidate() {
    let value = Cell::<u64>::new(1_u64);
    let served = value.clone();
    let api = Api::serve(move |_| {
        let (value, age) = (served.get(), if served.get() == 1 { 70 } else { 0 });
        with(
            &format!("Cache-Control: max-age=60, stale-while-revalidate=30\nAge: {age}"),
            &format!("[{value}]"),
        )
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    get(gateway.address, "/q", &[]).await;
    value.set(2_u64);
    let stale = get(gateway.address, "/q", &[]).await;
    assert_eq!(stale.text(), "[1]");
    assert_eq!(status(&stale), "hit; ttl=-10; detail=stale-while-revalidate");
    api.was_asked(2).await;
    crate::common::until("the newer one is there", || async {
        get(gateway.address, "/q", &[]).await.text() == "[2]"
    })
    .await;
    assert_eq!(api.asked(), 2);
}

/// RFC 5861 §4, RFC 9111 §4.2.4, §4.3.3.
#[tokio::test]
async fn stale_if_error() {
    const KEPT: &str = "fwd=stale; detail=stale-if-error";
    for (control, route, request, failure, expected) in [
        ("max-age=60", "", "", "", (200, KEPT)),
        (
            "max-age=60",
            "",
            "",
            "500 Internal Server Error",
            (200, "fwd=stale; fwd-status=500; detail=stale-if-error"),
        ),
        (
            "max-age=60",
            "",
            "",
            "503 Service Unavailable",
            (200, "fwd=stale; fwd-status=503; detail=stale-if-error"),
        ),
        ("max-age=60", "", "", "501 Not Implemented", (501, "fwd=stale")),
        ("max-age=60", "", "", "404 Not Found", (404, "fwd=stale")),
        ("max-age=60", "", "", "429 Too Many Requests", (429, "fwd=stale")),
        ("max-age=60", "stale_if_error = \"20s\"", "", "", (502, "fwd=stale")),
        ("max-age=60", "stale_if_error = \"0s\"", "", "500 Internal Server Error", (500, "fwd=stale")),
        ("max-age=60, stale-if-error=40", "stale_if_error = \"0s\"", "", "", (200, KEPT)),
        ("max-age=60, stale-if-error=20", "", "", "", (502, "fwd=stale")),
        ("max-age=60", "", "stale-if-error=20", "", (502, "fwd=stale")),
        ("max-age=60", "stale_if_error = \"0s\"", "stale-if-error=40", "", (200, KEPT)),
        ("max-age=60", "", "no-cache", "", (502, "fwd=stale")),
        ("max-age=60", "", "max-age=80", "", (502, "fwd=stale")),
        ("max-age=60, must-revalidate", "", "", "", (504, "fwd=stale")),
        ("max-age=60, must-revalidate, stale-if-error=40", "", "stale-if-error=40", "", (504, "fwd=stale")),
        ("max-age=60, must-revalidate", "", "", "500 Internal Server Error", (500, "fwd=stale")),
        ("max-age=60, proxy-revalidate", "", "", "", (504, "fwd=stale")),
        ("s-maxage=60", "", "", "", (504, "fwd=stale")),
        ("no-cache, max-age=600", "", "", "", (504, "fwd=stale")),
    ] {
        let up = Cell::new(true);
        let is_up = up.clone();
        let api = Api::serve(move |_| match (is_up.get(), failure) {
            (true, _) => with(&format!("Cache-Control: {control}\nAge: 90"), "[1]"),
            (false, "") => Vec::new(),
            (false, status) => answer(status, "", "broken"),
        })
        .await;
        let gateway = Setup::new(api.url()).route(route).start().await;
        get(gateway.address, "/q", &[]).await;
        up.set(false);
        let fields: Vec<_> =
            Some(("Cache-Control", request)).filter(|_| !request.is_empty()).into_iter().collect();
        let response = get(gateway.address, "/q", &fields).await;
        let case = format!("{control:?} {route} {request:?} {failure:?}");
        assert_eq!((response.status, &*status(&response)), expected, "{case}");
        if response.status == 200 {
            assert_eq!(response.text(), "[1]", "{case}");
            assert!(response.field("age").unwrap().parse::<u64>().unwrap() >= 90, "{case}");
        }
    }
}

/// A watched feed whose polls fail answers without asking for each reader.
#[tokio::test]
async fn reads_while_the_polls_fail() {
    for (control, expected, says) in
        [("max-age=0", 200, Some("; detail=stale-if-error")), ("no-cache", 504, None)]
    {
        let up = Cell::new(true);
        let is_up = up.clone();
        let api = Api::serve(move |_| match is_up.get() {
            true => with(&format!("Cache-Control: {control}"), "[1]"),
            false => Vec::new(),
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        let mut stream = Stream::open(gateway.address, "/q", &[]).await;
        stream.begin().await;
        up.set(false);
        let insists = [("Cache-Control", "no-cache")];
        assert_eq!(get(gateway.address, "/q", &insists).await.status, 502);
        assert_eq!(stream.expect("status").await.state(), "stale");
        let asked = api.asked();
        let response = get(gateway.address, "/q", &[]).await;
        assert_eq!((response.status, api.asked()), (expected, asked), "{control}");
        match says {
            Some(says) => {
                let status = status(&response);
                assert!(status.starts_with("hit; ttl=") && status.ends_with(says), "{status}");
            }
            None => {
                assert_eq!(response.field("cache-status"), None, "nobody was asked, and nothing was found")
            }
        }
    }
}

/// RFC 9111 §4.4: what a write made invalid is not served, even where the origin fails.
#[tokio::test]
async fn after_a_write_an_error_is_an_error() {
    let up = Cell::new(true);
    let is_up = up.clone();
    let api = Api::serve(move |request| match (request.line().0, is_up.get()) {
        ("GET", true) => with("Cache-Control: max-age=600", "[1]"),
        ("GET", false) => Vec::new(),
        _ => answer("204 No Content", "", ""),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    get(gateway.address, "/q", &[]).await;
    assert_eq!(status(&get(gateway.address, "/q", &[]).await), "hit; ttl=600");
    up.set(false);
    let written = send(gateway.address, "PUT", "/q", &[]).await;
    assert_eq!(status(&written), "fwd=method");
    let response = get(gateway.address, "/q", &[]).await;
    assert_eq!((response.status, &*status(&response)), (504, "fwd=stale"));
    up.set(true);
    assert_eq!(status(&get(gateway.address, "/q", &[]).await), "fwd=stale; stored");
}

/// RFC 9211 §2.2: what no cache could answer says why.
#[tokio::test]
async fn what_passes_through_says_so() {
    let api = Api::serve(|_| ok("[1]")).await;
    let more = "[[route]]\npath = \"/dead/**\"\norigin = \"api\"\nlive = false\n";
    let gateway = Setup::new(api.url()).more(more).start().await;
    for (method, target, fields, expected) in [
        ("POST", "/q", &[][..], Some("fwd=method")),
        ("OPTIONS", "/q", &[], Some("fwd=method")),
        ("GET", "/q", &[("Range", "bytes=0-1")], Some("fwd=bypass")),
        ("GET", "/q", &[("If-Match", "\"a\"")], Some("fwd=bypass")),
        ("GET", "/dead/q", &[], None),
        ("POST", "/dead/q", &[], None),
    ] {
        let response = send(gateway.address, method, target, fields).await;
        let says = response.field("cache-status").map(|_| status(&response));
        assert_eq!(says.as_deref(), expected, "{method} {target} {fields:?}");
    }
    // A cache nearer to the origin comes first (RFC 9211 §2).
    let api = Api::serve(|_| with("Cache-Status: inner; hit", "[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let response = get(gateway.address, "/q", &[]).await;
    assert_eq!(response.all("cache-status"), ["inner; hit", "tidegate; fwd=miss; stored"]);
}
