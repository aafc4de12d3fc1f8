//! From an amount of memory to what it calls for.
//!
//! A state machine without a clock: it is given what was read and remembers only what it said. Each step up is taken at
//! once, and each step down only when the memory is a twentieth of the budget below where the step up was, so that an
//! amount near a border does not make it change its mind with every look.

use crate::config::ByteSize;

/// What the amount of memory calls for, from nothing to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pressure {
    /// Nothing.
    #[default]
    None,
    /// New connections and new streams are refused; what is open goes on.
    Refuse,
    /// The same, and streams are closed, a few at each look.
    Shed,
}

/// In percent of the budget: where to begin to refuse, and where to end.
const REFUSE: (u128, u128) = (90, 85);
/// In percent of the budget: where to begin to shed, and where to end.
const SHED: (u128, u128) = (100, 95);

/// Remembers the pressure, and judges each amount by it.
#[derive(Clone, Debug)]
pub struct Gauge {
    budget: ByteSize,
    pressure: Pressure,
}

impl Gauge {
    /// A gauge for a budget, without pressure.
    pub fn new(budget: ByteSize) -> Self {
        Self { budget, pressure: Pressure::None }
    }

    /// The pressure now that this much memory is taken.
    pub fn read(&mut self, taken: ByteSize) -> Pressure {
        let at_least = |percent: u128| u128::from(taken.0) * 100 >= u128::from(self.budget.0) * percent;
        // Whoever is beyond a border already leaves it at the lower of its two ends.
        let beyond = |level: Pressure, (begin, end): (u128, u128)| {
            at_least(if self.pressure >= level { end } else { begin })
        };
        self.pressure = if beyond(Pressure::Shed, SHED) {
            Pressure::Shed
        } else if beyond(Pressure::Refuse, REFUSE) {
            Pressure::Refuse
        } else {
            Pressure::None
        };
        self.pressure
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn up_at_once_and_down_with_some_way_to_go() {
        let mut gauge = Gauge::new(ByteSize(1000));
        let mut check = |taken: u64, expected: Pressure| {
            assert_eq!(gauge.read(ByteSize(taken)), expected, "{taken}");
        };
        check(0, Pressure::None);
        check(899, Pressure::None);
        check(900, Pressure::Refuse);
        check(850, Pressure::Refuse);
        check(849, Pressure::None);
        check(899, Pressure::None);
        check(999, Pressure::Refuse);
        check(1000, Pressure::Shed);
        check(950, Pressure::Shed);
        check(949, Pressure::Refuse);
        check(999, Pressure::Refuse);
        check(5000, Pressure::Shed);
        check(850, Pressure::Refuse);
        check(5000, Pressure::Shed);
        check(849, Pressure::None);
        check(u64::MAX, Pressure::Shed);
    }

    proptest! {
        #[test]
        fn within_a_twentieth_it_changes_its_mind_once_at_most(
            budget in 1_000_u64..1 << 50, from in 0_u64..130, steps in prop::collection::vec(0_u64..1_000, 2..50)
        ) {
            let mut gauge = Gauge::new(ByteSize(budget));
            let (low, width) = (budget / 100 * from, budget / 20 - budget / 1_000);
            let told: Vec<_> = steps.iter().map(|step| gauge.read(ByteSize(low + width * step / 1_000))).collect();
            // The way up may cross one border of each kind; after that nothing this narrow moves it down.
            prop_assert!(told.is_sorted(), "{told:?}");
        }

        #[test]
        fn whatever_came_before_the_borders_hold(budget in 1_u64..1 << 50, taken in prop::collection::vec(0_u64..1 << 51, 1..50)) {
            let mut gauge = Gauge::new(ByteSize(budget));
            for taken in taken {
                let told = gauge.read(ByteSize(taken));
                let percent = u128::from(taken) * 100 / u128::from(budget);
                prop_assert!(percent < 100 || told == Pressure::Shed);
                prop_assert!(percent < 90 || told >= Pressure::Refuse);
                prop_assert!(percent >= 95 || told <= Pressure::Refuse);
                prop_assert!(percent >= 85 || told == Pressure::None);
            }
        }
    }
}
