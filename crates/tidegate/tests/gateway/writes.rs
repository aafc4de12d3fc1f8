//! Writes through the gateway (RFC 9111 §4.4): the writer's own screen, and everyone's, is live at once.

use crate::common::{Api, Cell, Gate, Http, Setup, Stream, answer, get, ok, send, until};

/// An API with one document at every path that a test changes, and an answer to every write.
async fn writable(written: &'static str, fields: &'static str) -> (Api, Cell<u64>) {
    let number = Cell::<u64>::new(0_u64);
    let served = number.clone();
    let api = Api::serve(move |request| match request.line().0 {
        "GET" => ok(format!("[{}]", served.get())),
        _ => {
            served.set(served.get() + 1);
            answer(written, fields, "")
        }
    })
    .await;
    (api, number)
}

#[tokio::test]
async fn a_write_is_on_every_screen_at_once() {
    let (api, _) = writable("204 No Content", "").await;
    let gateway = Setup::new(api.url()).start().await;
    let mut own = Stream::open(gateway.address, "/q", &[]).await;
    let mut other = Stream::open(gateway.address, "/q", &[("Authorization", "Bearer b")]).await;
    let mut elsewhere = Stream::open(gateway.address, "/q?page=2", &[]).await;
    for stream in [&mut own, &mut other, &mut elsewhere] {
        assert_eq!(stream.begin().await.0.data, "[0]");
    }
    for (write, method) in ["PUT", "POST", "PATCH", "DELETE", "MADE-UP"].into_iter().enumerate() {
        let text = format!("[{}]", write + 1);
        assert_eq!(send(gateway.address, method, "/q", &[]).await.status, 204);
        let read = get(gateway.address, "/q", &[]).await;
        assert_eq!(read.text(), text, "{method}: who reads after it sees it");
        assert_eq!(own.expect("snapshot").await.data, text);
        other.expect("snapshot").await;
    }
    assert_eq!(own.head.status, 200);
    let others = api.requests().iter().filter(|request| request.line() == ("GET", "/q?page=2")).count();
    assert_eq!(others, 1, "another resource is left alone");
}

#[tokio::test]
async fn what_only_reads_changes_nothing() {
    let (api, _) = writable("200 OK", "").await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    for (method, asked) in [("OPTIONS", 2), ("TRACE", 3), ("QUERY", 4)] {
        send(gateway.address, method, "/q", &[]).await;
        let read = get(gateway.address, "/q", &[]).await;
        assert_eq!((read.text(), api.asked()), ("[0]", asked), "{method}");
    }
}

#[tokio::test]
async fn an_error_changes_nothing_unless_nobody_knows() {
    for (status, changes) in [
        ("400 Bad Request", false),
        ("409 Conflict", false),
        ("412 Precondition Failed", false),
        ("503 Service Unavailable", false),
        ("303 See Other", true),
        ("500 Internal Server Error", true),
        ("504 Gateway Timeout", true),
    ] {
        let (api, _) = writable(status, "").await;
        let gateway = Setup::new(api.url()).start().await;
        let mut stream = Stream::open(gateway.address, "/q", &[]).await;
        stream.begin().await;
        send(gateway.address, "POST", "/q", &[]).await;
        let read = get(gateway.address, "/q", &[]).await;
        let (text, asked) = if changes { ("[1]", 3) } else { ("[0]", 2) };
        assert_eq!((read.text(), api.asked()), (text, asked), "{status}");
    }
}

