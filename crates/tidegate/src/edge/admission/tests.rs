//! The limits, against a model that counts by itself.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn at(ms: u64) -> Time {
    Time::from_start(Duration::from_millis(ms))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const WIDE: AdmissionLimits =
    AdmissionLimits { connections: 1_000_000, per_address: 1_000_000, per_second: 10_000_000 };

#[test]
fn a_permit_is_small() {
    assert_eq!(size_of::<Admitted>(), 16);
}

#[test]
fn each_limit_refuses_with_its_own_reason() {
    let one = address("192.0.2.1");
    let two = address("192.0.2.2");
    let admission = Admission::new(AdmissionLimits { connections: 3, per_address: 2, per_second: 4 });
    let first = admission.try_admit(one, at(0)).unwrap();
    let _second = admission.try_admit(one, at(0)).unwrap();
    assert_eq!(admission.try_admit(one, at(0)).unwrap_err(), Refusal::TooManyFromAddress);
    let third = admission.try_admit(two, at(0)).unwrap();
    assert_eq!(admission.try_admit(two, at(0)).unwrap_err(), Refusal::TooMany);
    assert_eq!((admission.connections(), admission.addresses()), (3, 2));
    drop(third);
    assert_eq!((admission.connections(), admission.addresses()), (2, 1));
    // Three of the second's four are taken: refusals took none.
    drop(admission.try_admit(two, at(0)).unwrap());
    assert_eq!(admission.try_admit(two, at(0)).unwrap_err(), Refusal::TooFast);
    drop(first);
    assert!(admission.try_admit(one, at(250)).is_ok());
}

#[test]
fn what_counts_as_one_address() {
    let same = |a: &str, b: &str| Network::of(address(a)) == Network::of(address(b));
    assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
    assert!(!same("192.0.2.1", "192.0.2.2"));
    assert!(!same("0.0.0.0", "::"));
    assert!(!same("0.0.0.1", "::1"));
    assert!(!same("192.0.2.1", "::192.0.2.1"));
}

#[test]
fn nobody_is_let_in_while_memory_runs_short() {
    let (tell, pressure) = watch::channel(Pressure::None);
    let admission = Admission::new(WIDE).under(pressure);
    let ask = || admission.try_admit(address("192.0.2.1"), at(0)).map(drop);
    assert_eq!(ask(), Ok(()));
    for (pressure, expected) in [
        (Pressure::Refuse, Err(Refusal::OutOfMemory)),
        (Pressure::Shed, Err(Refusal::OutOfMemory)),
        (Pressure::None, Ok(())),
    ] {
        tell.send_replace(pressure);
        assert_eq!(ask(), expected);
    }
    // Whoever measured is gone: what was said last counts.
    drop(tell);
    assert_eq!(ask(), Ok(()));
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    let admission = Admission::new(AdmissionLimits { connections: 50, per_address: 20, ..WIDE });
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let admission = &admission;
            scope.spawn(move || {
                let mut held = Vec::new();
                for step in 0..5_000_u32 {
                    let address = IpAddr::from(((thread * 5 + step) % 7).to_be_bytes());
                    match admission.try_admit(address, at(0)) {
                        Ok(admitted) => held.push(admitted),
                        Err(_) => drop(held.pop()),
                    }
                    assert!(admission.connections() <= 50);
                }
            });
        }
    });
    assert_eq!((admission.connections(), admission.addresses()), (0, 0));
}

/// Somebody comes from an address after a while, or one of those who are in leaves.
#[derive(Clone, Debug)]
enum Event {
    Come { address: u8, after_ms: u64 },
    Leave(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0_u8..5, 0_u64..200).prop_map(|(address, after_ms)| Event::Come { address, after_ms }),
        2 => any::<prop::sample::Index>().prop_map(Event::Leave),
    ]
}

proptest! {
    #[test]
    fn counts_never_leak_and_never_exceed(
        connections in 0_usize..8, per_address in 0_usize..4, per_second in 1_usize..20,
        events in prop::collection::vec(event(), 0..200)
    ) {
        let admission = Admission::new(AdmissionLimits { connections, per_address, per_second });
        let mut inside: Vec<(u8, Admitted)> = Vec::new();
        let mut now = 0;
        for event in events {
            match event {
                Event::Come { address, after_ms } => {
                    now += after_ms;
                    let same = inside.iter().filter(|(other, _)| *other == address).count();
                    let ip = IpAddr::from([192, 0, 2, address]);
                    match admission.try_admit(ip, at(now)) {
                        Ok(admitted) => {
                            prop_assert!(inside.len() < connections && same < per_address);
                            inside.push((address, admitted));
                        }
                        Err(Refusal::TooMany) => prop_assert_eq!(inside.len(), connections),
                        Err(Refusal::TooManyFromAddress) => prop_assert_eq!(same, per_address),
                        Err(Refusal::TooFast) => prop_assert!(inside.len() < connections && same < per_address),
                        Err(Refusal::OutOfMemory) => prop_assert!(false, "nobody measures memory"),
                    }
                }
                Event::Leave(_) if inside.is_empty() => {}
                Event::Leave(index) => drop(inside.swap_remove(index.index(inside.len()))),
            }
            let mut addresses: Vec<_> = inside.iter().map(|(address, _)| *address).collect();
            addresses.sort_unstable();
            addresses.dedup();
            prop_assert_eq!((admission.connections(), admission.addresses()), (inside.len(), addresses.len()));
        }
        inside.clear();
        prop_assert_eq!((admission.connections(), admission.addresses()), (0, 0));
        if connections > 0 && per_address > 0 {
            // After a second without anybody, everything is as at the start.
            let (address, second_later) = (IpAddr::from([192, 0, 2, 9]), at(now + 1_000));
            prop_assert!((0..per_second).all(|_| admission.try_admit(address, second_later).is_ok()));
            prop_assert_eq!(admission.try_admit(address, second_later).err(), Some(Refusal::TooFast));
        }
    }
}
