//! What is expected, and what is said of an answer that is something else.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body_util::{BodyExt, Empty};
use tidegate_core::{Answer, FailureKind, Form, Outcome, Representation, Unfit};
use tidegate_hub::{Body, Fetched};

use super::*;

fn fields(media: &str) -> HeaderMap {
    [(header::CONTENT_TYPE, media.parse().unwrap())].into_iter().collect()
}

#[test]
fn media_types_match_patterns() {
    for (pattern, media, expected) in [
        ("", "anything/at-all", true),
        ("application/json", "application/json", true),
        ("application/json", "Application/JSON; charset=utf-8", true),
        ("application/json", "application/problem+json", false),
        ("application/*+json", "application/problem+json", true),
        ("application/*+json", "application/json", false),
        ("application/*json", "application/json", true),
        ("application/*", "application/json", true),
        ("application/*", "text/json", false),
        ("text/*", "text/html;charset=utf-8", true),
        ("text/a*a", "text/a", false),
    ] {
        let pattern = MediaPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(&fields(media)), expected, "{pattern} {media}");
    }
    let json = MediaPattern::parse("application/json").unwrap();
    assert!(!json.matches(&HeaderMap::new()), "an answer without a type");
    assert!(MediaPattern::default().matches(&HeaderMap::new()));
    for text in ["json", "/json", "a/", "a/b/c", "*/json", "a/*b*", "a/b; c=d", "a b/c", "a/é"] {
        assert_eq!(MediaPattern::parse(text), None, "{text}");
    }
}

fn content(pointers: &[&str], schema: Option<&str>) -> Content {
    Content {
        pointers: pointers.iter().map(|pointer| Pointer::parse(pointer).unwrap()).collect(),
        schema: schema.map(|text| Arc::new(Schema::read(text.as_bytes()).unwrap())),
    }
}

fn check(content: &Content, body: &'static str, form: Form) -> Result<(), String> {
    content.check(&Document::new(&Bytes::from(body), form, json::MAX_DEPTH).unwrap())
}

#[test]
fn what_is_named_is_there_and_not_null() {
    let rows = content(&["/data/rows", "/data/0"], None);
    for (body, expected) in [
        (r#"{"data":{"rows":[],"0":0}}"#, Ok(())),
        (r#"{"data":{"rows":false,"0":1e400}}"#, Ok(())),
        (r#"{"data":{"rows":"secret"}}"#, Err("the answer lacks /data/0, which `expect` names")),
        (r#"{"data":{"rows":null,"0":0}}"#, Err("/data/rows is null, and `expect` names it")),
        ("null", Err("the answer lacks /data/rows, which `expect` names")),
        ("[]", Err("the answer lacks /data/rows, which `expect` names")),
    ] {
        assert_eq!(check(&rows, body, Form::Json), expected.map_err(str::to_owned), "{body}");
    }
    let anything = content(&[""], None);
    assert_eq!(check(&anything, "0", Form::Json), Ok(()));
    assert!(check(&anything, "null", Form::Json).unwrap_err().contains("the whole document is null"));
    assert!(check(&anything, "<p>secret", Form::Text).unwrap_err().contains("no JSON"));
}

const ROWS: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["rows"],
    "properties": { "rows": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/row" } } },
    "$defs": { "row": { "type": "object", "properties": { "price": { "type": "number", "minimum": 0 } } } }
}"##;

#[test]
fn documents_are_held_against_the_schema() {
    let rows = content(&[], Some(ROWS));
    for (body, at) in [
        (r#"{"rows":[{"price":1.10,"at":123456789012345678901234567890}]}"#, None),
        (r#"{"rows":[]}"#, Some("/properties/rows/minItems")),
        (r#"{"rows":[{"price":"secret"}]}"#, Some("price/type")),
        (r#"{"secret":1}"#, Some("/required")),
        ("null", Some("/type")),
    ] {
        match (check(&rows, body, Form::Json), at) {
            (Ok(()), None) => {}
            (Err(detail), Some(at)) => {
                assert!(detail.ends_with(at) && !detail.contains("secret"), "{body}: {detail}");
            }
            (result, _) => panic!("{body}: {result:?}"),
        }
    }
    // Patterns take linear time, whatever the document says.
    let slow = content(&[], Some(r#"{"pattern":"^(a+)+$"}"#));
    let text: &'static str = format!("\"{}!\"", "a".repeat(5_000)).leak();
    assert!(check(&slow, text, Form::Json).is_err());
}

#[test]
fn a_schema_that_is_none_says_where() {
    let reason = |text: &str| Schema::read(text.as_bytes()).unwrap_err().reason().into_owned();
    assert_eq!(reason("{\n  \"type\": ]"), "is no JSON (line 2, column 11)");
    let wrong = reason(r#"{"properties":{"rows":{"type":"list"}}}"#);
    assert!(wrong.starts_with("is no JSON Schema at /properties/rows/type: "), "{wrong}");
    for elsewhere in ["https://example.com/row.json", "file:///etc/passwd", "row.json"] {
        let reason = reason(&format!(r#"{{"$ref":"{elsewhere}"}}"#));
        assert!(reason.starts_with("refers to what it does not hold"), "{reason}");
    }
}

fn fetched(outcome: Outcome, raw: Option<Response<Body>>) -> Fetched {
    Fetched { outcome, raw, wire_bytes: 7, waited: std::time::Duration::ZERO }
}

fn fresh(media: &str) -> Fetched {
    let body = Bytes::from_static(b"[1]");
    fetched(Outcome::Fresh(Representation { body, form: Form::Json, fields: fields(media) }), None)
}

fn answered(status: u16, media: &str) -> Fetched {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, fields: fields(media), body: Bytes::from_static(b"[1]") };
    fetched(Outcome::Answered(answer), None)
}

fn unfit(media: &str) -> Fetched {
    let mut raw = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *raw.headers_mut() = fields(media);
    fetched(Outcome::Unfit(Unfit::TooLarge), Some(raw))
}

#[test]
fn answers_are_held_against_status_and_type() {
    const JSON: &str = "application/json";
    let head = |statuses: &[u16], media: &str| Head {
        statuses: statuses.iter().map(|status| StatusCode::from_u16(*status).unwrap()).collect(),
        media: MediaPattern::parse(media).unwrap(),
    };
    let (json, wider, other) = (head(&[200], JSON), head(&[200, 203], JSON), head(&[203], ""));
    for (head, answer, expected) in [
        (&json, fresh(JSON), "fresh"),
        (&json, fresh("text/html"), "unexpected"),
        (&json, answered(203, JSON), "answered"),
        (&json, answered(404, "text/html"), "answered"),
        (&json, answered(500, "text/html"), "answered"),
        (&json, unfit(JSON), "unfit"),
        (&json, unfit("text/html"), "unexpected"),
        (&wider, answered(203, JSON), "fresh"),
        (&wider, answered(203, "text/html"), "unexpected"),
        (&wider, fresh(JSON), "fresh"),
        (&other, fresh(JSON), "unexpected"),
        (&other, answered(203, "image/png"), "answered"),
    ] {
        let judged = head.judge(answer);
        let found = match &judged.outcome {
            Outcome::Fresh(_) => "fresh",
            Outcome::Answered(_) => "answered",
            Outcome::Unfit(_) => "unfit",
            Outcome::Failed(failure) if failure.kind == FailureKind::Unexpected => {
                assert!(judged.raw.is_none(), "nobody gets it");
                "unexpected"
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((found, judged.wire_bytes), (expected, 7), "{head:?}");
    }
    assert!(head(&[200], "").is_usual() && !json.is_usual() && !wider.is_usual());
}
