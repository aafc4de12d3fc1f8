//! Changes that keep time: many APIs write anew every so many seconds, and one poll just after is worth several at random.
//!
//! Nothing is fitted. A poll tells between which two times a change came; a period is possible as long as there is one
//! with which all of these fit. What is possible narrows with each change, and what does not fit ends it. Changes at
//! random hardly ever fit so often, unless polls are so rare that nothing narrows: then it is not relied on.

/// How many periods must have fitted before one is relied on.
const ENOUGH: u32 = 4;

/// How much a change may come early or late, as a share of the period; never more than the route's target.
const SLACK: f64 = 0.01;

/// The widest window for the next change that is relied on, as a share of the period.
const NARROW: f64 = 0.35;

/// The width beyond which a window is halved, as a share of the target.
const WIDE: f64 = 0.5;

/// Of so many periods one is asked about as if there were no rhythm, to see whether something happens in between.
const PROBED: u32 = 8;

/// What is known of a resource's rhythm. Times are in seconds since the caller's start.
#[derive(Debug, Clone)]
pub(super) struct Rhythm {
    target: f64,
    streak: Option<Streak>,
}

/// When to look for the next change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Due {
    /// The time.
    pub(super) at: f64,
    /// Whether the usual polls go on until then.
    pub(super) probes: bool,
}

/// Something lies between these two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) after: f64,
    pub(super) until: f64,
}

/// Changes that all fit.
#[derive(Debug, Clone)]
struct Streak {
    /// When the first of them came.
    first: Window,
    /// When the last of them came.
    last: Window,
    /// How many periods lie between the two.
    periods: u32,
    /// What the period can be; all there is while there is no second change.
    period: Window,
    /// The next change comes after this.
    not_before: f64,
}

impl Window {
    fn common(self, other: Window) -> Option<Window> {
        let both = Window { after: self.after.max(other.after), until: self.until.min(other.until) };
        (both.after < both.until).then_some(both)
    }

    fn width(self) -> f64 {
        self.until - self.after
    }
}

impl Rhythm {
    /// Nothing is known. `target` is the route's, in seconds.
    pub(super) fn new(target: f64) -> Rhythm {
        Rhythm { target, streak: None }
    }

    /// A change came within this window.
    pub(super) fn changed(&mut self, when: Window) {
        let target = self.target;
        let streak = self.streak.take().and_then(|streak| streak.followed_by(when, target));
        self.streak = Some(streak.unwrap_or_else(|| Streak::beginning(when)));
    }

    /// Nothing had changed until `now`. What was due and did not come breaks the streak.
    pub(super) fn unchanged(&mut self, now: f64) {
        let target = self.target;
        self.streak.take_if(|streak| {
            streak.not_before = streak.not_before.max(now);
            streak.next(target).is_some_and(|next| next.until <= now)
        });
    }

    /// When to look for the next change, if there is a rhythm to rely on.
    pub(super) fn due(&self, now: f64) -> Option<Due> {
        let streak = self.streak.as_ref().filter(|streak| streak.periods >= ENOUGH)?;
        let next = streak.next(self.target)?;
        if next.width() > streak.period.until * NARROW {
            return None;
        }
        // A wide window is halved, which makes the later ones narrower.
        let wide = next.width() > self.target * WIDE;
        let at = if wide { next.after + next.width() / 2.0 } else { next.until };
        Some(Due { at: at.max(now), probes: streak.periods % PROBED == 0 })
    }
}

impl Streak {
    fn beginning(when: Window) -> Streak {
        let any = Window { after: 0.0, until: f64::INFINITY };
        Streak { first: when, last: when, periods: 0, period: any, not_before: when.until }
    }

    fn slack(&self, target: f64) -> f64 {
        (self.period.until * SLACK).min(target)
    }

    /// When the next change comes; none while there was only one.
    fn next(&self, target: f64) -> Option<Window> {
        let slack = self.slack(target);
        let Window { after, until } = self.period;
        (self.periods > 0).then(|| Window {
            after: (self.last.after + after - slack).max(self.not_before),
            until: self.last.until + until + slack,
        })
    }

    /// With one more change; none if it does not fit, or if it cannot be told from the last one.
    fn followed_by(mut self, when: Window, target: f64) -> Option<Streak> {
        self.last = match self.next(target) {
            Some(next) => when.common(next)?,
            None => when,
        };
        self.periods += 1;
        let (periods, slack) = (f64::from(self.periods), self.slack(target));
        let slack = if slack.is_finite() && self.periods > 1 { slack } else { 0.0 };
        let mean = Window {
            after: (self.last.after - self.first.until - slack) / periods,
            until: (self.last.until - self.first.after + slack) / periods,
        };
        self.period = self.period.common(mean)?;
        self.not_before = when.until;
        (self.period.after > 0.0).then_some(self)
    }
}
