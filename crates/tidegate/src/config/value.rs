//! Why a single value was refused, and the value that remembers where it came from.
//!
//! Invariant: no [`ValueError`] repeats any part of the refused text. The text may have come from the environment,
//! and what came from the environment is never printed; the caller shows the text as it was written instead.
//! [`Sourced`] keeps the same promise for values that were accepted.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use tidegate_core::json::ParsePathError;

use crate::identity::KeyError;

/// Why a text is not a value of the wanted kind. Says the rule and an example, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// Not a duration.
    Duration,
    /// Not a size in bytes.
    Size,
    /// Neither a size nor `auto`.
    SizeOrAuto,
    /// Not a count.
    Count,
    /// Neither a count nor `auto`.
    CountOrAuto,
    /// Neither a duration nor `auto`.
    TimeOrAuto,
    /// Neither `true` nor `false`.
    Flag,
    /// Not an IP address with a port.
    Address,
    /// None of the words that are accepted.
    OneOf(&'static [&'static str]),
    /// Not a host with a port.
    Place,
    /// Not the path of a file.
    File,
    /// Not the name of an origin.
    Name,
    /// Not the URL of an origin.
    Url(UrlError),
    /// Not a host, nor `*.` before one.
    HostPattern,
    /// Not a pattern of paths.
    Pattern(PatternError),
    /// Not a web origin that CORS could allow.
    CorsOrigin,
    /// Not a header field name.
    HeaderName,
    /// Not what a header field can hold.
    HeaderValue,
    /// A header field that may never be ignored, or set.
    Header(HeaderError),
    /// Not the name of a query parameter.
    QueryName,
    /// Not the name of a cookie.
    CookieName,
    /// Not a method that could be declared safe.
    SafeMethod,
    /// Not a status of a success with content.
    Status,
    /// Not a media type, nor a pattern of some.
    MediaType,
    /// Not a JSON Pointer.
    Pointer(PointerError),
    /// Not a JSONPath. Where and why, unless the text came from the environment: that would tell its length.
    Path(Option<ParsePathError>),
    /// A path to ignore that selects the whole document.
    IgnoresAll,
    /// A path that identifies rows and depends on more of a document than a location.
    NotLocal,
    /// Not a number by which numbers may differ.
    Tolerance,
    /// Not a pattern of URLs.
    Allow(AllowError),
    /// Not a network of addresses.
    Network,
    /// A header field that is never forwarded to whatever host a client names.
    NotForwarded,
    /// Not a key that tokens could be verified with.
    Key(KeyError),
    /// Not the name of a claim.
    ClaimName,
    /// A header field that clients send for themselves.
    ClaimHeader,
}

/// Why a text is not a pattern of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowError {
    /// It begins with neither `http://` nor `https://`.
    Scheme,
    /// It holds a user name or a password.
    Userinfo,
    /// The host is neither a name nor an address.
    Host,
    /// A `*` that is not a whole label, or not at the left of a name.
    Wildcard,
    /// The port is neither 1..65535 nor `*`.
    Port,
    /// It has no path.
    NoPath,
}

/// Why a text is not an origin's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It is no absolute URL.
    Syntax,
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// It holds a user name or a password.
    Userinfo,
    /// It holds a query.
    Query,
    /// It holds a fragment.
    Fragment,
    /// It has no host, or one that is neither a name nor an address.
    Host,
    /// The port is not 1..65535.
    Port,
    /// The path has a `.` or `..` segment.
    DotSegment,
}

/// Why a text is not a pattern of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It does not begin with `/`.
    NoSlash,
    /// `**` stands before the end.
    RestNotLast,
    /// `*`, `{` or `}` inside a segment that holds more.
    MixedSegment,
    /// The name between the braces is no identifier.
    ParameterName,
    /// Two parameters have the same name.
    ParameterTwice,
    /// An empty segment before the end (`//`).
    EmptySegment,
    /// A `.` or `..` segment, which clients remove before they send a request.
    DotSegment,
    /// A `?` or `#`: patterns are of paths only.
    NotPath,
    /// A wildcard, where one path is meant.
    NotLiteral,
    /// A character that a request's path can only hold percent-encoded, or a broken percent-encoding.
    Character,
}

/// Why a text is not a JSON Pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerError {
    /// It does not begin with `/`.
    NoSlash,
    /// A `~` that begins neither `~0` nor `~1`.
    Escape,
}

/// Why a header field may not be left out of the sharing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// It carries, or may carry, credentials.
    Credentials,
    /// It belongs to one connection and is never forwarded (RFC 9110 §7.6.1).
    HopByHop,
    /// It frames or routes the request itself.
    Framing,
    /// It is made for each request.
    Made,
}

