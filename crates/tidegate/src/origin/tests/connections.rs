//! Connections: reused ones, broken ones, late ones, and TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tidegate_core::Phase;

use super::*;

const EMPTY_OBJECT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

fn is_fresh(fetched: &Fetched) -> bool {
    matches!(fetched.outcome, Outcome::Fresh(_))
}

#[tokio::test]
async fn connections_are_reused() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let act = |mut connection: OriginConnection| async move {
        connection.send(EMPTY_OBJECT).await;
        connection
    };
    let (first, mut connection) = fetched_from(&server, &origin, get("/1"), act).await;
    assert!(is_fresh(&first));
    let (second, ()) = tokio::join!(origin.fetch(get("/2")), async {
        let request = connection.request().await.expect("it comes on the same connection");
        assert_eq!(request.line().1, "/2");
        connection.send(EMPTY_OBJECT).await;
    });
    assert!(is_fresh(&second));
}

/// The second request reaches a reused connection, which then does as `end` says.
async fn a_reused_connection_that(end: impl FnOnce(OriginConnection), then: &str) -> Fetched {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let act = |mut connection: OriginConnection| async move {
        connection.send(EMPTY_OBJECT).await;
        connection
    };
    let (first, mut connection) = fetched_from(&server, &origin, get("/1"), act).await;
    assert!(is_fresh(&first));
    let mut second = origin.fetch(get("/2"));
    let again = async {
        connection.request().await.expect("it comes on the same connection");
        end(connection);
        server.request().await
    };
    tokio::select! {
        fetched = &mut second => fetched,
        (mut again, request) = again => {
            assert_eq!(request.line().1, "/2");
            again.send(then).await;
            drop(again);
            second.await
        }
    }
}

#[tokio::test]
async fn a_request_on_a_reused_connection_that_dies_is_sent_again() {
    assert!(is_fresh(&a_reused_connection_that(drop, EMPTY_OBJECT).await));
    assert!(is_fresh(&a_reused_connection_that(OriginConnection::reset, EMPTY_OBJECT).await));
}

#[tokio::test]
async fn it_is_sent_again_once() {
    assert_eq!(kind(&a_reused_connection_that(drop, "").await), FailureKind::NoAnswer);
}

#[tokio::test]
async fn it_is_sent_again_on_a_new_connection_even_if_another_is_idle() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let (one, two) = (tokio::spawn(origin.fetch(get("/1"))), tokio::spawn(origin.fetch(get("/1"))));
    let ((mut first, _), (mut second, _)) = (server.request().await, server.request().await);
    first.send(EMPTY_OBJECT).await;
    second.send(EMPTY_OBJECT).await;
    assert!(is_fresh(&one.await.unwrap()) && is_fresh(&two.await.unwrap()));

    let fetching = tokio::spawn(origin.fetch(get("/2")));
    let mut idle = tokio::select! {
        _ = first.request() => { drop(first); second }
        _ = second.request() => { drop(second); first }
    };
    tokio::select! {
        _ = idle.request() => panic!("the idle connection may be as dead as the first"),
        (mut again, request) = server.request() => {
            assert_eq!(request.line().1, "/2");
            again.send(EMPTY_OBJECT).await;
        }
    }
    assert!(is_fresh(&fetching.await.unwrap()));
}

#[tokio::test]
async fn a_new_connection_that_dies_is_a_failure_at_once() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let (fetched, ()) =
        fetched_from(&server, &origin, get("/"), |connection| async { drop(connection) }).await;
    assert_eq!(kind(&fetched), FailureKind::NoAnswer);
    let (fetched, ()) =
        fetched_from(&server, &origin, get("/"), |connection| async { connection.reset() }).await;
    assert_eq!(kind(&fetched), FailureKind::NoAnswer);
}

#[tokio::test]
async fn what_is_no_http_is_told_so() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        assert_eq!(kind(&fetched(answer).await), FailureKind::NotHttp, "{answer}");
    }
    assert_eq!(kind(&fetched("HTTP/1.1 200 OK\r\nContent-Le").await), FailureKind::NoAnswer);
}

