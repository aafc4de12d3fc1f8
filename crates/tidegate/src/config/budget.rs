//! How much an origin is asked: the settings of its budget.

use super::kind::OrAuto;
use super::read::{Fields, Reader};
use super::value::Sourced;

/// An origin's budget, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetConfig {
    /// Fetches under way at one time.
    pub max_concurrent: Sourced<usize>,
    /// Fetches begun in a second; `auto` is without a limit.
    pub max_requests_per_second: Sourced<OrAuto<usize>>,
}

impl BudgetConfig {
    /// The most fetches in a second, where there is a limit.
    pub fn per_second(&self) -> Option<u32> {
        match *self.max_requests_per_second {
            OrAuto::Auto => None,
            OrAuto::Set(count) => Some(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }
}

/// The budget in an origin's table. `None` if anything in it is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<BudgetConfig> {
    let max_concurrent = reader.count(fields, "max_concurrent");
    let max_requests_per_second = reader.count_or_auto(fields, "max_requests_per_second");
    Some(BudgetConfig {
        max_concurrent: max_concurrent?.value,
        max_requests_per_second: max_requests_per_second?.value,
    })
}
