//! Patterns of paths, and which of them wins.
//!
//! Owns the syntax of a route's `path`, matching, precedence and reachability. Matching works on the path as the
//! client sent it: nothing is decoded, so `/a%2Fb` is one segment and `/caf%C3%A9` does not match a pattern that
//! spells the same bytes otherwise. A segment may be empty (RFC 3986 §3.3): `/quotes/` has two, and `*` matches the
//! second.
//!
//! Invariants:
//! - Precedence is a total order: of two patterns that differ in more than the names of their parameters, exactly
//!   one comes first, whatever their order in the file.
//! - [`PathPattern::reachable`] is exact: it says no only if the patterns before it match every path it matches.

use std::cmp::Ordering;
use std::fmt;

use super::value::{PatternError, ValueError};

/// A pattern of paths: `/quotes`, `/quotes/*`, `/quotes/{symbol}/trades`, `/quotes/**`.
#[derive(Clone)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a pattern. The order of the variants is their precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// Exactly this text.
    Literal(String),
    /// Any one segment; the name that may stand in the file documents it and has no effect.
    Any,
    /// All segments from here on, also none; always the last.
    Rest,
}

/// A template of addresses, such as `/quotes/{symbol}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The text, with each name in braces.
    pub text: String,
    /// The names, each once.
    pub names: Vec<String>,
    /// Whether the last name stands for any number of segments.
    pub rest: bool,
}

/// What the segments that `**` stands for are called.
const REST: &str = "rest";

impl Template {
    /// The same with one segment more before the last name.
    #[must_use]
    pub fn deeper(&self) -> Template {
        let mut deeper = self.clone();
        let Some(last) = deeper.names.pop() else { return deeper };
        deeper.text.truncate(deeper.text.len() - last.len() - 2);
        deeper.push_name(format!("segment{}", deeper.names.len() + 1));
        deeper.text.push('/');
        deeper.push_name(last);
        deeper
    }

    /// Goes on with a name, or with one like it where it is taken.
    fn push_name(&mut self, mut name: String) {
        while self.names.contains(&name) {
            name.push('_');
        }
        self.text.push_str(&format!("{{{name}}}"));
        self.names.push(name);
    }
}

impl PathPattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`ValueError::Pattern`], saying which rule is broken.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        parse_segments(text)
            .map(|segments| Self { text: text.to_owned(), segments })
            .map_err(ValueError::Pattern)
    }

    /// The pattern that matches every path.
    pub fn everything() -> Self {
        Self { text: String::from("/**"), segments: vec![Segment::Rest] }
    }

    /// Checks a path without wildcards and without a slash at its end; an empty text is the root.
    ///
    /// # Errors
    /// [`ValueError::Pattern`], saying which rule is broken.
    pub fn parse_literal(text: &str) -> Result<String, ValueError> {
        let pattern = if text.is_empty() { return Ok(String::new()) } else { Self::parse(text)? };
        let is_literal = |segment: &Segment| matches!(segment, Segment::Literal(text) if !text.is_empty());
        match pattern.segments.iter().all(is_literal) {
            true => Ok(pattern.text),
            false => Err(ValueError::Pattern(PatternError::NotLiteral)),
        }
    }

    /// Whether every path that it matches is the path `base`, or below it.
    pub fn is_below(&self, base: &str) -> bool {
        let mut segments = self.segments.iter();
        base.split('/')
            .skip(1)
            .all(|wanted| matches!(segments.next(), Some(Segment::Literal(text)) if text == wanted))
    }

    /// The pattern as the template of an address: a name in braces for each part that is a client's to choose. The name
    /// of the last is [`REST`] where it stands for any number of segments.
    pub fn template(&self) -> Template {
        let mut template = Template { text: String::new(), names: Vec::new(), rest: false };
        for (piece, segment) in self.text.split('/').skip(1).zip(&self.segments) {
            template.text.push('/');
            if let Segment::Literal(text) = segment {
                template.text.push_str(text);
                continue;
            }
            let name = match (segment, piece.trim_matches(['{', '}'])) {
                (Segment::Rest, _) => REST.to_owned(),
                (_, "*") => format!("segment{}", template.names.len() + 1),
                (_, name) => name.to_owned(),
            };
            template.rest = *segment == Segment::Rest;
            template.push_name(name);
        }
        template
    }

    /// Whether the pattern matches a request's path (without its query), as it was sent.
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut given = path.split('/');
        for segment in &self.segments {
            let text = match segment {
                Segment::Rest => return true,
                _ => given.next(),
            };
            match (segment, text) {
                (_, None) => return false,
                (Segment::Literal(wanted), Some(text)) if wanted != text => return false,
                _ => {}
            }
        }
        given.next().is_none()
    }

    /// Which pattern is asked first: the more specific one, compared segment by segment from the left, a literal
    /// before `*` before `**`. `Equal` if they differ at most in
    /// the names of parameters.
    pub fn precedence(&self, other: &Self) -> Ordering {
        // The slices' order is lexicographic, and a shorter pattern comes before its continuations. Where one ends
        // and the other goes on with `**`, both match the path that ends there, and the exact one has to win: it does.
        self.segments.cmp(&other.segments)
    }

    /// Whether some path matches this pattern and none of `earlier`.
    pub fn reachable<'a>(&self, earlier: impl IntoIterator<Item = &'a Self>) -> bool {
        reachable(&self.segments, earlier.into_iter().map(|pattern| pattern.segments.as_slice()).collect())
    }

    /// Whether some path matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.segments.as_slice(), other.segments.as_slice());
        loop {
            match (a, b) {
                ([Segment::Rest], _) | (_, [Segment::Rest]) | ([], []) => return true,
                ([], _) | (_, []) => return false,
                ([Segment::Literal(x), ..], [Segment::Literal(y), ..]) if x != y => return false,
                ([_, rest_of_a @ ..], [_, rest_of_b @ ..]) => (a, b) = (rest_of_a, rest_of_b),
            }
        }
    }
}

