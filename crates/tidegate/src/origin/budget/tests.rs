//! The budget around real fetches: against an origin that answers when a test says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tidegate_core::{FailureKind, Outcome};
use tidegate_hub::{Awaited, FetchRequest, Fetched, Origin};
use tidegate_testkit::ScriptedOrigin;

use super::super::tests::{fields, get, settings};
use super::*;
use crate::origin::{HttpOrigin, OriginSettings};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1";

fn limited(url: &str, max_concurrent: usize) -> HttpOrigin {
    let budget = BudgetSettings { max_concurrent, max_per_second: None };
    HttpOrigin::new(OriginSettings { budget, ..settings(url) }).unwrap()
}

fn failure(fetched: &Fetched) -> &Failure {
    match &fetched.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn answer(fetched: &Fetched) -> &Answer {
    match &fetched.outcome {
        Outcome::Answered(answer) => answer,
        other => panic!("expected an answer, got {other:?}"),
    }
}

#[tokio::test]
async fn no_more_are_under_way_than_may_and_all_get_their_turn() {
    let server = ScriptedOrigin::bind().await;
    let origin = limited(&server.url(), 2);
    let fetches =
        join_all((0..6).map(|_| origin.fetch(FetchRequest { took: Some(Duration::ZERO), ..get("/") })));
    let serving = async {
        for _ in 0..3 {
            let (mut first, _) = server.request().await;
            let (mut second, _) = server.request().await;
            first.send(OK.replace("HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nconnection: close")).await;
            second.send(OK.replace("HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nconnection: close")).await;
        }
    };
    let (fetched, ()) = tokio::join!(fetches, serving);
    assert!(fetched.iter().all(|fetched| matches!(fetched.outcome, Outcome::Fresh(_))), "{fetched:?}");
}

#[tokio::test]
async fn whoever_gives_up_gives_its_place_back() {
    let server = ScriptedOrigin::bind().await;
    let origin = limited(&server.url(), 1);
    let hanging = tokio::spawn(origin.fetch(get("/hangs")));
    let (connection, _) = server.request().await;
    let waiting = tokio::spawn(origin.fetch(get("/given-up")));
    tokio::task::yield_now().await;
    waiting.abort();
    let _ = waiting.await;
    let last = tokio::spawn(origin.fetch(get("/last")));
    hanging.abort();
    let _ = hanging.await;
    drop(connection);
    let (mut connection, request) = server.request().await;
    assert!(request.head.starts_with("GET /last "), "{}", request.head);
    connection.send(OK).await;
    assert!(matches!(last.await.unwrap().outcome, Outcome::Fresh(_)));
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_told_without_asking_again() {
    let server = ScriptedOrigin::bind().await;
    let origin = limited(&server.url(), 4);
    let too_many = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n";
    let (asked, ()) = tokio::join!(origin.fetch(get("/a")), async {
        let (mut connection, _) = server.request().await;
        connection.send(too_many).await;
    });
    assert!(matches!(asked.outcome, Outcome::Answered(_)), "{asked:?}");
    let refused = origin.fetch(FetchRequest { awaited: Awaited::by_somebody(true), ..get("/b") }).await;
    let told = answer(&refused);
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = told.fields[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!(wait > 30 && wait <= 60, "{wait}");
    assert!(String::from_utf8_lossy(&told.body).contains("was not asked"), "{told:?}");
}

#[tokio::test]
async fn an_account_over_its_limit_stops_nobody_else() {
    let server = ScriptedOrigin::bind().await;
    let origin = limited(&server.url(), 4);
    let of = |who: &str| FetchRequest {
        fields: fields(&[("authorization", who)]),
        credentialed: true,
        ..get("/")
    };
    let used_up = OK.replace("content-length", "ratelimit: \"default\";r=0;t=60\r\ncontent-length");
    let answering = |answer: String| async {
        let (mut connection, _) = server.request().await;
        connection.send(answer).await;
    };
    let (first, ()) = tokio::join!(origin.fetch(of("a")), answering(used_up));
    assert!(matches!(first.outcome, Outcome::Fresh(_)));
    assert_eq!(answer(&origin.fetch(of("a")).await).status, StatusCode::TOO_MANY_REQUESTS);
    for request in [of("b"), get("/")] {
        let (other, ()) = tokio::join!(origin.fetch(request), answering(OK.to_owned()));
        assert!(matches!(other.outcome, Outcome::Fresh(_)), "{other:?}");
    }
}

/// A fetch that takes so long once it is sent, of an origin that does not matter.
async fn taking(time: Duration) -> Fetched {
    tokio::time::sleep(time).await;
    let answer =
        Answer { status: StatusCode::NO_CONTENT, fields: HeaderMap::new(), body: Default::default() };
    Fetched { outcome: Outcome::Answered(answer), raw: None, wire_bytes: 0, waited: Duration::ZERO }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_too_long_is_told_so() {
    let budget = Budget::new("h", BudgetSettings { max_concurrent: 1, max_per_second: None });
    let hours = Duration::from_secs(7200);
    let somebody = FetchRequest { awaited: Awaited::by_somebody(true), ..get("/") };
    let (held, refused, late) = tokio::join!(
        budget.run(get("/"), |_| taking(hours)),
        budget.run(somebody, |_| taking(hours)),
        budget.run(get("/"), |_| taking(hours)),
    );
    answer(&held);
    for (refused, patience) in [(refused, PATIENCE_OF_SOMEBODY), (late, PATIENCE_OF_A_POLL)] {
        assert_eq!(failure(&refused).kind, FailureKind::Overloaded);
        assert_eq!(refused.waited, patience);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_somebody_joins_is_somebodys() {
    let budget = Budget::new("h", BudgetSettings { max_concurrent: 1, max_per_second: None });
    let (joins, awaited) = Awaited::changing(false);
    let (_, refused, ()) = tokio::join!(
        budget.run(get("/"), |_| taking(Duration::from_secs(7200))),
        budget.run(FetchRequest { awaited, ..get("/") }, |_| taking(Duration::ZERO)),
        async {
            taking(Duration::from_secs(5)).await;
            joins.send_replace(true);
        },
    );
    assert_eq!(refused.waited, Duration::from_secs(5) + PATIENCE_OF_SOMEBODY);
}

#[test]
fn another_host_that_is_down_is_not_the_origin() {
    let away = Failure::new(FailureKind::Unreachable, "nobody listens");
    assert_eq!(connected(&away), Some(Err(away.clone())));
    assert_eq!(connected(&Failure { elsewhere: true, ..away }), Some(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_was_stopped_is_made_anew() {
    let budget = Budget::new("h", BudgetSettings { max_concurrent: 4, max_per_second: None });
    let sent = AtomicUsize::new(0);
    let second = Duration::from_secs(1);
    let known = FetchRequest { took: Some(Duration::ZERO), ..get("/") };
    let slow = join_all((0..4).map(|_| {
        budget.run(known.clone(), |_| {
            sent.fetch_add(1, Ordering::Relaxed);
            taking(second)
        })
    }));
    let quick = async {
        tokio::time::sleep(second / 10).await;
        join_all((0..9).map(|_| budget.run(known.clone(), |_| taking(second / 100)))).await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    slow.iter().chain(&quick).for_each(|fetched| _ = answer(fetched));
    assert!(quick.iter().all(|fetched| fetched.waited < second), "{quick:?}");
    assert!(sent.load(Ordering::Relaxed) > 4, "some were stopped");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_and_the_wait_is_reported() {
    let budget = Budget::new("h", BudgetSettings { max_concurrent: 100, max_per_second: Some(10) });
    let start = Instant::now();
    let fetched = join_all((0..50).map(|_| async {
        let fetched = budget.run(get("/"), |_| taking(Duration::ZERO)).await;
        (start.elapsed(), fetched.waited)
    }))
    .await;
    let close = |at: Duration, waited: Duration| at - waited <= Duration::from_millis(2);
    assert!(fetched.iter().all(|(at, waited)| close(*at, *waited)), "{fetched:?}");
    let last = fetched.iter().map(|(at, _)| *at).max().unwrap();
    assert!(last >= Duration::from_millis(4900) && last < Duration::from_millis(5100), "{last:?}");
    assert_eq!(Arc::strong_count(&budget.0), 1, "nothing that sleeps keeps the budget");
}
