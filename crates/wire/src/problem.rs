//! Problem details (RFC 9457): why something was refused or failed, by a stable code, and who is to blame.
//!
//! Invariant: the set of codes that Tidegate writes is closed and each maps to one title, one HTTP status and one
//! blame, here and nowhere else. Readers are lenient: a code of a later version, or of another program, is kept as
//! text, and members of the wrong type are ignored (RFC 9457 §3.1).

use std::fmt;

use http::StatusCode;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The media type of problem details in JSON.
pub const PROBLEM_JSON: &str = "application/problem+json";

const PREFIX: &str = "urn:tidegate:problem:";

/// Who has to change something for the problem to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// The HTTP API behind the gateway.
    Origin,
    /// The gateway: its load, its configuration, or a bug in it.
    Gateway,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $status:ident, $blame:ident, $title:literal;)*) => {
        /// The problems that Tidegate reports. The codes are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)*
        }

        impl ProblemKind {
            /// Every kind there is.
            pub const ALL: &'static [ProblemKind] = &[$(ProblemKind::$kind),*];

            /// The stable code: the last part of the type URI.
            pub fn code(self) -> &'static str {
                match self { $(ProblemKind::$kind => $code),* }
            }

            /// The HTTP status that an answer with this problem has.
            pub fn status(self) -> StatusCode {
                match self { $(ProblemKind::$kind => StatusCode::$status),* }
            }

            /// Who is to blame.
            pub fn blame(self) -> Blame {
                match self { $(ProblemKind::$kind => Blame::$blame),* }
            }

            /// The short summary, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(ProblemKind::$kind => $title),* }
            }
        }
    };
}

