//! Which fetch may be sent, and when: the deciding part of the budget, without a clock.
//!
//! Invariants:
//! - No more fetches are under way than the limit.
//! - While there are several routes, none has more than all but a quarter of the places. Of a route's places, a quarter
//!   is for feeds that were answered quickly the last time, and at most half is for what is slow. What turns out to be
//!   slow beyond that is stopped for the sake of those who wait, and has its turn among the slow ones. So whoever hangs
//!   leaves room for whoever does not.
//! - What an origin says about its limits binds the fetches with the same credentials, and no others.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use tidegate_core::{Failure, Time};

use super::circuit::Circuit;
use super::queue::{Pace, Queue, Standing, Ticket};
use super::quota::{LONGEST, Quota, Rate, Told};

/// A pause that is shorter than this is waited for; whoever would have to wait longer is told so at once.
const SHORT: Duration = Duration::from_secs(2);

/// A fetch that takes this many times as long as usual is slow.
const SLOW_FACTOR: u32 = 4;

/// No fetch that takes less time than this is slow.
const SLOW_LEAST: Duration = Duration::from_millis(500);

/// How quickly what is usual follows what is seen: a share for each fetch.
const LEARNING: f64 = 0.05;

/// Pauses that are remembered. Of more, the rest is learnt from the next answer.
const MOST_PAUSES: usize = 4096;

/// Names the credentials of a client, without holding them.
pub(super) type Account = u64;

/// A fetch that is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) scope: &'a str,
    pub(super) awaited: bool,
    pub(super) account: Option<Account>,
    pub(super) took: Option<Duration>,
}

/// What is to become of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is sent now.
    Go,
    /// It was sent, and is to be broken off. It waits for its turn anew.
    Stop,
    /// It is not made.
    Refused(Refusal),
}

/// Why a fetch is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The origin does not want to be asked until then.
    Paused(Time),
    /// The origin is down, as others have just found.
    Down(Failure),
}

/// What a fetch that was made says about the origin.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Whether it could be connected to, where that is known.
    pub(super) connected: Option<Result<(), Failure>>,
    /// How much may still be asked.
    pub(super) told: Option<Told>,
    /// It answered, however it did.
    pub(super) answered: bool,
    /// It wants to be left alone for so long.
    pub(super) pause: Option<Duration>,
}

/// The limits of an origin's budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) concurrent: usize,
    pub(super) per_second: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Fetch {
    standing: Standing,
    account: Option<Account>,
    /// When it was sent; `None` while it waits.
    sent: Option<Time>,
}

#[derive(Debug, Default)]
struct Scope {
    under_way: usize,
    new_under_way: usize,
    slow_under_way: usize,
    /// Who sends no credentials of a client leaves it alone until then.
    pause: Option<Time>,
}

/// The budget's state.
#[derive(Debug)]
pub(super) struct Gate {
    concurrent: usize,
    names: HashMap<String, usize>,
    scopes: Vec<Scope>,
    fetches: HashMap<Ticket, Fetch>,
    queue: Queue,
    under_way: usize,
    /// Those under way that are not known to be slow, oldest first.
    young: BTreeSet<(Time, Ticket)>,
    issued: Ticket,
    rate: Rate,
    /// Of fetches without credentials of a client.
    quota: Quota,
    /// Of fetches with some: for one route, or for all.
    pauses: HashMap<(Account, Option<usize>), Time>,
    circuit: Circuit,
    /// How long a fetch takes: half of them take longer.
    usual: Duration,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Gate {
        Gate {
            concurrent: limits.concurrent.max(1),
            names: HashMap::new(),
            scopes: Vec::new(),
            fetches: HashMap::new(),
            queue: Queue::default(),
            under_way: 0,
            young: BTreeSet::new(),
            issued: 0,
            rate: Rate::new(limits.per_second),
            quota: Quota::default(),
            pauses: HashMap::new(),
            circuit: Circuit::default(),
            usual: SLOW_LEAST / SLOW_FACTOR,
        }
    }

