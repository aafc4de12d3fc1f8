//! The two kinds of URL in a configuration: where an origin is, and which web origins CORS allows.
//!
//! Owns their syntax and normal form. An origin's URL is `http` or `https`, has a host, and may have a path that is
//! put in front of every request's path; nothing else. A web origin is compared as browsers send it (RFC 6454 §6.2):
//! lower case, without the scheme's usual port.

use std::fmt;
use std::net::Ipv6Addr;

use http::Uri;
use http::uri::{PathAndQuery, Scheme};

use super::value::{Sourced, UrlError, ValueError};

/// Where an origin is: scheme, host, optional port, optional path prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginUrl {
    uri: Uri,
}

impl OriginUrl {
    /// Checks the URL of an origin.
    ///
    /// # Errors
    /// [`ValueError::Url`], saying which part is wrong.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        // `http::Uri` drops a fragment silently, so it has to be looked for in the text.
        if text.contains('#') {
            return Err(ValueError::Url(UrlError::Fragment));
        }
        let uri: Uri = text.parse().map_err(|_| {
            // A password may hold what a URI may not; the advice to remove it is the better one then.
            let userinfo = text.contains("://") && text.contains('@');
            ValueError::Url(if userinfo { UrlError::Userinfo } else { UrlError::Syntax })
        })?;
        let refuse = |error| Err(ValueError::Url(error));
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return refuse(UrlError::Syntax);
        };
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return refuse(UrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return refuse(UrlError::Userinfo);
        }
        if !is_host(authority.host()) {
            return refuse(UrlError::Host);
        }
        let has_port = authority.as_str()[authority.host().len()..].starts_with(':');
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return refuse(UrlError::Port);
        }
        if uri.query().is_some() {
            return refuse(UrlError::Query);
        }
        if uri.path().split('/').any(|segment| segment == "." || segment == "..") {
            return refuse(UrlError::DotSegment);
        }
        Ok(Self { uri })
    }

    /// The URL as a whole.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The path put in front of every request's path; no slash at its end, so empty where there is none.
    pub fn prefix(&self) -> &str {
        self.uri.path().trim_end_matches('/')
    }

    /// The URI at the origin for a request's target: scheme and authority of the origin, prefix, then the target's
    /// path and query as they are.
    ///
    /// # Errors
    /// If the two together are longer than a URI may be (64 KiB).
    pub fn resolve(&self, target: &PathAndQuery) -> Result<Uri, http::Error> {
        let mut parts = self.uri.clone().into_parts();
        if self.prefix().is_empty() {
            parts.path_and_query = Some(target.clone());
        } else {
            parts.path_and_query = Some(format!("{}{target}", self.prefix()).parse()?);
        }
        Ok(Uri::from_parts(parts)?)
    }
}

impl fmt::Display for OriginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl fmt::Debug for OriginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// Whether a text could be a DNS name or an IP address: RFC 3986 §3.2.2 allows more, which nothing can look up.
pub(super) fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// A web origin as the `Origin` request header field has it: `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Checks and normalises a web origin.
    ///
    /// # Errors
    /// [`ValueError::CorsOrigin`] for anything that a browser would not send, also for `null`, which every sandboxed
    /// page sends and which therefore identifies nobody.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let uri = OriginUrl::parse(text).map_err(|_| ValueError::CorsOrigin)?.uri;
        if text.ends_with('/') || uri.path() != "/" {
            return Err(ValueError::CorsOrigin);
        }
        // Both were seen by `OriginUrl::parse`; an empty text would merely match no browser.
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().filter(|port| *port != usual);
        Ok(Self(match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }

    /// The text that browsers send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which pages of other web origins may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None: no CORS header fields are sent.
    #[default]
    None,
    /// Any, without credentials (Fetch §3.2.5: `*` is not allowed together with credentials).
    Any,
    /// Those listed, with credentials.
    List(Vec<Sourced<WebOrigin>>),
}