kinds! {
    /// The origin's name has no address.
    OriginUnresolved = "origin-unresolved", BAD_GATEWAY, Origin, "The origin's name cannot be resolved";
    /// No TCP connection to the origin.
    OriginUnreachable = "origin-unreachable", BAD_GATEWAY, Origin, "The origin cannot be reached";
    /// No TLS with the origin.
    OriginTls = "origin-tls", BAD_GATEWAY, Origin, "The origin cannot be talked to over TLS";
    /// No connection to the origin in time.
    OriginConnectTimeout = "origin-connect-timeout", GATEWAY_TIMEOUT, Origin, "The origin did not accept a connection in time";
    /// The origin did not begin its answer in time.
    OriginTimeout = "origin-timeout", GATEWAY_TIMEOUT, Origin, "The origin did not answer in time";
    /// The origin's answer was not complete in time.
    OriginBodyTimeout = "origin-body-timeout", GATEWAY_TIMEOUT, Origin, "The origin's answer was not complete in time";
    /// The connection ended before an answer began.
    OriginNoAnswer = "origin-no-answer", BAD_GATEWAY, Origin, "The origin closed the connection without an answer";
    /// What came is no HTTP.
    OriginNotHttp = "origin-not-http", BAD_GATEWAY, Origin, "The origin's answer is not valid HTTP";
    /// A redirect led in a circle.
    OriginRedirectLoop = "origin-redirect-loop", BAD_GATEWAY, Origin, "The origin redirects in a circle";
    /// One redirect too many.
    OriginTooManyRedirects = "origin-too-many-redirects", BAD_GATEWAY, Origin, "The origin redirects too often";
    /// The body broke off.
    OriginTruncated = "origin-truncated", BAD_GATEWAY, Origin, "The origin's answer broke off";
    /// The body ended before its announced length.
    OriginWrongLength = "origin-wrong-length", BAD_GATEWAY, Origin, "The origin's answer is shorter than it says";
    /// The origin's body is over the limit.
    OriginTooLarge = "origin-too-large", BAD_GATEWAY, Origin, "The origin's answer is too large";
    /// The body is not in its content coding.
    OriginUndecodable = "origin-undecodable", BAD_GATEWAY, Origin, "The origin's answer is not in the coding that it names";
    /// A document became something that cannot be streamed.
    OriginNotStreamable = "origin-not-streamable", BAD_GATEWAY, Origin, "The origin's answer cannot be streamed any more";
    /// A document became one of another sort.
    OriginTypeChanged = "origin-type-changed", BAD_GATEWAY, Origin, "The origin's answer is of another type than before";
    /// The body is not what its media type says.
    OriginMalformed = "origin-malformed", BAD_GATEWAY, Origin, "The origin's answer is not what its type says";
    /// The answer is not what the route expects.
    OriginUnexpected = "origin-unexpected", BAD_GATEWAY, Origin, "The origin's answer is not what this route expects";
    /// The origin answered with a redirect instead of a representation.
    OriginRedirected = "origin-redirected", BAD_GATEWAY, Origin, "The origin answered with a redirect";
    /// The origin answered with a success that is no representation (204 and the like).
    OriginNoContent = "origin-no-content", BAD_GATEWAY, Origin, "The origin answered without a representation";
    /// The origin wants to be asked less often (429).
    OriginRateLimited = "origin-rate-limited", BAD_GATEWAY, Origin, "The origin is asked too often";
    /// The origin rejects the request (4xx), by the status that [`Problem::origin_status`] names.
    OriginRejected = "origin-rejected", BAD_GATEWAY, Origin, "The origin rejects the request";
    /// The origin failed (5xx), with the status that [`Problem::origin_status`] names.
    OriginError = "origin-error", BAD_GATEWAY, Origin, "The origin answered with an error";
    /// The origin refused the caller's credentials (401, 403), see [`Problem::origin_status`].
    OriginRefused = "origin-refused", FORBIDDEN, Client, "The origin refused these credentials";
    /// The origin says that the resource is no more (404, 410).
    Gone = "gone", GONE, Origin, "The resource is no more";
    /// As many feeds are open as the gateway allows.
    TooManyFeeds = "too-many-feeds", SERVICE_UNAVAILABLE, Gateway, "Too many feeds are open";
    /// As many streams are open as the gateway allows.
    TooManyStreams = "too-many-streams", SERVICE_UNAVAILABLE, Gateway, "Too many streams are open";
    /// As many connections are open as the gateway allows, in all or to one address.
    TooManyConnections = "too-many-connections", SERVICE_UNAVAILABLE, Gateway, "Too many connections are open";
    /// More connections were opened in a second than the gateway allows.
    ConnectingTooFast = "connecting-too-fast", SERVICE_UNAVAILABLE, Gateway, "Too many connections are being opened";
    /// The gateway is out of file descriptors or memory.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, Gateway, "The gateway is overloaded";
    /// A stream was demanded of something that cannot be one.
    NotStreamable = "not-streamable", NOT_ACCEPTABLE, Client, "This resource cannot be streamed";
    /// Parts of this representation cannot be selected, or not these.
    NotSelectable = "not-selectable", NOT_ACCEPTABLE, Client, "This part cannot be selected";
    /// As many parts of the resource are watched as may be.
    TooManySelections = "too-many-selections", SERVICE_UNAVAILABLE, Gateway, "Too many selections of this resource";
    /// Nothing is kept that may be used, and the request says `only-if-cached`.
    NotKept = "not-kept", GATEWAY_TIMEOUT, Client, "Nothing is kept for this request";
    /// A reserved query parameter that does not exist.
    UnknownParameter = "unknown-parameter", BAD_REQUEST, Client, "Unknown reserved query parameter";
    /// A header field or reserved parameter that says how a resource is to be read, and not in a way that there is.
    BadOption = "bad-option", BAD_REQUEST, Client, "The request asks for what there is not";
    /// The request is not valid.
    BadRequest = "bad-request", BAD_REQUEST, Client, "The request is not valid";
    /// The request opens no WebSocket. Its status depends on why.
    NotAHandshake = "not-a-handshake", BAD_REQUEST, Client, "No valid WebSocket handshake";
    /// Pages of this origin may not do this.
    OriginNotAllowed = "origin-not-allowed", FORBIDDEN, Client, "Not for pages of this origin";
    /// The request's content is over the limit.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, Client, "The request's content is too large";
    /// The request's content did not come in time.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, Client, "The request did not come in time";
    /// No route is configured for this target.
    NoRoute = "no-route", NOT_FOUND, Client, "No route for this URL";
    /// The route exists, but not for this method.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, Client, "This method is not allowed here";
    /// The route verifies its callers, and the request bears no token.
    TokenMissing = "token-missing", UNAUTHORIZED, Client, "A bearer token is needed";
    /// The request's token is not valid, or is no more.
    TokenInvalid = "token-invalid", UNAUTHORIZED, Client, "The bearer token is not valid";
    /// The token does not say what the route has to know of its callers.
    ClaimUnusable = "claim-unusable", FORBIDDEN, Client, "The token does not say who its bearer is";
    /// The URL that the client named may not be asked.
    TargetNotAllowed = "target-not-allowed", FORBIDDEN, Client, "This URL may not be asked";
    /// As many origins are open as the gateway allows.
    TooManyOrigins = "too-many-origins", SERVICE_UNAVAILABLE, Gateway, "Too many origins are open";
    /// The request has been here before.
    LoopDetected = "loop-detected", LOOP_DETECTED, Gateway, "The request came back to the gateway that sent it";
    /// The gateway is closing; another instance, or the next one, will answer.
    ShuttingDown = "shutting-down", SERVICE_UNAVAILABLE, Gateway, "The gateway is shutting down";
    /// A bug in the gateway.
    Internal = "internal", INTERNAL_SERVER_ERROR, Gateway, "The gateway failed";
}