#[tokio::test]
async fn a_write_without_an_answer_may_have_happened() {
    let number = Cell::<u64>::new(0_u64);
    let served = number.clone();
    let gate = Gate::closed();
    let held = gate.clone();
    let api = Api::start(move |request| {
        let (served, held) = (served.clone(), held.clone());
        async move {
            match request.line().0 {
                "GET" => ok(format!("[{}]", served.get())),
                "PUT" => {
                    served.set(served.get() + 1);
                    Vec::new()
                }
                _ => {
                    served.set(served.get() + 1);
                    held.pass().await;
                    ok("")
                }
            }
        }
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    // The origin closes without an answer.
    assert_eq!(send(gateway.address, "PUT", "/q", &[]).await.status, 502);
    stream.expect("snapshot").await;
    // The writer goes away while the origin is at it.
    let mut writer = Http::connect(gateway.address).await;
    writer.ask("POST", "/q", &[]).await;
    api.was_asked(4).await;
    drop(writer);
    stream.expect("snapshot").await;
    gate.open();
}

#[tokio::test]
async fn a_fetch_from_before_the_write_is_not_shown() {
    let value = Cell::<u64>::new(1_u64);
    let served = value.clone();
    let gate = Gate::closed();
    let held = gate.clone();
    let slow = Cell::<bool>::new(false);
    let is_slow = slow.clone();
    let api = Api::start(move |request| {
        let (served, held, is_slow) = (served.clone(), held.clone(), is_slow.clone());
        async move {
            if request.line().0 != "GET" {
                served.set(2_u64);
                return answer("204 No Content", "", "");
            }
            let body = ok(format!("[{}]", served.get()));
            if is_slow.get() {
                is_slow.set(false);
                held.pass().await;
            }
            body
        }
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    // A fetch is under way, and its answer, made before the write, is held back.
    slow.set(true);
    let mut early = Http::connect(gateway.address).await;
    early.ask("GET", "/q", &[("Cache-Control", "no-cache")]).await;
    api.was_asked(2).await;
    send(gateway.address, "PUT", "/q", &[]).await;
    let mut late = Http::connect(gateway.address).await;
    late.ask("GET", "/q", &[]).await;
    until("both wait", || async {
        gateway.gateway.report().await.iter().map(|feed| feed.waiting).sum::<usize>() == 2
    })
    .await;
    gate.open();
    assert_eq!(late.response("GET").await.text(), "[2]");
    assert_eq!(early.response("GET").await.text(), "[2]");
    assert_eq!(stream.expect("snapshot").await.data, "[2]");
    assert_eq!(api.asked(), 4, "the fetch from before is made again, once");
}

#[tokio::test]
async fn what_the_answer_names_is_changed_too() {
    for (mounted, location, content_location, changed) in [
        ("", "/other", "/third", ["/other", "/third"]),
        ("", "other", "./third", ["/other", "/third"]),
        ("", "http://gateway.test/other", "http://gateway.test/third?a=1", ["/other", "/third?a=1"]),
        ("/api", "/api/other", "third", ["/other", "/third"]),
        ("/api", "http://gateway.test/other", "SELF/api/third", ["/other", "/third"]),
    ] {
        let number = Cell::<u64>::new(0_u64);
        let (served, own) = (number.clone(), Cell::<String>::new(""));
        let url = own.clone();
        let api = Api::serve(move |request| match request.line().0 {
            "GET" => ok(format!("[{}]", served.get())),
            _ => {
                served.set(1_u64);
                let fields = format!("Location: {location}\r\nContent-Location: {content_location}\r\n");
                answer("201 Created", &fields.replace("SELF", &url.get()), "")
            }
        })
        .await;
        own.set(api.url());
        let gateway = Setup::new(format!("{}{mounted}", api.url())).start().await;
        for path in changed {
            let mut stream = Stream::open(gateway.address, path, &[]).await;
            stream.begin().await;
            send(gateway.address, "POST", "/q", &[]).await;
            assert_eq!(stream.expect("snapshot").await.data, "[1]");
            number.set(0_u64);
        }
    }
}

#[tokio::test]
async fn what_another_origin_is_said_to_have_is_left_alone() {
    let (api, number) = writable("201 Created", "Location: http://other.test/other\r\n").await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/other", &[]).await;
    stream.begin().await;
    send(gateway.address, "POST", "/q", &[]).await;
    assert_eq!(number.get(), 1);
    assert_eq!((get(gateway.address, "/other", &[]).await.text(), api.asked()), ("[0]", 2));
}

#[tokio::test]
async fn a_write_by_another_route_to_the_same_resource() {
    let (api, _) = writable("204 No Content", "").await;
    let writers = format!(
        "[[origin]]\nname = \"write\"\nurl = \"{0}/v1\"\n[[route]]\npath = \"/write/**\"\norigin = \"write\"\nlive = false\n",
        api.url()
    );
    let gateway = Setup::new(api.url()).more(&writers).start().await;
    let mut stream = Stream::open(gateway.address, "/v1/write/q", &[]).await;
    stream.begin().await;
    send(gateway.address, "PUT", "/write/q", &[]).await;
    stream.expect("snapshot").await;
}

#[tokio::test]
async fn a_deleted_resource_is_gone_and_comes_back() {
    let there = Cell::new(true);
    let is_there = there.clone();
    let api = Api::serve(move |request| match request.line().0 {
        "GET" if is_there.get() => ok("[1]"),
        "GET" => answer("404 Not Found", "", ""),
        method => {
            is_there.set(method == "PUT");
            answer("204 No Content", "", "")
        }
    })
    .await;
    let gateway = Setup::new(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    send(gateway.address, "DELETE", "/q", &[]).await;
    assert_eq!(stream.expect("status").await.state(), "gone");
    send(gateway.address, "PUT", "/q", &[]).await;
    stream.expect("snapshot").await;
    assert_eq!(stream.expect("status").await.state(), "live");
}
