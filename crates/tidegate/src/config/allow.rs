//! Patterns of URLs that the open mode may ask.
//!
//! Owns their syntax and matching. A pattern has a scheme, a host, a port where it is not the scheme's usual one, and a
//! path pattern ([`PathPattern`]); `*` alone allows every URL. It is matched against a URL in its one spelling (lower
//! case, no dot at the host's end, the port always known) and against the path as it was sent, which must not climb.
//!
//! Invariant: a wildcard in a host never matches an address, and never more or fewer labels than it says.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pattern::PathPattern;
use super::value::{AllowError, ValueError};

/// A pattern of URLs: `https://api.example.com/v1/**`, `https://*.example.org/**`, `http://localhost:*/**`, `*`.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetPattern {
    text: String,
    /// `None` for every URL there is.
    parts: Option<Parts>,
}

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    secure: bool,
    host: HostPattern,
    port: PortPattern,
    path: PathPattern,
}

#[derive(Clone, PartialEq, Eq)]
enum HostPattern {
    /// This name or address.
    Exactly(String),
    /// So many labels, and then this text, which begins with a dot.
    Below { labels: usize, suffix: String },
}

#[derive(Clone, PartialEq, Eq)]
enum PortPattern {
    Exactly(u16),
    Any,
}

impl TargetPattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`ValueError::Allow`], saying which part is wrong, or [`ValueError::Pattern`] for its path.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let parts = if text == "*" { None } else { Some(parse_parts(text)?) };
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether it allows every URL.
    pub fn is_everything(&self) -> bool {
        self.parts.is_none()
    }

    /// Whether a URL over TLS can match.
    pub fn allows_tls(&self) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.secure)
    }

    /// Whether a URL matches: whether it is `https`, its host in lower case (an IPv6 address in brackets), its port, and
    /// its path as sent.
    pub fn matches(&self, secure: bool, host: &str, port: u16, path: &str) -> bool {
        self.parts.as_ref().is_none_or(|parts| {
            parts.secure == secure
                && parts.host.matches(host)
                && (parts.port == PortPattern::Any || parts.port == PortPattern::Exactly(port))
                && parts.path.matches(path)
        })
    }
}

impl HostPattern {
    fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exactly(name) => name == host,
            // A suffix has a letter in its last label, so what ends with it is a name.
            HostPattern::Below { labels, suffix } => host
                .strip_suffix(suffix.as_str())
                .is_some_and(|front| !front.is_empty() && front.split('.').count() == *labels),
        }
    }
}

fn parse_parts(text: &str) -> Result<Parts, ValueError> {
    let wrong = |error| Err(ValueError::Allow(error));
    let (scheme, rest) = text.split_once("://").ok_or(ValueError::Allow(AllowError::Scheme))?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return wrong(AllowError::Scheme),
    };
    let Some(start) = rest.find('/') else { return wrong(AllowError::NoPath) };
    let (authority, path) = rest.split_at(start);
    if authority.contains('@') {
        return wrong(AllowError::Userinfo);
    }
    let after = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after..].find(':') {
        Some(colon) => (&authority[..after + colon], Some(&authority[after + colon + 1..])),
        None => (authority, None),
    };
    let port = match port {
        None => PortPattern::Exactly(if secure { 443 } else { 80 }),
        Some("*") => PortPattern::Any,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            match digits.parse() {
                Ok(port) if port > 0 => PortPattern::Exactly(port),
                _ => return wrong(AllowError::Port),
            }
        }
        Some(_) => return wrong(AllowError::Port),
    };
    let host = parse_host(host).map_err(ValueError::Allow)?;
    Ok(Parts { secure, host, port, path: PathPattern::parse(path)? })
}

fn parse_host(text: &str) -> Result<HostPattern, AllowError> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Option<Ipv6Addr> = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
        return address.map(|address| HostPattern::Exactly(format!("[{address}]"))).ok_or(AllowError::Host);
    }
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let wild = labels.iter().take_while(|label| **label == "*").count();
    let is_label = |label: &&str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let fixed = &labels[wild..];
    if fixed.iter().any(|label| label.contains('*')) {
        return Err(AllowError::Wildcard);
    }
    let Some(last) = fixed.last() else { return Err(AllowError::Wildcard) };
    if !fixed.iter().all(is_label) {
        return Err(AllowError::Host);
    }
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    match wild {
        0 if is_number && host.parse::<Ipv4Addr>().is_err() => Err(AllowError::Host),
        0 => Ok(HostPattern::Exactly(host)),
        _ if is_number => Err(AllowError::Wildcard),
        labels => Ok(HostPattern::Below { labels, suffix: format!(".{}", fixed.join(".")) }),
    }
}

