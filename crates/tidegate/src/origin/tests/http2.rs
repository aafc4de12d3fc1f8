//! HTTP/2 to an origin: when it is spoken, on how many connections, and what it must not break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use super::super::connections::Pings;
use super::super::{Http2, Place, no_body};
use super::secure::{Authority, BOTH, SecureServer, secure_origin, server_config, told};
use super::*;

/// An origin whose server offers these protocols, and what it says: the version and the host that it was asked for.
async fn server(protocols: &[&str]) -> (SecureServer, Authority) {
    let authority = Authority::new();
    let config = server_config(authority.issue("origin.test", |_| {}), protocols, None);
    let server = SecureServer::start(config, |(version, request)| async move {
        let host = request.headers().get(header::HOST).map_or("none", |host| host.to_str().unwrap());
        let authority = request.uri().authority().map_or("none", |authority| authority.as_str());
        secure::said(&format!("{version:?} {authority} {host}"))
    });
    (server.await, authority)
}

async fn spoken(protocols: &[&str], http2: Http2) -> String {
    let (server, authority) = server(protocols).await;
    let connections = ConnectionSettings { http2, ..server.settings() };
    told(&secure_origin(authority.client(), connections).fetch(get("/")).await)
}

#[tokio::test]
async fn what_is_spoken_follows_the_setting_and_the_offer() {
    let (two, one) = ("HTTP/2.0 origin.test none", "HTTP/1.1 none origin.test");
    assert_eq!(spoken(BOTH, Http2::Auto).await, two);
    assert_eq!(spoken(&["http/1.1"], Http2::Auto).await, one);
    assert_eq!(spoken(&[], Http2::Auto).await, one);
    assert_eq!(spoken(BOTH, Http2::Never).await, one);
    assert_eq!(spoken(BOTH, Http2::PriorKnowledge).await, two);
}

/// Fetches this many times at once, none of which is answered before all have arrived. Returns how many connections it
/// took.
async fn together(times: usize, protocols: &[&str]) -> usize {
    let authority = Authority::new();
    let config = server_config(authority.issue("origin.test", |_| {}), protocols, None);
    let all = Arc::new(Barrier::new(times));
    let server = SecureServer::start(config, move |_| {
        let all = all.clone();
        async move {
            all.wait().await;
            secure::said("all")
        }
    });
    let server = server.await;
    let origin = secure_origin(authority.client(), server.settings());
    let fetches: Vec<_> = (0..times).map(|_| tokio::spawn(origin.fetch(get("/")))).collect();
    for fetch in fetches {
        assert_eq!(told(&fetch.await.unwrap()), "all");
    }
    server.connections()
}

#[tokio::test]
async fn requests_that_come_together_share_a_connection() {
    assert_eq!(together(90, BOTH).await, 1);
}

#[tokio::test]
async fn what_is_too_much_for_one_connection_gets_another() {
    assert_eq!(together(250, BOTH).await, 3);
}

#[tokio::test]
async fn without_http2_each_has_its_own() {
    assert_eq!(together(20, &["http/1.1"]).await, 20);
}

#[tokio::test]
async fn an_upgrade_goes_by_http_1_1() {
    let authority = Authority::new();
    let config = server_config(authority.issue("origin.test", |_| {}), BOTH, None);
    let server = SecureServer::start(config, |(version, request)| async move {
        assert_eq!(version == http::Version::HTTP_11, request.headers().contains_key(header::UPGRADE));
        let switch = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        match request.headers().get(header::UPGRADE) {
            Some(to) => switch
                .header(header::UPGRADE, to)
                .header(header::CONNECTION, "upgrade")
                .body(Full::default())
                .unwrap(),
            None => secure::said("by HTTP/2"),
        }
    })
    .await;
    let origin = secure_origin(authority.client(), server.settings());
    assert_eq!(told(&origin.fetch(get("/")).await), "by HTTP/2");
    let upgrade = Request::get("https://origin.test/")
        .header(header::HOST, "origin.test")
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .body(no_body())
        .unwrap();
    let answer = origin.inner().link.exchange(upgrade, None).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(told(&origin.fetch(get("/")).await), "by HTTP/2");
    assert_eq!(server.connections(), 2);
}

