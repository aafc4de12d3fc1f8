//! The one place where a failure to get something from the origin becomes a problem that clients are told.

use tidegate_core::{Failure, FailureKind, Phase};
use tidegate_wire::{Problem, ProblemKind};

/// The problem details of a failed fetch.
pub fn problem_of(failure: &Failure) -> Problem {
    let problem = Problem::new(kind_of(failure.kind)).with_detail(failure.detail.clone());
    match failure.kind {
        FailureKind::Status(status) => problem.with_origin_status(status),
        _ => problem,
    }
}

/// The stable code that a failure goes by, towards clients and in what is counted.
pub(crate) fn kind_of(failure: FailureKind) -> ProblemKind {
    match failure {
        FailureKind::Request => ProblemKind::BadRequest,
        FailureKind::Overloaded => ProblemKind::Overloaded,
        FailureKind::Unresolved => ProblemKind::OriginUnresolved,
        FailureKind::Unreachable => ProblemKind::OriginUnreachable,
        FailureKind::Tls => ProblemKind::OriginTls,
        FailureKind::TimedOut(Phase::Connect) => ProblemKind::OriginConnectTimeout,
        FailureKind::TimedOut(Phase::Head) => ProblemKind::OriginTimeout,
        FailureKind::TimedOut(Phase::Body) => ProblemKind::OriginBodyTimeout,
        FailureKind::NoAnswer => ProblemKind::OriginNoAnswer,
        FailureKind::NotHttp => ProblemKind::OriginNotHttp,
        FailureKind::RedirectLoop => ProblemKind::OriginRedirectLoop,
        FailureKind::TooManyRedirects => ProblemKind::OriginTooManyRedirects,
        FailureKind::Status(status) => ProblemKind::of_origin_status(status),
        FailureKind::Truncated => ProblemKind::OriginTruncated,
        FailureKind::WrongLength => ProblemKind::OriginWrongLength,
        FailureKind::TooLarge => ProblemKind::OriginTooLarge,
        FailureKind::Undecodable => ProblemKind::OriginUndecodable,
        FailureKind::NotStreamable => ProblemKind::OriginNotStreamable,
        FailureKind::TypeChanged => ProblemKind::OriginTypeChanged,
        FailureKind::Malformed => ProblemKind::OriginMalformed,
        FailureKind::Unexpected => ProblemKind::OriginUnexpected,
        FailureKind::Lost => ProblemKind::Internal,
    }
}
