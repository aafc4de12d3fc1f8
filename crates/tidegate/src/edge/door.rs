//! The front door: the first request of a connection, read here so that a live stream never has to leave anybody's
//! hands, and judged strictly.
//!
//! Only a request that is beyond doubt a stream's, or beyond doubt a trap, is decided on; everything else goes to
//! hyper, byte for byte. So whatever this does not understand cannot be understood in two ways.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Uri, Version};
use tidegate_core::negotiation;
use tidegate_hub::Body;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::asks::SUBSCRIBE;
use super::http2::PREFACE;
use crate::origin::no_body;

/// The longest head that is read here, in bytes. A longer one goes to hyper, which has a limit of its own.
const MOST_HEAD: usize = 16 * 1024;

/// The most fields that are read here.
const MOST_FIELDS: usize = 64;

/// What the first bytes of a connection are.
pub(super) enum First {
    /// A request that wants a stream, and how many bytes its head has.
    Stream(Box<Request<Body>>, usize),
    /// The preface of HTTP/2, whole.
    Http2,
    /// Two readers could take it for two different things; why.
    Ambiguous(&'static str),
    /// Something else.
    Other,
    /// Nothing: the client left.
    Nothing,
}

/// Reads the head of the first request. What was read stands in `read`, whatever it is.
pub(super) async fn first<I: AsyncRead + Unpin>(io: &mut I, read: &mut BytesMut) -> io::Result<First> {
    loop {
        let before = read.len();
        if io.read_buf(read).await? == 0 {
            // The rest will never come; hyper would say the same of a part.
            return Ok(First::Nothing);
        }
        let known = read.len().min(PREFACE.len());
        if read[..known] == PREFACE[..known] {
            match known == PREFACE.len() {
                true => return Ok(First::Http2),
                false => continue,
            }
        }
        if !is_plausible(read, before) || read.len() > MOST_HEAD {
            return Ok(First::Other);
        }
        let searched = before.saturating_sub(3);
        if let Some(end) = memchr::memmem::find(&read[searched..], b"\r\n\r\n") {
            return Ok(judge(&read[..searched + end + 4]));
        }
    }
}

/// Whether it can still become the head of a GET with proper line ends; the first `known` bytes were found to.
fn is_plausible(read: &[u8], known: usize) -> bool {
    const GET: &[u8] = b"GET /";
    let start = read.len().min(GET.len());
    // A bare LF ends a line for some readers and not for others (RFC 9112 §2.2).
    let bare = memchr::memchr_iter(b'\n', &read[known..]).any(|at| {
        let at = known + at;
        at == 0 || read[at - 1] != b'\r'
    });
    read[..start] == GET[..start] && !bare
}

/// What a complete head asks for.
fn judge(head: &[u8]) -> First {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    if !matches!(parsed.parse(head), Ok(httparse::Status::Complete(length)) if length == head.len()) {
        return First::Other;
    }
    let version = match parsed.version {
        Some(1) => Version::HTTP_11,
        Some(0) => Version::HTTP_10,
        _ => return First::Other,
    };
    let Some(fields) = field_map(parsed.headers) else { return First::Other };
    if fields.contains_key(CONTENT_LENGTH) && fields.contains_key(TRANSFER_ENCODING) {
        // RFC 9112 §6.1: it ought to be handled as an error.
        return First::Ambiguous("the request has both `Content-Length` and `Transfer-Encoding`");
    }
    let Some(target) = parsed.path else { return First::Other };
    let simple =
        ![CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, EXPECT].iter().any(|name| fields.contains_key(name))
            && !names_upgrade(&fields)
            && fields.get_all(HOST).iter().count() == usize::from(version == Version::HTTP_11);
    if !simple || !may_want_a_stream(target, &fields) {
        return First::Other;
    }
    let Ok(uri) = target.parse::<Uri>() else { return First::Other };
    let mut request = Request::new(no_body());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = fields;
    First::Stream(Box::new(request), head.len())
}

fn field_map(parsed: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        fields.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(fields)
}

fn names_upgrade(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// Whether it is worth asking the gateway: it decides by more than what is looked at here.
fn may_want_a_stream(target: &str, fields: &HeaderMap) -> bool {
    let named = negotiation::names_stream(fields) || fields.contains_key(SUBSCRIBE);
    named || target.split_once('?').is_some_and(|(_, query)| query.contains("tidegate."))
}

/// Reads on while a request is being answered: what comes meanwhile is kept for later. Comes back when the client has
/// closed, and never while it is only silent, or has said more than is kept.
pub(super) async fn until_closed<I: AsyncRead + Unpin>(io: &mut I, read: &mut BytesMut) {
    while read.len() < MOST_HEAD {
        match io.read_buf(read).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    std::future::pending().await
}

/// What was read, to be read again.
pub(super) fn again(read: BytesMut) -> Bytes {
    let mut read = read;
    read.copy_to_bytes(read.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(bytes: &[u8], piece: usize) -> (First, BytesMut) {
        let mut io = tokio_test_io(bytes, piece);
        let mut read = BytesMut::new();
        let first = first(&mut io, &mut read).await.expect("reading from memory does not fail");
        (first, read)
    }

    /// Reads from memory in pieces.
    struct Pieces<'a>(&'a [u8], usize);

    fn tokio_test_io(bytes: &[u8], piece: usize) -> Pieces<'_> {
        Pieces(bytes, piece)
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            let count = self.0.len().min(self.1).min(buffer.remaining());
            let (now, later) = self.0.split_at(count);
            buffer.put_slice(now);
            self.0 = later;
            std::task::Poll::Ready(Ok(()))
        }
    }

    fn name(first: &First) -> &'static str {
        match first {
            First::Stream(..) => "stream",
            First::Http2 => "http2",
            First::Ambiguous(_) => "ambiguous",
            First::Other => "other",
            First::Nothing => "nothing",
        }
    }

