//! What goes into a feed and what comes out of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::document::Document;
use crate::failure::Failure;
use crate::json::{Failed, FieldControls, Identities};
use crate::representation::{Answer, Unfit, Validators};
use crate::schedule::Pace;
use crate::sharing::Vary;
use crate::window::{Version, WindowLimits};

/// How a feed behaves; from its route.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Between which bounds the time between two polls moves while somebody watches.
    pub pace: Pace,
    /// How long a feed is kept, and polled if it was, after the last one left.
    pub linger: Duration,
    /// For how long what is stale may be served to plain readers while the origin fails, where the origin does not say.
    pub stale_if_error: Duration,
    /// What the window may hold.
    pub window: WindowLimits,
    /// How deep a document may nest.
    pub max_depth: usize,
    /// Which members identify the rows of which arrays, where that is not to be detected.
    pub identities: Arc<Identities>,
    /// Which differences are worth telling.
    pub controls: Arc<FieldControls>,
    /// What keeps poisoned answers out.
    pub expect: Option<Arc<dyn Expect>>,
}

/// What a route expects of each document, beyond that it is one. It may take its time: it is asked where the feed is
/// driven, and only of documents that differ from the last one.
pub trait Expect: fmt::Debug + Send + Sync {
    /// Whether the document is what is expected.
    ///
    /// # Errors
    /// Which expectation is not met, in words that hold nothing of the document.
    fn check(&self, document: &Document) -> Result<(), String>;
}

/// The number of a fetch; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fetching(pub(super) u64);

/// A fetch to be made, and reported with [`Feed::handle_fetched`](super::Feed::handle_fetched).
#[derive(Debug, Clone)]
pub struct FetchPlan {
    /// Which fetch this is.
    pub fetch: Fetching,
    /// The validators to make it conditional with; empty for an unconditional one.
    pub condition: Validators,
    /// Whether somebody is watching, for whom a slow body is worth waiting for. Plain readers alone are better
    /// served by passing a slow body through.
    pub patient: bool,
}

/// What a fetch cost besides its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How long the request waited for its turn before it was sent.
    pub waited: Duration,
    /// Bytes of the body as they came over the wire.
    pub bytes: u64,
}

/// What should happen.
#[derive(Debug)]
pub enum Output {
    /// Ask the origin.
    Fetch(FetchPlan),
    /// There is a new head.
    Publish(Arc<Version>),
    /// A patch was made that was not right: the new head goes out whole instead. It is a bug, to be counted and logged
    /// with what reproduces it.
    Unproven(Box<Unproven>),
    /// [`Feed::status`](super::Feed::status) or [`Feed::fresh_within`](super::Feed::fresh_within) changed and
    /// subscribers are to be told.
    Status,
    /// A fetch came to its end: whoever waited for it, or for an earlier one, is answered.
    Settled(Fetching, Settled),
    /// All streams of this feed end; the feed accepts nothing more and retires.
    End(Ended),
    /// Nobody needs the feed any more: it can be dropped.
    Retire,
}

/// A patch that did not stand its proof, with the bodies that it was made for.
#[derive(Debug)]
pub struct Unproven {
    /// The patch, and what is wrong with it.
    pub failed: Box<Failed>,
    /// The head's body.
    pub old: Bytes,
    /// The body that came next.
    pub new: Bytes,
}

/// How a fetch ended, for those who waited for it.
#[derive(Debug, Clone)]
pub enum Settled {
    /// The head is confirmed.
    Confirmed,
    /// It failed; the head, if there is one, is the last good state.
    Failed(Failure),
    /// The origin answered with something that is no representation.
    Answered(Answer),
    /// The origin's answer is to be passed through.
    Unfit(Unfit),
    /// The answer depends on fields that the key does not hold, or is in another form than the feed's: ask again,
    /// with a key that holds these fields.
    Split(Vary),
}

/// Why a feed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The origin says that these credentials may not read it any more (401, 403).
    Refused(Failure),
    /// The origin's `Vary` changed: its subscribers no longer share one representation. Or the form changed (JSON, or
    /// not): the heads of their streams name a media type that is no longer true.
    Split,
}

/// Whether something can be had now, or after a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The head will do.
    Ready,
    /// When this fetch, or a later one, has settled.
    Until(Fetching),
}

impl Fetching {
    /// The fetch after this one.
    pub(super) fn after(self) -> Fetching {
        Fetching(self.0 + 1)
    }
}