impl ValueError {
    /// What is wrong, to be read after the text as it was written.
    pub fn reason(self) -> Cow<'static, str> {
        if let Self::Path(Some(error)) = self {
            return Cow::Owned(format!("is {error}"));
        }
        if let Self::OneOf(words) = self {
            return Cow::Owned(format!("is none of {}", words.join(", ")));
        }
        Cow::Borrowed(match self {
            Self::Duration => "is not a duration",
            Self::Size => "is not a size",
            Self::SizeOrAuto => "is neither a size nor auto",
            Self::Count => "is not a whole number",
            Self::CountOrAuto => "is neither a whole number nor auto",
            Self::TimeOrAuto => "is neither a duration nor auto",
            Self::Flag => "is neither true nor false",
            Self::Address => "is not an IP address with a port",
            Self::OneOf(_) => "is none of the words that are accepted",
            Self::Place => "is not a host or an address with a port",
            Self::File => "is not the path of a file",
            Self::Name => "is not a name: 1 to 64 letters, digits, `-`, `_` or `.`",
            Self::CorsOrigin => "is not a web origin",
            Self::HeaderName => "is not a header field name",
            Self::HeaderValue => "is not what a header field can hold",
            Self::QueryName => "is not the name of a query parameter as it is when decoded",
            Self::CookieName => "is not the name of a cookie",
            Self::SafeMethod => "is not a method that can be declared safe",
            Self::Url(error) => match error {
                UrlError::Syntax => "is not an absolute URL",
                UrlError::Scheme => "is not an http or https URL",
                UrlError::Userinfo => "holds a user name or a password",
                UrlError::Query => "holds a query",
                UrlError::Fragment => "holds a fragment",
                UrlError::Host => "has no host name or address that could be looked up",
                UrlError::Port => "has a port that is not between 1 and 65535",
                UrlError::DotSegment => "has a `.` or `..` segment in its path",
            },
            Self::HostPattern => "is neither a host name nor `*.` before one",
            Self::Pattern(error) => match error {
                PatternError::NotLiteral => "has a wildcard or a slash at its end",
                PatternError::NoSlash => "does not begin with `/`",
                PatternError::RestNotLast => "has `**` before its end",
                PatternError::MixedSegment => "mixes a wildcard with text in one segment",
                PatternError::ParameterName => "has a parameter whose name is not letters, digits and `_`",
                PatternError::ParameterTwice => "has two parameters of the same name",
                PatternError::EmptySegment => "has an empty segment (`//`)",
                PatternError::DotSegment => "has a `.` or `..` segment, which no request ever has",
                PatternError::NotPath => "has a `?` or `#`, but a route is chosen by the path alone",
                PatternError::Character => "has a character that no request's path can hold",
            },
            Self::Header(error) => match error {
                HeaderError::Credentials => "carries credentials, or may carry them",
                HeaderError::HopByHop => "belongs to a single connection and is never forwarded",
                HeaderError::Framing => "is part of the request itself",
                HeaderError::Made => "is made by the gateway for each request",
            },
            Self::Pointer(error) => match error {
                PointerError::NoSlash => "does not begin with `/`, as a JSON Pointer does",
                PointerError::Escape => "has a `~` that is followed by neither `0` nor `1`",
            },
            Self::Status => "is not the status of a success with content",
            Self::MediaType => "is not a media type",
            Self::Path(_) => "is not a JSONPath",
            Self::IgnoresAll => "selects the whole document, so that no change would ever be told",
            Self::NotLocal => {
                "has a filter, a slice or a negative index, or is too long, to name arrays by their place"
            }
            Self::Tolerance => "is not a finite number of at least 0",
            Self::Allow(error) => match error {
                AllowError::Scheme => "begins with neither `http://` nor `https://`",
                AllowError::Userinfo => "holds a user name or a password",
                AllowError::Host => "has no host name or address that could be looked up",
                AllowError::Wildcard => {
                    "has a `*` in its host that does not stand for a whole label at the left of a name"
                }
                AllowError::Port => "has a port that is neither between 1 and 65535 nor `*`",
                AllowError::NoPath => "has no path",
            },
            Self::Network => "is not a network of addresses",
            Self::NotForwarded => "is never forwarded to a host that a client names",
            Self::Key(error) => match error {
                KeyError::NotPem => "is not a public key in PEM form",
                KeyError::Private => "is a private key",
                KeyError::Certificate => "is a certificate",
                KeyError::Pkcs1 => "is an RSA key in another form of PEM",
                KeyError::Kind => "is a key of a kind that is not supported",
                KeyError::RsaSize => "is an RSA key of fewer than 2048 or more than 8192 bits",
                KeyError::ShortSecret => "is shorter than 32 bytes, which HS256 needs",
            },
            Self::ClaimName => "is not the name of a claim",
            Self::ClaimHeader => "is a field that clients send for themselves",
        })
    }

    /// Where in the text it goes wrong, in bytes, if that is known.
    pub fn offset(self) -> Option<usize> {
        match self {
            Self::Path(Some(error)) => Some(error.offset),
            _ => None,
        }
    }

    /// The same error without anything that tells about the text.
    pub(super) fn without_place(self) -> Self {
        match self {
            Self::Path(_) => Self::Path(None),
            other => other,
        }
    }

    /// What to write instead.
    pub fn help(self) -> &'static str {
        match self {
            Self::Duration => "write a number and a unit: \"500ms\", \"2s\", \"1.5s\", \"5m\" or \"1h\"",
            Self::Size => "write a number and a unit: \"16 MiB\", \"512 KiB\", \"1000 B\" or \"1 MB\"",
            Self::SizeOrAuto => "write \"auto\", or a number and a unit: \"2 GiB\" or \"512 MiB\"",
            Self::Count => "write digits only: 10000",
            Self::TimeOrAuto => "write \"auto\", or a number and a unit: \"500ms\", \"10s\" or \"5m\"",
            Self::CountOrAuto => "write \"auto\", or digits only: 10000",
            Self::Flag => "write true or false",
            Self::Address => {
                "write an address and a port: \"127.0.0.1:8080\" for this machine only, \"0.0.0.0:8080\" for every \
                 interface, \"[::1]:8080\" for IPv6"
            }
            Self::OneOf(_) => "write one of these words",
            Self::Place => {
                "write host and port, without scheme and path: \"10.0.0.1:8080\", \"[::1]:8080\" or \"api-2.internal:8080\""
            }
            Self::File => {
                "write its path, from the folder of the configuration file: \"tls/certificate.pem\""
            }
            Self::Name => "write a short name: \"market\"",
            Self::CorsOrigin => {
                "write scheme and host, and the port if it is not the usual one, without a path: \
                 \"https://app.example.com\" or \"http://localhost:5173\", or [\"*\"] alone for any"
            }
            Self::HeaderName => "write the name alone: \"Accept-Language\"",
            Self::HeaderValue => "write visible characters, spaces and tabs only; no line breaks",
            Self::QueryName => {
                "write the name alone, or how names begin and a `*`: \"_\", \"utm_*\"; names are compared decoded"
            }
            Self::CookieName => "write the name alone: \"session\"",
            Self::SafeMethod => {
                "write \"POST\", \"QUERY\", \"SEARCH\", \"REPORT\" or \"PROPFIND\"; GET and HEAD always are, and no others can be"
            }
            Self::Url(error) => match error {
                UrlError::Userinfo => {
                    "remove it: a URL ends up in logs; let clients send their own `Authorization`, which is forwarded"
                }
                UrlError::Query | UrlError::Fragment => {
                    "remove it: the query of each request is forwarded as it is: \"https://api.example.com/v1\""
                }
                _ => "write \"http://127.0.0.1:9100\" or \"https://api.example.com/v1\"",
            },
            Self::HostPattern => {
                "write a name without scheme and port, or with `*` for its first label: \"api.example.com\", \
                 \"*.example.com\""
            }
            Self::Pattern(error) => match error {
                PatternError::NotLiteral => "write the path alone: \"/market\", \"/apis/market\"",
                PatternError::NoSlash => "write the whole path: \"/quotes/**\"",
                PatternError::RestNotLast => {
                    "write `**` as the last segment (\"/quotes/**\"), or `*` for exactly one (\"/quotes/*/trades\")"
                }
                PatternError::MixedSegment => {
                    "a wildcard is a whole segment: \"/quotes/*\", \"/quotes/{symbol}\"; a literal `*` is written %2A"
                }
                PatternError::ParameterName => "write a name: \"/quotes/{symbol}\"",
                PatternError::ParameterTwice => "give each its own name: \"/{a}/{b}\"",
                PatternError::EmptySegment => "write one `/`; `**` matches empty segments too",
                PatternError::DotSegment => "write the path that it leads to",
                PatternError::NotPath => "write the path alone; every query of it belongs to the same route",
                PatternError::Character => {
                    "paths are compared as they are sent, so percent-encode it: \"/caf%C3%A9\", \"/a%20b\""
                }
            },
            Self::Header(error) => match error {
                HeaderError::Credentials => {
                    "remove it: two callers with different credentials never share a feed, and no setting changes that"
                }
                HeaderError::HopByHop => "remove it: it never takes part in choosing a feed",
                HeaderError::Framing => "remove it: requests that differ in it are different requests",
                HeaderError::Made => "remove it: it says how the request travels, and what of it is new",
            },
            Self::Status => "write statuses of 2xx, but not 204, 205 or 206: [200, 203]",
            Self::MediaType => {
                "write it without parameters, with one `*` in the subtype at the most: \"application/json\", \
                 \"application/*+json\", \"text/*\""
            }
            Self::Pointer(PointerError::NoSlash) => {
                "write the members on the way: \"/data\", \"/result/rows\""
            }
            Self::Pointer(PointerError::Escape) => {
                "write `~0` for a `~` and `~1` for a `/` in a member's name"
            }
            Self::Path(_) => {
                "write a path of RFC 9535: \"$.rows[*].last\", \"$..updated\", \"$['last-price'][0]\""
            }
            Self::IgnoresAll => {
                "name what changes without a meaning: \"$.generated_at\"; or write `live = false`"
            }
            Self::NotLocal => {
                "write names, indexes from 0, `*` and `..`: \"$.rows\", \"$.shops[*].rows\", \"$..rows\""
            }
            Self::Tolerance => "write by how much the number may differ without being told: 0.01",
            Self::Allow(AllowError::Wildcard) => {
                "write one `*` for each label that may be any: \"https://*.example.org/**\"; \"*\" alone allows every URL"
            }
            Self::Allow(AllowError::NoPath) => {
                "write which paths: \"https://api.example.com/**\" for all of them"
            }
            Self::Allow(_) => {
                "write scheme, host, port where it is not the usual one, and path: \"https://api.example.com/v1/**\", \
                 \"http://localhost:*/**\""
            }
            Self::Network => {
                "write an address and the length of the prefix that its network shares: \"10.1.0.0/16\", \"fd00:1::/32\"; \
                 or an address alone"
            }
            Self::Key(error) => match error {
                KeyError::Private => {
                    "name the public key: `openssl pkey -in private.pem -pubout` writes it; the private one is the issuer's"
                }
                KeyError::Certificate => {
                    "name the key in it: `openssl x509 -in certificate.pem -pubkey -noout` writes it"
                }
                KeyError::Pkcs1 => {
                    "write it as `BEGIN PUBLIC KEY`: `openssl rsa -RSAPublicKey_in -in key.pem -pubout` does"
                }
                KeyError::Kind => "use a key of RSA, P-256, P-384 or Ed25519",
                KeyError::RsaSize => "have the issuer sign with an RSA key of 2048 bits or more",
                KeyError::ShortSecret => "write a longer one: `openssl rand -base64 48` makes one",
                KeyError::NotPem => {
                    "name a file that begins with `-----BEGIN PUBLIC KEY-----`: \"${file:login.pem}\""
                }
            },
            Self::ClaimName => "write the name alone: \"sub\", \"tenant\", \"https://example.com/tenant\"",
            Self::ClaimHeader => "choose a name that only the gateway uses: \"X-Tenant\"",
            Self::NotForwarded => {
                "remove it: cookies belong to the gateway's own site, and the others are made by the gateway"
            }
        }
    }
}

