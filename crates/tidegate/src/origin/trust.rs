//! Whom the gateway trusts to vouch for an origin.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// TLS by the machine's certificate roots; without them where they are not needed, because a bare machine may have
/// none.
pub(super) fn native_tls(needed: bool) -> io::Result<ClientConfig> {
    let roots = if needed { native_roots()? } else { RootCertStore::empty() };
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn native_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A store may hold a few that are too old to be understood.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let error = found.errors.into_iter().next();
    Err(error.map_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there are none"), io::Error::other))
}