impl fmt::Display for TargetPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for TargetPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::PatternError;
    use super::*;

    #[test]
    fn syntax() {
        for (text, expected) in [
            ("", ValueError::Allow(AllowError::Scheme)),
            ("api.example.com/**", ValueError::Allow(AllowError::Scheme)),
            ("**", ValueError::Allow(AllowError::Scheme)),
            ("ftp://h/**", ValueError::Allow(AllowError::Scheme)),
            ("*://h/**", ValueError::Allow(AllowError::Scheme)),
            ("https://h", ValueError::Allow(AllowError::NoPath)),
            ("https://u@h/**", ValueError::Allow(AllowError::Userinfo)),
            ("https:///**", ValueError::Allow(AllowError::Host)),
            ("https://a..b/**", ValueError::Allow(AllowError::Host)),
            ("https://münchen.example/**", ValueError::Allow(AllowError::Host)),
            ("https://127.1/**", ValueError::Allow(AllowError::Host)),
            ("https://[::g]/**", ValueError::Allow(AllowError::Host)),
            ("https://*/**", ValueError::Allow(AllowError::Wildcard)),
            ("https://a.*.example/**", ValueError::Allow(AllowError::Wildcard)),
            ("https://a*.example/**", ValueError::Allow(AllowError::Wildcard)),
            ("https://**.example/**", ValueError::Allow(AllowError::Wildcard)),
            ("https://*.0.0.1/**", ValueError::Allow(AllowError::Wildcard)),
            ("https://h:/**", ValueError::Allow(AllowError::Port)),
            ("https://h:0/**", ValueError::Allow(AllowError::Port)),
            ("https://h:8*/**", ValueError::Allow(AllowError::Port)),
            ("https://h/a*", ValueError::Pattern(PatternError::MixedSegment)),
            ("https://h/a?b", ValueError::Pattern(PatternError::NotPath)),
        ] {
            assert_eq!(TargetPattern::parse(text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn matching() {
        let check = |pattern: &str, (secure, host, port, path): (bool, &str, u16, &str), expected: bool| {
            let found = TargetPattern::parse(pattern).unwrap().matches(secure, host, port, path);
            assert_eq!(found, expected, "{pattern} on {host}:{port}{path}");
        };
        let api = "https://API.example.com/v1/**";
        check(api, (true, "api.example.com", 443, "/v1"), true);
        check(api, (true, "api.example.com", 443, "/v1/a/b"), true);
        check(api, (true, "api.example.com", 443, "/v2"), false);
        check(api, (true, "api.example.com", 443, "/%761"), false);
        check(api, (true, "api.example.com", 8443, "/v1"), false);
        check(api, (false, "api.example.com", 443, "/v1"), false);
        check(api, (true, "api.example.com.evil", 443, "/v1"), false);
        check(api, (true, "xapi.example.com", 443, "/v1"), false);
        check(api, (true, "example.com", 443, "/v1"), false);

        let one = "https://*.example.org/**";
        check(one, (true, "a.example.org", 443, "/"), true);
        check(one, (true, "example.org", 443, "/"), false);
        check(one, (true, "a.b.example.org", 443, "/"), false);
        check(one, (true, "aexample.org", 443, "/"), false);
        check("https://*.*.example.org/**", (true, "a.b.example.org", 443, "/"), true);
        check("https://*.*.example.org/**", (true, "a.example.org", 443, "/"), false);

        check("http://localhost:*/**", (false, "localhost", 1234, "/"), true);
        check("http://localhost/**", (false, "localhost", 1234, "/"), false);
        check("http://localhost:1234/**", (false, "localhost", 1234, "/"), true);
        check("http://[0::1]:*/**", (false, "[::1]", 1, "/"), true);
        check("http://127.0.0.1/**", (false, "127.0.0.1", 80, "/"), true);
        check("*", (false, "[::1]", 1, "/x"), true);
        check("*", (true, "anything.example", 443, "/"), true);
    }
}
