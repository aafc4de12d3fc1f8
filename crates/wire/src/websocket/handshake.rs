//! The opening handshake, read (RFC 6455 §4.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method, StatusCode, Version};

/// The subprotocol that a connection speaks.
pub const SUBPROTOCOL: &str = "tidegate.v1";

/// What every key is joined with (§1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake that can be accepted: with 101 and `Upgrade: websocket`, `Connection: Upgrade`, and these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// The value of `Sec-WebSocket-Protocol`; none where the client named no subprotocol, and then the answer may not
    /// name one either.
    pub protocol: Option<&'static str>,
}

/// Why a handshake cannot be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// Another method than `GET`.
    Method,
    /// Another version of HTTP than 1.1, which is the one that `Upgrade` is for.
    HttpVersion,
    /// No wish for a WebSocket: no `Upgrade: websocket`, or no `Connection: Upgrade`.
    NoUpgrade,
    /// Not exactly one `Host`.
    Host,
    /// Another `Sec-WebSocket-Version` than 13, or none.
    Version,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    Key,
    /// Subprotocols, and [`SUBPROTOCOL`] not among them.
    Protocol,
}

impl HandshakeError {
    /// The status of the refusal.
    pub fn status(self) -> StatusCode {
        match self {
            HandshakeError::Method => StatusCode::METHOD_NOT_ALLOWED,
            HandshakeError::NoUpgrade | HandshakeError::Version => StatusCode::UPGRADE_REQUIRED,
            HandshakeError::HttpVersion
            | HandshakeError::Host
            | HandshakeError::Key
            | HandshakeError::Protocol => StatusCode::BAD_REQUEST,
        }
    }

    /// The fields that the refusal has to carry (RFC 9110 §15.5.6 and §15.5.22, RFC 6455 §4.4).
    pub fn fields(self) -> &'static [(HeaderName, &'static str)] {
        match self {
            HandshakeError::Method => &[(http::header::ALLOW, "GET")],
            HandshakeError::NoUpgrade => &[(UPGRADE, "websocket"), (CONNECTION, "Upgrade")],
            HandshakeError::Version => {
                &[(UPGRADE, "websocket"), (CONNECTION, "Upgrade"), (SEC_WEBSOCKET_VERSION, "13")]
            }
            _ => &[],
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Method => f.write_str("a WebSocket begins with a GET"),
            HandshakeError::HttpVersion => f.write_str("a WebSocket begins on HTTP/1.1"),
            HandshakeError::NoUpgrade => {
                f.write_str("this is a WebSocket: it needs `Upgrade: websocket` and `Connection: Upgrade`")
            }
            HandshakeError::Host => f.write_str("it needs one `Host`"),
            HandshakeError::Version => f.write_str("`Sec-WebSocket-Version` has to be 13"),
            HandshakeError::Key => f.write_str("`Sec-WebSocket-Key` has to be 16 bytes in base64"),
            HandshakeError::Protocol => {
                write!(f, "of the subprotocols in `Sec-WebSocket-Protocol` none is {SUBPROTOCOL}")
            }
        }
    }
}

impl std::error::Error for HandshakeError {}

