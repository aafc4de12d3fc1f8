//! An origin's budget: who hangs leaves room for the others, and what the origin allows is obeyed.

use crate::common::{Api, Cell, Gate, Http, Setup, Stream, answer, counted, get, ok, until};

/// Feeds that hang, many more than there are places.
const HANGING: usize = 40;

/// Makes a document so long that a patch is shorter.
const FILL: &str = "........................................................................................";

#[tokio::test]
async fn feeds_that_hang_leave_room_for_the_others() {
    let (never, number) = (Gate::closed(), Cell::<u64>::new(0_u64));
    let (held, served) = (never.clone(), number.clone());
    let api = Api::start(move |request| {
        let (held, number) = (held.clone(), served.get());
        async move {
            if request.line().1.contains("hangs") {
                held.pass().await;
            }
            ok(format!("{{\"n\":{number},\"fill\":\"{FILL}\"}}"))
        }
    })
    .await;
    let slow = "[[route]]\npath = \"/slow/*\"\norigin = \"api\"\npoll = \"50ms\"\n";
    let gateway = Setup::lively(api.url()).origin("max_concurrent = 8\n").more(slow).start().await;
    let mut same_route = Stream::open(gateway.address, "/slow/quick", &[]).await;
    same_route.begin().await;
    let mut other_route = Stream::open(gateway.address, "/quick", &[]).await;
    other_route.begin().await;
    let mut hanging = Vec::new();
    for index in 0..HANGING {
        let mut http = Http::connect(gateway.address).await;
        http.ask("GET", &format!("/slow/hangs-{index}"), &[("Accept", "text/event-stream")]).await;
        hanging.push(http);
    }
    until("all of them hang", || async {
        gateway.gateway.report().await.iter().filter(|feed| feed.waiting > 0).count() == HANGING
    })
    .await;
    for count in 1..20 {
        number.set(count);
        for stream in [&mut same_route, &mut other_route] {
            assert_eq!(stream.expect("patch").await.data, counted(count));
        }
    }
    let new = get(gateway.address, "/another", &[]).await;
    assert_eq!((new.status, &new.json()["n"]), (200, &19.into()));
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_told_to_readers_and_to_streams() {
    let used_up = Cell::<bool>::new(false);
    let is_used_up = used_up.clone();
    let api = Api::serve(move |_| match is_used_up.get() {
        false => ok("[1]"),
        true => answer("429 Too Many Requests", "Retry-After: 3000\r\n", "slow down"),
    })
    .await;
    let gateway = Setup::lively(api.url()).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    stream.begin().await;
    used_up.set(true);
    let status = stream.expect("status").await.status();
    assert_eq!(status["state"], "stale");
    assert!(status["retry_in_ms"].as_u64() > Some(2_900_000), "{status}");
    assert_eq!(status["cause"]["origin_status"], 429);

    let asked = api.asked();
    let refused = get(gateway.address, "/another", &[]).await;
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("it was not asked"), "{refused:?}");
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((2_900..=3_000).contains(&wait), "{wait}");
    assert_eq!(api.asked(), asked, "it is not asked again");
    // Somebody with credentials of its own may be allowed what others are not.
    used_up.set(false);
    let allowed = get(gateway.address, "/another", &[("Authorization", "Bearer a")]).await;
    assert_eq!(allowed.status, 200);
}
