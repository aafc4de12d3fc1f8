//! How a client is made.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::Live;
use crate::machine::Settings;
use crate::transport::{Transport, transport};

/// A client for one live resource. Cheap to clone; each [`Client::live`] watches on its own.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) settings: Settings,
    pub(crate) seed: Option<u64>,
    pub(crate) transport: Transport,
}

/// Collects what a [`Client`] needs.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    headers: HeaderMap,
    settings: Settings,
    seed: Option<u64>,
}

/// Why no client could be made.
#[derive(Debug)]
pub enum BuildError {
    /// Not an absolute `http` or `https` URL.
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header field that the client sets itself.
    ReservedField(HeaderName),
    /// No root certificates to check the server's with.
    Tls(std::io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Url { url, reason } => write!(f, "{url:?} cannot be watched: {reason}"),
            BuildError::ReservedField(name) => write!(f, "the field {name} is set by the client itself"),
            BuildError::Tls(error) => write!(f, "the system's root certificates cannot be used: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Tls(error) => Some(error),
            BuildError::Url { .. } | BuildError::ReservedField(_) => None,
        }
    }
}

/// What decides between the stream and polling, what makes a request conditional, and what belongs to the connection.
fn is_reserved(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 9] = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::IF_MODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::RANGE,
        header::TRANSFER_ENCODING,
    ];
    NAMES.contains(name) || name == "last-event-id"
}

fn parse_url(text: &str) -> Result<Uri, BuildError> {
    let error = |reason: &str| BuildError::Url { url: text.to_owned(), reason: reason.to_owned() };
    let url: Uri = text.parse().map_err(|invalid: http::uri::InvalidUri| error(&invalid.to_string()))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(error("it does not begin with http:// or https://"));
    }
    match url.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(error("credentials in a URL end up in logs; send an Authorization header instead"))
        }
        Some(authority) if !authority.host().is_empty() => Ok(url),
        _ => Err(error("it names no host")),
    }
}

impl Client {
    /// Begins a client for the resource at `url`, which is absolute.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        let settings = Settings {
            answer_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(45),
            poll_interval: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            max_bytes: tidegate_wire::sse::DEFAULT_MAX_EVENT_BYTES,
            polling: true,
        };
        ClientBuilder { url: url.into(), headers: HeaderMap::new(), settings, seed: None }
    }

    /// Begins to watch. Nothing is sent before the first [`Live::next`].
    pub fn live(&self) -> Live {
        // Only jitter and the epoch of polled resources depend on it: the standard library's hash keys, which are
        // random, are random enough.
        let seed = self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Live::new(self.clone(), seed)
    }
}

impl ClientBuilder {
    /// Sends this field with every request; a name may be given several times.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> ClientBuilder {
        self.headers.append(name, value);
        self
    }

    /// The time between two polls, from start to start, where the URL offers no stream. 1 s unless set.
    pub fn poll_interval(mut self, interval: Duration) -> ClientBuilder {
        self.settings.poll_interval = interval;
        self
    }

    /// Ends with an error where the URL offers no stream, instead of polling it.
    pub fn stream_only(mut self) -> ClientBuilder {
        self.settings.polling = false;
        self
    }

    /// How long a connection may be silent before it is taken for dead. 45 s unless set: three heartbeats.
    pub fn idle_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.settings.idle_timeout = timeout;
        self
    }

    /// How long the server may take to begin its answer. 30 s unless set.
    pub fn answer_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.settings.answer_timeout = timeout;
        self
    }

    /// The most that the wait between attempts grows to, on top of what the server asks for. 30 s unless set.
    pub fn max_backoff(mut self, cap: Duration) -> ClientBuilder {
        self.settings.max_backoff = cap;
        self
    }

    /// The largest representation that is taken, in bytes. 32 MiB unless set.
    pub fn max_bytes(mut self, limit: usize) -> ClientBuilder {
        self.settings.max_bytes = limit;
        self
    }

    /// Makes the jitter reproducible, for tests.
    pub fn seed(mut self, seed: u64) -> ClientBuilder {
        self.seed = Some(seed);
        self
    }

    /// Checks what was given.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let url = parse_url(&self.url)?;
        if let Some(name) = self.headers.keys().find(|name| is_reserved(name)) {
            return Err(BuildError::ReservedField(name.clone()));
        }
        let agent = HeaderValue::from_static(concat!("tidegate-client/", env!("CARGO_PKG_VERSION")));
        self.headers.entry(header::USER_AGENT).or_insert(agent);
        let transport = transport(&url).map_err(BuildError::Tls)?;
        Ok(Client { url, headers: self.headers, settings: self.settings, seed: self.seed, transport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_fields_are_checked() {
        let check = |builder: ClientBuilder, expected: &str| match builder.build() {
            Ok(client) => assert_eq!(client.url.to_string(), expected),
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        };
        check(Client::builder("http://[::1]:8080/quotes?a=1#part"), "http://[::1]:8080/quotes?a=1");
        check(Client::builder("http://localhost"), "http://localhost/");
        check(Client::builder("localhost:8080/quotes"), "cannot be watched");
        check(Client::builder("/quotes"), "does not begin with http://");
        check(Client::builder("ws://localhost/"), "does not begin with http://");
        check(Client::builder("http://user:secret@localhost/"), "send an Authorization header");
        check(Client::builder("http://:80/"), "cannot be watched");
        let with = |name| Client::builder("http://a/").header(name, HeaderValue::from_static("x"));
        check(with(header::AUTHORIZATION), "http://a/");
        check(with(header::ACCEPT), "accept is set by the client itself");
        check(with(HeaderName::from_static("last-event-id")), "last-event-id is set by the client itself");
    }
}
