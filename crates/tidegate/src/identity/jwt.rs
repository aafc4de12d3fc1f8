//! JSON Web Tokens (RFC 7519) that an issuer signed, verified by keys that are known beforehand.
//!
//! Invariants:
//! - A claim is looked at only after the signature was found right. What is said about a token that is refused holds
//!   nothing of it.
//! - The key decides which algorithms may be used, and never the token: `none` is no algorithm, and a public key is no
//!   secret (RFC 8725 §3.1).
//! - No key is taken from a token, nor from where it points to (`jwk`, `jku`, `x5c`, `x5u`).
//! - The time is an argument.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::claims::{Claims, Members};
use super::key::{Algorithm, Key};

/// The longest token that is looked at, in bytes. Those that carry lists of groups have a few KiB.
const MOST: usize = 16 * 1024;

/// What tokens are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct JwtVerifier {
    /// The keys with their names. No two are equal in name and kind.
    pub keys: Vec<(String, Key)>,
    /// The algorithms; each is of the kind of some key.
    pub algorithms: Vec<Algorithm>,
    /// Who has to have issued a token; empty where anybody may.
    pub issuer: String,
    /// For whom a token has to be; empty where it has to be for nobody in particular.
    pub audience: String,
    /// By how much the clocks of the issuer and of the gateway may differ.
    pub leeway: Duration,
}

/// A token that is valid.
#[derive(Debug)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// For how long it will be.
    pub remaining: Duration,
}

/// Why a token is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It is longer than any that is looked at.
    TooLong,
    /// It is not three parts in base64url, of which the first two are JSON objects.
    Malformed,
    /// Its algorithm is not one of those that are allowed.
    Algorithm,
    /// It demands extensions that are not supported (`crit`, RFC 7515 §4.1.11).
    Critical,
    /// No key verifies its signature.
    Signature,
    /// A claim about its validity is of the wrong kind.
    Claim(&'static str),
    /// It does not say when it expires.
    Endless,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    Early,
    /// Another issuer's.
    Issuer,
    /// For somebody else.
    Audience,
}

impl Invalid {
    /// What is wrong, to be read after "the token". Without quotes and backslashes, which RFC 6750 §3 does not allow in
    /// a description.
    pub fn reason(self) -> &'static str {
        match self {
            Invalid::TooLong => "is too long",
            Invalid::Malformed => "is not a signed JSON Web Token",
            Invalid::Algorithm => "is signed by an algorithm that is not accepted here",
            Invalid::Critical => "demands extensions that are not known here",
            Invalid::Signature => "has a signature that no key of its issuer here verifies",
            Invalid::Claim("exp") => "has an `exp` that is no time",
            Invalid::Claim("nbf") => "has an `nbf` that is no time",
            Invalid::Claim(_) => "has a claim of the wrong kind",
            Invalid::Endless => "does not say when it expires",
            Invalid::Expired => "has expired",
            Invalid::Early => "is not valid yet",
            Invalid::Issuer => "is from another issuer",
            Invalid::Audience => "is for another audience",
        }
    }
}

impl JwtVerifier {
    /// Verifies a token at a moment, given as the time since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong with it: its form, its signature, its times, its issuer, its audience.
    pub fn verify(&self, token: &str, now: Duration) -> Result<Verified, Invalid> {
        if token.len() > MOST {
            return Err(Invalid::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Invalid::Malformed)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Malformed);
        let header = Members::parse(&decoded(header)?).ok_or(Invalid::Malformed)?;
        let (payload, signature) = (decoded(payload)?, decoded(signature)?);
        self.check_signature(&header, message.as_bytes(), &signature)?;
        let claims = Members::parse(&payload).ok_or(Invalid::Malformed)?;
        let remaining = self.check_times(&claims, now.as_secs_f64())?;
        self.check_names(&claims)?;
        Ok(Verified { claims: Claims(claims), remaining })
    }

    fn check_signature(&self, header: &Members, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        if header.get("crit").is_some() {
            return Err(Invalid::Critical);
        }
        let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
        let algorithm = named.filter(|named| self.algorithms.contains(named)).ok_or(Invalid::Algorithm)?;
        // It is a hint (RFC 7515 §4.1.4): where it names a key of ours, no other will do.
        let id = header.get("kid").and_then(Value::as_str);
        let id = id.filter(|id| self.keys.iter().any(|(name, _)| name == id));
        let mut keys = self.keys.iter().filter(|(name, _)| id.is_none_or(|id| name == id));
        match keys.any(|(_, key)| key.verifies(algorithm, message, signature)) {
            true => Ok(()),
            false => Err(Invalid::Signature),
        }
    }

    /// How long the token stays valid, the leeway included.
    fn check_times(&self, claims: &Members, now: f64) -> Result<Duration, Invalid> {
        let leeway = self.leeway.as_secs_f64();
        let time = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            // Seconds, not always whole ones (RFC 7519 §2).
            Some(value) => value.as_f64().map(Some).ok_or(Invalid::Claim(name)),
        };
        let until = time("exp")?.ok_or(Invalid::Endless)? + leeway;
        if now >= until {
            return Err(Invalid::Expired);
        }
        if time("nbf")?.is_some_and(|from| now + leeway < from) {
            return Err(Invalid::Early);
        }
        // What never ends ends in a hundred years.
        Ok(Duration::from_secs_f64((until - now).min(3.2e9)))
    }

    fn check_names(&self, claims: &Members) -> Result<(), Invalid> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        if !self.issuer.is_empty() && issuer != Some(&self.issuer) {
            return Err(Invalid::Issuer);
        }
        let is_ours = |value: &Value| !self.audience.is_empty() && value.as_str() == Some(&self.audience);
        let fits = match claims.get("aud") {
            // Whoever is not among those that a token is for has to refuse it (RFC 7519 §4.1.3).
            Some(Value::Array(list)) => list.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => self.audience.is_empty(),
        };
        if fits { Ok(()) } else { Err(Invalid::Audience) }
    }
}
