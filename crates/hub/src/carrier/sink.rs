//! The sink of one subscription on a carrier.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_wire::json_message;
use tokio::sync::OwnedSemaphorePermit;

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

    /// What its client is told when it ends.
    fn end(&self, comes_back: bool) -> Bytes {
        let data = match comes_back {
            true => format!(r#"{{"retry_in_ms":{}}}"#, self.carrier.retry_ms(self.id)),
            false => "{}".to_owned(),
        };
        self.carrier.format.message(&json_message::event("end", &data))
    }

    fn release(&mut self, rest: Option<Bytes>) {
        if std::mem::replace(&mut self.released, true) {
            return;
        }
        let carrier = self.carrier.clone();
        let end = self.end(self.ended);
        let mut state = carrier.state();
        state.release(self.id, &self.prefix, rest, Some(end));
        let passed = carrier.pass_on(&mut state);
        let woken = if passed.is_ok() { state.woken() } else { Vec::new() };
        drop(state);
        if passed.is_err() {
            carrier.handle.lose(carrier.id);
        }
        for id in woken {
            carrier.handle.tell(Command::Ready(id));
        }
    }
}

impl Sink for CarrierSink {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        let mut state = self.carrier.state();
        let written = state.write(self.id, &self.prefix, frames, skip)?;
        if written.bytes > 0 {
            state.last_sent = self.carrier.clock.now();
        }
        if written.blocked || frames.is_empty() {
            return Ok(written);
        }
        // Those who waited for this message's end.
        let woken = state.woken();
        drop(state);
        for id in woken.into_iter().filter(|id| *id != self.id) {
            self.carrier.handle.tell(Command::Ready(id));
        }
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
