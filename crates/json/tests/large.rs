//! The engine on documents that are large, degenerate or as deep as is allowed: what comes out is right, and it comes.

use bytes::Bytes;
use tidegate_json::{
    Change, Document, Identities, MAX_DEPTH, ParseErrorKind, Patch, advance, apply, compose, diff, patched,
    prove,
};

fn document(text: impl Into<Bytes>) -> Document {
    Document::parse(text, MAX_DEPTH).expect("a document")
}

/// Both ways to the change agree with a parse of the new text, and the change is right; gives it.
fn check(old: &str, new: &str) -> Change {
    let (before, after) = (document(old.to_owned()), document(new.to_owned()));
    let advanced =
        advance(&before, Bytes::copy_from_slice(new.as_bytes()), MAX_DEPTH, &Identities::default())
            .expect("a document");
    assert!(advanced.unproven.is_none());
    let (advanced, change) = (advanced.document, advanced.change);
    assert!(advanced.body() == after.body() && advanced.text() == after.text(), "the same text");
    assert!(advanced.to_value() == after.to_value(), "the same tree");
    for change in [&change, &diff(&before, &after, &Identities::default())] {
        assert_eq!(*change == Change::None, before.to_value() == after.to_value());
        if let Change::Patch(patch) = change {
            assert!(patch.len() < after.text().len(), "{} bytes for {}", patch.len(), after.text().len());
            assert!(prove(&before, patch, &after).is_ok());
            assert!(apply(&before, patch).expect("it applies").to_value() == after.to_value());
            let patch = Patch::parse(patch).expect("a patch");
            assert!(patched(&before.to_value(), &patch).as_ref() == Ok(&after.to_value()));
        }
    }
    change
}

/// A change of little in a lot is a patch of at most so many bytes.
fn check_small(old: &str, new: &str, bytes: usize) {
    match check(old, new) {
        Change::Patch(patch) => assert!(patch.len() <= bytes, "{}", String::from_utf8_lossy(&patch[..bytes])),
        other => panic!("{:.200}", format!("{other:?}")),
    }
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    format!("{{{}}}", members.map(|(name, value)| format!("{name:?}:{value}")).collect::<Vec<_>>().join(","))
}

#[test]
fn a_hundred_thousand_keys() {
    let members = |changed: usize| {
        move |n: usize| (format!("key {n}"), if n == changed { "null".into() } else { format!("{n}.0") })
    };
    let old = object((0..100_000).map(members(100_000)));
    check_small(&old, &object((0..100_000).map(members(54_321))), 100);
    check_small(&old, &object((0..100_001).map(members(100_000))), 100);
    check_small(&old, &object((1..100_000).map(members(100_000))), 100);
    assert_eq!(check(&old, &object((0..100_000).rev().map(members(100_000)))), Change::None);
    check(&old, &object((100_000..200_000).map(members(0))));
}

#[test]
fn a_hundred_thousand_equal_elements() {
    let ones = |count: usize| array((0..count).map(|_| "1.0".to_owned()));
    let old = ones(100_000);
    check_small(&old, &ones(100_001), 100);
    check_small(&old, &ones(99_999), 100);
    let mut one_other = old.clone();
    one_other.replace_range(200_001..200_004, "2.0");
    check_small(&old, &one_other, 100);
    check_small(&one_other, &old, 100);
    check(&old, "[]");
    check("[]", &old);
}

