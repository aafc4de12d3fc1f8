//! The operations of a GraphQL document (GraphQL, October 2021, §2): which there are, not what they ask for.
//!
//! Invariant: a text has operations here only if it is made of the language's tokens, its brackets are balanced, and
//! what stands between its definitions is exactly what the grammar allows there. What is inside the outermost braces
//! cannot make a query of a mutation, so nobody looks at it.

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// An operation of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation<'a> {
    pub(super) kind: Kind,
    pub(super) name: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Punctuator(u8),
    /// `...`
    Spread,
    /// A number or a string.
    Value,
}

/// The operations of a document in order; `None` if it is none beyond doubt.
pub(super) fn operations(text: &str) -> Option<Vec<Operation<'_>>> {
    let mut tokens = Tokens { text, at: 0 };
    let mut operations = Vec::new();
    while let Some(token) = tokens.next()? {
        let kind = match token {
            Token::Punctuator(b'{') => {
                tokens.skip_to_closing(b'{')?;
                operations.push(Operation { kind: Kind::Query, name: None });
                continue;
            }
            Token::Name("fragment") => {
                let (Token::Name(name), Token::Name("on"), Token::Name(_)) =
                    (tokens.next()??, tokens.next()??, tokens.next()??)
                else {
                    return None;
                };
                let first = tokens.next()??;
                tokens.directives_and_selection(first)?;
                if name == "on" {
                    return None;
                }
                continue;
            }
            Token::Name("query") => Kind::Query,
            Token::Name("mutation") => Kind::Mutation,
            Token::Name("subscription") => Kind::Subscription,
            _ => return None,
        };
        let (mut token, mut name) = (tokens.next()??, None);
        if let Token::Name(given) = token {
            (token, name) = (tokens.next()??, Some(given));
        }
        if token == Token::Punctuator(b'(') {
            tokens.skip_to_closing(b'(')?;
            token = tokens.next()??;
        }
        tokens.directives_and_selection(token)?;
        operations.push(Operation { kind, name });
    }
    Some(operations)
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The next token; `Some(None)` at the end, `None` for what is no token.
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        self.skip_ignored()?;
        let rest = &self.text[self.at..];
        let Some(first) = rest.bytes().next() else { return Some(None) };
        let (length, token) = match first {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                (1, Token::Punctuator(first))
            }
            b'.' if rest.starts_with("...") => (3, Token::Spread),
            b'"' if rest.starts_with("\"\"\"") => (block_string(rest)?, Token::Value),
            b'"' => (string(rest)?, Token::Value),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
                let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
                (length, Token::Name(&rest[..length]))
            }
            b'-' | b'0'..=b'9' => {
                // Whatever number it is, it is none that a name or a bracket could be hidden in.
                let is_part =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
                (rest.bytes().take_while(|byte| is_part(*byte)).count(), Token::Value)
            }
            _ => return None,
        };
        self.at += length;
        Some(Some(token))
    }

    /// White space, line ends, commas, the byte order mark, and comments (§2.1).
    fn skip_ignored(&mut self) -> Option<()> {
        loop {
            let rest = &self.text[self.at..];
            let length = match rest.chars().next() {
                Some(c @ (' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}')) => c.len_utf8(),
                Some('#') => {
                    let comment = rest.split(['\n', '\r']).next()?;
                    // Some readers may take these for an end of the line.
                    let is_doubtful =
                        |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
                    if comment.contains(is_doubtful) {
                        return None;
                    }
                    comment.len()
                }
                _ => return Some(()),
            };
            self.at += length;
        }
    }

    /// Everything up to what closes this bracket, which has just been read. Values stand in parentheses only, as
    /// arguments do: the JSON of a request, to some servers a request whatever its media type, is no selection.
    fn skip_to_closing(&mut self, opened: u8) -> Option<()> {
        let mut open = vec![opened];
        let mut parentheses = usize::from(opened == b'(');
        while let Some(last) = open.last() {
            match (self.next()??, last) {
                (Token::Value | Token::Punctuator(b'['), _) if parentheses == 0 => return None,
                (Token::Punctuator(bracket @ (b'(' | b'[' | b'{')), _) => {
                    parentheses += usize::from(bracket == b'(');
                    open.push(bracket);
                }
                (Token::Punctuator(b')'), b'(') => {
                    parentheses -= 1;
                    open.pop();
                }
                (Token::Punctuator(b']'), b'[') | (Token::Punctuator(b'}'), b'{') => _ = open.pop(),
                (Token::Punctuator(b')' | b']' | b'}'), _) => return None,
                _ => {}
            }
        }
        Some(())
    }

    /// `@name`, `@name(…)`, and so on, then `{…}`; `token` is the first of them.
    fn directives_and_selection(&mut self, mut token: Token<'a>) -> Option<()> {
        while token == Token::Punctuator(b'@') {
            let Token::Name(_) = self.next()?? else { return None };
            token = self.next()??;
            if token == Token::Punctuator(b'(') {
                self.skip_to_closing(b'(')?;
                token = self.next()??;
            }
        }
        if token != Token::Punctuator(b'{') {
            return None;
        }
        self.skip_to_closing(b'{')
    }
}

