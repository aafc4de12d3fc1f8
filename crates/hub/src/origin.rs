//! Where representations come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use tidegate_core::{Outcome, Validators};
use tokio::sync::watch;

/// Any error of a body on its way.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The origin of some resources.
pub trait Origin: Send + Sync + 'static {
    /// Asks once. Always comes to an end within the origin's own time-outs, and never panics.
    fn fetch(&self, request: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>>;

    /// The resource that a target (path and query) names, as a URI: equal for equal resources of all origins.
    fn resource(&self, target: &str) -> String;
}

/// One safe request on behalf of everyone who shares it.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// `GET`, or what the route declares safe: it may be sent again.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The fields that came from clients; everything else in the request is the gateway's own.
    pub fields: HeaderMap,
    /// The content; empty for none.
    pub body: Bytes,
    /// Makes it conditional where there are validators, and the method has conditions.
    pub condition: Validators,
    /// Whether caches on the way have to ask the origin, too.
    pub end_to_end: bool,
    /// Whether a slow body is waited for until the origin's time-out; otherwise it is handed on as it comes.
    pub patient: bool,
    /// Whether somebody waits for this fetch, and not only for news.
    pub awaited: Awaited,
    /// Whether the fields from clients may say who they are: then what the origin allows is allowed to them alone.
    pub credentialed: bool,
    /// Names the route: fetches of different ones share the origin's budget fairly.
    pub scope: String,
    /// How long the feed's last fetch took, once it was sent; `None` before there was one.
    pub took: Option<Duration>,
}

/// Whether somebody waits for a fetch, which may come to be so while it stands in line.
#[derive(Debug, Clone)]
pub struct Awaited(watch::Receiver<bool>);

impl Awaited {
    /// Somebody does, or nobody ever will.
    pub fn by_somebody(somebody: bool) -> Awaited {
        Awaited::changing(somebody).1
    }

    /// The same, and where to say that somebody does from now on.
    pub fn changing(somebody: bool) -> (watch::Sender<bool>, Awaited) {
        let (sender, receiver) = watch::channel(somebody);
        (sender, Awaited(receiver))
    }

    /// Whether somebody waits by now.
    pub fn is_so(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes back as soon as somebody waits; never, if nobody ever does.
    pub async fn becomes_so(&mut self) {
        if self.0.wait_for(|somebody| *somebody).await.is_err() {
            std::future::pending().await
        }
    }
}

/// What asking brought.
pub struct Fetched {
    /// What it means for the feed.
    pub outcome: Outcome,
    /// The answer itself where its body was not taken in whole: for [`Outcome::Unfit`], and for any other answer that
    /// is too large. It belongs to one reader.
    pub raw: Option<http::Response<Body>>,
    /// Bytes of the body as they came over the wire (before decoding).
    pub wire_bytes: u64,
    /// How long the fetch waited for the origin's budget before it was sent.
    pub waited: Duration,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}
