//! Whether what is kept answers a request (RFC 9111 §4, §4.2; RFC 5861).

use std::time::Duration;

use super::{Control, Demand};

/// How a kept answer may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It is fresh: by its lifetime, or because polls confirm it.
    Fresh,
    /// It is stale, and the reader takes that (`max-stale`).
    Stale,
    /// It is stale, and the origin allows to serve it while it is fetched anew (RFC 5861 §3).
    WhileRevalidate,
    /// The origin fails, and it may be served for that time (RFC 5861 §4).
    IfError,
}

/// Why the origin is asked, as `Cache-Status` says it (RFC 9211 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing is kept.
    Miss,
    /// What is kept is not fresh, or must be validated.
    Stale,
    /// What is kept is fresh, and the request's fields forbid it all the same.
    Request,
}

impl Control {
    /// How an answer with these fields, of this age, may be used for a request with this demand, without asking.
    ///
    /// `confirmed`: the route's polls confirm it all the time. That makes fresh what the origin gives no lifetime, as a
    /// heuristic of our own (§4.2.2), and allows what is stale by its lifetime, as the route's configuration (§4.2.4).
    /// It does not go against what the origin forbids in so many words: `no-cache` is validated for each request, and
    /// `must-revalidate` and its like when their lifetime is over.
    pub fn reuse(&self, demand: &Demand, age: Duration, confirmed: bool) -> Result<Reuse, Forward> {
        let fresh = self.is_fresh(age) || (confirmed && !(self.never_stale && self.lifetime.is_some()));
        let fresh = fresh && !self.always_validated;
        let young = demand.max_age.is_none_or(|most| age <= most);
        let lasting = demand.min_fresh.is_none_or(|least| self.remaining(age) >= least);
        if fresh {
            return match !demand.insists() && young && lasting {
                true => Ok(Reuse::Fresh),
                false => Err(Forward::Request),
            };
        }
        if demand.insists() || !young || demand.min_fresh.is_some() || !self.may_be_stale() {
            return Err(Forward::Stale);
        }
        let staleness = self.staleness(age);
        // §5.2.1.1: who names an age wants nothing stale, unless it says so.
        if demand.max_stale.is_some_and(|most| staleness <= most) {
            Ok(Reuse::Stale)
        } else if demand.max_age.is_none() && self.while_revalidate.is_some_and(|most| staleness <= most) {
            Ok(Reuse::WhileRevalidate)
        } else {
            Err(Forward::Stale)
        }
    }

    /// Whether such an answer may be used because asking the origin failed. `allowed`: for how long where neither the
    /// origin nor the request says (§4.2.4: the gateway is disconnected then).
    pub fn reusable_on_error(&self, demand: &Demand, age: Duration, allowed: Duration) -> bool {
        let fresh = self.is_fresh(age);
        if self.always_validated || (self.never_stale && !fresh) {
            return false;
        }
        let staleness = self.staleness(age);
        if let Some(most) = demand.stale_if_error {
            return staleness <= most;
        }
        let young = demand.max_age.is_none_or(|most| age <= most);
        let lasting = demand.min_fresh.is_none_or(|least| self.remaining(age) >= least);
        let enough = fresh || staleness <= self.if_error.unwrap_or(allowed);
        !demand.insists() && young && lasting && enough
    }

    fn may_be_stale(&self) -> bool {
        !self.always_validated && !self.never_stale
    }

    fn is_fresh(&self, age: Duration) -> bool {
        self.lifetime.is_some_and(|lifetime| age < lifetime)
    }

    fn remaining(&self, age: Duration) -> Duration {
        self.lifetime.unwrap_or_default().saturating_sub(age)
    }

    fn staleness(&self, age: Duration) -> Duration {
        age.saturating_sub(self.lifetime.unwrap_or_default())
    }
}