/// An origin by HTTP/2 without TLS, whose connections are handled one after the other, each by its number.
async fn bare<F>(
    handle: impl Fn(usize, h2::server::Connection<tokio::net::TcpStream, Bytes>) -> F + Send + 'static,
) -> HttpOrigin
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let connection = h2::server::handshake(stream).await.unwrap();
            tokio::spawn(handle(number, connection));
        }
    });
    let place = Place { host: address.ip().to_string(), port: address.port() };
    let connections = ConnectionSettings {
        addresses: vec![place],
        http2: Http2::PriorKnowledge,
        pings: Pings { every: SOON, patience: SOON },
        ..ConnectionSettings::default()
    };
    HttpOrigin::new(OriginSettings { connections, ..settings("http://origin.test") }).unwrap()
}

/// Answers a request with a document of this text.
fn answer(respond: &mut h2::server::SendResponse<Bytes>, text: &str) {
    let head = Response::builder().header("content-type", "application/json").body(()).unwrap();
    let mut body = respond.send_response(head, false).unwrap();
    body.send_data(Bytes::from(format!("\"{text}\"")), true).unwrap();
}

/// Asks without a body by this method; the status or the failure's kind.
async fn asked(origin: &HttpOrigin, method: Method) -> Result<StatusCode, FailureKind> {
    let request = Request::builder().method(method).uri("http://origin.test/").body(no_body()).unwrap();
    let answered = origin.inner().link.exchange(request, None).await;
    answered.map(|answer| answer.status()).map_err(|failure| failure.kind)
}

/// What comes of a request whose first try ends like this.
async fn reset(reason: h2::Reason, method: Method) -> (Result<StatusCode, FailureKind>, usize) {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let origin = bare(move |_, mut connection| {
        let tries = counted.clone();
        async move {
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                match tries.fetch_add(1, Ordering::SeqCst) {
                    0 => respond.send_reset(reason),
                    _ => answer(&mut respond, "ok"),
                }
            }
        }
    });
    let outcome = asked(&origin.await, method).await;
    (outcome, tries.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_was_not_worked_on_is_sent_again_and_nothing_else() {
    assert_eq!(reset(h2::Reason::REFUSED_STREAM, Method::GET).await, (Ok(StatusCode::OK), 2));
    assert_eq!(reset(h2::Reason::REFUSED_STREAM, Method::DELETE).await, (Ok(StatusCode::OK), 2));
    assert_eq!(reset(h2::Reason::INTERNAL_ERROR, Method::GET).await, (Err(FailureKind::NoAnswer), 1));
    assert_eq!(reset(h2::Reason::INTERNAL_ERROR, Method::DELETE).await, (Err(FailureKind::NoAnswer), 1));
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_followed_by_another() {
    let origin = bare(|number, mut connection| async move {
        let mut answered = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            answer(&mut respond, &number.to_string());
            answered += 1;
            if answered == 2 {
                connection.graceful_shutdown();
            }
        }
    });
    let origin = origin.await;
    let mut said = Vec::new();
    for _ in 0..6 {
        said.push(told(&origin.fetch(get("/")).await));
    }
    assert_eq!(said, ["0", "0", "1", "1", "2", "2"]);
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_found_and_replaced() {
    let origin = bare(|number, mut connection| async move {
        if let Some(Ok((_, mut respond))) = connection.accept().await {
            answer(&mut respond, &number.to_string());
        }
        if number == 0 {
            // Long enough for the answer to leave; then nothing is read or written any more.
            let _ = tokio::time::timeout(SOON, connection.accept()).await;
            std::future::pending::<()>().await;
        }
        while connection.accept().await.is_some() {}
    });
    let origin = origin.await;
    assert_eq!(told(&origin.fetch(get("/")).await), "0");
    // Its answer may still be awaited, or it is known to be dead: either way another connection brings one.
    let later = async {
        while told(&origin.fetch(get("/")).await) != "1" {
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(AGES, later).await.expect("the dead connection is given up");
}

#[tokio::test]
async fn readers_who_stall_do_not_hold_up_others() {
    let authority = Authority::new();
    let config = server_config(authority.issue("origin.test", |_| {}), BOTH, None);
    let server = SecureServer::start(config, |(_, request)| async move {
        match request.uri().path() {
            "/large" => Response::new(Full::new(Bytes::from(vec![b'x'; 1 << 20]))),
            _ => secure::said("small"),
        }
    })
    .await;
    let origin = secure_origin(authority.client(), server.settings());
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let large = Request::get("https://origin.test/large").body(no_body()).unwrap();
        stalled.push(origin.inner().link.exchange(large, None).await.unwrap());
    }
    assert_eq!(told(&origin.fetch(get("/small")).await), "small");
    assert_eq!(server.connections(), 1);
    // And they get the rest when they read again.
    for answer in stalled {
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 1 << 20);
    }
}
