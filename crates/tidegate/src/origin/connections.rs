//! How an origin is connected to, beyond its URL.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use super::resolve::{Allow, Place, Resolve, System};

/// How long a connection is used at most: what is new of a name takes effect within this time.
pub const MAX_AGE: Duration = Duration::from_secs(300);

/// How connections to an origin come about. The default suits most: the URL's host, by the system's resolver.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Where to connect to in place of the URL's host and port, if anywhere.
    pub addresses: Vec<Place>,
    /// Who knows the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Which addresses may be connected to; all if there is none.
    pub guard: Option<Arc<dyn Allow>>,
    /// Who may vouch for it over TLS; the machine's roots if there is none.
    pub roots: Option<Arc<Vec<CertificateDer<'static>>>>,
    /// The certificate and key to show to an origin that asks for one.
    pub identity: Option<Arc<CertifiedKey>>,
    /// Which HTTP is spoken.
    pub http2: Http2,
    /// How long a connection is used for new requests. Each lasts up to a quarter less, so that not all end together.
    pub max_age: Duration,
    /// How a connection that died in silence is found.
    pub(crate) pings: Pings,
}

/// When HTTP/2 is spoken to an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http2 {
    /// Where TLS agrees on it; HTTP/1.1 else.
    #[default]
    Auto,
    /// Never: HTTP/1.1 only.
    Never,
    /// Always, even without TLS (RFC 9113 §3.3).
    PriorKnowledge,
}

/// How often a connection by HTTP/2 is asked whether it is still there, and how long it may take to say so. It carries
/// every feed's requests, and the kernel would find out after minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pings {
    pub(crate) every: Duration,
    pub(crate) patience: Duration,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            resolver: Arc::new(System),
            guard: None,
            roots: None,
            identity: None,
            http2: Http2::Auto,
            max_age: MAX_AGE,
            pings: Pings { every: Duration::from_secs(10), patience: Duration::from_secs(5) },
        }
    }
}