    /// A fetch is to be made. Whatever comes of it is told by [`Gate::next`].
    pub(super) fn ask(&mut self, ask: Ask<'_>) -> Ticket {
        let scope = self.scope(ask.scope);
        let standing = Standing {
            scope,
            awaited: ask.awaited,
            pace: match ask.took {
                None => Pace::New,
                Some(took) if took <= self.slow() => Pace::Quick,
                Some(_) => Pace::Slow,
            },
            credentialed: ask.account.is_some(),
        };
        self.issued += 1;
        self.fetches.insert(self.issued, Fetch { standing, account: ask.account, sent: None });
        self.queue.push(self.issued, standing);
        self.issued
    }

    /// Somebody waits for this fetch from now on: it stands with those of its kind.
    pub(super) fn is_awaited(&mut self, ticket: Ticket) {
        let Some(fetch) = self.fetches.get_mut(&ticket) else { return };
        let before = fetch.standing;
        fetch.standing.awaited = true;
        if fetch.sent.is_none() && !before.awaited {
            self.queue.remove(ticket, before);
            self.queue.push(ticket, fetch.standing);
        }
    }

    /// Nobody needs this fetch any more, sent or not.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        let Some(fetch) = self.fetches.remove(&ticket) else { return };
        match fetch.sent {
            None => self.queue.remove(ticket, fetch.standing),
            Some(sent) => self.vacate(ticket, fetch.standing, sent),
        }
    }

    /// A fetch that was sent came to its end.
    pub(super) fn end(&mut self, now: Time, ticket: Ticket, end: End) {
        let Some(fetch) = self.fetches.remove(&ticket) else { return };
        match fetch.sent {
            // It was stopped, and came to its end before it heard of that.
            None => self.queue.remove(ticket, fetch.standing),
            Some(sent) => {
                self.vacate(ticket, fetch.standing, sent);
                if end.answered {
                    let factor = if now.since(sent) > self.usual { 1.0 + LEARNING } else { 1.0 - LEARNING };
                    self.usual = self.usual.mul_f64(factor).clamp(Duration::from_millis(1), LONGEST);
                }
            }
        }
        match end.connected {
            Some(Ok(())) => self.circuit.connected(),
            Some(Err(failure)) => return self.circuit.failed(failure),
            None => return,
        }
        let scope = fetch.standing.scope;
        match fetch.account {
            None => {
                if let Some(told) = end.told {
                    self.quota.tell(now, told, self.under_way);
                }
                if let Some(wait) = end.pause {
                    self.scopes[scope].pause = Some(now + wait.min(LONGEST));
                }
            }
            Some(account) => {
                if let Some(Told { remaining: 0, reset }) = end.told {
                    self.pause(now, (account, None), reset);
                }
                if let Some(wait) = end.pause {
                    self.pause(now, (account, Some(scope)), wait);
                }
            }
        }
    }

    /// The next fetch that is sent, stopped or refused now; call until there is none, after every input and at
    /// [`Gate::wake_at`].
    pub(super) fn next(&mut self, now: Time) -> Option<(Ticket, Verdict)> {
        if self.queue.len() == 0 {
            return None;
        }
        if let Some(failure) = self.circuit.refuses(now, self.under_way) {
            let refusal = Refusal::Down(failure.clone());
            let ticket = self.queue.pop(|_| true)?;
            return Some(self.refuse(ticket, refusal));
        }
        if let Some((ticket, until)) = self.pop_paused(now) {
            return Some(self.refuse(ticket, Refusal::Paused(until)));
        }
        let Some(ticket) = self.pop(now) else { return Some((self.make_room(now)?, Verdict::Stop)) };
        let fetch = self.fetches.get_mut(&ticket)?;
        let Fetch { standing, account, .. } = *fetch;
        let pause = |account, scope| self.pauses.get(&(account, scope)).filter(|until| **until > now);
        let paused =
            account.and_then(|account| pause(account, None).or(pause(account, Some(standing.scope))));
        if let Some(until) = paused.copied() {
            return Some(self.refuse(ticket, Refusal::Paused(until)));
        }
        fetch.sent = Some(now);
        self.occupy(ticket, standing, now);
        self.rate.take(now);
        self.circuit.begins(now);
        if !standing.credentialed {
            self.quota.take(now);
        }
        Some((ticket, Verdict::Go))
    }

    /// When to call [`Gate::next`] again, if nothing else happens before.
    pub(super) fn wake_at(&self, now: Time) -> Option<Time> {
        if self.queue.len() == 0 {
            return None;
        }
        let pauses = self.scopes.iter().filter_map(|scope| scope.pause);
        let ready = [self.rate.ready_at(), self.quota.ready_at(now, false), self.quota.ready_at(now, true)];
        let old = self.old_since(now).map_or(Bound::Unbounded, |old| Bound::Excluded((old, Ticket::MAX)));
        let aged = (old, Bound::Unbounded);
        let next_old = self.young.range(aged).next().map(|(sent, _)| *sent + self.slow());
        ready.into_iter().chain(pauses).chain(next_old).filter(|time| *time > now).min()
    }

    fn refuse(&mut self, ticket: Ticket, refusal: Refusal) -> (Ticket, Verdict) {
        self.fetches.remove(&ticket);
        (ticket, Verdict::Refused(refusal))
    }

    /// One of those that would have to wait for too long, and until when.
    fn pop_paused(&mut self, now: Time) -> Option<(Ticket, Time)> {
        let bars = Bars::new(now, &self.scopes, self.concurrent, self.under_way, &self.rate, &self.quota);
        let ticket = self.queue.pop(|standing| bars.paused_for_long(standing).is_some())?;
        let until = bars.paused_for_long(self.fetches.get(&ticket)?.standing)?;
        Some((ticket, until))
    }

    fn pop(&mut self, now: Time) -> Option<Ticket> {
        let bars = Bars::new(now, &self.scopes, self.concurrent, self.under_way, &self.rate, &self.quota);
        self.queue.pop(|standing| bars.lets_go(standing) && bars.has_room(standing))
    }

    /// One that turned out to be slow, and whose place somebody else can use. As many as may stay that.
    fn make_room(&mut self, now: Time) -> Option<Ticket> {
        let bars = Bars::new(now, &self.scopes, self.concurrent, self.under_way, &self.rate, &self.quota);
        let (most_slow, full) = (bars.most_slow, self.under_way >= self.concurrent);
        let waits = |scope: usize| {
            self.queue.any(|other| {
                other.pace != Pace::Slow && (full || other.scope == scope) && bars.lets_go(other)
            })
        };
        let old: Vec<_> = self.young.range(..=(self.old_since(now)?, Ticket::MAX)).copied().collect();
        let wanted: Vec<bool> =
            old.iter().map(|(_, ticket)| waits(self.fetches[ticket].standing.scope)).collect();
        for ((sent, ticket), wanted) in old.into_iter().zip(wanted) {
            let Some(fetch) = self.fetches.get_mut(&ticket) else { continue };
            let before = fetch.standing;
            fetch.standing.pace = Pace::Slow;
            if self.scopes[before.scope].slow_under_way < most_slow {
                self.vacate(ticket, before, sent);
                self.occupy(ticket, Standing { pace: Pace::Slow, ..before }, sent);
            } else if wanted {
                fetch.sent = None;
                self.queue.push(ticket, fetch.standing);
                self.vacate(ticket, before, sent);
                return Some(ticket);
            } else {
                fetch.standing = before;
            }
        }
        None
    }

    /// What was sent then or earlier, and is under way, is slow.
    fn old_since(&self, now: Time) -> Option<Time> {
        now.since_start().checked_sub(self.slow()).map(Time::from_start)
    }

    fn scope(&mut self, name: &str) -> usize {
        if let Some(scope) = self.names.get(name) {
            return *scope;
        }
        self.names.insert(name.to_owned(), self.scopes.len());
        self.scopes.push(Scope::default());
        self.scopes.len() - 1
    }

    fn occupy(&mut self, ticket: Ticket, standing: Standing, sent: Time) {
        self.under_way += 1;
        let scope = &mut self.scopes[standing.scope];
        scope.under_way += 1;
        scope.new_under_way += usize::from(standing.pace == Pace::New);
        scope.slow_under_way += usize::from(standing.pace == Pace::Slow);
        if standing.pace != Pace::Slow {
            self.young.insert((sent, ticket));
        }
    }

    fn vacate(&mut self, ticket: Ticket, standing: Standing, sent: Time) {
        self.under_way -= 1;
        let scope = &mut self.scopes[standing.scope];
        scope.under_way -= 1;
        scope.new_under_way -= usize::from(standing.pace == Pace::New);
        scope.slow_under_way -= usize::from(standing.pace == Pace::Slow);
        self.young.remove(&(sent, ticket));
    }

    fn pause(&mut self, now: Time, whose: (Account, Option<usize>), wait: Duration) {
        if self.pauses.len() >= MOST_PAUSES {
            self.pauses.retain(|_, until| *until > now);
        }
        if self.pauses.len() < MOST_PAUSES {
            self.pauses.insert(whose, now + wait.min(LONGEST));
        }
    }

    /// From when on a fetch is slow.
    fn slow(&self) -> Duration {
        (self.usual * SLOW_FACTOR).max(SLOW_LEAST)
    }
}

