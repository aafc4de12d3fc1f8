//! An HTTP API behind the gateway: connections to it, fetches on behalf of feeds, and what its answers mean.
//!
//! Owns one connection pool per configured origin, the three time-outs, the decoding of content codings, and the
//! translation of every answer and every failure into core's terms. Knows nothing of feeds, subscribers or clients;
//! `crate::proxy` passes single requests through the same connections.
//!
//! Invariants:
//! - A fetch carries the fields that it was given and the gateway's own, and nothing else.
//! - A truncated body never becomes a representation, and none is larger than the limit, encoded or decoded.
//! - An answer that cannot be a document is handed on with the bytes that the origin sent.
//! - No error text holds credentials, a path or a query: it names the origin's authority only.

mod addresses;
mod budget;
mod cause;
mod coding;
mod collect;
mod connect;
mod connect_error;
mod connections;
mod credentials;
mod elsewhere;
mod exchange;
mod fetch;
mod fields;
mod incoming;
mod lanes;
mod media;
mod mount;
mod pools;
mod public;
mod race;
mod redirects;
mod resolve;
mod restrict;
mod target;
#[cfg(test)]
mod tests;
mod tls_error;
mod trust;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tidegate_hub::{FetchRequest, Fetched, Origin};

pub use connections::{ConnectionSettings, Http2, MAX_AGE};
pub(crate) use elsewhere::{Elsewhere, Limits, Refusal, Unavailable};
pub(crate) use exchange::{Turn, no_body};
pub(crate) use fields::{NAME, append_own_via, append_via, end_to_end, was_here, without_dot_segments};
pub(crate) use incoming::Incoming;
pub(crate) use media::form as form_of;
pub use public::PublicOnly;
pub(crate) use redirects::exchange;
pub use resolve::{Allow, Place, Resolve, Resolving};
pub(crate) use restrict::answer as restrict;
pub(crate) use target::Target;
pub(crate) use trust::machine_tls;

pub use budget::BudgetSettings;
pub use credentials::{CredentialSettings, OAuth2Settings, SecretStyle};

use budget::Budget;
use connect::{Book, Connector};
use credentials::{Credentials, Endpoint};
use exchange::Link;
use mount::Mount;
use redirects::Redirects;
use resolve::Places;

/// What to know about an origin before the first request.
#[derive(Debug, Clone)]
pub struct OriginSettings {
    /// How the configuration and the logs call it.
    pub name: String,
    /// Where it is: `http` or `https`, an authority, and optionally a path that goes before every target.
    pub base: Uri,
    /// The most time for name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The most time from the connection (or the last progress of an upload) to the answer's head.
    pub head_timeout: Duration,
    /// The most time from an answer's head to its end, for fetches that wait for all of it. Dripping bytes do not
    /// extend it.
    pub body_timeout: Duration,
    /// The largest document, in bytes, encoded and decoded.
    pub max_body: usize,
    /// How much it may be asked.
    pub budget: BudgetSettings,
    /// What the gateway sends of its own.
    pub credentials: CredentialSettings,
    /// How connections to it come about.
    pub connections: ConnectionSettings,
}

/// Settings of which no origin can be made.
#[derive(Debug)]
pub enum OriginError {
    /// The base is neither `http` nor `https`, or has no host.
    Scheme,
    /// The base holds a user or a password.
    Credentials,
    /// The base has a query, to which no target could be joined.
    Query,
    /// The authority cannot stand in a `Host` field.
    Host,
    /// The certificate roots of this machine could not be loaded.
    Roots(std::io::Error),
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginError::Scheme => {
                f.write_str("an origin is `http://host` or `https://host`, with a path at most")
            }
            OriginError::Credentials => {
                f.write_str("an origin's URL holds no user and password; send a header field instead")
            }
            OriginError::Query => f.write_str("an origin's URL has no query"),
            OriginError::Host => f.write_str("an origin's host is a name or an address, with a port at most"),
            OriginError::Roots(error) => write!(f, "no certificate roots for https: {error}"),
        }
    }
}

impl std::error::Error for OriginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OriginError::Roots(error) => Some(error),
            _ => None,
        }
    }
}

/// One configured origin. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpOrigin(Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) mount: Mount,
    pub(crate) link: Arc<Link>,
    budget: Budget,
    pub(crate) credentials: Credentials,
    /// Where redirects are followed.
    redirects: Option<Redirects>,
    body_timeout: Duration,
    patience: Duration,
    max_body: usize,
}

impl fmt::Debug for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOrigin")
            .field("name", &self.0.name)
            .field("mount", &self.0.mount)
            .finish_non_exhaustive()
    }
}

impl HttpOrigin {
    /// An origin that is trusted, where it is `https`, by the roots that the settings name, or those of this machine. Connects to nothing
    /// yet; its requests must be made within a tokio runtime.
    pub fn new(settings: OriginSettings) -> Result<HttpOrigin, OriginError> {
        let secure = |url: &Uri| url.scheme() == Some(&Scheme::HTTPS);
        let roots =
            |connections, url| trust::client_config(connections, secure(url)).map_err(OriginError::Roots);
        let tls = roots(&settings.connections, &settings.base)?;
        // Another party, so another trust: this machine's.
        let usual = ConnectionSettings::default();
        let token_tls = match &settings.credentials.oauth2 {
            Some(oauth2) => roots(&usual, &oauth2.url)?,
            None => tls.clone(),
        };
        HttpOrigin::build(settings, tls, token_tls)
    }

