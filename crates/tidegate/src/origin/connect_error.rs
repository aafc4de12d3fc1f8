//! Why there is no connection to the origin.
//!
//! Owns the phases in which connecting fails, one variant each, and their words. Whoever asked finds the error in the
//! chain of causes of what the pool returns. Invariant: no text names an address, because a client may read it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use tidegate_core::{FailureKind, Phase};

use super::tls_error::TlsError;

/// Connecting failed, and in which phase.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    /// The origin's name has no address that is known. Shared by everyone who waited for the same look-up.
    Resolve(Arc<io::Error>),
    /// There is no address that may be connected to, by the policy that was given.
    Guarded,
    /// An address was reached, and nobody listens there.
    Refused(Arc<io::Error>),
    /// No address could be reached, or this machine has no more connections to give.
    Unreachable(Arc<io::Error>),
    /// Connecting took too long.
    TimedOut,
    /// There is a connection, and no agreement on TLS.
    Tls(TlsError),
}

impl ConnectError {
    /// What a failed attempt to connect by TCP means.
    pub(super) fn tcp(error: io::Error) -> ConnectError {
        match error.kind() {
            io::ErrorKind::TimedOut => ConnectError::TimedOut,
            io::ErrorKind::ConnectionRefused => ConnectError::Refused(Arc::new(error)),
            _ => ConnectError::Unreachable(Arc::new(error)),
        }
    }

    /// Who is to blame, and for what.
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            _ if self.is_own_limit() => FailureKind::Overloaded,
            ConnectError::Resolve(_) | ConnectError::Guarded => FailureKind::Unresolved,
            ConnectError::Refused(_) | ConnectError::Unreachable(_) => FailureKind::Unreachable,
            ConnectError::TimedOut => FailureKind::TimedOut(Phase::Connect),
            ConnectError::Tls(_) => FailureKind::Tls,
        }
    }

    /// Whether it was this process or this machine that had no more to give, which is not the origin's fault.
    pub(crate) fn is_own_limit(&self) -> bool {
        match self {
            ConnectError::Resolve(error) | ConnectError::Unreachable(error) => is_own_limit(error),
            _ => false,
        }
    }
}

/// `ENFILE`, `EMFILE`, `ENOBUFS`, `ENOMEM`, as Linux numbers them.
pub(super) fn is_own_limit(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 105 | 12))
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Resolve(error) => write!(f, "its name has no known address: {error}"),
            ConnectError::Guarded => f.write_str(
                "it has no address that may be connected to: it does not exist, or must not be reached from here",
            ),
            ConnectError::Refused(error) | ConnectError::Unreachable(error) => error.fmt(f),
            ConnectError::TimedOut => f.write_str("no connection in time"),
            ConnectError::Tls(error) => error.fmt(f),
        }
    }
}

impl Error for ConnectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processs_own_limits_are_not_the_origins_fault() {
        for (code, own) in [(24, true), (23, true), (12, true), (105, true), (111, false), (113, false)] {
            let error = ConnectError::tcp(io::Error::from_raw_os_error(code));
            assert_eq!(error.kind() == FailureKind::Overloaded, own, "{error}");
        }
        assert!(!ConnectError::tcp(io::Error::other("no code")).is_own_limit());
    }

    #[test]
    fn the_phases_are_told_apart() {
        assert!(matches!(
            ConnectError::tcp(io::ErrorKind::ConnectionRefused.into()),
            ConnectError::Refused(_)
        ));
        assert!(matches!(
            ConnectError::tcp(io::ErrorKind::HostUnreachable.into()),
            ConnectError::Unreachable(_)
        ));
        assert!(matches!(ConnectError::tcp(io::ErrorKind::TimedOut.into()), ConnectError::TimedOut));
    }
}
