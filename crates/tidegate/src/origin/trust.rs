//! Whom the gateway trusts to vouch for an origin, and who it says that it is.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use super::connections::ConnectionSettings;

/// TLS 1.2 and 1.3 by the roots of the settings, or of this machine; without any where none are needed, because a bare
/// machine may have none.
pub(super) fn client_config(settings: &ConnectionSettings, needed: bool) -> io::Result<ClientConfig> {
    let roots = match &settings.roots {
        Some(certificates) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates.iter() {
                roots.add(certificate.clone()).map_err(io::Error::other)?;
            }
            roots
        }
        None if needed => native_roots()?,
        None => RootCertStore::empty(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    Ok(match &settings.identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.as_ref().clone())))
        }
        None => builder.with_no_client_auth(),
    })
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
