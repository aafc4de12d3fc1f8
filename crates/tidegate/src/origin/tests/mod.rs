//! Fetches over loopback against an origin that does exactly what a test says.

mod addresses;
mod bodies;
mod connections;
mod elsewhere;
mod http2;
mod meaning;
mod requests;
mod secure;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Response};
use http_body_util::BodyExt;
use tidegate_core::{FailureKind, Outcome, Validators};
use tidegate_hub::{Awaited, Body, FetchRequest, Fetched, Origin};
use tidegate_testkit::{OriginConnection, ScriptedOrigin};

use super::{BudgetSettings, ConnectionSettings, CredentialSettings, HttpOrigin, OriginSettings};

/// Longer than any test takes.
const AGES: Duration = Duration::from_secs(60);

/// What a test waits for that is about a time-out.
const SOON: Duration = Duration::from_millis(40);

pub(super) fn settings(url: &str) -> OriginSettings {
    OriginSettings {
        name: "test".to_owned(),
        base: url.parse().unwrap(),
        connect_timeout: AGES,
        head_timeout: AGES,
        body_timeout: AGES,
        max_body: 1000,
        budget: BudgetSettings { max_concurrent: 1000, max_per_second: None },
        credentials: CredentialSettings::default(),
        connections: ConnectionSettings::default(),
    }
}

/// An origin that is as patient with plain readers as with feeds.
fn origin(url: &str) -> HttpOrigin {
    HttpOrigin::new(settings(url)).unwrap().with_patience(AGES)
}

pub(super) fn fields(list: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    map
}

pub(super) fn get(target: &str) -> FetchRequest {
    FetchRequest {
        method: Method::GET,
        target: target.to_owned(),
        fields: HeaderMap::new(),
        body: Bytes::new(),
        condition: Validators::default(),
        end_to_end: false,
        patient: true,
        awaited: Awaited::by_somebody(false),
        credentialed: false,
        scope: String::from("test"),
        took: None,
    }
}

fn impatiently(target: &str) -> FetchRequest {
    FetchRequest { patient: false, ..get(target) }
}

/// Fetches once; `act` is what the origin does with its connection after it got the request.
async fn fetched_from<F>(
    server: &ScriptedOrigin,
    origin: &HttpOrigin,
    request: FetchRequest,
    act: impl FnOnce(OriginConnection) -> F,
) -> (Fetched, F::Output)
where
    F: Future,
{
    tokio::join!(origin.fetch(request), async {
        let (connection, _) = server.request().await;
        act(connection).await
    })
}

/// What a new origin makes of these bytes, followed by the end of the connection.
async fn fetched(answer: impl AsRef<[u8]>) -> Fetched {
    let server = ScriptedOrigin::bind().await;
    let origin = origin(&server.url());
    let act = |mut connection: OriginConnection| async move { connection.send(answer).await };
    fetched_from(&server, &origin, get("/"), act).await.0
}

fn kind(fetched: &Fetched) -> FailureKind {
    match &fetched.outcome {
        Outcome::Failed(failure) => failure.kind,
        other => panic!("expected a failure, got {other:?}"),
    }
}

async fn raw(fetched: Fetched) -> (Response<()>, Bytes) {
    let (head, body) = fetched.raw.expect("the answer is handed on").into_parts();
    (Response::from_parts(head, ()), content(body).await)
}

async fn content(body: Body) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}
