//! The status of a stream: whether its data is confirmed, since when, and why not.

use serde::{Deserialize, Serialize};

use crate::{Problem, Timestamp};

/// Whether the last data sent is the origin's current representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Confirmed with the origin within [`Status::fresh_within_ms`].
    Live,
    /// The last good representation, not confirmed since [`Status::since`].
    Stale,
    /// The origin says that the resource is no more, or no more for these credentials.
    Gone,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Live, State::Stale, State::Gone];

    /// The state as the wire writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Live => "live",
            State::Stale => "stale",
            State::Gone => "gone",
        }
    }
}

/// What the stream can prove about a client that asked to resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Continuity {
    /// The id was unknown, too old or foreign: the stream began with a snapshot, and what lies between is not known.
    Unproven,
}

/// The data of a `status` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether the data is confirmed.
    pub state: State,
    /// When the state began; for [`State::Stale`], the last confirmation.
    pub since: Timestamp,
    /// The most time between two confirmations while live, in milliseconds.
    pub fresh_within_ms: u64,
    /// Why the state is not live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Problem>,
    /// When the origin is asked next, in milliseconds from the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// In the first status of a stream that asked to resume and could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuity: Option<Continuity>,
}

impl Status {
    /// The state of a feed whose data is confirmed since `since`, at least every `fresh_within_ms`.
    pub fn live(since: Timestamp, fresh_within_ms: u64) -> Status {
        Status {
            state: State::Live,
            since,
            fresh_within_ms,
            cause: None,
            retry_in_ms: None,
            continuity: None,
        }
    }

    /// The JSON text of the event's data, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("no map with keys that are not strings, and nothing else can fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProblemKind;

    #[test]
    fn live_says_no_more_than_it_must() {
        let status = Status::live(Timestamp::from_unix_ms(1_769_851_800_250), 550);
        let json = r#"{"state":"live","since":"2026-01-31T09:30:00.250Z","fresh_within_ms":550}"#;
        assert_eq!(status.to_json(), json);
        assert_eq!(serde_json::from_str::<Status>(json).unwrap(), status);
    }

    #[test]
    fn stale_says_why_and_until_when() {
        let status = Status {
            state: State::Stale,
            cause: Some(Problem::new(ProblemKind::OriginUnreachable).with_detail("connection refused")),
            retry_in_ms: Some(1000),
            continuity: Some(Continuity::Unproven),
            ..Status::live(Timestamp::from_unix_ms(0), 500)
        };
        let json = status.to_json();
        assert!(json.contains(r#""cause":{"type":"urn:tidegate:problem:origin-unreachable","#), "{json}");
        assert!(json.ends_with(r#""retry_in_ms":1000,"continuity":"unproven"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }

    #[test]
    fn members_of_later_versions_are_ignored() {
        let json = r#"{"later":[1],"state":"gone","since":"1970-01-01T00:00:00Z","fresh_within_ms":1}"#;
        assert_eq!(serde_json::from_str::<Status>(json).unwrap().state, State::Gone);
        for state in State::ALL {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("{:?}", state.as_str()));
        }
    }
}
