//! What can go wrong: for a while ([`Disconnect`]), and for good ([`Error`]).

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use tidegate_wire::{Problem, ProblemKind};

/// Why there is no connection at the moment. The client tries again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disconnect {
    /// No connection could be made.
    Unreachable(String),
    /// There was no answer in this time.
    TimedOut(Duration),
    /// Nothing, not even a heartbeat, came for this time.
    Silent(Duration),
    /// The server ended the stream.
    Closed,
    /// The connection broke.
    Broken(String),
    /// The server cannot answer now (5xx, 408, 425, 429).
    Answered {
        /// The answer's status.
        status: StatusCode,
        /// Its explanation, if it was problem details.
        problem: Option<Problem>,
    },
    /// The caller's own function had no header fields to give.
    NoFields(String),
    /// What came cannot be: an event that cannot be read, a patch that does not fit, an event that is
    /// older than what came before it, a body that is not what its header says.
    Malformed(String),
}

impl Disconnect {
    /// The same as problem details, for the status of a polled resource.
    pub(crate) fn to_problem(&self) -> Problem {
        let kind = match self {
            Disconnect::NoFields(_) => ProblemKind::TokenMissing,
            Disconnect::Unreachable(_) => ProblemKind::OriginUnreachable,
            Disconnect::TimedOut(_) | Disconnect::Silent(_) => ProblemKind::OriginTimeout,
            Disconnect::Answered { status, .. } => {
                let problem =
                    Problem::new(ProblemKind::of_origin_status(*status)).with_origin_status(*status);
                return problem.with_detail(self.to_string());
            }
            Disconnect::Closed => ProblemKind::OriginNoAnswer,
            Disconnect::Broken(_) => ProblemKind::OriginTruncated,
            Disconnect::Malformed(_) => ProblemKind::OriginMalformed,
        };
        Problem::new(kind).with_detail(self.to_string())
    }
}

fn fmt_answer(f: &mut fmt::Formatter<'_>, status: StatusCode, problem: Option<&Problem>) -> fmt::Result {
    write!(f, "the server answered {status}")?;
    match problem {
        Some(problem) => write!(f, " ({problem})"),
        None => Ok(()),
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disconnect::Unreachable(why) => write!(f, "no connection: {why}"),
            Disconnect::TimedOut(after) => write!(f, "no answer within {} s", after.as_secs_f64()),
            Disconnect::Silent(after) => write!(f, "nothing received for {} s", after.as_secs_f64()),
            Disconnect::Closed => f.write_str("the server closed the stream"),
            Disconnect::Broken(why) => write!(f, "the connection broke: {why}"),
            Disconnect::Answered { status, problem } => fmt_answer(f, *status, problem.as_ref()),
            Disconnect::NoFields(why) => write!(f, "no header fields for the request: {why}"),
            Disconnect::Malformed(what) => write!(f, "the server sent what it should not: {what}"),
        }
    }
}

impl std::error::Error for Disconnect {}

/// Why the client has ended: trying again would not help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Nothing went wrong: there is nothing more to come. [`Mode::First`](crate::Mode::First) has given its snapshot, or
    /// the server says that whoever holds this document need not come back (204).
    Complete,
    /// The server refuses the request (4xx), or says that there is nothing to read (2xx without content).
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// Its explanation, if it was problem details.
        problem: Option<Problem>,
    },
    /// The resource is elsewhere. Redirects are not followed, because credentials must not go to another place
    /// unasked.
    Redirected {
        /// The answer's status.
        status: StatusCode,
        /// Where to, as the server wrote it.
        location: Option<String>,
    },
    /// The URL answers an event stream that is not one of Tidegate's.
    ForeignStream,
    /// The URL offers no stream, and polling is switched off.
    NoStream,
    /// The representation is neither JSON nor text in UTF-8.
    NotText {
        /// Its media type.
        content_type: String,
    },
    /// The URL is polled, and what it answers has no parts that could be selected.
    Unselectable {
        /// Why not.
        reason: String,
    },
    /// The representation is over the limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Complete => f.write_str("there is nothing more to come"),
            Error::Refused { status, problem } => fmt_answer(f, *status, problem.as_ref()),
            Error::Redirected { status, location: Some(location) } => {
                write!(f, "the server answered {status} and points to {location}")
            }
            Error::Redirected { status, location: None } => write!(f, "the server answered {status}"),
            Error::ForeignStream => {
                f.write_str("the URL answers an event stream that is not a live resource")
            }
            Error::NoStream => f.write_str("the URL offers no stream"),
            Error::NotText { content_type } => write!(f, "the representation ({content_type}) is not text"),
            Error::Unselectable { reason } => write!(f, "no part can be selected: {reason}"),
            Error::TooLarge { limit } => write!(f, "the representation is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for Error {}
