use super::super::query;
use super::*;
use http::HeaderValue;

const OURS: &str = "0000000000001.42.0000007";

fn ask(query: &str, list: &[(&'static str, &[u8])]) -> Result<Ask, Problem> {
    let mut fields = HeaderMap::new();
    for (name, value) in list {
        fields.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    let (_, reserved) = query::split(&format!("/q?{query}").parse().unwrap()).expect("they exist");
    Ask::of(&Method::GET, &fields, &reserved, Duration::from_secs(60))
}

fn taken(query: &str, list: &[(&'static str, &str)]) -> Ask {
    let list: Vec<_> = list.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    ask(query, &list).unwrap_or_else(|problem| panic!("{query} {list:?}: {problem:?}"))
}

#[track_caller]
fn refused(query: &str, list: &[(&'static str, &[u8])], detail: &str) {
    let problem = ask(query, list).expect_err("it is refused");
    assert_eq!(problem.known(), Some(ProblemKind::BadOption));
    let told = problem.detail.unwrap_or_default();
    assert!(told.contains(detail), "{told}");
}

#[test]
fn nothing_said_is_a_plain_read() {
    let expected = Ask {
        format: None,
        mode: Mode::Patch,
        rate: None,
        select: None,
        resume: Resume::Nowhere,
        wish: Wish::NONE,
        wait: None,
    };
    assert_eq!(taken("", &[]), expected);
}

#[test]
fn a_field_wins_over_the_parameter() {
    let said = taken(
        "tidegate.mode=merge&tidegate.rate=2s&tidegate.select=/a/%C3%BC",
        &[("accept", "application/x-ndjson")],
    );
    assert_eq!((said.format, said.mode), (Some(Format::Ndjson), Mode::Merge));
    assert_eq!(
        (said.rate, said.select.as_ref().map(Selection::as_str)),
        (Rate::new(Duration::from_secs(2)), Some("/a/ü"))
    );
    let said = taken(
        "tidegate.mode=merge&tidegate.rate=2s&tidegate.select=/a",
        &[("tidegate-mode", "first"), ("tidegate-rate", "250ms"), ("tidegate-select", "$.b")],
    );
    assert_eq!((said.mode, said.select.as_ref().map(Selection::as_str)), (Mode::First, Some("$.b")));
    assert_eq!(said.rate, Rate::new(Duration::from_millis(250)));
    // Even where the parameter says nothing that there is.
    assert_eq!(taken("tidegate.mode=x", &[("tidegate-mode", "snapshot")]).mode, Mode::Snapshot);
}

#[test]
fn what_there_is_not_is_refused_with_what_there_is() {
    refused("tidegate.mode=diff", &[], "`tidegate.mode: diff`");
    refused("", &[("tidegate-mode", b"")], "`patch`, `merge`, `snapshot` and `first`");
    for rate in ["", "1", "9ms", "2h", "-1s", "soon"] {
        refused("", &[("tidegate-rate", rate.as_bytes())], "from 10ms to 1h");
        refused(&format!("tidegate.rate={rate}"), &[], &format!("`tidegate.rate: {rate}`"));
    }
    refused("tidegate.wait=soon", &[], "a number of seconds");
    refused(
        "",
        &[("tidegate-mode", b"merge"), ("tidegate-mode", b"patch")],
        "`tidegate-mode` is there twice",
    );
    refused("", &[("tidegate-select", b"\xff")], "no UTF-8");
    assert_eq!(taken("", &[("tidegate-mode", "merge"), ("tidegate-mode", "merge")]).mode, Mode::Merge);
}

#[test]
fn a_braid_subscription_is_asked_for_by_its_own_field() {
    for (list, format) in [
        (&[("subscribe", "true")][..], Some(Format::Braid)),
        (&[("subscribe", "true"), ("accept", "text/event-stream")], Some(Format::Braid)),
        (&[("subscribe", "false")], None),
        (&[("subscribe", "?0"), ("accept", "text/event-stream")], Some(Format::Sse)),
    ] {
        assert_eq!(taken("", list).format, format, "{list:?}");
    }
    let check = |parents: &[u8], expected: Resume| {
        let said = ask("", &[("subscribe", b"true"), ("parents", parents)]).unwrap();
        assert_eq!(said.resume, expected, "{parents:?}");
    };
    check(format!("\"{OURS}\"").as_bytes(), Resume::From(OURS.parse().unwrap()));
    check(b"", Resume::Nowhere);
    check(OURS.as_bytes(), Resume::Foreign);
    check(b"\"alice-1\"", Resume::Foreign);
    check(format!("\"{OURS}\", \"{OURS}\"").as_bytes(), Resume::Foreign);
    check(b"\"\xff\"", Resume::Foreign);
    // Elsewhere it says nothing.
    let said = taken("", &[("parents", "\"1\""), ("accept", "text/event-stream")]);
    assert_eq!(said.resume, Resume::Nowhere);
    let post = Ask::of(
        &Method::POST,
        &HeaderMap::from_iter([(SUBSCRIBE, HeaderValue::from_static("true"))]),
        &Reserved::default(),
        Duration::ZERO,
    );
    assert_eq!(post.unwrap().format, None);
}

#[test]
fn any_id_is_taken_and_only_ours_proves_anything() {
    let check = |header: Option<&[u8]>, parameter: Option<&str>, expected: Resume| {
        let query = parameter.map_or(String::new(), |id| format!("tidegate.last-event-id={id}"));
        let list: Vec<_> = header.map(|value| ("last-event-id", value)).into_iter().collect();
        assert_eq!(ask(&query, &list).unwrap().resume, expected, "{header:?} {parameter:?}");
    };
    let position = Resume::From(OURS.parse().unwrap());
    check(None, None, Resume::Nowhere);
    check(Some(b""), None, Resume::Nowhere);
    check(Some(OURS.as_bytes()), None, position);
    check(None, Some(OURS), position);
    check(Some(b"other"), Some(OURS), Resume::Foreign);
    check(Some(b"\xff\xfe"), None, Resume::Foreign);
    check(Some(&[b'1'; 4000]), None, Resume::Foreign);
    check(None, Some("42"), Resume::Foreign);
}

#[test]
fn how_old_data_may_become() {
    let check = |control: &str, parameter: Option<&str>, expected: u64| {
        let query = parameter.map_or(String::new(), |age| format!("tidegate.max-age={age}"));
        let said = taken(&query, &[("cache-control", control)]);
        assert_eq!(said.wish, Wish::seconds(expected), "{control} {parameter:?}");
    };
    check("", None, 0);
    check("no-cache", None, 0);
    check("max-age=30", None, 30);
    check("no-transform, Max-Age=\"30\"", Some("5"), 30);
    check("max-age=0", Some("5"), 5);
    check("max-age=x", None, 0);
    check("no-cache", Some("5"), 5);
    check("no-cache", Some("0"), 0);
    check("max-age=99999999999999999999999", None, 3600);
    check("", Some("99999999999999999999999"), 3600);
    for parameter in ["", "-1", "1.5", "soon"] {
        refused(&format!("tidegate.max-age={parameter}"), &[("cache-control", b"max-age=30")], "in digits");
    }
}

#[test]
fn a_wait_has_an_end_and_something_to_wait_for() {
    let tag = format!("W/\"{OURS}.gzip\"");
    let ours = Some(OURS.parse().unwrap());
    let check = |query: &str,
                 list: &[(&'static str, &str)],
                 expected: Option<(Option<Position>, u64, Named, bool)>| {
        let wait = taken(query, list).wait;
        let expected = expected.map(|(after, seconds, named, preferred)| {
            let limit = Duration::from_secs(seconds);
            Wait { after, limit, named, preferred }
        });
        assert_eq!(wait, expected, "{query} {list:?}");
    };
    check("", &[("prefer", "wait=10")], None);
    check("", &[("if-none-match", &tag)], None);
    check("", &[("prefer", "wait=10"), ("if-none-match", "*")], None);
    check("", &[("prefer", "wait=10"), ("if-none-match", "\"other\"")], None);
    check("", &[("prefer", "wait=soon"), ("if-none-match", &tag)], None);
    let by_tag = |seconds, preferred| Some((ours, seconds, Named::ByTag, preferred));
    check("", &[("prefer", "wait=10"), ("if-none-match", &tag)], by_tag(10, true));
    check("tidegate.wait=9", &[("prefer", "wait=10"), ("if-none-match", &tag)], by_tag(10, true));
    check("tidegate.wait=9", &[("if-none-match", &tag)], by_tag(9, false));
    check("tidegate.wait=99999999999999999999999", &[("if-none-match", &tag)], by_tag(60, false));
    let several = format!("\"x\", \"{OURS}\", \"0000000000001.7.0000007\"");
    check("", &[("prefer", "wait=10"), ("if-none-match", &several)], by_tag(10, true));
    let by_url = |after, seconds| Some((after, seconds, Named::ByUrl, false));
    check(&format!("tidegate.wait=9&tidegate.after={OURS}"), &[], by_url(ours, 9));
    check(&format!("tidegate.wait=9&tidegate.after=%22{OURS}.gzip%22"), &[], by_url(ours, 9));
    check(&format!("tidegate.after={OURS}"), &[], by_url(ours, 0));
    check("tidegate.wait=9&tidegate.after=other", &[("if-none-match", &tag)], by_url(None, 9));
    check("tidegate.wait=9", &[], None);
}
