//! Every setting, documented once.
//!
//! This table is the only place that knows the settings' names, kinds, limits, defaults and reasons. The reader takes
//! defaults and limits from it, errors take their lists of valid keys and their examples, and `docs/CONFIG.md` is made
//! from it.
//!
//! Invariant: each default is a text that its setting accepts (a test holds every one against the reader).

mod connections;
mod expect;
mod limits;
mod open;
mod origin;
mod route;
mod tls;
mod top;
mod verifier;

use std::time::Duration;

use super::kind::{Kind, Setting};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

const fn time(least_ms: u64, most_ms: u64) -> Kind {
    Kind::Time(Duration::from_millis(least_ms), Duration::from_millis(most_ms))
}

/// All settings, in the order in which they are documented.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    [
        top::SETTINGS,
        tls::SETTINGS,
        limits::SETTINGS,
        origin::SETTINGS,
        connections::SETTINGS,
        verifier::SETTINGS,
        route::SETTINGS,
        expect::SETTINGS,
        open::SETTINGS,
    ]
    .into_iter()
    .flatten()
}
