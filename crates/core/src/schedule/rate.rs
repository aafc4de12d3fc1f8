//! How often a resource changes, estimated from polls that see only whether it changed since the one before.
//!
//! For changes at random that come λ times a second, a poll after Δ seconds that sees a change stands for
//! λΔ / (1 - exp(-λΔ)) changes in the mean, and one that sees none for none. Both are summed, and so is the time; their
//! quotient is the new estimate. Older sums fade with the changes that have happened or should have: so the memory is
//! some changes long, whether they come by the second or by the day.
//!
//! Two such sums are kept. The short one follows a burst within a few polls; the long one remembers, through a gap, that
//! there is life in the resource. The greater rate counts.

/// How many changes the sums remember.
const SHORT: f64 = 0.4;
const LONG: f64 = 8.0;

/// The most changes that one poll stands for: a resource that changes between all polls could change at any rate.
const MOST_IN_ONE: f64 = 3.0;

/// The estimated rate of one resource.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    short: Sums,
    long: Sums,
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    changes: f64,
    seconds: f64,
}

impl Rate {
    /// Before anything was seen: one change in `gap` seconds, and little trust in it.
    pub(super) fn guessed(gap: f64) -> Rate {
        let sums = Sums { changes: 1.0, seconds: gap.max(f64::MIN_POSITIVE) };
        Rate { short: sums, long: sums }
    }

    /// A poll `seconds` after the one before saw a change, or none.
    pub(super) fn saw(&mut self, seconds: f64, changed: bool) {
        let expected = self.changes_in(seconds);
        let changes = match changed {
            true => (expected / -(-expected).exp_m1()).clamp(1.0, MOST_IN_ONE),
            false => 0.0,
        };
        self.count(seconds, changes);
    }

    /// This many changes came in so many seconds.
    pub(super) fn count(&mut self, seconds: f64, changes: f64) {
        self.short.add(seconds, changes, SHORT);
        self.long.add(seconds, changes, LONG);
    }

    /// The mean time between two changes, in seconds.
    pub(super) fn mean_gap(&self) -> f64 {
        self.short.gap().min(self.long.gap())
    }

    fn changes_in(&self, seconds: f64) -> f64 {
        (seconds / self.mean_gap()).max(1e-9)
    }
}

impl Sums {
    fn add(&mut self, seconds: f64, changes: f64, memory: f64) {
        let expected = seconds / self.gap();
        let kept = (-expected.max(changes) / memory).exp();
        self.changes = self.changes * kept + changes;
        self.seconds = self.seconds * kept + seconds;
    }

    fn gap(&self) -> f64 {
        self.seconds / self.changes.max(1e-12)
    }
}
