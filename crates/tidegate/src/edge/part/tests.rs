use std::pin::pin;
use std::sync::mpsc;

use http_body_util::StreamBody;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{spawn_blocking, yield_now};

use super::*;
use crate::config::Config;
use crate::edge::Gateway;
use crate::edge::gateway::Decided;
use crate::memory::Pressure;
use crate::proxy::Client;

/// JSON of so many bytes.
fn json(length: usize) -> Response<Body> {
    let body = format!("{{\"a\":1,\"fill\":\"{}\"}}", "x".repeat(length - 17));
    assert_eq!(body.len(), length);
    let mut response = Response::new(answer::full(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn a() -> Selection {
    Selection::parse("/a").unwrap()
}

async fn held(parts: &Parts, length: usize) -> Result<Held, Unheld> {
    parts.hold(json(length).into_body()).await
}

async fn text_of(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_held_together_is_bounded() {
    let parts = Parts::new(2000);
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(held(&parts, 2000).await.ok().unwrap());
    }
    assert_eq!(held(&parts, 20).await.err(), Some(Unheld::NoRoom));
    let refused = parts.of(json(20), &a(), &Method::GET).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(http::header::RETRY_AFTER));
    assert!(text_of(refused).await.contains("urn:tidegate:problem:overloaded"));
    // Its room is free when the part is taken out.
    assert_eq!(all.remove(0).part(&a()).unwrap(), "1");
    let mut small = Vec::new();
    for _ in 0..2 {
        small.push(held(&parts, 1024).await.ok().unwrap());
    }
    assert_eq!(held(&parts, 20).await.err(), Some(Unheld::NoRoom));
    drop((all, small));
    assert_eq!(text_of(parts.of(json(2000), &a(), &Method::GET).await).await, "1");
    assert_eq!(parts.room.available_permits(), 8);
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_takes_room_as_it_comes() {
    let parts = Parts::new(4096);
    let piece = || Ok(http_body::Frame::data(Bytes::from(vec![b' '; 700])));
    let pieces = |count| {
        let stream = futures_util::stream::iter((0..count).map(move |_| piece()));
        StreamBody::new(stream).boxed_unsync()
    };
    let held = parts.hold(pieces(4)).await.ok().unwrap();
    assert_eq!((held.bytes.len(), held.room.num_permits()), (2800, 3));
    assert_eq!(parts.hold(pieces(6)).await.err(), Some(Unheld::TooLong));
    assert_eq!(parts.room.available_permits(), 13);
}

#[test]
fn a_large_body_is_not_parsed_on_the_runtimes_own_thread() {
    let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let parts = Parts::new(1 << 20);
        let (release, released) = mpsc::channel();
        let busy = spawn_blocking(move || released.recv());
        // Nobody waits for others with a small one.
        assert_eq!(text_of(parts.of(json(60 * 1024), &a(), &Method::GET).await).await, "1");
        let selection = a();
        let mut large = pin!(parts.of(json(70 * 1024), &selection, &Method::GET));
        for _ in 0..10 {
            tokio::select! {
                biased;
                _ = &mut large => panic!("it was parsed here"),
                () = yield_now() => {}
            }
        }
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(text_of(large.await).await, "1");
    });
}

#[tokio::test]
async fn where_memory_runs_short_no_part_is_asked_for() {
    // Nobody listens there.
    let text = "[[origin]]\nname = \"api\"\nurl = \"http://127.0.0.1:1\"\n[[route]]\npath = \"/**\"\norigin = \"api\"\n";
    let config = Config::parse("t", text, &|_| None).unwrap();
    let gateway = Gateway::new(&config).unwrap();
    let (pressure, watched) = watch::channel(Pressure::None);
    gateway.watch_memory(watched);
    let client = Client { address: "127.0.0.1:2".parse().unwrap(), scheme: http::uri::Scheme::HTTP };
    for (now, select, status) in [
        (Pressure::None, "/a", 502),
        (Pressure::Refuse, "/a", 503),
        (Pressure::Refuse, "", 502),
        (Pressure::None, "/a", 502),
    ] {
        pressure.send_replace(now);
        let request = Request::get("/q").header("host", "h").header("cache-control", "no-store");
        let request = request.header("tidegate-select", select).body(answer::full(Bytes::new())).unwrap();
        let Decided::Answer(response) = gateway.decide(request, &client).await else { panic!("a stream") };
        assert_eq!(response.status(), status, "{now:?} {select}");
        let overloaded = text_of(response).await.contains("urn:tidegate:problem:overloaded");
        assert_eq!(overloaded, status == 503);
    }
}
