//! gzip on live streams (RFC 1952): packed once for all, joinable at any time, readable as it comes, whole at the end.

use crate::common::{Api, Cell, Http, Setup, Stream, answer, counted, counting, request, until};

const GZIP: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br, zstd");

/// A stream that has to stay with hyper, because its head has line ends that only hyper takes for such.
pub(crate) async fn on_hyper(mut http: Http, target: &str, fields: &[(&str, &str)]) -> Stream {
    let fields: Vec<_> =
        [("Accept", "text/event-stream")].into_iter().chain(fields.iter().copied()).collect();
    let head = String::from_utf8(request("GET", target, &fields).to_vec()).expect("a head is text");
    http.send(head.replace("\r\n", "\n")).await;
    let stream = Stream::answered(http).await;
    assert_eq!(stream.head.field("transfer-encoding"), Some("chunked"), "{:?}", stream.head);
    stream
}

#[tokio::test]
async fn everybody_reads_the_same_whenever_they_came_and_however_it_is_packed() {
    let (api, number) = counting(3000).await;
    let gateway = Setup::lively(api.url()).route("heartbeat = \"1s\"\n").start().await;
    let connect = || Http::connect(gateway.address);
    let mut streams = vec![
        Stream::open(gateway.address, "/q", &[GZIP]).await,
        Stream::open(gateway.address, "/q", &[]).await,
        on_hyper(connect().await, "/q", &[GZIP]).await,
        on_hyper(connect().await, "/q", &[]).await,
    ];
    for round in 0..3 {
        for stream in &mut streams[round * 4..] {
            let (snapshot, _) = stream.begin().await;
            assert!(snapshot.data.starts_with(&format!("{{\"n\":{},", round * 2)), "{snapshot:?}");
        }
        for next in [round * 2 + 1, round * 2 + 2] {
            number.set(next as u64);
            let mut told = Vec::new();
            for stream in &mut streams {
                told.push(stream.expect("patch").await);
            }
            assert_eq!(told[0].data, counted(next as u64));
            assert!(told.iter().all(|event| event == &told[0]), "{told:?}");
        }
        // Whoever comes now begins with what the others were just told.
        streams.push(Stream::open(gateway.address, "/q", &[GZIP]).await);
        streams.push(Stream::open(gateway.address, "/q", &[]).await);
        streams.push(on_hyper(connect().await, "/q", &[GZIP]).await);
        streams.push(on_hyper(connect().await, "/q", &[]).await);
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        let packed = (index % 2 == 0).then_some("gzip");
        assert_eq!(stream.head.field("content-encoding"), packed, "{:?}", stream.head);
        assert!(stream.head.list("vary").contains(&"Accept-Encoding".to_owned()), "{:?}", stream.head);
        if index < 12 {
            assert_eq!(stream.text_until(":\n").await, ":\n", "a heartbeat can be read as it comes");
        }
    }
    gateway.close().await;
    for (index, mut stream) in streams.into_iter().enumerate() {
        if index >= 12 {
            stream.begin().await;
        }
        stream.ends_with_a_status().await;
    }
}

#[tokio::test]
async fn only_who_accepts_it_gets_it() {
    let api = Api::serve(|_| answer("200 OK", "Content-Type: application/json\r\n", "[1]")).await;
    let gateway = Setup::new(api.url()).start().await;
    for (accepted, packed) in [
        ("gzip", true),
        ("x-gzip", true),
        ("br, gzip;q=0.1", true),
        ("*", true),
        ("gzip;q=0", false),
        ("gzip;q=0, *", false),
        ("br, zstd, deflate", false),
        ("identity", false),
        ("", false),
    ] {
        let fields = [("Accept-Encoding", accepted)];
        let streams = [
            Stream::open(gateway.address, "/q", &fields).await,
            on_hyper(Http::connect(gateway.address).await, "/q", &fields).await,
        ];
        for mut stream in streams {
            let coding = stream.head.field("content-encoding");
            assert_eq!(coding, packed.then_some("gzip"), "{accepted:?}");
            let (snapshot, _) = stream.begin().await;
            assert_eq!(snapshot.data, "[1]");
        }
    }
}

/// Text without repetitions, which packing only makes longer.
fn noise(length: usize, seed: u64) -> String {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + 1 + (state >> 33) as u8 % 94)
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn what_cannot_be_packed_arrives_as_well() {
    let body = Cell::<String>::new(noise(300_000, 1));
    let served = body.clone();
    let api = Api::serve(move |_| answer("200 OK", "Content-Type: text/plain\r\n", served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[GZIP]).await;
    let (snapshot, _) = stream.begin().await;
    assert!(snapshot.data == body.get());
    for (seed, length) in [(2, 65_535), (3, 65_536), (4, 1), (5, 2_000_000)] {
        body.set(noise(length, seed));
        let snapshot = stream.expect("snapshot").await;
        assert!(snapshot.data == body.get(), "{length} bytes");
    }
    gateway.close().await;
    stream.ends_with_a_status().await;
}

#[tokio::test]
async fn a_position_is_resumed_from_in_either_coding() {
    let (api, number) = counting(100).await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut first = Stream::open(gateway.address, "/q", &[]).await;
    let (snapshot, _) = first.begin().await;
    number.set(1_u64);
    first.expect("patch").await;
    number.set(2_u64);
    let newest = first.expect("patch").await.id.unwrap();
    let id = snapshot.id.unwrap();
    for fields in [vec![GZIP], vec![]] {
        let from = |id| [&fields[..], &[("Last-Event-ID", id)]].concat();
        let mut stream = Stream::open(gateway.address, "/q", &from(&id)).await;
        assert_eq!(stream.expect("patch").await.data, counted(2));
        assert_eq!(stream.expect("status").await.state(), "live");
        let mut current = Stream::open(gateway.address, "/q", &from(&newest)).await;
        assert_eq!(current.expect("status").await.state(), "live");
    }
    drop(first);
    until("all have left", || async { gateway.subscribers().await == 0 }).await;
}
