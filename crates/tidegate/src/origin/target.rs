//! A URL that somebody other than the operator chose: a client of the open mode, or an origin that redirects.
//!
//! Owns how such a URL is read. It is read strictly, because three programs have to read it alike: the allowlist, the
//! gateway's own connection, and the server at the other end. What they could read differently is refused: users and
//! passwords, backslashes, hosts that are numbers in disguise, paths that climb. What is left has one spelling of scheme,
//! host and port; path and query stay as they were sent, byte for byte.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::fields;

/// The longest name that the domain name system holds, and the longest of its labels (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// An `http` or `https` URL in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    scheme: Scheme,
    host: String,
    port: u16,
    authority: Authority,
    path_and_query: PathAndQuery,
}

/// Why a text is no such URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It holds a user or a password.
    Userinfo,
    /// The host is neither a name nor an address in its usual spelling.
    Host,
    /// The port is not 1..65535.
    Port,
    /// The path climbs, or could be read as one that does.
    Climbs,
    /// The path or the query holds what no URL may.
    Path,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetError::Scheme => "it does not begin with `http://` or `https://`",
            TargetError::Userinfo => "it holds a user or a password",
            TargetError::Host => {
                "its host is neither a name (`xn--…` where it is not ASCII) nor an address in its usual spelling"
            }
            TargetError::Port => "its port is not a number from 1 to 65535",
            TargetError::Climbs => "its path has a `.` or `..` segment, plain or percent-encoded",
            TargetError::Path => "its path or query has a character that no URL holds",
        })
    }
}

impl Target {
    /// Reads an absolute URL.
    pub(crate) fn parse(text: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
        Target::of(scheme, rest)
    }

    /// Reads what stands behind `/~/` in a request's target. Proxies and clients that tidy up paths make one slash of
    /// two, so one is enough here: no URL with a host is spelt so otherwise.
    pub(crate) fn parse_embedded(text: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = text.split_once(":/").ok_or(TargetError::Scheme)?;
        Target::of(scheme, rest.strip_prefix('/').unwrap_or(rest))
    }

    /// `rest`: what comes behind the scheme and its slashes.
    fn of(scheme: &str, rest: &str) -> Result<Target, TargetError> {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(TargetError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(TargetError::Userinfo);
        }
        let (host, port) = split_port(authority)?;
        let host = host_name(host).ok_or(TargetError::Host)?;
        let usual = usual_port(&scheme);
        let port = port.unwrap_or(usual);
        let authority = if port == usual { host.clone() } else { format!("{host}:{port}") };
        // It was made of letters, digits, dots, hyphens, underscores, or is an address.
        let authority = authority.parse().map_err(|_| TargetError::Host)?;
        let path_and_query = path_and_query(path)?;
        Ok(Target { scheme, host, port, authority, path_and_query })
    }

    /// Whether it is `https`.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The host in lower case, without a dot at its end; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The host, if it is an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        address(&self.host)
    }

    /// The port, also where it is the scheme's usual one and not written.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The path as sent; at least `/`.
    pub(crate) fn path(&self) -> &str {
        self.path_and_query.path()
    }

    /// Path and query as sent.
    pub(crate) fn path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }

    /// Where clients of the gateway see this host: the beginning of the path of every URL of it.
    pub(crate) fn outside(&self) -> String {
        format!("/~/{}://{}", self.scheme, self.authority)
    }

    /// Scheme, host and port as text, without those that go without saying.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The URL of its origin.
    pub(super) fn base(&self) -> Uri {
        self.at(PathAndQuery::from_static("/"))
    }

    /// The URL.
    pub(super) fn uri(&self) -> Uri {
        self.at(self.path_and_query.clone())
    }

    fn at(&self, path_and_query: PathAndQuery) -> Uri {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).expect("nothing is missing")
    }
}

