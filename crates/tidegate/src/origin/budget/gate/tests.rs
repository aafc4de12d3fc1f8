//! The budget in virtual time.

use proptest::prelude::*;
use tidegate_core::FailureKind;

use super::*;

const POLL: Ask<'static> =
    Ask { scope: "a", awaited: false, account: None, took: Some(Duration::from_millis(20)) };

fn at(ms: u64) -> Time {
    Time::from_start(Duration::from_millis(ms))
}

fn gate(concurrent: usize) -> Gate {
    Gate::new(Limits { concurrent, per_second: None })
}

fn went(gate: &mut Gate, now: Time) -> Vec<Ticket> {
    let mut sent = Vec::new();
    while let Some((ticket, verdict)) = gate.next(now) {
        assert_eq!(verdict, Verdict::Go);
        sent.push(ticket);
    }
    sent
}

fn refused(gate: &mut Gate, now: Time) -> Vec<Refusal> {
    let refusal = |(_, verdict)| match verdict {
        Verdict::Refused(refusal) => Some(refusal),
        _ => None,
    };
    std::iter::from_fn(|| gate.next(now)).filter_map(refusal).collect()
}

fn answered() -> End {
    End { connected: Some(Ok(())), answered: true, ..End::default() }
}

fn told(remaining: u64, reset: u64) -> End {
    End { told: Some(Told { remaining, reset: Duration::from_secs(reset) }), ..answered() }
}

fn too_many(wait: u64) -> End {
    End { pause: Some(Duration::from_secs(wait)), ..answered() }
}

/// Has one fetch made that ends like this.
fn fetch(gate: &mut Gate, now: Time, ask: Ask<'_>, end: End) {
    let ticket = gate.ask(ask);
    assert_eq!(gate.next(now), Some((ticket, Verdict::Go)));
    gate.end(now, ticket, end);
}

#[test]
fn a_route_that_hangs_leaves_a_quarter_of_the_places_to_the_others() {
    let mut gate = gate(16);
    fetch(&mut gate, at(0), Ask { scope: "b", ..POLL }, answered());
    for _ in 0..10_000 {
        gate.ask(POLL);
    }
    assert_eq!(went(&mut gate, at(0)).len(), 12);
    // Nothing of that route ever ends. The other's polls go as if it were not there.
    for ms in 0..1000 {
        fetch(&mut gate, at(ms), Ask { scope: "b", ..POLL }, answered());
    }
}

#[test]
fn feeds_that_hang_leave_half_of_their_routes_places_to_the_others() {
    let mut gate = gate(16);
    (0..1000).for_each(|_| _ = gate.ask(Ask { took: Some(Duration::from_secs(10)), ..POLL }));
    assert_eq!(went(&mut gate, at(0)).len(), 8);
    (0..1000).for_each(|_| _ = gate.ask(Ask { took: None, ..POLL }));
    assert_eq!(went(&mut gate, at(0)).len(), 4);
    for ms in 0..1000 {
        fetch(&mut gate, at(ms), POLL, answered());
    }
}

#[test]
fn a_poll_that_somebody_joins_goes_before_other_polls() {
    let mut gate = gate(1);
    let first = gate.ask(POLL);
    let polls = [gate.ask(POLL), gate.ask(POLL), gate.ask(POLL)];
    assert_eq!(went(&mut gate, at(0)), [first]);
    gate.is_awaited(polls[2]);
    gate.is_awaited(first);
    gate.end(at(1), first, answered());
    assert_eq!(went(&mut gate, at(1)), [polls[2]]);
    gate.end(at(2), polls[2], answered());
    assert_eq!(went(&mut gate, at(2)), [polls[0]]);
}

#[test]
fn one_that_ends_before_it_hears_that_it_was_stopped_holds_up_nobody() {
    let mut gate = gate(2);
    let slow = [gate.ask(POLL), gate.ask(POLL)];
    assert_eq!(went(&mut gate, at(0)), slow);
    let waiting = [gate.ask(POLL), gate.ask(POLL)];
    let (mut now, mut stopped) = (at(0), None);
    while stopped.is_none() {
        now = gate.wake_at(now).expect("what is slow is looked for");
        while let Some((ticket, verdict)) = gate.next(now) {
            stopped = stopped.or((verdict == Verdict::Stop).then_some(ticket));
            if verdict == Verdict::Go {
                gate.end(now, ticket, answered());
            }
        }
    }
    let stopped = stopped.expect("the loop ended");
    gate.end(now, stopped, answered());
    gate.end(now, slow[usize::from(stopped == slow[0])], answered());
    went(&mut gate, now);
    assert_eq!(gate.queue.len(), 0, "{waiting:?} had their turn");
}

