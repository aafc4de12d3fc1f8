//! A client of WebSockets (RFC 6455), frame by frame, and what it is told of its subscriptions.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Event, Http, Identity};

/// Where a WebSocket is opened.
pub(crate) const PATH: &str = "/.tidegate/ws";

/// The fields of a handshake, that of the standard's example.
pub(crate) const HANDSHAKE: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "tidegate.v1"),
];

/// What comes from the gateway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Message(Value),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
}

/// A client's frame, masked.
pub(crate) fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0xa2, 0x33, 0xc4];
    let mut out = vec![first];
    match content.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// A text message.
pub(crate) fn text(message: &Value) -> Vec<u8> {
    frame(0x81, message.to_string().as_bytes())
}

/// What an event stream's event would be, for a replica.
pub(crate) fn event(message: &Value) -> Event {
    Event {
        kind: message["event"].as_str().unwrap_or_default().to_owned(),
        id: message["id"].as_str().map(str::to_owned),
        data: message["data"].to_string(),
        ..Event::default()
    }
}

/// An open connection.
pub(crate) struct WebSocket {
    pub(crate) http: Http,
    read: Vec<u8>,
}

impl WebSocket {
    pub(crate) async fn open(address: SocketAddr, fields: &[(&str, &str)]) -> WebSocket {
        WebSocket::open_on(Http::connect(address).await, fields, b"").await
    }

    pub(crate) async fn open_tls(address: SocketAddr, identity: &Identity) -> WebSocket {
        WebSocket::open_on(Http::connect_tls(address, identity).await, &[], b"").await
    }

    /// On a given connection, with bytes that follow the handshake at once.
    pub(crate) async fn open_on(mut http: Http, fields: &[(&str, &str)], first: &[u8]) -> WebSocket {
        let fields: Vec<_> = HANDSHAKE.iter().chain(fields).copied().collect();
        http.send([&super::request("GET", PATH, &fields)[..], first].concat()).await;
        let head = http.head().await;
        assert_eq!(head.status, 101, "{head:?}");
        assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.field("sec-websocket-protocol"), Some("tidegate.v1"));
        assert_eq!(head.field("sec-websocket-extensions"), None);
        WebSocket { http, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.http.send(text(message)).await;
    }

    pub(crate) async fn subscribe(&mut self, sub: u32, url: &str) {
        self.send(&json!({ "op": "subscribe", "sub": sub, "url": url })).await;
    }

    /// The next frame: its first byte and its content; none when the connection was closed.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let (length, header) = match self.read.get(1) {
                Some(126) if self.read.len() >= 4 => {
                    (usize::from(u16::from_be_bytes([self.read[2], self.read[3]])), 4)
                }
                Some(127) if self.read.len() >= 10 => {
                    (u64::from_be_bytes(self.read[2..10].try_into().unwrap()) as usize, 10)
                }
                Some(length @ 0..126) => (usize::from(*length), 2),
                _ => (usize::MAX - 10, 10),
            };
            if self.read.len() >= header + length {
                let mut frame: Vec<u8> = self.read.drain(..header + length).collect();
                return Some((frame[0], frame.split_off(header)));
            }
            self.read.extend(self.http.some().await?);
        }
    }

    /// What comes next; none when the connection was closed.
    pub(crate) async fn next(&mut self) -> Option<Got> {
        let mut begun: Option<Vec<u8>> = None;
        loop {
            let Some((first, content)) = self.frame().await else {
                assert!(begun.is_none(), "closed in a message");
                return None;
            };
            match first {
                0x01 if begun.is_none() => begun = Some(content),
                0x81 if begun.is_none() => return Some(Got::Message(parse(&content))),
                0x80 if begun.is_some() => {
                    let whole = [&begun.unwrap_or_default()[..], &content].concat();
                    return Some(Got::Message(parse(&whole)));
                }
                0x88 => {
                    let (code, reason) = content.split_at(2);
                    let code = u16::from_be_bytes([code[0], code[1]]);
                    return Some(Got::Close(code, String::from_utf8(reason.to_vec()).unwrap()));
                }
                0x89 => return Some(Got::Ping),
                0x8a => return Some(Got::Pong(content)),
                other => panic!("a frame that begins with {other:#x}"),
            }
        }
    }

    /// The next message. Pings are answered.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Got::Message(message)) if message["event"] == "heartbeat" => {}
                Some(Got::Message(message)) => return message,
                Some(Got::Ping) => self.http.try_send(frame(0x8a, b"")).await,
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// The next message of a subscription, but for statuses.
    pub(crate) async fn update(&mut self) -> Value {
        loop {
            let message = self.message().await;
            if message["event"] != "status" {
                return message;
            }
        }
    }

    /// What a subscription begins with; gives the snapshot.
    pub(crate) async fn begun(&mut self, sub: u32) -> Value {
        let open = self.message().await;
        assert_eq!((&open["sub"], &open["event"]), (&json!(sub), &json!("open")), "{open}");
        let snapshot = self.message().await;
        assert_eq!((&snapshot["sub"], &snapshot["event"]), (&json!(sub), &json!("snapshot")), "{snapshot}");
        let status = self.message().await;
        assert_eq!((&status["sub"], &status["event"]), (&json!(sub), &json!("status")), "{status}");
        assert!(status["retry"].is_u64(), "{status}");
        snapshot
    }

    /// Subscribes, and reads the beginning.
    pub(crate) async fn begin(&mut self, sub: u32, url: &str) -> Value {
        self.subscribe(sub, url).await;
        self.begun(sub).await
    }

    /// The refusal of a subscription: the problem, and whether it says when to try again.
    pub(crate) async fn error(&mut self, sub: Option<u32>) -> (Value, bool) {
        let message = self.message().await;
        assert_eq!(message["event"], "error", "{message}");
        assert_eq!(message["sub"].as_u64(), sub.map(u64::from), "{message}");
        let retry = message["retry_in_ms"].as_u64();
        assert!(retry.is_none_or(|retry| retry >= 1000), "{message}");
        (message["data"].clone(), retry.is_some())
    }

    /// The close frame, behind whatever else comes, and the end of the connection.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let mut close = None;
        while let Some(got) = self.next().await {
            assert!(close.is_none(), "nothing behind the close frame, but {got:?}");
            if let Got::Close(code, reason) = got {
                close = Some((code, reason));
            }
        }
        close.expect("a close frame")
    }
}

fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(text)))
}
