//! Bodies: codings, limits, and ends that are none.

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use tidegate_core::{Phase, Unfit};
use tokio::io::AsyncReadExt;

use super::*;

pub(super) async fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    GzipEncoder::new(content).read_to_end(&mut encoded).await.unwrap();
    encoded
}

fn json(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

fn sized(coding: &str, body: &[u8]) -> Vec<u8> {
    json(&format!("Content-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len()), body)
}

fn document(fetched: &Fetched) -> &[u8] {
    match &fetched.outcome {
        Outcome::Fresh(representation) => &representation.body,
        other => panic!("expected a representation, got {other:?}"),
    }
}

#[tokio::test]
async fn codings_are_removed() {
    let content = b"[1,2,3,4,5,6,7,8,9,10]";
    let (mut brotli, mut zstd, mut both) = (Vec::new(), Vec::new(), Vec::new());
    BrotliEncoder::new(&content[..]).read_to_end(&mut brotli).await.unwrap();
    ZstdEncoder::new(&content[..]).read_to_end(&mut zstd).await.unwrap();
    let gzip = gzip(content).await;
    BrotliEncoder::new(&gzip[..]).read_to_end(&mut both).await.unwrap();
    for (coding, body) in [
        ("gzip", &gzip),
        ("br", &brotli),
        ("zstd", &zstd),
        ("gzip, br", &both),
        ("identity", &content.to_vec()),
    ] {
        let fetched = fetched(sized(coding, body)).await;
        assert_eq!(document(&fetched), content, "{coding}");
        assert_eq!(fetched.wire_bytes, body.len() as u64, "{coding}");
        let Outcome::Fresh(representation) = &fetched.outcome else { unreachable!("just looked at") };
        assert!(!representation.fields.contains_key("content-encoding"), "{coding}");
    }
}

#[tokio::test]
async fn a_compression_bomb_costs_no_more_than_the_limit() {
    let bomb = gzip(&vec![b' '; 500_000]).await;
    assert!(bomb.len() < 1000);
    let fetched = fetched(sized("gzip", &bomb)).await;
    assert_eq!(kind(&fetched), FailureKind::TooLarge);
    let (response, body) = raw(fetched).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(body, bomb);
}

#[tokio::test]
async fn a_body_that_is_not_in_its_coding_is_broken() {
    let cut = gzip(b"[1,2,3]").await;
    assert_eq!(kind(&fetched(sized("gzip", &cut[..cut.len() - 4])).await), FailureKind::Undecodable);
    assert_eq!(kind(&fetched(sized("gzip", b"[1,2,3]")).await), FailureKind::Undecodable);
}

#[tokio::test]
async fn chunks_make_one_body() {
    let chunked =
        json("Transfer-Encoding: chunked\r\n", b"3\r\n[1,\r\n2;ext=1\r\n2]\r\n0\r\nX-Trailer: 1\r\n\r\n");
    let fetched = fetched(chunked).await;
    assert_eq!(document(&fetched), b"[1,2]");
    assert_eq!(fetched.wire_bytes, 5);
}

#[tokio::test]
async fn a_body_that_was_cut_off_is_no_document() {
    for (answer, expected) in [
        (json("Content-Length: 9\r\n", b"[1,2]"), FailureKind::WrongLength),
        (json("Transfer-Encoding: chunked\r\n", b"5\r\n[1,2]\r\n"), FailureKind::Truncated),
        (json("Transfer-Encoding: chunked\r\n", b"9\r\n[1,2]"), FailureKind::Truncated),
        (json("Transfer-Encoding: chunked\r\n", b"zz\r\n[1,2]\r\n0\r\n\r\n"), FailureKind::NotHttp),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nsorry".to_vec(), FailureKind::WrongLength),
    ] {
        let fetched = fetched(&answer).await;
        assert_eq!(kind(&fetched), expected, "{}", String::from_utf8_lossy(&answer));
        assert!(fetched.raw.is_none());
    }
}

#[tokio::test]
async fn the_end_of_the_connection_ends_only_what_shows_its_own_end() {
    let zipped = gzip(b"plain").await;
    let text = |fields: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}\r\n");
        [head.as_bytes(), body].concat()
    };
    assert_eq!(document(&fetched(json("", b"[1,2]\n")).await), b"[1,2]\n");
    assert_eq!(document(&fetched(text("Content-Encoding: gzip\r\n", &zipped)).await), b"plain");
    for (answer, body) in [(json("", b"12"), &b"12"[..]), (text("", b"half a li"), b"half a li")] {
        let fetched = fetched(&answer).await;
        assert!(matches!(fetched.outcome, Outcome::Unfit(Unfit::MediaType)), "{:?}", fetched.outcome);
        assert_eq!(raw(fetched).await.1, body);
    }
}

#[tokio::test]
async fn bodies_over_the_limit_pass_through() {
    let body = vec![b'1'; 1001];
    let chunked = [b"3e9\r\n", &body[..], b"\r\n3\r\n222\r\n0\r\n\r\n"].concat();
    let longer = [&body[..], b"222"].concat();
    for (answer, body) in [
        (json("Content-Length: 1001\r\n", &body), &body),
        (json("Transfer-Encoding: chunked\r\n", &chunked), &longer),
    ] {
        let fetched = fetched(answer).await;
        assert!(matches!(fetched.outcome, Outcome::Unfit(Unfit::TooLarge)), "{:?}", fetched.outcome);
        assert_eq!(raw(fetched).await.1, body);
    }
    let fits = json("Content-Length: 1000\r\n", &body[..1000]);
    assert_eq!(document(&fetched(fits).await), &body[..1000]);
}

#[tokio::test]
async fn a_slow_body_is_handed_to_the_impatient() {
    let server = ScriptedOrigin::bind().await;
    let origin = HttpOrigin::new(settings(&server.url())).unwrap().with_patience(SOON);
    for (status, is_failure) in [("200 OK", false), ("201 Created", false), ("500 Oops", true)] {
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n[1,");
        let act = |mut connection: OriginConnection| async move {
            connection.send(head).await;
            connection
        };
        let (fetched, mut connection) = fetched_from(&server, &origin, impatiently("/"), act).await;
        match &fetched.outcome {
            Outcome::Unfit(Unfit::Slow) => assert!(!is_failure),
            Outcome::Failed(failure) if is_failure => {
                assert!(matches!(failure.kind, FailureKind::Status(status) if status == 500));
            }
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(fetched.wire_bytes, 3);
        connection.send("2]").await;
        assert_eq!(&raw(fetched).await.1[..], b"[1,2]");
        drop(connection);
    }
}

#[tokio::test]
async fn the_patient_wait_until_the_time_out_however_the_body_drips() {
    let server = ScriptedOrigin::bind().await;
    let settings = OriginSettings { body_timeout: SOON, ..settings(&server.url()) };
    let origin = HttpOrigin::new(settings).unwrap();
    let fetching = tokio::spawn(origin.fetch(get("/")));
    let (mut connection, _) = server.request().await;
    connection.send(json("Content-Length: 900\r\n", b"[")).await;
    let fetched = fetching.await.unwrap();
    assert_eq!(kind(&fetched), FailureKind::TimedOut(Phase::Body));
    assert_eq!(fetched.wire_bytes, 1);
    connection.closed().await;
}
