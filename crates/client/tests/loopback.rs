//! The shell on real sockets: what the machine plans is sent, and what arrives reaches it. The cases themselves are
//! tested in virtual time, beside the machine.

use std::time::Duration;

use http::{HeaderValue, header};
use tidegate_client::{Client, Disconnect, Error, Live, Source, Update};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server that answers each connection by the next of `answers`, byte for byte, and closes it. Gives its URL and
/// the heads of the requests that it got. After the last answer it is gone.
async fn serve(answers: Vec<Vec<u8>>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/quotes?a=1", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            sender.send(read_head(&mut socket).await).unwrap();
            socket.write_all(&answer).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    (url, receiver)
}

async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn stream(body: &str) -> Vec<u8> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntidegate-content-type: application/json\r\n";
    format!("{head}connection: close\r\n\r\n{body}").into_bytes()
}

fn answer(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n")
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn live(url: String) -> Live {
    let quick = Duration::from_millis(5);
    let builder = Client::builder(url).header(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    builder.max_backoff(quick).poll_interval(quick).build().unwrap().live()
}

#[tokio::test]
async fn a_stream_that_breaks_is_resumed() {
    let snapshot = stream("event: snapshot\nid: a.1\ndata: {\"price\":1.10}\n\n");
    let patch = "event: patch\nid: a.2\ndata: [{\"op\":\"replace\",\"path\":\"/price\",\"value\":1.1}]\n\n";
    let (url, mut requests) = serve(vec![snapshot, stream(patch), answer("404 Not Found", "", b"")]).await;
    let mut live = live(url);

    assert_eq!(live.next().await, Ok(Update::Connected { source: Source::Stream }));
    assert!(matches!(live.next().await, Ok(Update::Snapshot { position, bytes: 14 }) if position == "a.1"));
    assert_eq!(live.document().unwrap().text(), r#"{"price":1.10}"#);
    let first = requests.recv().await.unwrap();
    assert!(
        first.starts_with("get /quotes?a=1 http/1.1\r\n") && first.contains("authorization: bearer x\r\n")
    );
    assert!(first.contains("accept: text/event-stream,") && !first.contains("last-event-id"), "{first}");

    assert!(matches!(live.next().await, Ok(Update::Disconnected { cause: Disconnect::Closed, .. })));
    assert_eq!(live.next().await, Ok(Update::Connected { source: Source::Stream }));
    assert!(matches!(live.next().await, Ok(Update::Patched { position, .. }) if position == "a.2"));
    assert_eq!(live.document().unwrap().text(), r#"{"price":1.1}"#);
    assert!(requests.recv().await.unwrap().contains("last-event-id: a.1\r\n"));

    assert!(matches!(live.next().await, Ok(Update::Disconnected { .. })));
    let refused = Err(Error::Refused { status: http::StatusCode::NOT_FOUND, problem: None });
    assert_eq!(live.next().await, refused);
    assert_eq!(live.next().await, refused, "it stays ended");
    let traffic = live.traffic();
    let bodies = "event: snapshot\nid: a.1\ndata: {\"price\":1.10}\n\n".len() + patch.len();
    assert_eq!((traffic.requests, traffic.body_bytes), (3, bodies as u64));
    assert!(traffic.head_bytes > 3 * 40 && traffic.bytes() == traffic.head_bytes + traffic.body_bytes);
}

#[tokio::test]
async fn a_plain_url_is_polled_with_gzip() {
    // [1] and [2,"…"] as gzip writes them.
    let gzip = |text: &str| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let json = "content-type: application/json\r\n";
    let (url, mut requests) = serve(vec![
        answer("200 OK", &format!("{json}etag: \"1\"\r\n"), b"[1.10]"),
        b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_vec(),
        answer("200 OK", &format!("{json}content-encoding: gzip\r\n"), &gzip("[1.1]")),
        // A body that ends before its length: never a document.
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n[7]".to_vec(),
        answer("410 Gone", "", b""),
    ])
    .await;
    let mut live = live(url);
    assert_eq!(live.next().await, Ok(Update::Connected { source: Source::Polling }));
    assert!(matches!(live.next().await, Ok(Update::Snapshot { bytes: 6, .. })));
    assert!(matches!(live.next().await, Ok(Update::Status(status)) if status.cause.is_none()));
    assert!(matches!(live.next().await, Ok(Update::Snapshot { bytes: 5, .. })));
    assert_eq!(live.document().unwrap().text(), "[1.1]");
    assert!(matches!(live.next().await, Ok(Update::Status(status)) if status.cause.is_some()));
    assert_eq!(live.document().unwrap().text(), "[1.1]");
    assert!(matches!(live.next().await, Err(Error::Refused { .. })));
    let mut heads = Vec::new();
    while let Some(head) = requests.recv().await {
        heads.push(head);
    }
    assert!(heads[1].contains("if-none-match: \"1\"\r\n") && heads[1].contains("accept-encoding: gzip\r\n"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut live = live(format!("http://{address}/"));
    for _ in 0..3 {
        let update = live.next().await;
        assert!(
            matches!(update, Ok(Update::Disconnected { cause: Disconnect::Unreachable(_), .. })),
            "{update:?}"
        );
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_head(&mut socket).await;
        socket.write_all(&answer("403 Forbidden", "", b"")).await.unwrap();
    });
    loop {
        match live.next().await {
            Ok(Update::Disconnected { .. }) => {}
            other => break assert!(matches!(other, Err(Error::Refused { .. })), "{other:?}"),
        }
    }
    server.await.unwrap();
}

#[tokio::test]
async fn fields_are_made_anew_for_each_request() {
    let snapshot = stream("event: snapshot\nid: a.1\ndata: 1\n\n");
    let (url, mut requests) = serve(vec![
        answer("401 Unauthorized", "", b""),
        snapshot,
        answer("401 Unauthorized", "", b""),
        answer("401 Unauthorized", "", b""),
    ])
    .await;
    let made = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let fields = move || {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            if number == 1 {
                return Err("no token".into());
            }
            Ok([(header::AUTHORIZATION, HeaderValue::from(number))].into_iter().collect())
        }
    };
    let builder = Client::builder(url).header(header::AUTHORIZATION, HeaderValue::from_static("old"));
    let mut live = builder.headers_from(fields).max_backoff(Duration::from_millis(5)).build().unwrap().live();
    let mut updates = Vec::new();
    let error = loop {
        match live.next().await {
            Ok(update) => updates.push(update),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Refused { status, .. } if status == 401));
    assert!(updates.contains(&Update::Connected { source: Source::Stream }), "{updates:?}");
    let is_missing =
        |update: &Update| matches!(update, Update::Disconnected { cause: Disconnect::NoFields(_), .. });
    assert_eq!(updates.iter().filter(|update| is_missing(update)).count(), 1, "{updates:?}");
    for number in ["0", "2", "3", "4"] {
        let head = requests.recv().await.unwrap();
        assert!(head.contains(&format!("authorization: {number}\r\n")) && !head.contains("old"), "{head}");
    }
}