/// The length of the string at the beginning of a text (§2.9.4).
fn string(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => _ = bytes.next()?,
            b'\n' | b'\r' => return None,
            _ => {}
        }
    }
    None
}

/// The length of the block string at the beginning of a text: its only escape is that of its own end.
fn block_string(text: &str) -> Option<usize> {
    let mut at = 3;
    loop {
        let end = at + text[at..].find("\"\"\"")?;
        if !text[..end].ends_with('\\') {
            return Some(end + 3);
        }
        at = end + 3;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever stands where white space may stand changes nothing, and no text is too odd to be refused.
        #[test]
        fn what_is_ignored_is_ignored(
            words in prop::collection::vec(
                prop::sample::select(&[
                    "query", "mutation", "{", "}", "(", ")", "[", "]", "a", "@", "fragment", "on", "\"x\"", "\"\"\"", "\"",
                    "1", "...", ":", "$", "é", "\\",
                ][..]),
                0..12,
            ),
            between in prop::sample::select(&[" ", "\n", ",\t", " # mutation { \"\"\"\n", "\u{feff}", "#\r"][..]),
        ) {
            let plain = words.join(" ");
            let strings = plain.contains('"');
            let odd = words.join(between);
            let found = (operations(&plain), operations(&odd));
            prop_assert!(strings || found.0 == found.1, "{plain:?} {odd:?}");
            prop_assert!(operations(&words.concat()).is_none_or(|all| all.len() <= words.len()));
        }
    }

    #[test]
    fn operations_are_found() {
        let check = |text: &str, expected: &[(Kind, Option<&str>)]| {
            let found =
                operations(text).map(|found| found.iter().map(|it| (it.kind, it.name)).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        };
        use Kind::{Mutation, Query, Subscription};
        check("", &[]);
        check("{a}", &[(Query, None)]);
        check("\u{feff}, {a(b:[{c:1}]) ...on T{d} ...F} #x", &[(Query, None)]);
        check("query{a}", &[(Query, None)]);
        check("query query{mutation}", &[(Query, Some("query"))]);
        check("mutation M($a:T={b:[1,-2.5e+3]}@d)@a@b(c:\"){\"){x}", &[(Mutation, Some("M"))]);
        check("fragment F on T@x(y:1){a}subscription S{b}", &[(Subscription, Some("S"))]);
        check("query A{a}mutation B{b}{c}", &[(Query, Some("A")), (Mutation, Some("B")), (Query, None)]);
        check("{a(b:\"\"\"} \\\"\"\" mutation{\"\"\")}", &[(Query, None)]);
        check("{a(b:\"\\\\\")}mutation{b}", &[(Query, None), (Mutation, None)]);
        check("{a(b:\"\\\"}mutation{\")}", &[(Query, None)]);
        check("{a(b:\"\")}mutation{b}", &[(Query, None), (Mutation, None)]);
        check("#{a}\rmutation{b}", &[(Mutation, None)]);
        check("{a #}\n}mutation{b}", &[(Query, None), (Mutation, None)]);
    }

    #[test]
    fn what_is_no_document_beyond_doubt_has_none() {
        for text in [
            "{",
            "}",
            "{a}}",
            "{a(b]}",
            "query",
            "query A",
            "query A B{a}",
            "query A(a:1",
            "query{a}x",
            "Query{a}",
            "extend type T{a:Int}",
            "\"doc\" query{a}",
            "fragment F{a}",
            "fragment on on T{a}",
            "fragment F on T",
            "query @{a}",
            "query @a b{a}",
            "{a(b:\"x)}",
            "{a(b:\"x\ny\")}",
            "{a(b:\"\"\"x)}",
            "{a(b:\"\"\"x\\\"\"\")}",
            "{é}",
            "{a;b}",
            "{a}\0",
            "{a..b}",
            "#\u{2028}mutation{a}\n{b}",
            "#\u{85}mutation{a}\n{b}",
            "{a}?",
            "query(a:1)(b:2){c}",
            "\u{a0}{a}",
            "`{a}`",
            "{a(b:'x')}",
            "{\"query\":\"mutation{a}\"}",
            "{a:1}",
            "{a[b]}",
            "query{a @b(c:1) \"d\"}",
        ] {
            assert_eq!(operations(text), None, "{text}");
        }
    }
}
