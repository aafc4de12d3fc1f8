//! Property tests of the whole: parsing, patches and diffs against each other, and against implementations that we
//! did not write.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Spellings that a machine number would lose, beside plain ones.
const EXOTIC_NUMBERS: [&str; 8] = [
    "1.10",
    "1E5",
    "-0",
    "-0.0",
    "123456789012345678901234567890",
    "1e-400",
    "0.10000000000000000001",
    "1.0",
];

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "a",
        "b",
        "id",
        "name",
        "a/b",
        "~",
        "~1",
        "0",
        "-",
        "é😀",
        "\"\\\n\u{0}",
        "\n",
        "\\n",
        "\"",
        "\\\"",
    ])
    .prop_map(str::to_owned)
}

fn plain_numbers() -> impl Strategy<Value = Value> {
    prop_oneof![(-3i64..10).prop_map(Number::from), any::<i64>().prop_map(Number::from)]
        .prop_map(Value::Number)
}

fn exotic_numbers() -> impl Strategy<Value = Value> {
    prop::sample::select(EXOTIC_NUMBERS.to_vec())
        .prop_map(|text| Value::Number(text.parse().expect("these are numbers")))
}

/// Small values with few different scalars, so that equal parts are common.
fn values_of(numbers: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        numbers,
        names().prop_map(Value::String),
        any::<String>().prop_map(Value::String),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    values_of(prop_oneof![plain_numbers(), exotic_numbers()])
}

/// A row as a feed of quotes has it.
fn row(id: usize, tick: usize) -> Value {
    let text = format!(
        r#"{{"symbol":"S{id}","last":{}.{}0,"size":{tick},"book":{{"bid":[[{tick}.10,{id}],[{tick}.05,7]],"ask":[]}},
            "venue":"a venue with a longer name","active":true}}"#,
        100 + id,
        tick % 10
    );
    parse(text.as_bytes(), MAX_DEPTH).expect("a row is a document")
}

fn quotes(rows: usize, keyed: bool) -> Value {
    let rows = (0..rows).map(|id| {
        let mut row = row(id, id * 7);
        if let (false, Value::Object(members)) = (keyed, &mut row) {
            members.shift_remove("symbol");
        }
        row
    });
    let members = [
        ("as_of".to_owned(), Value::String("today".into())),
        ("rows".to_owned(), Value::Array(rows.collect())),
    ];
    Value::Object(members.into_iter().collect())
}

/// One change of a document of quotes.
#[derive(Debug, Clone)]
enum Change {
    Tick(Index, usize),
    Level(Index, usize),
    Insert(Index, usize),
    Remove(Index),
    Swap(Index, Index),
    Rotate(Index),
    Reverse(Index, Index),
    Repeat(Index, Index),
    DropMember(Index),
    Overwrite(Index, Value),
    Header(Value),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<Index>;
    let change = prop_oneof![
        4 => (index(), 0..50usize).prop_map(|(at, tick)| Change::Tick(at, tick)),
        2 => (index(), 0..50usize).prop_map(|(at, tick)| Change::Level(at, tick)),
        2 => (index(), 100..110usize).prop_map(|(at, id)| Change::Insert(at, id)),
        2 => index().prop_map(Change::Remove),
        2 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => index().prop_map(Change::Rotate),
        1 => (index(), index()).prop_map(|(a, b)| Change::Reverse(a, b)),
        1 => (index(), index()).prop_map(|(a, b)| Change::Repeat(a, b)),
        1 => index().prop_map(Change::DropMember),
        1 => (index(), plain_numbers()).prop_map(|(at, value)| Change::Overwrite(at, value)),
        1 => plain_numbers().prop_map(Change::Header),
    ];
    prop::collection::vec(change, 1..8)
}

