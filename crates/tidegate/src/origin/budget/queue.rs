//! Fetches that wait for their turn.
//!
//! Two classes take turns while both have something that may go: what somebody waits for goes first, and polls are
//! never starved. Within a class the routes take turns, so that a route with ten thousand feeds gets no more than one
//! with a single feed; within a route it is first come, first served. Each feed has one fetch at most, so that is a
//! turn for each feed.

use std::collections::{BTreeSet, VecDeque};

/// Numbers fetches in the order in which they were asked for.
pub(super) type Ticket = u64;

/// Where a fetch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its route.
    pub(super) scope: usize,
    /// Somebody waits for it.
    pub(super) awaited: bool,
    /// How long its feed has to wait for answers.
    pub(super) pace: Pace,
    /// It carries a client's credentials.
    pub(super) credentialed: bool,
}

/// How long a feed has to wait for answers, by its last fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Quick,
    /// Nobody knows: this is its first.
    New,
    Slow,
}

impl Standing {
    fn lane(self) -> usize {
        self.pace as usize * 2 + usize::from(self.credentialed)
    }
}

/// One route's fetches of a class: a lane for each way in which some of them may have to stand back.
type Lanes = [BTreeSet<Ticket>; LANES];

const LANES: usize = PACES.len() * 2;

const PACES: [Pace; 3] = [Pace::Quick, Pace::New, Pace::Slow];

/// The fetches of a class.
#[derive(Debug, Default)]
struct Class {
    lanes: Vec<Lanes>,
    /// The routes with anything waiting, in the order of their turns.
    turns: VecDeque<usize>,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    awaited: Class,
    polls: Class,
    /// The last one to go was somebody's.
    somebodys: bool,
    waiting: usize,
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Lets one stand in line.
    pub(super) fn push(&mut self, ticket: Ticket, standing: Standing) {
        self.class(standing.awaited).push(ticket, standing);
        self.waiting += 1;
    }

    /// Takes one out that no longer waits.
    pub(super) fn remove(&mut self, ticket: Ticket, standing: Standing) {
        if self.class(standing.awaited).remove(ticket, standing) {
            self.waiting -= 1;
        }
    }

    /// The next of those that may go.
    pub(super) fn pop(&mut self, may: impl Fn(Standing) -> bool) -> Option<Ticket> {
        let first = !self.somebodys;
        let (ticket, awaited) = [first, !first]
            .into_iter()
            .find_map(|awaited| Some((self.class(awaited).pop(awaited, &may)?, awaited)))?;
        self.somebodys = awaited;
        self.waiting -= 1;
        Some(ticket)
    }

    /// Whether any of those who wait stands like this.
    pub(super) fn any(&self, like: impl Fn(Standing) -> bool) -> bool {
        let waits = |class: &Class, awaited| {
            class.turns.iter().any(|scope| class.heads(*scope, awaited).any(|(standing, _)| like(standing)))
        };
        waits(&self.awaited, true) || waits(&self.polls, false)
    }

    fn class(&mut self, awaited: bool) -> &mut Class {
        if awaited { &mut self.awaited } else { &mut self.polls }
    }
}

impl Class {
    fn push(&mut self, ticket: Ticket, standing: Standing) {
        if self.lanes.len() <= standing.scope {
            self.lanes.resize_with(standing.scope + 1, Lanes::default);
        }
        let lanes = &mut self.lanes[standing.scope];
        if lanes.iter().all(BTreeSet::is_empty) {
            self.turns.push_back(standing.scope);
        }
        lanes[standing.lane()].insert(ticket);
    }

    fn remove(&mut self, ticket: Ticket, standing: Standing) -> bool {
        let Some(lanes) = self.lanes.get_mut(standing.scope) else { return false };
        let found = lanes[standing.lane()].remove(&ticket);
        if found && lanes.iter().all(BTreeSet::is_empty) {
            self.turns.retain(|scope| *scope != standing.scope);
        }
        found
    }

    /// The first of each of a route's lanes that is not empty.
    fn heads(&self, scope: usize, awaited: bool) -> impl Iterator<Item = (Standing, Ticket)> {
        PACES.into_iter().flat_map(|pace| [(pace, false), (pace, true)]).filter_map(
            move |(pace, credentialed)| {
                let standing = Standing { scope, awaited, pace, credentialed };
                Some((standing, *self.lanes[scope][standing.lane()].first()?))
            },
        )
    }

    fn pop(&mut self, awaited: bool, may: &impl Fn(Standing) -> bool) -> Option<Ticket> {
        let (turn, scope, lane) = self.turns.iter().enumerate().find_map(|(turn, &scope)| {
            let open = self.heads(scope, awaited).filter(|(standing, _)| may(*standing));
            Some((turn, scope, open.min_by_key(|(_, ticket)| *ticket)?.0.lane()))
        })?;
        let ticket = self.lanes[scope][lane].pop_first();
        self.turns.remove(turn);
        if self.lanes[scope].iter().any(|lane| !lane.is_empty()) {
            self.turns.push_back(scope);
        }
        ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Standing = Standing { scope: 0, awaited: false, pace: Pace::Quick, credentialed: false };

    fn order(queue: &mut Queue) -> Vec<Ticket> {
        std::iter::from_fn(|| queue.pop(|_| true)).collect()
    }

    #[test]
    fn a_route_with_many_feeds_takes_turns_with_one_that_has_few() {
        let mut queue = Queue::default();
        (0..6).for_each(|ticket| queue.push(ticket, POLL));
        queue.push(6, Standing { scope: 1, ..POLL });
        queue.push(7, Standing { scope: 1, ..POLL });
        assert_eq!(order(&mut queue), [0, 6, 1, 7, 2, 3, 4, 5]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_somebody_waits_for_goes_first_and_starves_nobody() {
        let mut queue = Queue::default();
        (0..3).for_each(|ticket| queue.push(ticket, POLL));
        (3..6).for_each(|ticket| queue.push(ticket, Standing { awaited: true, ..POLL }));
        assert_eq!(order(&mut queue), [3, 0, 4, 1, 5, 2]);
    }

    #[test]
    fn who_may_not_go_is_passed_by_and_keeps_its_place() {
        let mut queue = Queue::default();
        queue.push(0, Standing { pace: Pace::New, ..POLL });
        queue.push(1, POLL);
        queue.push(2, Standing { scope: 1, pace: Pace::New, ..POLL });
        assert_eq!(queue.pop(|standing| standing.pace == Pace::Quick), Some(1));
        assert_eq!(queue.pop(|standing| standing.pace == Pace::Quick), None);
        queue.push(3, POLL);
        queue.remove(2, Standing { scope: 1, pace: Pace::New, ..POLL });
        assert_eq!(order(&mut queue), [0, 3]);
    }
}
