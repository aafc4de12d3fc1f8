//! A certificate of one's own: for a gateway, and for the clients that trust it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tidegate_testkit::pem;
use tokio_rustls::TlsConnector;

/// A certificate and its key in a folder of their own, which goes with this value.
pub(crate) struct Identity {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
}

impl Identity {
    /// A new one.
    pub(crate) fn new() -> Identity {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("tidegate-identity-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", &certificate)).unwrap();
        std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
        Identity { folder, certificate }
    }

    /// The settings that have a gateway show it.
    pub(crate) fn toml(&self) -> String {
        let folder = self.folder.display();
        format!("[tls]\ncertificate = \"{folder}/certificate.pem\"\nkey = \"{folder}/key.pem\"\n")
    }

    /// A configuration file beside them, of a gateway that shows it in front of this URL.
    pub(crate) fn config(&self, url: &str) -> PathBuf {
        let path = self.folder.join("tidegate.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\n{}[[origin]]\nname = \"api\"\nurl = \"{url}\"\n[[route]]\npath = \"/**\"\n\
             origin = \"api\"\n",
            self.toml()
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The setting that has an origin trusted that shows it.
    pub(crate) fn ca(&self) -> String {
        format!("ca = \"{}/certificate.pem\"\n", self.folder.display())
    }

    /// Whom it names.
    pub(crate) fn name() -> ServerName<'static> {
        "localhost".try_into().unwrap()
    }

    /// What connects to those who show it, and to nobody else.
    pub(crate) fn connector(&self) -> TlsConnector {
        self.offering(&[])
    }

    /// The same, offering these protocols (ALPN).
    pub(crate) fn offering(&self, protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