fn make(document: &mut Value, change: &Change) {
    let Value::Object(members) = document else { return };
    if let Change::Header(value) = change {
        members.insert("as_of".into(), value.clone());
        return;
    }
    let Some(Value::Array(rows)) = members.get_mut("rows") else { return };
    if rows.is_empty() {
        return;
    }
    let length = rows.len();
    match change {
        Change::Tick(at, tick) => {
            if let Value::Object(row) = &mut rows[at.index(length)] {
                let last = format!("{tick}.{}0", tick % 7).parse().expect("a number");
                row.insert("last".into(), Value::Number(last));
            }
        }
        Change::Level(at, tick) => {
            if let Some(Value::Object(book)) = match &mut rows[at.index(length)] {
                Value::Object(row) => row.get_mut("book"),
                _ => None,
            } && let Some(Value::Array(levels)) = book.get_mut("bid")
            {
                levels.insert(
                    tick % (levels.len() + 1),
                    Value::Array(vec![Value::Number((*tick as u64).into())]),
                );
                levels.truncate(4);
            }
        }
        Change::Insert(at, id) => rows.insert(at.index(length + 1), row(*id, 1)),
        Change::Remove(at) => drop(rows.remove(at.index(length))),
        Change::Swap(a, b) => rows.swap(a.index(length), b.index(length)),
        Change::Rotate(by) => rows.rotate_left(by.index(length)),
        Change::Reverse(a, b) => {
            let (a, b) = (a.index(length), b.index(length));
            rows[a.min(b)..=a.max(b)].reverse();
        }
        Change::Repeat(from, at) => {
            let row = rows[from.index(length)].clone();
            rows.insert(at.index(length + 1), row);
        }
        Change::DropMember(at) => {
            if let Value::Object(row) = &mut rows[at.index(length)] {
                row.shift_remove_index(tick_of(at, row.len()));
            }
        }
        Change::Overwrite(at, value) => rows[at.index(length)] = value.clone(),
        Change::Header(_) => {}
    }
}

fn tick_of(at: &Index, length: usize) -> usize {
    if length == 0 { 0 } else { at.index(length) }
}

fn edited(keyed: bool) -> impl Strategy<Value = (Value, Value)> {
    (0..14usize, changes()).prop_map(move |(rows, changes)| {
        let old = quotes(rows, keyed);
        let mut new = old.clone();
        changes.iter().for_each(|change| make(&mut new, change));
        (old, new)
    })
}

/// The number texts of a value in document order, with members sorted by name.
fn number_texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Number(number) => into.push(number.as_str().to_owned()),
        Value::Array(elements) => elements.iter().for_each(|element| number_texts(element, into)),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            members.iter().for_each(|(_, member)| number_texts(member, into));
        }
        _ => {}
    }
}

fn check_diff(old: &Value, new: &Value) -> Result<Patch, TestCaseError> {
    let patch = tree_diff(old, new);
    let applied = patched(old, &patch);
    prop_assert_eq!(applied.as_ref(), Ok(new), "by {}", patch);
    let (mut expected, mut texts) = (Vec::new(), Vec::new());
    number_texts(new, &mut expected);
    applied.iter().for_each(|value| number_texts(value, &mut texts));
    prop_assert_eq!(texts, expected);
    let mut in_place = old.clone();
    prop_assert_eq!(apply_in_place(&mut in_place, &patch), Ok(()));
    prop_assert_eq!(&in_place, new);
    // What travels is the text.
    prop_assert_eq!(Patch::parse(patch.to_text().as_bytes()), Ok(patch.clone()));
    let replacement = Patch(vec![Op::Replace { path: Pointer::root(), value: new.clone() }]);
    prop_assert!(patch.to_text().len() <= replacement.to_text().len(), "{}", patch);
    prop_assert_eq!(patch.is_empty(), old == new);
    Ok(patch)
}

