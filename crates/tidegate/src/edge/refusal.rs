//! What is answered in the place of what was asked for.
//!
//! The one place where the hub's refusals become HTTP; `hub/problems.rs` says what a failure is called.

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use tidegate_core::{Answer, Failure};
use tidegate_hub::{Body, Refused, problem_of};
use tidegate_wire::{Blame, Problem, ProblemKind};
use tracing::error;

use super::answer;

/// The answer to somebody who does not get a stream or a representation.
pub(super) fn of(refused: Refused) -> Response<Body> {
    let problem = match refused {
        Refused::Failed(failure) => return failed(&failure),
        Refused::Unconfirmed(failure) => return unconfirmed(&failure),
        Refused::Answered(answer) => return answered(*answer),
        Refused::Raw(raw, _) => return passed_on(*raw),
        Refused::TooManyFeeds => Problem::new(ProblemKind::TooManyFeeds)
            .with_detail("as many resources are watched as `max_feeds` allows"),
        Refused::TooManyPrivateFeeds => Problem::new(ProblemKind::TooManyFeeds)
            .with_detail("as many resources are watched for one caller each as `max_private_feeds` allows"),
        Refused::TooManyStreams => Problem::new(ProblemKind::TooManyStreams)
            .with_detail("as many streams are open as `max_streams` allows"),
        Refused::TooManyOfFeed => Problem::new(ProblemKind::TooManyStreams)
            .with_detail("as many streams of this resource are open as `max_streams_per_feed` allows"),
        Refused::Unselectable(why) => Problem::new(ProblemKind::NotSelectable).with_detail(why.to_string()),
        Refused::TooManyViews => Problem::new(ProblemKind::TooManySelections)
            .with_detail("as many parts of this resource are watched as can be; ask for a part that others watch, or the whole"),
        Refused::Closing => {
            Problem::new(ProblemKind::ShuttingDown).with_detail("another instance will answer")
        }
        Refused::Lost | Refused::Bypass | Refused::NotKept => {
            error!("a request was lost inside the gateway");
            Problem::new(ProblemKind::Internal).with_detail("the gateway lost this request")
        }
    };
    told(&problem)
}

/// A failure of the origin as an answer.
pub(super) fn failed(failure: &Failure) -> Response<Body> {
    let mut response = told(&problem_of(failure));
    if let Some(wait) = failure.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    response
}

/// What may only be served confirmed, while it cannot be: 504, whatever the reason (RFC 9111 §5.2.2.2).
fn unconfirmed(failure: &Failure) -> Response<Body> {
    let mut problem = problem_of(failure);
    problem.status = Some(http::StatusCode::GATEWAY_TIMEOUT.as_u16());
    told(&problem)
}

/// A problem as an answer. What the gateway refuses for load says when to come back, spread so that not all come at
/// once.
pub(super) fn told(problem: &Problem) -> Response<Body> {
    let overloaded = problem.known().is_some_and(|kind| {
        kind.blame() == Blame::Gateway && kind.status() == http::StatusCode::SERVICE_UNAVAILABLE
    });
    let retry_after = overloaded.then(|| 1 + getrandom::u32().map_or(0, |bits| u64::from(bits % 5)));
    answer::problem(problem, retry_after)
}

/// Connections are refused at the door; what is asked on one that was there before is refused with this.
pub(super) fn short_of_memory() -> Problem {
    Problem::new(ProblemKind::Overloaded)
        .with_detail("the gateway's memory runs short; what is open comes first")
}

/// The origin's own answer, complete.
fn answered(answer: Answer) -> Response<Body> {
    let Answer { status, fields, body } = answer;
    let mut response = Response::new(answer::full(body.clone()));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    answer::via(response.headers_mut());
    if !body.is_empty() {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    response
}

/// The origin's own answer, on its way.
pub(super) fn passed_on(mut response: Response<Body>) -> Response<Body> {
    answer::via(response.headers_mut());
    response
}
