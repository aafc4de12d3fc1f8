//! The one clock of a running market.
//!
//! Invariant: it never goes back, whatever is done to the system's clock, so that trades, `Last-Modified` and `Date`
//! agree with each other.

use tokio::time::Instant;

use crate::units::Timestamp;

/// The time of the system when the market started, carried on by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    /// A clock that starts at `at`, now.
    pub(crate) fn starting(at: Timestamp) -> Clock {
        Clock { started: Instant::now(), at }
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.at.plus(self.started.elapsed())
    }

    /// When the runtime's timers reach `time`; at once, if it has passed.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        self.started + time.since(self.at)
    }
}