/// What keeps fetches from going, at one time.
struct Bars<'a> {
    now: Time,
    scopes: &'a [Scope],
    full: bool,
    too_early: bool,
    most_of_scope: usize,
    most_slow: usize,
    most_unproven: usize,
    /// When the quota lets polls go, and what somebody waits for.
    ready: [Time; 2],
    /// When there is something left of the quota again, if there is nothing now.
    empty_until: Option<Time>,
}

impl<'a> Bars<'a> {
    fn new(
        now: Time,
        scopes: &'a [Scope],
        concurrent: usize,
        under_way: usize,
        rate: &Rate,
        quota: &Quota,
    ) -> Bars<'a> {
        let reserved = if scopes.len() > 1 { (concurrent / 4).max(1) } else { 0 };
        let most_of_scope = concurrent.saturating_sub(reserved).max(1);
        Bars {
            now,
            scopes,
            full: under_way >= concurrent,
            too_early: rate.ready_at() > now,
            most_of_scope,
            most_slow: (most_of_scope / 2).max(1),
            most_unproven: (most_of_scope - most_of_scope / 4).max(1),
            ready: [quota.ready_at(now, false), quota.ready_at(now, true)],
            empty_until: quota.empty_until(now),
        }
    }

    /// Whether its time has come.
    fn lets_go(&self, standing: Standing) -> bool {
        let pause = self.scopes[standing.scope].pause;
        let waits = pause.into_iter().chain([self.ready[usize::from(standing.awaited)]]);
        !self.too_early && (standing.credentialed || waits.max() <= Some(self.now))
    }

    /// Whether there is a place for it.
    fn has_room(&self, standing: Standing) -> bool {
        let scope = &self.scopes[standing.scope];
        let unproven = scope.new_under_way + scope.slow_under_way;
        !self.full
            && scope.under_way < self.most_of_scope
            && match standing.pace {
                Pace::Quick => true,
                Pace::New => unproven < self.most_unproven,
                Pace::Slow => unproven < self.most_unproven && scope.slow_under_way < self.most_slow,
            }
    }

    /// Until when it would have to wait, where that is too long.
    fn paused_for_long(&self, standing: Standing) -> Option<Time> {
        let until = self.scopes[standing.scope].pause.into_iter().chain(self.empty_until).max()?;
        (!standing.credentialed && until.since(self.now) > SHORT).then_some(until)
    }
}

#[cfg(test)]
mod tests;
