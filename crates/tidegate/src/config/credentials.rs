//! What the gateway sends of its own to an origin, so that it knows it.
//!
//! Owns the settings and what makes each of them wrong. What is secret comes from the environment or from a file, and
//! is shown as it is written; a value that stands in the configuration itself is not shown at all.

use std::fmt;

use http::{HeaderName, HeaderValue, Uri};

use super::error::Problem;
use super::read::{At, Fields, Reader};
use super::url::OriginUrl;
use super::value::{HeaderError, Sourced, ValueError};

/// Fields that are not the operator's to set: of the connection, of the message, or made by the gateway for each
/// request.
const MADE_BY_THE_GATEWAY: [&str; 24] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-event-id",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An origin's own credentials, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialConfig {
    /// Fields that go with every request.
    pub headers: Vec<(Sourced<HeaderName>, Sourced<HeaderValue>)>,
    /// Where tokens come from, if there are any.
    pub oauth2: Option<OAuth2Config>,
}

/// Where tokens come from.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2Config {
    /// The token endpoint.
    pub token_url: Sourced<Uri>,
    /// Who the gateway is there.
    pub client_id: Sourced<Secret>,
    /// How it proves that.
    pub client_secret: Sourced<Secret>,
    /// What it wants to do; empty for the issuer's default.
    pub scope: Sourced<String>,
    /// For whom the token is; empty where the issuer knows.
    pub audience: Sourced<String>,
    /// Whether the secret stands in the body.
    pub in_body: Sourced<bool>,
}

/// The settings that mean nothing without `oauth2_token_url`.
const OF_A_TOKEN: [&str; 5] =
    ["oauth2_client_id", "oauth2_client_secret", "oauth2_scope", "oauth2_audience", "oauth2_secret_in_body"];

/// The credentials in an origin's table. `None` if anything in them is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<CredentialConfig> {
    let headers = reader.entries(fields, "headers", name, value);
    let token_url = reader.value(fields, "oauth2_token_url", token_url);
    let id = reader.value(fields, "oauth2_client_id", secret);
    let client_secret = reader.value(fields, "oauth2_client_secret", secret);
    let scope = reader.value(fields, "oauth2_scope", text);
    let audience = reader.value(fields, "oauth2_audience", text);
    let in_body = reader.value(fields, "oauth2_secret_in_body", super::route::parse_flag);
    let token_url = token_url?;
    let says_nothing =
        |secret: &Option<At<Secret>>| secret.as_ref().is_some_and(|at| at.value.reveal().is_empty());
    let Some(url) = (*token_url.value).clone() else {
        let mut right = true;
        let empty = [says_nothing(&id), says_nothing(&client_secret), false, false, false];
        for (key, empty) in OF_A_TOKEN.into_iter().zip(empty) {
            if let (Some(span), false) = (fields.key_span(key), empty) {
                reader.report(&span, Problem::Needs { key, needed: "oauth2_token_url" });
                right = false;
            }
        }
        return right.then_some(CredentialConfig { headers: headers?, oauth2: None });
    };
    let mut right = true;
    for (needed, written) in [("oauth2_client_id", &id), ("oauth2_client_secret", &client_secret)] {
        // A variable that is unset may leave one empty, which is as good as none.
        if says_nothing(written) {
            let span = token_url.span.clone().unwrap_or_default();
            reader.report(&span, Problem::Needs { key: "oauth2_token_url", needed });
            right = false;
        }
    }
    let oauth2 = OAuth2Config {
        token_url: token_url.value.map(|_| url),
        client_id: id?.value,
        client_secret: client_secret?.value,
        scope: scope?.value,
        audience: audience?.value,
        in_body: in_body?.value,
    };
    right.then_some(CredentialConfig { headers: headers?, oauth2: Some(oauth2) })
}

/// The name of a field that is neither of the connection, nor made by the gateway for each request.
pub(super) fn name(text: &str) -> Result<HeaderName, ValueError> {
    let name: HeaderName = text.parse().map_err(|_| ValueError::HeaderName)?;
    match MADE_BY_THE_GATEWAY.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-") {
        true => Err(ValueError::Header(HeaderError::Made)),
        false => Ok(name),
    }
}

fn value(text: &str) -> Result<HeaderValue, ValueError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ValueError::HeaderValue)?;
    value.set_sensitive(true);
    Ok(value)
}

fn token_url(text: &str) -> Result<Option<Uri>, ValueError> {
    if text.is_empty() { Ok(None) } else { OriginUrl::parse(text).map(|url| Some(url.uri().clone())) }
}

fn secret(text: &str) -> Result<Secret, ValueError> {
    Ok(Secret(text.to_owned()))
}

fn text(text: &str) -> Result<String, ValueError> {
    Ok(text.to_owned())
}

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}
