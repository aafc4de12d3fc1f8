//! Parts of a resource: streamed, read once, waited for.

use crate::common::{Api, Cell, Http, Response, Running, Setup, Stream, answer, get, ok, send, until};

const JSON: &str = "application/json";

/// The board with these numbers.
fn board(first: &str, second: &str) -> String {
    format!(
        "{{\"rows\":[{{\"id\":1,\"last\":{first},\"name\":\"{pad}\"}},{{\"id\":2,\"last\":{second},\"name\":\"{pad}\"}}]}}",
        pad = "x".repeat(200)
    )
}

/// An API with the board.
async fn market() -> (Api, Cell<String>) {
    let body = Cell::<String>::new(board("1.10", "7"));
    let served = body.clone();
    let api = Api::serve(move |_| {
        let body = served.get();
        let tag =
            format!("ETag: \"{}\"\r\n", body.len() * 1000 + body.bytes().map(usize::from).sum::<usize>());
        answer(
            "200 OK",
            &format!("Content-Type: {JSON}; charset=utf-8\r\nContent-Language: de\r\n{tag}"),
            body,
        )
    })
    .await;
    (api, body)
}

#[tokio::test]
async fn each_format_streams_the_part_and_nothing_of_the_rest() {
    let (api, body) = market().await;
    let gateway = Setup::lively(api.url()).start().await;
    let (mut events, mut lines) = (
        Stream::open(gateway.address, "/q?tidegate.select=/rows/0/last", &[]).await,
        Stream::ask(
            gateway.address,
            "/q",
            &[("Accept", "application/x-ndjson"), ("Tidegate-Select", "$.rows[?@.id > 1].last")],
        )
        .await,
    );
    let mut several = Stream::open(
        gateway.address,
        "/.tidegate/events?url=/q&tidegate.select=%24.rows%5B0%5D.last&tidegate.mode=snapshot",
        &[],
    )
    .await;
    assert_eq!(events.head.field("tidegate-content-type"), Some(JSON));
    let (snapshot, _) = events.begin().await;
    assert_eq!(snapshot.data, "1.10");
    assert_eq!(lines.line_of("snapshot").await["data"].to_string(), "[7]");
    lines.line_of("status").await;
    several.text_until("[1.10]").await;
    // Whatever else changes, they are told of what they selected alone, with ids that have gaps.
    body.set(board("1.10", "8"));
    assert_eq!(lines.line_of("snapshot").await["data"].to_string(), "[8]");
    body.set(board("1.100", "8"));
    let next = events.expect("snapshot").await;
    assert_eq!(next.data, "1.100");
    let offset =
        |id: &Option<String>| -> u64 { id.as_ref().unwrap().split('.').nth(1).unwrap().parse().unwrap() };
    assert_eq!(offset(&next.id), offset(&snapshot.id) + 2);
    several.text_until("[1.100]").await;
    // All of them, and those who have the whole, share the polls.
    let mut whole = Stream::open(gateway.address, "/q", &[]).await;
    whole.begin().await;
    let report = gateway.gateway.report().await;
    assert_eq!((report.len(), report[0].subscribers, report[0].selections), (1, 4, 3));
}

#[tokio::test]
async fn a_patch_is_of_the_part() {
    let (api, body) = market().await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut part =
        Stream::open(gateway.address, "/q?tidegate.select=/rows/1", &[("Accept-Encoding", "gzip")]).await;
    part.begin().await;
    body.set(board("2", "7"));
    body.set(board("2", "8.0"));
    let patch = part.expect("patch").await;
    assert_eq!(patch.data, "[{\"op\":\"replace\",\"path\":\"/last\",\"value\":8.0}]");
    let mut path =
        Stream::open(gateway.address, "/q?tidegate.select=$.rows[1]&tidegate.mode=merge", &[]).await;
    path.begin().await;
    body.set(board("2", "9"));
    assert_eq!(part.expect("patch").await.data, "[{\"op\":\"replace\",\"path\":\"/last\",\"value\":9}]");
    let whole = path.expect("snapshot").await;
    assert!(whole.data.starts_with("[{\"id\":2,\"last\":9"), "no merge patch says what changed in a list");
}

