//! On which terms a subscriber is served.

use std::num::NonZeroU32;
use std::time::Duration;

use tidegate_core::{Mode, Time};
use tidegate_wire::{Format, Kind};

/// How often a subscriber is told of changes at most. Between two updates for it lies at least a tick of a grid that all
/// with the same rate on the same feed share, so that they are given the same updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate(NonZeroU32);

impl Rate {
    /// The shortest time between two updates that can be asked for.
    pub const SHORTEST: Duration = Duration::from_millis(10);
    /// The longest.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// At most one update in each `interval`; none where that is out of bounds. Whole milliseconds.
    pub fn new(interval: Duration) -> Option<Rate> {
        let within = (Rate::SHORTEST..=Rate::LONGEST).contains(&interval);
        let millis = u32::try_from(interval.as_millis()).ok()?;
        NonZeroU32::new(millis).filter(|_| within).map(Rate)
    }

    /// The time between two ticks.
    pub fn interval(self) -> Duration {
        Duration::from_millis(u64::from(self.0.get()))
    }

    /// The first tick of its grid after `now`. `seed` shifts the grid, so that not all feeds tick at once.
    pub(crate) fn tick_after(self, now: Time, seed: u64) -> Time {
        let interval = u64::from(self.0.get()) * 1_000_000;
        let shift = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % interval;
        let now = u64::try_from(now.since_start().as_nanos()).unwrap_or(u64::MAX);
        let behind = now.saturating_add(interval - shift) % interval;
        Time::from_start(Duration::from_nanos(now.saturating_add(interval - behind)))
    }
}

/// On which terms a subscriber is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How its stream is written.
    pub format: Format,
    /// What its updates are.
    pub mode: Mode,
    /// How often it is told at most.
    pub rate: Option<Rate>,
}

impl Terms {
    /// Server-Sent Events with patches, each as it comes.
    pub const USUAL: Terms = Terms { format: Format::Sse, mode: Mode::Patch, rate: None };

    /// Whether an update of this kind is one that a subscriber on these terms can be given.
    pub fn allow(self, kind: Kind) -> bool {
        kind == Kind::Snapshot || self.step_kind() == Some(kind)
    }

    /// What an update is that is not the whole; none where each is the whole.
    pub(crate) fn step_kind(self) -> Option<Kind> {
        match self.mode {
            Mode::Patch => Some(Kind::Patch),
            Mode::Merge => Some(Kind::Merge),
            Mode::Snapshot | Mode::First => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_on_one_grid() {
        let rate = Rate::new(Duration::from_millis(250)).expect("within bounds");
        let at = |us| Time::from_start(Duration::from_micros(us));
        for seed in [0, 1, 7, u64::MAX] {
            let first = rate.tick_after(at(1_000_000), seed);
            assert!(first > at(1_000_000) && first <= at(1_250_000), "{first:?}");
            // Whenever it is asked in between, it is the same tick.
            for now in [1_000_001, 1_000_500] {
                let tick = rate.tick_after(at(now), seed);
                assert!(tick == first || first <= at(now), "{tick:?}");
            }
            assert_eq!(rate.tick_after(first, seed).since(first), Duration::from_millis(250));
            // There is one grid from the beginning on.
            let mut ticks: Vec<_> = (0..2_000).map(|ms| rate.tick_after(at(ms * 1000), seed)).collect();
            ticks.dedup();
            for pair in ticks.windows(2) {
                assert_eq!(pair[1].since(pair[0]), Duration::from_millis(250), "seed {seed}");
            }
        }
    }

    #[test]
    fn rates_have_bounds() {
        for (ms, valid) in [(0, false), (9, false), (10, true), (3_600_000, true), (3_600_001, false)] {
            assert_eq!(Rate::new(Duration::from_millis(ms)).is_some(), valid, "{ms}");
        }
        assert_eq!(Rate::new(Duration::MAX), None);
    }
}