    #[tokio::test]
    async fn only_what_is_beyond_doubt_is_a_stream() {
        let stream = "host: h\r\naccept: text/event-stream\r\n";
        for (head, expected) in [
            (format!("GET /a HTTP/1.1\r\n{stream}\r\n"), "stream"),
            (format!("GET /a?b=c HTTP/1.1\r\n{stream}cookie: a=b\r\n\r\n"), "stream"),
            ("GET /a HTTP/1.1\r\nHost: h\r\nAccept: a/b, Text/Event-Stream;q=1\r\n\r\n".to_owned(), "stream"),
            ("GET /a?tidegate.accept=text%2Fevent-stream HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "stream"),
            ("GET /a HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n".to_owned(), "stream"),
            ("GET /a HTTP/1.1\r\nHost: h\r\nAccept: application/x-ndjson\r\n\r\n".to_owned(), "stream"),
            ("GET /a HTTP/1.1\r\nHost: h\r\nSubscribe: true\r\n\r\n".to_owned(), "stream"),
            ("GET /a HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n".to_owned(), "other"),
            (format!("HEAD /a HTTP/1.1\r\n{stream}\r\n"), "other"),
            (format!("GET http://h/a HTTP/1.1\r\n{stream}\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}content-length: 0\r\n\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}transfer-encoding: chunked\r\n\r\n"), "other"),
            (
                format!("GET /a HTTP/1.1\r\n{stream}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"),
                "ambiguous",
            ),
            (format!("GET /a HTTP/1.1\r\n{stream}connection: Upgrade\r\nupgrade: x\r\n\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}host: other\r\n\r\n"), "other"),
            ("GET /a HTTP/1.1\r\naccept: text/event-stream\r\n\r\n".to_owned(), "other"),
            (format!("GET /a HTTP/1.1\n{stream}\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}x: a\n b\r\n\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}x : a\r\n\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}x: a\r\n b\r\n\r\n"), "other"),
            (format!("GET /a HTTP/2.0\r\n{stream}\r\n"), "other"),
            (format!("GET /a b HTTP/1.1\r\n{stream}\r\n"), "other"),
            (format!("GET /a HTTP/1.1\r\n{stream}\r\nGET /b HTTP/1.1\r\n"), "stream"),
            (format!("\r\nGET /a HTTP/1.1\r\n{stream}\r\n"), "other"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}".to_owned(), "http2"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n".to_owned(), "nothing"),
            ("PRI * HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), "other"),
            (format!("PRI /a HTTP/1.1\r\n{stream}\r\n"), "other"),
            ("\u{16}\u{3}\u{1}".to_owned(), "other"),
            (String::new(), "nothing"),
            ("GET /a HTTP/1.1\r\nhost:".to_owned(), "nothing"),
            (format!("GET /{} HTTP/1.1\r\n{stream}\r\n", "a".repeat(MOST_HEAD)), "other"),
        ] {
            let (first, read) = of(head.as_bytes(), usize::MAX).await;
            assert_eq!(name(&first), expected, "{head:?}");
            assert!(head.as_bytes().starts_with(&read), "what was read can be read again");
            if let First::Stream(_, length) = first {
                assert!(head[..length].ends_with("\r\n\r\n"), "where the request ends");
            }
        }
    }

    #[tokio::test]
    async fn how_the_bytes_come_changes_nothing() {
        let head = "GET /a HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";
        for piece in 1..head.len() {
            let (first, read) = of(head.as_bytes(), piece).await;
            assert_eq!((name(&first), &read[..]), ("stream", head.as_bytes()), "{piece}");
        }
    }

    #[tokio::test]
    async fn the_request_is_what_was_sent() {
        let head =
            "GET /a?b HTTP/1.1\r\nHost: h\r\nACCEPT: text/event-stream\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n";
        let (First::Stream(request, _), _) = of(head.as_bytes(), 7).await else { panic!("a stream") };
        assert_eq!(request.uri(), "/a?b");
        assert_eq!(request.version(), Version::HTTP_11);
        let twice: Vec<_> = request.headers().get_all("x-twice").iter().collect();
        assert_eq!(twice, ["1", "2"]);
    }
}
