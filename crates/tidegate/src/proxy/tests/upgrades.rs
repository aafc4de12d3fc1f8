//! Upgrades: tunnels, refusals, and what is not asked for.

use super::*;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A client's text frame (RFC 6455 §5.2): final, masked, up to 125 bytes.
fn masked(text: &str) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81, 0x80 | text.len() as u8];
    frame.extend(mask);
    frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A server's text frame: final, not masked.
fn plain(text: &str) -> Vec<u8> {
    [&[0x81, text.len() as u8], text.as_bytes()].concat()
}

/// Reads a client's frame and returns its text.
async fn unmasked(connection: &mut OriginConnection) -> String {
    let head = connection.exactly(6).await;
    assert_eq!(head[0], 0x81);
    let text = connection.exactly((head[1] & 0x7f) as usize).await;
    let text = text.iter().zip(head[2..].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    String::from_utf8(text).unwrap()
}

/// A tunnel that both sides agreed to.
async fn tunnel(stage: &Stage) -> (RawClient, OriginConnection) {
    let (mut client, mut connection, request) = stage.send(HANDSHAKE).await;
    assert_eq!(request.line(), ("GET", "/chat"));
    assert_eq!((request.field("connection"), request.field("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(request.field("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    // What follows the head at once belongs to the tunnel already.
    connection.send([SWITCH.as_bytes(), &plain("welcome")].concat()).await;
    let head = client.head().await;
    assert_eq!(head.status(), "101");
    assert_eq!((head.field("connection"), head.field("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(client.exactly(9).await, plain("welcome"));
    (client, connection)
}

#[tokio::test]
async fn a_websocket_echoes_through_the_tunnel() {
    let stage = Stage::set().await;
    let (mut client, mut connection) = tunnel(&stage).await;
    for text in ["hello", "", "Grüße"] {
        client.send(masked(text)).await;
        let heard = unmasked(&mut connection).await;
        assert_eq!(heard, text);
        connection.send(plain(&heard)).await;
        assert_eq!(client.exactly(2 + text.len()).await, plain(text));
    }
    assert_eq!(stage.tunnels.open(), 1);
    drop(client);
    connection.closed().await;
}

#[tokio::test]
async fn an_origin_that_leaves_takes_the_client_s_tunnel_with_it() {
    let stage = Stage::set().await;
    let (mut client, mut connection) = tunnel(&stage).await;
    connection.send(plain("bye")).await;
    drop(connection);
    assert_eq!(client.rest().await, plain("bye"));
}

#[tokio::test]
async fn tunnels_end_with_the_program() {
    let stage = Stage::set().await;
    let (mut client, mut connection) = tunnel(&stage).await;
    stage.tunnels.close().await;
    assert_eq!(stage.tunnels.open(), 0);
    assert!(client.rest().await.is_empty());
    connection.closed().await;
}

#[tokio::test]
async fn an_origin_can_decline() {
    let stage = Stage::set().await;
    let (mut client, mut connection, _) = stage.send(HANDSHAKE).await;
    connection.answer("403 Forbidden", "", "no").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.field("upgrade")), ("403", None));
    assert_eq!(client.exactly(2).await, b"no");
    assert_eq!(stage.tunnels.open(), 0);
}

#[tokio::test]
async fn http_2_is_not_smuggled_past_the_gateway() {
    let stage = Stage::set().await;
    for (version, offered, expected) in [
        ("1.1", "h2c", None),
        ("1.1", "H2C, websocket", Some("websocket")),
        ("1.1", "irc/6.9", Some("irc/6.9")),
        ("1.0", "websocket", None),
    ] {
        let request = format!(
            "GET / HTTP/{version}\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {offered}\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        );
        let (_, _, request) = stage.send(request).await;
        assert_eq!(request.field("upgrade"), expected, "{version} {offered}");
        assert_eq!(request.field("connection"), expected.map(|_| "upgrade"));
        assert_eq!(request.field("http2-settings"), None);
    }
    // Without `Connection: upgrade` the field means nothing (RFC 9110 §7.8).
    let (_, _, request) = stage.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(request.field("upgrade"), None);
}
