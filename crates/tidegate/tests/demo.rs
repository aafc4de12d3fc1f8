//! The demo as people start it: the program itself, its three ports, and signals.

mod program;

use std::net::TcpListener;

use http::{Method, StatusCode};
use program::{Answer, Demo, Program, eventually};
use serde_json::Value;
use tidegate_client::Update;

/// A number of `/stats`, by its way and its name.
fn count(stats: &Value, way: &str, name: &str) -> u64 {
    stats["ways"][way][name].as_u64().unwrap_or_else(|| panic!("{way}.{name} in {stats}"))
}

#[tokio::test]
async fn the_page_and_all_that_it_names_are_served() {
    let demo = Demo::start().await;
    let index = demo.page(Method::GET, "/", &[]).await;
    assert_eq!(index.status, StatusCode::OK);
    assert_eq!(index.field("content-type"), "text/html; charset=utf-8");
    assert_eq!(index.field("cache-control"), "no-cache");
    let named = index.text().split('"').filter_map(|text| text.strip_prefix("./"));
    let named: Vec<&str> = named.filter(|name| name.contains('.')).collect();
    for name in &named {
        let answer = demo.page(Method::GET, &format!("/{name}"), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        let immutable = answer.field("cache-control").contains("immutable");
        assert_eq!(immutable, name.starts_with("assets/"), "{name}");
    }

    let script = named.iter().find(|name| name.ends_with(".js")).expect("the page has a script");
    let script = format!("/{script}");
    let gzip = ("accept-encoding", "gzip");
    let plain = demo.page(Method::GET, &script, &[]).await;
    let packed = demo.page(Method::GET, &script, &[gzip]).await;
    assert_eq!(packed.field("content-encoding"), "gzip");
    assert_eq!(packed.gunzip(), plain.body);
    assert_ne!(packed.field("etag"), plain.field("etag"));
    let again = demo.page(Method::GET, &script, &[gzip, ("if-none-match", packed.field("etag"))]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = demo.page(Method::HEAD, &script, &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.field("content-length"), plain.body.len().to_string());

    for path in ["/assets/none.js", "/../Cargo.toml", "//"] {
        assert_eq!(demo.page(Method::GET, path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let posted = demo.page(Method::POST, "/", &[]).await;
    assert_eq!((posted.status, posted.field("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
}

#[tokio::test]
async fn the_facts_are_those_of_this_demo() {
    let demo = Demo::start().await;
    let answer = demo.page(Method::GET, "/demo.json", &[]).await;
    assert_eq!(answer.field("cache-control"), "no-store");
    let facts = answer.json();
    assert_eq!(facts["gateway_port"], demo.gateway_port());
    assert_eq!(facts["market_port"], demo.market_port());
    assert_eq!((&facts["poll_ms"], &facts["symbols"]), (&Value::from(50), &Value::from(20)));
    let board = demo.market("/quotes").await.json();
    assert_eq!(board.as_array().map(Vec::len), Some(20));
    // The page comes from another port than the gateway's answers that it reads.
    let read = Answer::of(demo.gateway("/quotes", &[("origin", demo.page_url())]).await).await;
    assert_eq!(read.field("access-control-allow-origin"), "*");
    assert_eq!(read.json().as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn each_way_of_reading_counts_for_itself() {
    let demo = Demo::start().await;
    let before = demo.stats().await;
    for way in ["live", "polling", "refresh"] {
        assert_eq!(count(&before, way, "market_requests"), 0, "{before}");
    }

    let polled = demo.market("/quotes?apikey=polling").await;
    demo.market("/quotes?apikey=refresh").await;
    demo.market("/quotes?apikey=refresh").await;
    // What is not the board does not count.
    demo.market("/usage?apikey=polling").await;
    let stats = demo.stats().await;
    assert_eq!(count(&stats, "polling", "market_requests"), 1);
    assert!(count(&stats, "polling", "market_bytes") > polled.body.len() as u64);
    assert_eq!(count(&stats, "refresh", "market_requests"), 2);
    assert_eq!(count(&stats, "live", "market_requests"), 0);
    assert_eq!(count(&stats, "live", "gateway_requests"), 0);

    let mut live = demo.live("/quotes").await;
    let stats = demo.stats().await;
    assert_eq!(count(&stats, "live", "gateway_requests"), 1);
    assert!(count(&stats, "live", "market_requests") >= 1);
    // What is written is counted when it was handed over, which the client may see first.
    let sent = eventually(async || {
        let sent = count(&demo.stats().await, "live", "gateway_bytes");
        (sent > polled.body.len() as u64).then_some(sent)
    })
    .await;
    while !matches!(live.next().await.unwrap(), Update::Patched { .. }) {}
    let grown = eventually(async || {
        let stats = demo.stats().await;
        (count(&stats, "live", "gateway_bytes") > sent).then_some(stats)
    });
    assert_eq!(count(&grown.await, "polling", "market_requests"), 1);

    // Streams of other resources are not the board's.
    let board = demo.market("/quotes?apikey=other").await.json();
    let symbol = board[0]["symbol"].as_str().expect("a symbol");
    drop(demo.live(&format!("/quotes/{symbol}/trades")).await);
    assert_eq!(count(&demo.stats().await, "live", "gateway_requests"), 1);
}

#[tokio::test]
async fn controls_steer_the_market() {
    let demo = Demo::start().await;
    for (state, answers) in [("error", 503), ("halt", 200), ("run", 200)] {
        assert_eq!(demo.control(&format!("market/{state}"), &[]).await.status, StatusCode::NO_CONTENT);
        assert_eq!(demo.stats().await["market"]["state"], state);
        assert_eq!(demo.market("/quotes").await.status.as_u16(), answers, "{state}");
    }
    demo.control("market/hang", &[]).await;
    let mut waiting = std::pin::pin!(demo.market("/quotes"));
    // The page answers while the market does not.
    tokio::select! {
        answer = &mut waiting => panic!("it does not hang: {answer:?}"),
        stats = demo.stats() => assert_eq!(stats["market"]["state"], "hang"),
    }
    demo.control("market/run", &[]).await;
    assert_eq!(waiting.await.status, StatusCode::OK);

    assert_eq!(demo.control("market/crash", &[]).await.status, StatusCode::NOT_FOUND);
    let read = demo.page(Method::GET, "/control/market/error", &[]).await;
    assert_eq!((read.status, read.field("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(demo.stats().await["market"]["state"], "run");
}

#[tokio::test]
async fn other_pages_control_nothing() {
    let demo = Demo::start().await;
    for field in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in ["market/error", "gateway/restart"] {
            let refused = demo.control(path, &[field]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{field:?}");
            assert_eq!(refused.field("content-type"), "application/problem+json");
            assert_eq!(refused.json()["status"], 403);
        }
    }
    let stats = demo.stats().await;
    assert_eq!((&stats["market"]["state"], &stats["gateway"]["state"]), (&"run".into(), &"up".into()));
    let own = ("origin", demo.page_url());
    for fields in [&[own][..], &[own, ("sec-fetch-site", "same-origin")]] {
        assert_eq!(demo.control("market/halt", fields).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_restart_keeps_counting_and_streams_recover() {
    // Nothing happens between two polls, so that what ends the streams is all that is sent.
    let demo = Demo::polling("10s").await;
    let mut live = demo.live("/quotes").await;
    let mut raw = demo.gateway("/quotes", &[("accept", "text/event-stream")]).await;
    assert_eq!(raw.status(), StatusCode::OK);
    program::read_until(raw.body_mut(), "event: status").await;
    let before = demo.stats().await;
    assert_eq!(count(&before, "live", "gateway_requests"), 2);

    assert_eq!(demo.control("gateway/restart", &[]).await.status, StatusCode::NO_CONTENT);
    // The stream ends whole, and its last event says when to come back.
    let stream = Answer::of(raw).await;
    let last = stream.text().rsplit("\n\n").find(|event| !event.is_empty()).unwrap_or_default();
    assert!(last.starts_with("event: status\nretry: "), "{last:?}");

    let mut lost = false;
    loop {
        match live.next().await.unwrap() {
            Update::Disconnected { .. } => lost = true,
            Update::Snapshot { .. } if lost => break,
            _ => {}
        }
    }
    let after = demo.stats().await;
    assert_eq!(after["gateway"]["state"], "up");
    assert_eq!(count(&after, "live", "gateway_requests"), 3);
    for name in ["gateway_bytes", "market_requests", "market_bytes"] {
        assert!(count(&after, "live", name) > count(&before, "live", name), "{name}: {before} {after}");
    }
    let (code, err) = demo.end_by("TERM").await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "a restart is nothing to complain about");
}

#[tokio::test]
async fn ports_that_are_taken_are_named_before_anything_is_announced() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let options = ["--listen", "--gateway-listen", "--market-listen"];
    for busy in options {
        let at = |option| if option == busy { address.as_str() } else { "127.0.0.1:0" };
        let arguments = options.map(|option| [option, at(option)]);
        let (code, out, err) = Program::demo(arguments.as_flattened()).end().await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{busy}");
        assert!(err.contains(&format!("{address} is already in use")), "{busy}: {err}");
        assert!(err.contains(&format!("with {busy} ")), "{busy}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let arguments = options.map(|option| [option, &address]);
    let (code, _, err) = Program::demo(arguments.as_flattened()).end().await;
    assert_eq!((code, err.lines().count()), (Some(1), 3), "all at once: {err}");
}

#[tokio::test]
async fn a_signal_ends_everything_and_that_is_no_failure() {
    for signal in ["TERM", "INT"] {
        let demo = Demo::start().await;
        // In the middle of things: a stream, and a market that hangs while somebody waits for it.
        let stream = demo.gateway("/quotes", &[("accept", "text/event-stream")]).await;
        demo.control("market/hang", &[]).await;
        let reading = tokio::spawn(demo.market_read("/quotes?apikey=polling"));
        eventually(async || (count(&demo.stats().await, "polling", "market_requests") == 1).then_some(()))
            .await;
        let (code, err) = demo.end_by(signal).await;
        assert_eq!(code, Some(0), "SIG{signal}: {err}");
        // A slow machine may see the gateway lose its patience with the market; that is a warning.
        assert!(!err.contains("ERROR"), "SIG{signal}: {err}");
        // Nobody is left hanging.
        assert_eq!(reading.await.unwrap().status, StatusCode::OK);
        assert!(Answer::of(stream).await.text().contains("event: snapshot"));
    }
}

#[tokio::test]
async fn a_failing_market_is_logged_as_json_with_each_key_once() {
    let demo = Demo::start().await;
    demo.control("market/hang", &[]).await;
    // The gateway waits for its time-out and says so.
    let answer = demo.gateway("/quotes", &[]).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    let (_, err) = demo.end_by("TERM").await;
    let line = err.lines().next().expect("a warning");
    let log: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&log["level"], &log["path"]), (&"WARN".into(), &"/quotes".into()), "{line}");
    for key in log.as_object().expect("an object").keys() {
        assert_eq!(line.matches(&format!("\"{key}\":")).count(), 1, "{key} in {line}");
    }
}
