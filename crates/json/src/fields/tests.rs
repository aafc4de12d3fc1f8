//! What counts and what does not.

use super::*;
use proptest::prelude::*;

use crate::{Document, Identities, MAX_DEPTH, advance, parse};

fn document(text: &str) -> Value {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn controls(payload: &str, ignored: &[&str], tolerances: &[(&str, f64)]) -> FieldControls {
    let path = |text: &str| JsonPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    FieldControls::new(
        Pointer::parse(payload).unwrap(),
        ignored.iter().map(|text| path(text)).collect(),
        tolerances.iter().map(|(text, most)| (path(text), Tolerance::new(*most).unwrap())).collect(),
    )
}

/// Holds in both directions: no rule knows which of the two came first.
fn check(controls: &FieldControls, old: &str, new: &str, counts: bool) {
    assert_eq!(controls.counts(&document(old), &document(new)), counts, "{controls:?}: {old} to {new}");
    assert_eq!(controls.counts(&document(new), &document(old)), counts, "{controls:?}: {new} to {old}");
    check_texts(controls, old, new);
    check_texts(controls, new, old);
}

/// What is decided from texts is what is decided from trees.
fn check_texts(controls: &FieldControls, old: &str, new: &str) {
    let counts = controls.counts(&document(old), &document(new));
    let from = Document::parse(old.to_owned(), MAX_DEPTH).unwrap();
    let to = Document::parse(new.to_owned(), MAX_DEPTH).unwrap();
    let by_texts = texts::differ(controls, &from, &to);
    assert_eq!(by_texts, controls.is_local().then_some(counts), "{controls:?}: {old} to {new}");
    let advance = advance(&from, new.to_owned().into(), MAX_DEPTH, &Identities::default()).unwrap();
    assert_eq!(advance.counts(&from, controls), counts, "{controls:?}: {old} to {new}");
}

#[test]
fn without_controls_every_difference_counts() {
    let none = FieldControls::default();
    assert!(none.is_none() && none.is_local());
    assert_eq!(none.ignores([]), Some(false));
    assert_eq!(none.tolerance([]), Some(None));
    for (old, new, counts) in [
        ("1", "1", false),
        ("1", "1.0", true),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, false),
        ("[1,2]", "[2,1]", true),
        ("{}", r#"{"a":null}"#, true),
        ("[]", "{}", true),
    ] {
        check(&none, old, new, counts);
    }
    for one in [controls("/a", &[], &[]), controls("", &["$.a"], &[]), controls("", &[], &[("$.a", 0.0)])] {
        assert!(!one.is_none());
    }
}

#[test]
fn what_is_ignored_is_as_if_absent() {
    for (ignored, old, new, counts) in [
        // A member that changes, appears, disappears, or changes inside.
        (&["$.at"][..], r#"{"at":1,"a":1}"#, r#"{"at":2,"a":1}"#, false),
        (&["$.at"], r#"{"a":1}"#, r#"{"at":2,"a":1}"#, false),
        (&["$.at"], r#"{"at":{"s":1}}"#, r#"{"at":{"s":[2]}}"#, false),
        (&["$.at"], r#"{"at":1,"a":1}"#, r#"{"at":2,"a":2}"#, true),
        (&["$.at"], r#"{"at":1}"#, r#"{"At":1}"#, true),
        (&["$.at"], r#"[{"at":1}]"#, r#"[{"at":2}]"#, true),
        (&["$.a.at"], r#"{"a":{"at":1}}"#, r#"{"a":{}}"#, false),
        (&["$.a.at"], r#"{"a":{"at":1}}"#, "{}", true),
        (&["$..at"], r#"{"rows":[{"at":1,"x":{"at":2}}]}"#, r#"{"rows":[{"x":{"at":3}}],"at":4}"#, false),
        (&["$.at", "$.b"], r#"{"at":1,"b":1,"c":1}"#, r#"{"c":1}"#, false),
        // Null is a value.
        (&["$.at"], r#"{"a":null}"#, "{}", true),
        // Elements: those after an ignored one move up.
        (&["$[0]"], "[1,2,3]", "[9,2,3]", false),
        (&["$[0]"], "[1,2,3]", "[2,3]", true),
        (&["$[0]"], "[1]", "[]", false),
        (&["$.rows[?@.test]"], r#"{"rows":[{"id":1}]}"#, r#"{"rows":[{"test":true},{"id":1}]}"#, false),
        (
            &["$.rows[?@.test]"],
            r#"{"rows":[{"test":1},{"id":1}]}"#,
            r#"{"rows":[{"id":1},{"test":2}]}"#,
            false,
        ),
        (&["$.rows[?@.test]"], r#"{"rows":[{"id":1}]}"#, r#"{"rows":[{"id":1,"test":1}]}"#, true),
        (&["$.rows[-1]"], r#"{"rows":[1,2]}"#, r#"{"rows":[1,3]}"#, false),
        (&["$.rows[1:]"], r#"{"rows":[1,2]}"#, r#"{"rows":[1,3,4]}"#, false),
        // The whole document, and a path that selects nothing.
        (&["$"], "1", "[2]", false),
        (&["$.nothing"], "1", "2", true),
        // An empty container is not an absent one.
        (&["$.a[*]"], r#"{"a":[1,2]}"#, r#"{"a":[]}"#, false),
        (&["$.a[*]"], r#"{"a":[1]}"#, "{}", true),
        (&["$.a.*"], r#"{"a":{"b":1}}"#, r#"{"a":[]}"#, true),
    ] {
        check(&controls("", ignored, &[]), old, new, counts);
    }
}

#[test]
fn numbers_within_their_tolerance_are_the_same() {
    let last = &[("$.rows[*].last", 0.01)][..];
    for (tolerances, old, new, counts) in [
        (last, r#"{"rows":[{"last":101.10}]}"#, r#"{"rows":[{"last":101.11}]}"#, false),
        (last, r#"{"rows":[{"last":101.10}]}"#, r#"{"rows":[{"last":101.12}]}"#, true),
        (last, r#"{"rows":[{"last":101.10,"n":1}]}"#, r#"{"rows":[{"last":101.11,"n":1.001}]}"#, true),
        (last, r#"{"rows":[{"last":1}]}"#, r#"{"rows":[{"last":1},{"last":1}]}"#, true),
        // Only numbers, and only if both are.
        (last, r#"{"rows":[{"last":"1"}]}"#, r#"{"rows":[{"last":"1.00"}]}"#, true),
        (last, r#"{"rows":[{"last":1}]}"#, r#"{"rows":[{"last":null}]}"#, true),
        (last, r#"{"rows":[{"last":0}]}"#, r#"{"rows":[{}]}"#, true),
        // What is inside a selected node is not selected.
        (last, r#"{"rows":[{"last":[1]}]}"#, r#"{"rows":[{"last":[1.001]}]}"#, true),
        // Zero is for other texts of the same number, which count otherwise.
        (&[("$", 0.0)], "1.0", "1.00", false),
        (&[("$", 0.0)], "1.0", "1.01", true),
        (&[("$.a", 0.0)], r#"{"b":1.0}"#, r#"{"b":1.00}"#, true),
        // The largest of several.
        (&[("$.a", 1.0), ("$.*", 0.1)], r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1}"#, false),
        (&[("$.*", 0.1), ("$.a", 1.0)], r#"{"a":1,"b":1}"#, r#"{"a":1,"b":2}"#, true),
        // Selected in one of the two only: not tolerated.
        (&[("$[?@ > 1]", 1.0)], "[1]", "[2]", true),
        (&[("$[?@ > 1]", 1.0)], "[2]", "[3]", false),
        // Beyond the range.
        (&[("$", 1e308)], "1e400", "1e400", false),
        (&[("$", 1e308)], "1e400", "1e401", true),
    ] {
        check(&controls("", &[], tolerances), old, new, counts);
    }
    // Elements pair up after the ignored ones are gone.
    let both = controls("", &["$[?@.test]"], &[("$[*].last", 0.5)]);
    check(&both, r#"[{"test":1},{"last":1}]"#, r#"[{"last":1.5}]"#, false);
    check(&both, r#"[{"test":1},{"last":1}]"#, r#"[{"last":1.6}]"#, true);
}

#[test]
fn only_the_payload_counts_where_both_have_it() {
    let data = controls("/data", &[], &[]);
    check(&data, r#"{"at":1,"data":[1]}"#, r#"{"at":2,"more":1,"data":[1]}"#, false);
    check(&data, r#"{"at":1,"data":[1]}"#, r#"{"at":1,"data":[2]}"#, true);
    check(&data, r#"{"data":null}"#, r#"{"data":[]}"#, true);
    // An envelope without its payload is news: an error, or the end of one.
    check(&data, r#"{"data":[1]}"#, r#"{"error":"down"}"#, true);
    check(&data, r#"{"error":"down"}"#, r#"{"error":"still down"}"#, true);
    check(&data, r#"{"error":"down"}"#, r#"{"error":"down"}"#, false);
    check(&data, "[1]", "[2]", true);
    let first = controls("/rows/0/a~1b", &[], &[]);
    check(&first, r#"{"rows":[{"a/b":1},2]}"#, r#"{"rows":[{"a/b":1,"c":2}]}"#, false);
    check(&first, r#"{"rows":[{"a/b":1}]}"#, r#"{"rows":[]}"#, true);
    // Paths start at the whole document.
    let mixed = controls("/data", &["$.data.at", "$.error.at"], &[("$.data.last", 0.5)]);
    check(&mixed, r#"{"data":{"at":1,"last":1}}"#, r#"{"data":{"at":2,"last":1.5}}"#, false);
    check(&mixed, r#"{"data":{"at":1,"last":1}}"#, r#"{"data":{"at":2,"last":2}}"#, true);
    check(&mixed, r#"{"error":{"at":1}}"#, r#"{"error":{"at":2}}"#, false);
    // A payload that is ignored itself leaves nothing; one that is ignored on one side only was taken away.
    check(&controls("/data", &["$.data"], &[]), r#"{"data":1}"#, r#"{"data":2,"at":1}"#, false);
    check(
        &controls("/data/rows", &["$.data"], &[]),
        r#"{"data":{"rows":1}}"#,
        r#"{"data":{"rows":2}}"#,
        false,
    );
    check(&controls("/data", &["$[?@.test]"], &[]), r#"{"data":{"test":1}}"#, r#"{"data":{}}"#, true);
}

#[test]
fn small_differences_add_up_until_they_count() {
    let controls = controls("", &[], &[("$.last", 0.01)]);
    let quote = |last: &str| document(&format!(r#"{{"last":{last}}}"#));
    let mut sent = quote("1.000");
    let mut told = Vec::new();
    for last in ["1.004", "1.008", "1.010", "1.012", "1.016", "1.022", "1.023", "1.010"] {
        let seen = quote(last);
        if controls.counts(&sent, &seen) {
            told.push(last);
            sent = seen;
        }
    }
    // Compared with what was seen last, none of the steps up would have counted.
    assert_eq!(told, ["1.012", "1.023", "1.010"]);
}

#[test]
fn what_a_location_alone_decides() {
    let local = controls("", &["$.at", "$.rows[*].note"], &[("$.rows[*].last", 0.01), ("$..last", 0.1)]);
    assert!(local.is_local());
    let row = |name| [Step::Name("rows"), Step::Index(2), Step::Name(name)];
    assert_eq!(local.ignores([Step::Name("at"), Step::Name("inside")]), Some(true));
    assert_eq!(local.ignores(row("note")), Some(true));
    assert_eq!(local.ignores(row("last")), Some(false));
    assert_eq!(local.ignores([]), Some(false));
    assert_eq!(local.tolerance(row("last")), Some(Tolerance::new(0.1)));
    assert_eq!(local.tolerance(row("note")), Some(None));
    assert_eq!(controls("", &["$"], &[]).ignores([]), Some(true));

    let filtered = controls("", &["$.rows[?@.test]", "$.at"], &[("$.rows[-1].last", 0.01)]);
    assert!(!filtered.is_local());
    assert_eq!(filtered.ignores([Step::Name("at")]), Some(true));
    assert_eq!(filtered.ignores(row("last")), None);
    assert_eq!(filtered.tolerance(row("last")), None);
}

/// Small documents with few names, so that paths select something.
fn documents() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec!["1", "1.1", "1.10", "2", "\"x\"", "\"\\u0078\"", "null", "true"]);
    scalar.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::btree_map(prop::sample::select(vec!["a", "b", "at"]), inner, 0..4).prop_map(
                |members| {
                    let members: Vec<_> =
                        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }
            ),
        ]
    })
}

proptest! {
    #[test]
    fn texts_say_what_trees_say(
        old in documents(),
        new in documents(),
        payload in prop::sample::select(vec!["", "/a", "/0", "/a/b"]),
        ignored in prop::collection::vec(prop::sample::select(vec!["$.at", "$..at", "$.a[*].b", "$[0]", "$.*"]), 0..3),
        tolerated in prop::collection::vec(prop::sample::select(vec!["$..*", "$.a", "$[*]"]), 0..2),
    ) {
        let tolerances: Vec<_> = tolerated.into_iter().map(|path| (path, 0.5)).collect();
        check_texts(&controls(payload, &ignored, &tolerances), &old, &new);
    }
}
