//! The clock that all processes of a run share.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`: the same count in each process of this machine, and never set back.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // Neither part is negative: the clock counts from the machine's start.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
