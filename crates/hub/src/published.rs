//! What is sent, encoded once and shared by everyone who gets it.

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tidegate_core::{Offset, Position, State, Status, Time, Version};
use tidegate_wire::sse::Event;
use tidegate_wire::{self as wire, Continuity, Problem};
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::frame::Frame;
use crate::heavy::heavily;
use crate::problems::problem_of;

/// A version with its encodings, each made when it is first needed.
#[derive(Debug)]
pub struct Published {
    version: Arc<Version>,
    snapshot: OnceLock<Frame>,
    patch: Option<OnceLock<Frame>>,
    gzip: OnceCell<Bytes>,
}

impl Published {
    /// Nothing is encoded yet.
    pub fn new(version: Arc<Version>) -> Published {
        let patch = version.patch.is_some().then(OnceLock::new);
        Published { version, snapshot: OnceLock::new(), patch, gzip: OnceCell::new() }
    }

    /// The version.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Where it stands.
    pub fn offset(&self) -> Offset {
        self.version.position.offset
    }

    /// The `snapshot` event.
    pub fn snapshot_event(&self) -> &Frame {
        self.snapshot.get_or_init(|| snapshot_event(&self.version))
    }

    /// The `patch` event from the version before; none where there is no such patch.
    pub fn patch_event(&self) -> Option<&Frame> {
        let patch = self.version.patch.as_ref()?;
        Some(self.patch.as_ref()?.get_or_init(|| patch_event(self.version.position, patch)))
    }

    /// Packs what subscribers who have the version before get next, for those who want gzip.
    pub(crate) fn pack(&self) {
        self.patch_event().unwrap_or_else(|| self.snapshot_event()).segment();
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

fn text(bytes: &Bytes) -> &str {
    // A document's text and a patch are UTF-8 by construction: `Document::new` refuses anything else.
    std::str::from_utf8(bytes).expect("documents and patches are UTF-8")
}

fn snapshot_event(version: &Version) -> Frame {
    Frame::new(Event::snapshot(version.position, text(version.text())).encode())
}

/// The `patch` event that leads to `position`.
pub fn patch_event(position: Position, patch: &Bytes) -> Frame {
    Frame::new(Event::patch(position, text(patch)).encode())
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

    /// The `status` event that all subscribers of a feed get when it changes.
    pub fn event(&self, now: Time, clock: &Clock) -> Bytes {
        Event::status(&self.on_the_wire(now, clock, false).to_json()).encode()
    }

    /// The first `status` event of one stream; it also says when to come back should the stream break.
    pub fn first_event(&self, now: Time, clock: &Clock, unproven: bool, retry: Duration) -> Bytes {
        Event::status(&self.on_the_wire(now, clock, unproven).to_json()).retry(retry).encode()
    }

    /// The last `status` event of a stream that ends for a reason of its own, which takes the place of the feed's cause.
    pub fn last_event(
        &self,
        now: Time,
        clock: &Clock,
        unproven: bool,
        retry: Duration,
        because: Problem,
    ) -> Bytes {
        let status = wire::Status { cause: Some(because), ..self.on_the_wire(now, clock, unproven) };
        Event::status(&status.to_json()).retry(retry).encode()
    }
}

/// Whole milliseconds, rounded up: a bound stays a bound.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
