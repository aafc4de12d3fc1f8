//! What is selected, what is no selection, and where finding it ends.

use super::reading::{FILTER, SINGULAR};
use super::*;
use crate::MAX_DEPTH;

/// More than any selection of these tests has.
const MOST: usize = 1 << 20;

fn document(text: &str) -> Document {
    Document::parse(text.to_owned(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn selection(text: &str) -> Selection {
    Selection::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is selected; its index is what scanning the text would make.
fn select(text: &str, from: &Document) -> String {
    let selected = selection(text).of(from, MOST).unwrap_or_else(|error| panic!("{text}: {error}"));
    let scanned = Document::parse(selected.body().clone(), MAX_DEPTH + 1).expect("a selection is a document");
    assert_eq!(selected.tape().starts, scanned.tape().starts, "{text} of {from:?}");
    assert_eq!(selected.tape().containers, scanned.tape().containers, "{text} of {from:?}");
    assert_eq!(selected.text_len(), scanned.text_len());
    assert!(selected.nests_within(MAX_DEPTH + 1));
    String::from_utf8(selected.text().to_vec()).expect("a text is UTF-8")
}

#[test]
fn parts() {
    let board = r#"{"rows":[{"id":1,"last":1.10},{"id":2,"last":123456789012345678901234567890,"x":[null]}],
        "a/b":{"":-0,"~":"\u0041\/","0":true},"n":null}"#;
    let board = document(board);
    for (text, selected) in [
        ("/rows/0", r#"{"id":1,"last":1.10}"#),
        ("/rows/1/last", "123456789012345678901234567890"),
        ("/rows/1/x", "[null]"),
        ("/a~1b/", "-0"),
        ("/a~1b/~0", r#""\u0041\/""#),
        ("/a~1b/0", "true"),
        ("/n", "null"),
        // Nowhere (RFC 6901 §7).
        ("/rows/2", "null"),
        ("/rows/-", "null"),
        ("/rows/00", "null"),
        ("/rows/0/id/x", "null"),
        ("/", "null"),
        ("$.rows[*].last", "[1.10,123456789012345678901234567890]"),
        ("$.rows[0]", r#"[{"id":1,"last":1.10}]"#),
        ("$.rows[-1].x", "[[null]]"),
        ("$.rows[-3]", "[]"),
        ("$['a/b']['~', '']", r#"["\u0041\/",-0]"#),
        ("$.nothing", "[]"),
        ("$..id", "[1,2]"),
        ("$.rows[?@.last > 2].id", "[2]"),
        ("$.rows[?@.id == $.rows[0].id].last", "[1.10]"),
        ("$.rows[?@.x].x[0]", "[null]"),
    ] {
        assert_eq!(select(text, &board), selected, "{text}");
        assert_eq!(select(text, &document(std::str::from_utf8(&board.text()).unwrap())), selected, "{text}");
    }
}

#[test]
fn the_order_and_the_repetitions_of_the_rfc() {
    for (text, from, selected) in [
        // RFC 9535 §2.1.2 and §2.5.1.2: selectors one after another, each node as often as it is selected.
        ("$['b','a']", r#"{"a":1,"b":2}"#, "[2,1]"),
        ("$['a','a']", r#"{"a":[1]}"#, "[[1],[1]]"),
        ("$[0,0]", "[7]", "[7,7]"),
        ("$[0:2,5]", r#"["a","b","c","d","e","f","g"]"#, r#"["a","b","f"]"#),
        ("$[*,0]", "[1,2]", "[1,2,1]"),
        // §2.3.1.2 and §2.3.3.2: a name selects members only, an index elements only.
        ("$[0]", r#"{"0":1}"#, "[]"),
        ("$['0']", "[1]", "[]"),
        // §2.3.4.3.
        ("$[1:3]", r#"["a","b","c","d","e","f","g"]"#, r#"["b","c"]"#),
        ("$[5:]", r#"["a","b","c","d","e","f","g"]"#, r#"["f","g"]"#),
        ("$[1:5:2]", r#"["a","b","c","d","e","f","g"]"#, r#"["b","d"]"#),
        ("$[5:1:-2]", r#"["a","b","c","d","e","f","g"]"#, r#"["f","d"]"#),
        ("$[::-1]", r#"["a","b","c","d","e","f","g"]"#, r#"["g","f","e","d","c","b","a"]"#),
        ("$[::0]", "[1]", "[]"),
        ("$[::-1]", "[]", "[]"),
        // §2.5.2.2 and §2.5.2.3: the children of each visited node, parents before their children.
        ("$..j", r#"{"o":{"j":1,"k":2},"a":[5,3,[{"j":4},{"k":6}]]}"#, "[1,4]"),
        ("$..[0]", r#"{"o":{"j":1,"k":2},"a":[5,3,[{"j":4},{"k":6}]]}"#, r#"[5,{"j":4}]"#),
        ("$..[*]", r#"{"o":{"j":1,"k":2},"a":[5,[3]]}"#, r#"[{"j":1,"k":2},[5,[3]],1,2,5,[3],3]"#),
        ("$..o", r#"{"o":{"o":1}}"#, r#"[{"o":1},1]"#),
        ("$.o..[*, *]", r#"{"o":{"j":1,"k":2}}"#, "[1,2,1,2]"),
        ("$.a..[0, 1]", r#"{"a":[5,3,[7]]}"#, "[5,3,7]"),
        ("$..a..b", r#"{"a":{"a":{"b":1}}}"#, "[1,1]"),
        // Members stay in the document's order, also before a filter.
        ("$[?@ > 0]", r#"{"b":1,"a":2,"c":0}"#, "[1,2]"),
        ("$..[?@ > 0]", r#"[{"b":1,"a":2},3]"#, "[3,1,2]"),
        ("$[?@.a, ?@.b, 0]", r#"[{"b":1},{"a":2}]"#, r#"[{"a":2},{"b":1},{"b":1}]"#),
        ("$", "5", "[5]"),
        ("$.*", "5", "[]"),
    ] {
        assert_eq!(select(text, &document(from)), selected, "{text} of {from}");
    }
}

#[test]
fn texts_that_are_no_selections() {
    for (text, character, expected) in [
        ("rows", 1, "nothing (the whole), `/` (a JSON Pointer) or `$` (a JSONPath)"),
        ("#/rows", 1, "nothing (the whole), `/` (a JSON Pointer) or `$` (a JSONPath)"),
        (" ", 1, "nothing (the whole), `/` (a JSON Pointer) or `$` (a JSONPath)"),
        ("/é/~", 5, "`0` or `1` after `~`, which stand for `~` and `/`"),
        ("/~0/~2", 6, "`0` or `1` after `~`, which stand for `~` and `/`"),
        ("$.é[", 5, "a name in quotes, an index, a slice, `*` or a filter `?…`"),
        ("$.rows.0", 8, "a name or `*` after `.`; an index is written `[0]`"),
        ("$[?@.a =]", 8, FILTER),
        // What could cost more than it is asked of.
        ("$[?@..a]", 5, "a single `.`: inside of a filter, `..` is refused for its cost"),
        ("$[?count(@..*) > 1]", 11, "a single `.`: inside of a filter, `..` is refused for its cost"),
        ("$[?$..a]", 6, SINGULAR),
        ("$[?@.a == 1 && $.é[*].b]", 20, SINGULAR),
        ("$[?$['*'][ 1:2]]", 13, SINGULAR),
        ("$[?$ .b[ ?@]]", 10, SINGULAR),
        (
            "$[?length($.a) > 1]",
            11,
            "a query from `@` on: a function of what `$` leads to is refused for its cost",
        ),
        (
            "$[?@['a', 'b']]",
            9,
            "one selector in the brackets: inside of a filter, several are refused for their cost",
        ),
        (
            "$[?match(@, 'a')]",
            4,
            "`length`, `count` or `value`: `match` and `search` are not offered, for their cost",
        ),
        (
            "$.a[?!search(@.b, 'a')]",
            7,
            "`length`, `count` or `value`: `match` and `search` are not offered, for their cost",
        ),
    ] {
        let error = Selection::parse(text).expect_err(text);
        assert_eq!((error.character, error.expected), (character, expected), "{text}");
        assert!(text.is_char_boundary(error.offset), "{text}");
    }
    for text in [
        "$[?@['..']['*,']]",
        "$[?@.match == 'search(' && @.search]",
        "$[?$['..']['*,'] == 'match(']",
        "$[?length(@.a) > 1 && count(@.*) < 5 && (@.b == $.c || !@.d[1:2])]",
        "$[?($) , 'a', ?value(@.x)==1]",
        "$.a[1,2,'b'][?@.c[?@.d > 1]]..e",
    ] {
        assert!(Selection::parse(text).is_ok(), "{text}: {:?}", Selection::parse(text));
    }
    // The limit is in bytes, and the place is a character's.
    let long = |length: usize| format!("/{}", "é".repeat(length / 2));
    assert!(Selection::parse(&long(1023)).is_ok());
    let error = Selection::parse(&long(1026)).expect_err("too long");
    assert_eq!((error.offset, error.expected), (1023, "the end: a selection has at most 1024 bytes"));
}

#[test]
fn known_by_one_text() {
    for (text, known) in [
        ("", ""),
        ("/a~1b/0", "/a~1b/0"),
        ("$", "$"),
        ("$['a'] .b [ \"c-d\" ]", "$.a.b['c-d']"),
        (r#"$["\u0061"]["it's"]['\u0001\n\\']"#, r"$.a['it\'s']['\u0001\n\\']"),
        ("$.*..*..['a',*]..a", "$[*]..*..['a',*]..a"),
        ("$[ 1 , -2 ][ 1 : ][:2 : 1][::-1]", "$[1,-2][1:][:2][::-1]"),
        ("$['rows'][ ?@.a > 1 , 0 ]", "$.rows[?@.a > 1,0]"),
        ("$['é']['']['1a']", "$.é['']['1a']"),
    ] {
        let selection = selection(text);
        assert_eq!(selection.as_str(), known, "{text}");
        assert_eq!(selection, self::selection(known));
        assert_eq!(selection.is_whole(), text.is_empty(), "{text}");
    }
    assert_eq!(Selection::default(), selection(""));
    assert_ne!(selection("$"), selection(""));
    assert_ne!(selection("$.a"), selection("/a"));
}

#[test]
fn filters_are_given_what_they_look_at() {
    for (filter, names) in [
        ("?@.a > 1 && !@ [ 'b c' ].d", Some(&["a", "b c"][..])),
        ("?@.a[?@ > 1 && @[0]] && $.c == 1", Some(&["a"])),
        ("?@.é == '@'", Some(&["é"])),
        ("?length(@.a) > 1", Some(&["a"])),
        ("?$.a", Some(&[])),
        ("?@ > 1", None),
        ("?@.a && @", None),
        ("?@.*", None),
        ("?@[0]", None),
        ("?@[?@.a]", None),
        (r"?@['\u0061']", None),
        ("?(@['a'] == @[ \"b\" ])", Some(&["a", "b"])),
    ] {
        let reading = reading::read(filter).unwrap_or_else(|fault| panic!("{filter}: {}", fault.expected));
        let found = reading.names.map(|names| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        let names = names.map(|names| names.iter().map(|&it| it.to_owned()).collect::<Vec<_>>());
        assert_eq!(found, names, "{filter}");
        assert!(Selection::parse(&format!("$[{filter}]")).is_ok(), "{filter}");
    }
}

#[test]
fn threads_share_selections() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&selection("$[?@.a]"));
}

#[test]
fn the_whole_is_shared() {
    let board = document(" [1, 2] ");
    let whole = Selection::whole().of(&board, 0).expect("the whole has no limit");
    assert_eq!(whole.body().as_ptr(), board.body().as_ptr());
    assert_eq!(select("/1", &document("[1,2]")), "2");
}

#[test]
fn a_selection_may_be_too_large() {
    let from = document(r#"{"a":[1,22,333],"b":"x"}"#);
    for (text, length) in [("$.a[*]", 10), ("$.c", 2), ("$['b']", 5), ("$", 26), ("$[*,*]", 31)] {
        let selection = selection(text);
        let selected = selection.of(&from, length).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selected.body().len(), length, "{text}");
        if text != "$.c" {
            let most = length - 1;
            assert_eq!(selection.of(&from, most).unwrap_err(), SelectError::TooLarge { most }, "{text}");
        }
    }
    // Each level holds all that are inside of it.
    let depth = MAX_DEPTH;
    let deep = document(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
    let selected = selection("$..*").of(&deep, 1 << 20).expect("a quarter of a million bytes");
    assert!(selected.body().len() > depth * depth / 2);
    assert_eq!(selection("$..*").of(&deep, 1 << 16).unwrap_err(), SelectError::TooLarge { most: 1 << 16 });
    let whole = selection("$").of(&deep, MOST).expect("small");
    assert!(whole.nests_within(depth + 1) && !whole.nests_within(depth));
}

#[test]
fn ways_that_never_end_are_not_gone() {
    let deep = document(&format!("{}1{}", "[".repeat(100), "]".repeat(100)));
    let wide = document(&format!("[{}1]", "1,".repeat(20_000)));
    for (text, from) in [
        (format!("${}.x", "..*".repeat(300)), &deep),
        (format!("${}.x", "[*,*]".repeat(90)), &deep),
        (format!("${}.x", "[0,0,0,0,0,0]".repeat(70)), &deep),
        (format!("$..[{}?@.a]..*..*..*..x", "?@[0]>1,".repeat(50)), &deep),
        (format!("$[{}0]", "20000,".repeat(150)), &wide),
        (format!("$[{}0]", "-1,".repeat(300)), &wide),
        (format!("$[{}0]", "1:1,".repeat(240)), &wide),
        (format!("$[{}]", "?@.a == 1,".repeat(90).trim_end_matches(',')), &wide),
    ] {
        assert_eq!(selection(&text).of(from, MOST).unwrap_err(), SelectError::TooCostly, "{text}");
    }
    assert_eq!(select("$..*..x", &deep), "[]");
    assert_eq!(select("$[::-1][?@.a]", &wide), "[]");
    assert_eq!(select("$..[?@ > 1]", &deep), "[]");
}