    /// The same with a TLS configuration of one's own, whatever the settings say of roots and identity. Which
    /// application protocols it names does not matter: [`Http2`] decides.
    pub fn with_tls(settings: OriginSettings, tls: ClientConfig) -> Result<HttpOrigin, OriginError> {
        HttpOrigin::build(settings, tls.clone(), tls)
    }

    fn build(
        settings: OriginSettings,
        tls: ClientConfig,
        token_tls: ClientConfig,
    ) -> Result<HttpOrigin, OriginError> {
        let OriginSettings { name, base, connect_timeout, head_timeout, body_timeout, .. } = settings;
        let OriginSettings { max_body, budget, credentials, connections, .. } = settings;
        let parts = base.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
            .ok_or(OriginError::Scheme)?;
        let authority = parts.authority.filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or(OriginError::Scheme)?;
        if authority.as_str().contains('@') {
            return Err(OriginError::Credentials);
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(OriginError::Query);
        }
        let link = |tls, scheme: &Scheme, authority: &Authority, connections| {
            let connector = connector(tls, scheme, authority, connections, connect_timeout)?;
            Ok(Link::new(connector, authority.to_string(), connect_timeout, head_timeout))
        };
        let endpoint = match credentials.oauth2 {
            Some(oauth2) => {
                let scheme = oauth2.url.scheme().ok_or(OriginError::Scheme)?;
                let authority = oauth2.url.authority().ok_or(OriginError::Scheme)?;
                let link = link(token_tls, scheme, authority, ConnectionSettings::default())?;
                Some(Endpoint::new(oauth2, link, body_timeout))
            }
            None => None,
        };
        let credentials = Credentials::new(credentials.fields, endpoint);
        let link = link(tls, &scheme, &authority, connections)?;
        let budget = Budget::new(authority.as_str(), budget);
        let patience = fetch::PATIENCE;
        let (link, mount) = (Arc::new(link), Mount::new(scheme, authority, path.path()));
        let redirects = None;
        let inner =
            Inner { name, mount, link, redirects, budget, credentials, body_timeout, patience, max_body };
        Ok(HttpOrigin(Arc::new(inner)))
    }

    /// How the configuration and the logs call it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The fields of clients that the gateway's own take the place of.
    pub fn replaced_fields(&self) -> Vec<http::HeaderName> {
        self.0.credentials.names().collect()
    }

    /// The same API, with the same connections, which clients see under a path of its own.
    pub fn mounted_at(&self, outside: &str) -> HttpOrigin {
        let inner = Inner::clone(&self.0);
        HttpOrigin(Arc::new(Inner { mount: inner.mount.at(outside), ..inner }))
    }

    /// The same origin, of which so many redirects are followed: within itself, and to what is public elsewhere.
    /// `origins`: how many other origins they may be in use for.
    pub fn following(self, redirects: usize, origins: usize) -> HttpOrigin {
        let inner = Inner::clone(&self.0);
        let limits = Limits {
            connect_timeout: inner.link.connect_timeout(),
            head_timeout: inner.link.head_timeout(),
            body_timeout: inner.body_timeout,
            max_body: inner.max_body,
            redirects,
            origins,
        };
        // Without roots of this machine there is no https elsewhere.
        let tls = machine_tls(true).or_else(|_| machine_tls(false));
        let Ok(tls) = tls else { return self };
        let elsewhere = Elsewhere::new(|_| true, PublicOnly::default(), tls, limits);
        let redirects = Some(Redirects::new(redirects, elsewhere));
        HttpOrigin(Arc::new(Inner { redirects, ..inner }))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The same origin with another idea of how long a plain reader waits for a body before it gets it piecemeal.
    #[cfg(test)]
    fn with_patience(self, patience: Duration) -> HttpOrigin {
        let mut inner = Arc::into_inner(self.0).expect("no clone was made yet");
        inner.patience = patience;
        HttpOrigin(Arc::new(inner))
    }
}

/// What connects to an authority, or to the places that stand for it.
fn connector(
    tls: ClientConfig,
    scheme: &Scheme,
    authority: &Authority,
    connections: ConnectionSettings,
    time_out: Duration,
) -> Result<Connector, OriginError> {
    // In brackets where it is an IPv6 address (RFC 3986 §3.2.2).
    let bare = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let tls = (*scheme == Scheme::HTTPS)
        .then(|| ServerName::try_from(bare.clone()).map(|name| (Arc::new(tls), name)))
        .transpose()
        .map_err(|_| OriginError::Host)?;
    let ConnectionSettings { mut addresses, resolver, guard, http2, max_age, pings, .. } = connections;
    if addresses.is_empty() {
        let usual = if tls.is_some() { 443 } else { 80 };
        addresses.push(Place { host: bare, port: authority.port_u16().unwrap_or(usual) });
    }
    let places = Arc::new(Places::new(addresses, resolver, guard));
    let book = Book::default();
    let connector = Connector { places, book, tls, time_out, max_age, http2, pings };
    Ok(connector.speaking(http2))
}

impl Origin for HttpOrigin {
    fn fetch(&self, request: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let inner = self.0.clone();
        Box::pin(async move { inner.budget.run(request, |request| fetch::fetch(&inner, request)).await })
    }

    fn resource(&self, target: &str) -> String {
        // What makes no URI is fetched by nobody: any name will do.
        self.0.mount.uri(target).map_or_else(|_| target.to_owned(), |uri| uri.to_string())
    }
}
