//! The one place where the process asks what time it is.

use std::time::{Duration, Instant, SystemTime};

use tidegate_core::Time;
use tidegate_wire::Timestamp;

/// Ties core's [`Time`] to the clocks of the machine. The wall clock is read once, so that later jumps of it never
/// make time run backwards for clients.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    wall: SystemTime,
}

impl Clock {
    /// A clock that starts now.
    #[allow(clippy::new_without_default)] // Reading the clock should be seen at the call.
    pub fn new() -> Clock {
        Clock { start: Instant::now(), wall: SystemTime::now() }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    /// When the machine's monotonic clock will show `time`.
    pub fn instant(&self, time: Time) -> Instant {
        self.start + time.since_start()
    }

    /// What a wall clock shows at `time`.
    pub fn wall(&self, time: Time) -> Timestamp {
        Timestamp::from(self.wall + time.since_start())
    }

    /// How long from now until `time`; zero when it has passed.
    pub fn until(&self, time: Time) -> Duration {
        time.since(self.now())
    }
}
