//! The schedule in virtual time: what it keeps whatever happens, and how it follows what changes.

use proptest::prelude::*;

use super::*;

/// What happens to one poll.
#[derive(Debug, Clone)]
enum Step {
    Answers {
        changed: bool,
        took: u64,
        waited: u64,
        lifetime: Option<(u64, u64)>,
        modified: Option<u64>,
    },
    Fails {
        retry_after: Option<u64>,
    },
    /// Somebody insists, before the next poll is due.
    Insists,
    Wishes(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let lifetime = prop::option::weighted(0.2, (0u64..5000, 0u64..200));
    let times =
        (prop_oneof![9 => 0u64..300, 1 => 0u64..30_000], prop_oneof![9 => Just(0u64), 1 => 0u64..3000]);
    let answers = (any::<bool>(), times, lifetime, prop::option::weighted(0.2, 0u64..100_000)).prop_map(
        |(changed, (took, waited), lifetime, modified)| Step::Answers {
            changed,
            took,
            waited,
            lifetime,
            modified,
        },
    );
    prop_oneof![
        20 => answers,
        2 => prop::option::weighted(0.5, 0u64..10_000).prop_map(|retry_after| Step::Fails { retry_after }),
        1 => Just(Step::Insists),
        1 => (0u64..20).prop_map(Step::Wishes),
    ]
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(millis: u64) -> Time {
    Time::from_start(ms(millis))
}

fn pace(target: Duration, ceiling: Duration) -> Pace {
    Pace { target, ceiling, obeys_lifetime: true }
}

/// An answer at once that says only whether something changed.
fn plain(started: Time, saw: Saw) -> Cycle {
    Cycle {
        started,
        waited: Duration::ZERO,
        ended: started,
        saw,
        bytes: 16_384,
        modified: None,
        lifetime: None,
        age: Duration::ZERO,
    }
}

/// Polls from `begin` until `end`; `changes` says whether there was a change between two times. The times of the polls.
fn run(
    schedule: &mut Schedule,
    begin: Duration,
    end: Duration,
    mut changed: impl FnMut(Duration, Duration) -> bool,
) -> Vec<Duration> {
    let (mut polls, mut now) = (Vec::new(), Time::from_start(begin));
    while now.since_start() < end {
        let saw = match polls.last() {
            None => Saw::First,
            Some(last) if changed(*last, now.since_start()) => Saw::Changed,
            Some(_) => Saw::Same,
        };
        polls.push(now.since_start());
        now = schedule.after_success(&Cycle { ended: now + ms(20), ..plain(now, saw) });
    }
    polls
}

/// Whether a multiple of `period`, shifted by `phase`, lies after one time and not after the other.
fn ticks(period: u64, phase: u64) -> impl Fn(Duration, Duration) -> bool {
    move |after, until| {
        let ticks = |time: Duration| (time.as_millis() as u64 + period - phase) / period;
        ticks(until) > ticks(after)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_bounds_hold_whatever_happens(
        target in 5u64..3000,
        stretch in 1u64..40,
        obeys in any::<bool>(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let route = Pace { obeys_lifetime: obeys, ..pace(ms(target), ms(target * stretch)) };
        let mut schedule = Schedule::new(route, seed);
        let (mut now, mut wish, mut answers, mut failures) = (at(0), Wish::NONE, 0, 0u32);
        for step in steps {
            match step {
                Step::Answers { changed, took, waited, lifetime, modified } => {
                    let saw = match changed { true => Saw::Changed, false => Saw::Same };
                    let (lifetime, age) = lifetime.map_or((None, Duration::ZERO), |(a, b)| (Some(ms(a)), ms(b)));
                    let sent = now + ms(waited);
                    let cycle = Cycle {
                        started: now, waited: ms(waited), ended: sent + ms(took),
                        saw: if answers == 0 { Saw::First } else { saw },
                        bytes: took * 100, modified: modified.map(ms), lifetime, age,
                    };
                    let next = schedule.after_success(&cycle);
                    answers += 1;
                    failures = 0;
                    let least = ms(target).max(wish.allowed());
                    let share = if answers <= u64::from(SETTLING) { SHORTENED } else { 1.0 - SPREAD };
                    prop_assert!(next >= now + least.mul_f64(share), "{next:?} is before the target");
                    prop_assert!(next >= cycle.ended);
                    let fresh = lifetime.unwrap_or_default().saturating_sub(age);
                    prop_assert!(!obeys || next >= sent + fresh, "{next:?}: it is fresh");
                    let most = now + schedule.longest_interval();
                    prop_assert!(next <= most.max(cycle.ended), "{next:?} is after {most:?}");
                    now = next;
                }
                Step::Fails { retry_after } => {
                    let retry_after = retry_after.map(s);
                    let next = schedule.after_failure(now, retry_after);
                    let asked = retry_after.unwrap_or_default().min(MAX_OBEYED);
                    let most = MAX_BACKOFF.max(schedule.interval()).max(ms(target)).max(wish.allowed()).max(asked);
                    prop_assert!(next >= now + asked && next <= now + most);
                    prop_assert!(next >= now + (ms(target) / 2).min(most).mul_f64(SHORTENED));
                    failures += 1;
                    // Whoever comes meanwhile does not hurry it.
                    prop_assert_eq!(schedule.set_wish(wish, Some(next)), Some(next));
                    now = next;
                }
                Step::Insists => now = now + ms(target / 3),
                Step::Wishes(seconds) => {
                    wish = Wish::seconds(seconds);
                    let planned = schedule.set_wish(wish, Some(now));
                    prop_assert!(planned <= Some(now), "a wish puts nothing off");
                    prop_assert!(failures == 0 || planned == Some(now));
                    now = now.max(planned.unwrap_or(now));
                }
            }
        }
    }

    #[test]
    fn bursts_reach_the_target_within_few_polls_and_quiet_reaches_the_ceiling(
        stretch in 2u32..300,
        seed in any::<u64>(),
    ) {
        let (target, ceiling) = (s(1), s(1) * stretch);
        let mut schedule = Schedule::new(pace(target, ceiling), seed);
        // Quiet for as long as it takes.
        run(&mut schedule, s(0), ceiling * stretch * 12, |_, _| false);
        prop_assert_eq!(schedule.interval(), ceiling);
        let begin = ceiling * stretch * 12;
        let mut polls = 0;
        let mut now = Time::from_start(begin);
        while schedule.interval() > target * 2 {
            now = schedule.after_success(&plain(now, Saw::Changed));
            polls += 1;
            prop_assert!(polls <= 12, "{:?} after {polls} polls", schedule.interval());
        }
        prop_assert!(now.since_start() <= begin + ceiling * 2, "{now:?}");
    }

    #[test]
    fn the_most_demanding_wish_is_kept_and_what_it_left_is_restored(
        target in 1u64..20,
        stretch in 1u64..20,
        wished in 1u64..100,
        seed in any::<u64>(),
    ) {
        let route = pace(s(target), s(target * stretch));
        let mut schedule = Schedule::new(route, seed);
        let alone = schedule.longest_interval();
        schedule.set_wish(Wish::seconds(wished), None);
        let polls = run(&mut schedule, s(0), s(20_000), |_, _| true);
        for pair in polls.windows(2).skip(SETTLING as usize) {
            let interval = pair[1] - pair[0];
            prop_assert!(interval >= s(wished.max(target)).mul_f64(1.0 - SPREAD));
            prop_assert!(interval <= schedule.longest_interval());
        }
        // Somebody who wishes nothing comes: the plan is the route's again at once, and so is what can be promised.
        let last = *polls.last().unwrap();
        let planned = schedule.set_wish(Wish::NONE, Some(Time::from_start(last + s(100_000))));
        prop_assert!(planned.unwrap() <= Time::from_start(last) + alone);
        prop_assert_eq!(schedule.longest_interval(), alone);
    }
}

#[test]
fn a_wish_is_never_finer_than_the_route() {
    let route = pace(s(5), s(60));
    assert_eq!(route.for_wish(Wish::NONE), route);
    assert_eq!(route.for_wish(Wish::seconds(1)), route);
    assert_eq!(route.for_wish(Wish::seconds(10)), pace(s(10), s(60)));
    assert_eq!(route.for_wish(Wish::seconds(100)), pace(s(100), s(100)));
    assert_eq!(Wish::seconds(u64::MAX), Wish::MOST);
}

#[test]
fn the_interval_counts_from_the_cycles_start_with_jitter() {
    let mut schedule = settled(7);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let next = schedule.after_success(&Cycle { ended: at(5300), ..plain(at(5000), Saw::Same) });
        assert!(next >= at(5950) && next <= at(6050), "{next:?}");
        seen.insert(next);
    }
    assert!(seen.len() > 100, "the interval is spread");
}

fn settled(seed: u64) -> Schedule {
    let mut schedule = Schedule::new(Pace::steady(ms(1000)), seed);
    (0..SETTLING).for_each(|_| _ = schedule.after_success(&plain(at(0), Saw::First)));
    schedule
}

/// How many of a thousand feeds fall into each tenth of an interval.
fn tenths(times: impl Iterator<Item = Duration>, interval: Duration) -> [u32; 10] {
    let mut tenths = [0; 10];
    for time in times {
        let tenth = (time.as_secs_f64() % interval.as_secs_f64()) / interval.as_secs_f64() * 10.0;
        tenths[(tenth as usize).min(9)] += 1;
    }
    tenths
}

#[test]
fn feeds_that_begin_together_are_spread_over_the_interval() {
    let after = |seed| {
        let mut schedule = Schedule::new(Pace::steady(ms(1000)), seed);
        let mut next = at(0);
        for _ in 0..SETTLING {
            let after = schedule.after_success(&plain(next, Saw::Same));
            assert!(after >= next + ms(500) && after <= next + ms(1000));
            next = after;
        }
        next.since_start()
    };
    let tenths = tenths((0..1000).map(after), ms(1000));
    assert!(tenths.iter().all(|count| *count > 10), "{tenths:?}");
}

#[test]
fn feeds_with_the_same_history_are_spread_over_the_longest_interval_too() {
    // All quiet from the same moment: their intervals grow together, from seconds to minutes.
    let last = |seed| {
        let mut schedule = Schedule::new(pace(s(1), s(120)), seed);
        let polls = run(&mut schedule, s(0), s(100_000), |_, _| false);
        *polls.last().expect("it polls")
    };
    let tenths = tenths((0..1000).map(last), s(120));
    assert!(tenths.iter().all(|count| (50..200).contains(count)), "{tenths:?}");
}

#[test]
fn a_cycle_longer_than_the_interval_is_followed_at_once() {
    let mut schedule = Schedule::new(Pace::steady(ms(1000)), 7);
    assert_eq!(schedule.after_success(&Cycle { ended: at(4000), ..plain(at(0), Saw::First) }), at(4000));
}

#[test]
fn failures_back_off_to_a_cap_and_a_success_forgets_them() {
    let mut schedule = Schedule::new(Pace::steady(ms(500)), 1);
    let mut longest = Duration::ZERO;
    for failure in 0..40u32 {
        let wait = schedule.after_failure(at(0), None).since_start();
        let full = ms(250 * (1 << failure.min(17))).min(MAX_BACKOFF);
        assert!(wait >= full / 2 && wait <= full, "failure {failure}: {wait:?} of {full:?}");
        longest = longest.max(wait);
    }
    assert!(longest > MAX_BACKOFF / 2);
    schedule.after_success(&plain(at(0), Saw::Same));
    assert!(schedule.after_failure(at(0), None) <= at(250), "the first retry is quick");
}

#[test]
fn the_first_retry_is_quick_however_rarely_the_origin_is_asked() {
    let mut schedule = Schedule::new(Pace::steady(s(3600)), 1);
    assert!(schedule.after_failure(at(0), None) <= at(2000));
    assert!(schedule.after_failure(at(0), None) >= at(1_800_000), "and the second is not");
}

#[test]
fn a_quiet_feed_that_fails_is_not_asked_more_often_than_while_it_was_well() {
    let mut schedule = Schedule::new(pace(s(1), s(300)), 1);
    run(&mut schedule, s(0), s(2_000_000), |_, _| false);
    (0..20).for_each(|_| _ = schedule.after_failure(at(0), None));
    let waits: Vec<_> = (0..20).map(|_| schedule.after_failure(at(0), None).since_start()).collect();
    assert!(waits.iter().all(|wait| *wait >= s(150) && *wait <= s(300)), "{waits:?}");
}

#[test]
fn the_origins_own_wish_is_obeyed_within_reason() {
    let mut schedule = Schedule::new(Pace::steady(ms(500)), 1);
    assert_eq!(schedule.after_failure(at(0), Some(s(120))), at(120_000));
    let capped = schedule.after_failure(at(0), Some(s(86_400 * 365)));
    assert_eq!(capped.since_start(), MAX_OBEYED);
}

#[test]
fn what_is_fresh_is_left_alone_for_so_long_and_promised() {
    let mut schedule = Schedule::new(Pace::steady(s(1)), 1);
    let cycle = Cycle { lifetime: Some(s(60)), age: s(20), ..plain(at(0), Saw::First) };
    let next = schedule.after_success(&cycle).since_start();
    assert!(next >= s(40) && next <= s(42), "{next:?}");
    assert_eq!(schedule.longest_interval(), s(60).mul_f64(1.0 + SPREAD));
    let year = Cycle { lifetime: Some(s(86_400 * 365)), ..plain(at(0), Saw::Same) };
    let next = schedule.after_success(&year).since_start();
    assert!(next >= MAX_OBEYED && next <= schedule.longest_interval());
    // Nothing is left of it, or nothing is said any more.
    for old in [Cycle { lifetime: Some(s(60)), age: s(61), ..year }, plain(at(0), Saw::Same)] {
        assert!(schedule.after_success(&old).since_start() <= s(1).mul_f64(1.0 + SPREAD));
    }
    let route = Pace { obeys_lifetime: false, ..Pace::steady(s(1)) };
    let mut schedule = Schedule::new(route, 1);
    assert!(schedule.after_success(&year).since_start() <= s(1));
    assert_eq!(schedule.longest_interval(), s(1).mul_f64(1.0 + SPREAD));
}

#[test]
fn the_interval_is_the_mean_of_the_target_and_the_gap() {
    for gap in [4u64, 16, 64, 256] {
        let mut schedule = Schedule::new(pace(s(1), s(300)), gap);
        let mut random = Jitter::new(gap);
        let mut next = Duration::ZERO;
        let polls = run(&mut schedule, s(0), s(gap * 2000), |_, until| {
            let changed = next <= until;
            while next <= until {
                let unit = random.scale(s(1), 0.0, 1.0).as_secs_f64();
                next += Duration::from_secs_f64(-(gap as f64) * (1.0 - unit).ln());
            }
            changed
        });
        let (mean, ideal) = ((gap * 2000) as f64 / polls.len() as f64, (gap as f64).sqrt());
        assert!(mean > ideal * 0.5 && mean < ideal * 1.5, "{mean} s for {ideal} s");
    }
}

#[test]
fn changes_by_the_clock_are_met_just_after() {
    for (period, phase, most) in [(10_000, 3_000, 2.5), (60_000, 500, 4.0), (300_000, 123_456, 6.0)] {
        let mut schedule = Schedule::new(pace(s(1), s(600)), period + phase);
        let end = ms(period * 60);
        let polls = run(&mut schedule, s(0), end, ticks(period, phase));
        // After some periods it knows.
        let later: Vec<_> = polls.iter().filter(|poll| **poll > ms(period * 30)).collect();
        let each = later.len() as f64 / 30.0;
        assert!(each < most, "{each} polls a period of {period} ms");
        let late = |tick: u64| {
            let tick = ms(tick * period + phase);
            later.iter().find(|poll| ***poll >= tick).map_or(Duration::ZERO, |poll| **poll - tick)
        };
        let mean = (31..59).map(|tick| late(tick).as_secs_f64()).sum::<f64>() / 28.0;
        assert!(mean < 1.5, "{mean} s late at a period of {period} ms");
    }
}

#[test]
fn a_clock_that_stops_or_runs_twice_as_fast_is_noticed() {
    let mut schedule = Schedule::new(pace(s(1), s(600)), 3);
    let slow = ticks(60_000, 0);
    run(&mut schedule, s(0), s(3600), slow);
    let fast = ticks(20_000, 7_000);
    let polls = run(&mut schedule, s(3600), s(2 * 3600), fast);
    let late = polls.iter().filter(|poll| **poll > s(3600 + 1200)).count() as f64 / 120.0;
    assert!(late > 1.0, "{late} polls a period");
    // It stops: what was expected did not come, and the interval grows.
    run(&mut schedule, s(2 * 3600), s(48 * 3600), |_, _| false);
    assert!(schedule.interval() > s(60));
}

#[test]
fn what_was_modified_long_ago_is_not_hurried() {
    let mut schedule = Schedule::new(pace(s(1), s(100)), 5);
    schedule.after_success(&Cycle { modified: Some(s(86_400)), ..plain(at(0), Saw::First) });
    assert_eq!(schedule.interval(), s(100));
    let mut schedule = Schedule::new(pace(s(1), s(100)), 5);
    schedule.after_success(&Cycle { modified: Some(s(1)), ..plain(at(0), Saw::First) });
    assert_eq!(schedule.interval(), s(1));
}

#[test]
fn dear_answers_are_asked_for_more_rarely() {
    let interval = |bytes| {
        let mut schedule = Schedule::new(pace(s(1), s(300)), 5);
        for poll in 0..500u64 {
            let saw = if poll % 10 == 0 { Saw::Changed } else { Saw::Same };
            schedule.after_success(&Cycle {
                bytes,
                ended: at(poll * 10_000 + 50),
                ..plain(at(poll * 10_000), saw)
            });
        }
        schedule.interval().as_secs_f64()
    };
    let (cheap, usual, dear) = (interval(0), interval(16_384), interval(10_000_000));
    assert!(cheap < usual && usual < dear, "{cheap} {usual} {dear}");
    assert!(dear <= usual * 2.5 && cheap >= usual / 2.0, "bounded: {cheap} {usual} {dear}");
}

#[test]
fn waiting_for_a_turn_is_part_of_what_is_promised() {
    let mut schedule = Schedule::new(Pace::steady(s(1)), 1);
    let next = schedule.after_success(&Cycle { waited: s(5), ended: at(5100), ..plain(at(0), Saw::First) });
    assert_eq!(next, at(5100));
    assert!(schedule.longest_interval() >= s(6));
    (0..50u64).for_each(|cycle| _ = schedule.after_success(&plain(at(cycle * 1000), Saw::Same)));
    assert_eq!(schedule.longest_interval(), s(1).mul_f64(1.0 + SPREAD), "no longer");
}
