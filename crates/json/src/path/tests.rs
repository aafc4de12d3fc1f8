//! What paths select, which texts are none, and that both ways to ask agree.

use std::collections::HashSet;
use std::ptr;

use proptest::prelude::*;

use super::*;
use crate::{MAX_DEPTH, parse};

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Every node of a document with its location, in the order of the document.
fn nodes<'a>(value: &'a Value, at: &mut Vec<Step<'a>>, visit: &mut impl FnMut(&[Step<'a>], &'a Value)) {
    visit(at, value);
    let mut enter = |step, inner| {
        at.push(step);
        nodes(inner, at, visit);
        at.pop();
    };
    match value {
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, inner)| enter(Step::Index(index), inner));
        }
        Value::Object(members) => members.iter().for_each(|(name, inner)| enter(Step::Name(name), inner)),
        _ => {}
    }
}

/// The pointers of what a path selects, in the order of the document.
fn selected(path: &JsonPath, document: &Value) -> Vec<String> {
    let found: HashSet<*const Value> = path.find(document).into_iter().map(ptr::from_ref).collect();
    assert_eq!(found.len(), path.find(document).len(), "{path}: each node once");
    let mut pointers = Vec::new();
    nodes(document, &mut Vec::new(), &mut |at, value| {
        if found.contains(&ptr::from_ref(value)) {
            let mut pointer = Pointer::root();
            for step in at {
                match step {
                    Step::Name(name) => pointer.push(name),
                    Step::Index(index) => pointer.push(&index.to_string()),
                }
            }
            pointers.push(pointer.as_str().to_owned());
        }
    });
    assert_eq!(pointers.len(), found.len(), "{path}: only nodes of the document");
    pointers
}

