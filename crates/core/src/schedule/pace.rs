//! What a route wants of its polls, and what subscribers add to it.

use std::time::Duration;

/// Between which bounds a feed's interval moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How fresh the data is to be: the interval of a feed that changes about as often as that, or more often. There is
    /// no shorter one.
    pub target: Duration,
    /// The longest interval, however quiet the feed is. Not less than the target; where it is equal, every interval is.
    pub ceiling: Duration,
    /// Whether an answer that the origin calls fresh for longer is left alone for so long.
    pub obeys_lifetime: bool,
}

impl Pace {
    /// One interval, whatever happens.
    pub fn steady(interval: Duration) -> Pace {
        Pace { target: interval, ceiling: interval, obeys_lifetime: true }
    }

    /// The pace for a subscriber with this wish. It is never a faster one: how often the origin is asked is not for
    /// clients to raise.
    pub fn for_wish(self, wish: Wish) -> Pace {
        let wished = wish.allowed();
        Pace { target: self.target.max(wished), ceiling: self.ceiling.max(wished), ..self }
    }
}

/// How old a subscriber lets its data become, in whole seconds; a lesser wish is a more demanding one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wish(u32);

impl Wish {
    /// As fresh as the route has it.
    pub const NONE: Wish = Wish(0);

    /// The most that can be wished; what is more counts as this, so that a feed is never left unasked for good.
    pub const MOST: Wish = Wish(3600);

    /// No older than this many seconds.
    pub fn seconds(seconds: u64) -> Wish {
        Wish(u32::try_from(seconds).unwrap_or(u32::MAX)).min(Wish::MOST)
    }

    /// The age that it allows; zero where nothing is wished.
    pub fn allowed(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}