#[test]
fn feeds_that_begin_to_hang_make_room_for_those_who_wait() {
    let mut gate = gate(16);
    let hanging: Vec<_> = (0..64).map(|_| gate.ask(POLL)).collect();
    assert_eq!(went(&mut gate, at(0)), hanging[..16]);
    let healthy = gate.ask(POLL);
    let (mut now, mut stopped) = (at(0), Vec::new());
    'done: while let Some(wake) = gate.wake_at(now) {
        now = wake;
        while let Some((ticket, verdict)) = gate.next(now) {
            match verdict {
                Verdict::Go if ticket == healthy => break 'done,
                Verdict::Go => assert!(hanging.contains(&ticket)),
                Verdict::Stop => stopped.push(ticket),
                Verdict::Refused(refusal) => panic!("{refusal:?}"),
            }
        }
        assert_eq!(gate.under_way, 16);
    }
    assert!(now < at(5000), "{now:?}");
    // As many as may be slow were left alone, and the others have their turn among the slow ones.
    assert_eq!(gate.scopes[0].slow_under_way, 8);
    for ticket in &hanging[..8] {
        assert!(!stopped.contains(ticket));
        gate.end(now, *ticket, answered());
    }
    assert_eq!(went(&mut gate, now), hanging[8..16]);
}

#[test]
fn nobody_is_stopped_while_nobody_waits() {
    let mut gate = gate(4);
    let first: Vec<_> = (0..4).map(|_| gate.ask(POLL)).collect();
    assert_eq!(went(&mut gate, at(0)), first);
    assert_eq!((gate.wake_at(at(60_000)), gate.next(at(60_000))), (None, None));
    // Whoever is slow itself waits for its turn among the slow.
    gate.ask(Ask { took: Some(Duration::from_secs(10)), ..POLL });
    assert_eq!(gate.next(at(60_000)), None);
    gate.ask(POLL);
    assert_eq!(gate.next(at(60_000)), Some((first[2], Verdict::Stop)));
}

#[test]
fn what_is_slow_follows_what_is_usual() {
    let mut gate = gate(16);
    assert_eq!(gate.slow(), Duration::from_millis(500));
    for turn in 0..200 {
        let ticket = gate.ask(POLL);
        gate.next(at(turn * 2000));
        gate.end(at(turn * 2000 + 1000), ticket, answered());
    }
    assert!(
        gate.slow() > Duration::from_secs(3) && gate.slow() < Duration::from_secs(5),
        "{:?}",
        gate.slow()
    );
}

#[test]
fn a_single_place_goes_round() {
    let mut gate = gate(1);
    let asks = [POLL, Ask { scope: "b", ..POLL }, Ask { took: None, ..POLL }, Ask { awaited: true, ..POLL }];
    let mut tickets = asks.map(|ask| gate.ask(ask)).to_vec();
    for _ in 0..4 {
        let sent = went(&mut gate, at(0));
        assert_eq!(sent.len(), 1);
        tickets.retain(|ticket| *ticket != sent[0]);
        gate.end(at(0), sent[0], answered());
    }
    assert!(tickets.is_empty(), "{tickets:?}");
}

#[test]
fn a_limit_that_is_used_up_is_told_to_those_whom_it_binds() {
    let (mine, other) = (Ask { account: Some(1), ..POLL }, Ask { account: Some(2), ..POLL });
    let until = |ms| Refusal::Paused(at(ms));

    let mut gate = gate(8);
    fetch(&mut gate, at(0), mine, told(0, 60));
    gate.ask(mine);
    gate.ask(Ask { scope: "b", ..mine });
    gate.ask(other);
    gate.ask(POLL);
    assert_eq!(refused(&mut gate, at(10)), [until(60_000), until(60_000)]);
    fetch(&mut gate, at(60_000), mine, too_many(30));
    gate.ask(mine);
    gate.ask(other);
    gate.ask(Ask { scope: "b", ..mine });
    assert_eq!(refused(&mut gate, at(60_000)), [until(90_000)], "one route's pause is not the other's");

    fetch(&mut gate, at(100_000), POLL, told(0, 60));
    gate.ask(POLL);
    gate.ask(Ask { scope: "b", awaited: true, ..POLL });
    gate.ask(mine);
    assert_eq!(refused(&mut gate, at(100_000)), [until(160_000), until(160_000)]);
}

