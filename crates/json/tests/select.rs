//! What a selection selects is what a library that is not ours says of it, in the document's own bytes.

#[allow(dead_code, reason = "other tests change the documents as well")]
mod shared;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json_path::PathElement;
use tidegate_json::{
    Change, Document, Identities, MAX_DEPTH, Pointer, SelectError, Selection, Value, apply, apply_merge,
    diff, merge_patch, prove,
};

use shared::spelling::{Spelling, spell};
use shared::{documents, pairs};

fn document(text: &str) -> Document {
    Document::parse(text.to_owned(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(document: &Document) -> String {
    String::from_utf8_lossy(&document.text()).into_owned()
}

/// With members by their names: the order in which the library has them.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        scalar => scalar,
    }
}

/// The array of what the library selects, in the texts of the original.
fn theirs(path: &str, value: &Value) -> String {
    let copy: serde_json::Value =
        serde_json::from_str(&value.to_text()).expect("a document is JSON to others");
    let path = serde_json_path::JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let located = path.query_located(&copy);
    let nodes = located.locations().map(|location| {
        let mut node = value;
        for step in location.iter() {
            node = match step {
                PathElement::Name(name) => {
                    node.get(name).expect("a member of the copy is one of the original")
                }
                PathElement::Index(index) => &node.as_array().expect("so is an array")[*index],
            };
        }
        node.to_text()
    });
    format!("[{}]", nodes.collect::<Vec<_>>().join(","))
}

/// Names that the documents have.
fn names() -> BoxedStrategy<String> {
    let names =
        ["rows", "last", "book", "bid", "symbol", "lists", "cards", "id", "in/ner", "a", "0", "é", "", "m~n"];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned).boxed()
}

