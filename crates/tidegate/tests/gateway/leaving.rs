//! Clients that go: each is noticed at once, at whatever stage it goes, without an update that would have to fail first.

use std::time::Duration;

use crate::common::{
    Api, Gate, Http, Identity, Running, Setup, Stream, counting, ok, request, until, within,
};
use crate::gzip::on_hyper;

/// A gateway that asks its origin once, so that nothing is ever written that would find a dead socket.
async fn quiet(api: &Api) -> (Running, Identity) {
    let identity = Identity::new();
    let setup = Setup::new(api.url()).route("heartbeat = \"5m\"\n").limits("max_streams = 1\n");
    (setup.tls(&identity).start().await, identity)
}

async fn is_empty(gateway: &Running, how: &str) {
    until(how, || async { gateway.subscribers().await == 0 }).await;
}

/// The ways to go.
const WAYS: [&str; 5] = ["drop", "reset", "half close", "a request", "a byte"];

/// Goes, and stays only to see the connection closed.
async fn go(mut http: Http, how: &str) {
    match how {
        "drop" => return,
        "reset" => return http.reset(),
        "half close" => http.half_close().await,
        "a request" => http.send(request("GET", "/q", &[])).await,
        "a byte" => http.send("x").await,
        other => panic!("{other}"),
    }
    http.rest().await;
}

#[tokio::test]
async fn a_stream_on_a_connection_of_its_own() {
    let (api, _) = counting(10).await;
    let gateway =
        Setup::new(api.url()).route("heartbeat = \"5m\"\n").limits("max_streams = 1\n").start().await;
    for reused in [false, true] {
        for how in WAYS {
            let mut http = Http::connect(gateway.address).await;
            if reused {
                http.ask("GET", "/q", &[]).await;
                http.response("GET").await;
            }
            // There is room for one: the one before is forgotten in all respects.
            let mut stream = Stream::open_on(http, "/q", &[]).await;
            stream.begin().await;
            go(stream.http, how).await;
            is_empty(&gateway, how).await;
        }
    }
}

#[tokio::test]
async fn a_stream_over_tls() {
    let (api, _) = counting(10).await;
    let (gateway, identity) = quiet(&api).await;
    for reused in [false, true] {
        for how in WAYS.into_iter().chain(["close notify"]) {
            let mut http = Http::connect_tls(gateway.address, &identity).await;
            if reused {
                http.ask("GET", "/q", &[]).await;
                http.response("GET").await;
            }
            let mut stream = Stream::open_on(http, "/q", &[]).await;
            stream.begin().await;
            if how == "close notify" {
                // The socket is still open both ways.
                stream.http.close_notify().await;
                is_empty(&gateway, how).await;
                stream.http.rest().await;
            } else {
                go(stream.http, how).await;
                is_empty(&gateway, how).await;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_hyper_serves() {
    let (api, _) = counting(10).await;
    let gateway = Setup::new(api.url()).route("heartbeat = \"1s\"\n").start().await;
    for how in ["drop", "reset"] {
        let mut stream = on_hyper(Http::connect(gateway.address).await, "/q", &[]).await;
        stream.begin().await;
        go(stream.http, how).await;
        is_empty(&gateway, how).await;
    }
}

/// Before its stream begins: in its head, while the origin is asked, and when the answer is on its way.
#[tokio::test]
async fn at_every_stage() {
    let asked = request("GET", "/q", &[("Accept", "text/event-stream")]);
    let plain = request("GET", "/plain", &[]);
    for tls in [false, true] {
        for sent in [0, 1, asked.len() / 2, asked.len() - 1, asked.len()] {
            for reused in [false, true] {
                for how in ["drop", "reset", "half close"] {
                    let gate = Gate::closed();
                    let held = gate.clone();
                    let api = Api::start(move |request| {
                        let gate = held.clone();
                        async move {
                            if request.line().1 == "/q" {
                                gate.pass().await;
                            }
                            ok("[1]")
                        }
                    })
                    .await;
                    let identity = Identity::new();
                    let setup = Setup::new(api.url()).limits("max_streams = 1\n");
                    let setup = if tls { setup.tls(&identity) } else { setup };
                    let gateway = setup.start().await;
                    let connect = || async {
                        match tls {
                            true => Http::connect_tls(gateway.address, &identity).await,
                            false => Http::connect(gateway.address).await,
                        }
                    };
                    let mut http = connect().await;
                    if reused {
                        http.send(&plain).await;
                        http.response("GET").await;
                    }
                    http.send(&asked[..sent]).await;
                    if sent == asked.len() {
                        until("it waits", || async { gateway.subscribers().await == 1 }).await;
                    }
                    go(http, how).await;
                    is_empty(&gateway, how).await;
                    // The only place is free again before the origin has answered: whoever asks now waits as well.
                    let mut http = connect().await;
                    within(&format!("{how}: room for another"), async {
                        loop {
                            http.send(&asked).await;
                            let answer = http.response("GET");
                            match tokio::time::timeout(Duration::from_millis(100), answer).await {
                                Ok(refused) => assert_eq!(refused.status, 503),
                                Err(_) => return,
                            }
                        }
                    })
                    .await;
                    gate.open();
                    Stream::answered(http).await.begin().await;
                }
            }
        }
    }
}

/// In the middle of a snapshot that it does not read.
#[tokio::test]
async fn while_it_is_stalled() {
    let (api, _) = counting(4 << 20).await;
    let (gateway, identity) = quiet(&api).await;
    let plain = Setup::new(api.url()).route("heartbeat = \"5m\"\n").start().await;
    for how in ["drop", "reset", "half close", "a byte"] {
        let stream = Stream::open_on(Http::connect_narrow(plain.address).await, "/q", &[]).await;
        until("it is there", || async { plain.subscribers().await == 1 }).await;
        go(stream.http, how).await;
        is_empty(&plain, how).await;
        let http = Http::connect_tls_narrow(gateway.address, &identity).await;
        let stream = Stream::open_on(http, "/q", &[]).await;
        until("it is there", || async { gateway.subscribers().await == 1 }).await;
        go(stream.http, how).await;
        is_empty(&gateway, how).await;
    }
}