#[test]
fn a_route_that_wants_to_be_left_alone_is() {
    let mut gate = gate(8);
    fetch(&mut gate, at(0), POLL, too_many(60));
    gate.ask(Ask { awaited: true, ..POLL });
    gate.ask(POLL);
    gate.ask(Ask { scope: "b", ..POLL });
    let refused = refused(&mut gate, at(1000));
    assert_eq!(refused, vec![Refusal::Paused(at(60_000)); 2]);
    fetch(&mut gate, at(60_000), POLL, answered());
}

#[test]
fn a_short_pause_is_waited_for() {
    for (scope, end) in [("a", too_many(1)), ("b", told(0, 1))] {
        let mut gate = gate(8);
        fetch(&mut gate, at(0), POLL, end);
        let ticket = gate.ask(Ask { scope, ..POLL });
        assert_eq!(gate.next(at(0)), None);
        assert_eq!(gate.wake_at(at(0)), Some(at(1000)));
        assert_eq!(gate.next(at(1000)), Some((ticket, Verdict::Go)));
    }
}

#[test]
fn polls_are_spread_over_what_is_left_and_readers_are_not() {
    let mut gate = gate(100);
    fetch(&mut gate, at(0), POLL, told(10, 100));
    (0..5).for_each(|_| _ = gate.ask(POLL));
    let reader = gate.ask(Ask { awaited: true, ..POLL });
    assert_eq!(went(&mut gate, at(1)), [reader]);
    let mut times = Vec::new();
    let mut now = at(1);
    while let Some(wake) = gate.wake_at(now) {
        now = wake;
        times.extend(went(&mut gate, now).iter().map(|_| now.since_start().as_secs()));
    }
    assert_eq!(times, [11, 22, 33, 44, 55]);
}

#[test]
fn an_origin_that_is_down_is_tried_by_few_and_the_others_learn_it_at_once() {
    let mut gate = gate(64);
    let failure = Failure::new(FailureKind::Unreachable, "no connection to h");
    for _ in 0..5 {
        fetch(&mut gate, at(0), POLL, End { connected: Some(Err(failure.clone())), ..End::default() });
    }
    for ms in (1000..11_000).step_by(10) {
        (0..10).for_each(|_| _ = gate.ask(POLL));
        let mut tried = 0;
        while let Some((ticket, verdict)) = gate.next(at(ms)) {
            match verdict {
                Verdict::Go => {
                    tried += 1;
                    gate.end(at(ms), ticket, End { connected: Some(Err(failure.clone())), ..End::default() });
                }
                other => assert_eq!(other, Verdict::Refused(Refusal::Down(failure.clone()))),
            }
        }
        assert_eq!(tried, u64::from((ms - 1000) % 250 == 0), "at {ms}");
    }
    fetch(&mut gate, at(11_000), POLL, answered());
    (0..64).for_each(|_| _ = gate.ask(POLL));
    assert_eq!(went(&mut gate, at(11_000)).len(), 64);
}

#[test]
fn what_is_remembered_of_accounts_is_bounded() {
    let mut gate = gate(8);
    for account in 0..2 * MOST_PAUSES as u64 {
        fetch(&mut gate, at(0), Ask { account: Some(account), ..POLL }, told(0, 60));
    }
    assert_eq!(gate.pauses.len(), MOST_PAUSES);
    fetch(&mut gate, at(60_000), Ask { account: Some(0), ..POLL }, told(0, 60));
    assert_eq!(gate.pauses.len(), 1);
}

