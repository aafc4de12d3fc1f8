//! Every operation and every refusal of [`apply`](super::apply), as tables.

use super::*;
use crate::parse;

fn value(text: &str) -> Value {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn patch(text: &str) -> Patch {
    Patch::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Compares texts, so that number texts and the order of members count.
fn check(document: &str, operations: &str, expected: &str) {
    let result = patched(&value(document), &patch(operations));
    let result = result.unwrap_or_else(|error| panic!("{document} with {operations}: {error}"));
    assert_eq!(result.to_text(), expected, "{document} with {operations}");
}

/// The patch fails at its last operation, and the document stays what it was to the byte.
fn check_error(document: &str, operations: &str, expected: ApplyErrorKind) {
    let patch = patch(operations);
    let mut kept = value(document);
    let error = apply_in_place(&mut kept, &patch).expect_err(operations);
    assert_eq!(
        error,
        ApplyError { index: patch.0.len() - 1, kind: expected },
        "{document} with {operations}"
    );
    assert_eq!(kept.to_text(), document, "after {operations}");
    assert_eq!(patched(&value(document), &patch), Err(error));
}

#[test]
fn add() {
    for (document, operation, expected) in [
        (r#"{"a":1}"#, r#"{"op":"add","path":"/b","value":1.10}"#, r#"{"a":1,"b":1.10}"#),
        (r#"{"a":1,"b":2}"#, r#"{"op":"add","path":"/a","value":{}}"#, r#"{"a":{},"b":2}"#),
        (r#"{"a":1}"#, r#"{"op":"add","path":"/","value":2}"#, r#"{"a":1,"":2}"#),
        (r#"{"a":1}"#, r#"{"op":"add","path":"/~1~0~01","value":2}"#, r#"{"a":1,"/~~1":2}"#),
        (r#"{"a":1}"#, r#"{"op":"add","path":"/01","value":2}"#, r#"{"a":1,"01":2}"#),
        (r#"{"a":1}"#, r#"{"op":"add","path":"/-","value":2}"#, r#"{"a":1,"-":2}"#),
        ("[1,2]", r#"{"op":"add","path":"/0","value":0}"#, "[0,1,2]"),
        ("[1,2]", r#"{"op":"add","path":"/1","value":0}"#, "[1,0,2]"),
        ("[1,2]", r#"{"op":"add","path":"/2","value":0}"#, "[1,2,0]"),
        ("[1,2]", r#"{"op":"add","path":"/-","value":[0]}"#, "[1,2,[0]]"),
        ("[[],{}]", r#"{"op":"add","path":"/1/x","value":null}"#, r#"[[],{"x":null}]"#),
        ("[1]", r#"{"op":"add","path":"","value":"x"}"#, r#""x""#),
    ] {
        check(document, &format!("[{operation}]"), expected);
    }
}

#[test]
fn remove_and_replace() {
    for (document, operation, expected) in [
        (r#"{"a":1,"b":2,"c":3}"#, r#"{"op":"remove","path":"/a"}"#, r#"{"b":2,"c":3}"#),
        ("[1,2,3]", r#"{"op":"remove","path":"/1"}"#, "[1,3]"),
        (r#"[{"a":[1]}]"#, r#"{"op":"remove","path":"/0/a/0"}"#, r#"[{"a":[]}]"#),
        (r#"{"a":1,"b":2}"#, r#"{"op":"replace","path":"/a","value":1.0}"#, r#"{"a":1.0,"b":2}"#),
        ("[1,2,3]", r#"{"op":"replace","path":"/2","value":{}}"#, "[1,2,{}]"),
        ("[1,2,3]", r#"{"op":"replace","path":"","value":null}"#, "null"),
    ] {
        check(document, &format!("[{operation}]"), expected);
    }
}

#[test]
fn move_and_copy() {
    for (document, operation, expected) in [
        (r#"{"a":1,"b":2}"#, r#"{"op":"move","from":"/a","path":"/c"}"#, r#"{"b":2,"c":1}"#),
        (r#"{"a":1,"b":2}"#, r#"{"op":"move","from":"/a","path":"/b"}"#, r#"{"b":1}"#),
        (r#"{"a":{"b":1}}"#, r#"{"op":"move","from":"/a/b","path":"/a"}"#, r#"{"a":1}"#),
        (r#"{"a":{"b":1}}"#, r#"{"op":"move","from":"/a/b","path":""}"#, "1"),
        (r#"{"ab":1}"#, r#"{"op":"move","from":"/ab","path":"/a"}"#, r#"{"a":1}"#),
        ("[1,2,3]", r#"{"op":"move","from":"/0","path":"/2"}"#, "[2,3,1]"),
        ("[1,2,3]", r#"{"op":"move","from":"/2","path":"/0"}"#, "[3,1,2]"),
        ("[1,2,3]", r#"{"op":"move","from":"/0","path":"/-"}"#, "[2,3,1]"),
        ("[1,2,3]", r#"{"op":"move","from":"/1","path":"/1"}"#, "[1,2,3]"),
        ("[1,2,3]", r#"{"op":"move","from":"","path":""}"#, "[1,2,3]"),
        (r#"{"a":[1]}"#, r#"{"op":"copy","from":"/a","path":"/b"}"#, r#"{"a":[1],"b":[1]}"#),
        (r#"{"a":[1]}"#, r#"{"op":"copy","from":"/a","path":"/a/0"}"#, r#"{"a":[[1],1]}"#),
        (r#"{"a":[1]}"#, r#"{"op":"copy","from":"","path":"/a/-"}"#, r#"{"a":[1,{"a":[1]}]}"#),
        (r#"{"a":[1]}"#, r#"{"op":"copy","from":"/a/0","path":""}"#, "1"),
    ] {
        check(document, &format!("[{operation}]"), expected);
    }
}

#[test]
fn test_compares_numbers_by_what_they_denote() {
    for (document, path, expected) in [
        ("1.10", "", "11e-1"),
        (r#"{"a":[1,{"b":100,"c":"é"}]}"#, "", r#"{"a":[1.0,{"c":"\u00e9","b":1E2}]}"#),
        ("[9007199254740993]", "/0", "9007199254740993.0"),
        ("[null]", "/0", "null"),
    ] {
        check(document, &format!(r#"[{{"op":"test","path":"{path}","value":{expected}}}]"#), document);
    }
    for (document, path, other) in [
        ("[9007199254740993]", "/0", "9007199254740992"),
        (r#"{"a":1}"#, "", r#"{"a":1,"b":1}"#),
        (r#"{"a":1,"b":1}"#, "", r#"{"a":1}"#),
        (r#"{"a":1,"b":1}"#, "", r#"{"a":1,"c":1}"#),
        ("[1,2]", "", "[2,1]"),
        ("[1]", "", "[1,1]"),
        (r#"["1"]"#, "/0", "1"),
        ("[null]", "/0", "false"),
    ] {
        let operation = format!(r#"[{{"op":"test","path":"{path}","value":{other}}}]"#);
        check_error(document, &operation, ApplyErrorKind::TestFailed(pointer(path)));
    }
}

#[test]
fn refusals() {
    use ApplyErrorKind::*;
    let at = pointer;
    for (document, operation, error) in [
        (r#"{"a":1}"#, r#"{"op":"add","path":"/b/c","value":1}"#, NotFound(at("/b/c"))),
        (r#"{"a":1}"#, r#"{"op":"add","path":"/a/c","value":1}"#, NotFound(at("/a/c"))),
        ("1", r#"{"op":"add","path":"/0","value":1}"#, NotFound(at("/0"))),
        ("[1]", r#"{"op":"add","path":"/2","value":1}"#, OutOfRange(at("/2"))),
        (
            "[1]",
            r#"{"op":"add","path":"/99999999999999999999","value":1}"#,
            OutOfRange(at("/99999999999999999999")),
        ),
        ("[1]", r#"{"op":"add","path":"/01","value":1}"#, NotAnIndex(at("/01"))),
        ("[1]", r#"{"op":"add","path":"/+0","value":1}"#, NotAnIndex(at("/+0"))),
        ("[1]", r#"{"op":"add","path":"/","value":1}"#, NotAnIndex(at("/"))),
        ("[[1]]", r#"{"op":"add","path":"/-/0","value":1}"#, NotAnIndex(at("/-/0"))),
        (r#"{"a":1}"#, r#"{"op":"remove","path":"/b"}"#, NotFound(at("/b"))),
        (r#"{"a":1}"#, r#"{"op":"remove","path":"/a/0"}"#, NotFound(at("/a/0"))),
        ("[1]", r#"{"op":"remove","path":"/1"}"#, OutOfRange(at("/1"))),
        ("[1]", r#"{"op":"remove","path":"/-"}"#, NotAnIndex(at("/-"))),
        ("[1]", r#"{"op":"remove","path":"/00"}"#, NotAnIndex(at("/00"))),
        ("[1]", r#"{"op":"remove","path":""}"#, RemovesDocument),
        (r#"{"a":1}"#, r#"{"op":"replace","path":"/b","value":1}"#, NotFound(at("/b"))),
        ("[1]", r#"{"op":"replace","path":"/1","value":1}"#, OutOfRange(at("/1"))),
        ("[1]", r#"{"op":"replace","path":"/-","value":1}"#, NotAnIndex(at("/-"))),
        (r#"{"a":1}"#, r#"{"op":"move","from":"/b","path":"/c"}"#, NotFound(at("/b"))),
        (r#"{"a":1}"#, r#"{"op":"move","from":"/b","path":"/b/c"}"#, NotFound(at("/b"))),
        (r#"{"a":{"b":1}}"#, r#"{"op":"move","from":"/a","path":"/a/b"}"#, MoveIntoItself(at("/a/b"))),
        (r#"{"a":1}"#, r#"{"op":"move","from":"","path":"/b"}"#, MoveIntoItself(at("/b"))),
        (r#"{"a":1,"b":2}"#, r#"{"op":"move","from":"/a","path":"/x/y"}"#, NotFound(at("/x/y"))),
        ("[1,2]", r#"{"op":"move","from":"/0","path":"/2"}"#, OutOfRange(at("/2"))),
        ("[1]", r#"{"op":"copy","from":"/1","path":"/0"}"#, OutOfRange(at("/1"))),
        ("[1]", r#"{"op":"copy","from":"/0","path":"/x"}"#, NotAnIndex(at("/x"))),
        (r#"{"a":1}"#, r#"{"op":"test","path":"/b","value":null}"#, NotFound(at("/b"))),
    ] {
        check_error(document, &format!("[{operation}]"), error);
    }
}

#[test]
fn a_failure_takes_everything_back() {
    let document = r#"{"a":{"x":1,"y":2,"z":3},"b":[1,2,3],"c":null}"#;
    let operations = [
        r#"{"op":"add","path":"/a/w","value":[]}"#,
        r#"{"op":"add","path":"/a/x","value":7}"#,
        r#"{"op":"remove","path":"/a/y"}"#,
        r#"{"op":"add","path":"/b/-","value":4}"#,
        r#"{"op":"add","path":"/b/0","value":0}"#,
        r#"{"op":"remove","path":"/b/2"}"#,
        r#"{"op":"replace","path":"/b/1","value":{}}"#,
        r#"{"op":"move","from":"/b/0","path":"/a/w/-"}"#,
        r#"{"op":"move","from":"/c","path":"/b"}"#,
        r#"{"op":"copy","from":"/a","path":"/a/x"}"#,
        r#"{"op":"move","from":"/a/x","path":""}"#,
        r#"{"op":"test","path":"","value":{"x":7,"w":[0],"z":3}}"#,
        r#"{"op":"move","from":"","path":""}"#,
        r#"{"op":"add","path":"","value":1}"#,
        r#"{"op":"replace","path":"","value":2}"#,
    ];
    let failing = r#"{"op":"test","path":"","value":false}"#;
    for count in 0..=operations.len() {
        let applied = operations[..count].join(",");
        assert!(patched(&value(document), &patch(&format!("[{applied}]"))).is_ok(), "{count} operations");
        let comma = if count == 0 { "" } else { "," };
        let failing = format!("[{applied}{comma}{failing}]");
        check_error(document, &failing, ApplyErrorKind::TestFailed(Pointer::root()));
    }
}

#[test]
fn no_operation_exceeds_the_depth() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let inner = "/0".repeat(MAX_DEPTH - 1);
    let deepest = nested(MAX_DEPTH);
    let too_deep = |path: &str| ApplyErrorKind::TooDeep(pointer(path));
    check(
        &deepest,
        &format!(r#"[{{"op":"add","path":"{inner}/0","value":1}}]"#),
        &deepest.replace("[]", "[1]"),
    );
    for (operation, path) in [
        (format!(r#"{{"op":"add","path":"{inner}/0","value":[]}}"#), format!("{inner}/0")),
        (format!(r#"{{"op":"replace","path":"{inner}","value":[[]]}}"#), inner.clone()),
        (r#"{"op":"copy","from":"","path":"/0"}"#.to_owned(), "/0".to_owned()),
    ] {
        check_error(&deepest, &format!("[{operation}]"), too_deep(&path));
    }
    let document = format!("[{},[]]", nested(MAX_DEPTH - 1));
    check_error(
        &document,
        r#"[{"op":"move","from":"/0","path":"/0/0"}]"#,
        ApplyErrorKind::MoveIntoItself(pointer("/0/0")),
    );
    check_error(
        &document,
        r#"[{"op":"move","from":"/0","path":"/0/-"}]"#,
        ApplyErrorKind::MoveIntoItself(pointer("/0/-")),
    );
    let document = format!("[[],{}]", nested(MAX_DEPTH - 1));
    check_error(&document, r#"[{"op":"move","from":"/1","path":"/0/0"}]"#, too_deep("/0/0"));
}
