//! The one place where a failure to get something from the origin becomes a problem that clients are told.

use http::StatusCode;
use tidegate_core::{Failure, FailureKind};
use tidegate_wire::{Problem, ProblemKind};

/// The problem details of a failed fetch.
pub fn problem_of(failure: &Failure) -> Problem {
    let kind = match failure.kind {
        FailureKind::Unreachable => ProblemKind::OriginUnreachable,
        FailureKind::Overloaded => ProblemKind::Overloaded,
        FailureKind::TimedOut(_) => ProblemKind::OriginTimeout,
        FailureKind::Broken | FailureKind::Malformed => ProblemKind::OriginMalformed,
        FailureKind::TooLarge => ProblemKind::OriginTooLarge,
        FailureKind::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => ProblemKind::OriginRefused,
        FailureKind::Status(StatusCode::NOT_FOUND | StatusCode::GONE) => ProblemKind::Gone,
        FailureKind::Status(_) => ProblemKind::OriginError,
    };
    let problem = Problem::new(kind).with_detail(failure.detail.clone());
    match failure.kind {
        FailureKind::Status(status) => problem.with_origin_status(status),
        _ => problem,
    }
}
