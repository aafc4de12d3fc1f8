//! Plain reads: which are answered from memory, and which ask the origin (RFC 9111 §4).

use super::{Feed, Fetching, State};
use crate::caching::{Demand, Forward, Reuse};
use crate::schedule::Wish;
use crate::time::Time;

/// How a plain reader is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// With the head, without asking.
    Kept(Reuse),
    /// The origin fails, and is asked again at its own pace: with the head if [`Feed::reusable_on_error`], or with the
    /// failure.
    Failing,
    /// The head may not be given to later readers: each asks for itself.
    Unshared,
    /// When this fetch, or a later one, has settled.
    After(Fetching, Forward),
    /// There is nothing that may be used, and the origin is not to be asked for this reader.
    Nothing,
}

impl Feed {
    /// Somebody wants the current representation once.
    pub fn handle_read(&mut self, now: Time, demand: &Demand) -> Serving {
        // Under `Vary: *` every reader has a key of its own: nobody comes back to this one.
        if !self.considered.is_any() {
            self.kept_until = self.kept_until.max(now + self.policy.linger);
        }
        let serving = self.serve(now, demand);
        match serving {
            Serving::After(..) if demand.only_reads() => {
                self.retire_if_idle(now);
                Serving::Nothing
            }
            Serving::After(_, why) => Serving::After(self.fetch_for_reader(now, demand), why),
            Serving::Kept(Reuse::WhileRevalidate) if self.in_flight.is_none() => {
                // For nobody in particular: it may take its time.
                self.begin(now, true);
                serving
            }
            _ => serving,
        }
    }

    /// Whether the head may be given to a reader because asking the origin failed, or is failing. `Gone` is no failure,
    /// and what a write made invalid is validated before it is used again (RFC 9111 §4.4).
    pub fn reusable_on_error(&self, now: Time, demand: &Demand) -> bool {
        let Some(meta) = self.meta.as_ref().filter(|meta| meta.control.storable) else { return false };
        let allowed = self.policy.stale_if_error;
        let valid = !self.invalidated && self.status.state != State::Gone;
        valid && meta.control.reusable_on_error(demand, meta.age_at(now), allowed)
    }

    /// Without side effects; the fetch to wait for is still to be found.
    fn serve(&self, now: Time, demand: &Demand) -> Serving {
        let after = |why| Serving::After(Fetching(self.fetches), why);
        let polled = self.is_polling(now) && self.has_something_to_say();
        let Some(meta) = self.meta.as_ref().filter(|_| self.status.state != State::Gone && !self.ended)
        else {
            return after(Forward::Miss);
        };
        let failing = polled && !self.is_confirmed();
        if !meta.control.storable {
            let known = polled && (failing || !self.invalidated) && !demand.insists();
            return if known { Serving::Unshared } else { after(Forward::Miss) };
        }
        // A feed that runs for subscribers who need less is not as fresh as the route has it.
        let fresh = self.is_fresh_for(now, Wish::NONE);
        let confirmed = polled && !failing && !self.invalidated && fresh;
        let reuse = match self.invalidated {
            true => Err(Forward::Stale),
            false => meta.control.reuse(demand, meta.age_at(now), confirmed),
        };
        match reuse {
            Ok(reuse) => Serving::Kept(reuse),
            Err(_) if failing && !demand.insists() => Serving::Failing,
            Err(why) => after(why),
        }
    }

    /// The fetch that a reader waits for: the one under way if its answer can be what the reader demands.
    fn fetch_for_reader(&mut self, now: Time, demand: &Demand) -> Fetching {
        let always_validated = self.meta.as_ref().is_some_and(|meta| meta.control.always_validated);
        match &mut self.in_flight {
            Some(current) => {
                // What it brings is as old as it, at least.
                let young = demand.max_age.is_none_or(|most| now.since(current.started) <= most);
                if demand.insists() || always_validated || current.suspect || !young {
                    current.again = true;
                    current.fetch.after()
                } else {
                    current.fetch
                }
            }
            None => self.begin_fetch(now),
        }
    }
}
