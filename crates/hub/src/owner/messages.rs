//! What an owner is asked, what it answers, and what it has done.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Response, StatusCode};
use tidegate_core::caching::{Demand, Forward, Reuse};
use tidegate_core::json::Selection;
use tidegate_core::{
    Answer, Binding, Epoch, Failure, Fetching, Offset, Outcome, Position, State, Unfit, Unproven,
    Unselectable, Validators, Vary, Wish,
};
use tidegate_wire::Kind;
use tokio::sync::oneshot;

use crate::frame::Coding;
use crate::origin::{Body, FetchRequest};
use crate::published::Published;
use crate::shard::{FeedCommand, FeedId, FeedPort, SubscriberId, ViewId};
use crate::stats::FeedStats;
use crate::terms::Terms;

/// Numbers a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardIndex(pub usize);

/// The answer to somebody who wanted a stream or a representation.
#[derive(Debug)]
pub enum Reply<T> {
    /// Here it is.
    Have(T),
    /// The origin could not be asked, or answered with nonsense.
    Failed(Failure),
    /// There is a last good version, and its caching fields forbid to serve it while nothing confirms it.
    Unconfirmed(Failure),
    /// The origin answered with something else; it is passed on.
    Answered(Box<Answer>),
    /// The origin's answer as it comes, and why it cannot be a document; it is passed on.
    Raw(Box<Response<Body>>, Option<Unfit>),
    /// The origin's answer may not be shared, or cannot be a document: ask it yourself.
    Bypass,
    /// Nothing is kept that may be used, and the origin is not to be asked for this reader.
    Nothing,
    /// The feed has as many streams as it may.
    Full,
    /// What was selected cannot be had.
    Unselectable(Unselectable),
    /// As many parts of the feed are watched as may be.
    TooManyViews,
    /// The answer depends on fields that the key does not hold: ask again with a key that does.
    Split(Vary),
}

/// A subscriber was attached to its shard.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The media type of the representation.
    pub content_type: Option<http::HeaderValue>,
    /// It has the newest version already.
    pub is_current: bool,
}

/// How a plain reader's representation was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From memory, without asking the origin for this reader.
    Memory,
    /// The origin was asked for this reader.
    Fetched,
    /// The origin was asked for another reader at the same time.
    Collapsed,
}

/// A representation for a plain reader.
#[derive(Debug, Clone)]
pub struct Current {
    /// The version.
    pub published: Arc<Published>,
    /// The origin's end-to-end header fields.
    pub fields: HeaderMap,
    /// Its age (RFC 9111 §4.2.3), in whole seconds.
    pub age_s: u64,
    /// What is left of the lifetime that the origin gave it, in whole seconds; negative when that is over.
    pub ttl_s: Option<i64>,
    /// Whether later readers may have it from memory.
    pub stored: bool,
    /// How it was come by.
    pub source: Source,
    /// How it was used, where it came from memory.
    pub reuse: Option<Reuse>,
    /// Why the origin was asked and what it answered, where it was.
    pub forwarded: Option<Forwarded>,
}

/// The origin was asked for a plain reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Why.
    pub why: Forward,
    /// What it answered; `None` where there was no answer.
    pub status: Option<StatusCode>,
}

/// Why the origin is asked for a plain reader; empty while, or where, it is not.
pub type Reason = Arc<OnceLock<Forward>>;

/// Somebody who wants a stream.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its name.
    pub id: SubscriberId,
    /// Its shard.
    pub shard: ShardIndex,
    /// Where it wants to go on.
    pub resume: Resume,
    /// How its stream is coded.
    pub coding: Coding,
    /// How old it lets its data become.
    pub wish: Wish,
    /// On which terms it is served.
    pub terms: Terms,
    /// Which part it wants; none for the whole.
    pub selection: Option<Selection>,
}

