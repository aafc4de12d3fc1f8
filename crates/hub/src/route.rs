//! What the hub needs to know of a route.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Policy, SharingPolicy, Vary};

use crate::origin::Origin;
use crate::stats::FeedCounters;

/// A route's policy, checked.
pub struct Route {
    /// Names the route and its origin; equal targets in different scopes never share.
    pub scope: String,
    /// Where its representations come from.
    pub origin: Arc<dyn Origin>,
    /// How its feeds behave.
    pub policy: Policy,
    /// The most time without a byte on a stream.
    pub heartbeat: Duration,
    /// Streams that fell behind get the net effect of what they missed; else every update, joined.
    pub conflate: bool,
    /// Streams of one feed at one time.
    pub max_streams: usize,
    /// What does not choose the content.
    pub sharing: SharingPolicy,
    /// What a key holds from the beginning, beside what the origin's answers turn out to name in `Vary`.
    pub considered: Vary,
    /// The counts of all its feeds together, since the start.
    pub counters: Arc<FeedCounters>,
}
