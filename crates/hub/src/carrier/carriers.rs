//! The carriers of one shard's event loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mio::{Registry, Token};
use tidegate_core::Time;

use super::{Carrier, Heard};
use crate::shard::{Command, LEAST_SHED, SHED_SHARE};
use crate::shard_thread::HubCommand;

/// How often heartbeats and ends are looked after.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// How many are heard before others have their turn.
const HEAR_AT_A_TIME: usize = 64;

/// The carriers of one shard, and what its shard is to be told because of them.
#[derive(Default)]
pub(crate) struct Carriers {
    all: HashMap<u64, Arc<Carrier>>,
    /// Those of which something may be left to be heard.
    unheard: Vec<u64>,
    commands: Vec<HubCommand>,
    next_tick: Time,
    draining: bool,
}

impl Carriers {
    pub(crate) fn has(&self, id: u64) -> bool {
        self.all.contains_key(&id)
    }

    pub(crate) fn add(&mut self, carrier: Arc<Carrier>, registry: &Registry, token: Token) {
        let registered = carrier.with_pipe(|pipe| pipe.register(registry, token));
        if let Some(Err(error)) = registered {
            tracing::warn!(%error, "a connection cannot be watched and is closed");
            self.commands.extend(carrier.gone().into_iter().map(Command::Detach));
            return;
        }
        if self.draining {
            carrier.drain();
        }
        // What came before it was watched.
        self.unheard.push(carrier.id());
        self.all.insert(carrier.id(), carrier);
    }

    pub(crate) fn readable(&mut self, id: u64) {
        self.unheard.push(id);
    }

    pub(crate) fn writable(&mut self, id: u64) {
        let Some(carrier) = self.all.get(&id) else { return };
        match carrier.writable() {
            Ok(woken) => self.commands.extend(woken.into_iter().map(Command::Ready)),
            Err(_) => self.lose(id),
        }
    }

    pub(crate) fn lose(&mut self, id: u64) {
        if let Some(carrier) = self.all.remove(&id) {
            self.commands.extend(carrier.gone().into_iter().map(Command::Detach));
        }
    }

    /// Some end, those that came last: a connection keeps memory however few subscribers it has.
    pub(crate) fn shed(&mut self) {
        let mut newest: Vec<_> = self.all.keys().copied().collect();
        newest.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        newest.truncate((self.all.len() / SHED_SHARE).max(LEAST_SHED));
        for carrier in newest.iter().filter_map(|id| self.all.get(id)) {
            self.commands.extend(carrier.shed().into_iter().map(Command::Detach));
        }
    }

    /// All end once nobody is left on them.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.all.values().for_each(|carrier| carrier.drain());
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        (!self.all.is_empty()).then_some(self.next_tick)
    }

    /// Hears those that have something to say, and sees to what is due. True if there is more to be heard.
    pub(crate) fn work(&mut self, now: Time) -> bool {
        self.unheard.sort_unstable();
        self.unheard.dedup();
        let mut again = self.unheard.split_off(self.unheard.len().min(HEAR_AT_A_TIME));
        for id in std::mem::take(&mut self.unheard) {
            let Some(carrier) = self.all.get(&id) else { continue };
            match carrier.hear() {
                Heard::All => {}
                Heard::More => again.push(id),
                Heard::Gone => self.lose(id),
            }
        }
        self.unheard = again;
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            let spent: Vec<_> =
                self.all.values().filter(|carrier| !carrier.tick(now)).map(|carrier| carrier.id()).collect();
            spent.into_iter().for_each(|id| self.lose(id));
        }
        !self.unheard.is_empty()
    }

    pub(crate) fn take_commands(&mut self) -> Vec<HubCommand> {
        std::mem::take(&mut self.commands)
    }
}
