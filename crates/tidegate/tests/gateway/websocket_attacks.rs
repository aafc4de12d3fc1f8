//! WebSocket clients that do what they may not.

use serde_json::json;

use crate::common::websocket::{Got, WebSocket, frame};
use crate::common::{Http, Setup, counting, until};

#[tokio::test]
async fn each_violation_has_its_code() {
    let (api, _) = counting(20).await;
    let gateway = Setup::new(api.url()).start().await;
    let fragments = || {
        let mut bytes = frame(0x01, b"");
        (0..1024).for_each(|_| bytes.extend(frame(0x00, b"")));
        bytes
    };
    for (bytes, code) in [
        (vec![0x81, 0x02, b'{', b'}'], 1002),
        (frame(0xc1, b"{}"), 1002),
        (frame(0x83, b"{}"), 1002),
        (frame(0x80, b"{}"), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (frame(0x88, &[0x03]), 1002),
        (frame(0x88, &[0x03, 0xed]), 1002),
        (frame(0x82, b"{}"), 1003),
        (frame(0x81, b"\xff\xfe"), 1007),
        (fragments(), 1008),
        // Its length says it: nothing of the message has to come.
        (vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4], 1009),
    ] {
        let mut client = WebSocket::open(gateway.address, &[]).await;
        client.begin(1, "/a").await;
        client.http.send(&bytes).await;
        client.http.send(frame(0x81, b"{}")).await;
        let (closed, reason) = client.closed().await;
        assert_eq!(closed, code, "{reason}");
        assert!(!reason.is_empty());
    }
    until("all are let go of", || async { gateway.subscribers().await == 0 }).await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_borne_with_for_a_while() {
    let (api, _) = counting(20).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    client.begin(1, "/a").await;
    let mut bytes = Vec::new();
    for _ in 0..100 {
        bytes.extend(frame(0x81, b"what?"));
    }
    client.http.send(&bytes).await;
    let mut errors = 0;
    loop {
        match client.next().await {
            Some(Got::Message(message)) if message["event"] == "error" => errors += 1,
            Some(Got::Message(message)) => assert_eq!(message["event"], "end", "{message}"),
            Some(Got::Close(code, _)) => {
                assert_eq!(code, 1008);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(errors, 65);
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn pings_without_end_from_one_who_reads_nothing() {
    let (api, _) = counting(20).await;
    let gateway = Setup::new(api.url()).start().await;
    let http = Http::connect_narrow(gateway.address).await;
    let mut client = WebSocket::open_on(http, &[], b"").await;
    client.subscribe(1, "/a").await;
    until("it is there", || async { gateway.subscribers().await == 1 }).await;
    let pings = frame(0x89, b"0123456789").repeat(4096);
    let mut sent = 0;
    while gateway.subscribers().await == 1 {
        // The gateway reads until what it owes is too much, and then the connection is gone.
        client.http.try_send(&pings).await;
        sent += 1;
        assert!(sent < 400, "it is answered for ever");
    }
}

#[tokio::test]
async fn a_message_may_come_in_pieces_with_pings_between_them() {
    let (api, _) = counting(20).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut client = WebSocket::open(gateway.address, &[]).await;
    let message = json!({ "op": "subscribe", "sub": 5, "url": "/a" }).to_string();
    let (first, rest) = message.as_bytes().split_at(9);
    let all = [frame(0x01, first), frame(0x89, b"p"), frame(0x80, rest)].concat();
    for byte in all {
        client.http.send([byte]).await;
    }
    assert_eq!(client.next().await, Some(Got::Pong(b"p".to_vec())));
    client.begun(5).await;
}
