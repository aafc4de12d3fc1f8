use super::*;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};

fn read(text: &str) -> Result<Request, RequestError> {
    Request::read(text.as_bytes())
}

fn subscribe(text: &str) -> Subscribe {
    match read(text) {
        Ok(Request::Subscribe(subscribe)) => *subscribe,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_subscription_in_full_and_in_short() {
    let full = subscribe(
        r#"{"op":"subscribe","sub":3,"url":"/quotes?x=1","id":"31twj9z95rea1.1.0bcdyd4","mode":"merge","select":"$.a",
            "rate":"1s","max_age":30,"headers":{"Authorization":"Bearer x","accept-language":"de"}}"#,
    );
    assert_eq!((full.sub, full.url.as_str(), full.max_age), (3, "/quotes?x=1", Some(30)));
    let texts = [&full.id, &full.mode, &full.select, &full.rate].map(|text| text.as_deref().unwrap());
    assert_eq!(texts, ["31twj9z95rea1.1.0bcdyd4", "merge", "$.a", "1s"]);
    assert_eq!(
        (&full.headers[AUTHORIZATION], &full.headers[ACCEPT_LANGUAGE]),
        (&"Bearer x".parse().unwrap(), &"de".parse().unwrap())
    );

    let short =
        subscribe(r#"{"sub":2147483647,"url":"/~/https://api.example.com/a","op":"subscribe","id":""}"#);
    let expected = Subscribe::to(MAX_SUB, "/~/https://api.example.com/a").unwrap();
    assert_eq!(short, expected);
    assert_eq!(read(r#"{"op":"unsubscribe","sub":0}"#), Ok(Request::Unsubscribe { sub: 0 }));
}

#[test]
fn each_error_names_the_member() {
    let check = |text: &str, sub: Option<u32>, detail: &str| {
        let error = read(text).unwrap_err();
        assert!(error.detail.starts_with(detail), "{text}: {error}");
        assert_eq!(error.sub, sub, "{text}");
    };
    check("", None, "this cannot be read: EOF while parsing");
    check("[]", None, "this cannot be read: invalid type: sequence, expected an object");
    check(r#"{"op":"subscribe"} {}"#, None, "this cannot be read: trailing characters");
    check(r#"{"sub":1,"sub":2}"#, None, "this cannot be read: `sub` is there twice");
    check("{}", None, "`op` is missing: \"subscribe\" or");
    check(r#"{"op":"Subscribe","sub":1}"#, Some(1), "`op` has to be \"subscribe\" or");
    check(r#"{"op":"subscribe"}"#, None, "`sub` is missing");
    for sub in ["-1", "1.0", "\"1\"", "null", "2147483648", "1e3"] {
        let text = format!(r#"{{"op":"subscribe","url":"/","sub":{sub}}}"#);
        check(&text, None, "`sub` has to be the subscription's number, an integer from 0 to 2147483647");
    }
    check(
        r#"{"op":"unsubscribe","sub":4,"url":"/"}"#,
        Some(4),
        "`url` is no member of `unsubscribe`, which are `op`, `sub`",
    );

    let with = |member: &str, detail: &str| {
        check(&format!(r#"{{"op":"subscribe","sub":1,"url":"/",{member}}}"#), Some(1), detail);
    };
    with(
        r#""header":{}"#,
        "`header` is no member of `subscribe`, which are `op`, `sub`, `url`, `id`, `mode`, `select`, `rate`, `max_age`, `headers`",
    );
    with(r#""mode":null"#, "`mode` has to be a string");
    with(r#""max_age":"30""#, "`max_age` has to be a number of seconds, an integer from 0 to");
    with(r#""id":"a b""#, "`id` has to be a position");
    with(&format!(r#""select":"{}""#, "x".repeat(MAX_TEXT + 1)), "`select` may have at most 8192 bytes");
    with(r#""headers":[]"#, "`headers`: invalid type: sequence, expected an object");
    with(r#""headers":{"a b":"c"}"#, "`headers`: `a b` is no name of a header field");
    with(r#""headers":{"a":1}"#, "`headers`: `a` has to be a string of visible ASCII");
    with(r#""headers":{"a":"b\r\nc: d"}"#, "`headers`: `a` has to be a string of visible ASCII");
    with(r#""headers":{"a":"1","A":"2"}"#, "`headers`: `A` is there twice, but for its case");
    with(r#""headers":{"a":"1","a":"2"}"#, "`headers`: `a` is there twice");
    with(
        r#""headers":{"Last-Event-ID":"1"}"#,
        "`headers`: instead of `last-event-id` there is the member `id`",
    );
    let many: Vec<String> = (0..=MAX_FIELDS).map(|index| format!(r#""x-{index}":"""#)).collect();
    with(&format!(r#""headers":{{{}}}"#, many.join(",")), "`headers`: an object may have at most 64 members");

    check(r#"{"op":"subscribe","sub":1}"#, Some(1), "`url` is missing");
    for url in ["", "a", "*", "http://a/b", "/a b", "/a#b", "/ü", "?a", "/a\\n"] {
        let text = format!(r#"{{"op":"subscribe","sub":1,"url":"{url}"}}"#);
        check(&text, Some(1), "`url` has to be a path with its query");
        assert_eq!(Subscribe::to(1, &url.replace("\\n", "\n")).unwrap_err().sub, Some(1));
    }
    let text = format!(r#"{{"op":"subscribe","sub":1,"url":"/{}"}}"#, "a".repeat(MAX_TEXT));
    check(&text, Some(1), "`url` may have at most 8192 bytes");
}

#[test]
fn fields_that_cannot_be_set() {
    let set = |name: &str| {
        read(&format!(r#"{{"op":"subscribe","sub":1,"url":"/","headers":{{"{name}":"x"}}}}"#))
            .map_err(|error| error.detail)
    };
    for name in [
        "Host",
        "Cookie",
        "Connection",
        "Upgrade",
        "TE",
        "Transfer-Encoding",
        "Content-Length",
        "Sec-WebSocket-Key",
        "Sec-Fetch-Site",
        "Proxy-Authorization",
        "X-Forwarded-For",
        "Forwarded",
        "Via",
        "Origin",
        "If-None-Match",
        "Range",
        "Expect",
    ] {
        let detail = format!("`headers`: `{}` cannot be set for one subscription", name.to_lowercase());
        assert_eq!(set(name), Err(detail));
    }
    for name in
        ["Authorization", "Accept", "Accept-Language", "X-Api-Key", "Cache-Control", "Ranges", "Security"]
    {
        assert!(set(name).is_ok(), "{name}");
    }
}

#[test]
fn lists() {
    let list = Request::read_list(br#"[{"op":"subscribe","sub":1,"url":"/a"},{"op":"unsubscribe","sub":2}]"#)
        .unwrap();
    assert!(matches!(&list[..], [Request::Subscribe(_), Request::Unsubscribe { sub: 2 }]));
    let open = |text: &str| Subscribe::read_list(text.as_bytes()).map_err(|error| (error.sub, error.detail));
    assert_eq!(open("[]"), Ok(Vec::new()));
    let urls = open(r#"[{"sub":1,"url":"/a"},{"sub":0,"url":"/a"}]"#).unwrap();
    assert_eq!((urls.len(), urls[1].sub), (2, 0));

    assert_eq!(
        open(r#"[{"sub":1,"url":"/a"},{"sub":1,"url":"/b"}]"#),
        Err((Some(1), "`sub` 1 is there twice".into()))
    );
    let (sub, detail) = open(r#"[{"sub":1,"url":"/a"},{"op":"subscribe","sub":7,"url":"/b"}]"#).unwrap_err();
    assert_eq!(sub, Some(7));
    assert!(
        detail.starts_with("[1]: `op` is no member of a subscription, which are `sub`, `url`,"),
        "{detail}"
    );
    let many = format!("[{}]", vec![r#"{"op":"unsubscribe","sub":1}"#; MAX_REQUESTS + 1].join(","));
    let error = Request::read_list(many.as_bytes()).unwrap_err();
    assert_eq!(error.detail, "a list has at most 1024 elements");
    assert!(Request::read_list(b"{}").is_err());
}
