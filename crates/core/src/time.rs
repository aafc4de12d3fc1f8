//! Time as an argument: instants that only a caller can make, and jitter from a seed that only a caller can draw.

use std::ops::Add;
use std::time::Duration;

/// A monotonic instant: the time since some start that the caller chose. Core never asks what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(Duration);

impl Time {
    /// The instant `since_start` after the caller's start.
    pub const fn from_start(since_start: Duration) -> Time {
        Time(since_start)
    }

    /// How long after the caller's start this is.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration))
    }
}

/// A deterministic source of jitter (SplitMix64). Seeded by the caller; the same seed gives the same schedule.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// A source that starts from `seed`.
    pub fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// `duration` times a factor drawn evenly from `low..high`.
    pub fn scale(&mut self, duration: Duration, low: f64, high: f64) -> Duration {
        let unit = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        duration.mul_f64(low + (high - low) * unit)
    }
}
