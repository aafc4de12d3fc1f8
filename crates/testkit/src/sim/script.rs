//! What happens in a run, as data that proptest makes and shrinks.

use std::ops::Range;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_core::Mode;
use tidegate_hub::{Rate, Terms};
use tidegate_wire::Format;

use super::api::Fault;
use super::client::ResumeWith;
use super::document::Edit;

/// What a run begins with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Resources, each with its origin.
    pub resources: usize,
    /// Clients, spread over the resources.
    pub clients: usize,
    /// Shards, over which the clients are spread.
    pub shards: usize,
    /// Everything else that is random comes from here.
    pub seed: u64,
    /// Whether the origins send validators.
    pub etags: bool,
    /// Whether the requests carry credentials.
    pub credentials: bool,
    /// The most time that a message takes from one party to another.
    pub lag: Duration,
    /// The most time without a byte on a connection.
    pub heartbeat: Duration,
    /// The window's limit in versions.
    pub versions: usize,
    /// The window's limit in bytes.
    pub window_bytes: usize,
    /// Whether who fell behind gets the net effect of what it missed, or every update.
    pub conflate: bool,
    /// Whether every other client takes gzip.
    pub gzip: bool,
    /// On which terms clients are served, one after the other and again from the beginning.
    pub terms: Vec<Terms>,
    /// How many bytes unfinished writes may keep on a shard.
    pub most_pinned: usize,
}

/// One thing that happens. Numbers name a resource or a client, modulo how many there are.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// The origin's document changes.
    Edit(usize, Edit),
    /// A client changes the document through the gateway.
    Write(usize, Edit),
    /// The origin writes the same document in another way.
    Respell(usize),
    /// The origin's resource becomes something that cannot be patched.
    TurnOdd(usize),
    /// The origin's document becomes an earlier one.
    TurnBack(usize),
    /// The origin breaks, or is well again.
    Fault(usize, Fault),
    /// The origin takes up to so many milliseconds.
    Slow(usize, u16),
    /// A client connects, if it is not connected.
    Connect(usize, ResumeWith),
    /// A client's connection breaks.
    Break(usize),
    /// A client's connection hands on so many bytes and then stalls.
    Allow(usize, usize),
    /// A client's connection flows.
    Flow(usize),
    /// A plain reader comes.
    Read(usize, bool),
    /// So many milliseconds pass.
    Sleep(u16),
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it begins with.
    pub setup: Setup,
    /// What happens, in order, after all clients have connected.
    pub acts: Vec<Act>,
}

/// Scripts of this many acts.
pub fn script(acts: Range<usize>) -> impl Strategy<Value = Script> {
    (setup(), prop::collection::vec(act(), acts)).prop_map(|(setup, acts)| Script { setup, acts })
}

fn setup() -> impl Strategy<Value = Setup> {
    let resources = prop_oneof![3 => Just(1usize), 1 => Just(2)];
    let numbers = (resources, 1usize..5, 1usize..3, any::<u64>());
    let lag = prop_oneof![Just(0u64), Just(3), Just(120)].prop_map(Duration::from_millis);
    let window = (1usize..20, prop_oneof![Just(1_500usize), Just(8_000), Just(1_000_000)]);
    // Heartbeats now and then, or none that could make up for something forgotten.
    let heartbeat = prop_oneof![Just(4u64), Just(100_000)].prop_map(Duration::from_secs);
    let pinned = prop_oneof![1 => 0usize..2_000, 3 => Just(1_000_000)];
    let terms = prop::collection::vec(terms(), 1..5);
    let manner = (prop::bool::weighted(0.7), any::<bool>(), pinned, terms);
    (numbers, any::<bool>(), any::<bool>(), (lag, heartbeat), (window, manner)).prop_map(
        |(
            (resources, clients, shards, seed),
            etags,
            credentials,
            (lag, heartbeat),
            ((versions, window_bytes), (conflate, gzip, most_pinned, terms)),
        )| Setup {
            resources,
            clients,
            shards,
            seed,
            etags,
            credentials,
            lag,
            heartbeat,
            versions,
            window_bytes,
            conflate,
            gzip,
            terms,
            most_pinned,
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    let format = prop_oneof![3 => Just(Format::Sse), 1 => Just(Format::Ndjson)];
    let mode = prop_oneof![
        4 => Just(Mode::Patch),
        3 => Just(Mode::Merge),
        1 => Just(Mode::Snapshot),
        1 => Just(Mode::First),
    ];
    // Now and then, and longer than a short script lasts.
    let rate = prop_oneof![3 => Just(0u64), 1 => Just(10), 1 => Just(700), 1 => Just(5_000)];
    let terms = (format, mode, rate).prop_map(|(format, mode, ms)| Terms {
        format,
        mode,
        rate: Rate::new(Duration::from_millis(ms)),
    });
    prop_oneof![1 => Just(Terms::USUAL), 2 => terms]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => (0u8..3).prop_map(Edit::Scalars),
        2 => Just(Edit::Insert),
        1 => Just(Edit::Remove),
        1 => Just(Edit::Reorder),
        1 => Just(Edit::Retype),
        1 => Just(Edit::Member),
        2 => Just(Edit::NumberText),
        1 => Just(Edit::Replace),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Unreachable),
        1 => Just(Fault::TimesOut),
        1 => Just(Fault::ServerError),
        1 => Just(Fault::NotFound),
        1 => Just(Fault::Refuses),
        1 => Just(Fault::Truncated),
        1 => Just(Fault::Malformed),
        1 => Just(Fault::ErrorPage),
        2 => Just(Fault::Flaps),
    ]
}

fn resume() -> impl Strategy<Value = ResumeWith> {
    prop_oneof![
        2 => Just(ResumeWith::Nothing),
        6 => Just(ResumeWith::Own),
        2 => any::<u8>().prop_map(ResumeWith::Older),
        1 => any::<u8>().prop_map(ResumeWith::Foreign),
        1 => Just(ResumeWith::Garbled),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0usize..6;
    prop_oneof![
        14 => (who.clone(), edit()).prop_map(|(who, edit)| Act::Edit(who, edit)),
        3 => (who.clone(), edit()).prop_map(|(who, edit)| Act::Write(who, edit)),
        1 => who.clone().prop_map(Act::Respell),
        1 => who.clone().prop_map(Act::TurnOdd),
        1 => who.clone().prop_map(Act::TurnBack),
        3 => (who.clone(), fault()).prop_map(|(who, fault)| Act::Fault(who, fault)),
        1 => (who.clone(), 1u16..2500).prop_map(|(who, ms)| Act::Slow(who, ms)),
        8 => (who.clone(), resume()).prop_map(|(who, with)| Act::Connect(who, with)),
        2 => who.clone().prop_map(Act::Break),
        4 => (who.clone(), prop_oneof![Just(0usize), 0usize..400]).prop_map(|(who, bytes)| Act::Allow(who, bytes)),
        3 => who.clone().prop_map(Act::Flow),
        2 => (who, any::<bool>()).prop_map(|(who, insists)| Act::Read(who, insists)),
        4 => (1u16..450).prop_map(Act::Sleep),
        8 => (450u16..900).prop_map(Act::Sleep),
        1 => (700u16..20_000).prop_map(Act::Sleep),
    ]
}
