//! What an answer's head says.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode, header};
use tidegate_wire::{Problem, problem::PROBLEM_JSON};

use crate::document::is_json;

/// The head of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// A field's value, where it is there and plain text.
    pub(crate) fn field(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn media_type(&self) -> Option<String> {
        let essence = self.field(&header::CONTENT_TYPE)?.split(';').next()?;
        Some(essence.trim().to_ascii_lowercase())
    }

    /// Whether the body is of this media type, whatever its parameters.
    pub(crate) fn is(&self, media_type: &str) -> bool {
        self.media_type().is_some_and(|essence| essence == media_type)
    }

    /// Whether trying again later may help: the server's own failures, and the refusals that are about time.
    pub(crate) fn is_temporary(&self) -> bool {
        self.status.is_server_error() || matches!(self.status.as_u16(), 408 | 425 | 429)
    }

    /// How long the server asks to stay away (RFC 9110 §10.2.3). A date counts from the answer's own `Date`, so that
    /// a wrong clock on either side does not matter; without one it cannot be used.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.field(&header::RETRY_AFTER)?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
        }
        let until = httpdate::parse_http_date(text).ok()?;
        let date = httpdate::parse_http_date(self.field(&header::DATE)?).ok()?;
        until.duration_since(date).ok()
    }

    /// The explanation in the body of a refusal. Problem details have a media type of their own, and APIs that send
    /// them as plain JSON are common enough to be read too, if they say anything.
    pub(crate) fn problem(&self, body: &[u8]) -> Option<Problem> {
        let media_type = self.media_type()?;
        let problem = is_json(&media_type).then(|| Problem::from_json(body)).flatten()?;
        (media_type == PROBLEM_JSON || problem.title.is_some()).then_some(problem)
    }

    /// The size of the head in HTTP/1.1's form. An estimate: the spelling of the reason phrase and optional white
    /// space are not known any more.
    pub(crate) fn estimated_size(&self) -> u64 {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let line = "HTTP/1.1 200 \r\n".len() + reason.len();
        let fields: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
        (line + fields + "\r\n".len()) as u64
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use http::HeaderValue;
    use tidegate_wire::EVENT_STREAM;

    pub(crate) fn head(status: u16, fields: &[(&'static str, &str)]) -> Head {
        let headers = fields.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a test's field is valid"))
        });
        Head {
            status: StatusCode::from_u16(status).expect("a test's status is valid"),
            headers: headers.collect(),
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let check = |value: &str, date: &str, expected: Option<u64>| {
            let head = head(503, &[("retry-after", value), ("date", date)]);
            assert_eq!(head.retry_after(), expected.map(Duration::from_secs), "{value}");
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        check("5", date, Some(5));
        check("0", "", Some(0));
        check("99999999999999999999999", "", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:50:37 GMT", date, Some(60));
        check("Sun, 06 Nov 1994 08:48:37 GMT", date, None);
        check("Sun, 06 Nov 1994 08:50:37 GMT", "", None);
        check("-1", date, None);
        check("", date, None);
        check("soon", date, None);
    }

    #[test]
    fn problems_and_media_types() {
        let problem = |media_type: &str, body: &str| {
            let head = head(400, &[("content-type", media_type)]);
            head.problem(body.as_bytes()).map(|problem| problem.to_string())
        };
        assert_eq!(problem("application/problem+json", "{}").as_deref(), Some("about:blank"));
        assert_eq!(problem("application/json; charset=utf-8", r#"{"title":"No"}"#).as_deref(), Some("No"));
        assert_eq!(problem("application/json", r#"{"error":"No"}"#), None);
        assert_eq!(problem("text/html", r#"{"title":"No"}"#), None);
        assert!(head(200, &[("content-type", "Text/Event-Stream; charset=utf-8")]).is(EVENT_STREAM));
        assert!(!head(200, &[("content-type", "text/event-streams")]).is(EVENT_STREAM));
    }

    #[test]
    fn the_size_of_a_head() {
        let text = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\netag: \"1\"\r\n\r\n";
        let head = head(200, &[("content-type", "text/plain"), ("etag", "\"1\"")]);
        assert_eq!(head.estimated_size(), text.len() as u64);
    }
}
