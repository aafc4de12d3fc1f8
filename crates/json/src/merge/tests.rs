//! What merge patches do, which are made, and that a wrong one is not given.

use super::*;
use crate::MAX_DEPTH;

fn document(text: &str) -> Document {
    Document::parse(text.to_owned(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn merged(text: &str, patch: &str) -> String {
    let merged = apply_merge(&document(text), patch.as_bytes());
    let merged = merged.unwrap_or_else(|error| panic!("{patch}: {error}"));
    String::from_utf8(merged.text().to_vec()).expect("a text is UTF-8")
}

#[test]
fn the_examples_of_rfc_7396() {
    // Appendix A.
    for (text, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        assert_eq!(merged(text, patch), result, "{text} by {patch}");
    }
}

#[test]
fn texts_and_places_are_kept() {
    for (text, patch, result) in [
        // Number texts and escapes, of what stays and of what comes.
        (
            r#"{"a":1.10,"b":{"c":-0},"\u0064":"\/"}"#,
            r#"{"b":{"e":1E5}}"#,
            r#"{"a":1.10,"b":{"c":-0,"e":1E5},"\u0064":"\/"}"#,
        ),
        // Names are what they say.
        (r#"{"\u0061":1,"b":2}"#, r#"{"a":3,"\u0062":null}"#, r#"{"\u0061":3}"#),
        // A member that changes keeps its place, whatever it becomes.
        (
            r#"{"a":1,"b":[1],"c":{"x":1}}"#,
            r#"{"c":0,"a":{"y":{"z":null}},"d":1,"b":{}}"#,
            r#"{"a":{"y":{}},"b":{},"c":0,"d":1}"#,
        ),
        // Inside of arrays `null` is a value.
        (r#"{"a":{"x":1}}"#, r#"{"a":[null,{"b":null}]}"#, r#"{"a":[null,{"b":null}]}"#),
        (" { \"a\" : [ 1 , 2 ] , \"b\" : 3 } ", " { \"b\" : [ \" \" , 4 ] } ", r#"{"a":[1,2],"b":[" ",4]}"#),
        (r#"{"a":1}"#, "{}", r#"{"a":1}"#),
        ("1", "{}", "{}"),
    ] {
        assert_eq!(merged(text, patch), result, "{text} by {patch}");
    }
}

#[test]
fn patches_that_are_refused() {
    let old = document("{}");
    for patch in ["", "{", r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"\u0062":null}}"#, r#"{"a":"\ud800"}"#] {
        assert!(apply_merge(&old, patch.as_bytes()).is_err(), "{patch}");
        assert!(!apply::proves(&old, patch.as_bytes(), &old), "{patch}");
    }
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert_eq!(merged("1", &deep(MAX_DEPTH)), deep(MAX_DEPTH));
    assert!(apply_merge(&old, deep(MAX_DEPTH + 1).as_bytes()).is_err());
}

#[test]
fn which_changes_have_a_merge_patch() {
    for (old, new, patch) in [
        (r#"{"a":1,"b":"long enough"}"#, r#"{"a":1.0,"b":"long enough"}"#, Some(r#"{"a":1.0}"#)),
        (r#"{"a":1,"b":"long enough"}"#, r#"{"b":"long enough"}"#, Some(r#"{"a":null}"#)),
        (r#"{"b":"long enough","a":1}"#, r#"{"a":1,"b":"long enough"}"#, Some("{}")),
        // A new first member comes last for whoever applies the patch.
        (r#"{"b":"long enough"}"#, r#"{"a":1,"b":"long enough"}"#, Some(r#"{"a":1}"#)),
        // Types change.
        (r#"{"a":[1],"b":"long enough"}"#, r#"{"a":{"c":1},"b":"long enough"}"#, Some(r#"{"a":{"c":1}}"#)),
        (r#"{"a":{"c":1},"b":"long enough"}"#, r#"{"a":[1],"b":"long enough"}"#, Some(r#"{"a":[1]}"#)),
        (r#"{"a":{"c":1},"b":"long enough"}"#, r#"{"a":{},"b":"long enough"}"#, Some(r#"{"a":{"c":null}}"#)),
        (r#"{"a":1,"b":"long enough"}"#, r#"{"a":{},"b":"long enough"}"#, Some(r#"{"a":{}}"#)),
        // `null` can be left alone, stand in an array or go, and not come.
        (
            r#"{"a":null,"b":"long enough","c":1}"#,
            r#"{"a":null,"b":"long enough","c":2}"#,
            Some(r#"{"c":2}"#),
        ),
        (r#"{"a":null,"b":"long enough"}"#, r#"{"a":[null],"b":"long enough"}"#, Some(r#"{"a":[null]}"#)),
        (r#"{"a":null,"b":"long enough"}"#, r#"{"b":"long enough"}"#, Some(r#"{"a":null}"#)),
        (r#"{"a":1,"b":"long enough"}"#, r#"{"a":null,"b":"long enough"}"#, None),
        (r#"{"a":1,"b":"long enough"}"#, r#"{"a":{"c":{"d":null}},"b":"long enough"}"#, None),
        (r#"{"a":{"c":1},"b":"long enough"}"#, r#"{"a":{"c":null},"b":"long enough"}"#, None),
        // No object, or no gain.
        ("[1]", "[2]", None),
        ("{}", "[]", None),
        (r#"{"a":1}"#, r#"{"a":2}"#, None),
    ] {
        let made = merge_patch(&document(old), &document(new));
        assert_eq!(made.as_deref(), patch.map(str::as_bytes), "{old} to {new}");
    }
}

#[test]
fn a_patch_that_is_wrong_is_not_proven() {
    let (old, new) = (document(r#"{"a":1,"b":{"c":null}}"#), document(r#"{"d":1.10,"b":{"c":null},"a":2}"#));
    for (patch, proven) in [
        (r#"{"a":2,"d":1.10}"#, true),
        (r#"{"d":1.10,"a":2,"x":null}"#, true),
        (r#"{"a":2,"d":1.1}"#, false),
        (r#"{"a":2,"d":1.10,"b":{"c":null}}"#, false),
        (r#"{"a":2}"#, false),
        (r#"{"a":2,"d":1.10,"e":{}}"#, false),
    ] {
        assert_eq!(apply::proves(&old, patch.as_bytes(), &new), proven, "{patch}");
    }
}
