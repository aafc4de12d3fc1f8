//! Which of an origin's addresses is connected to next, and which are left out for a while.
//!
//! Owns the turn, and what each address did lately. Pure: what the time is, and which addresses there are, are
//! arguments.
//!
//! - Places take turns, connection by connection; within a place, the addresses of the family that its name has first.
//! - An address to which no connection came about is left out for 1 s, then for 2 s and so on up to 30 s, until it
//!   brings an answer. So is one whose requests broke three times in a row. When its time is over, one connection tries
//!   it before others do.
//! - What is left out comes last, and is tried only when everything else failed. So nothing is ever wholly left out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// How long an address is left out after its first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many requests in a row have to break on connections to an address.
const STRIKES: u32 = 3;

/// For how long a failure is remembered that was not followed by another.
const MEMORY: Duration = Duration::from_secs(300);

/// How many addresses' failures are remembered at most.
const MAX_REMEMBERED: usize = 1024;

/// The addresses of an origin.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    turn: usize,
    latest: Vec<SocketAddr>,
    troubles: HashMap<SocketAddr, Trouble>,
}

/// In which order addresses are tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// These first.
    pub(super) first: Vec<SocketAddr>,
    /// These when all of the first failed.
    pub(super) last: Vec<SocketAddr>,
}

/// What an address did, since its last answer.
#[derive(Debug)]
struct Trouble {
    /// How often it was left out.
    failures: u32,
    /// How many requests in a row broke.
    strikes: u32,
    out_until: Option<Instant>,
    /// Whether one connection tries it, while others leave it out.
    on_trial: bool,
    latest: Instant,
}

impl Addresses {
    /// The order for the next connection, of the addresses of each place.
    pub(super) fn order(&mut self, places: &[Vec<SocketAddr>], now: Instant) -> Order {
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        let mut all: Vec<SocketAddr> = Vec::new();
        for index in 0..places.len() {
            let place = &places[(turn + index) % places.len()];
            for address in spread(place, turn / places.len()) {
                if !all.contains(&address) {
                    all.push(address);
                }
            }
        }
        self.latest.clone_from(&all);
        let (last, mut first): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|address| self.is_out(*address, now));
        // Whoever's time is over gets one connection as a trial; meanwhile others leave it out still.
        let is_back =
            |address: &SocketAddr| self.troubles.get(address).is_some_and(|t| t.out_until.is_some());
        if let Some(index) = first.iter().position(is_back) {
            let address = first.remove(index);
            first.insert(0, address);
            if let Some(trouble) = self.troubles.get_mut(&address) {
                trouble.out_until = Some(now + pause(trouble.failures));
                trouble.on_trial = true;
            }
        }
        Order { first, last }
    }

    /// Connecting to it failed.
    pub(super) fn failed(&mut self, address: SocketAddr, now: Instant) {
        if let Some(trouble) = self.trouble(address, now) {
            // Many who connect at the same time meet the same failure, which is one.
            if trouble.on_trial || trouble.out_until.is_none_or(|until| until <= now) {
                trouble.failures = trouble.failures.saturating_add(1);
            }
            trouble.on_trial = false;
            trouble.out_until = Some(now + pause(trouble.failures));
        }
    }

    /// There is a connection to it. Whether it answers is not known yet.
    pub(super) fn connected(&mut self, address: SocketAddr) {
        if let Some(trouble) = self.troubles.get_mut(&address) {
            trouble.out_until = None;
            trouble.on_trial = false;
        }
    }

    /// A request on a connection to it got no answer.
    pub(super) fn broke(&mut self, address: SocketAddr, now: Instant) {
        let Some(trouble) = self.trouble(address, now) else { return };
        trouble.strikes += 1;
        if trouble.strikes >= STRIKES {
            trouble.strikes = 0;
            self.failed(address, now);
        }
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&mut self, address: SocketAddr) {
        if !self.troubles.is_empty() {
            self.troubles.remove(&address);
        }
    }

    /// Whether connections to it should be left for others: it is left out, and another address is not.
    pub(super) fn is_to_be_left(&self, address: SocketAddr, now: Instant) -> bool {
        self.is_out(address, now) && self.latest.iter().any(|other| !self.is_out(*other, now))
    }

    fn is_out(&self, address: SocketAddr, now: Instant) -> bool {
        let until = self.troubles.get(&address).and_then(|trouble| trouble.out_until);
        until.is_some_and(|until| now < until)
    }

    fn trouble(&mut self, address: SocketAddr, now: Instant) -> Option<&mut Trouble> {
        self.troubles.retain(|_, trouble| now.duration_since(trouble.latest) < MEMORY);
        if self.troubles.len() >= MAX_REMEMBERED && !self.troubles.contains_key(&address) {
            return None;
        }
        let fresh = Trouble { failures: 0, strikes: 0, out_until: None, on_trial: false, latest: now };
        let trouble = self.troubles.entry(address).or_insert(fresh);
        trouble.latest = now;
        Some(trouble)
    }
}

/// For how long an address is left out that failed so many times.
fn pause(failures: u32) -> Duration {
    LONGEST_PAUSE.min(FIRST_PAUSE * (1 << failures.saturating_sub(1).min(5)))
}