/// Whether a path exists that `pattern` matches and none of `others` does, all seen from the same segment on.
///
/// A segment that is named in no pattern is the hardest one to match for `others`, so it stands for every segment
/// that a wildcard can match; a literal only stands for itself.
fn reachable(mut pattern: &[Segment], mut others: Vec<&[Segment]>) -> bool {
    // A path has at least one segment (that of `/` is empty), so none ends before the first.
    let mut may_end = false;
    loop {
        if others.iter().any(|other| *other == [Segment::Rest]) {
            return false;
        }
        let ends_here_unmatched = || may_end && !others.iter().any(|other| other.is_empty());
        let literal = match pattern {
            [] => return ends_here_unmatched(),
            [Segment::Rest] if ends_here_unmatched() => return true,
            [Segment::Literal(text), ..] => Some(text),
            _ => None,
        };
        // Step over one segment. The patterns get shorter, so this ends, also where `**` stays in front.
        others.retain_mut(|other| match other {
            [Segment::Literal(text), rest @ ..] if Some(text) == literal => {
                *other = rest;
                true
            }
            [Segment::Any, rest @ ..] => {
                *other = rest;
                true
            }
            _ => false,
        });
        if pattern != [Segment::Rest] {
            pattern = &pattern[1..];
        }
        may_end = true;
    }
}

fn parse_segments(text: &str) -> Result<Vec<Segment>, PatternError> {
    let path = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
    if path.contains(['?', '#']) {
        return Err(PatternError::NotPath);
    }
    let pieces: Vec<&str> = path.split('/').collect();
    let last = pieces.len() - 1;
    let mut names = Vec::new();
    let mut segments = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.into_iter().enumerate() {
        segments.push(match piece {
            "**" if index == last => Segment::Rest,
            "**" => return Err(PatternError::RestNotLast),
            "*" => Segment::Any,
            "" if index != last => return Err(PatternError::EmptySegment),
            "." | ".." => return Err(PatternError::DotSegment),
            _ => match piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')) {
                Some(name) if !name.contains(['{', '}']) => {
                    check_name(name)?;
                    if names.contains(&name) {
                        return Err(PatternError::ParameterTwice);
                    }
                    names.push(name);
                    Segment::Any
                }
                _ => literal(piece)?,
            },
        });
    }
    Ok(segments)
}

fn check_name(name: &str) -> Result<(), PatternError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if starts_well && goes_on_well { Ok(()) } else { Err(PatternError::ParameterName) }
}

