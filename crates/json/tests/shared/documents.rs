//! Documents: what APIs serve, and what they might.

use proptest::prelude::*;
use tidegate_json::{MAX_DEPTH, Number, Value, parse};

/// Names that pointers must escape, that look like indexes, that strings must escape, and a few plain ones, so that
/// objects of different documents have some in common.
const NAMES: [&str; 27] = [
    "a",
    "b",
    "c",
    "id",
    "name",
    "key",
    "value",
    "",
    "/",
    "~",
    "a/b",
    "m~n",
    "~0",
    "~1",
    "~01",
    "0",
    "1",
    "00",
    "-",
    "-1",
    "length",
    " ",
    "é",
    "e\u{301}",
    "😀",
    "\"\\/\n\t\u{0}\u{1f}",
    "\u{7f}\u{2028}\u{feff}",
];

/// Spellings that a machine number would lose, beside ones that it would not.
const NUMBERS: [&str; 15] = [
    "0",
    "-0",
    "-0.0",
    "1.1",
    "1.10",
    "11e-1",
    "100",
    "1e2",
    "1E+2",
    "0.10000000000000000000001",
    "1234567890123456789012345678901234567890",
    "9007199254740993",
    "1e-400",
    "-1.5E-7",
    "1e300",
];

pub(crate) fn value(text: &str) -> Value {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap_or_else(|_| panic!("{text} is a number")))
}

pub(crate) fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => "[a-z]{1,12}",
        1 => ".{0,6}",
    ]
}

pub(crate) fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => prop::sample::select(NUMBERS.to_vec()).prop_map(number),
        2 => (-3i64..12).prop_map(|n| Value::Number(Number::from(n))),
        1 => any::<i64>().prop_map(|n| Value::Number(Number::from(n))),
        2 => names().prop_map(Value::String),
        1 => any::<String>().prop_map(Value::String),
        1 => "[ -~]{20,120}".prop_map(Value::String),
    ]
}

/// Values of any shape, with few different scalars, so that equal parts are common.
pub(crate) fn values() -> BoxedStrategy<Value> {
    scalars()
        .prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((names(), inner.clone()), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                (inner, 1..5usize).prop_map(|(value, times)| Value::Array(vec![value; times])),
            ]
        })
        .boxed()
}

/// A document of one of the kinds below.
pub(crate) fn documents() -> BoxedStrategy<Value> {
    let small = 0..8usize;
    prop_oneof![
        3 => (0..14usize, any::<bool>()).prop_map(|(rows, identified)| quotes(rows, identified)),
        2 => (0..12usize).prop_map(order_book),
        3 => (1..4usize, 0..6usize).prop_map(|(lists, cards)| board(lists, cards)),
        2 => (values(), names()).prop_map(|(value, name)| configuration(value, &name)),
        1 => (0..20usize, "[a-z ]{0,30}").prop_map(|(lines, text)| log(lines, &text)),
        1 => prop::collection::vec((names(), values()), small).prop_map(table),
        1 => (0..6usize, 0..6usize, 1..4usize).prop_map(|(rows, columns, kinds)| grid(rows, columns, kinds)),
        1 => (1..60usize, scalars()).prop_map(|(depth, inner)| nested(depth, inner)),
        2 => values(),
        1 => scalars(),
    ]
    .boxed()
}

/// Rows as a feed of prices has them.
fn quotes(rows: usize, identified: bool) -> Value {
    let rows = (0..rows).map(|n| {
        let identity = if identified { format!(r#""symbol":"S{n}","#) } else { String::new() };
        format!(
            r#"{{{identity}"last":{}.{}0,"change":-{n}.5e-1,"size":{},"book":{{"bid":[[{n}.10,5],[{n}.05,7]],"ask":[]}},
                "venue":"a venue with a longer name","halted":false,"note":null}}"#,
            100 + n,
            n % 10,
            n * 7
        )
    });
    value(&format!(r#"{{"as_of":"2026-05-04T03:02:01Z","rows":[{}]}}"#, rows.collect::<Vec<_>>().join(",")))
}

/// Levels as pairs of strings, best first.
fn order_book(levels: usize) -> Value {
    let side = |sign: i64| {
        let levels =
            (0..levels as i64).map(|n| format!(r#"["{}.{}0","{}.000"]"#, 100 + sign * n, n % 10, n * 3 + 1));
        levels.collect::<Vec<_>>().join(",")
    };
    value(&format!(r#"{{"symbol":"ABC/DEF","sequence":1000,"bids":[{}],"asks":[{}]}}"#, side(-1), side(1)))
}

/// Lists of cards, which move between the lists.
fn board(lists: usize, cards: usize) -> Value {
    let card = |list: usize, n: usize| {
        format!(
            r#"{{"id":"c{list}{n}","title":"Write the part number {n} of \"{list}\"","labels":["new","x/y"],
                "assignee":null,"estimate":{n}.50,"done":{}}}"#,
            n.is_multiple_of(2)
        )
    };
    let list = |list: usize| {
        let cards: Vec<String> = (0..cards).map(|n| card(list, n)).collect();
        format!(r#"{{"id":{list},"name":"List {list}","cards":[{}]}}"#, cards.join(","))
    };
    value(&format!(r#"{{"board":"Tides","lists":[{}]}}"#, (0..lists).map(list).collect::<Vec<_>>().join(",")))
}

/// Objects within objects, with paths as names.
fn configuration(inner: Value, name: &str) -> Value {
    let mut document = value(
        r#"{"service":{"limits":{"rate":100,"burst":20.0,"per":{"key":1e3,"address":null}},
            "hosts":["a.example","b.example"],"paths":{"/v1/users/~me":{"get":true,"put":false},"/v1/*":{}}},
            "flags":{"dark mode":true,"":false,"0":[],"é":"on"},"extra":{}}"#,
    );
    if let Value::Object(members) = &mut document
        && let Some(Value::Object(extra)) = members.get_mut("extra")
    {
        extra.insert(name.to_owned(), inner);
    }
    document
}

/// Lines, of which many are equal.
fn log(lines: usize, text: &str) -> Value {
    Value::Array((0..lines).map(|n| Value::String(format!("{} {text}", n % 7))).collect())
}

/// Rows by name.
fn table(rows: Vec<(String, Value)>) -> Value {
    let row =
        |inner| Value::Object([("state".to_owned(), Value::Bool(true)), ("inner".to_owned(), inner)].into());
    Value::Object(rows.into_iter().map(|(name, inner)| (name, row(inner))).collect())
}

/// Arrays of arrays with the same few numbers.
fn grid(rows: usize, columns: usize, kinds: usize) -> Value {
    let row = |row: usize| (0..columns).map(|n| number(&((row * n) % kinds).to_string())).collect();
    Value::Array((0..rows).map(|n| Value::Array(row(n))).collect())
}

/// Arrays and objects in turns around a value.
fn nested(depth: usize, inner: Value) -> Value {
    (0..depth).fold(inner, |inner, level| match level % 3 {
        0 => Value::Array(vec![inner]),
        1 => Value::Object([("in/ner".to_owned(), inner)].into()),
        _ => Value::Array(vec![Value::Null, inner, Value::Bool(true)]),
    })
}
