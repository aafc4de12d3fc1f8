//! Hosts that are not the operator's choice: named by a client of the open mode, or by an origin that redirects.
//!
//! Owns what they have in common: which of them may be asked, how they are connected to, and the table of their
//! connections. That a name leads to no private address is checked where the connection is made ([`PublicOnly`]).
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

use super::connections::ConnectionSettings;
use super::public::PublicOnly;
use super::redirects::{Ends, Redirects};
use super::resolve::Allow;
use super::target::Target;
use super::{BudgetSettings, CredentialSettings, HttpOrigin, Inner, OriginSettings};

/// How long connections are kept to an origin that nobody holds on to: longer than the connections last by themselves.
const IDLE: Duration = Duration::from_secs(60);

/// Hosts that are not the operator's choice.
pub(crate) struct Elsewhere {
    allowed: Box<dyn Fn(&Target) -> bool + Send + Sync>,
    guard: Arc<PublicOnly>,
    connections: ConnectionSettings,
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

/// Why there is no origin for a URL that may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// As many are in use as there may be.
    TooMany,
    /// No certificate could be for its host.
    NoServerName,
}

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
        guard: PublicOnly,
        tls: ClientConfig,
        limits: Limits,
    ) -> Arc<Elsewhere> {
        let guard = Arc::new(guard);
        Arc::new(Elsewhere {
            allowed: Box::new(allowed),
            connections: ConnectionSettings { guard: Some(guard.clone()), ..ConnectionSettings::default() },
            guard,
            tls,
            limits,
            origins: Mutex::default(),
            ends: Ends::default(),
        })
    }

    /// The same, with names looked up by a test.
    #[cfg(test)]
    pub(super) fn asking(self: Arc<Self>, resolver: Arc<dyn super::Resolve>) -> Arc<Elsewhere> {
        let mut elsewhere = Arc::into_inner(self).expect("nobody has it yet");
        elsewhere.connections.resolver = resolver;
        Arc::new(elsewhere)
    }

    /// Whether the patterns allow a URL, wherever it leads.
    pub(super) fn allows(&self, target: &Target) -> bool {
        (self.allowed)(target)
    }

    /// Whether a URL may be asked, as far as it can be known before its host is looked up.
    pub(crate) fn permits(&self, target: &Target) -> Result<(), Refusal> {
        if !self.allows(target) {
            return Err(Refusal::NotAllowed);
        }
        match target.address() {
            Some(address) if !self.guard.allows(address) => Err(Refusal::NotPublic),
            _ => Ok(()),
        }
    }

    /// The origin of a target that may be asked, seen by clients under its URL, following redirects. It is made where
    /// there is none.
    pub(crate) fn origin(self: &Arc<Self>, target: &Target) -> Result<HttpOrigin, Unavailable> {
        let inner = self.known(target)?;
        // What the table keeps does not hold on to the table.
        let redirects = Some(Redirects::new(self.limits.redirects, self.clone()));
        Ok(HttpOrigin(Arc::new(Inner { mount: inner.mount.at(&target.outside()), redirects, ..inner })))
    }

    /// The same without redirects, and as it is at its own URL.
    pub(super) fn known(&self, target: &Target) -> Result<Inner, Unavailable> {
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
            origins.remove(&longest.ok_or(Unavailable::TooMany)?);
        }
        let settings = OriginSettings {
            budget: BudgetSettings::default(),
            credentials: CredentialSettings::default(),
            name: name.clone(),
            base: target.base(),
            connect_timeout: self.limits.connect_timeout,
            head_timeout: self.limits.head_timeout,
            body_timeout: self.limits.body_timeout,
            max_body: self.limits.max_body,
            connections: self.connections.clone(),
        };
        let origin =
            HttpOrigin::with_tls(settings, self.tls.clone()).map_err(|_| Unavailable::NoServerName)?;
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
