//! The reserved query parameters: what a header can say, for clients that cannot set headers.
//!
//! They are taken out of the target before it is keyed or forwarded; everything else of it stays byte for byte.

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

/// What every reserved parameter's name begins with.
const PREFIX: &str = "tidegate.";

/// The reserved parameters, for error texts and documents.
pub const RESERVED: [&str; 3] = ["tidegate.accept", "tidegate.last-event-id", "tidegate.max-age"];

/// What the reserved parameters of a request said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reserved {
    /// `tidegate.accept`, in place of `Accept`.
    pub accept: Option<String>,
    /// `tidegate.last-event-id`, where there is no `Last-Event-ID`.
    pub last_event_id: Option<String>,
    /// `tidegate.max-age`, where `Cache-Control` has no `max-age` that says something.
    pub max_age: Option<String>,
}

/// A reserved parameter that does not exist, or that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownParameter(pub String);

/// Splits a target into what the origin is asked for and what the reserved parameters said.
pub(super) fn split(target: &PathAndQuery) -> Result<(String, Reserved), UnknownParameter> {
    let mut reserved = Reserved::default();
    let Some(query) = target.query().filter(|query| mentions_reserved(query)) else {
        return Ok((target.as_str().to_owned(), reserved));
    };
    let mut kept = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let Ok(name) = percent_decode_str(name).decode_utf8() else {
            kept.push(parameter);
            continue;
        };
        if !name.starts_with(PREFIX) {
            kept.push(parameter);
            continue;
        }
        // In a query `+` stands for a space (HTML forms), and `text/event-stream, a/b` has one.
        let value = value.replace('+', " ");
        let value =
            percent_decode_str(&value).decode_utf8().map_err(|_| UnknownParameter(name.to_string()))?;
        match &*name {
            "tidegate.accept" => reserved.accept = Some(value.into_owned()),
            "tidegate.last-event-id" => reserved.last_event_id = Some(value.into_owned()),
            "tidegate.max-age" => reserved.max_age = Some(value.into_owned()),
            _ => return Err(UnknownParameter(name.into_owned())),
        }
    }
    let target = match kept.is_empty() {
        true => target.path().to_owned(),
        false => format!("{}?{}", target.path(), kept.join("&")),
    };
    Ok((target, reserved))
}

/// A cheap look, so that other queries are not taken apart: the prefix, or an escape that could spell it.
fn mentions_reserved(query: &str) -> bool {
    query.contains(PREFIX) || query.contains('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: &str, accept: Option<&str>, id: Option<&str>) {
        let (accept, last_event_id) = (accept.map(str::to_owned), id.map(str::to_owned));
        let reserved = Reserved { accept, last_event_id, ..Reserved::default() };
        assert_eq!(split(&target.parse().unwrap()), Ok((expected.to_owned(), reserved)), "{target}");
    }

    #[test]
    fn reserved_parameters_are_taken_out_and_the_rest_is_untouched() {
        check("/q", "/q", None, None);
        check("/q?", "/q?", None, None);
        check("/q?b=2&a=%31&&a", "/q?b=2&a=%31&&a", None, None);
        check("/q?tidegate.accept=text/event-stream", "/q", Some("text/event-stream"), None);
        check(
            "/q?a=1&tidegate.accept=text%2Fevent-stream&b=+2",
            "/q?a=1&b=+2",
            Some("text/event-stream"),
            None,
        );
        check("/q?%74idegate.last-event-id=0.1.2&a", "/q?a", None, Some("0.1.2"));
        check("/q?tidegate.accept=a/b,+c/d", "/q", Some("a/b, c/d"), None);
        check("/q?%ff=1&x=tidegate.accept", "/q?%ff=1&x=tidegate.accept", None, None);
    }

    #[test]
    fn the_age_that_a_subscriber_allows() {
        let (target, reserved) = split(&"/q?a&tidegate.max-age=30".parse().unwrap()).unwrap();
        assert_eq!((target.as_str(), reserved.max_age.as_deref()), ("/q?a", Some("30")));
    }

    #[test]
    fn unknown_ones_are_named() {
        for (target, name) in [
            ("/q?tidegate.acept=x", "tidegate.acept"),
            ("/q?tidegate.=x", "tidegate."),
            ("/q?tidegate.last-event-id=%ff", "tidegate.last-event-id"),
        ] {
            assert_eq!(split(&target.parse().unwrap()), Err(UnknownParameter(name.to_owned())), "{target}");
        }
    }
}
