//! TLS with an origin: whom it takes, and what is said when there is no agreement.

use std::sync::Arc;

use rcgen::CertificateParams;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::{Http2, Place};
use super::addresses::at;
use super::secure::{Authority, BOTH, Identity, SecureServer, secure_origin, server_config, told};
use super::*;

const DISAGREEMENT: &str = "Tls: no connection to origin.test: ";

async fn serving(config: ServerConfig) -> SecureServer {
    SecureServer::start(config, |(version, _)| async move { secure::said(&format!("{version:?}")) }).await
}

/// Checks what is said of a server with this certificate, of an authority that is trusted.
async fn check(host: &str, edit: impl FnOnce(&mut CertificateParams), expected: &str) {
    let authority = Authority::new();
    let server = serving(server_config(authority.issue(host, edit), BOTH, None)).await;
    let said = told(&secure_origin(authority.client(), server.settings()).fetch(get("/secret")).await);
    assert!(said.starts_with(expected), "{said}");
    assert!(!said.contains("secret") && !said.contains("127.0.0.1"), "{said}");
}

#[tokio::test]
async fn certificates_that_are_not_taken_are_told_apart() {
    let is = |text: &str| format!("{DISAGREEMENT}its certificate {text}");
    check("origin.test", |_| {}, "HTTP/2.0").await;
    check("other.test", |_| {}, &is("is of another host; ")).await;
    check("origin.test", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1), &is("expired; "))
        .await;
    let future = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    check("origin.test", future, &is("is not valid yet; ")).await;
    let authoritys = |params: &mut CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    check("origin.test", authoritys, &is("is that of an authority; ")).await;
}

#[tokio::test]
async fn an_authority_is_trusted_in_place_of_the_machine_s() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = serving(server_config(authority.issue("origin.test", |_| {}), BOTH, None)).await;
    let trusting = |authority: &Authority| {
        let roots = Some(Arc::new(vec![authority.certificate()]));
        let connections = ConnectionSettings { roots, ..server.settings() };
        HttpOrigin::new(OriginSettings { connections, ..settings("https://origin.test") }).unwrap()
    };
    assert_eq!(told(&trusting(&authority).fetch(get("/")).await), "HTTP/2.0");
    let said = told(&trusting(&other).fetch(get("/")).await);
    assert!(
        said.starts_with(&format!("{DISAGREEMENT}nobody who is trusted")) && said.contains("`ca`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_port_without_tls_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
            // Until the other side has read it and closes.
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        }
    });
    let said = told(&secure_origin(Authority::new().client(), at(vec![place])).fetch(get("/")).await);
    assert!(said.starts_with(&format!("{DISAGREEMENT}it does not speak TLS there; ")), "{said}");
}

/// As the gateway's own certificate.
fn certified(identity: Identity) -> Arc<CertifiedKey> {
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(identity.key).unwrap();
    Arc::new(CertifiedKey::new(vec![identity.certificate], key))
}

#[tokio::test]
async fn an_origin_may_want_a_certificate_of_the_gateway() {
    let (authority, other) = (Authority::new(), Authority::new());
    for protocols in [BOTH, &["http/1.1"]] {
        let identity = authority.issue("origin.test", |_| {});
        let server = serving(server_config(identity, protocols, Some(&authority))).await;
        let showing = |identity: Option<Identity>| {
            let roots = Some(Arc::new(vec![authority.certificate()]));
            let identity = identity.map(certified);
            let connections = ConnectionSettings { roots, identity, ..server.settings() };
            HttpOrigin::new(OriginSettings { connections, ..settings("https://origin.test") }).unwrap()
        };
        let own = showing(Some(authority.issue("gateway.test", |_| {})));
        assert!(told(&own.fetch(get("/")).await).starts_with("HTTP/"), "{protocols:?}");
        for identity in [None, Some(other.issue("gateway.test", |_| {}))] {
            let said = told(&showing(identity).fetch(get("/")).await);
            let expected = format!("{DISAGREEMENT}it asks for a certificate of the gateway");
            assert!(said.starts_with(&expected) && said.contains("`client_certificate`"), "{said}");
        }
    }
}

#[tokio::test]
async fn an_address_with_a_bad_certificate_is_followed_by_the_next() {
    let authority = Authority::new();
    let bad = serving(server_config(Authority::new().issue("origin.test", |_| {}), BOTH, None)).await;
    let good = serving(server_config(authority.issue("origin.test", |_| {}), &["http/1.1"], None)).await;
    let place = |server: &SecureServer| Place { host: "127.0.0.1".to_owned(), port: server.address.port() };
    let connections = ConnectionSettings { http2: Http2::Auto, ..at(vec![place(&bad), place(&good)]) };
    assert_eq!(told(&secure_origin(authority.client(), connections).fetch(get("/")).await), "HTTP/1.1");
}

#[test]
fn roots_are_needed_for_https_only() {
    let bad = vec![CertificateDer::from(vec![1, 2, 3])];
    let connections = ConnectionSettings { roots: Some(Arc::new(bad)), ..ConnectionSettings::default() };
    let origin = HttpOrigin::new(OriginSettings { connections, ..settings("https://origin.test") });
    assert!(matches!(origin, Err(super::super::OriginError::Roots(_))));
    assert!(
        HttpOrigin::with_tls(settings("http://a"), super::connections::trusting(RootCertStore::empty()))
            .is_ok()
    );
}