/// A checked value, with the text to show in its place if it came from the environment.
///
/// `Debug` and `Display` never reveal what an environment variable held: they print the text of the configuration
/// file (`${NAME}`) in its place. Read the value itself by dereferencing.
#[derive(Clone)]
pub struct Sourced<T> {
    value: T,
    /// The text as written, if part of it came from the environment.
    shown: Option<Box<str>>,
}

impl<T> Sourced<T> {
    /// A value that may be printed.
    pub fn plain(value: T) -> Self {
        Self { value, shown: None }
    }

    /// A value that is printed as `shown` wherever it is printed.
    pub fn hidden(value: T, shown: impl Into<Box<str>>) -> Self {
        Self { value, shown: Some(shown.into()) }
    }

    /// Whether part of the value came from the environment.
    pub fn is_hidden(&self) -> bool {
        self.shown.is_some()
    }

    /// The same provenance for another form of the same value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: f(self.value), shown: self.shown }
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Sourced<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Sourced<T> {}

impl<T: fmt::Debug> fmt::Debug for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(shown) => f.write_str(shown),
            None => self.value.fmt(f),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(shown) => f.pad(shown),
            None => self.value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_is_usable_and_never_printed() {
        let hidden = Sourced::hidden(String::from("hunter2"), "${PASSWORD}");
        assert_eq!(hidden.len(), 7);
        assert!(hidden.is_hidden());
        for printed in
            [format!("{hidden}"), format!("{hidden:?}"), format!("{hidden:#?}"), format!("{hidden:>20}")]
        {
            assert_eq!(printed.trim(), "${PASSWORD}");
        }
        assert_eq!(format!("{:?}", hidden.map(|text| text.len())), "${PASSWORD}");
        assert_eq!(format!("{:?}", Sourced::plain("a")), "\"a\"");
    }
}