impl CorsOrigins {
    /// From the values of repeated command line options; `*` alone means any.
    ///
    /// # Errors
    /// [`ValueError::CorsOrigin`] if one is not a web origin, or if `*` stands beside others.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, ValueError> {
        let texts: Vec<&str> = texts.into_iter().collect();
        match texts.as_slice() {
            [] => Ok(Self::None),
            ["*"] => Ok(Self::Any),
            texts => {
                let parsed = texts.iter().map(|text| WebOrigin::parse(text).map(Sourced::plain));
                parsed.collect::<Result<_, _>>().map(Self::List)
            }
        }
    }

    /// Whether a page of this web origin (the value of its `Origin` field) may read answers.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::List(list) => list.iter().any(|allowed| allowed.as_str() == origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_urls() {
        let check = |text: &str, expected: Result<&str, UrlError>| {
            let got = OriginUrl::parse(text);
            let got = got.as_ref().map(OriginUrl::prefix).map_err(|error| *error);
            assert_eq!(got, expected.map_err(ValueError::Url), "{text}");
        };
        check("http://127.0.0.1:9100", Ok(""));
        check("http://127.0.0.1:9100/", Ok(""));
        check("https://api.example.com/v1/", Ok("/v1"));
        check("http://[::1]:9100/a/b", Ok("/a/b"));
        check("HTTP://host", Ok(""));
        check("", Err(UrlError::Syntax));
        check("127.0.0.1:9100", Err(UrlError::Syntax));
        check("/v1", Err(UrlError::Syntax));
        check("http://a b", Err(UrlError::Syntax));
        check("ws://host", Err(UrlError::Scheme));
        check("http://user:pw@host", Err(UrlError::Userinfo));
        check("http://user:p w@host", Err(UrlError::Userinfo));
        check("http://user@host", Err(UrlError::Userinfo));
        check("http://host?q=1", Err(UrlError::Query));
        check("http://host/a?", Err(UrlError::Query));
        check("http://host#f", Err(UrlError::Fragment));
        check("http://*.host", Err(UrlError::Host));
        check("http://${host}", Err(UrlError::Syntax));
        check("http://[::g]", Err(UrlError::Host));
        check("http://:80", Err(UrlError::Host));
        check("http://host:0", Err(UrlError::Port));
        check("http://host:99999", Err(UrlError::Port));
        check("http://host:", Err(UrlError::Port));
        check("http://host/a/../b", Err(UrlError::DotSegment));
    }

    #[test]
    fn targets_are_put_behind_the_prefix() {
        let check = |url: &str, target: &str, expected: &str| {
            let url = OriginUrl::parse(url).unwrap();
            assert_eq!(url.resolve(&target.parse().unwrap()).unwrap().to_string(), expected);
        };
        check("http://h:1", "/quotes?x=%20", "http://h:1/quotes?x=%20");
        check("http://h:1/", "/", "http://h:1/");
        check("https://h/v1/", "/quotes", "https://h/v1/quotes");
        check("https://h/v1", "//a", "https://h/v1//a");
    }

    #[test]
    fn web_origins() {
        let check = |text: &str, expected: Option<&str>| {
            let got = WebOrigin::parse(text);
            assert_eq!(got.as_ref().ok().map(WebOrigin::as_str), expected, "{text}");
        };
        check("https://app.example.com", Some("https://app.example.com"));
        check("https://APP.example.com:443", Some("https://app.example.com"));
        check("http://localhost:5173", Some("http://localhost:5173"));
        check("http://localhost:443", Some("http://localhost:443"));
        for bad in
            ["null", "*", "app.example.com", "https://a.example/", "https://a.example/x", "https://*.example"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn who_may_read() {
        let parse = |texts: &[&str]| CorsOrigins::parse_all(texts.iter().copied());
        assert!(!parse(&[]).unwrap().allows("https://a.example"));
        assert!(parse(&["*"]).unwrap().allows("https://a.example"));
        let list = parse(&["https://a.example", "http://b.example:8000"]).unwrap();
        assert!(list.allows("https://a.example"));
        assert!(!list.allows("http://a.example"));
        assert!(!list.allows("https://a.example.evil.example"));
        assert!(!list.allows("null"));
        assert_eq!(parse(&["*", "https://a.example"]), Err(ValueError::CorsOrigin));
    }
}
