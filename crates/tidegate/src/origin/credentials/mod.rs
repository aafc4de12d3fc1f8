//! What the gateway sends of its own to say who it is: fields that stand in the configuration, and tokens that it
//! fetches (OAuth 2.0).
//!
//! They go with every request to the origin, and take the place of the client's fields of the same name. So those are
//! no part of what may be shared: whoever configures them decides that everyone who reaches the origin's routes may
//! read what the gateway may read. That is the explicit permission that RFC 9111 §3.5 asks for, because no answer to the
//! client's own `Authorization` is ever stored.
//!
//! Invariant: values are never printed. They are marked as sensitive, and `Debug` shows names alone.

mod oauth2;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tidegate_core::Failure;

pub use oauth2::{OAuth2Settings, SecretStyle};

pub(super) use oauth2::Endpoint;
use token::Tokens;

/// The settings of an origin's own credentials.
#[derive(Clone, Default)]
pub struct CredentialSettings {
    /// Fields of every request.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// Where tokens come from.
    pub oauth2: Option<OAuth2Settings>,
}

impl CredentialSettings {
    /// The fields that take the place of a client's.
    pub fn names(&self) -> impl Iterator<Item = HeaderName> {
        let own = self.fields.iter().map(|(name, _)| name.clone());
        own.chain(self.oauth2.as_ref().map(|_| header::AUTHORIZATION))
    }
}

impl fmt::Debug for CredentialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The credentials of one origin. Clones share their tokens.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    fields: Vec<(HeaderName, HeaderValue)>,
    tokens: Option<Arc<Tokens>>,
}

/// What a request is to carry.
pub(crate) struct Own<'a> {
    fields: &'a [(HeaderName, HeaderValue)],
    token: Option<HeaderValue>,
}

impl Credentials {
    pub(super) fn new(fields: Vec<(HeaderName, HeaderValue)>, endpoint: Option<Endpoint>) -> Credentials {
        let secret = |(name, mut value): (HeaderName, HeaderValue)| {
            value.set_sensitive(true);
            (name, value)
        };
        let tokens = endpoint.map(|endpoint| Arc::new(Tokens::new(endpoint)));
        Credentials { fields: fields.into_iter().map(secret).collect(), tokens }
    }

    /// What a request that is sent now carries. Waits for a token where there is none.
    pub(crate) async fn own(&self) -> Result<Own<'_>, Failure> {
        let token = match &self.tokens {
            Some(tokens) => Some(tokens.get().await?),
            None => None,
        };
        Ok(Own { fields: &self.fields, token })
    }

    /// The origin answered 401 to a request that carried these. Whether it is worth to ask once more, with a new token.
    pub(crate) fn refused(&self, own: &Own<'_>) -> bool {
        match (&self.tokens, &own.token) {
            (Some(tokens), Some(token)) => tokens.refused(token),
            _ => false,
        }
    }

    /// The fields that they replace.
    pub(super) fn names(&self) -> impl Iterator<Item = HeaderName> {
        let own = self.fields.iter().map(|(name, _)| name.clone());
        own.chain(self.tokens.as_ref().map(|_| header::AUTHORIZATION))
    }

    /// Whether the origin's 401 may mean that the gateway needs a new token.
    pub(super) fn may_expire(&self) -> bool {
        self.tokens.is_some()
    }
}

impl Own<'_> {
    /// Puts them in the place of the client's.
    pub(crate) fn apply(&self, fields: &mut HeaderMap) {
        for (name, value) in self.fields {
            fields.insert(name.clone(), value.clone());
        }
        if let Some(token) = &self.token {
            fields.insert(header::AUTHORIZATION, token.clone());
        }
    }
}