impl Handshake {
    /// Reads a request's head (§4.2.1). Who may connect from which origin is for the caller to decide.
    pub fn read(method: &Method, version: Version, fields: &HeaderMap) -> Result<Handshake, HandshakeError> {
        if method != Method::GET {
            return Err(HandshakeError::Method);
        }
        if !names(fields, &UPGRADE, "websocket") || !names(fields, &CONNECTION, "upgrade") {
            return Err(HandshakeError::NoUpgrade);
        }
        if version != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        one(fields, &HOST).ok_or(HandshakeError::Host)?;
        if one(fields, &SEC_WEBSOCKET_VERSION) != Some("13") {
            return Err(HandshakeError::Version);
        }
        let key = one(fields, &SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
        if STANDARD.decode(key).map(|bytes| bytes.len()) != Ok(16) {
            return Err(HandshakeError::Key);
        }
        let protocol = fields.contains_key(SEC_WEBSOCKET_PROTOCOL).then_some(SUBPROTOCOL);
        if protocol
            .is_some_and(|name| !elements(fields, &SEC_WEBSOCKET_PROTOCOL).any(|element| element == name))
        {
            return Err(HandshakeError::Protocol);
        }
        Ok(Handshake { accept: accept_key(key), protocol })
    }
}

/// What proves that the key was read (§4.2.2). SHA-1 protects nothing here.
fn accept_key(key: &str) -> String {
    let mut digest = sha1_smol::Sha1::new();
    digest.update(key.as_bytes());
    digest.update(GUID);
    STANDARD.encode(digest.digest().bytes())
}

/// The value of a field that is there once.
fn one<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = fields.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

/// The elements of a list that may be spread over several fields (RFC 9110 §5.6.1).
fn elements<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = fields.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn names(fields: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    elements(fields, name).any(|element| element.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// The handshake of RFC 6455 §1.3 with changes; an empty value removes the field.
    fn read(changes: &[(&'static str, &'static str)]) -> Result<Handshake, HandshakeError> {
        let mut fields = HeaderMap::new();
        let usual = [
            ("host", "server.example.com"),
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        for (name, value) in usual {
            fields.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in changes {
            match *value {
                "" => fields.remove(*name),
                value => fields.insert(*name, HeaderValue::from_static(value)),
            };
        }
        Handshake::read(&Method::GET, Version::HTTP_11, &fields)
    }

    #[test]
    fn the_standards_example() {
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        assert_eq!(read(&[]), Ok(Handshake { accept: accept.clone(), protocol: None }));
        // As browsers write it.
        let browser = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-protocol", "graphql-ws,tidegate.v1"),
        ];
        assert_eq!(read(&browser), Ok(Handshake { accept, protocol: Some("tidegate.v1") }));
    }

    #[test]
    fn each_refusal() {
        let check = |changes: &[(&'static str, &'static str)], expected: HandshakeError, status: u16| {
            assert_eq!(read(changes), Err(expected));
            assert_eq!(expected.status().as_u16(), status);
        };
        check(&[("upgrade", "")], HandshakeError::NoUpgrade, 426);
        check(&[("upgrade", "h2c")], HandshakeError::NoUpgrade, 426);
        check(&[("connection", "close")], HandshakeError::NoUpgrade, 426);
        check(&[("host", "")], HandshakeError::Host, 400);
        check(&[("sec-websocket-version", "")], HandshakeError::Version, 426);
        check(&[("sec-websocket-version", "8")], HandshakeError::Version, 426);
        check(&[("sec-websocket-key", "")], HandshakeError::Key, 400);
        check(&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25j")], HandshakeError::Key, 400);
        check(&[("sec-websocket-key", "not base64 at all!")], HandshakeError::Key, 400);
        check(&[("sec-websocket-protocol", "graphql-ws")], HandshakeError::Protocol, 400);
        check(&[("sec-websocket-protocol", "Tidegate.V1")], HandshakeError::Protocol, 400);
        assert!(HandshakeError::Version.fields().contains(&(SEC_WEBSOCKET_VERSION, "13")));

        let fields = HeaderMap::new();
        let read = |method, version| Handshake::read(&method, version, &fields).unwrap_err();
        assert_eq!(read(Method::POST, Version::HTTP_11), HandshakeError::Method);
        assert_eq!(read(Method::GET, Version::HTTP_11), HandshakeError::NoUpgrade);
        let mut two = HeaderMap::new();
        two.append(UPGRADE, HeaderValue::from_static("h2c"));
        two.append(UPGRADE, HeaderValue::from_static("websocket"));
        two.append(CONNECTION, HeaderValue::from_static("upgrade"));
        assert_eq!(Handshake::read(&Method::GET, Version::HTTP_10, &two), Err(HandshakeError::HttpVersion));
        assert_eq!(Handshake::read(&Method::GET, Version::HTTP_11, &two), Err(HandshakeError::Host));
    }
}