/// What an owner is asked.
pub enum Message {
    /// Somebody wants the stream. Its connection comes to the shard by itself, once it was told that it may begin.
    Subscribe {
        /// Who, and what exactly.
        newcomer: Newcomer,
        /// Where the answer goes.
        reply: oneshot::Sender<Reply<Attached>>,
    },
    /// Somebody wants the current representation.
    Read {
        /// What its fields say of the answers that it takes.
        demand: Demand,
        /// Which part it wants; none for the whole.
        selection: Option<Selection>,
        /// Where it is noted that the origin is asked for it, and why.
        asked: Reason,
        /// Where the answer goes.
        reply: oneshot::Sender<Reply<Current>>,
    },
    /// The resource was written to, or may have been: what was asked of the origin before may be older than that.
    Invalidated,
    /// A subscriber with this wish left its shard.
    Unsubscribed(ViewId, ShardIndex, Wish),
    /// A shard needs the step of this kind from a version to the head.
    StepFrom(ViewId, ShardIndex, Offset, Kind),
    /// Which validators the origin gave for a version; for a part of one, those of the head, as long as that has the
    /// same part.
    ValidatorsAt(Position, oneshot::Sender<Option<Validators>>),
    /// How the feed is doing.
    Report(oneshot::Sender<FeedReport>),
}

/// Where a client wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It said nothing.
    Nowhere,
    /// It said something that is no position of ours.
    Foreign,
    /// From this position.
    From(Position),
}

/// How a feed is doing.
#[derive(Debug, Clone)]
pub struct FeedReport {
    /// The method that it is fetched by.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Whether it may have more than one caller: its key holds nothing that may identify one, and the origin does not
    /// forbid it with `Vary: *`.
    pub shared: bool,
    /// The names of the header fields in its key; never what they hold.
    pub key_fields: Vec<String>,
    /// Subscribers now.
    pub subscribers: usize,
    /// Readers and subscribers who wait for a fetch.
    pub waiting: usize,
    /// The head, if there is one.
    pub head: Option<Position>,
    /// Versions in the window.
    pub versions: usize,
    /// Parts of it that are watched.
    pub selections: usize,
    /// Its state.
    pub state: State,
    /// What was counted.
    pub stats: FeedStats,
}

/// What the task around an owner is to do.
pub enum Action<P> {
    /// Ask the origin and report with [`Owner::handle_fetched`](super::Owner::handle_fetched).
    Fetch(Fetching, FetchRequest),
    /// Tell a shard.
    Tell(ShardIndex, FeedCommand<P>),
    /// Log a patch that did not stand its proof.
    Unproven(Box<Unproven>),
    /// Nobody needs the feed any more.
    Retire,
}

/// Makes the ports through which shards speak to an owner.
pub trait PortFactory {
    /// The port's type.
    type Port: FeedPort;
    /// A port for this view and shard.
    fn port(&self, view: ViewId, shard: ShardIndex) -> Self::Port;
}

/// What makes one lineage different from every other.
#[derive(Debug, Clone, Copy)]
pub struct Lineage {
    /// The feed's name in this process.
    pub id: FeedId,
    /// Never used before, anywhere.
    pub epoch: Epoch,
    /// What its positions are bound to.
    pub binding: Binding,
    /// Spreads its polls.
    pub seed: u64,
}

/// Why somebody does not get what it waited for.
pub(super) enum Refusal {
    Failed(Failure),
    Answered(Answer),
    Raw(Box<Response<Body>>, Option<Unfit>),
    Bypass,
    Split(Vary),
    Unselectable(Unselectable),
    TooManyViews,
}

impl Refusal {
    pub(super) fn into_reply<T>(self) -> Reply<T> {
        match self {
            Refusal::Failed(failure) => Reply::Failed(failure),
            Refusal::Answered(answer) => Reply::Answered(Box::new(answer)),
            Refusal::Raw(raw, unfit) => Reply::Raw(raw, unfit),
            Refusal::Bypass => Reply::Bypass,
            Refusal::Split(vary) => Reply::Split(vary),
            Refusal::Unselectable(why) => Reply::Unselectable(why),
            Refusal::TooManyViews => Reply::TooManyViews,
        }
    }
}

/// The outcome as the log names it, in a word.
pub fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::NotModified { .. } => "not modified",
        Outcome::Fresh(_) => "fresh",
        Outcome::Answered(_) => "answered",
        Outcome::Unfit(_) => "unfit",
        Outcome::Failed(_) => "failed",
    }
}
