//! Hosts that are not the operator's choice: named by a client of the open mode, or by an origin that redirects.
//!
//! Owns what they have in common: which of them may be asked, how they are connected to, and the table of their
//! connections. That a name leads to no private address is checked where the connection is made ([`Guard`]).
//!
//! Invariants:
//! - Whatever is connected to from here went through [`Elsewhere::permits`] and through the guard.
//! - There are at most so many origins as the limit says. One that somebody holds on to is never let go.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tidegate_core::{Failure, FailureKind};
use tokio::time::Instant;

use super::guard::Guard;
use super::guarded::Resolver;
use super::redirects::{Ends, Redirects};
use super::target::Target;
use super::{HttpOrigin, Inner, OriginSettings};

/// How long connections are kept to an origin that nobody holds on to: longer than the connections last by themselves.
const IDLE: Duration = Duration::from_secs(60);

/// Hosts that are not the operator's choice.
pub(crate) struct Elsewhere {
    allowed: Box<dyn Fn(&Target) -> bool + Send + Sync>,
    guard: Arc<Guard>,
    resolver: Resolver,
    tls: ClientConfig,
    limits: Limits,
    origins: Mutex<HashMap<String, Known>>,
    pub(super) ends: Ends,
}

/// How long such a host may take, and how much it may say.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// As in [`OriginSettings`].
    pub(crate) connect_timeout: Duration,
    /// As in [`OriginSettings`].
    pub(crate) head_timeout: Duration,
    /// As in [`OriginSettings`].
    pub(crate) body_timeout: Duration,
    /// As in [`OriginSettings`].
    pub(crate) max_body: usize,
    /// How many redirects are followed.
    pub(crate) redirects: usize,
    /// How many origins there may be.
    pub(crate) origins: usize,
}

struct Known {
    origin: HttpOrigin,
    used: Instant,
}

impl Known {
    /// Whether a request, a feed or an answer on its way holds on to its connections.
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.origin.0.link) > 1
    }
}

/// Why a URL is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing allows it.
    NotAllowed,
    /// Its host is an address that is not public.
    NotPublic,
}

/// As many origins are in use as there may be.
#[derive(Debug)]
pub(crate) struct TooMany;

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Elsewhere {
    /// `allowed`: the URLs that may be asked, as far as they tell it themselves.
    pub(crate) fn new(
        allowed: impl Fn(&Target) -> bool + Send + Sync + 'static,
        guard: Guard,
        tls: ClientConfig,
        limits: Limits,
    ) -> Arc<Elsewhere> {
        let guard = Arc::new(guard);
        Arc::new(Elsewhere {
            allowed: Box::new(allowed),
            resolver: Resolver::system(Some(guard.clone())),
            guard,
            tls,
            limits,
            origins: Mutex::default(),
            ends: Ends::default(),
        })
    }

    /// The same, with names looked up by a test.
    #[cfg(test)]
    pub(super) fn asking(self: Arc<Self>, lookup: super::guarded::Lookup) -> Arc<Elsewhere> {
        let mut elsewhere = Arc::into_inner(self).expect("nobody has it yet");
        elsewhere.resolver = Resolver::asking(lookup, Some(elsewhere.guard.clone()));
        Arc::new(elsewhere)
    }

    /// Whether a URL may be asked, as far as it can be known before its host is looked up.
    pub(crate) fn permits(&self, target: &Target) -> Result<(), Refusal> {
        if !(self.allowed)(target) {
            return Err(Refusal::NotAllowed);
        }
        match target.address() {
            Some(address) if !self.guard.allows(address) => Err(Refusal::NotPublic),
            _ => Ok(()),
        }
    }

    /// The origin of a target that may be asked, seen by clients under its URL, following redirects. It is made where
    /// there is none.
    pub(crate) fn origin(self: &Arc<Self>, target: &Target) -> Result<HttpOrigin, TooMany> {
        let inner = self.known(target)?;
        // What the table keeps does not hold on to the table.
        let redirects = Some(Redirects::new(self.limits.redirects, self.clone()));
        Ok(HttpOrigin(Arc::new(Inner { mount: inner.mount.at(&target.outside()), redirects, ..inner })))
    }

    /// The same without redirects, and as it is at its own URL.
    pub(super) fn known(&self, target: &Target) -> Result<Inner, TooMany> {
        let name = target.origin();
        let now = Instant::now();
        // Nothing panics while it is held.
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = origins.get_mut(&name) {
            known.used = now;
            return Ok(Inner::clone(&known.origin.0));
        }
        origins.retain(|_, known| known.is_in_use() || now.duration_since(known.used) < IDLE);
        if origins.len() >= self.limits.origins {
            let unused = origins.iter().filter(|(_, known)| !known.is_in_use());
            let longest = unused.min_by_key(|(_, known)| known.used).map(|(name, _)| name.clone());
            origins.remove(&longest.ok_or(TooMany)?);
        }
        let settings = OriginSettings {
            name: name.clone(),
            base: target.base(),
            connect_timeout: self.limits.connect_timeout,
            head_timeout: self.limits.head_timeout,
            body_timeout: self.limits.body_timeout,
            max_body: self.limits.max_body,
        };
        let origin = HttpOrigin::build(settings, self.tls.clone(), self.resolver.clone())
            .expect("a target has a scheme and a host, and neither a user nor a query");
        let inner = Inner::clone(&origin.0);
        origins.insert(name, Known { origin, used: now });
        Ok(inner)
    }

    /// The failure to ask a URL that an origin redirects to.
    pub(super) fn failure(from: &str, target: &Target, refusal: Refusal) -> Failure {
        let to = target.authority();
        let why = match refusal {
            Refusal::NotAllowed => "which may not be asked",
            Refusal::NotPublic => "which is not public",
        };
        Failure::new(FailureKind::Unexpected, format!("{from} redirects to {to}, {why}"))
    }
}
