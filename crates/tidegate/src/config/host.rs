//! Which hosts a route is for.

use std::cmp::Ordering;
use std::fmt;

use super::url::is_host;
use super::value::ValueError;

/// A host name, a name with `*` for its first label, or any host at all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostPattern(Hosts);

/// The order of the variants is their precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Hosts {
    /// This one, in lower case.
    One(String),
    /// Those that end like this, with a dot in front, and have exactly one label before it.
    Below(String),
    /// Every one.
    #[default]
    Any,
}

impl HostPattern {
    /// Checks a pattern; an empty text is for every host.
    ///
    /// # Errors
    /// [`ValueError::HostPattern`] for anything but a name or an address without a port, or `*.` before a name.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let lower = text.to_ascii_lowercase();
        Ok(Self(match lower.strip_prefix('*') {
            _ if lower.is_empty() => Hosts::Any,
            Some(rest) if rest.len() > 1 && rest.starts_with('.') && is_host(&rest[1..]) => {
                Hosts::Below(rest.to_owned())
            }
            None if is_host(&lower) && !lower.ends_with('.') => Hosts::One(lower),
            _ => return Err(ValueError::HostPattern),
        }))
    }

    /// Whether a request to `host`, with a port or without one, is meant; `None` stands for a request that names none.
    pub fn matches(&self, host: Option<&str>) -> bool {
        let name = host.map(|host| without_port(host).trim_end_matches('.').to_ascii_lowercase());
        match (&self.0, name) {
            (Hosts::Any, _) => true,
            (Hosts::One(wanted), Some(name)) => *wanted == name,
            (Hosts::Below(end), Some(name)) => {
                name.strip_suffix(end.as_str()).is_some_and(|first| !first.is_empty() && !first.contains('.'))
            }
            (_, None) => false,
        }
    }

    /// Whether it is for every host.
    pub fn is_any(&self) -> bool {
        self.0 == Hosts::Any
    }

    /// Which pattern is asked first: a name, then names below another, then any. `Equal` only where both are the same.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// A host as `Host` and the authority of a URI have it, without its port (RFC 9110 §7.2).
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Hosts::One(name) => f.pad(name),
            Hosts::Below(end) => f.pad(&format!("*{end}")),
            Hosts::Any => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_by_name() {
        for (pattern, host, expected) in [
            ("", None, true),
            ("", Some("x"), true),
            ("API.example.com", Some("api.Example.com:8443"), true),
            ("api.example.com", Some("api.example.com."), true),
            ("api.example.com", Some("api.example.com:"), true),
            ("api.example.com", Some("api.example.com.evil"), false),
            ("api.example.com", Some("xapi.example.com"), false),
            ("api.example.com", None, false),
            ("*.example.com", Some("a.example.com"), true),
            ("*.example.com", Some("a.b.example.com"), false),
            ("*.example.com", Some(".example.com"), false),
            ("*.example.com", Some("example.com"), false),
            ("127.0.0.1", Some("127.0.0.1:80"), true),
            ("[::1]", Some("[::1]:80"), true),
            ("[::1]", Some("[::1]"), true),
        ] {
            let pattern = HostPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(host), expected, "{pattern} {host:?}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in ["*", "*.", "a*.b", "*a.b", "a.*.b", "a:80", "http://a", "a/b", "a b", "*.*.a", "a.", "."]
        {
            assert_eq!(HostPattern::parse(text), Err(ValueError::HostPattern), "{text}");
        }
    }

    #[test]
    fn the_narrower_one_is_asked_first() {
        let parse = |text| HostPattern::parse(text).unwrap();
        let mut patterns = [parse(""), parse("*.a.b"), parse("b.a"), parse("*.b"), parse("a.b")];
        patterns.sort_by(HostPattern::precedence);
        let texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a.b", "b.a", "*.a.b", "*.b", ""]);
    }
}