#[tokio::test]
async fn bytes_after_an_answer_are_nobody_s() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let act = |mut connection: OriginConnection| async move {
        connection.send(format!("{EMPTY_OBJECT}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")).await;
        connection.closed().await;
    };
    let (first, ()) = fetched_from(&server, &origin, get("/1"), act).await;
    assert!(is_fresh(&first));
    let act = |mut connection: OriginConnection| async move { connection.send(EMPTY_OBJECT).await };
    let (second, ()) = fetched_from(&server, &origin, get("/2"), act).await;
    assert!(is_fresh(&second));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let server = ScriptedOrigin::bind().await;
    let url = server.url();
    drop(server);
    let fetched = origin(&url).fetch(get("/secret?token=s3cret")).await;
    let Outcome::Failed(failure) = fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.detail.contains(url.trim_start_matches("http://")), "{}", failure.detail);
    assert!(!failure.detail.contains("secret") && !failure.detail.contains("token"), "{}", failure.detail);
}

#[tokio::test]
async fn an_origin_that_does_not_speak_tls_is_a_failure_of_tls() {
    let server = ScriptedOrigin::bind().await;
    let origin = HttpOrigin::with_tls(
        settings(&server.url().replace("http:", "https:")),
        trusting(RootCertStore::empty()),
    )
    .unwrap();
    let (fetched, ()) = tokio::join!(origin.fetch(get("/")), async {
        server.accept().await.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert_eq!(kind(&fetched), FailureKind::Tls);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_unresolved() {
    // RFC 6761 §6.4: names under `invalid` have no address, and resolvers know it.
    let fetched = origin("http://nobody.invalid:80").fetch(get("/")).await;
    assert_eq!(kind(&fetched), FailureKind::Unresolved);
}

#[tokio::test]
async fn a_body_that_is_reset_is_truncated() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let act = |mut connection: OriginConnection| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,2";
        connection.send(head).await;
        connection.reset();
    };
    let (fetched, ()) = fetched_from(&server, &origin, get("/"), act).await;
    assert_eq!(kind(&fetched), FailureKind::Truncated);
}

#[tokio::test]
async fn a_body_longer_than_it_says_costs_the_connection_and_nothing_else() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    for target in ["/1", "/2", "/3"] {
        let act = |mut connection: OriginConnection| async move {
            connection.send(format!("{EMPTY_OBJECT},1]")).await;
            connection.closed().await;
        };
        let (fetched, ()) = fetched_from(&server, &origin, get(target), act).await;
        assert!(is_fresh(&fetched), "{target}: its length is what the head says (RFC 9112 §6.3)");
    }
}

#[tokio::test]
async fn a_late_head_is_timed_out() {
    let server = ScriptedOrigin::bind().await;
    let origin = HttpOrigin::new(OriginSettings { head_timeout: SOON, ..settings(&server.url()) }).unwrap();
    let act = |mut connection: OriginConnection| async move {
        // Dripping bytes does not extend it.
        connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n").await;
        connection.closed().await;
    };
    let (fetched, ()) = fetched_from(&server, &origin, get("/"), act).await;
    assert_eq!(kind(&fetched), FailureKind::TimedOut(Phase::Head));
}

#[tokio::test]
async fn a_late_tls_handshake_is_timed_out_as_connecting() {
    let server = ScriptedOrigin::bind().await;
    let url = server.url().replace("http:", "https:");
    let settings = OriginSettings { connect_timeout: SOON, ..settings(&url) };
    let origin = HttpOrigin::with_tls(settings, trusting(RootCertStore::empty())).unwrap();
    let (fetched, _silent) = tokio::join!(origin.fetch(get("/")), server.accept());
    assert_eq!(kind(&fetched), FailureKind::TimedOut(Phase::Connect));
}

/// A TLS configuration with these roots.
pub(super) fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A TLS server with a certificate signed by itself, for one connection; returns its URL and the roots to trust it by.
fn tls_server() -> (String, RootCertStore, JoinHandle<()>) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            // A client that does not trust the certificate leaves here.
            if tls.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
        }
        tls.write_all(EMPTY_OBJECT.as_bytes()).unwrap();
        tls.flush().unwrap();
    });
    (url, roots, thread)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_failure_of_tls() {
    let (url, _, thread) = tls_server();
    let origin = HttpOrigin::with_tls(settings(&url), trusting(RootCertStore::empty())).unwrap();
    let fetched = origin.fetch(get("/")).await;
    let Outcome::Failed(failure) = fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.detail.contains("certificate"), "{}", failure.detail);
    thread.join().unwrap();
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_enough() {
    let (url, roots, thread) = tls_server();
    let origin = HttpOrigin::with_tls(settings(&url), trusting(roots)).unwrap();
    assert!(is_fresh(&origin.fetch(get("/")).await));
    thread.join().unwrap();
}
