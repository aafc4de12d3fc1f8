//! A certificate for loopback, made for the run, and those who use it.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

/// A certificate for 127.0.0.1 on P-256 and its key, in PEM form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    /// A new one.
    pub(crate) fn new() -> io::Result<Identity> {
        let certified =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
        Ok(Identity { certificate: certified.cert.pem(), key: certified.signing_key.serialize_pem() })
    }

    /// What a server needs.
    pub(crate) fn server(&self) -> io::Result<ServerConfig> {
        let certificate = certificate(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(io::Error::other)?;
        let config = ServerConfig::builder().with_no_client_auth();
        config.with_single_cert(vec![certificate], key).map_err(io::Error::other)
    }
}

/// What a client needs that trusts this certificate. It never resumes: each connection has a whole handshake.
pub(crate) fn client(pem: &str) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(pem)?).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn certificate(pem: &str) -> io::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)
}
