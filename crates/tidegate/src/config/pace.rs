//! How often a route's resources are asked for.
//!
//! Owns the three settings and what they mean to each other. What is made of them is the schedule's: `tidegate_core`.

use std::time::Duration;

use tidegate_core::Pace;

use super::error::Problem;
use super::kind::OrAuto;
use super::quantity::display_duration;
use super::read::{Fields, Reader};
use super::value::{Sourced, ValueError};

/// How often a route's resources are asked for, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceSettings {
    /// The interval of what changes about as often as that; there is no shorter one.
    pub poll: Sourced<Duration>,
    /// The interval of what does not change; not less than `poll`.
    pub poll_max: Sourced<OrAuto<Duration>>,
    /// Whether what the origin calls fresh is left alone for so long.
    pub obey_lifetime: Sourced<bool>,
}

/// How many times `poll` the longest interval is, where none is written.
const AUTO_CEILING: u32 = 2;

impl PaceSettings {
    /// The longest interval.
    pub fn ceiling(&self) -> Duration {
        self.poll_max.or(self.poll.saturating_mul(AUTO_CEILING))
    }

    /// The bounds for the schedule.
    pub fn pace(&self) -> Pace {
        Pace { target: *self.poll, ceiling: self.ceiling(), obeys_lifetime: *self.obey_lifetime }
    }
}

/// The pace of a route's table. `None` if anything in it is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<PaceSettings> {
    let poll = reader.time(fields, "poll");
    let most = reader.time_or_auto(fields, "poll_max");
    let obey = reader.value(fields, "obey_lifetime", |text| text.parse().map_err(|_| ValueError::Flag));
    let (poll, most) = (poll?, most?);
    if let OrAuto::Set(ceiling) = *most.value
        && ceiling < *poll.value
        && let Some(span) = most.span.as_ref().or(poll.span.as_ref())
    {
        let problem = Problem::Exceeds {
            key: "poll",
            shown: poll.value.clone().map(display_duration).to_string(),
            limit_key: "poll_max",
            limit_shown: most.value.clone().map(|_| display_duration(ceiling)).to_string(),
        };
        reader.report(span, problem);
        return None;
    }
    Some(PaceSettings { poll: poll.value, poll_max: most.value, obey_lifetime: obey?.value })
}