#[tokio::test]
async fn it_goes_on_silently_where_nothing_of_the_part_changed() {
    let (api, body) = market().await;
    let gateway = Setup::lively(api.url()).limits("window_versions = 2").start().await;
    let target = "/q?tidegate.select=/rows/0/last";
    let mut part = Stream::open(gateway.address, target, &[]).await;
    let id = part.begin().await.0.id.unwrap();
    drop(part);
    let mut whole = Stream::open(gateway.address, "/q", &[]).await;
    let other = whole.begin().await.0.id.unwrap();
    for second in ["8", "9", "10", "11"] {
        body.set(board("1.10", second));
        whole.expect("patch").await;
    }
    let mut again = Stream::open(gateway.address, target, &[("Last-Event-ID", &id)]).await;
    assert_eq!(again.expect("status").await.state(), "live");
    body.set(board("2", "11"));
    let next = again.expect("snapshot").await;
    assert_eq!(next.data, "2");
    // What stands for something else proves nothing.
    for target in ["/q?tidegate.select=/rows/1/last", "/q?tidegate.select=$.rows[0].last", "/q"] {
        let mut foreign =
            Stream::open(gateway.address, target, &[("Last-Event-ID", &next.id.clone().unwrap())]).await;
        let (snapshot, status) = foreign.begin().await;
        assert!(snapshot.comments.iter().any(|comment| comment.contains("not proven")), "{snapshot:?}");
        assert_eq!(status.status()["continuity"], "unproven", "{target}");
    }
    let mut foreign = Stream::open(gateway.address, target, &[("Last-Event-ID", &other)]).await;
    assert_eq!(foreign.begin().await.1.status()["continuity"], "unproven");
}

#[tokio::test]
async fn what_is_no_selection_is_refused_with_the_place() {
    let (api, _) = market().await;
    let gateway = Setup::new(api.url()).start().await;
    let long = format!("/{}", "a".repeat(1024));
    for (selection, place) in [
        ("rows", "at character 1"),
        ("$.rows[", "at character 8"),
        ("$.rows[?match(@.a, 'b')]", "at character 9"),
        ("/a/~2", "at character 5"),
        (&*long, "at most 1024 bytes"),
    ] {
        for accept in ["text/event-stream", "application/x-ndjson", "application/json"] {
            let fields = [("Accept", accept), ("Tidegate-Select", selection)];
            let refused = get(gateway.address, "/q", &fields).await;
            assert_eq!((refused.status, &*refused.problem()), (400, "bad-option"), "{selection}");
            assert!(
                refused.text().contains(place) && refused.text().contains("expected"),
                "{}",
                refused.text()
            );
        }
    }
    assert_eq!(api.asked(), 0, "nobody is asked for what cannot be");
}

