//! The design's promises, each a property of random runs in virtual time. See [`tidegate_testkit::sim`].

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use tidegate_core::Mode;
use tidegate_testkit::sim::{Act, Promise, ResumeWith, Script, Setup, Tally, World, script};

fn config() -> ProptestConfig {
    // `PROPTEST_CASES` raises it.
    let default = ProptestConfig::default();
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig {
        cases: default.cases.max(256),
        max_shrink_iters: 4_000,
        failure_persistence: Some(Box::new(persistence)),
        ..default
    }
}

/// The whole life of a world: the script, an outage, rest, and nobody.
fn live(script: &Script) -> World {
    let mut world = World::play(script);
    world.suffer_an_outage();
    world.come_to_rest();
    world.empty();
    world
}

fn keeps(script: &Script, promise: Promise) -> Result<(), TestCaseError> {
    let world = live(script);
    let violations = world.violations(promise);
    prop_assert!(violations.is_empty(), "{violations:#?}");
    Ok(())
}

/// How often the origin is asked in this script, when so many clients watch from its beginning to its end.
fn asked_by(clients: usize, script: &Script) -> usize {
    // A stream that is closed for what it pins would leave nobody to poll for.
    let most_pinned = usize::MAX;
    // So would a stream that ends by itself.
    let mut terms = script.setup.terms.clone();
    terms.retain(|terms| terms.mode != Mode::First);
    let lag = Duration::ZERO;
    let setup = Setup { resources: 1, clients, lag, most_pinned, terms, ..script.setup.clone() };
    let mut world = World::new(setup);
    for client in 0..clients {
        world.act(Act::Connect(client, ResumeWith::Nothing));
    }
    for act in &script.acts {
        let of_a_client = matches!(act, Act::Connect(..) | Act::Break(_) | Act::Read(..));
        if !of_a_client {
            world.act(*act);
        }
    }
    world.advance(Duration::from_secs(3));
    world.asked()
}

/// What the properties are about does happen in the scripts that they are given.
#[test]
fn the_scripts_reach_what_is_promised() {
    let mut runner = TestRunner::deterministic();
    let mut worlds = Vec::new();
    for _ in 0..300 {
        let script = script(60..120).new_tree(&mut runner).expect("nothing is rejected").current();
        worlds.push(World::play(&script).tally());
    }
    let happened = |name: &str, count: fn(&Tally) -> usize| {
        let total: usize = worlds.iter().map(count).sum();
        assert!(total >= 10, "{name}: {total} in {} runs", worlds.len());
    };
    happened("snapshots", |tally| tally.snapshots);
    happened("patches", |tally| tally.patches);
    happened("composed patches", |tally| tally.composed);
    happened("merge patches", |tally| tally.merges);
    happened("composed merge patches", |tally| tally.composed_merges);
    happened("updates in lines", |tally| tally.lines);
    happened("streams of one snapshot", |tally| tally.firsts);
    happened("updates that were held back", |tally| tally.rated);
    happened("resumed streams", |tally| tally.resumed);
    happened("streams without continuity", |tally| tally.unproven);
    happened("statuses that are not live", |tally| tally.not_live);
    happened("torn events", |tally| tally.torn);
    happened("ended streams", |tally| tally.ended);
    happened("plain reads", |tally| tally.reads);
    happened("plain reads after writes", |tally| tally.reads_after_writes);
    happened("answers with 304", |tally| tally.not_modified);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn promise_1_never_wrong(script in script(1..120)) {
        keeps(&script, Promise::NeverWrong)?;
    }

    #[test]
    fn promise_2_never_backwards(script in script(1..120)) {
        keeps(&script, Promise::NeverBackwards)?;
    }

    #[test]
    fn promise_3_always_current_in_the_end(script in script(1..120)) {
        keeps(&script, Promise::AlwaysCurrent)?;
    }

    #[test]
    fn promise_4_asked_once(script in script(1..120)) {
        keeps(&script, Promise::AskedOnce)?;
    }

    #[test]
    fn promise_4_however_many_watch(script in script(1..120), crowd in 2usize..40) {
        prop_assert_eq!(asked_by(1, &script), asked_by(crowd, &script));
    }

    #[test]
    fn promise_6_degrades_in_the_open(script in script(1..120)) {
        keeps(&script, Promise::DegradesInTheOpen)?;
    }
}
