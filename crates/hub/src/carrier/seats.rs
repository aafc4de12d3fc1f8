//! The subscriptions of a carrier, by the numbers that its client gave them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Carrier;
use crate::shard::{Command, SubscriberId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// Somebody is about to subscribe.
    Reserved,
    /// Its client changed its mind meanwhile.
    Cancelled,
    Taken(SubscriberId),
}

/// Sorted by number.
#[derive(Debug, Default)]
pub(super) struct Seats(Vec<(u32, Holder)>);

impl Seats {
    fn place(&self, sub: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&sub, |(number, _)| *number)
    }

    pub(super) fn taken(&self) -> impl Iterator<Item = SubscriberId> {
        self.0.iter().filter_map(|(_, holder)| match holder {
            Holder::Taken(id) => Some(*id),
            Holder::Reserved | Holder::Cancelled => None,
        })
    }

    pub(super) fn free(&mut self, id: SubscriberId) {
        self.0.retain(|(_, holder)| *holder != Holder::Taken(id));
    }
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatError {
    /// The number is in use on this connection.
    Taken,
    /// As many subscriptions are on this connection as may be.
    Full,
    /// The connection ends.
    Closing,
}

impl fmt::Display for SeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SeatError::Taken => {
                "`sub` is in use on this connection; unsubscribe first, or take another number"
            }
            SeatError::Full => "as many subscriptions are on this connection as it may have",
            SeatError::Closing => "the connection is about to end",
        })
    }
}

impl std::error::Error for SeatError {}

/// A number on a carrier that is kept free for a subscription. Dropped, it is free for others, and its client is told that
/// it has ended where it was told nothing else.
pub struct Seat {
    pub(super) carrier: Arc<Carrier>,
    pub(super) sub: u32,
    used: bool,
}

impl Carrier {
    /// Keeps a number free for a subscription.
    ///
    /// # Errors
    /// Where it is taken, or there are too many.
    pub fn reserve(self: &Arc<Carrier>, sub: u32) -> Result<Seat, SeatError> {
        let mut state = self.state();
        if state.closing.is_some() || state.pipe.is_none() {
            return Err(SeatError::Closing);
        }
        let place = match state.seats.place(sub) {
            Ok(_) => return Err(SeatError::Taken),
            Err(_) if state.seats.0.len() >= self.limits.seats => return Err(SeatError::Full),
            Err(place) => place,
        };
        if state.seats.0.is_empty() {
            // Many connections have one subscription and no more.
            state.seats.0.reserve_exact(1);
        }
        state.seats.0.insert(place, (sub, Holder::Reserved));
        drop(state);
        Ok(Seat { carrier: self.clone(), sub, used: false })
    }

    /// Lets go of the subscription with this number; its client is told when it is done. False if there is none.
    pub fn unsubscribe(&self, sub: u32) -> bool {
        let mut state = self.state();
        let Ok(place) = state.seats.place(sub) else { return false };
        let holder = &mut state.seats.0[place].1;
        match *holder {
            Holder::Reserved => {
                *holder = Holder::Cancelled;
                drop(state);
                self.unwanted.notify_waiters();
            }
            Holder::Cancelled => {}
            Holder::Taken(id) => {
                let goes = state.leave(id);
                drop(state);
                if goes {
                    self.handle.tell(Command::Detach(id));
                }
            }
        }
        true
    }

    /// How many subscriptions there are, with those that are about to be.
    pub fn subscriptions(&self) -> usize {
        self.state().seats.0.len()
    }
}

impl Seat {
    /// The number.
    pub fn sub(&self) -> u32 {
        self.sub
    }

    /// The connection.
    pub fn carrier(&self) -> &Arc<Carrier> {
        &self.carrier
    }

    /// Nobody takes it; its client is told this behind the number.
    pub fn refuse(mut self, rest: &[u8]) {
        let format = self.carrier.format;
        let told = [&format.prefix(self.sub)[..], &format.message(rest)[..]].concat();
        let mut state = self.carrier.state();
        // Free before its client can know.
        if let Ok(place) = state.seats.place(self.sub) {
            state.seats.0.remove(place);
        }
        self.used = true;
        self.carrier.say_now(state, told.into());
    }

    /// Comes back when its client has changed its mind, or is gone.
    pub async fn unwanted(&self) {
        loop {
            let told = self.carrier.unwanted.notified();
            if !self.is_wanted() {
                return;
            }
            told.await;
        }
    }

    fn is_wanted(&self) -> bool {
        let state = self.carrier.state();
        let reserved = |place: usize| state.seats.0[place].1 == Holder::Reserved;
        state.closing.is_none() && state.pipe.is_some() && state.seats.place(self.sub).is_ok_and(reserved)
    }

    /// Gives the seat to a subscriber. False where its client has changed its mind, or is gone.
    pub(crate) fn take(&mut self, id: SubscriberId) -> bool {
        let mut state = self.carrier.state();
        let wanted = state.closing.is_none() && state.pipe.is_some();
        match state.seats.place(self.sub) {
            Ok(place) if wanted && state.seats.0[place].1 == Holder::Reserved => {
                state.seats.0[place].1 = Holder::Taken(id);
                self.used = true;
                true
            }
            _ => false,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let mut end = Bytes::new();
        let mut state = self.carrier.state();
        if let Ok(place) = state.seats.place(self.sub) {
            let (_, holder) = state.seats.0.remove(place);
            let format = self.carrier.format;
            let comes_back = holder != Holder::Cancelled;
            let rest = self.carrier.end(SubscriberId(u64::from(self.sub)), comes_back);
            end = [&format.prefix(self.sub)[..], &rest[..]].concat().into();
        }
        self.carrier.say_now(state, end);
    }
}
