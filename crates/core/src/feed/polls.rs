//! When the feed is asked for, and what its subscribers are promised of that.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, header};

use super::state::State;
use super::{Cost, Feed, InFlight, Output};
use crate::schedule::{Cycle, Saw, Wish};
use crate::time::Time;

/// How much shorter the longest interval must have become for subscribers to be told: what they were told before is still
/// true, and every message goes to all of them.
const SHORTER: f64 = 0.5;

/// The wishes of those who subscribe; few different ones, however many they are.
#[derive(Debug, Default)]
pub(super) struct Wishes(BTreeMap<Wish, usize>);

impl Wishes {
    pub(super) fn add(&mut self, wish: Wish) {
        *self.0.entry(wish).or_default() += 1;
    }

    pub(super) fn remove(&mut self, wish: Wish) {
        let Some(count) = self.0.get_mut(&wish) else {
            debug_assert!(false, "who leaves takes the wish along that it came with");
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&wish);
        }
    }

    fn most_demanding(&self) -> Option<Wish> {
        self.0.keys().next().copied()
    }
}

impl Feed {
    /// The most time between two confirmations while the feed is live, as subscribers were told it.
    pub fn fresh_within(&self) -> Duration {
        self.promised
    }

    /// Polls at what the most demanding of those who watch needs. While nobody does, nothing changes: whoever left may
    /// come back.
    pub(super) fn heed_wishes(&mut self) {
        if let Some(wish) = self.wishes.most_demanding() {
            self.next_poll = self.schedule.set_wish(wish, self.next_poll);
            self.promise();
        }
    }

    /// Whether the head is as fresh as somebody with this wish needs it: a feed that runs for others, or whose answer was
    /// left alone, may not have asked for long.
    pub(super) fn is_fresh_for(&self, now: Time, wish: Wish) -> bool {
        let Some(meta) = &self.meta else { return false };
        let allowed = self.schedule.longest_for_wish(wish);
        // What runs as it should for them is not doubted because an answer is on its way.
        self.status.state != State::Live || self.promised <= allowed || now.since(meta.confirmed) <= allowed
    }

    /// The time of the next poll after a fetch that brought the head or confirmed it.
    pub(super) fn next_after(&mut self, now: Time, current: &InFlight, cost: Cost, saw: Saw) -> Time {
        let (fields, control) =
            (self.meta.as_ref().map(|meta| &meta.fields), self.meta.as_ref().map(|meta| &meta.control));
        let cycle = Cycle {
            started: current.started,
            waited: cost.waited,
            ended: now,
            saw,
            bytes: cost.bytes,
            modified: fields.and_then(modified),
            // What must not be used again without asking has no lifetime here (RFC 9111 §5.2.2.4).
            lifetime: control
                .filter(|control| !control.always_validated)
                .and_then(|control| control.lifetime),
            age: self.meta.as_ref().map_or(Duration::ZERO, |meta| meta.age),
        };
        let next = self.schedule.after_success(&cycle);
        self.promise();
        next
    }

    /// Keeps what subscribers are told true: a longer interval is told before it begins, a shorter one where it makes a
    /// difference.
    fn promise(&mut self) {
        let longest = self.schedule.longest_interval();
        if longest <= self.promised && longest > self.promised.mul_f64(SHORTER) {
            return;
        }
        self.promised = longest;
        let is_told = self.outputs.iter().any(|output| matches!(output, Output::Status));
        // While it is not live nothing is promised, and the status that ends that says it anew.
        if self.status.state == State::Live && !self.window.is_empty() && self.subscribers > 0 && !is_told {
            self.status.sequence += 1;
            self.outputs.push_back(Output::Status);
        }
    }
}

/// How long ago the origin says that it changed last: `Date` less `Last-Modified`, both by its own clock.
fn modified(fields: &HeaderMap) -> Option<Duration> {
    let date = |name| httpdate::parse_http_date(fields.get(name)?.to_str().ok()?.trim()).ok();
    date(header::DATE)?.duration_since(date(header::LAST_MODIFIED)?).ok()
}
