//! Who a caller is, by the word of somebody that the operator trusts.
//!
//! Owns the verification of what callers bear. What follows from it is elsewhere: which claims divide callers is the
//! route's to say, what that means for sharing is `core/sharing`'s, and how a request is refused is `edge/identity`'s.
//!
//! Another way to know callers is another kind of [`Verifier`].

mod claims;
mod jwt;
mod key;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use claims::{Claims, Unusable};
pub use jwt::{Invalid, JwtVerifier, Verified};
pub use key::{Algorithm, Key, KeyError, KeyKind};

/// How what callers bear is verified.
#[derive(Debug, Clone, PartialEq)]
pub enum Verifier {
    /// JSON Web Tokens, by keys that are known beforehand.
    Jwt(JwtVerifier),
}

impl Verifier {
    /// Verifies a bearer token at a moment, given as the time since 1970.
    ///
    /// # Errors
    /// Why it is not valid.
    pub fn verify(&self, token: &str, now: Duration) -> Result<Verified, Invalid> {
        match self {
            Verifier::Jwt(verifier) => verifier.verify(token, now),
        }
    }
}
