//! The Rust client through the scenarios that every client of this repository goes through: `testdata/scenarios`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tidegate_client::{Client, Document, Live, State, Update};
use tidegate_testkit::{BadProxy, Rule};
use tokio::task::JoinSet;

use crate::common::{Api, Cell, Running, Setup, answer, ok, until};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[allow(dead_code, reason = "for people")]
    about: String,
    streams: Vec<Vec<Rule>>,
    steps: Vec<Step>,
    snapshots: Option<usize>,
    #[allow(dead_code, reason = "about other clients")]
    plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Change,
    Seen,
    Held,
    Restart,
    Crash,
    Fail,
    Recover,
    Stale,
}

/// The document of this version, as the README has it.
fn document(version: u64) -> String {
    let (fill, fixed) = ("s".repeat(120), "f".repeat(200));
    format!(
        r#"{{"version":{version},"step":{{"fill":"{fill}","n{version}":{version}.10}},"fixed":"{fixed}"}}"#
    )
}

/// What the client has come to.
#[derive(Debug, Clone, Default)]
struct Seen {
    version: u64,
    snapshots: usize,
    is_stale: bool,
}

/// Follows, and looks at each document that it is given.
async fn follow(name: String, mut live: Live, seen: Cell<Seen>) {
    loop {
        let update = live.next().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut now = seen.get();
        match &update {
            Update::Status(status) => now.is_stale = status.state == State::Stale,
            Update::Snapshot { .. } => now.snapshots += 1,
            _ => {}
        }
        if update.is_change() {
            let Some(Document::Json(held)) = live.document() else { panic!("{name}: it is not JSON") };
            let version =
                held.get("version").and_then(|it| it.as_number()).unwrap().as_str().parse().unwrap();
            assert_eq!(held.to_text(), document(version), "{name}: never wrong");
            assert!(version >= now.version, "{name}: never backwards: {version} after {}", now.version);
            now.version = version;
        }
        seen.set(now);
    }
}

async fn gateway(api: &Api) -> Running {
    Setup::lively(api.url()).route("heartbeat = \"1s\"\n").start().await
}

async fn play(name: String, scenario: Scenario) {
    let (version, failing, served) =
        (Cell::<u64>::new(1_u64), Cell::<bool>::new(false), Cell::<BTreeMap<u64, ()>>::new(BTreeMap::new()));
    let api = {
        let (version, failing, served) = (version.clone(), failing.clone(), served.clone());
        Api::serve(move |_| {
            if failing.get() {
                return answer("500 Internal Server Error", "", "");
            }
            let version = version.get();
            let mut all = served.get();
            all.insert(version, ());
            served.set(all);
            ok(document(version))
        })
        .await
    };
    let mut running = gateway(&api).await;
    let proxy = BadProxy::start(running.address, scenario.streams).await;
    let client = Client::builder(format!("http://{}/q", proxy.address()))
        .max_backoff(Duration::from_millis(5))
        .poll_interval(Duration::from_millis(50))
        .idle_timeout(Duration::from_secs(3));
    let seen = Cell::<Seen>::new(Seen::default());
    let mut following = JoinSet::new();
    following.spawn(follow(name.clone(), client.build().unwrap().live(), seen.clone()));

    let mut before_change = 0;
    for (at, step) in scenario.steps.into_iter().enumerate() {
        let what = format!("{name}, step {at}, {step:?}");
        match step {
            Step::Change => {
                before_change = proxy.updates();
                let next = version.get() + 1;
                version.set(next);
                until(&what, async || served.get().contains_key(&next)).await;
            }
            Step::Seen => until(&what, async || proxy.updates() > before_change).await,
            Step::Held => {
                let newest = version.get();
                let mut holds_it = || {
                    // What went wrong there says more than that it does not come to its end.
                    if let Some(end) = following.try_join_next() {
                        end.unwrap_or_else(|error| panic!("{what}: {error}"));
                    }
                    seen.get().version == newest
                };
                until(&what, || std::future::ready(holds_it())).await;
            }
            Step::Stale => until(&what, async || seen.get().is_stale).await,
            Step::Fail => failing.set(true),
            Step::Recover => failing.set(false),
            Step::Restart | Step::Crash => {
                let next = gateway(&api).await;
                proxy.lead_to(next.address);
                let ended = std::mem::replace(&mut running, next);
                match step {
                    Step::Restart => ended.close().await,
                    _ => {
                        drop(ended);
                        proxy.cut();
                    }
                }
                until(&what, async || running.subscribers().await > 0).await;
            }
        }
    }
    let Seen { snapshots, .. } = seen.get();
    assert!(snapshots <= scenario.snapshots.unwrap_or(usize::MAX), "{name}: {snapshots} snapshots");
}

#[tokio::test]
async fn the_rust_client_gets_through_all_of_them() {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/scenarios"].iter().collect();
    let mut playing = JoinSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(path).unwrap();
            let scenario = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            playing.spawn(play(name, scenario));
        }
    }
    assert!(playing.len() >= 15);
    playing.join_all().await;
}