/// A place's addresses from the `turn`th on, with the two families in turns, the one that came first at the front
/// (RFC 8305 §4).
fn spread(place: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let Some(front) = place.first() else { return Vec::new() };
    let (mut preferred, other): (Vec<_>, Vec<_>) =
        place.iter().copied().partition(|address| address.is_ipv4() == front.is_ipv4());
    let begin = turn % preferred.len();
    preferred.rotate_left(begin);
    let mut spread = Vec::with_capacity(place.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        match (preferred.next(), other.next()) {
            (None, None) => return spread,
            (one, two) => spread.extend(one.into_iter().chain(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn places(ports: &[u16]) -> Vec<Vec<SocketAddr>> {
        ports.iter().map(|port| vec![address(*port)]).collect()
    }

    fn ports(addresses: &[SocketAddr]) -> Vec<u16> {
        addresses.iter().map(SocketAddr::port).collect()
    }

    /// The order now, as the ports of the first and of the last.
    fn order(addresses: &mut Addresses, places: &[Vec<SocketAddr>], now: Instant) -> (Vec<u16>, Vec<u16>) {
        let order = addresses.order(places, now);
        (ports(&order.first), ports(&order.last))
    }

    #[test]
    fn places_take_turns() {
        let mut addresses = Addresses::default();
        let places = places(&[1, 2, 3]);
        let now = Instant::now();
        let seen: Vec<_> = (0..4).map(|_| order(&mut addresses, &places, now).0).collect();
        assert_eq!(seen, [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]);
    }

    #[test]
    fn a_names_addresses_take_turns_and_its_families_alternate() {
        let v6 = |port| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
        let place = vec![v6(1), v6(2), v6(3), address(11), address(12)];
        assert_eq!(ports(&spread(&place, 0)), [1, 11, 2, 12, 3]);
        assert_eq!(ports(&spread(&place, 4)), [2, 11, 3, 12, 1]);
        assert_eq!(spread(&[], 7), []);
        // The same address by two names is one.
        let mut addresses = Addresses::default();
        let twice = [vec![address(1)], vec![address(1), address(2)]];
        assert_eq!(order(&mut addresses, &twice, Instant::now()).0, [1, 2]);
        assert_eq!(order(&mut addresses, &[], Instant::now()), (vec![], vec![]));
    }

    #[test]
    fn what_fails_is_left_out_for_a_growing_while_and_tried_by_one() {
        let mut addresses = Addresses::default();
        let places = places(&[1, 2]);
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            addresses.failed(address(1), now);
            // A second failure at the same time changes nothing.
            addresses.failed(address(1), now);
            now += Duration::from_millis(seconds * 1000 - 1);
            for _ in 0..2 {
                assert_eq!(order(&mut addresses, &places, now), (vec![2], vec![1]), "after {seconds} s");
            }
            now += Duration::from_millis(1);
            assert_eq!(order(&mut addresses, &places, now), (vec![1, 2], vec![]), "after {seconds} s");
            assert_eq!(order(&mut addresses, &places, now), (vec![2], vec![1]), "another at the same time");
        }
    }

    #[test]
    fn an_answer_makes_it_as_good_as_new() {
        let mut addresses = Addresses::default();
        let places = places(&[1, 2]);
        let now = Instant::now();
        addresses.failed(address(1), now);
        assert!(addresses.order(&places, now).last.contains(&address(1)));
        assert!(addresses.is_to_be_left(address(1), now));
        addresses.connected(address(1));
        assert!(!addresses.is_to_be_left(address(1), now));
        // It only connected: it is left out for longer the next time.
        addresses.failed(address(1), now);
        assert!(addresses.is_to_be_left(address(1), now + Duration::from_millis(1900)));
        addresses.answered(address(1));
        assert_eq!(addresses.order(&places, now).last, []);
        addresses.failed(address(1), now);
        assert!(!addresses.is_to_be_left(address(1), now + Duration::from_secs(1)));
    }

    #[test]
    fn requests_that_break_in_a_row_count() {
        let mut addresses = Addresses::default();
        let places = places(&[1, 2]);
        let now = Instant::now();
        for _ in 0..3 {
            addresses.broke(address(1), now);
            addresses.broke(address(1), now);
            addresses.answered(address(1));
        }
        assert_eq!(addresses.order(&places, now).last, []);
        for _ in 0..3 {
            addresses.broke(address(1), now);
        }
        assert_eq!(addresses.order(&places, now).last, [address(1)]);
    }

    #[test]
    fn when_all_are_left_out_all_are_tried() {
        let mut addresses = Addresses::default();
        let places = places(&[1, 2]);
        let now = Instant::now();
        addresses.failed(address(1), now);
        addresses.failed(address(2), now);
        assert_eq!(order(&mut addresses, &places, now), (vec![], vec![1, 2]));
        assert!(!addresses.is_to_be_left(address(1), now), "there is no better one");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut addresses = Addresses::default();
        let now = Instant::now();
        for port in 0..2000 {
            addresses.failed(address(port), now);
        }
        assert_eq!(addresses.troubles.len(), MAX_REMEMBERED);
        addresses.failed(address(1), now + MEMORY);
        assert_eq!(addresses.troubles.len(), 1);
    }
}
