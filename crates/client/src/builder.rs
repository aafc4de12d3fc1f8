//! How a client is made.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use tidegate_core::Mode;
use tidegate_core::json::Selection;

use crate::fields::{BoxError, FieldSource};
use crate::machine::Settings;
use crate::transport::{HttpClient, http_client};
use crate::wishes::{self, Wishes};
use crate::{Live, Transport};

/// A client for one live resource. Cheap to clone; each [`Client::live`] watches on its own.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) fresh: Option<FieldSource>,
    pub(crate) settings: Settings,
    pub(crate) seed: Option<u64>,
    pub(crate) http: HttpClient,
}

/// Collects what a [`Client`] needs.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    headers: HeaderMap,
    fresh: Option<FieldSource>,
    settings: Settings,
    select: Option<String>,
    tls: Option<rustls::ClientConfig>,
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
    /// An option has a value that no gateway takes.
    Option {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No root certificates to check the server's with.
    Tls(std::io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Url { url, reason } => write!(f, "{url:?} cannot be watched: {reason}"),
            BuildError::ReservedField(name) => write!(f, "the field {name} is set by the client itself"),
            BuildError::Option { name, reason } => write!(f, "{name}: {reason}"),
            BuildError::Tls(error) => write!(f, "the system's root certificates cannot be used: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Tls(error) => Some(error),
            BuildError::Url { .. } | BuildError::ReservedField(_) | BuildError::Option { .. } => None,
        }
    }
}

/// What decides between the stream and polling, what makes a request conditional, and what belongs to the connection.
fn is_reserved(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 13] = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::IF_MODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::RANGE,
        header::TRANSFER_ENCODING,
        wishes::MODE,
        wishes::RATE,
        wishes::SELECT,
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

fn read_selection(text: &str) -> Result<Selection, BuildError> {
    let error = |reason| BuildError::Option { name: "select", reason };
    let selection = Selection::parse(text).map_err(|invalid| error(invalid.to_string()))?;
    // What goes into a header field (RFC 9110 §5.5).
    match HeaderValue::from_bytes(selection.as_str().as_bytes()) {
        Ok(_) if selection.as_str().len() <= Selection::MAX_LENGTH => Ok(selection),
        Ok(_) => Err(error(format!("it is longer than {} bytes", Selection::MAX_LENGTH))),
        Err(_) => Err(error("it has a character that no header field can hold".to_owned())),
    }
}

fn check_times(wishes: &Wishes) -> Result<(), BuildError> {
    let error = |name, reason: &str| Err(BuildError::Option { name, reason: reason.to_owned() });
    let (least, most) = (Duration::from_millis(10), Duration::from_secs(3600));
    if wishes.rate.is_some_and(|rate| !(least..=most).contains(&rate)) {
        return error("rate", "it has to be from 10 ms to 1 h");
    }
    if wishes.max_age.is_some_and(|age| age < Duration::from_secs(1)) {
        return error("max_age", "it has to be 1 s at least");
    }
    Ok(())
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
            fresh_fields: false,
            wishes: Wishes::default(),
        };
        ClientBuilder {
            url: url.into(),
            headers: HeaderMap::new(),
            fresh: None,
            settings,
            select: None,
            tls: None,
            seed: None,
        }
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

    /// Asks `make` for header fields before each request, for credentials that run out. They come beside those of
    /// [`header`](Self::header), and win over them.
    ///
    /// With it, a 401 is tried once more; a second one in a row ends the client. Where `make` fails, the client waits and
    /// asks it again, as after any other lost connection. Its fields are those of one client, so whatever it gives should
    /// be kept until it runs out: it is asked before every poll, too.
    ///
    /// ```
    /// use tidegate_client::{Client, http::{HeaderMap, header}};
    ///
    /// # async fn token() -> Result<String, std::io::Error> { Ok("x".to_owned()) }
    /// let client = Client::builder("https://live.example.com/orders").headers_from(|| async {
    ///     let mut fields = HeaderMap::new();
    ///     fields.insert(header::AUTHORIZATION, format!("Bearer {}", token().await?).parse()?);
    ///     Ok(fields)
    /// });
    /// ```
    pub fn headers_from<F, Made>(mut self, make: F) -> ClientBuilder
    where
        F: Fn() -> Made + Send + Sync + 'static,
        Made: Future<Output = Result<HeaderMap, BoxError>> + Send + 'static,
    {
        self.fresh = Some(FieldSource::new(make));
        self.settings.fresh_fields = true;
        self
    }

    /// Takes a part of the document: a JSON Pointer (RFC 6901: empty, or it begins with `/`) is that value, or `null`
    /// where it leads nowhere; a JSONPath (RFC 9535: it begins with `$`) is the array of what it selects. Where the URL is
    /// polled, the part is taken here.
    pub fn select(mut self, selection: impl Into<String>) -> ClientBuilder {
        self.select = Some(selection.into());
        self
    }

    /// How changes come; [`Mode::Patch`] unless set. A URL that is polled gives patches or snapshots, whatever is set, and
    /// ends after the first one with [`Mode::First`].
    pub fn mode(mut self, mode: Mode) -> ClientBuilder {
        self.settings.wishes.mode = mode;
        self
    }

    /// At most one update in this time, with the net effect; from 10 ms to 1 h.
    pub fn rate(mut self, rate: Duration) -> ClientBuilder {
        self.settings.wishes.rate = Some(rate);
        self
    }

    /// How old the data may be that this client is content with, from 1 s on, in whole seconds (RFC 9111 §5.2.1.1). With
    /// nobody more demanding beside it the gateway asks the API no more often.
    pub fn max_age(mut self, age: Duration) -> ClientBuilder {
        self.settings.wishes.max_age = Some(age);
        self
    }

    /// How the stream is written; [`Transport::Sse`] unless set.
    pub fn transport(mut self, transport: Transport) -> ClientBuilder {
        self.settings.wishes.transport = transport;
        self
    }

    /// TLS as the caller wants it, such as with a private authority's root certificate or a certificate of the client's
    /// own. Its ALPN protocols are set by the client. Unless set: the system's root certificates, with `ring`.
    pub fn tls(mut self, config: rustls::ClientConfig) -> ClientBuilder {
        self.tls = Some(config);
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
        self.settings.wishes.select = self.select.as_deref().map(read_selection).transpose()?;
        check_times(&self.settings.wishes)?;
        let agent = HeaderValue::from_static(concat!("tidegate-client/", env!("CARGO_PKG_VERSION")));
        self.headers.entry(header::USER_AGENT).or_insert(agent);
        let http = http_client(&url, self.tls).map_err(BuildError::Tls)?;
        let ClientBuilder { headers, fresh, settings, seed, .. } = self;
        Ok(Client { url, headers, fresh, settings, seed, http })
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
        check(with(wishes::SELECT), "tidegate-select is set by the client itself");
        let options = || Client::builder("http://a/");
        check(options().select("$.rows[?@.price > 1]").rate(Duration::from_millis(10)), "http://a/");
        check(options().select("rows"), "select: not a selection: at character 1, expected nothing");
        check(options().select("/a\nb"), "select: it has a character that no header");
        check(options().rate(Duration::from_millis(9)), "rate: it has to be from 10 ms to 1 h");
        check(options().max_age(Duration::from_millis(999)), "max_age: it has to be 1 s at least");
    }
}