#[test]
fn arrays_with_nothing_in_common() {
    let numbers = |from: usize| array((from..from + 20_000).map(|n| n.to_string()));
    check(&numbers(0), &numbers(20_000));
    let rows = |from: usize| array((from..from + 20_000).map(|n| format!(r#"{{"id":{n},"of":"{n}"}}"#)));
    check(&rows(0), &rows(20_000));
    check(&numbers(0), &rows(0));
}

#[test]
fn many_rows_in_another_order() {
    let row = |n: usize| format!(r#"{{"id":{n},"name":"row {n}","tags":["a","b"],"last":{n}.50}}"#);
    let old = array((0..4_000).map(row));
    check(&old, &array((0..4_000).rev().map(row)));
    check(&old, &array((0..4_000).map(|n| row(n * 7_919 % 4_000))));
    check(&old, &array((2_000..4_000).chain(0..2_000).map(row)));
    let all_ticked = array((0..4_000).map(|n| row(n).replace(".50", ".5")));
    check(&old, &all_ticked);
    check_small(&old, &array((0..4_000).filter(|&n| n != 17).map(row)), 100);
}

#[test]
fn nesting_to_the_limit_and_beyond() {
    let arrays = |depth: usize, inner: &str| "[".repeat(depth) + inner + &"]".repeat(depth);
    let objects = |depth: usize, inner: &str| r#"{"a":"#.repeat(depth) + inner + &"}".repeat(depth);
    for nested in [arrays, objects] {
        let deepest = nested(MAX_DEPTH, "1");
        check(&deepest, &nested(MAX_DEPTH, "2"));
        check(&deepest, &nested(MAX_DEPTH, "1").replace('1', " 1\n"));
        check(&deepest, "0");
        check("0", &deepest);
        check(&deepest, &nested(MAX_DEPTH - 1, "1"));
        check(&nested(MAX_DEPTH - 1, "1"), &deepest);
        let padded = |inner| {
            format!(r#"{{"padding":"{}","in":{}}}"#, "-".repeat(10_000), nested(MAX_DEPTH - 1, inner))
        };
        check_small(&padded("1"), &padded("22"), 4 * MAX_DEPTH);
        let old = document(deepest.clone());
        for (depth, limit) in
            [(MAX_DEPTH + 1, MAX_DEPTH), (100_000, MAX_DEPTH), (MAX_DEPTH, MAX_DEPTH - 1), (8, 7)]
        {
            let body = Bytes::from(nested(depth, "1"));
            let error = advance(&old, body.clone(), limit, &Identities::default()).expect_err("too deep");
            assert_eq!(error.kind, ParseErrorKind::TooDeep { limit });
            assert_eq!(Document::parse(body, limit).expect_err("too deep"), error);
            // Brackets that never end are too deep as well, before anything else is wrong.
            let open = Bytes::from("[".repeat(depth));
            let error = advance(&old, open, limit, &Identities::default()).expect_err("too deep");
            assert_eq!(error.kind, ParseErrorKind::TooDeep { limit });
        }
    }
}

#[test]
fn a_body_like_the_old_one_is_too_deep_for_a_smaller_limit() {
    let body = Bytes::from_static(br#"{"a":[[[1]]],"b":2}"#);
    let old = document(body.clone());
    assert!(advance(&old, body.clone(), 4, &Identities::default()).is_ok());
    assert!(advance(&old, body, 3, &Identities::default()).is_err());
    let changed = Bytes::from_static(br#"{"a":[[[1]]],"b":3}"#);
    assert!(advance(&old, changed.clone(), 4, &Identities::default()).is_ok());
    assert!(advance(&old, changed, 3, &Identities::default()).is_err());
}

#[test]
fn a_long_string() {
    let long = "0123456789 é😀\\\"".repeat(20_000);
    let row = |text: &str, n: usize| format!(r#"{{"text":"{text}","n":{n}}}"#);
    check_small(&row(&long, 1), &row(&long, 2), 100);
    check(&row(&long, 1), &row(&(long.clone() + "x"), 1));
    check(&row(&long, 1), &row(&long[1..], 1));
    // The same string, every character as an escape.
    let escaped: String =
        "0123456789 é😀".repeat(20_000).encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    assert_eq!(check(&row(&"0123456789 é😀".repeat(20_000), 1), &row(&escaped, 1)), Change::None);
    // A long name, which every path to its value repeats.
    let name = |value: &str| format!(r#"{{"{long}":{{"a":{value},"b":[]}}}}"#);
    check(&name("1"), &name("2"));
}

#[test]
fn long_numbers() {
    let number = |last: &str| format!("[{}{last},0]", "1234567890".repeat(10_000));
    check(&number("1"), &number("2"));
    assert_eq!(check(&number("1"), &number("1").replace(',', " , ")), Change::None);
    check("[1,0]", &number("1"));
    check(&number("1"), "[1,0]");
}

#[test]
fn all_keys_escaped() {
    let spelt = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    let plain = |n: usize| format!("\\\"/~{n}é😀");
    let members = |escaped: bool, changed: usize| {
        let member = |n: usize| {
            let name =
                if escaped { spelt(&plain(n)) } else { plain(n).replace('\\', "\\\\").replace('"', "\\\"") };
            format!(r#""{name}":{}"#, if n == changed { "[]".to_owned() } else { n.to_string() })
        };
        format!("{{{}}}", (0..5_000).map(member).collect::<Vec<_>>().join(","))
    };
    assert_eq!(check(&members(true, 5_000), &members(false, 5_000)), Change::None);
    check_small(&members(true, 5_000), &members(false, 17), 100);
    check_small(&members(true, 5_000), &members(true, 4_999), 100);
}

#[test]
fn permuted_members_at_every_level() {
    let row = |n: usize, turned: bool| {
        let mut members =
            [format!(r#""id":{n}"#), r#""a":{"x":1,"y":[{"p":1,"q":2}]}"#.into(), r#""b":null"#.into()];
        if turned {
            members.rotate_left(1 + n % 2);
            members[0] = members[0].replace(r#""x":1,"y":[{"p":1,"q":2}]"#, r#""y":[{"q":2,"p":1}],"x":1"#);
        }
        format!("{{{}}}", members.join(","))
    };
    let rows = |turned: bool| array((0..5_000).map(|n| row(n, turned)));
    assert_eq!(check(&rows(false), &rows(true)), Change::None);
    check_small(&rows(false), &rows(true).replacen("null", "true", 1), 100);
}

#[test]
fn white_space_without_end() {
    let dense = r#"{"a":[1,2,{"b":"x y"}],"c":{}}"#;
    let space = " \n\t\r".repeat(25_000);
    let sparse = format!("{space}{}{space}", dense.replace(',', &format!("{space},{space}")));
    assert_eq!(check(dense, &sparse), Change::None);
    assert_eq!(check(&sparse, dense), Change::None);
    check(&sparse, &dense.replace('1', "3"));
}

#[test]
fn a_byte_order_mark_comes_and_goes() {
    let text = r#"{"a":[1,2],"padding":"something that is longer than a patch of this document would be"}"#;
    let marked = format!("\u{feff}{text}");
    assert_eq!(document(marked.clone()).text(), text);
    let (old, new) = (document(text.to_owned()), document(marked.clone()));
    for (from, body) in [(&old, &marked), (&new, &marked), (&new, &text.to_owned())] {
        let next =
            advance(from, Bytes::from(body.clone()), MAX_DEPTH, &Identities::default()).expect("a document");
        let (next, change) = (next.document, next.change);
        assert_eq!(
            (change, next.body().as_ref(), next.text().as_ref()),
            (Change::None, body.as_bytes(), text.as_bytes())
        );
        check_small(body, &text.replace('2', "3"), 60);
    }
}

#[test]
fn a_thousand_patches_compose() {
    let text = |n: usize| {
        let padding = "-".repeat(200);
        format!(
            r#"{{"n":{n},"rows":[{{"id":1,"m":{}}},{{"id":2,"m":{}}}],"padding":"{padding}"}}"#,
            n / 2,
            n / 3
        )
    };
    let documents: Vec<Document> = (0..1_000).map(|n| document(text(n))).collect();
    let patches: Vec<Bytes> = documents
        .windows(2)
        .map(|pair| match diff(&pair[0], &pair[1], &Identities::default()) {
            Change::Patch(patch) => patch,
            other => panic!("{other:?}"),
        })
        .collect();
    let borrowed: Vec<&[u8]> = patches.iter().map(|patch| &patch[..]).collect();
    let composed = compose(&documents[0], &borrowed, &Identities::default()).expect("they apply");
    assert!(prove(&documents[0], &composed, &documents[999]).is_ok());
    assert!(composed.len() < 200, "{}", String::from_utf8_lossy(&composed));
    assert_eq!(compose(&documents[0], &[], &Identities::default()).expect("nothing applies"), "[]");
}

#[test]
fn a_wide_object_with_many_edits_is_proven_in_order() {
    let object = |step: usize| {
        let members =
            (0..60_000).map(|n| format!(r#""key{n:06}":{}"#, n + if n % 5 == 0 { step } else { 0 }));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    assert!(matches!(check(&object(0), &object(1_000_000)), Change::Patch(_)));
}

#[test]
fn a_large_part_is_followed_once_however_often_it_could_be() {
    let many = vec!["1"; 100_000].join(",");
    check(&format!("[[777777],[{many}]]"), &format!("[[777777],{}[2]]", "[1],[777777],".repeat(1_000)));
    let old = document(format!(r#"{{"a":[{many}]}}"#));
    let new = format!(r#"{{{}"b":1}}"#, r#""a":[1],"#.repeat(1_000));
    let error =
        advance(&old, new.into(), MAX_DEPTH, &Identities::default()).expect_err("keys that are there twice");
    assert!(error.is_well_formed());
}