#[tokio::test]
async fn what_has_no_parts_is_refused() {
    let api = Api::serve(|request| match request.line().1 {
        "/text" => answer("200 OK", "Content-Type: text/plain\r\n", "some text"),
        "/twice" => ok("{\"a\":1,\"a\":2}"),
        "/image" => answer("200 OK", "Content-Type: image/png\r\n", "x"),
        "/private" => answer("200 OK", "Content-Type: text/plain\r\nCache-Control: private\r\n", "x"),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    for target in ["/text", "/twice", "/image", "/private"] {
        for accept in ["text/event-stream", "*/*"] {
            if target == "/image" && accept != "*/*" {
                continue;
            }
            let fields = [("Accept", accept), ("Tidegate-Select", "/a")];
            let refused = get(gateway.address, target, &fields).await;
            assert_eq!((refused.status, &*refused.problem()), (406, "not-selectable"), "{target} {accept}");
        }
        // With `no-store` nothing is kept, and the answer is the same.
        let fields = [("Cache-Control", "no-store"), ("Tidegate-Select", "/a")];
        assert_eq!(get(gateway.address, target, &fields).await.problem(), "not-selectable", "{target}");
    }
    assert_eq!(get(gateway.address, "/none?tidegate.select=/a", &[]).await.status, 404);
    until("nobody is counted", async || gateway.subscribers().await == 0).await;
}

/// What is selected, and its tag.
async fn part(gateway: &Running, select: &str, fields: &[(&str, &str)]) -> (String, String) {
    let response = read(gateway, select, fields).await;
    assert_eq!(response.status, 200, "{response:?}");
    (response.text().to_owned(), response.field("etag").expect("a tag").to_owned())
}

async fn read(gateway: &Running, select: &str, fields: &[(&str, &str)]) -> Response {
    let fields: Vec<_> = fields.iter().copied().chain([("Tidegate-Select", select)]).collect();
    get(gateway.address, "/q", &fields).await
}

#[tokio::test]
async fn a_plain_read_is_of_the_part_with_a_tag_of_its_own() {
    let (api, body) = market().await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut whole = Stream::open(gateway.address, "/q", &[]).await;
    let id = whole.begin().await.0.id.unwrap();
    let response = get(gateway.address, "/q?tidegate.select=/rows/0/last", &[]).await;
    assert_eq!((response.status, response.text()), (200, "1.10"), "{response:?}");
    assert_eq!(response.field("content-type"), Some(JSON));
    assert_eq!(response.field("content-length"), Some("4"));
    let (text, tag) = part(&gateway, "/rows/0/last", &[]).await;
    assert_eq!((&*text, response.field("etag")), ("1.10", Some(&*tag)));
    assert_ne!(tag, format!("\"{id}\""));
    assert_eq!(part(&gateway, "$..last", &[]).await.0, "[1.10,7]");
    assert_eq!(part(&gateway, "/nothing", &[]).await.0, "null");
    assert_eq!(part(&gateway, "$.nothing", &[]).await.0, "[]");
    let everything = part(&gateway, "", &[]).await;
    assert_eq!(everything, (board("1.10", "7"), format!("\"{id}\"")));
    // A tag holds as long as the part does, whatever else changes.
    body.set(board("1.10", "8"));
    whole.expect("patch").await;
    let same = read(&gateway, "/rows/0/last", &[("If-None-Match", &tag)]).await;
    assert_eq!((same.status, same.field("etag")), (304, Some(&*tag)));
    assert_eq!(read(&gateway, "/rows/1/last", &[("If-None-Match", &tag)]).await.status, 200);
    body.set(board("2", "8"));
    whole.expect("patch").await;
    let (text, newer) = part(&gateway, "/rows/0/last", &[("If-None-Match", &tag)]).await;
    assert!(text == "2" && newer != tag);
    // The tag is a position: a stream goes on from it.
    let target =
        format!("/q?tidegate.select=/rows/0/last&tidegate.last-event-id={}", newer.trim_matches('"'));
    let mut stream = Stream::open(gateway.address, &target, &[]).await;
    stream.expect("status").await;
    // Without the body, and packed.
    let head = send(gateway.address, "HEAD", "/q?tidegate.select=/rows", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let packed = read(&gateway, "/rows", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(packed.field("content-encoding"), Some("gzip"));
    assert!(packed.field("etag").unwrap().ends_with(".gzip\""));
}

#[tokio::test]
async fn a_read_of_a_part_waits_for_the_part() {
    let (api, body) = market().await;
    let gateway = Setup::lively(api.url()).limits("max_wait = \"2s\"").start().await;
    let (_, tag) = part(&gateway, "/rows/0/last", &[]).await;
    let mut whole = Stream::open(gateway.address, "/q", &[]).await;
    whole.begin().await;
    let target = "/q?tidegate.select=/rows/0/last";
    let mut http = Http::connect(gateway.address).await;
    http.ask("GET", target, &[("If-None-Match", &tag), ("Prefer", "wait=60")]).await;
    until("it waits", async || gateway.subscribers().await == 2).await;
    body.set(board("1.10", "8"));
    whole.expect("patch").await;
    body.set(board("3", "8"));
    let newer = http.response("GET").await;
    assert_eq!((newer.status, newer.text()), (200, "3"));
    let tag = newer.field("etag").unwrap().to_owned();
    http.ask("GET", target, &[("If-None-Match", &tag), ("Prefer", "wait=1")]).await;
    until("it waits", async || gateway.subscribers().await == 2).await;
    body.set(board("3", "9"));
    let same = http.response("GET").await;
    assert_eq!((same.status, same.field("etag")), (304, Some(&*tag)));
}

#[tokio::test]
async fn what_is_one_callers_alone_has_parts_too() {
    for control in ["no-store", "private"] {
        let api = Api::serve(move |request| {
            assert!(request.all("if-none-match").is_empty() && request.all("range").is_empty());
            answer(
                "200 OK",
                &format!("Content-Type: {JSON}\r\nCache-Control: {control}\r\nETag: \"1\"\r\n"),
                board("1.10", "7"),
            )
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        for fields in
            [&[][..], &[("Cache-Control", "no-store"), ("If-None-Match", "\"a\""), ("Range", "bytes=0-3")]]
        {
            let response = read(&gateway, "/rows/0/last", fields).await;
            assert_eq!((response.status, response.text()), (200, "1.10"), "{control} {fields:?}");
            assert_eq!(response.field("cache-control"), Some(control));
            assert_ne!(response.field("etag"), Some("\"1\""), "which is the whole's");
        }
        let fields = [("Cache-Control", "no-store")];
        let head = send(gateway.address, "HEAD", "/q?tidegate.select=/rows/0/last", &fields).await;
        assert_eq!((head.status, head.field("content-length")), (200, Some("4")));
    }
}

#[tokio::test]
async fn on_a_connection_of_several_no_selection_goes_unheard() {
    let api = Api::serve(|_| ok("{\"\u{fc}\":1,\"b\":2}")).await;
    let gateway = Setup::new(api.url()).start().await;
    for (select, expected) in [
        ("/%C3%BC", "\"data\":1}"),
        ("/a%0Ab", "`select` has characters"),
        ("rows", "bad-option"),
        ("/b", "\"data\":2}"),
    ] {
        let target = format!("/.tidegate/events?url=/q&tidegate.select={select}");
        let mut stream = Stream::open(gateway.address, &target, &[]).await;
        let text = stream.text_until(expected).await;
        assert!(!text.contains("\"data\":{\"\u{fc}"), "the whole is not what was asked for: {text}");
    }
}

#[tokio::test]
async fn a_part_of_what_has_none_is_neither_the_whole_nor_a_write_to_it() {
    let (api, _) = market().await;
    let more = "[[route]]\npath = \"/dead\"\norigin = \"api\"\nlive = false\n";
    let gateway = Setup::new(api.url()).more(more).start().await;
    let select = ("Tidegate-Select", "/rows");
    for (target, method, field) in [
        ("/dead", "GET", ("Accept", "*/*")),
        ("/q", "PUT", ("Accept", "*/*")),
        ("/q", "GET", ("If-Match", "\"a\"")),
    ] {
        let refused = send(gateway.address, method, target, &[select, field]).await;
        assert_eq!((refused.status, &*refused.problem()), (400, "bad-option"), "{method} {field:?}");
    }
    assert_eq!(api.asked(), 0);
    assert_eq!(get(gateway.address, "/q?tidegate.select=", &[]).await.status, 200);
}

#[tokio::test]
async fn a_write_bound_to_a_part_reaches_the_origin_with_its_tag() {
    let tag = Cell::<String>::new("\"a\"");
    let body = Cell::<String>::new(board("1.10", "7"));
    let (tagged, served) = (tag.clone(), body.clone());
    let api = Api::serve(move |request| match request.line().0 {
        "GET" => {
            answer("200 OK", &format!("Content-Type: {JSON}\r\nETag: {}\r\n", tagged.get()), served.get())
        }
        _ => answer("204 No Content", "", ""),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut whole = Stream::open(gateway.address, "/q", &[]).await;
    whole.begin().await;
    let (_, part_tag) = part(&gateway, "/rows/0/last", &[]).await;
    tag.set("\"b\"");
    body.set(board("1.10", "8"));
    whole.expect("patch").await;
    let write = async || {
        send(gateway.address, "PUT", "/q", &[("If-Match", &part_tag)]).await;
        let requests = api.requests();
        let write = requests.iter().rev().find(|request| request.line().0 == "PUT").unwrap();
        write.all("if-match")[0].to_owned()
    };
    assert_eq!(write().await, "\"b\"", "the part is as it was read");
    tag.set("\"c\"");
    body.set(board("2", "8"));
    whole.expect("patch").await;
    assert_eq!(write().await, part_tag, "which no origin knows");
}