#[test]
fn what_paths_select() {
    for (text, document, pointers) in [
        ("$", "1", &[""][..]),
        ("$.a", r#"{"a":null,"b":1}"#, &["/a"]),
        ("$.a", r#"[{"a":1}]"#, &[]),
        ("$ [0]\n .a", r#"[{"a":1}]"#, &["/0/a"]),
        // A name is never an index, nor the other way round.
        ("$[0]", r#"{"0":1}"#, &[]),
        ("$['0']", r#"{"0":1}"#, &["/0"]),
        ("$['0']", "[1]", &[]),
        ("$[0, 0]", "[7]", &["/0"]),
        ("$['a', 1]", r#"[{"a":1},2]"#, &["/1"]),
        // Wildcards: members and elements, and nothing in a scalar or an empty container.
        ("$.*", r#"{"a":1,"b":[2]}"#, &["/a", "/b"]),
        ("$[*]", "[1,[2]]", &["/0", "/1"]),
        ("$.*", r#""text""#, &[]),
        ("$.*", "{}", &[]),
        // Descendants: the node's own children too, through objects and arrays, but never the root.
        ("$..*", r#"{"a":[1,{"b":2}]}"#, &["/a", "/a/0", "/a/1", "/a/1/b"]),
        ("$..a", r#"{"a":{"a":1},"b":[{"a":2}]}"#, &["/a", "/a/a", "/b/0/a"]),
        ("$..[0]", "[[1],[2]]", &["/0", "/0/0", "/1/0"]),
        ("$..a..b", r#"{"a":{"b":1,"a":{"b":2}},"b":3}"#, &["/a/b", "/a/a/b"]),
        ("$..['a','b'].c", r#"{"a":{"c":1},"x":[{"b":{"c":2}}]}"#, &["/a/c", "/x/0/b/c"]),
        ("$..a[*].b", r#"{"a":[{"b":1},{"a":[{"b":2}]}]}"#, &["/a/0/b", "/a/1/a/0/b"]),
        // From the end, and slices, which select nothing rather than fail.
        ("$[-1]", "[1,2,3]", &["/2"]),
        ("$[-4]", "[1,2,3]", &[]),
        ("$[9007199254740991]", "[1]", &[]),
        ("$[1:3]", "[1,2,3,4]", &["/1", "/2"]),
        ("$[-2:]", "[1,2,3,4]", &["/2", "/3"]),
        ("$[5:1:-2]", "[0,1,2,3,4,5,6]", &["/3", "/5"]),
        ("$[::-1]", "[1,2]", &["/0", "/1"]),
        ("$[::0]", "[1,2]", &[]),
        ("$[:]", r#"{"a":1}"#, &[]),
        // Filters: on elements and on members; nothing is not null.
        ("$[?@.a]", r#"[{"a":null},{"a":false},{"b":1},1]"#, &["/0", "/1"]),
        ("$[?@ > 1]", r#"{"a":1,"b":2}"#, &["/b"]),
        ("$[?@.a == null]", r#"[{"a":null},{}]"#, &["/0"]),
        ("$[?@.a == @.b]", r#"[{"a":null},{},{"b":1}]"#, &["/1"]),
        ("$[?@.a != 1]", r#"[{},{"a":1},{"a":"1"}]"#, &["/0", "/2"]),
        ("$[?!@.a]", r#"[{"a":null},{}]"#, &["/1"]),
        ("$[?@ < 'b']", r#"["a","b",0,null]"#, &["/0"]),
        ("$[?@ <= null]", "[null,0,false]", &["/0"]),
        ("$[?@.id == $.own].last", r#"{"own":7,"x":{"id":7,"last":1},"y":{"id":8,"last":2}}"#, &["/x/last"]),
        ("$..[?@.price > 10]", r#"{"rows":[{"price":10},{"price":11}]}"#, &["/rows/1"]),
        // Numbers by value, not by text, and neither rounded to nothing nor refused beyond the range.
        ("$[?@ == 1]", r#"[1,1.0,1e0,"1",true]"#, &["/0", "/1", "/2"]),
        ("$[?@ == 0]", "[0,-0,0.0,1e-17]", &["/0", "/1", "/2"]),
        ("$[?@ > 1e300]", "[1e400,-1e400,1e99999999999]", &["/0", "/2"]),
        ("$[?@ > 0]", "[123456789012345678901234567890,18446744073709551615]", &["/0", "/1"]),
        ("$[?@ == $[0]]", r#"[{"a":[1]},{"a":[1.0]},{"a":[1],"b":2}]"#, &["/0", "/1"]),
        // Functions: lengths in characters, and expressions of RFC 9485.
        ("$[?length(@) == 1]", r#"["😀","é","ab",[1],{"a":1},1,null]"#, &["/0", "/1", "/3", "/4"]),
        ("$[?count(@.*) == 2]", "[[1,2],[1],1]", &["/0"]),
        ("$[?value(@..a) == 1]", r#"[{"a":1},{"a":1,"b":{"a":1}}]"#, &["/0"]),
        ("$[?match(@, 'a.b')]", r#"["axb","axbc","a\nb","a\rb"]"#, &["/0"]),
        ("$[?search(@, 'a.b')]", r#"["axb","axbc","a\nb"]"#, &["/0", "/1"]),
        ("$[?match(@, 'a|b')]", r#"["a","b","ab"]"#, &["/0", "/1"]),
        ("$[?match(@, '\\\\p{Lu}')]", r#"["É","é"]"#, &["/0"]),
        ("$[?match(@, '[')]", r#"["[",""]"#, &[]),
        // Names in quotes, unescaped.
        (r#"$["a\"b"]['a\'b']"#, r#"{"a\"b":{"a'b":1}}"#, &["/a\"b/a'b"]),
        (r"$['\u0061\/\\\n']", r#"{"a/\\\n":1}"#, &["/a~1\\\n"]),
        (r"$['\uD83D\uDE00']", r#"{"😀":1}"#, &["/😀"]),
        (r"$['\ud83d\ude00', '\u00E9']", r#"{"😀":1,"é":2}"#, &["/😀", "/é"]),
        ("$['']", r#"{"":1}"#, &["/"]),
        ("$.☺.ünï_9", r#"{"☺":{"ünï_9":1}}"#, &["/☺/ünï_9"]),
    ] {
        let document =
            parse(document.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{document}: {error}"));
        assert_eq!(selected(&path(text), &document), pointers, "{text} in {document}");
    }
}

#[test]
fn texts_that_are_no_paths() {
    const SEGMENT: &str = "`.`, `[` or the end";
    const SELECTOR: &str = "a name in quotes, an index, a slice, `*` or a filter `?…`";
    const INTEGER: &str = "an integer without leading zeros, between -(2^53-1) and 2^53-1";
    const ESCAPE: &str = "an escape of a JSON string, or `\\` before the quote that the name is in";
    const DIGITS: &str = "four hexadecimal digits after `\\u`";
    const PAIR: &str = "both halves of a surrogate pair, the high one first";
    for (text, character, expected) in [
        ("", 1, "`$`, the whole document"),
        ("a", 1, "`$`, the whole document"),
        ("@.a", 1, "`$`, the whole document"),
        ("/rows", 1, "`$`, the whole document"),
        (" $", 1, "`$`, the whole document"),
        ("$ ", 2, "the end: no white space follows a path"),
        ("$.a\n", 4, "the end: no white space follows a path"),
        ("$a", 2, SEGMENT),
        ("$.a b", 5, SEGMENT),
        ("$.é b", 5, SEGMENT),
        ("$.a-b", 4, "`.`, `[` or the end; such a name is written `['…']`"),
        ("$.length()", 9, SEGMENT),
        ("$.", 3, "a name or `*` after `.`"),
        ("$. a", 3, "a name or `*` after `.`"),
        ("$.0", 3, "a name or `*` after `.`; an index is written `[0]`"),
        ("$.['a']", 3, "a name without quotes or `*` after `.`; in brackets, without the `.`"),
        ("$..", 4, "a name, `*` or `[` after `..`"),
        ("$...a", 4, "a name, `*` or `[` after `..`"),
        ("$.. a", 4, "a name, `*` or `[` after `..`"),
        ("$[]", 3, SELECTOR),
        ("$[,0]", 3, SELECTOR),
        ("$[0,]", 5, SELECTOR),
        ("$[a]", 3, SELECTOR),
        ("$[", 3, SELECTOR),
        ("$[0", 4, "`,` or `]`"),
        ("$[0 1]", 5, "`,` or `]`"),
        ("$[1.0]", 4, "`,` or `]`"),
        ("$[1:2:3:4]", 8, "`,` or `]`"),
        ("$[01]", 3, INTEGER),
        ("$[-0]", 3, INTEGER),
        ("$[-]", 3, INTEGER),
        ("$[0:-01]", 5, INTEGER),
        ("$[9007199254740992]", 3, INTEGER),
        ("$[-9007199254740992]", 3, INTEGER),
        ("$[::9007199254740992]", 5, INTEGER),
        ("$[99999999999999999999999]", 3, INTEGER),
        ("$['a", 5, "a closing quote"),
        ("$['a\tb']", 5, "an escape: a name in quotes has no control character"),
        (r"$['\x']", 4, ESCAPE),
        (r#"$['\"']"#, 4, ESCAPE),
        (r#"$["\'"]"#, 4, ESCAPE),
        (r"$['\", 4, ESCAPE),
        (r"$['\u00g0']", 4, DIGITS),
        (r"$['\u+123']", 4, DIGITS),
        (r"$['\u00']", 4, DIGITS),
        (r"$['é\uD83D']", 5, PAIR),
        (r"$['\uDE00']", 4, PAIR),
        (r"$['\uD83D\u0041']", 4, PAIR),
        (r"$['\uDE00\uD83D']", 4, PAIR),
        ("$[?((((((((((@))))))))))]", 13, "at most ten brackets and parentheses in each other"),
        // Inside filters, only the place is ours to pass on.
        ("$.é[?@.a = 1]", 10, FILTER),
        (r"$['\u", 4, DIGITS),
        (r#"$[?@ == "\uD8"#, 10, DIGITS),
        (r"$[?@ == '\uD83D\u", 16, DIGITS),
        ("$[?1]", 4, FILTER),
        ("$[?@.a &&]", 10, FILTER),
        ("$[?@..a == 1]", 9, FILTER),
        ("$[?length(@.*) > 1]", 4, FILTER),
        ("$[?nope(@.a)]", 4, FILTER),
        ("$[?@.a == [1]]", 8, FILTER),
        (r#"$[?@.a == "\uD800"]"#, 8, FILTER),
    ] {
        let error = JsonPath::parse(text).expect_err(text);
        assert_eq!((error.character, error.expected), (character, expected), "{text:?}");
        assert!(text.is_char_boundary(error.offset), "{text:?}");
    }
    for text in ["$[9007199254740991]", "$[-9007199254740991]", "$[0:9007199254740991:-9007199254740991]"] {
        assert_eq!(path(text).as_str(), text);
    }
}

#[test]
fn nesting_stops_before_it_is_slow_and_quotes_do_not_nest() {
    let nested = |depth: usize| format!("$[?{}@.a{}", "@[?".repeat(depth - 1), "]".repeat(depth));
    assert!(JsonPath::parse(&nested(JsonPath::MAX_NESTING)).is_ok());
    assert!(JsonPath::parse(&nested(JsonPath::MAX_NESTING + 1)).is_err());
    assert!(JsonPath::parse(&nested(100_000)).is_err());
    assert!(JsonPath::parse(&format!("$['{}\\'(']", "[(".repeat(50))).is_ok());
    assert!(JsonPath::parse(&format!("${}", "[0]".repeat(50))).is_ok());
}

#[test]
fn equal_by_what_they_select() {
    for (left, right, equal) in [
        ("$.a", "$['a']", true),
        ("$.a", r#"$ ["\u0061"]"#, true),
        ("$.*", "$[ * ]", true),
        ("$..a", "$..['a']", true),
        ("$.a", "$..a", false),
        ("$[0]", "$['0']", false),
        ("$[?@.a]", "$[?@.a]", true),
        ("$[?@.a]", "$[?@.b]", false),
        ("$[?@.a]", "$[ ?(@.a)]", false),
        ("$[0:1]", "$[0]", false),
    ] {
        assert_eq!(path(left) == path(right), equal, "{left} and {right}");
    }
}

#[test]
fn local_paths_and_others() {
    for (text, local) in [
        ("$", true),
        ("$.a['b'][0][*]..c", true),
        ("$['a', 0, *]", true),
        ("$['?', ':', '-1']", true),
        ("$[-1]", false),
        ("$[0, -1]", false),
        ("$[1:]", false),
        ("$..[?@.a == 'x,]']", false),
        ("$[?(@['a)']), 'b']", false),
    ] {
        let path = path(text);
        assert_eq!(path.is_local(), local, "{text}");
        assert_eq!(path.selects([]).is_some(), local, "{text}");
        assert_eq!(path.start().is_some(), local, "{text}");
    }
    // What has too many segments for the set of reached ones is evaluated, and right.
    let depth = 70;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let document = parse(deep.as_bytes(), MAX_DEPTH).unwrap();
    for (segments, local) in [(63, true), (64, false), (depth, false)] {
        let path = path(&format!("${}", ".a".repeat(segments)));
        assert_eq!((path.is_local(), path.find(&document).len()), (local, 1), "{segments}");
    }
}

#[test]
fn the_deepest_documents_do_not_overflow_the_stack() {
    let text = format!("{}1{}", r#"[{"a":"#.repeat(MAX_DEPTH / 2), "}]".repeat(MAX_DEPTH / 2));
    let document = parse(text.as_bytes(), MAX_DEPTH).unwrap();
    for (text, found) in [("$..a", MAX_DEPTH / 2), ("$..[?@.a]", MAX_DEPTH / 2)] {
        assert_eq!(path(text).find(&document).len(), found, "{text}");
    }
}

#[test]
fn where_a_pointer_leads() {
    let document = parse(br#"{"rows":[{"a/b":1}],"0":[2]}"#, MAX_DEPTH).unwrap();
    for (pointer, steps) in [
        ("", Some(vec![])),
        ("/rows/0/a~1b", Some(vec![Step::Name("rows"), Step::Index(0), Step::Name("a/b")])),
        ("/0/0", Some(vec![Step::Name("0"), Step::Index(0)])),
        ("/rows/1", None),
        ("/rows/-", None),
        ("/rows/00", None),
        ("/rows/0/a~1b/x", None),
    ] {
        assert_eq!(location(&Pointer::parse(pointer).unwrap(), &document), steps, "{pointer}");
    }
}

fn documents() -> impl Strategy<Value = Value> {
    let names = || prop::sample::select(vec!["a", "b", "0", "1", "é'", ""]).prop_map(str::to_owned);
    let scalar = prop_oneof![Just(Value::Null), (0_u64..3).prop_map(|n| Value::Number(n.into()))];
    scalar.prop_recursive(5, 60, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Paths of names, indexes, wildcards and descendants, in all their spellings.
fn simple_paths() -> impl Strategy<Value = String> {
    let selector = || {
        prop::sample::select(vec![
            "'a'",
            "\"b\"",
            "'0'",
            "'1'",
            "''",
            r"'\u00e9\''",
            "\"é'\"",
            "0",
            "1",
            "2",
            "*",
        ])
    };
    let segment = prop_oneof![
        prop::sample::select(vec![".a", ".b", ".*", "..a", "..b", "..*", " .a", "\n[*]"])
            .prop_map(str::to_owned),
        (prop::sample::select(vec!["", ".."]), prop::collection::vec(selector(), 1..4), any::<bool>())
            .prop_map(|(dots, selectors, spaced)| {
                format!("{dots}[{}]", selectors.join(if spaced { " , " } else { "," }))
            }),
    ];
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("${}", segments.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    #[test]
    fn a_location_decides_as_the_library_does(text in simple_paths(), document in documents()) {
        let path = path(&text);
        prop_assert!(path.is_local());
        let theirs: HashSet<_> = evaluate::find(&path.query, &document).into_iter().map(ptr::from_ref).collect();
        let ours: HashSet<_> = path.find(&document).into_iter().map(ptr::from_ref).collect();
        prop_assert_eq!(&ours, &theirs, "{} in {}", path, document);
        let mut wrong = None;
        nodes(&document, &mut Vec::new(), &mut |at, value| {
            if path.selects(at.iter().copied()) != Some(theirs.contains(&ptr::from_ref(value))) {
                wrong = Some(format!("{at:?}"));
            }
        });
        prop_assert_eq!(wrong, None, "{} in {}", path, document);
    }

    #[test]
    fn outside_of_filters_our_grammar_is_the_librarys(text in "\\$([ .*,:'\"\\[\\]\\-019ab_é\\\\nuD8E/\t]|\\.\\.|\\[|\\]|\\['|']|\\\\u00[eE]9|\\\\u[dD]83d|\\\\u[dD][eE]00){0,9}") {
        let theirs = syntax::for_library(&text).ok().and_then(|text| serde_json_path::JsonPath::parse(&text).ok());
        let ours = syntax::segments(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{:?}: {:?} and {:?}", text, ours, theirs);
    }

    #[test]
    fn any_text_is_a_path_or_an_error_with_a_place(text in "\\PC{0,20}|\\$[\\[\\]().?@*'\"\\\\=<!&|a0-9:, -]{0,20}") {
        if let Err(error) = JsonPath::parse(&text) {
            prop_assert!(text.is_char_boundary(error.offset));
            prop_assert!(error.character <= text.chars().count() + 1);
        }
    }
}