/// The absolute form of a reference that an answer from `base` holds (RFC 3986 §5.2.2), without its fragment. What is not
/// ASCII is percent-encoded, as browsers do it.
pub(super) fn resolve(base: &Uri, reference: &HeaderValue) -> Option<String> {
    let mut text = String::with_capacity(reference.len());
    for byte in reference.as_bytes().trim_ascii() {
        match byte {
            byte if byte.is_ascii_graphic() => text.push(char::from(*byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let (hierarchy, scheme) = match split_scheme(text) {
        Some((scheme, rest)) => (rest, scheme),
        None => (text, scheme),
    };
    let (authority, relative) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None if split_scheme(text).is_some() => return None,
        None => (authority.as_str(), hierarchy),
    };
    let (path, query) = match relative.find('?') {
        Some(start) => relative.split_at(start),
        None => (relative, ""),
    };
    let is_absolute = hierarchy.starts_with("//");
    let (path, query) = match path {
        "" if is_absolute => ("/".to_owned(), query.to_owned()),
        "" if query.is_empty() => {
            (base.path().to_owned(), base.query().map_or(String::new(), |q| format!("?{q}")))
        }
        "" => (base.path().to_owned(), query.to_owned()),
        path if path.starts_with('/') => (path.to_owned(), query.to_owned()),
        path => {
            let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
            (format!("{folder}{path}"), query.to_owned())
        }
    };
    let path = if fields::has_dot_segments(&path) { fields::without_dot_segments(&path) } else { path };
    Some(format!("{scheme}://{authority}{path}{query}"))
}

/// A reference's scheme, if it has one (RFC 3986 §3.1), and what follows its colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_at(text.find([':', '/', '?'])?);
    let rest = rest.strip_prefix(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// The address that a host is, if it is one.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn usual_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), TargetError> {
    let after = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[after..].find(':') else { return Ok((authority, None)) };
    let (host, port) = (&authority[..after + colon], &authority[after + colon + 1..]);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number > 0 => Ok((host, Some(number))),
        _ => Err(TargetError::Port),
    }
}

/// A host in its one spelling.
fn host_name(host: &str) -> Option<String> {
    if host.starts_with('[') {
        return address(host).map(|address| format!("[{address}]"));
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if host.len() > MAX_NAME || !host.split('.').all(is_label) {
        return None;
    }
    // System resolvers take `2130706433`, `0x7f.1` and `0177.0.0.1` for addresses, and browsers do, too (URL Standard,
    // "ends in a number"). Of these only the usual spelling is a host here.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (!is_number || host.parse::<Ipv4Addr>().is_ok()).then_some(host)
}

fn path_and_query(text: &str) -> Result<PathAndQuery, TargetError> {
    // A fragment stays with whoever wrote it (RFC 9110 §7.1).
    let text = text.split('#').next().unwrap_or_default();
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    // More than RFC 3986 §3.3 allows, because it is sent; but browsers and some servers take `\` for `/`.
    let is_sent = |byte: u8| byte.is_ascii_graphic();
    if !path.bytes().all(|byte| is_sent(byte) && byte != b'\\')
        || !query.unwrap_or_default().bytes().all(is_sent)
    {
        return Err(TargetError::Path);
    }
    if climbs(path) {
        return Err(TargetError::Climbs);
    }
    let slash = if path.is_empty() { "/" } else { "" };
    format!("{slash}{text}").parse().map_err(|_| TargetError::Path)
}

/// How often a path may be encoded before it is refused: nobody who means well does so more than twice, and each pass
/// costs as much as the path is long.
const MOST_PASSES: usize = 8;

/// Whether some server could take a segment for `.` or `..`: however often it decodes, with `%2F` or `%5C` between
/// segments, and with parameters behind a `;`.
fn climbs(path: &str) -> bool {
    let mut decoded = path.to_owned();
    for pass in 0.. {
        if !decoded.contains('%') {
            break;
        }
        if pass == MOST_PASSES {
            return true;
        }
        let further = decode_once(&decoded);
        if further == decoded {
            break;
        }
        decoded = further;
    }
    let segments = decoded.split(['/', '\\']);
    let mut names = segments.map(|segment| segment.split(';').next().unwrap_or_default());
    names.any(|name| matches!(name, "." | ".."))
}

/// Decodes what matters to [`climbs`]: `%`, `.`, `/`, `\` and `;`.
fn decode_once(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let decoded = match rest.get(at + 1..at + 3).map(str::to_ascii_lowercase).as_deref() {
            Some("25") => Some('%'),
            Some("2e") => Some('.'),
            Some("2f") => Some('/'),
            Some("5c") => Some('\\'),
            Some("3b") => Some(';'),
            _ => None,
        };
        out.push(decoded.unwrap_or('%'));
        rest = &rest[at + if decoded.is_some() { 3 } else { 1 }..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_again_and_again_is_refused_without_being_decoded_as_often() {
        let encoded = |times: usize| format!("/a/%{}2e%2e", "25".repeat(times));
        assert!(climbs(&encoded(2)), "however often some server decodes");
        assert!(!climbs(&encoded(2).replace("2e%2e", "41")));
        assert!(climbs(&format!("/a/%{}41", "25".repeat(10_000))));
    }

    /// Scheme, host and port, and path with query.
    fn parts(text: &str) -> Result<(String, String), TargetError> {
        let target = Target::parse(text)?;
        assert_eq!(target.uri().to_string(), format!("{}{}", target.origin(), target.path_and_query()));
        Ok((target.origin(), target.path_and_query().to_string()))
    }

    #[test]
    fn one_spelling_of_the_host_and_the_path_as_sent() {
        for (text, base, path) in [
            ("https://api.example.com", "https://api.example.com", "/"),
            ("https://api.example.com?q=1", "https://api.example.com", "/?q=1"),
            ("https://api.example.com/a%20b?x=%2F&y", "https://api.example.com", "/a%20b?x=%2F&y"),
            ("HTTPS://API.Example.COM./A", "https://api.example.com", "/A"),
            ("https://h:443/", "https://h", "/"),
            ("https://h:0443/", "https://h", "/"),
            ("https://h:80/", "https://h:80", "/"),
            ("http://h:80/", "http://h", "/"),
            ("http://127.0.0.1:9100/", "http://127.0.0.1:9100", "/"),
            ("http://[0:0::1]:9100/", "http://[::1]:9100", "/"),
            ("http://xn--mnchen-3ya.example/", "http://xn--mnchen-3ya.example", "/"),
            ("http://a_b.example/", "http://a_b.example", "/"),
            ("http://h//a//b/", "http://h", "//a//b/"),
            ("http://h/a#secret", "http://h", "/a"),
            ("http://h#x", "http://h", "/"),
            ("http://h/a?b#c?d", "http://h", "/a?b"),
            ("http://h/...", "http://h", "/..."),
            ("http://h/.well-known/x", "http://h", "/.well-known/x"),
            ("http://h/%09%0a%0D", "http://h", "/%09%0a%0D"),
            ("http://h/q?a={b:\\}", "http://h", "/q?a={b:\\}"),
            ("http://h/q?../..", "http://h", "/q?../.."),
            ("http://h/100%", "http://h", "/100%"),
            ("http://1.2.3.4.example/", "http://1.2.3.4.example", "/"),
        ] {
            assert_eq!(parts(text), Ok((base.to_owned(), path.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (error, texts) in [
            (
                TargetError::Scheme,
                &["", "h", "//h/", "ftp://h/", "file:///etc/passwd", "javascript:x", "ws://h/"][..],
            ),
            (
                TargetError::Userinfo,
                &[
                    "https://api.example.com@evil/",
                    "https://user:pw@h/",
                    "https://@h/",
                    "http://h\\@evil/",
                    "https://a:80@h:80/",
                ],
            ),
            (
                TargetError::Host,
                &[
                    "http:///a",
                    "http://?a",
                    "http://.",
                    "http://..",
                    "http://h../",
                    "http://.h/",
                    "http://a..b/",
                    "http://h%2eexample/",
                    "http://api.example.com\\.evil/",
                    "http://h%09/",
                    "http://h%00/",
                    "http://ex*mple/",
                    "http://münchen.example/",
                    "http://ⓔxample.com/",
                    "http://2130706433/",
                    "http://0x7f000001/",
                    "http://0x7f.1/",
                    "http://127.1/",
                    "http://0177.0.0.1/",
                    "http://0/",
                    "http://1.2.3.4.5/",
                    "http://256.1.1.1/",
                    "http://127.0.0.0x1/",
                    "http://example.0x/",
                    "http://127.0.0.1../",
                    "http://[::1]x/",
                    "http://[fe80::1%25eth0]/",
                    "http://[127.0.0.1]/",
                    "http://[]/",
                    "http://[v1.x]/",
                ],
            ),
            (
                TargetError::Port,
                &[
                    "http://h:/",
                    "http://h:0/",
                    "http://h:65536/",
                    "http://h:+80/",
                    "http://h:8a/",
                    "http://[::1/",
                    "http://::1/",
                ],
            ),
            (
                TargetError::Climbs,
                &[
                    "http://h/..",
                    "http://h/v1/../admin",
                    "http://h/v1/./x",
                    "http://h/v1/%2e%2e/admin",
                    "http://h/v1/.%2E/admin",
                    "http://h/v1/..%2fadmin",
                    "http://h/v1/..%5cadmin",
                    "http://h/v1%2f..%2fadmin",
                    "http://h/v1/%252e%252e/admin",
                    "http://h/v1/%25252e./admin",
                    "http://h/v1/..;/admin",
                    "http://h/v1/..%3Bx=1/admin",
                ],
            ),
            (
                TargetError::Path,
                &[
                    "http://h/a\\b",
                    "http://h/v1\\..\\admin",
                    "http://h/a b",
                    "http://h/\t",
                    "http://h/é",
                    "http://h/a?é",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(parts(text), Err(error), "{text}");
            }
        }
        let long = format!("http://{}.example/", "a".repeat(64));
        assert_eq!(parts(&long), Err(TargetError::Host));
        let long = format!("http://{}example/", "a.".repeat(130));
        assert_eq!(parts(&long), Err(TargetError::Host));
    }

    #[test]
    fn references_are_resolved() {
        let base = Uri::from_static("https://h:1/b/c/d?q");
        for (reference, expected) in [
            ("http://x/y", "http://x/y"),
            ("HTTP://X/y#f", "HTTP://X/y"),
            ("http://x", "http://x/"),
            ("http://x?y", "http://x/?y"),
            ("http://x/a/../../y", "http://x/y"),
            ("//x/y?z", "https://x/y?z"),
            ("/y", "https://h:1/y"),
            ("/y/../../z", "https://h:1/z"),
            ("y", "https://h:1/b/c/y"),
            ("./y/", "https://h:1/b/c/y/"),
            ("../y", "https://h:1/b/y"),
            ("../../../y", "https://h:1/y"),
            ("..", "https://h:1/b/"),
            ("?y", "https://h:1/b/c/d?y"),
            ("", "https://h:1/b/c/d?q"),
            ("#f", "https://h:1/b/c/d?q"),
            ("./a:b", "https://h:1/b/c/a:b"),
            ("/a:b", "https://h:1/a:b"),
            (" /y ", "https://h:1/y"),
            ("/a b", "https://h:1/a%20b"),
            ("/é", "https://h:1/%C3%A9"),
            ("/%2e%2e/y", "https://h:1/y"),
        ] {
            let value = HeaderValue::from_bytes(reference.as_bytes()).unwrap();
            assert_eq!(resolve(&base, &value).as_deref(), Some(expected), "{reference}");
        }
        for reference in ["mailto:a@b", "javascript:x", "http:y", "data:,x"] {
            assert_eq!(resolve(&base, &HeaderValue::from_static(reference)), None, "{reference}");
        }
    }

    #[test]
    fn merged_slashes_are_forgiven_where_a_url_stands_in_a_path() {
        let embedded = |text: &str| Target::parse_embedded(text).map(|target| target.base().to_string());
        assert_eq!(embedded("https://h/a").unwrap(), "https://h/");
        assert_eq!(embedded("https:/h/a").unwrap(), "https://h/");
        assert_eq!(embedded("https:///h/a"), Err(TargetError::Host));
        assert_eq!(embedded("https:h/a"), Err(TargetError::Scheme));
        assert_eq!(embedded("h/https://a"), Err(TargetError::Scheme));
        assert_eq!(embedded("https:/user@h/a"), Err(TargetError::Userinfo));
        assert_eq!(Target::parse("https:/h/a").unwrap_err(), TargetError::Scheme);
    }
}
