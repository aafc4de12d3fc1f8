//! What is sent, encoded once and shared by everyone who gets it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tidegate_core::{Offset, State, Status, Time, Version};
use tidegate_wire::{self as wire, Continuity, Format, Kind, Problem};
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::encoded::Encoded;
use crate::heavy::heavily;
use crate::problems::problem_of;

/// A version with its encodings, each made when it is first needed.
#[derive(Debug)]
pub struct Published {
    version: Arc<Version>,
    previous: Option<Offset>,
    snapshot: Encoded,
    patch: Option<Arc<Encoded>>,
    merge: Option<Arc<Encoded>>,
    gzip: OnceCell<Bytes>,
}

impl Published {
    /// The version that follows the one at `previous`. Nothing is encoded yet.
    pub fn new(version: Arc<Version>, previous: Option<Offset>) -> Published {
        let snapshot = Encoded::whole(version.clone());
        let step = |(from, patch): (Offset, &Bytes)| {
            Arc::new(Encoded::step(Kind::Patch, from, version.position, patch.clone()))
        };
        let patch = previous.zip(version.patch.as_ref()).map(step);
        Published { version, previous, snapshot, patch, merge: None, gzip: OnceCell::new() }
    }

    /// The same with a merge patch (RFC 7396) from the version before.
    pub fn with_merge(mut self, merge: Bytes) -> Published {
        let position = self.version.position;
        self.merge = self.previous.map(|from| Arc::new(Encoded::step(Kind::Merge, from, position, merge)));
        self
    }

    /// The version.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Where it stands.
    pub fn offset(&self) -> Offset {
        self.version.position.offset
    }

    /// The version before it, if there was one. Its offset need not be the one below: a selection changes more rarely than
    /// its feed.
    pub fn previous(&self) -> Option<Offset> {
        self.previous
    }

    /// The whole.
    pub fn snapshot(&self) -> &Encoded {
        &self.snapshot
    }

    /// What leads here from the version before; none where there is nothing of this kind.
    pub fn step(&self, kind: Kind) -> Option<&Arc<Encoded>> {
        match kind {
            Kind::Snapshot => None,
            Kind::Patch => self.patch.as_ref(),
            Kind::Merge => self.merge.as_ref(),
        }
    }

    /// Packs what subscribers who have the version before get next, for those who want gzip in this format and steps of
    /// this kind.
    pub(crate) fn pack(&self, format: Format, kind: Kind) {
        self.step(kind).map_or(&self.snapshot, |step| step).frame(format).segment();
    }

    /// The body in gzip (RFC 1952), for plain readers. Made once; those who ask meanwhile wait for it.
    pub async fn gzip(&self) -> &Bytes {
        let make = || {
            let body = self.version.body.clone();
            heavily(body.len(), move || packed(&body))
        };
        self.gzip.get_or_init(make).await
    }
}

fn packed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(6));
    encoder.write_all(body).expect("writing to memory does not fail");
    Bytes::from(encoder.finish().expect("writing to memory does not fail"))
}

/// A feed's status as subscribers are told it.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// The status.
    pub status: Status,
    /// The most time between two confirmations while live.
    pub fresh_within: Duration,
}

impl StatusView {
    /// The status as the wire writes it at `now`.
    fn on_the_wire(&self, now: Time, clock: &Clock, unproven: bool) -> wire::Status {
        wire::Status {
            state: match self.status.state {
                State::Live => wire::State::Live,
                State::Stale => wire::State::Stale,
                State::Gone => wire::State::Gone,
            },
            since: clock.wall(self.status.since),
            fresh_within_ms: millis(self.fresh_within),
            cause: self.status.cause.as_ref().map(problem_of),
            retry_in_ms: self.status.retry_at.map(|at| millis(at.since(now))),
            continuity: unproven.then_some(Continuity::Unproven),
        }
    }

    /// What all subscribers of a feed are told when it changes.
    pub fn event(&self, format: Format, now: Time, clock: &Clock) -> Bytes {
        format.status(&self.on_the_wire(now, clock, false).to_json(), None)
    }

    /// The first status of one stream; it also says when to come back should the stream break.
    pub fn first_event(
        &self,
        format: Format,
        now: Time,
        clock: &Clock,
        unproven: bool,
        retry: Duration,
    ) -> Bytes {
        format.status(&self.on_the_wire(now, clock, unproven).to_json(), Some(retry))
    }

    /// The last `status` event of a stream that ends for a reason of its own, which takes the place of the feed's cause.
    pub fn last_event(
        &self,
        format: Format,
        now: Time,
        clock: &Clock,
        unproven: bool,
        retry: Duration,
        because: Problem,
    ) -> Bytes {
        let status = wire::Status { cause: Some(because), ..self.on_the_wire(now, clock, unproven) };
        format.status(&status.to_json(), Some(retry))
    }
}

/// Whole milliseconds, rounded up: a bound stays a bound.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