/// Questions that both can be asked: numbers within the range of floats, and arrays and objects by their kinds alone.
fn filters() -> BoxedStrategy<String> {
    let comparable = || {
        prop_oneof![
            prop::sample::select(vec!["@", "@.last", "@.id", "@['book'].bid[0]", "@[0]", "@[-1]", "@.done"])
                .prop_map(str::to_owned),
            prop::sample::select(vec!["1", "7", "-0", "1.10", "1e2", "true", "null", "'S1'", "'on'", "\"\""])
                .prop_map(str::to_owned),
            prop::sample::select(vec!["length(@)", "count(@.*)", "length(@.symbol)", "value(@[*])"])
                .prop_map(str::to_owned),
            prop::sample::select(vec!["$.rows[0].last", "$['as_of']", "$[0]", "$[ 1 ]['id']", "$.board"])
                .prop_map(str::to_owned),
        ]
    };
    let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let test = prop_oneof![
        3 => (comparable(), operator, comparable()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        1 => prop::sample::select(vec!["@", "@.id", "@.é", "@['in/ner']", "@.*", "@[*][0]", "@[?@.id]", "@[1:]", "$.rows[0]", "$"])
            .prop_map(str::to_owned),
    ];
    let test = (test, any::<bool>()).prop_map(|(test, not)| if not { format!("!({test})") } else { test });
    prop_oneof![
        3 => test.clone(),
        1 => (test.clone(), test, prop::sample::select(vec!["&&", "||"]))
            .prop_map(|(a, b, operator)| format!("{a} {operator} {b}")),
    ]
    .prop_map(|filter| format!("?{filter}"))
    .boxed()
}

fn selectors() -> BoxedStrategy<String> {
    let bound = || prop_oneof![Just(String::new()), (-7i64..7).prop_map(|bound| bound.to_string())];
    prop_oneof![
        3 => names().prop_map(|name| format!("'{name}'")),
        2 => (-3i64..5).prop_map(|index| index.to_string()),
        2 => Just("*".to_owned()),
        2 => (bound(), bound(), bound()).prop_map(|(start, end, step)| format!("{start}:{end}:{step}")),
        2 => filters(),
    ]
    .boxed()
}

fn paths() -> BoxedStrategy<String> {
    let segment = prop_oneof![
        3 => prop::sample::select(vec![".rows", ".last", ".lists", ".cards", ".*", "[*]"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["..*", "..last", "..id", "..['in/ner']"]).prop_map(str::to_owned),
        2 => selectors().prop_map(|selector| format!("[{selector}]")),
        1 => (selectors(), selectors()).prop_map(|(a, b)| format!("[{a}, {b}]")),
        1 => (selectors(), selectors()).prop_map(|(a, b)| format!("..[{a} ,{b} ]")),
    ];
    prop::collection::vec(segment, 0..5).prop_map(|segments| format!("${}", segments.concat())).boxed()
}

fn config() -> ProptestConfig {
    // `PROPTEST_CASES` raises it.
    let default = ProptestConfig::default();
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases: 4 * default.cases, failure_persistence: Some(Box::new(persistence)), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_path_selects_what_the_library_does(value in documents(), path in paths()) {
        const MOST: usize = 1 << 16;
        let value = sorted(value);
        let selection = Selection::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let of_compact = selection.of(&document(&value.to_text()), MOST);
        let of_pretty = selection.of(&document(&spell(&value, Spelling::Pretty)), MOST);
        match (of_compact, of_pretty) {
            (Ok(selected), Ok(of_pretty)) => {
                prop_assert_eq!(shown(&selected), theirs(&path, &value), "{} of {}", path, value);
                prop_assert_eq!(shown(&of_pretty), shown(&selected));
                let scanned = document(&shown(&selected));
                prop_assert_eq!(&selected, &scanned);
                prop_assert_eq!(selected.to_value(), scanned.to_value());
                prop_assert!(selected.is_compact() && of_pretty.is_compact());
            }
            (Err(SelectError::TooLarge { most }), Err(SelectError::TooLarge { .. })) => {
                prop_assert_eq!(most, MOST);
                prop_assert!(theirs(&path, &value).len() > MOST);
            }
            (one, other) => prop_assert_eq!(one.map(|it| shown(&it)), other.map(|it| shown(&it))),
        }
    }

    #[test]
    fn a_selection_is_known_by_a_text_that_selects_the_same(value in documents(), path in paths()) {
        let selection = Selection::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let known = Selection::parse(selection.as_str()).unwrap_or_else(|error| panic!("{path}: {error}"));
        prop_assert_eq!(known.as_str(), selection.as_str());
        let document = document(&value.to_text());
        let selected = [&selection, &known].map(|it| it.of(&document, 1 << 16).map(|it| shown(&it)));
        prop_assert_eq!(&selected[0], &selected[1]);
    }

    #[test]
    fn a_pointer_selects_what_it_points_to(
        value in documents(),
        tokens in prop::collection::vec(prop_oneof![names(), (0usize..4).prop_map(|it| it.to_string())], 0..5),
        seed in any::<u64>(),
    ) {
        let mut pointer = Pointer::root();
        tokens.iter().for_each(|token| pointer.push(token));
        let selection = Selection::parse(pointer.as_str()).expect("a pointer is a selection");
        let expected = pointer.find(&value).unwrap_or(&Value::Null);
        for spelling in [Spelling::Compact, Spelling::Pretty, Spelling::Wild(seed)] {
            let selected = selection.of(&document(&spell(&value, spelling)), 0).expect("a pointer has no limit");
            prop_assert_eq!(&selected.to_value(), expected, "{} of {}", pointer, value);
            prop_assert!(selected.is_compact() || pointer.is_root());
            prop_assert_eq!(&selected, &document(&shown(&selected)));
        }
    }

    #[test]
    fn what_was_selected_has_patches_like_any_document((old, new) in pairs(), path in paths()) {
        let selection = Selection::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let select = |text: &str| selection.of(&document(text), 1 << 16);
        let (Ok(old), Ok(new)) = (select(&old.text), select(&new.text)) else { return Ok(()) };
        let change = diff(&old, &new, &Identities::default());
        match change {
            Change::None => prop_assert_eq!(&old, &new),
            Change::Patch(patch) => {
                prop_assert_eq!(prove(&old, &patch, &new), Ok(()));
                prop_assert_eq!(apply(&old, &patch), Ok(new.clone()));
            }
            Change::Whole => prop_assert_ne!(&old, &new),
        }
        if let Some(patch) = merge_patch(&old, &new) {
            prop_assert_eq!(apply_merge(&old, &patch), Ok(new));
        }
    }

    #[test]
    fn any_text_is_a_selection_or_an_error_with_a_place(
        text in "\\PC{0,20}|/[~/01a\u{e9}]{0,9}|\\$[\\[\\]().?@$*'\"\\\\=<!&|,a0-9:, \u{e9}-]{0,20}|\\$\\[\\?(@|@\\.\u{e9}|\\$|\\[|\\]|\\.a|'\u{e9}'|==| |\\(|\\)|length\\(|\\?|\\*|0|,){0,12}\\]",
        value in documents(),
    ) {
        match Selection::parse(&text) {
            Ok(selection) => {
                let _ = selection.of(&document(&value.to_text()), 1 << 12);
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset));
                prop_assert!(error.character <= text.chars().count() + 1);
            }
        }
    }
}