impl ProblemKind {
    /// What an answer of the origin with this status is, where a representation was wanted.
    pub fn of_origin_status(status: StatusCode) -> ProblemKind {
        match status.as_u16() {
            401 | 403 => ProblemKind::OriginRefused,
            404 | 410 => ProblemKind::Gone,
            429 => ProblemKind::OriginRateLimited,
            ..300 => ProblemKind::OriginNoContent,
            300..400 => ProblemKind::OriginRedirected,
            400..500 => ProblemKind::OriginRejected,
            500.. => ProblemKind::OriginError,
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<ProblemKind> {
        ProblemKind::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// A problem's `type`: one of ours, or a URI that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemType {
    /// One of the closed set.
    Known(ProblemKind),
    /// Another URI; `about:blank` where there was none (RFC 9457 §3.1.1).
    Other(String),
}

impl ProblemType {
    /// Reads a type URI. URIs that begin as ours but are not in the set are of a later version, and stay text.
    pub fn from_uri(uri: &str) -> ProblemType {
        match uri.strip_prefix(PREFIX).and_then(ProblemKind::from_code) {
            Some(kind) => ProblemType::Known(kind),
            None => ProblemType::Other(uri.to_owned()),
        }
    }
}

impl fmt::Display for ProblemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProblemType::Known(kind) => write!(f, "{PREFIX}{}", kind.code()),
            ProblemType::Other(uri) => f.write_str(uri),
        }
    }
}

/// Problem details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemType,
    /// A short summary of the kind.
    pub title: Option<String>,
    /// The HTTP status that goes with it.
    pub status: Option<u16>,
    /// What happened this time, and what helps.
    pub detail: Option<String>,
    /// The status that the origin answered with, where that is the cause.
    pub origin_status: Option<u16>,
}

impl Problem {
    /// A problem of our own, with its kind's title and status.
    pub fn new(kind: ProblemKind) -> Problem {
        Problem {
            kind: ProblemType::Known(kind),
            title: Some(kind.title().to_owned()),
            status: Some(kind.status().as_u16()),
            detail: None,
            origin_status: None,
        }
    }

    /// The same with a text on this occurrence.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    /// The same with the status that the origin answered with.
    pub fn with_origin_status(mut self, status: StatusCode) -> Problem {
        self.origin_status = Some(status.as_u16());
        self
    }

    /// The kind, where this version knows it.
    pub fn known(&self) -> Option<ProblemKind> {
        match self.kind {
            ProblemType::Known(kind) => Some(kind),
            ProblemType::Other(_) => None,
        }
    }

