//! Name resolution that passes on only what a [`Guard`] allows.
//!
//! Invariant: the addresses that come out are those that are connected to. Whoever connects looks up no name again, so a
//! name that means something else a moment later (DNS rebinding) changes nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tidegate_hub::BoxError;
use tower_service::Service;

use super::guard::Guard;

type Addresses = std::vec::IntoIter<SocketAddr>;
pub(super) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Where names are looked up; ports mean nothing in what it says.
pub(super) type Lookup = Arc<dyn Fn(&str) -> Looking + Send + Sync>;

/// A resolver with or without a guard behind it.
#[derive(Clone)]
pub(super) struct Resolver {
    lookup: Lookup,
    guard: Option<Arc<Guard>>,
}

/// There is no address that may be connected to: the name does not exist, cannot be looked up, or leads to no public
/// address. Which of these is for the log alone: whoever may name any host must not learn which names exist in the
/// network around the gateway.
#[derive(Debug)]
pub(super) struct NoPublicAddress;

impl fmt::Display for NoPublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it has no address that may be connected to: it does not exist, or it is not public and `allow_private` does \
             not name it",
        )
    }
}

impl std::error::Error for NoPublicAddress {}

impl Resolver {
    /// One that asks the system.
    pub(super) fn system(guard: Option<Arc<Guard>>) -> Resolver {
        let lookup = |name: &str| -> Looking {
            let name: Result<Name, _> = name.parse();
            Box::pin(async move {
                let name = name.map_err(io::Error::other)?;
                Ok(GaiResolver::new().call(name).await?.collect())
            })
        };
        Resolver { lookup: Arc::new(lookup), guard }
    }

    /// One that asks `lookup`.
    #[cfg(test)]
    pub(super) fn asking(lookup: Lookup, guard: Option<Arc<Guard>>) -> Resolver {
        Resolver { lookup, guard }
    }

    /// Whether an address that stands in a URL itself, and is never looked up, may be connected to.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.guard.as_ref().is_none_or(|guard| guard.allows(address))
    }
}

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking = (self.lookup)(name.as_str());
        let guard = self.guard.clone();
        Box::pin(async move {
            let found = looking.await;
            let Some(guard) = guard else { return Ok(found?.into_iter()) };
            match found {
                Ok(mut addresses) => {
                    let all = addresses.len();
                    addresses.retain(|address| guard.allows(address.ip()));
                    if addresses.len() < all {
                        tracing::debug!(
                            host = name.as_str(),
                            refused = all - addresses.len(),
                            "addresses refused"
                        );
                    }
                    if addresses.is_empty() { Err(NoPublicAddress.into()) } else { Ok(addresses.into_iter()) }
                }
                Err(error) => {
                    tracing::debug!(host = name.as_str(), %error, "a name cannot be looked up");
                    Err(NoPublicAddress.into())
                }
            }
        })
    }
}
