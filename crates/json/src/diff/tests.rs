//! Exact patches for the cases that matter, and the bounds. That every patch is right is a property test.

use crate::{MAX_DEPTH, Op, Patch, Pointer, Value, parse, patched, tree_diff};

fn value(text: &str) -> Value {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The patch, after checking that it is right and not longer than a replacement.
fn checked(old: &Value, new: &Value) -> Patch {
    let patch = tree_diff(old, new);
    assert_eq!(patched(old, &patch).as_ref(), Ok(new), "{old} → {new} by {patch}");
    let replacement = Patch(vec![Op::Replace { path: Pointer::root(), value: new.clone() }]);
    assert!(patch.to_text().len() <= replacement.to_text().len(), "{old} → {new} by {patch}");
    patch
}

fn check(old: &str, new: &str, operations: &[&str]) {
    let patch = checked(&value(old), &value(new));
    assert_eq!(patch.to_text(), format!("[{}]", operations.join(",")), "{old} → {new}");
}

/// Something long enough that editing around it beats replacing everything.
const LONG: &str =
    "a text that is long enough to be worth keeping, whatever else changes around it in the document";

fn rows(names: &[&str]) -> String {
    let row = |name: &&str| format!(r#"{{"id":"{name}","text":"{name} {LONG}"}}"#);
    format!("[{}]", names.iter().map(row).collect::<Vec<_>>().join(","))
}

#[test]
fn nothing_changed() {
    for (old, new) in [("1", "1"), (r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#), ("[]", "[]")] {
        check(old, new, &[]);
    }
}

#[test]
fn the_root() {
    check("1", "1.0", &[r#"{"op":"replace","path":"","value":1.0}"#]);
    check("[1]", r#"{"a":1}"#, &[r#"{"op":"replace","path":"","value":{"a":1}}"#]);
    check("[1,2,3]", "[]", &[r#"{"op":"replace","path":"","value":[]}"#]);
}

#[test]
fn objects() {
    let old = format!(r#"{{"kept":"{LONG}","a/b":1,"~":{{"":1.1,"long":"{LONG}"}},"gone":[1,2,3]}}"#);
    let new = format!(r#"{{"kept":"{LONG}","a/b":1.0,"~":{{"":1.10,"long":"{LONG}"}},"new\n":{{}}}}"#);
    check(
        &old,
        &new,
        &[
            r#"{"op":"replace","path":"/a~1b","value":1.0}"#,
            r#"{"op":"replace","path":"/~0/","value":1.10}"#,
            r#"{"op":"remove","path":"/gone"}"#,
            r#"{"op":"add","path":"/new\n","value":{}}"#,
        ],
    );
}

#[test]
fn rows_with_an_identity() {
    let edited = rows(&["a", "b", "c"]).replace("b a text", "b another text");
    let text = format!("b another text{}", &LONG["a text".len()..]);
    check(
        &rows(&["a", "b", "c"]),
        &edited,
        &[&format!(r#"{{"op":"replace","path":"/1/text","value":"{text}"}}"#)],
    );
    check(
        &rows(&["a", "b", "c", "d"]),
        &rows(&["a", "c"]),
        &[r#"{"op":"remove","path":"/3"}"#, r#"{"op":"remove","path":"/1"}"#],
    );
    let added = rows(&["x"]);
    let added = &added[1..added.len() - 1];
    check(
        &rows(&["a", "b", "c"]),
        &rows(&["x", "a", "b", "c"]),
        &[&format!(r#"{{"op":"add","path":"/0","value":{added}}}"#)],
    );
    // Added at one end and removed at the other, with an edit between: no row is sent again but the new one.
    let new = rows(&["x", "a", "b"]).replace("{\"id\":\"b\"", "{\"seen\":true,\"id\":\"b\"");
    check(
        &rows(&["a", "b", "c"]),
        &new,
        &[
            r#"{"op":"remove","path":"/2"}"#,
            &format!(r#"{{"op":"add","path":"/0","value":{added}}}"#),
            r#"{"op":"add","path":"/2/seen","value":true}"#,
        ],
    );
}

#[test]
fn rows_that_change_places_move() {
    for (old, new, operations) in [
        (
            &["a", "b", "c", "d"][..],
            &["d", "a", "b", "c"][..],
            &[r#"{"op":"move","from":"/3","path":"/0"}"#][..],
        ),
        (&["a", "b", "c", "d"], &["b", "c", "d", "a"], &[r#"{"op":"move","from":"/0","path":"/3"}"#]),
        (
            &["a", "b", "c", "d", "e"],
            &["c", "e", "d", "b"],
            &[
                r#"{"op":"remove","path":"/0"}"#,
                r#"{"op":"move","from":"/3","path":"/2"}"#,
                r#"{"op":"move","from":"/0","path":"/3"}"#,
            ],
        ),
    ] {
        check(&rows(old), &rows(new), operations);
    }
}

#[test]
fn elements_without_an_identity_are_matched_by_content() {
    let ladder = |levels: &[&str]| format!(r#"["{LONG}",{},"{LONG}"]"#, levels.join(","));
    check(
        &ladder(&["[101.10,5]", "[101.20,7]", "[101.30,2]", "[101.40,4]"]),
        &ladder(&["[101.10,5]", "[101.15,1]", "[101.20,7]", "[101.30,2.0]"]),
        &[
            r#"{"op":"remove","path":"/4"}"#,
            r#"{"op":"add","path":"/2","value":[101.15,1]}"#,
            r#"{"op":"replace","path":"/4/1","value":2.0}"#,
        ],
    );
    check(
        &format!(r#"[1,2,1,2,1,"{LONG}"]"#),
        &format!(r#"[2,1,2,1,"{LONG}"]"#),
        &[r#"{"op":"remove","path":"/0"}"#],
    );
}

#[test]
fn removed_and_added_at_one_place_is_an_edit() {
    check(
        &format!(r#"["{LONG}",1,2]"#),
        &format!(r#"["{LONG}",3,2]"#),
        &[r#"{"op":"replace","path":"/1","value":3}"#],
    );
    // An identity that is there twice identifies nothing.
    let twice = rows(&["a", "a", "b"]);
    check(
        &twice,
        &twice.replace("{\"id\":\"b\"", "{\"n\":1,\"id\":\"b\""),
        &[r#"{"op":"add","path":"/2/n","value":1}"#],
    );
}

#[test]
fn a_value_is_replaced_when_its_edits_would_be_longer() {
    check(
        &format!(r#"{{"kept":"{LONG}","row":{{"a":1,"b":2,"c":3}}}}"#),
        &format!(r#"{{"kept":"{LONG}","row":{{"a":4,"b":5,"c":6}}}}"#),
        &[r#"{"op":"replace","path":"/row","value":{"a":4,"b":5,"c":6}}"#],
    );
}

#[test]
fn the_deepest_documents() {
    let nested = |inner: &str| "[".repeat(MAX_DEPTH) + inner + &"]".repeat(MAX_DEPTH);
    checked(&value(&nested("1")), &value(&nested("2")));
    let objects = |inner: &str| {
        let open = format!(r#"{{"long":"{LONG}","in":"#);
        open.repeat(MAX_DEPTH) + inner + &"}".repeat(MAX_DEPTH)
    };
    let patch = checked(&value(&objects("1")), &value(&objects("2")));
    assert_eq!(patch.0.len(), 1);
    assert_eq!(patch.0[0].path().as_str(), "/in".repeat(MAX_DEPTH));
}

#[test]
fn large_arrays_without_anything_in_common_end_the_search() {
    let numbers = |range: std::ops::Range<u32>| {
        Value::Array(range.map(|n| Value::Number(u64::from(n).into())).collect())
    };
    checked(&numbers(0..20_000), &numbers(20_000..40_000));
    // The search gives up, and the unique elements still match: a few moves instead of everything.
    let long = |n: u32| Value::String(format!("{n} {LONG}"));
    let old: Vec<Value> = (0..8_000).map(long).collect();
    let mut new = old.clone();
    new.rotate_left(3_000);
    new.swap(10, 7_990);
    let patch = checked(&Value::Array(old), &Value::Array(new));
    assert!(patch.0.len() < 3_100, "{} operations", patch.0.len());
}

#[test]
fn patches_that_would_cost_a_client_seconds_are_not_made() {
    let long = |n: usize| Value::String(format!("{n} {LONG}"));
    let old: Vec<Value> = (0..24_000).map(long).collect();
    let every_other = Value::Array(old.iter().step_by(2).cloned().collect());
    let patch = checked(&Value::Array(old.clone()), &every_other);
    assert_eq!(patch.0.len(), 1, "12,000 removals with 6,000 shifts each are too many");
    // A log that grows shifts nothing, however long it is.
    let longer = Value::Array(old.iter().cloned().chain((24_000..30_000).map(long)).collect());
    assert_eq!(checked(&Value::Array(old.clone()), &longer).0.len(), 6_000);
    assert_eq!(checked(&longer, &Value::Array(old)).0.len(), 6_000);

    let rotated = (12_000..24_000).chain(0..12_000).map(long).collect();
    assert_eq!(checked(&Value::Array((0..24_000).map(long).collect()), &Value::Array(rotated)).0.len(), 1);

    let member = |n: usize| (n.to_string(), long(n));
    let old = Value::Object((0..24_000).map(member).collect());
    let every_other = Value::Object((0..24_000).step_by(2).map(member).collect());
    assert_eq!(checked(&old, &every_other).0.len(), 1);
    let fewer = Value::Object((0..23_000).map(member).collect());
    assert_eq!(checked(&old, &fewer).0.len(), 1_000);
}

#[test]
fn an_array_that_is_replaced_uses_up_no_shifts() {
    let long = |n: usize| Value::String(format!("{n} {LONG}"));
    let both = |many: Vec<Value>, few: Vec<Value>| {
        let members =
            [("few", few), ("many", many)].map(|(name, list)| (name.to_owned(), Value::Array(list)));
        Value::Object(members.into_iter().rev().collect())
    };
    let all: Vec<Value> = (0..24_000).map(long).collect();
    let every_other = all.iter().step_by(2).cloned().collect();
    let patch = checked(&both(all.clone(), all.clone()), &both(every_other, all[10..].to_vec()));
    let names: Vec<&str> = patch.0.iter().map(Op::name).collect();
    assert_eq!(names[0], "replace");
    assert_eq!(names[1..], ["remove"; 10]);
}

#[test]
fn a_reversed_list_costs_no_more_than_sending_it() {
    let mut rows: Vec<String> = (0..2_000).map(|n| format!(r#"{{"id":{n}}}"#)).collect();
    let old = value(&format!("[{}]", rows.join(",")));
    rows.reverse();
    let patch = checked(&old, &value(&format!("[{}]", rows.join(","))));
    assert_eq!(patch.0.len(), 1);
}

#[test]
fn other_escapes_before_an_edit_move_no_container() {
    let document = |text: &str| crate::Document::parse(text.to_owned(), MAX_DEPTH).unwrap();
    let kept = "a text that is long enough to be worth keeping, and then some more of it";
    let old = document(&format!(r#"{{"a":["\u0041","A",1,{{"b":1}}],"kept":"{kept}"}}"#));
    let new = document(&format!(r#"{{"a":["A","\u0041",2,{{"b":2}}],"kept":"{kept}"}}"#));
    match crate::diff(&old, &new, &Default::default()) {
        crate::Change::Patch(patch) => assert_eq!(crate::prove(&old, &patch, &new), Ok(())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn arrays_of_millions_are_replaced_where_matching_would_take_too_much_memory() {
    let list = |first: &str, middle: usize, last: &str| {
        let text = format!("{first}{}{last}", "7,".repeat(middle));
        crate::Document::parse(format!(r#"{{"kept":"{LONG}","list":[{text}]}}"#), MAX_DEPTH).unwrap()
    };
    let many = (1 << 21) + 2;
    let identities = Default::default();
    let old = list("1,", many, "2");
    // Only at one end, so that the other end is equal.
    let length = |new| match crate::diff(&old, &new, &identities) {
        crate::Change::Patch(patch) => patch.len(),
        other => panic!("{:.40}", format!("{other:?}")),
    };
    assert!(length(list("0,1,", many, "2")) < 100);
    assert!(length(list("0,1,", many, "3")) > many);
}

#[test]
fn what_leaves_one_container_for_another_moves() {
    let card = |name: &str| format!(r#"{{"title":"{name} {LONG}"}}"#);
    let (a, b, c) = (card("a"), card("b"), card("c"));
    // Lists of a board.
    check(
        &format!(r#"[{{"cards":[{a},{b}]}},{{"cards":[{c}]}}]"#),
        &format!(r#"[{{"cards":[{b}]}},{{"cards":[{c},{a}]}}]"#),
        &[r#"{"op":"move","from":"/0/cards/0","path":"/1/cards/1"}"#],
    );
    // To another key, with an edit beside it.
    let more = card("more");
    check(
        &format!(r#"{{"draft":{{"more":{more},"text":{a},"n":1}},"kept":{b}}}"#),
        &format!(r#"{{"draft":{{"more":{more},"n":2}},"kept":{b},"pub/lished":{a}}}"#),
        &[
            r#"{"op":"move","from":"/draft/text","path":"/pub~1lished"}"#,
            r#"{"op":"replace","path":"/draft/n","value":2}"#,
        ],
    );
    // Into its own neighbour: taken out first, it would shift the place that it goes to.
    let old = value(&format!("[{a},[{b}],[{c}]]"));
    let patch = checked(&old, &value(&format!("[[{b}],[{c},{a}]]")));
    assert!(patch.0.iter().all(|operation| operation.name() != "move"), "{patch}");
}

#[test]
fn what_stands_beside_its_twin_is_copied() {
    let card = |name: &str| format!(r#"{{"title":"{name} {LONG}"}}"#);
    let (a, b, c) = (card("a"), card("b"), card("c"));
    check(&format!("[{a},{b}]"), &format!("[{a},{b},{b}]"), &[r#"{"op":"copy","from":"/1","path":"/2"}"#]);
    check(
        &format!("[{a},{b}]"),
        &format!("[{a},{c},{b},{b}]"),
        &[&format!(r#"{{"op":"add","path":"/1","value":{c}}}"#), r#"{"op":"copy","from":"/2","path":"/2"}"#],
    );
    check(
        "[1,2,3,4,5,6,7,8,9]",
        "[1,2,3,4,5,6,7,8,9,9,9]",
        &[r#"{"op":"replace","path":"","value":[1,2,3,4,5,6,7,8,9,9,9]}"#],
    );
}

#[test]
fn a_reversed_list_is_put_in_order_from_one_end() {
    let names = ["a", "b", "c", "d"];
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    check(
        &rows(&names),
        &rows(&reversed),
        &[
            r#"{"op":"move","from":"/3","path":"/0"}"#,
            r#"{"op":"move","from":"/3","path":"/1"}"#,
            r#"{"op":"move","from":"/3","path":"/2"}"#,
        ],
    );
}
