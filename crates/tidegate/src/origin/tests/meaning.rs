//! What answers mean.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use tidegate_core::{Form, Unfit};

use super::*;

#[tokio::test]
async fn a_200_is_a_representation() {
    for (media, form) in [
        ("application/json", Form::Json),
        ("application/hal+json; charset=utf-8", Form::Json),
        ("text/plain", Form::Text),
    ] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nETag: \"v\"\r\nConnection: x-hop\r\nX-Hop: 1\r\n\
             Content-Digest: sha-256=:AA==:\r\nCache-Control: max-age=1\r\nContent-Length: 7\r\n\r\n{{\"a\":1}}"
        );
        let fetched = fetched(answer).await;
        let Outcome::Fresh(representation) = fetched.outcome else {
            panic!("{media}: {:?}", fetched.outcome)
        };
        assert_eq!(representation.form, form, "{media}");
        assert_eq!(&representation.body[..], b"{\"a\":1}");
        let expected = [("content-type", media), ("etag", "\"v\""), ("cache-control", "max-age=1")];
        assert_eq!(representation.fields, self::fields(&expected));
        assert_eq!(fetched.wire_bytes, 7);
        assert!(fetched.raw.is_none());
    }
}

#[tokio::test]
async fn a_304_says_that_the_validators_hold() {
    const ANSWER: &str =
        "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nContent-Length: 900\r\nKeep-Alive: timeout=5\r\n\r\n";
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let condition = Validators { etag: Some("\"v\"".parse().unwrap()), last_modified: None };
    let request = FetchRequest { condition, ..get("/") };
    let act = |mut connection: OriginConnection| async move { connection.send(ANSWER).await };
    let (fetched, ()) = fetched_from(&server, &origin, request, act).await;
    let Outcome::NotModified { fields } = fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(fields, self::fields(&[("etag", "\"v\"")]));

    // Nothing was sent that could hold.
    assert_eq!(kind(&super::fetched(ANSWER).await), FailureKind::NotHttp);
}

#[tokio::test]
async fn what_is_no_document_passes_through_untouched() {
    for (status, head) in [
        ("200 OK", "Content-Type: image/png\r\n"),
        ("200 OK", ""),
        ("200 OK", "Content-Type: text/event-stream\r\n"),
        ("200 OK", "Content-Type: multipart/mixed; boundary=a\r\n"),
        ("200 OK", "Content-Type: application/x-ndjson\r\n"),
        ("200 OK", "Content-Type: application/json-seq\r\n"),
        ("200 OK", "Content-Type: text/html; charset=iso-8859-1\r\n"),
        ("200 OK", "Content-Type: application/json\r\nContent-Encoding: deflate\r\n"),
        ("206 Partial Content", "Content-Type: application/json\r\nContent-Range: bytes 0-4/9\r\n"),
    ] {
        let answer =
            format!("HTTP/1.1 {status}\r\n{head}Connection: close\r\nContent-Length: 5\r\n\r\n\x00\x01abc");
        let fetched = fetched(answer).await;
        assert!(matches!(fetched.outcome, Outcome::Unfit(Unfit::MediaType)), "{head}: {:?}", fetched.outcome);
        let (response, body) = raw(fetched).await;
        assert_eq!(response.status().as_str(), &status[..3]);
        assert!(!response.headers().contains_key("connection"));
        let (sent, passed) =
            (head.contains("Encoding"), response.headers().get("content-encoding").is_some());
        assert_eq!(sent, passed, "an untouched body keeps its coding");
        assert_eq!(response.headers()["content-length"], "5");
        assert_eq!(&body[..], b"\x00\x01abc");
    }
}

#[tokio::test]
async fn an_origin_s_own_stream_is_handed_on_as_it_comes() {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    let act = |mut connection: OriginConnection| async move {
        connection.send(head).await;
        connection
    };
    let (fetched, mut connection) = fetched_from(&server, &origin, get("/"), act).await;
    assert!(matches!(fetched.outcome, Outcome::Unfit(Unfit::MediaType)));
    let mut body = fetched.raw.unwrap().into_body();
    for (next, expected) in [("data: 2\n\n", "data: 1\n\n"), ("data: 3\n\n", "data: 2\n\n")] {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
        connection.send(next).await;
    }
    // A reader that leaves takes the origin's connection with it.
    drop(body);
    connection.closed().await;
}

#[tokio::test]
async fn text_that_is_no_utf_8_passes_through() {
    let fetched =
        fetched(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na\xe4b").await;
    assert!(matches!(fetched.outcome, Outcome::Unfit(Unfit::MediaType)));
    assert_eq!(&raw(fetched).await.1[..], b"a\xe4b");
}

#[tokio::test]
async fn other_statuses_are_answers() {
    for status in ["204 No Content", "302 Found", "404 Not Found", "503 Service Unavailable"] {
        let body = if status.starts_with("204") { "" } else { "sorry" };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let fetched = fetched(format!("HTTP/1.1 {status}\r\nX-A: 1\r\n{length}\r\n{body}")).await;
        let Outcome::Answered(answer) = fetched.outcome else { panic!("{:?}", fetched.outcome) };
        assert_eq!(answer.status.as_str(), &status[..3]);
        assert_eq!((&answer.fields, &answer.body[..]), (&fields(&[("x-a", "1")]), body.as_bytes()));
        assert!(fetched.raw.is_none());
    }
}

#[tokio::test]
async fn an_answer_s_coding_is_removed_and_its_retry_date_counted() {
    let body = super::bodies::gzip(b"{\"error\":1}").await;
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    let head = format!(
        "HTTP/1.1 503 Away\r\nRetry-After: {date}\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let fetched = fetched([head.as_bytes(), &body].concat()).await;
    let Outcome::Answered(answer) = fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(&answer.body[..], b"{\"error\":1}");
    assert!(!answer.fields.contains_key("content-encoding"));
    let seconds: u64 = answer.fields["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    assert_eq!(fetched.wire_bytes, body.len() as u64);
}

#[tokio::test]
async fn an_error_that_is_too_large_is_a_failure_that_can_be_read() {
    let body = vec![b'x'; (1 << 20) + 5];
    let head = format!("HTTP/1.1 500 Oops\r\nRetry-After: 7\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let everything = [head.as_bytes(), &body].concat();
    // The body is larger than what is taken in, so the rest is sent while the reader reads.
    let task = tokio::spawn(async move {
        let (mut connection, _) = server.request().await;
        connection.send(everything).await;
    });
    let fetched = origin.fetch(get("/")).await;
    let Outcome::Failed(failure) = &fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(failure.kind, FailureKind::Status(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(raw(fetched).await.1, body);
    task.await.unwrap();
}

#[tokio::test]
async fn an_interim_answer_is_not_the_answer() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let fetched = fetched(answer).await;
    let Outcome::Fresh(representation) = fetched.outcome else { panic!("{:?}", fetched.outcome) };
    assert_eq!(representation.fields, fields(&[("content-type", "application/json")]));
}
