//! Going on from a position: one patch, silence, or a snapshot that says why.

use crate::common::{Api, Cell, Event, Http, Replica, Setup, Stream, ok};

fn note(event: &Event) -> bool {
    event.comments.iter().any(|comment| comment.contains("continuity"))
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn big(number: u32) -> String {
    format!("{{\"fixed\":\"{}\",\"changes\":{number}}}", "x".repeat(300))
}

#[tokio::test]
async fn a_known_position_gets_one_patch_or_silence() {
    let body = Cell::<String>::new(big(0));
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut watching = Stream::open(gateway.address, "/q", &[]).await;
    let (first, _) = watching.begin().await;
    let mut replica = Replica::default();
    replica.take(&first);
    for number in 1..=3 {
        body.set(big(number));
        replica.catch_up(&mut watching, &big(number)).await;
    }
    let head = replica.id.clone().unwrap();
    let old = first.id.clone().unwrap();
    for by_parameter in [false, true] {
        let open = |id: String| async move {
            match by_parameter {
                true => {
                    let target = format!("/q?tidegate.last-event-id={id}");
                    Stream::open(gateway.address, &target, &[]).await
                }
                false => Stream::open(gateway.address, "/q", &[("Last-Event-ID", &*id)]).await,
            }
        };
        // From before three changes: their net effect, in one step.
        let mut resumed = open(old.clone()).await;
        let patch = resumed.expect("patch").await;
        assert_eq!(patch.id.as_ref(), Some(&head));
        let mut returning = Replica::default();
        returning.take(&first);
        returning.take(&patch);
        assert_eq!(returning.text(), big(3));
        let status = resumed.expect("status").await;
        assert!(status.retry.is_some() && status.status().get("continuity").is_none(), "{status:?}");

        // From the head: nothing but a status.
        let mut current = open(head.clone()).await;
        let status = current.expect("status").await;
        assert_eq!(status.state(), "live");
        assert!(status.status().get("continuity").is_none(), "{status:?}");
        drop((resumed, current));
    }
    // The header wins.
    let target = format!("/q?tidegate.last-event-id={old}");
    let mut current = Stream::open(gateway.address, &target, &[("Last-Event-ID", &head)]).await;
    current.expect("status").await;
    // What follows is the next change, for all of them.
    body.set(big(4));
    let next = current.expect("patch").await;
    assert!(next.id.unwrap().contains(".5."));
}

#[tokio::test]
async fn anything_else_gets_a_snapshot_that_says_so() {
    let api = Api::serve(|_| ok("[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    let mut watching = Stream::open(gateway.address, "/q", &[]).await;
    let ours = watching.begin().await.0.id.unwrap();
    let mut elsewhere = Stream::open(gateway.address, "/elsewhere", &[]).await;
    let foreign = elsewhere.begin().await.0.id.unwrap();
    let mut other_key = Stream::open(gateway.address, "/q", &[("X-Tenant", "b")]).await;
    let of_another = other_key.begin().await.0.id.unwrap();
    let earlier_run = ours.replacen(|_: char| true, "0", 1);
    let ahead = ours.replace(".1.", ".99.");
    let long = "1".repeat(4096);
    let mut ids: Vec<&[u8]> = vec![
        foreign.as_bytes(),
        of_another.as_bytes(),
        ahead.as_bytes(),
        b"42",
        b"null",
        b"<script>",
        b"\"quoted\"",
        b"...",
        b"\xff\xfe",
        "\u{e9}\u{1f642}".as_bytes(),
        long.as_bytes(),
    ];
    if earlier_run != ours {
        ids.push(earlier_run.as_bytes());
    }
    for id in ids {
        for by_parameter in [false, true] {
            // Percent-encoded bytes that are not UTF-8 are no text, and refused as such.
            if by_parameter && std::str::from_utf8(id).is_err() {
                continue;
            }
            let mut http = Http::connect(gateway.address).await;
            let (target, field) = match by_parameter {
                true => (format!("/q?tidegate.last-event-id={}", percent(id)), Vec::new()),
                false => ("/q".to_owned(), [b"Last-Event-ID: ", id, b"\r\n"].concat()),
            };
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n");
            http.send([head.as_bytes(), &field, b"\r\n"].concat()).await;
            let mut stream = Stream::answered(http).await;
            let (snapshot, status) = stream.begin().await;
            let shown = String::from_utf8_lossy(id);
            assert!(note(&snapshot), "{shown}: {snapshot:?}");
            assert_eq!((&*snapshot.data, snapshot.id.as_ref()), ("[1]", Some(&ours)), "{shown}");
            assert_eq!(status.status()["continuity"], "unproven", "{shown}");
        }
    }
    // Whoever says nothing is promised nothing.
    for fields in [&[][..], &[("Last-Event-ID", "")]] {
        let mut stream = Stream::open(gateway.address, "/q", fields).await;
        let (snapshot, status) = stream.begin().await;
        assert!(!note(&snapshot) && status.status().get("continuity").is_none(), "{snapshot:?}");
    }
    assert_eq!(api.asked(), 3, "resuming asks nobody");
}

#[tokio::test]
async fn a_position_outlives_its_subscribers_but_not_its_gateway() {
    let body = Cell::<String>::new(big(1));
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).route("linger = \"1h\"\n").start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let id = stream.begin().await.0.id.unwrap();
    drop(stream);
    body.set(big(2));
    let asked = api.asked();
    api.was_asked(asked + 2).await;
    let mut stream = Stream::open(gateway.address, "/q", &[("Last-Event-ID", &id)]).await;
    stream.expect("patch").await;
    gateway.close().await;

    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[("Last-Event-ID", &id)]).await;
    let (snapshot, status) = stream.begin().await;
    assert!(note(&snapshot));
    assert_ne!(snapshot.id, Some(id));
    assert_eq!(status.status()["continuity"], "unproven");
}
