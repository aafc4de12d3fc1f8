//! Servers behind TLS, with certificates made for a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What servers by HTTP/2 and by HTTP/1.1 offer.
pub(super) const BOTH: &[&str] = &["h2", "http/1.1"];

/// Signs certificates.
pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { params, key, certificate }
    }

    /// A certificate for a host, as it is or as `edit` makes it.
    pub(super) fn issue(&self, host: &str, edit: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        edit(&mut params);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        Identity { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// What trusts this authority.
    pub(super) fn client(&self) -> ClientConfig {
        super::connections::trusting(self.roots())
    }
}

/// A server's side of TLS; with `clients`, only for those who have a certificate of that authority.
pub(super) fn server_config(
    identity: Identity,
    protocols: &[&str],
    clients: Option<&Authority>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(authority.roots().into(), provider).build().unwrap(),
        ),
    };
    let mut config = builder.with_single_cert(vec![identity.certificate], identity.key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

/// A server that speaks the HTTP that TLS agreed on.
pub(super) struct SecureServer {
    pub(super) address: SocketAddr,
    /// How many connections there were.
    pub(super) connections: Arc<AtomicUsize>,
}

/// What was asked: the version, and the head of the request.
pub(super) type Asked = (Version, Request<()>);

impl SecureServer {
    /// Answers each request as `answer` says.
    pub(super) async fn start<F>(
        config: ServerConfig,
        answer: impl Fn(Asked) -> F + Clone + Send + 'static,
    ) -> SecureServer
    where
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                        let version = request.version();
                        let answered = answer((version, request.map(|_| ())));
                        async move { Ok::<_, std::convert::Infallible>(answered.await) }
                    });
                    let stream = TokioIo::new(stream);
                    // However it ends: the test sees what it is about on the other side.
                    if http2 {
                        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(stream, service).await;
                    } else {
                        let builder = hyper::server::conn::http1::Builder::new();
                        let _ = builder.serve_connection(stream, service).with_upgrades().await;
                    }
                });
            }
        });
        SecureServer { address, connections }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How the origin is connected to that is called `origin.test`.
    pub(super) fn settings(&self) -> ConnectionSettings {
        let place = super::super::Place { host: self.address.ip().to_string(), port: self.address.port() };
        ConnectionSettings { addresses: vec![place], ..ConnectionSettings::default() }
    }
}

/// `https://origin.test`, trusted and connected to like this.
pub(super) fn secure_origin(tls: ClientConfig, connections: ConnectionSettings) -> HttpOrigin {
    HttpOrigin::with_tls(OriginSettings { connections, ..settings("https://origin.test") }, tls).unwrap()
}

/// A document that says in which version it was asked for.
pub(super) fn said(text: &str) -> Response<Full<Bytes>> {
    let body = Full::new(Bytes::from(format!("\"{text}\"")));
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

/// What a document says, or why there is none.
pub(super) fn told(fetched: &Fetched) -> String {
    match &fetched.outcome {
        Outcome::Fresh(document) => String::from_utf8_lossy(&document.body).replace('"', ""),
        Outcome::Failed(failure) => format!("{:?}: {}", failure.kind, failure.detail),
        other => panic!("{other:?}"),
    }
}
