//! How the gateway speaks TLS to clients.
//!
//! Owns the one configuration that all TLS connections share. What it is made of was checked with the configuration.
//!
//! The choices, each for many long-lived connections:
//! - **HTTP/2, unless it is switched off, and HTTP/1.1** (ALPN): a client that wants only another protocol is told at once,
//!   and one that names none gets HTTP/1.1.
//! - **Tickets, and nothing kept here.** When everybody reconnects, whoever has a ticket costs no signature. What a ticket
//!   needs is inside it, encrypted with a key that only this process has and that changes every six hours; so a client
//!   that left costs no memory, and one that comes to another instance shakes hands in full. In TLS 1.3 keys are exchanged
//!   anew even so. TLS 1.2 has no such exchange: whoever stole a ticket's key within its twelve hours could read those
//!   connections.
//! - **One ticket a connection.** A client has one stream here and reconnects once at a time; the usual second one would
//!   never be used.
//! - **No early data**: it could be replayed.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};

use super::http2::ALPN;
use crate::config::Tls;

/// The configuration of all TLS connections of a listener; `http2` says whether that is offered.
///
/// # Errors
/// If the system gives no random numbers for the tickets' keys.
pub fn server_config(tls: &Tls, http2: bool) -> Result<Arc<ServerConfig>, Error> {
    let resolver = SingleCertAndKey::from(tls.material.clone());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    // In the order in which they are liked.
    config.alpn_protocols =
        if http2 { vec![ALPN.to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// What a TLS client is told that is refused before it has said anything: a fatal alert, `internal_error` (RFC 8446
/// §6.2), which it may be sent before the handshake. An HTTP answer would have to be encrypted, and that is the work that
/// a refusal is to avoid.
pub const REFUSED: &[u8] = &[21, 3, 3, 0, 2, 2, 80];

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use rcgen::{CertificateParams, KeyPair};
    use rustls::client::Resumption;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::sign::CertifiedKey;
    use rustls::{
        AlertDescription, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore,
        ServerConnection, SupportedProtocolVersion,
    };

    use super::*;
    use crate::config::{Sourced, Validity};

    fn material() -> (Tls, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = certificate.der().clone();
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let material = CertifiedKey::from_der(vec![der.clone()], private, &ring::default_provider()).unwrap();
        let tls = Tls {
            certificate: Sourced::plain("certificate.pem".to_owned()),
            key: Sourced::plain("key.pem".to_owned()),
            material: Arc::new(material),
            validity: Validity::of(&der).unwrap(),
        };
        (tls, der)
    }

    fn client(
        root: &CertificateDer<'static>,
        version: &'static SupportedProtocolVersion,
        alpn: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(8);
        config
    }

    /// Both ends, until neither has anything to say.
    fn talk(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), Error> {
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut &*wire).unwrap();
            let understood = server.process_new_packets();
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut rest = &*wire;
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
            understood?;
        }
        Ok(())
    }

    /// A client and a server after their handshake.
    fn meet(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
    ) -> Result<(ClientConnection, ServerConnection), Error> {
        let name = "localhost".try_into().unwrap();
        let mut client = ClientConnection::new(client.clone(), name).unwrap();
        let mut server = ServerConnection::new(server.clone()).unwrap();
        talk(&mut client, &mut server)?;
        Ok((client, server))
    }

    #[test]
    fn both_versions_are_spoken_and_tickets_resume_them() {
        let (tls, root) = material();
        let server = server_config(&tls, false).unwrap();
        for (version, number) in [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)] {
            let client = Arc::new(client(&root, version, &["h2", "http/1.1"]));
            let (mut first, mut served) = meet(&client, &server).unwrap();
            assert_eq!(served.protocol_version(), Some(number));
            assert_eq!(served.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(served.handshake_kind(), Some(HandshakeKind::Full), "{number:?}");
            served.writer().write_all(b"data: 1\n\n").unwrap();
            talk(&mut first, &mut served).unwrap();
            let mut text = [0; 9];
            first.reader().read_exact(&mut text).unwrap();
            assert_eq!(&text, b"data: 1\n\n");
            let (_, served) = meet(&client, &server).unwrap();
            assert_eq!(served.handshake_kind(), Some(HandshakeKind::Resumed), "{number:?}");
        }
    }

    #[test]
    fn another_process_does_not_know_the_tickets() {
        let (tls, root) = material();
        let client = Arc::new(client(&root, &TLS13, &[]));
        meet(&client, &server_config(&tls, true).unwrap()).unwrap();
        let (_, served) = meet(&client, &server_config(&tls, true).unwrap()).unwrap();
        assert_eq!(served.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(served.alpn_protocol(), None);
    }

    #[test]
    fn a_client_of_another_protocol_is_told() {
        let (tls, root) = material();
        for (http2, wanted) in [(false, "h2"), (true, "h3"), (true, "http/1.0")] {
            let client = Arc::new(client(&root, &TLS13, &[wanted]));
            let error = meet(&client, &server_config(&tls, http2).unwrap()).err();
            assert_eq!(
                error,
                Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)),
                "{wanted}"
            );
        }
    }

    #[test]
    fn http2_is_liked_best() {
        let (tls, root) = material();
        let server = server_config(&tls, true).unwrap();
        for (offered, agreed) in [
            (&["http/1.1", "h2"][..], Some(&b"h2"[..])),
            (&["http/1.1"], Some(b"http/1.1")),
            (&["h2"], Some(b"h2")),
            (&[], None),
        ] {
            let client = Arc::new(client(&root, &TLS13, offered));
            let (_, served) = meet(&client, &server).unwrap();
            assert_eq!(served.alpn_protocol(), agreed, "{offered:?}");
        }
    }

    #[test]
    fn a_refused_client_understands() {
        let (_, root) = material();
        for version in [&TLS13, &TLS12] {
            let client = Arc::new(client(&root, version, &[]));
            let mut client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
            client.read_tls(&mut &*REFUSED).unwrap();
            let error = client.process_new_packets().err();
            assert_eq!(error, Some(Error::AlertReceived(AlertDescription::InternalError)));
        }
    }
}
