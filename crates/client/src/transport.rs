//! The HTTP client underneath: HTTP/1.1 over TCP or TLS, with the system's root certificates.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Disconnect;

/// The client that sends requests; none of them has a body.
pub(crate) type HttpClient = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the usual time between two polls, shorter than most servers keep a connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for `url`. Without a `tls` of the caller's own it fails when `url` is `https` and the system has no usable
/// root certificates.
pub(crate) fn http_client(url: &Uri, tls: Option<rustls::ClientConfig>) -> std::io::Result<HttpClient> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = if let Some(mut tls) = tls {
        // The builder of the connector sets them.
        tls.alpn_protocols.clear();
        HttpsConnectorBuilder::new().with_tls_config(tls)
    } else if url.scheme() == Some(&http::uri::Scheme::HTTPS) {
        HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?
    } else {
        // No certificate is ever looked at, and a system that has none is no obstacle.
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(tls)
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    // Idle connections are closed only where both a timer and a time are set.
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .build(connector))
}

/// Why no answer's head came.
pub(crate) fn request_failure(error: &hyper_util::client::legacy::Error) -> Disconnect {
    if error.is_connect() {
        Disconnect::Unreachable(root_cause(error))
    } else {
        Disconnect::Broken(root_cause(error))
    }
}

/// The innermost error says what happened; those around it say where we were.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
