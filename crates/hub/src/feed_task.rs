//! The task around an owner: its queue, its one fetch, its timer.
//!
//! Liveness: every await here ends. The queue's sender is held by the table until the task retires, a fetch ends
//! within the origin's time-outs, and the timer is the owner's own.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use tidegate_core::{Failure, FailureKind, Fetching, Outcome, SharedRequest, State, Status, Time};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tracing::{debug, error};

use crate::frame::Coding;
use crate::heavy::heavily;
use crate::origin::Fetched;
use crate::owner::{Action, Message, Newcomer, Owner, outcome_name};
use crate::problems::kind_of;
use crate::published::StatusView;
use crate::registry::Registry;
use crate::route::Route;
use crate::shard::{FeedCommand, FeedId};
use crate::shard_thread::Ports;
use crate::unproven;

type FeedOwner = Owner<Ports>;
type Fetch = Pin<Box<dyn Future<Output = (Fetching, Fetched)> + Send>>;

pub(crate) struct FeedTask {
    pub(crate) hub: Arc<Registry>,
    pub(crate) route: Arc<Route>,
    pub(crate) request: SharedRequest,
    pub(crate) sender: UnboundedSender<Message>,
}

impl FeedTask {
    pub(crate) async fn run(self, mut queue: UnboundedReceiver<Message>) {
        let mut owner = self.begin();
        let mut abandoned =
            Abandoned { hub: self.hub.clone(), sender: self.sender.clone(), feed: owner.id(), armed: true };
        let mut fetch: Option<Fetch> = None;
        loop {
            let mut retire = false;
            for action in owner.take_actions() {
                match action {
                    Action::Fetch(number, request) => {
                        let asked = self.route.origin.fetch(request);
                        fetch = Some(Box::pin(async move { (number, asked.await) }));
                    }
                    Action::Tell(shard, command) => self.hub.shard(shard).tell_of_feed(command),
                    Action::Unproven(unproven) => {
                        unproven::log(path_of(self.request.target()), &self.route.scope, &unproven);
                    }
                    Action::Retire => retire = true,
                }
            }
            if retire {
                let epoch = owner.feed().epoch();
                if self.hub.retire(self.request.key(), epoch, &queue) {
                    abandoned.armed = false;
                    return;
                }
                // Somebody came while it was ending: the next lineage is theirs.
                self.hub.forget_epoch(epoch);
                owner = self.begin();
                abandoned.feed = owner.id();
                fetch = None;
            }
            let timer = owner.poll_timeout();
            tokio::select! {
                message = queue.recv() => {
                    // The table holds a sender until the task retires.
                    let Some(message) = message else { return };
                    owner = self.told(owner, message).await;
                }
                (number, fetched) = fetched(&mut fetch) => {
                    fetch = None;
                    self.log(&fetched);
                    // What came before it first: a write among it makes this answer one that may be older.
                    for _ in 0..queue.len() {
                        let Ok(message) = queue.try_recv() else { break };
                        owner = self.told(owner, message).await;
                    }
                    let body = match &fetched.outcome {
                        Outcome::Fresh(representation) => representation.body.len(),
                        _ => 0,
                    };
                    let weighs = owner.weighs(body);
                    let now = self.hub.clock.now();
                    owner = on(owner, weighs, move |owner| owner.handle_fetched(now, number, fetched)).await;
                }
                () = sleep_until(&self.hub, timer) => owner.handle_timeout(self.hub.clock.now()),
            }
        }
    }

    async fn told(&self, owner: FeedOwner, message: Message) -> FeedOwner {
        let weighs = match &message {
            Message::StepFrom(..)
            | Message::Read { selection: Some(_), .. }
            | Message::ValidatorsAt(..)
            | Message::Subscribe { newcomer: Newcomer { coding: Coding::Gzip, .. }, .. }
            | Message::Subscribe { newcomer: Newcomer { selection: Some(_), .. }, .. } => {
                owner.feed().head().map_or(0, |head| head.body.len())
            }
            _ => 0,
        };
        let now = self.hub.clock.now();
        on(owner, weighs, move |owner| owner.handle(now, message)).await
    }

    fn begin(&self) -> FeedOwner {
        let lineage = self.hub.new_lineage(self.request.key(), &self.sender);
        let now = self.hub.clock.now();
        Owner::new(now, self.route.clone(), self.request.clone(), lineage, Ports(self.sender.clone()))
    }

    fn log(&self, fetched: &Fetched) {
        // Not `target`, which is the name of the module in every log line.
        let path = path_of(self.request.target());
        let outcome = outcome_name(&fetched.outcome);
        match &fetched.outcome {
            Outcome::Failed(failure) => {
                tracing::warn!(path, scope = %self.route.scope, outcome, code = kind_of(failure.kind).code(), detail = %failure.detail, "fetch failed");
            }
            _ => debug!(path, scope = %self.route.scope, outcome, bytes = fetched.wire_bytes, "fetched"),
        }
    }
}

/// The path without the query, which may hold secrets.
fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

async fn fetched(fetch: &mut Option<Fetch>) -> (Fetching, Fetched) {
    match fetch {
        Some(fetch) => fetch.await,
        None => pending().await,
    }
}

async fn sleep_until(hub: &Registry, timer: Option<Time>) {
    match timer {
        Some(time) => tokio::time::sleep_until(hub.clock.instant(time).into()).await,
        None => pending().await,
    }
}

/// Gives an owner an input that may take `bytes` of documents to work on.
async fn on(
    mut owner: FeedOwner,
    bytes: usize,
    input: impl FnOnce(&mut FeedOwner) + Send + 'static,
) -> FeedOwner {
    heavily(bytes, move || {
        input(&mut owner);
        owner
    })
    .await
}

/// Ends the streams of a feed whose task came to an end that it was never meant to come to, so that their clients
/// reconnect instead of watching data that nobody keeps any more.
struct Abandoned {
    hub: Arc<Registry>,
    feed: FeedId,
    armed: bool,
    sender: UnboundedSender<Message>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        // A hub that closes has ended its streams already, and its runtime may end the task at any time.
        let expected = self.hub.is_closing() && !std::thread::panicking();
        if !self.armed || expected {
            return;
        }
        error!(feed = self.feed.0, "a feed's task ended unexpectedly; its streams are closed");
        self.hub.abandon(&self.sender);
        let now = self.hub.clock.now();
        let cause = Failure::new(FailureKind::Lost, "the gateway lost this feed; reconnect");
        let status = Status {
            state: State::Stale,
            since: now,
            cause: Some(cause),
            retry_at: None,
            sequence: u64::MAX,
        };
        let view = StatusView { status, fresh_within: std::time::Duration::ZERO };
        for shard in self.hub.shards() {
            shard.tell_of_feed(FeedCommand::EndAll(self.feed, view.clone()));
        }
    }
}
