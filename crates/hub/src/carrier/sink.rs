//! The sink of one subscription on a carrier.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::state::Wrote;
use super::{Carrier, Seat};
use crate::shard::{Command, Sink, SubscriberId, Written};

/// The shard's side of one subscription.
pub(crate) struct CarrierSink {
    carrier: Arc<Carrier>,
    id: SubscriberId,
    prefix: Bytes,
    /// Its client was told that it ends, and is to come back.
    ended: bool,
    released: bool,
    _permit: OwnedSemaphorePermit,
}

impl CarrierSink {
    /// On a seat that was taken for this subscriber.
    pub(crate) fn new(seat: &Seat, id: SubscriberId, permit: OwnedSemaphorePermit) -> CarrierSink {
        let carrier = seat.carrier.clone();
        let prefix = carrier.format.prefix(seat.sub);
        CarrierSink { carrier, id, prefix, ended: false, released: false, _permit: permit }
    }

    fn release(&mut self, rest: Option<Bytes>) {
        if std::mem::replace(&mut self.released, true) {
            return;
        }
        let carrier = &self.carrier;
        let mut state = carrier.state();
        let end = carrier.end(self.id, self.ended || !state.leaves(self.id));
        let released = state.release(self.id, &self.prefix, rest, end, carrier.limits.owed);
        let passed = released.and_then(|()| carrier.pass_on(&mut state));
        let woken = if passed.is_ok() { state.woken() } else { Vec::new() };
        drop(state);
        if passed.is_err() {
            carrier.handle.lose(carrier.id);
        }
        carrier.wake(woken);
    }
}

impl Sink for CarrierSink {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let carrier = &self.carrier;
        let mut state = carrier.state();
        let wrote = state.write(self.id, &self.prefix, frames, skip);
        // It is gone for all.
        let Wrote { written, woken, left } = wrote.inspect_err(|_| carrier.handle.lose(carrier.id))?;
        if written.bytes > 0 {
            state.last_sent = carrier.clock.now();
        }
        drop(state);
        if left {
            carrier.handle.tell(Command::Detach(self.id));
        }
        carrier.wake(woken);
        Ok(written)
    }

    fn hear(&mut self) -> io::Result<()> {
        // The carrier hears for all.
        Ok(())
    }

    fn finish(&mut self) -> io::Result<bool> {
        self.ended = true;
        Ok(true)
    }

    fn abandon(&mut self, rest: Option<Bytes>) {
        self.release(rest);
    }
}

impl Drop for CarrierSink {
    fn drop(&mut self) {
        self.release(None);
    }
}