/// What happens to the budget.
#[derive(Debug, Clone)]
enum Event {
    Ask {
        scope: usize,
        awaited: bool,
        account: Option<u64>,
        took: Option<u64>,
    },
    /// One of those under way ends: answered, with a quota told, with a wish, or unreachable.
    End(prop::sample::Index, u8),
    /// One is given up, under way or not.
    Leave(prop::sample::Index),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3usize, any::<bool>(), prop::option::of(0..3u64), prop::option::of(0..2000u64)).prop_map(
            |(scope, awaited, account, took)| Event::Ask { scope, awaited, account, took }
        ),
        3 => (any::<prop::sample::Index>(), 0..12u8).prop_map(|(which, how)| Event::End(which, how)),
        1 => any::<prop::sample::Index>().prop_map(Event::Leave),
        2 => (0..3000u64).prop_map(Event::Pass),
    ]
}

/// Does what the gate says; how many were sent.
fn act(gate: &mut Gate, now: Time, waiting: &mut Vec<Ticket>, under_way: &mut Vec<Ticket>) -> usize {
    let mut sent = 0;
    while let Some((ticket, verdict)) = gate.next(now) {
        let (from, to) = match verdict {
            Verdict::Stop => (&mut *under_way, Some(&mut *waiting)),
            Verdict::Go => (&mut *waiting, Some(&mut *under_way)),
            Verdict::Refused(_) => (&mut *waiting, None),
        };
        let before = from.len();
        from.retain(|one| *one != ticket);
        assert_eq!(from.len() + 1, before, "each is where it was");
        to.into_iter().for_each(|to| to.push(ticket));
        sent += usize::from(verdict == Verdict::Go);
    }
    sent
}

proptest! {
    /// Whatever happens: the limits hold, and whatever waits is told in the end, once others end.
    #[test]
    fn limits_hold_and_everyone_is_told(
        concurrent in 1..6usize,
        per_second in prop::option::of(1..50u32),
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut gate = Gate::new(Limits { concurrent, per_second });
        let (mut now, mut waiting, mut under_way) = (at(0), Vec::new(), Vec::new());
        let mut sent_at: Vec<Time> = Vec::new();
        let failure = Failure::new(FailureKind::Unreachable, "");
        for event in events {
            match event {
                Event::Ask { scope, awaited, account, took } => {
                    let took = took.map(Duration::from_millis);
                    waiting.push(gate.ask(Ask { scope: ["a", "b", "c"][scope], awaited, account, took }));
                }
                Event::End(which, how) if !under_way.is_empty() => {
                    let ticket = under_way.swap_remove(which.index(under_way.len()));
                    gate.end(now, ticket, match how {
                        0 => told(0, 1),
                        1 => told(3, 5),
                        2 => too_many(1),
                        3 => too_many(30),
                        4..7 => End { connected: Some(Err(failure.clone())), ..End::default() },
                        7 => End::default(),
                        _ => answered(),
                    });
                }
                Event::Leave(which) if !(waiting.is_empty() && under_way.is_empty()) => {
                    let index = which.index(waiting.len() + under_way.len());
                    gate.leave(match index.checked_sub(waiting.len()) {
                        None => waiting.swap_remove(index),
                        Some(index) => under_way.swap_remove(index),
                    });
                }
                Event::Pass(ms) => now = now + Duration::from_millis(ms),
                Event::End(..) | Event::Leave(_) => {}
            }
            sent_at.extend(vec![now; act(&mut gate, now, &mut waiting, &mut under_way)]);
            prop_assert!(under_way.len() <= concurrent);
            prop_assert_eq!(gate.under_way, under_way.len());
            prop_assert_eq!(gate.queue.len(), waiting.len());
        }
        if let Some(limit) = per_second {
            for window in sent_at.windows(limit as usize + limit as usize / 10 + 2) {
                prop_assert!(window[window.len() - 1].since(window[0]) >= Duration::from_millis(990));
            }
        }
        // From here on everything is answered, and whatever waits has its turn.
        for _ in 0..10_000 {
            match (under_way.pop(), gate.wake_at(now)) {
                (Some(ticket), _) => gate.end(now, ticket, answered()),
                (None, Some(wake)) => {
                    prop_assert!(wake > now);
                    now = wake;
                }
                (None, None) => break,
            }
            act(&mut gate, now, &mut waiting, &mut under_way);
        }
        prop_assert!(waiting.is_empty(), "{} wait for ever", waiting.len());
        prop_assert_eq!((gate.under_way, gate.fetches.len()), (0, 0));
    }
}
