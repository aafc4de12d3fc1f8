//! What is asked of a gateway beyond the document itself.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use tidegate_core::Mode;
use tidegate_core::json::Selection;
use tidegate_wire::{EVENT_STREAM, NDJSON};

pub(crate) const SELECT: HeaderName = HeaderName::from_static("tidegate-select");
pub(crate) const MODE: HeaderName = HeaderName::from_static("tidegate-mode");
pub(crate) const RATE: HeaderName = HeaderName::from_static("tidegate-rate");

/// How a stream is written. It makes no difference to what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// Server-Sent Events (WHATWG HTML §9.2).
    #[default]
    Sse,
    /// One JSON message a line.
    Ndjson,
}

impl Transport {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Transport; 2] = [Transport::Sse, Transport::Ndjson];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Sse => "sse",
            Transport::Ndjson => "ndjson",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Transport::Sse => EVENT_STREAM,
            Transport::Ndjson => NDJSON,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTransportError;

impl fmt::Display for ParseTransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a transport; the transports are `sse` and `ndjson`")
    }
}

impl std::error::Error for ParseTransportError {}

impl FromStr for Transport {
    type Err = ParseTransportError;

    fn from_str(text: &str) -> Result<Transport, ParseTransportError> {
        Transport::ALL.into_iter().find(|it| it.name() == text).ok_or(ParseTransportError)
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) select: Option<Selection>,
    pub(crate) mode: Mode,
    pub(crate) rate: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) transport: Transport,
}

impl Wishes {
    /// The fields of a request for a stream that say them. A usual API ignores those that begin with `Tidegate-`.
    pub(crate) fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        // RFC 9111 §5.2.1: the directives stand beside each other. A stream is nothing to keep for anybody.
        let cache = match self.max_age {
            Some(age) => format!("no-store, max-age={}", age.as_secs()),
            None => "no-store".to_owned(),
        };
        let mode = (self.mode != Mode::default()).then(|| (MODE, self.mode.name().to_owned()));
        let rate = self.rate.map(|rate| (RATE, format!("{}ms", rate.as_millis())));
        let select = self.select.as_ref().map(|select| (SELECT, select.as_str().to_owned()));
        let texts = [Some((header::CACHE_CONTROL, cache)), mode, rate, select].into_iter().flatten();
        // All of them were checked when the client was made.
        texts
            .filter_map(|(name, text)| Some((name, HeaderValue::from_bytes(text.as_bytes()).ok()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_has_its_field() {
        let check = |wishes: Wishes, expected: &[(&str, &str)]| {
            let fields = wishes.fields();
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(n, v)| (n.as_str(), std::str::from_utf8(v.as_bytes()).unwrap()))
                .collect();
            assert_eq!(fields, expected);
        };
        check(Wishes::default(), &[("cache-control", "no-store")]);
        check(
            Wishes {
                select: Some(Selection::parse("$['ü'][0]").unwrap()),
                mode: Mode::Merge,
                rate: Some(Duration::from_millis(1500)),
                max_age: Some(Duration::from_secs(30)),
                transport: Transport::Ndjson,
            },
            &[
                ("cache-control", "no-store, max-age=30"),
                ("tidegate-mode", "merge"),
                ("tidegate-rate", "1500ms"),
                ("tidegate-select", "$.ü[0]"),
            ],
        );
        for transport in Transport::ALL {
            assert_eq!(transport.to_string().parse(), Ok(transport));
            assert!(ParseTransportError.to_string().contains(&format!("`{transport}`")));
        }
        assert_eq!("SSE".parse::<Transport>(), Err(ParseTransportError));
    }
}
