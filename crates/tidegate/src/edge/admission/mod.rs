//! Who may connect.
//!
//! Owns the limits on connections: how many in all, how many of one address, how many a second, and none where memory runs
//! short. It is asked for each connection that was accepted, before a byte of it is read; whoever is let in holds an
//! [`Admitted`] for as long as the connection is open.
//!
//! Invariants:
//! - There are never more [`Admitted`] than the limits allow, and none is forgotten: each is counted until it is dropped.
//! - A refusal changes nothing: it takes no place and no part of what is allowed in this second.
//!
//! It knows no sockets; a [`Refusal`] is said by `refused_sockets`.

mod bucket;
mod refusal;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_core::Time;
use tokio::sync::watch;

pub(in crate::edge) use self::bucket::Bucket;
pub use self::refusal::Refusal;
use crate::config::Limits;
use crate::memory::Pressure;

/// How many may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// At once.
    pub connections: usize,
    /// At once from one address.
    pub per_address: usize,
    /// In a second, and in one burst.
    pub per_second: usize,
}

/// Counts connections, and lets in as many as may be.
///
/// One lock, held for a look-up: connections come by the ten thousand a second at most, and a look-up takes some tens of
/// nanoseconds.
pub struct Admission {
    counts: Arc<Mutex<Counts>>,
    limits: AdmissionLimits,
    pressure: Option<watch::Receiver<Pressure>>,
}

/// A connection that was let in; dropping it makes room for another.
#[must_use = "the connection is counted only as long as this is held"]
pub struct Admitted {
    counts: Arc<Mutex<Counts>>,
    network: Network,
}

struct Counts {
    connections: usize,
    /// Only networks with a connection are in it, so it is bounded as the connections are.
    by_network: HashMap<Network, u32>,
    bucket: Bucket,
}

/// What counts as one address: an IPv4 address, or the /64 network of an IPv6 address, because whoever has one address of
/// a /64 has all of them (RFC 6177).
///
/// One number, so that an [`Admitted`] is small. IPv4 addresses stand where no IPv6 address is: in `0:1::/32`, a part of
/// what is reserved (RFC 4291 §2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Network(u64);

impl Network {
    fn of(address: IpAddr) -> Self {
        // An IPv4 client of a socket that serves both kinds comes as `::ffff:192.0.2.1`.
        match address.to_canonical() {
            IpAddr::V4(address) => Self(1 << 32 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

impl From<&Limits> for AdmissionLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            connections: *limits.max_connections,
            per_address: *limits.max_connections_per_address,
            per_second: *limits.max_connects_per_second,
        }
    }
}

impl Admission {
    /// Nobody is connected, and a whole second's connections may come at once.
    pub fn new(limits: AdmissionLimits) -> Self {
        let bucket = Bucket::new(limits.per_second);
        let counts = Counts { connections: 0, by_network: HashMap::new(), bucket };
        Self { counts: Arc::new(Mutex::new(counts)), limits, pressure: None }
    }

    /// The same, but nobody is let in while memory runs short.
    pub fn under(self, pressure: watch::Receiver<Pressure>) -> Self {
        Self { pressure: Some(pressure), ..self }
    }

    /// Lets a connection in, or says why not. Times may come out of order by a little: the latest counts.
    ///
    /// # Errors
    /// The first limit that is reached.
    pub fn try_admit(&self, address: IpAddr, now: Time) -> Result<Admitted, Refusal> {
        if self.pressure.as_ref().is_some_and(|pressure| *pressure.borrow() >= Pressure::Refuse) {
            return Err(Refusal::OutOfMemory);
        }
        let network = Network::of(address);
        let mut counts = lock(&self.counts);
        let Counts { connections, by_network, bucket } = &mut *counts;
        if *connections >= self.limits.connections {
            return Err(Refusal::TooMany);
        }
        let of_network = by_network.get(&network).copied().unwrap_or(0);
        if of_network as usize >= self.limits.per_address || of_network == u32::MAX {
            return Err(Refusal::TooManyFromAddress);
        }
        if !bucket.take(now) {
            return Err(Refusal::TooFast);
        }
        by_network.insert(network, of_network + 1);
        *connections += 1;
        drop(counts);
        Ok(Admitted { counts: self.counts.clone(), network })
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        lock(&self.counts).connections
    }

    /// How many addresses (of IPv6, networks) they come from.
    pub fn addresses(&self) -> usize {
        lock(&self.counts).by_network.len()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.connections -= 1;
        if let Entry::Occupied(mut of_network) = counts.by_network.entry(self.network) {
            *of_network.get_mut() -= 1;
            if *of_network.get() == 0 {
                of_network.remove();
            }
        }
    }
}

/// Nothing that is done under the lock can panic halfway, so what a poisoned one holds is whole.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admitted")
    }
}

#[cfg(test)]
mod tests;