    /// The JSON text, as an `application/problem+json` body or a member of a status.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("no map with keys that are not strings, and nothing else can fail")
    }

    /// Reads problem details from a body. `None` if it is not a JSON object.
    pub fn from_json(body: &[u8]) -> Option<Problem> {
        serde_json::from_slice(body).ok()
    }

    fn from_members(members: &Map<String, Value>) -> Problem {
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| {
            members.get(name).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok())
        };
        Problem {
            kind: ProblemType::from_uri(members.get("type").and_then(Value::as_str).unwrap_or("about:blank")),
            title: text("title"),
            status: number("status"),
            detail: text("detail"),
            origin_status: number("origin_status"),
        }
    }
}

impl fmt::Display for Problem {
    /// `title: detail`, as far as there is either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.title, &self.detail) {
            (Some(title), Some(detail)) => write!(f, "{title}: {detail}"),
            (Some(text), None) | (None, Some(text)) => f.write_str(text),
            (None, None) => write!(f, "{}", self.kind),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind.to_string())?;
        if let Some(title) = &self.title {
            map.serialize_entry("title", title)?;
        }
        if let Some(status) = self.status {
            map.serialize_entry("status", &status)?;
        }
        if let Some(detail) = &self.detail {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(status) = self.origin_status {
            map.serialize_entry("origin_status", &status)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(|members| Problem::from_members(&members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_round_trips_and_is_an_error_status() {
        for &kind in ProblemKind::ALL {
            let problem = Problem::new(kind).with_detail("this time");
            assert_eq!(Problem::from_json(problem.to_json().as_bytes()), Some(problem));
            assert_eq!(ProblemKind::from_code(kind.code()), Some(kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
            assert!(kind.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{kind:?}");
            // 5xx is never the client's fault, but for the one that RFC 9111 §5.2.1.7 prescribes; 4xx is never the
            // gateway's.
            let prescribed = kind == ProblemKind::NotKept;
            let clients = kind.blame() == Blame::Client && !prescribed;
            assert!(kind.status().is_client_error() || !clients, "{kind:?}");
            assert!(kind.status().is_server_error() || kind.blame() != Blame::Gateway, "{kind:?}");
        }
    }

    #[test]
    fn each_status_of_the_origin_has_its_kind() {
        for (status, code) in [
            (204, "origin-no-content"),
            (301, "origin-redirected"),
            (304, "origin-redirected"),
            (400, "origin-rejected"),
            (401, "origin-refused"),
            (403, "origin-refused"),
            (404, "gone"),
            (407, "origin-rejected"),
            (410, "gone"),
            (429, "origin-rate-limited"),
            (500, "origin-error"),
            (503, "origin-error"),
            (599, "origin-error"),
        ] {
            let kind = ProblemKind::of_origin_status(StatusCode::from_u16(status).unwrap());
            assert_eq!(kind.code(), code, "{status}");
        }
    }

    #[test]
    fn the_text_on_the_wire() {
        let problem = Problem::new(ProblemKind::OriginError)
            .with_detail("503 after 3 attempts")
            .with_origin_status(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            problem.to_json(),
            r#"{"type":"urn:tidegate:problem:origin-error","title":"The origin answered with an error","status":502,"detail":"503 after 3 attempts","origin_status":503}"#
        );
        assert_eq!(problem.to_string(), "The origin answered with an error: 503 after 3 attempts");
    }

    #[test]
    fn readers_are_lenient() {
        let check = |json: &str, expected: Option<(&str, Option<u16>)>| {
            let read = Problem::from_json(json.as_bytes());
            let read = read.as_ref().map(|problem| (problem.kind.to_string(), problem.status));
            assert_eq!(read, expected.map(|(kind, status)| (kind.to_owned(), status)), "{json}");
        };
        check("{}", Some(("about:blank", None)));
        check(
            r#"{"type":"urn:tidegate:problem:gone","status":410}"#,
            Some(("urn:tidegate:problem:gone", Some(410))),
        );
        check(r#"{"type":"urn:tidegate:problem:of-2031"}"#, Some(("urn:tidegate:problem:of-2031", None)));
        check(r#"{"type":"https://example.com/p","status":"418"}"#, Some(("https://example.com/p", None)));
        check(r#"{"type":7,"status":99999,"title":[],"more":{}}"#, Some(("about:blank", None)));
        check("[]", None);
        check("not json", None);
    }
}
