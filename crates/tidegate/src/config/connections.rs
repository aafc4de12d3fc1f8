//! How an origin is connected to: the settings beyond its URL and its time-outs.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::read::{Fields, Reader};
use super::url::is_host;
use super::value::{Sourced, ValueError};

/// How an origin is connected to, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionConfig {
    /// Where to connect to in place of the URL's host; empty for that host. No two are equal.
    pub addresses: Vec<Sourced<PlaceText>>,
    /// Which HTTP is spoken.
    pub http2: Sourced<HttpVersions>,
    /// How long a connection is used for new requests.
    pub max_age: Sourced<Duration>,
}

/// When HTTP/2 is spoken to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersions {
    /// Where TLS agrees on it.
    Auto,
    /// Never.
    Never,
    /// Always, without asking.
    PriorKnowledge,
}

/// A host and a port, as in `10.0.0.1:8080`, `[::1]:9000` or `api-2.internal:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceText {
    host: String,
    port: u16,
}

/// The settings of an origin's table. `None` if anything in them is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<ConnectionConfig> {
    let addresses = reader.list(fields, "addresses", PlaceText::parse);
    let http2 = reader.word(fields, "http2");
    let max_age = reader.time(fields, "max_connection_age");
    Some(ConnectionConfig {
        addresses: addresses?.into_iter().map(|at| at.value).collect(),
        http2: http2?.value.map(HttpVersions::of),
        max_age: max_age?.value,
    })
}

impl HttpVersions {
    fn of(word: &str) -> Self {
        match word {
            "never" => Self::Never,
            "prior-knowledge" => Self::PriorKnowledge,
            // The words are those of the setting.
            _ => Self::Auto,
        }
    }
}

impl PlaceText {
    /// Checks a host with a port.
    ///
    /// # Errors
    /// [`ValueError::Place`] if it is not a name or an address, with a port of 1 to 65535.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (host, port) = text.rsplit_once(':').ok_or(ValueError::Place)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0).ok_or(ValueError::Place)?;
        if !is_host(host) {
            return Err(ValueError::Place);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Ok(Self { host, port })
    }

    /// The name, or the address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PlaceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host.parse::<Ipv6Addr>() {
            Ok(_) => write!(f, "[{host}]:{port}"),
            Err(_) => write!(f, "{host}:{port}"),
        }
    }
}
