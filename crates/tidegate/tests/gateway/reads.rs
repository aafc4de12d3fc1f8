//! Plain reads of a live route (RFC 9110, 9111, 9211).

use std::io::Read;

use futures_util::future::join_all;

use crate::common::{Api, Cell, Gate, Http, Setup, Stream, answer, document, get, ok, send, until};

fn vary(response: &crate::common::Response) -> Vec<String> {
    response.list("vary").iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn an_answer_says_where_it_comes_from() {
    let api = Api::serve(|request| {
        let fields = "Cache-Control: max-age=5\r\nAge: 7\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                      X-Own: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n";
        document(request, "\"origins\"", fields, "{\"price\": 101.10}")
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let miss = get(gateway.address, "/q?a=1", &[]).await;
    assert_eq!((miss.status, miss.text()), (200, "{\"price\": 101.10}"));
    assert_eq!(miss.field("cache-status"), Some("tidegate; fwd=miss; stored"));
    assert_eq!(miss.field("content-type"), Some("application/json"));
    assert_eq!(miss.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"), "never rewritten");
    assert_eq!(miss.field("x-own"), Some("1"));
    assert_eq!(miss.field("x-hop"), None, "hop-by-hop");
    assert!(miss.field("via").unwrap().ends_with("tidegate"));
    assert!(vary(&miss).contains(&"accept".to_owned()), "{miss:?}");
    assert!(vary(&miss).contains(&"accept-encoding".to_owned()), "{miss:?}");
    assert!(miss.field("age").unwrap().parse::<u64>().unwrap() >= 7, "the origin's age counts");
    let tag = miss.field("etag").unwrap().to_owned();
    assert_ne!(tag, "\"origins\"");
    let asked = &api.requests()[0];
    assert_eq!(asked.line(), ("GET", "/q?a=1"));
    assert_eq!(asked.field("if-none-match"), None);

    // Nobody watches, so every read asks; the second asks conditionally.
    let again = get(gateway.address, "/q?a=1", &[]).await;
    assert_eq!((again.status, again.text()), (200, "{\"price\": 101.10}"));
    assert_eq!(again.field("etag"), Some(&*tag));
    assert_eq!(api.requests()[1].field("if-none-match"), Some("\"origins\""));

    // Somebody watches, so reads come from memory, with the stream's position.
    let mut stream = Stream::open(gateway.address, "/q?a=1", &[]).await;
    let (snapshot, _) = stream.begin().await;
    assert_eq!(format!("\"{}\"", snapshot.id.unwrap()), tag);
    let asked = api.asked();
    let hit = get(gateway.address, "/q?a=1", &[]).await;
    assert_eq!(hit.field("cache-status"), Some("tidegate; hit; ttl=-2"), "the polls confirm it all the same");
    assert_eq!(hit.text(), "{\"price\": 101.10}");
    assert_eq!(api.asked(), asked);

    // Unless the reader insists.
    for fields in [("Cache-Control", "no-cache"), ("Cache-Control", "max-age=0"), ("Pragma", "no-cache")] {
        let before = api.asked();
        let insisted = get(gateway.address, "/q?a=1", &[fields]).await;
        assert_eq!(
            insisted.field("cache-status"),
            Some("tidegate; fwd=request; fwd-status=304; stored"),
            "{fields:?}"
        );
        assert_eq!(api.asked(), before + 1, "{fields:?}");
    }
}

#[tokio::test]
async fn conditions_of_clients() {
    let modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: max-age=5\r\n";
    let body = format!("[{}1]", "1, ".repeat(200));
    let sent = body.clone();
    let api = Api::serve(move |request| document(request, "\"o\"", modified, &sent)).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let plain = get(gateway.address, "/q", &[]).await;
    let tag = plain.field("etag").unwrap().to_owned();
    let packed = get(gateway.address, "/q", &[("Accept-Encoding", "gzip")]).await;
    let gzip_tag = packed.field("etag").unwrap().to_owned();
    assert_ne!(tag, gzip_tag, "another encoding, another strong tag");

    let check = |fields: Vec<(&'static str, String)>, expected: u16| {
        let (address, body) = (gateway.address, body.clone());
        async move {
            let list: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
            for method in ["GET", "HEAD"] {
                let response = send(address, method, "/q", &list).await;
                assert_eq!(response.status, expected, "{method} {fields:?}");
                if expected == 304 {
                    assert!(response.field("etag").is_some() && response.body.is_empty());
                    assert_eq!(response.field("cache-control"), Some("max-age=5"));
                    assert!(response.field("cache-status").is_some() && response.field("age").is_some());
                    assert!(vary(&response).contains(&"accept".to_owned()));
                    assert_eq!(response.field("content-type"), None);
                } else if method == "GET" {
                    assert_eq!(response.text(), body, "{fields:?}");
                }
            }
        }
    };
    let none_match = |value: String| vec![("If-None-Match", value)];
    check(none_match(tag.clone()), 304).await;
    check(none_match(format!("W/{tag}")), 304).await;
    check(none_match(gzip_tag.clone()), 304).await;
    check(none_match(format!("\"other\", {tag}, \"third\"")), 304).await;
    check(vec![("If-None-Match", "\"other\"".to_owned()), ("If-None-Match", tag.clone())], 304).await;
    check(none_match("*".to_owned()), 304).await;
    check(none_match("\"other\"".to_owned()), 200).await;
    check(none_match("\"o\"".to_owned()), 200).await;
    check(none_match(tag.trim_matches('"').to_owned()), 200).await;
    let since = |value: &str| ("If-Modified-Since", value.to_owned());
    check(vec![since("Sun, 06 Nov 1994 08:49:37 GMT")], 304).await;
    check(vec![since("Sunday, 06-Nov-94 08:49:37 GMT")], 304).await;
    check(vec![since("Sun, 06 Nov 1994 08:49:36 GMT")], 200).await;
    check(vec![since("yesterday")], 200).await;
    // `If-None-Match` overrides it (RFC 9110 §13.1.3).
    check(vec![("If-None-Match", "\"other\"".to_owned()), since("Sun, 06 Nov 1994 08:49:37 GMT")], 200).await;
    assert_eq!(api.asked(), 1, "all from memory");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let api = Api::serve(|request| document(request, "\"o\"", "", "[1,2,3]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut http = Http::connect(gateway.address).await;
    http.ask("HEAD", "/q", &[]).await;
    let head = http.response("HEAD").await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("7")));
    // The connection is in order afterwards.
    http.ask("GET", "/q", &[]).await;
    let whole = http.response("GET").await;
    assert_eq!((whole.status, whole.text()), (200, "[1,2,3]"));
    assert_eq!(whole.field("etag"), head.field("etag"));
}

#[tokio::test]
async fn compression_follows_the_reader_and_the_origin() {
    let control = Cell::<String>::new("max-age=1");
    let served = control.clone();
    let text = format!("{{\"rows\":[{}0]}}", "100.10,".repeat(500));
    let body = text.clone();
    let api = Api::serve(move |_| {
        let fields = format!("Content-Type: application/json\r\nCache-Control: {}\r\n", served.get());
        answer("200 OK", &fields, &body)
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let unpacked = |bytes: &[u8]| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    };
    for (accepted, coding) in [
        ("gzip", Some("gzip")),
        ("GZIP;q=0.5, br", Some("gzip")),
        ("*", Some("gzip")),
        ("br, x-gzip", Some("gzip")),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", None),
        ("identity", None),
        ("br", None),
        ("", None),
    ] {
        let response = get(gateway.address, "/q", &[("Accept-Encoding", accepted)]).await;
        assert_eq!(response.field("content-encoding"), coding, "{accepted:?}");
        match coding {
            Some(_) => assert_eq!(unpacked(&response.body), text),
            None => assert_eq!(response.text(), text),
        }
    }
    // The same bytes for everyone who gets this version.
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let bodies = join_all((0..8).map(|_| get(gateway.address, "/q", &[("Accept-Encoding", "gzip")]))).await;
    assert!(bodies.iter().all(|other| other.body == bodies[0].body && other.field("age").is_some()));
    drop(stream);

    control.set("No-Transform");
    let untouched =
        get(gateway.address, "/q", &[("Accept-Encoding", "gzip"), ("Cache-Control", "no-cache")]).await;
    assert_eq!((untouched.field("content-encoding"), untouched.text()), (None, &*text));
    let small = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(small.url()).start().await;
    let small = get(gateway.address, "/q", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!((small.field("content-encoding"), small.text()), (None, "[1]"));
}

#[tokio::test]
async fn a_large_document_is_compressed_for_all_who_read_it() {
    let body = format!("[{}0]", "123456789, ".repeat(30_000));
    let sent = body.clone();
    let api = Api::serve(move |_| ok(&sent)).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let readers = (0..20).map(|_| get(gateway.address, "/q", &[("Accept-Encoding", "gzip")]));
    let answers = join_all(readers).await;
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&answers[0].body[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
}

#[tokio::test]
async fn identical_misses_are_one_fetch() {
    let gate = Gate::closed();
    let api = Api::echo_behind(&gate).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut waiting = Vec::new();
    for number in 0..40 {
        let mut http = Http::connect(gateway.address).await;
        let tenant = if number % 2 == 0 { "a" } else { "b" };
        http.ask("GET", "/q", &[("X-Tenant", tenant), ("User-Agent", &format!("n{number}"))]).await;
        waiting.push((tenant, http));
    }
    let readers = || async { gateway.gateway.report().await.iter().map(|feed| feed.waiting).sum::<usize>() };
    until("all wait", || async { readers().await == 40 }).await;
    gate.open();
    let (mut misses, mut collapsed) = (0, 0);
    for (tenant, mut http) in waiting {
        let response = http.response("GET").await;
        assert!(
            response.text().to_ascii_lowercase().contains(&format!("x-tenant: {tenant}")),
            "{response:?}"
        );
        match response.field("cache-status") {
            Some("tidegate; fwd=miss; stored") => misses += 1,
            Some("tidegate; fwd=miss; collapsed") => collapsed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((misses, collapsed, api.asked()), (2, 38, 2));
}

#[tokio::test]
async fn what_may_not_be_stored_is_asked_for_by_each() {
    for (control, authorized, from_memory) in [
        ("", false, true),
        ("public", true, true),
        ("s-maxage=5", true, true),
        ("must-revalidate", true, true),
        ("", true, false),
        ("max-age=60", true, false),
        ("no-store", false, false),
        ("private", false, false),
        ("private, max-age=60", false, false),
        ("no-cache=\"x-a\"", false, true),
    ] {
        let api = Api::serve(move |_| {
            let control =
                if control.is_empty() { String::new() } else { format!("Cache-Control: {control}\r\n") };
            answer("200 OK", &format!("Content-Type: application/json\r\n{control}"), "{}")
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        let fields: &[_] = if authorized { &[("Authorization", "Bearer a")] } else { &[] };
        let told = get(gateway.address, "/other", fields).await.field("cache-status").unwrap().to_owned();
        let stored = if from_memory { "tidegate; fwd=miss; stored" } else { "tidegate; fwd=miss" };
        assert_eq!(told, stored, "{control:?}: what others cannot get is not called stored");
        let before = api.asked();
        let mut stream = Stream::open(gateway.address, "/q", fields).await;
        stream.begin().await;
        for read in 1..=2 {
            let response = get(gateway.address, "/q", fields).await;
            assert_eq!((response.status, response.text()), (200, "{}"));
            let status = response.field("cache-status").unwrap();
            let asked = api.asked() - before;
            match from_memory {
                true => {
                    assert!(status.starts_with("tidegate; hit"), "{control:?}: {status}");
                    assert_eq!(asked, 1, "{control:?}");
                }
                false => assert_eq!((status, asked), ("tidegate; fwd=bypass", 1 + read), "{control:?}"),
            }
        }
    }
}

#[tokio::test]
async fn other_answers_pass_as_they_are() {
    for (status, fields) in [
        ("201 Created", ""),
        ("204 No Content", ""),
        ("301 Moved Permanently", "Location: /elsewhere\r\n"),
        ("302 Found", "Location: https://other.test/\r\nSet-Cookie: a=1\r\n"),
        ("400 Bad Request", ""),
        ("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"x\"\r\n"),
        ("403 Forbidden", ""),
        ("404 Not Found", ""),
        ("410 Gone", ""),
        ("418 I'm a teapot", ""),
        ("429 Too Many Requests", "Retry-After: 7\r\n"),
        ("500 Internal Server Error", ""),
        ("503 Service Unavailable", "Retry-After: 120\r\n"),
    ] {
        let api = Api::serve(move |_| match status {
            "204 No Content" => b"HTTP/1.1 204 No Content\r\nX-Why: because\r\n\r\n".to_vec(),
            _ => {
                let fields = format!("{fields}X-Why: because\r\nContent-Type: application/json\r\n");
                answer(status, &fields, "{\"why\":\"because\"}")
            }
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        let code: u16 = status[..3].parse().unwrap();
        for accept in ["application/json", "text/event-stream"] {
            let response = get(gateway.address, "/q", &[("Accept", accept)]).await;
            assert_eq!((response.status, response.field("x-why")), (code, Some("because")), "{accept}");
            assert!(vary(&response).contains(&"accept".to_owned()), "{status} {response:?}");
            if code != 204 {
                assert_eq!(response.text(), "{\"why\":\"because\"}", "{status} {accept}");
            }
            for line in fields.lines() {
                let (name, value) = line.split_once(": ").unwrap();
                assert_eq!(response.field(name), Some(value), "{status} {accept}");
            }
        }
        let head = send(gateway.address, "HEAD", "/q", &[]).await;
        assert_eq!((head.status, head.field("x-why")), (code, Some("because")));
    }
}

#[tokio::test]
async fn a_read_while_the_origin_is_away() {
    for (control, kept) in [
        ("max-age=0", true),
        ("max-age=0, must-revalidate", false),
        ("proxy-revalidate", false),
        ("s-maxage=0", false),
        ("no-cache", false),
    ] {
        let up = Cell::new(true);
        let is_up = up.clone();
        let api = Api::serve(move |_| match is_up.get() {
            true => {
                let fields = format!("Content-Type: application/json\r\nCache-Control: {control}\r\n");
                answer("200 OK", &fields, "[1]")
            }
            false => Vec::new(),
        })
        .await;
        let gateway = Setup::new(api.url()).start().await;
        assert_eq!(get(gateway.address, "/q", &[]).await.text(), "[1]");
        up.set(false);
        let response = get(gateway.address, "/q", &[]).await;
        if kept {
            assert_eq!((response.status, response.text()), (200, "[1]"), "{control}");
            assert_eq!(response.field("cache-status"), Some("tidegate; fwd=stale; detail=stale-if-error"));
            assert!(response.field("age").is_some());
        } else {
            assert_eq!(response.status, 504, "{control}: RFC 9111 §5.2.2.2");
            assert_eq!(response.problem(), "origin-no-answer", "{control}");
        }
    }
}

#[tokio::test]
async fn a_conditional_write_carries_the_origins_own_tag() {
    let tag = Cell::<String>::new("\"v1\"");
    let current = tag.clone();
    let api = Api::serve(move |request| match request.line().0 {
        "GET" => document(request, &current.get(), "", format!("[{}]", current.get())),
        _ => answer("200 OK", "", ""),
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    let first = get(gateway.address, "/q", &[]).await.field("etag").unwrap().to_owned();
    tag.set("\"v2, with a comma\"");
    let second =
        get(gateway.address, "/q", &[("Cache-Control", "no-cache")]).await.field("etag").unwrap().to_owned();
    assert_ne!(first, second);
    // A read that has to hold back unless the tag still stands is the origin's to judge, too.
    get(gateway.address, "/q", &[("If-Match", &first)]).await;
    assert_eq!(api.requests().last().unwrap().field("if-match"), Some("\"v1\""));
    for (sent, expected) in [
        (vec![("If-Match", first.clone())], vec!["\"v1\""]),
        (vec![("If-Match", second.clone())], vec!["\"v2, with a comma\""]),
        (vec![("If-Match", first.trim_end_matches('"').to_owned() + ".gzip\"")], vec!["\"v1\""]),
        (vec![("If-Match", format!("\"a, b\", {first}"))], vec!["\"a, b\", \"v1\""]),
        (vec![("If-Match", "\"x\"".to_owned()), ("If-Match", first.clone())], vec!["\"x\", \"v1\""]),
        (vec![("If-None-Match", "\"x\"".to_owned()), ("If-None-Match", first)], vec!["\"x\", \"v1\""]),
        (vec![("If-None-Match", "*".to_owned())], vec!["*"]),
        (vec![("If-Match", "\"0000000000001.1.0000000\"".to_owned())], vec!["\"0000000000001.1.0000000\""]),
        (vec![("If-Match", format!("W/{second}"))], vec!["W/\"v2, with a comma\""]),
        (vec![("If-Match", format!("W/W/{second}"))], vec![&*format!("W/W/{second}")]),
        (vec![("If-Match", "no tag".to_owned())], vec!["no tag"]),
    ] {
        let fields: Vec<_> = sent.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(send(gateway.address, "PUT", "/q", &fields).await.status, 200);
        assert_eq!(api.requests().last().unwrap().all(sent[0].0), expected, "{sent:?}");
    }
}