fn foreign(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Our patch, applied by an implementation that is not ours.
fn check_with_oracle(old: &Value, new: &Value) -> Result<(), TestCaseError> {
    let patch = check_diff(old, new)?;
    let mut theirs = foreign(&old.to_text());
    let operations: json_patch::Patch = serde_json::from_str(&patch.to_text()).expect("a patch is a patch");
    prop_assert!(json_patch::patch(&mut theirs, &operations).is_ok(), "{}", patch);
    prop_assert_eq!(theirs, foreign(&new.to_text()), "by {}", patch);
    Ok(())
}

/// Whether a text is well-formed in the eyes of a parser that is not ours. It ignores values, and so does not
/// limit numbers, duplicate keys or depth; and it refuses a byte order mark, which the caller takes off.
fn well_formed(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok().map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

fn check_agreement(text: &[u8]) -> Result<(), TestCaseError> {
    let ours = match parse(text, MAX_DEPTH) {
        Ok(_) => true,
        Err(error) => error.is_well_formed(),
    };
    prop_assert_eq!(ours, well_formed(text), "{:?}", String::from_utf8_lossy(text));
    Ok(())
}

/// Writes a value with white space between all tokens, which [`compact`] must take out again.
fn spaced(value: &Value, out: &mut String) {
    match value {
        Value::Array(elements) => {
            out.push_str("[ \t");
            for (place, element) in elements.iter().enumerate() {
                out.push_str(if place > 0 { " ,\r\n" } else { "" });
                spaced(element, out);
            }
            out.push_str(" ]");
        }
        Value::Object(members) => {
            out.push_str("{\n");
            for (place, (name, member)) in members.iter().enumerate() {
                out.push_str(if place > 0 { "\n, " } else { "" });
                out.push_str(&Value::String(name.clone()).to_text());
                out.push_str(" : ");
                spaced(member, out);
            }
            out.push_str("\n}");
        }
        scalar => out.push_str(&scalar.to_text()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    #[test]
    fn text_round_trips(value in values()) {
        let text = value.to_text();
        let again = parse(text.as_bytes(), MAX_DEPTH);
        prop_assert_eq!(again.as_ref(), Ok(&value));
        prop_assert_eq!(again.map(|value| value.to_text()), Ok(text.clone()));
        let mut loose = String::from("\u{feff} ");
        spaced(&value, &mut loose);
        prop_assert_eq!(compact(loose.as_bytes()), text.as_bytes());
        prop_assert_eq!(parse(loose.as_bytes(), MAX_DEPTH), Ok(value));
    }

    #[test]
    fn parsing_gives_what_another_parser_gives(value in values_of(plain_numbers())) {
        let theirs = foreign(&value.to_text());
        let ours = parse(theirs.to_string().as_bytes(), MAX_DEPTH);
        prop_assert_eq!(ours, Ok(value));
    }

    #[test]
    fn parsing_agrees_on_random_text(text in "[\\[\\]{}:,\"\\\\0-9eE+.\\-truefalsn ud8D\n\u{1}é]{0,12}") {
        check_agreement(text.as_bytes())?;
    }

    #[test]
    fn parsing_agrees_on_mutated_text(
        value in values(),
        mutations in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut text = value.to_text().into_bytes();
        for (at, byte, kind) in mutations {
            let interesting = b"[]{}:,\"\\019-.eE+ \ntfnu/\x01\xff";
            let (at, token) = (at.index(text.len() + 1), interesting[usize::from(byte) % interesting.len()]);
            match kind {
                0 => text.insert(at, token),
                1 if at < text.len() => text[at] = token,
                2 if at < text.len() => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        check_agreement(&text)?;
    }

    #[test]
    fn a_diff_of_any_two_values_is_right(old in values(), new in values()) {
        check_diff(&old, &new)?;
    }

    #[test]
    fn a_diff_of_edited_quotes_is_right_to_others_too((old, new) in edited(true)) {
        check_with_oracle(&old, &new)?;
    }

    #[test]
    fn a_diff_of_edited_rows_without_identity_is_right_to_others_too((old, new) in edited(false)) {
        check_with_oracle(&old, &new)?;
    }

    #[test]
    fn a_diff_of_plain_values_is_right_to_others_too(
        old in values_of(plain_numbers()),
        new in values_of(plain_numbers()),
    ) {
        check_with_oracle(&old, &new)?;
    }

    #[test]
    fn a_diff_of_permuted_rows_is_right_to_others_too(
        old in prop::sample::subsequence((0..30usize).collect::<Vec<_>>(), 0..30),
        new in prop::sample::subsequence((0..30usize).collect::<Vec<_>>(), 0..30).prop_shuffle(),
    ) {
        let rows = |ids: &[usize]| Value::Array(ids.iter().map(|&id| row(id, 3)).collect());
        check_with_oracle(&rows(&old), &rows(&new))?;
    }

    #[test]
    fn a_failed_patch_leaves_no_trace((old, new) in edited(true), at in any::<Index>()) {
        let mut patch = tree_diff(&old, &new);
        let at = at.index(patch.0.len() + 1);
        let absent = Pointer::parse("/absent").expect("a pointer");
        patch.0.insert(at, Op::Remove { path: absent.clone() });
        let mut document = old.clone();
        let error = apply_in_place(&mut document, &patch);
        prop_assert_eq!(error, Err(ApplyError { index: at, kind: ApplyErrorKind::NotFound(absent) }));
        prop_assert_eq!(document.to_text(), old.to_text());
    }
}
