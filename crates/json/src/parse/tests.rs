//! Every accepted and every refused form, as tables.

use super::*;

fn accepted(text: &str) -> String {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}")).to_text()
}

fn refused(text: impl AsRef<[u8]>) -> (ParseErrorKind, usize) {
    let text = text.as_ref();
    match parse(text, MAX_DEPTH) {
        Ok(value) => panic!("{:?} was accepted as {value}", String::from_utf8_lossy(text)),
        Err(error) => (error.kind, error.offset),
    }
}

#[test]
fn accepts() {
    for (text, compact) in [
        ("null", "null"),
        (" \t\r\n true \n", "true"),
        ("false", "false"),
        ("\"\"", "\"\""),
        ("0", "0"),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ("[1 , 2.50,-0, 1E5]", "[1,2.50,-0,1E5]"),
        (r#"{"b":1, "a" : {"":[]}}"#, r#"{"b":1,"a":{"":[]}}"#),
        (r#""\"\\\/\b\f\n\r\tAé\ud83d\ude00""#, r#""\"\\/\b\f\n\r\tAé😀""#),
        ("\"\u{7f}\u{2028}\\u0000\\u001F\"", "\"\u{7f}\u{2028}\\u0000\\u001f\""),
        ("\u{feff}[1]", "[1]"),
        (r#"{"a":1,"A":2}"#, r#"{"a":1,"A":2}"#),
    ] {
        assert_eq!(accepted(text), compact);
    }
}

#[test]
fn refuses() {
    use ParseErrorKind::*;
    for (text, kind, offset) in [
        ("", UnexpectedEnd, 0),
        ("  ", UnexpectedEnd, 2),
        ("\u{feff}", UnexpectedEnd, 3),
        ("\u{feff}\u{feff}1", Syntax("expected a value"), 3),
        ("[1]\u{feff}", TrailingBytes, 3),
        ("1 2", TrailingBytes, 2),
        ("nul", UnexpectedEnd, 3),
        ("nulL", Syntax("expected `true`, `false` or `null`"), 3),
        ("nullx", TrailingBytes, 4),
        ("NaN", Syntax("expected a value"), 0),
        ("01", Syntax("a number must not begin with a zero"), 1),
        ("-", UnexpectedEnd, 1),
        ("1.x", Syntax("expected a digit"), 2),
        ("[1,]", Syntax("expected a value"), 3),
        ("[1 2]", Syntax("expected `,` or `]`"), 3),
        ("[1", UnexpectedEnd, 2),
        ("{\"a\"}", Syntax("expected `:` after the key"), 4),
        ("{\"a\":1,}", Syntax("expected a key in quotes"), 7),
        ("{a:1}", Syntax("expected a key in quotes"), 1),
        ("{\"a\":1;", Syntax("expected `,` or `}`"), 6),
        ("\"abc", UnexpectedEnd, 4),
        ("\"a\nb\"", Syntax("a control character must be escaped"), 2),
        (r#""\x""#, Syntax("unknown escape"), 2),
        (r#""\u12G4""#, Syntax("expected four hexadecimal digits"), 5),
        (r#""\u12"#, UnexpectedEnd, 5),
        ("'a'", Syntax("expected a value"), 0),
        ("[1] // no", TrailingBytes, 4),
        ("\u{a0}1", Syntax("expected a value"), 0),
    ] {
        assert_eq!(refused(text), (kind, offset), "{text:?}");
    }
    assert_eq!(refused(b"[\"\xff\"]"), (InvalidUtf8, 2));
    assert_eq!(refused(b"\"\xed\xa0\x80\""), (InvalidUtf8, 1));
}

#[test]
fn well_formed_but_not_patchable() {
    use ParseErrorKind::*;
    for (text, kind, offset) in [
        (r#"{"a":1,"a":2}"#, DuplicateKey("a".into()), 7),
        (r#"{"a":1,"\u0061":1}"#, DuplicateKey("a".into()), 7),
        (r#"[{"x":{"k":1,"k":1}}, 1]"#, DuplicateKey("k".into()), 13),
        (r#""\ud800""#, LoneSurrogate, 1),
        (r#""\udc00\ud800""#, LoneSurrogate, 1),
        (r#""\udc00\udc01""#, LoneSurrogate, 1),
        (r#""\ud800\ud801\udc00""#, LoneSurrogate, 1),
        (r#"["a\ud800\ud83d\ude00"]"#, LoneSurrogate, 3),
        (r#""\ud83d\u0041""#, LoneSurrogate, 1),
        (r#"{"a":"\ud800","b":1,"b":2}"#, LoneSurrogate, 6),
    ] {
        let error = parse(text.as_bytes(), MAX_DEPTH).expect_err(text);
        assert!(error.is_well_formed(), "{text}");
        assert_eq!((error.kind, error.offset), (kind, offset), "{text}");
    }
}

#[test]
fn a_worse_error_wins_over_a_flaw_before_it() {
    for text in [r#"{"a":1,"a":2"#, r#"["\ud800",]"#, r#"{"a":1,"a":2} x"#, r#""\ud800\uXXXX""#] {
        let error = parse(text.as_bytes(), MAX_DEPTH).expect_err(text);
        assert!(!error.is_well_formed(), "{text}: {error}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(accepted(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    let limit = MAX_DEPTH;
    assert_eq!(refused(nested(MAX_DEPTH + 1)), (ParseErrorKind::TooDeep { limit }, MAX_DEPTH));
    assert_eq!(refused("{\"a\":".repeat(100_000)).0, ParseErrorKind::TooDeep { limit });
    assert!(parse(b"1", 0).is_ok());
    assert_eq!(parse(b"[]", 0).unwrap_err().kind, ParseErrorKind::TooDeep { limit: 0 });
    assert!(parse(b"[1,[2]]", 2).is_ok());
    assert!(parse(b"[1,{\"a\":[]}]", 2).is_err());
}

#[test]
fn places_count_lines_and_characters() {
    for (text, line, column) in
        [("[1,\n\"é😀\" x]", 2, 6), ("\u{feff}x", 1, 1), ("[\n\n", 3, 1), ("\u{feff}[\r\n ?", 2, 2)]
    {
        let error = parse(text.as_bytes(), MAX_DEPTH).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
    }
    let error = parse(b"\"\xc3\xa9\xff\"", MAX_DEPTH).unwrap_err();
    assert_eq!((error.line, error.column, error.offset), (1, 3, 3));
    assert_eq!(error.to_string(), "invalid UTF-8 at line 1, column 3");
}
