//! Letting go: every stream is told when to come back, whatever carries it, and who will not take it is cut.

use tokio::process::Command;

use crate::common::{Api, Gate, Http, Identity, Setup, Stream, answer, counting, request, until, within};
use crate::gzip::on_hyper;

const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

#[tokio::test]
async fn every_kind_of_stream_is_told() {
    let (small, _) = counting(10).await;
    for tls in [false, true] {
        let identity = Identity::new();
        let setup = Setup::new(small.url());
        let gateway = if tls { setup.tls(&identity) } else { setup }.start().await;
        let connect = || async {
            match tls {
                true => Http::connect_tls(gateway.address, &identity).await,
                false => Http::connect(gateway.address).await,
            }
        };
        let mut streams = Vec::new();
        for fields in [&[][..], &[GZIP]] {
            streams.push(Stream::open_on(connect().await, "/q", fields).await);
            let mut http = connect().await;
            http.ask("GET", "/q", &[]).await;
            http.response("GET").await;
            streams.push(Stream::open_on(http, "/q", fields).await);
            streams.push(on_hyper(connect().await, "/q", fields).await);
        }
        for stream in &mut streams {
            stream.begin().await;
        }
        // Neither one that said nothing yet, nor one that is between two requests, keeps the gateway.
        let mut silent = connect().await;
        let mut idle = connect().await;
        idle.ask("GET", "/q", &[]).await;
        idle.response("GET").await;
        gateway.close().await;
        for stream in streams {
            stream.ends_with_a_status().await;
        }
        assert_eq!((silent.rest().await, idle.rest().await), (vec![], vec![]));
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_cut_and_the_others_are_told() {
    let (api, _) = counting(8 << 20).await;
    let gateway = Setup::new(api.url()).start().await;
    let stalled = [
        Stream::open_on(Http::connect_narrow(gateway.address).await, "/q", &[]).await,
        on_hyper(Http::connect_narrow(gateway.address).await, "/q", &[]).await,
    ];
    // One that reads again in time gets everything, its last status included.
    let mut late = Stream::open_on(Http::connect_narrow(gateway.address).await, "/q", &[]).await;
    let mut healthy = Stream::open(gateway.address, "/q", &[]).await;
    healthy.begin().await;
    let closing = tokio::spawn(gateway.close());
    healthy.ends_with_a_status().await;
    let snapshot = late.expect("snapshot").await;
    assert_eq!(snapshot.data.len(), (8 << 20) + 17);
    late.ends_with_a_status().await;
    closing.await.unwrap();
    for mut stream in stalled {
        // Whatever had gone out; it ends.
        let rest = stream.http.rest().await;
        assert!(!rest.is_empty());
    }
}

/// The answer that was being decided when the end began still goes out.
#[tokio::test]
async fn an_answer_on_its_way_to_a_first_request_arrives() {
    for (status, expected) in [("500 Internal Server Error", 502), ("404 Not Found", 404), ("200 OK", 200)] {
        for _ in 0..8 {
            let gate = Gate::closed();
            let held = gate.clone();
            let api = Api::start(move |_| {
                let gate = held.clone();
                async move {
                    gate.pass().await;
                    answer(status, "Content-Type: application/json\r\n", "[1]")
                }
            })
            .await;
            let gateway = Setup::new(api.url()).start().await;
            let mut http = Http::connect(gateway.address).await;
            http.send(request("GET", "/q", &[("Accept", "text/event-stream")])).await;
            api.was_asked(1).await;
            let address = gateway.address;
            let closing = tokio::spawn(gateway.close());
            until("nobody is let in any more", || async {
                tokio::net::TcpStream::connect(address).await.is_err()
            })
            .await;
            gate.open();
            let head = http.head().await;
            assert!([expected, 503].contains(&head.status) || head.status / 100 == 5, "{head:?}");
            drop(http);
            closing.await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_program_ends_whoever_does_not_read() {
    let (api, _) = counting(8 << 20).await;
    let arguments = ["serve", "--origin", api.url(), "--listen", "127.0.0.1:0", "--poll", "50ms"];
    let (mut child, address) = crate::process::started(&arguments).await;
    let _stalled = [
        Stream::open_on(Http::connect_narrow(address).await, "/q", &[]).await,
        on_hyper(Http::connect_narrow(address).await, "/q", &[GZIP]).await,
    ];
    let mut healthy = Stream::open(address, "/q", &[GZIP]).await;
    healthy.begin().await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    healthy.ends_with_a_status().await;
    let status = within("the program ends", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}