/// A literal segment: the characters that RFC 3986 §3.3 allows in one, without `*`, which would look like a wildcard.
fn literal(piece: &str) -> Result<Segment, PatternError> {
    if piece.contains(['*', '{', '}']) {
        return Err(PatternError::MixedSegment);
    }
    let mut bytes = piece.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
                hex() && hex()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&byte),
        };
        if !allowed {
            return Err(PatternError::Character);
        }
    }
    Ok(Segment::Literal(piece.to_owned()))
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Equal if they differ at most in the names of parameters.
impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for PathPattern {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn syntax() {
        let check = |text: &str, expected: PatternError| {
            assert_eq!(PathPattern::parse(text).err(), Some(ValueError::Pattern(expected)), "{text}");
        };
        check("", PatternError::NoSlash);
        check("quotes", PatternError::NoSlash);
        check("**", PatternError::NoSlash);
        check("/**/a", PatternError::RestNotLast);
        check("/a*", PatternError::MixedSegment);
        check("/***", PatternError::MixedSegment);
        check("/{x}.json", PatternError::MixedSegment);
        check("/{x}{y}", PatternError::MixedSegment);
        check("/{", PatternError::MixedSegment);
        check("/{}", PatternError::ParameterName);
        check("/{1a}", PatternError::ParameterName);
        check("/{x}/{x}", PatternError::ParameterTwice);
        check("/a//b", PatternError::EmptySegment);
        check("/a/../b", PatternError::DotSegment);
        check("/a?b", PatternError::NotPath);
        check("/a#b", PatternError::NotPath);
        check("/a b", PatternError::Character);
        check("/é", PatternError::Character);
        check("/%4", PatternError::Character);
        check("/%zz", PatternError::Character);
    }

    #[test]
    fn matching() {
        let check = |text: &str, path: &str, expected: bool| {
            assert_eq!(pattern(text).matches(path), expected, "{text} on {path}");
        };
        check("/", "/", true);
        check("/", "/a", false);
        check("/**", "/", true);
        check("/**", "/a//b/", true);
        check("/quotes", "/quotes", true);
        check("/quotes", "/quotes/", false);
        check("/quotes", "/Quotes", false);
        check("/quotes/", "/quotes/", true);
        check("/quotes/*", "/quotes", false);
        check("/quotes/*", "/quotes/A", true);
        check("/quotes/*", "/quotes/", true);
        check("/quotes/*", "/quotes/A/trades", false);
        check("/quotes/{symbol}/trades", "/quotes/A/trades", true);
        check("/quotes/**", "/quotes", true);
        check("/quotes/**", "/quotes/A/trades", true);
        check("/quotes/**", "/quotesx", false);
        check("/a%2Fb", "/a%2Fb", true);
        check("/a%2Fb", "/a/b", false);
        check("/*", "/a%2Fb", true);
        check("/**", "*", false);
        check("/**", "", false);
    }

    #[test]
    fn the_most_specific_pattern_comes_first() {
        let sorted = [
            "/",
            "/quotes",
            "/quotes/SPY",
            "/quotes/SPY/**",
            "/quotes/{symbol}",
            "/quotes/*/trades",
            "/quotes/*/*",
            "/quotes/*/**",
            "/quotes/**",
            "/*/trades",
            "/**",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(pattern(a).precedence(&pattern(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(pattern("/{a}/x").precedence(&pattern("/*/x")), Ordering::Equal);
    }

    #[test]
    fn templates() {
        let check = |text: &str, expected: &str, rest: bool| {
            let template = pattern(text).template();
            assert_eq!((template.text.as_str(), template.rest), (expected, rest), "{text}");
            for name in &template.names {
                assert_eq!(template.text.matches(&format!("{{{name}}}")).count(), 1, "{text}");
            }
        };
        check("/", "/", false);
        check("/quotes/", "/quotes/", false);
        check("/**", "/{rest}", true);
        check("/quotes/{symbol}/*/trades", "/quotes/{symbol}/{segment2}/trades", false);
        check("/{rest}/**", "/{rest}/{rest_}", true);
        assert_eq!(pattern("/a/*/**").template().deeper().text, "/a/{segment1}/{segment2}/{rest}");
        check("/*/{segment1}", "/{segment1}/{segment1_}", false);
    }

    #[test]
    fn reachability() {
        let check = |text: &str, earlier: &[&str], expected: bool| {
            let earlier: Vec<_> = earlier.iter().map(|text| pattern(text)).collect();
            assert_eq!(pattern(text).reachable(&earlier), expected, "{text} after {earlier:?}");
        };
        check("/a/**", &[], true);
        check("/a/**", &["/a/*", "/a/*/**"], true);
        check("/a/**", &["/a", "/a/*/**"], false);
        check("/a/**", &["/a", "/a/*", "/a/*/*/**"], false);
        check("/a/**", &["/a", "/a/*", "/a/*/b/**"], true);
        check("/a/**", &["/a/*/**"], true);
        check("/**", &["/*/**"], false);
        check("/**", &["/", "/*/*/**"], true);
        check("/*", &["/a", "/b"], true);
        check("/*/**", &["/*", "/*/*/**"], false);
        check("/*/x/**", &["/*/x", "/a/x/**", "/*/x/*/**"], false);
    }

    fn any_pattern() -> impl Strategy<Value = PathPattern> {
        let segment = prop_oneof![Just("a"), Just("b"), Just("*")];
        (prop::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(mut segments, rest)| {
            if rest {
                segments.push("**");
            }
            pattern(&format!("/{}", segments.join("/")))
        })
    }

    /// Every path of up to five segments over the literals above and one that no pattern names.
    fn all_paths() -> Vec<String> {
        let mut paths = vec![String::new()];
        let mut all = Vec::new();
        for _ in 0..5 {
            let longer =
                paths.iter().flat_map(|path| ["a", "b", "c", ""].map(|text| format!("{path}/{text}")));
            paths = longer.collect();
            all.extend(paths.iter().cloned());
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn reachability_and_overlap_agree_with_trying_every_path(
            subject in any_pattern(), others in prop::collection::vec(any_pattern(), 0..6)
        ) {
            let paths = all_paths();
            let reached = paths.iter().any(|p| subject.matches(p) && !others.iter().any(|o| o.matches(p)));
            prop_assert_eq!(subject.reachable(&others), reached);
            for other in &others {
                let shared = paths.iter().any(|p| subject.matches(p) && other.matches(p));
                prop_assert_eq!(subject.overlaps(other), shared);
                let same = paths.iter().all(|p| subject.matches(p) == other.matches(p));
                // `/**` and `/*/**` match the same paths, yet one of them comes first and hides the other.
                prop_assert_eq!(&subject == other, subject.precedence(other) == Ordering::Equal);
                prop_assert!(&subject != other || same);
            }
        }
    }
}
