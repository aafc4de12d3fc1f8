//! Bodies: streamed both ways, framed once, ended as they ended.

use super::*;

#[tokio::test]
async fn an_upload_reaches_the_origin_as_it_comes() {
    let stage = Stage::set().await;
    let mut client = stage.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").await;
    let mut connection = stage.server.accept().await;
    let head = connection.head().await.unwrap();
    assert!(head.to_ascii_lowercase().contains("content-length: 6"), "{head}");
    assert_eq!(connection.exactly(3).await, b"abc");
    client.send("def").await;
    assert_eq!(connection.exactly(3).await, b"def");
    connection.answer("200 OK", "", "").await;
    assert_eq!(client.head().await.status(), "200");
}

#[tokio::test]
async fn an_origin_s_stream_reaches_the_client_as_it_comes() {
    let stage = Stage::set().await;
    let (mut client, mut connection, _) =
        stage.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n").await;
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
    assert_eq!(client.head().await.field("content-type"), Some("text/event-stream"));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        connection.send(event).await;
        client.until(event).await;
    }
    // A client that leaves takes the origin's connection with it.
    drop(client);
    connection.closed().await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_not_look_complete() {
    let stage = Stage::set().await;
    for framing in ["Content-Length: 9\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let mut client = stage.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}")).await;
        let mut connection = stage.server.accept().await;
        connection.head().await.unwrap();
        drop(client);
        let received = String::from_utf8(connection.rest().await).unwrap();
        assert!(received.contains("abc") && !received.contains("0\r\n\r\n"), "{framing}: {received:?}");
    }
}

#[tokio::test]
async fn an_answer_can_come_before_the_upload_is_complete() {
    let stage = Stage::set().await;
    let mut client = stage.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").await;
    let mut connection = stage.server.accept().await;
    connection.head().await.unwrap();
    connection.answer("413 Content Too Large", "Connection: close\r\n", "no").await;
    assert_eq!(client.head().await.status(), "413");
    assert_eq!(client.exactly(2).await, b"no");
}

#[tokio::test]
async fn an_expectation_is_answered_when_the_origin_is_there() {
    let stage = Stage::set().await;
    let mut client = stage.connect().await;
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(client.head().await.status(), "100");
    client.send("abc").await;
    let (mut connection, request) = stage.server.request().await;
    assert_eq!((&request.body[..], request.field("expect")), (&b"abc"[..], None));
    connection.answer("200 OK", "", "").await;
    assert_eq!(client.head().await.status(), "200");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let stage = Stage::set().await;
    let (mut client, mut connection, request) = stage
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n\
             Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-Unannounced: 1\r\n\r\n",
        )
        .await;
    assert_eq!(request.body, b"abc");
    assert_eq!(request.trailers.to_ascii_lowercase(), "x-sum: 6\r\n");
    // RFC 9110 §10.1.4: the field is this connection's, and says so.
    assert_eq!((request.field("te"), request.field("connection")), (Some("trailers"), Some("te")));
    connection
        .send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
             2\r\nok\r\n0\r\nX-Sum: 2\r\nX-Unannounced: 1\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert_eq!(head.field("trailer"), Some("X-Sum"));
    let body = String::from_utf8(client.until("\r\n\r\n").await).unwrap();
    assert_eq!(body.to_ascii_lowercase(), "2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    let stage = Stage::set().await;
    for framing in ["Content-Length: 9\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        connection.send(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        let head = client.head().await;
        client.until("abc").await;
        drop(connection);
        let rest = String::from_utf8(client.rest().await).unwrap();
        let complete = match head.field("content-length") {
            Some(length) => length == "3",
            None => rest.contains("0\r\n\r\n"),
        };
        assert!(!complete, "{framing}: {rest:?}");
    }
}

#[tokio::test]
async fn a_message_has_one_framing() {
    let stage = Stage::set().await;
    let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    connection.send(both).await;
    let head = client.head().await;
    assert_eq!((head.field("content-length"), head.field("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(client.until("0\r\n\r\n").await, b"2\r\nok\r\n0\r\n\r\n");

    // The same in a request, where hyper takes the transfer coding's word.
    let stage = Stage::set().await;
    let (_, _, request) = stage
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .await;
    assert_eq!((request.field("content-length"), request.body.len()), (None, 0));

    // Lengths that agree become one (RFC 9110 §8.6).
    for lengths in ["Content-Length: 2, 2", "Content-Length: 2\r\nContent-Length: 2"] {
        let stage = Stage::set().await;
        let (mut client, mut connection, _) = stage.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        connection.send(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok")).await;
        assert_eq!(client.head().await.field("content-length"), Some("2"), "{lengths}");
        assert_eq!(client.exactly(2).await, b"ok");
    }
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let stage = Stage::set().await;
    let (mut client, mut connection, request) = stage.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(request.head.starts_with("GET / HTTP/1.1\r\n"));
    assert!(request.field("via").is_some_and(|via| via.starts_with("1.0 tidegate-")));
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.field("transfer-encoding"), None);
    assert_eq!(client.rest().await, b"ok");
}
