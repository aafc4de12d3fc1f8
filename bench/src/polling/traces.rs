//! A day in the life of a thousand resources: when each of them changes, in seconds since midnight.
//!
//! Seeded, so that every run has the same day. The kinds and their shares are what an API of some size has: a few lists
//! that move all day, many that move when people work, matches and incidents that come in bursts, values that are made
//! anew by the clock, and a long tail that hardly ever changes.

use std::f64::consts::TAU;

use tidegate_core::Jitter;

/// The length of a trace.
pub(crate) const DAY: f64 = 86_400.0;

const HOUR: f64 = 3_600.0;

/// What sort of resource it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Moves all the time while a market is open, and not at all at other times.
    Quotes,
    /// Follows people: busy by day, quiet by night, with a rate of its own.
    Activity,
    /// Hours of silence, and then a match, an incident, a deployment.
    Bursts,
    /// Made anew by the clock, more or less on the second.
    Ticking,
    /// A few times a day.
    Rare,
    /// Never on this day.
    Still,
}

/// A resource with its changes, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) kind: Kind,
    pub(crate) changes: Vec<f64>,
}

impl Kind {
    /// All of them, with how many of a thousand resources are of it.
    pub(crate) const MIX: [(Kind, usize); 6] = [
        (Kind::Quotes, 80),
        (Kind::Activity, 250),
        (Kind::Bursts, 120),
        (Kind::Ticking, 150),
        (Kind::Rare, 250),
        (Kind::Still, 150),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Quotes => "quotes",
            Kind::Activity => "activity",
            Kind::Bursts => "bursts",
            Kind::Ticking => "ticking",
            Kind::Rare => "rare",
            Kind::Still => "still",
        }
    }

    /// In a few words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Kind::Quotes => "every 1.5 to 30 s while a market is open, never at other times",
            Kind::Activity => "every 15 s to 20 min by day, down to a thirtieth of it at night",
            Kind::Bursts => "hours of silence, and every 2 to 30 s for minutes or hours",
            Kind::Ticking => "every 10 s to 15 min by the clock, up to 1 s late",
            Kind::Rare => "every hour to once a day, at random",
            Kind::Still => "never",
        }
    }

    /// The changes of one resource of this kind.
    fn changes(self, random: &mut Source) -> Vec<f64> {
        match self {
            Kind::Quotes => {
                let (gap, opens) = (random.scattered(1.5, 30.0), random.between(7.0, 9.5) * HOUR);
                let closes = opens + 8.5 * HOUR;
                // Livelier after the opening and before the close.
                let lively = |time: f64| match (opens..closes).contains(&time) {
                    true => 0.4 + 0.6 * ((time - opens) / (closes - opens) * TAU).cos().max(0.0),
                    false => 0.0,
                };
                random.thinned(gap, lively)
            }
            Kind::Activity => {
                let (gap, peak) = (random.scattered(15.0, 1_200.0), random.between(11.0, 19.0) * HOUR);
                random.thinned(gap, |time| 0.03 + 0.97 * by_day(time, peak))
            }
            Kind::Bursts => {
                let mut changes = random.thinned(4.0 * HOUR, |_| 1.0);
                for _ in 0..random.whole(1, 5) {
                    let (begins, lasts) = (random.between(0.0, DAY), random.scattered(300.0, 2.0 * HOUR));
                    let gap = random.scattered(2.0, 30.0);
                    let within = |time: f64| f64::from((begins..begins + lasts).contains(&time));
                    changes.extend(random.thinned(gap, within));
                }
                changes.sort_by(f64::total_cmp);
                changes
            }
            Kind::Ticking => {
                let period = random.pick(&[10.0, 15.0, 30.0, 60.0, 60.0, 60.0, 300.0, 300.0, 900.0]);
                let (phase, late) = (random.between(0.0, period), random.scattered(0.02, 1.0));
                // Some stop at night, as the reports of an office do.
                let hours =
                    if random.between(0.0, 1.0) < 0.3 { (7.0 * HOUR, 20.0 * HOUR) } else { (0.0, DAY) };
                let ticks = (0..).map(|tick| phase + f64::from(tick) * period).take_while(|time| *time < DAY);
                let awake = ticks.filter(|time| (hours.0..hours.1).contains(time));
                awake.map(|time| time + random.between(0.0, late)).collect()
            }
            Kind::Rare => {
                let gap = random.scattered(HOUR, 24.0 * HOUR);
                random.thinned(gap, |_| 1.0)
            }
            Kind::Still => Vec::new(),
        }
    }
}

/// How busy people are, from 0 to 1.
fn by_day(time: f64, peak: f64) -> f64 {
    let wave = (1.0 + ((time - peak) / DAY * TAU).cos()) / 2.0;
    wave * wave
}

/// The day of `count` resources.
pub(crate) fn day(count: usize, seed: u64) -> Vec<Trace> {
    let whole: usize = Kind::MIX.iter().map(|(_, share)| share).sum();
    let mut traces = Vec::with_capacity(count);
    for (kind, share) in Kind::MIX {
        for number in 0..(share * count).div_ceil(whole) {
            let mut random = Source(Jitter::new(seed ^ ((kind as u64) << 32) ^ number as u64));
            traces.push(Trace { kind, changes: kind.changes(&mut random) });
        }
    }
    traces
}

/// Random numbers of one resource.
struct Source(Jitter);

impl Source {
    fn unit(&mut self) -> f64 {
        (self.0.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.bits() % (high - low + 1)
    }

    /// As likely between 1 and 10 as between 10 and 100.
    fn scattered(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    fn pick(&mut self, among: &[f64]) -> f64 {
        among[(self.0.bits() % among.len() as u64) as usize]
    }

    /// Changes at random: one in `gap` seconds where `activity` is 1, fewer where it is less.
    fn thinned(&mut self, gap: f64, activity: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut changes = Vec::new();
        let mut time = 0.0;
        loop {
            time -= gap * (1.0 - self.unit()).ln();
            if time >= DAY {
                return changes;
            }
            if self.unit() < activity(time) {
                changes.push(time);
            }
        }
    }
}
