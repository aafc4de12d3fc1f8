//! What is measured, each in a file of its own.

mod backlog;
mod herd;
mod latency;
mod memory;
mod published;
mod single;
mod stalled;
mod tls;

use std::io;
use std::time::Duration;

use super::bench::Bench;
use super::contenders::{Contender, Gateway};
use super::report::Section;
use super::session::Setup;
use super::source::Content;

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Bytes of an idle subscriber, before and after traffic.
    Memory,
    /// CPU of each delivered event that cannot be joined with another.
    Single,
    /// How long a change takes to its subscribers, beside the ceiling and Nchan, in pairs.
    Latency,
    /// Updates that come faster than they can be sent one by one.
    Backlog,
    /// 3,000 subscribers over 100 changing documents of 50 KB; what a poll costs.
    Published,
    /// Half of the subscribers stop reading, and read again.
    Stalled,
    /// All clients reconnect at once, each with its position.
    Herd,
    /// Memory and CPU of subscribers over TLS.
    Tls,
}

impl Scenario {
    /// The chosen ones; of an empty choice, all.
    pub(crate) fn chosen(chosen: &[Scenario]) -> Vec<Scenario> {
        match chosen {
            [] => <Scenario as clap::ValueEnum>::value_variants().to_vec(),
            some => some.to_vec(),
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Memory => "memory",
            Scenario::Single => "single",
            Scenario::Latency => "latency",
            Scenario::Backlog => "backlog",
            Scenario::Published => "published",
            Scenario::Stalled => "stalled",
            Scenario::Herd => "herd",
            Scenario::Tls => "tls",
        }
    }

    /// Runs it.
    pub(crate) fn run(self, bench: &mut Bench) -> io::Result<Section> {
        match self {
            Scenario::Memory => memory::run(bench),
            Scenario::Single => single::run(bench),
            Scenario::Latency => latency::run(bench),
            Scenario::Backlog => backlog::run(bench),
            Scenario::Published => published::run(bench),
            Scenario::Stalled => stalled::run(bench),
            Scenario::Herd => herd::run(bench),
            Scenario::Tls => tls::run(bench),
        }
    }
}

/// One resource of a 200-byte event, the server on a core of its own: what most scenarios begin with.
fn one_event(contender: Contender, subscribers: usize) -> Setup {
    Setup {
        contender,
        gateway: Gateway { polls: &["50ms"], conflate: None },
        content: Content::Event { bytes: 200 },
        resources: 1,
        gzip: false,
        subscribers,
        stalled: 0,
        pace: Duration::ZERO,
        pinned: true,
        tls: false,
    }
}
