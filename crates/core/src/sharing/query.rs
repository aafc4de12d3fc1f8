//! Query parameters that do not choose the content.
//!
//! Queries have no standard syntax of their own (RFC 3986 §3.4); what is taken apart here is what HTML forms send and
//! most servers read: pairs between `&`, percent-encoded. Whatever servers may read differently is kept: a parameter
//! that is left out although it mattered would give one caller the answer to another question.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The query parameters of a route that do not choose the content, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IgnoredQuery {
    names: Vec<String>,
    prefixes: Vec<String>,
}

impl IgnoredQuery {
    /// From names as they are when decoded; one that ends in `*` stands for all that begin with the rest of it.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> IgnoredQuery {
        let mut ignored = IgnoredQuery::default();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(prefix) => ignored.prefixes.push(prefix.to_owned()),
                None => ignored.names.push(pattern.to_owned()),
            }
        }
        ignored
    }

    /// The target (path and query) without the ignored parameters. Everything else of it stays byte for byte and in
    /// order: which of two equal names counts is the origin's to say. Where no parameter is left, there is no `?`
    /// either.
    pub fn strip<'a>(&self, target: &'a str) -> Cow<'a, str> {
        let Some((path, query)) = target.split_once('?') else { return Cow::Borrowed(target) };
        let ignores_any = !(self.names.is_empty() && self.prefixes.is_empty());
        if !ignores_any || !query.split('&').any(|parameter| self.ignores(parameter)) {
            return Cow::Borrowed(target);
        }
        let kept: Vec<&str> = query.split('&').filter(|parameter| !self.ignores(parameter)).collect();
        match kept.is_empty() {
            true => Cow::Borrowed(path),
            false => Cow::Owned(format!("{path}?{}", kept.join("&"))),
        }
    }

    fn ignores(&self, parameter: &str) -> bool {
        // Some servers take `;` for a separator: then there is more in it than one parameter.
        if parameter.contains(';') {
            return false;
        }
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        // A name that is not UTF-8 is none that anybody could have written down here.
        let Ok(name) = percent_decode_str(name).decode_utf8() else { return false };
        self.names.iter().any(|ignored| *ignored == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_parameters_are_taken_out_and_the_rest_is_untouched() {
        let ignored = IgnoredQuery::new(["_", "utm_*", "q[x]", "größe"]);
        for (target, expected) in [
            ("/q", "/q"),
            ("/q?", "/q?"),
            ("/q?_=1", "/q"),
            ("/q?_", "/q"),
            ("/q?_=", "/q"),
            ("/q?%5f=1", "/q"),
            ("/q?_=1&", "/q?"),
            ("/q?&_=1", "/q?"),
            ("/q?&_=1&&a", "/q?&&a"),
            ("/q?a=1&_=5&a=2&_=6&b=%31+", "/q?a=1&a=2&b=%31+"),
            ("/q?a=2&a=1", "/q?a=2&a=1"),
            ("/q?utm_source=x&utm_=y&UTM_a=z&utm=1", "/q?UTM_a=z&utm=1"),
            ("/q?%75tm%5Fsource=x&b", "/q?b"),
            ("/q?q[x]=1&q%5Bx%5D=2&q[]=3", "/q?q[]=3"),
            ("/q?gr%C3%B6%C3%9Fe=1&a", "/q?a"),
            // Servers differ: kept.
            ("/q?_=1;user=2", "/q?_=1;user=2"),
            ("/q?a=1;_=2", "/q?a=1;_=2"),
            ("/q?_%00=1&%ff=2&%=3&_+=4&__=5&_[]=6&=7", "/q?_%00=1&%ff=2&%=3&_+=4&__=5&_[]=6&=7"),
            // Only the first `?` begins a query.
            ("/q?a?_=1&_=2?b=3", "/q?a?_=1"),
            ("/_=1&_=2", "/_=1&_=2"),
        ] {
            assert_eq!(ignored.strip(target), expected, "{target}");
        }
        assert_eq!(IgnoredQuery::new(["*"]).strip("/q?a=1&&b;c"), "/q?b;c");
        assert_eq!(IgnoredQuery::default().strip("/q?a=1&_=2"), "/q?a=1&_=2");
    }
}
