//! An origin whose answers are held against what a route expects of their heads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use tidegate_core::{Answer, Failure, FailureKind, Outcome, Representation};
use tidegate_hub::{FetchRequest, Fetched, Origin};

use super::Head;
use crate::origin::form_of;

/// Asks an origin, and lets through only answers that are expected.
pub struct Expecting {
    origin: Arc<dyn Origin>,
    head: Arc<Head>,
}

impl Expecting {
    /// The same origin for a route that expects something.
    pub fn new(origin: Arc<dyn Origin>, head: Head) -> Expecting {
        Expecting { origin, head: Arc::new(head) }
    }
}

impl Origin for Expecting {
    fn fetch(&self, request: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let (asked, head) = (self.origin.fetch(request), self.head.clone());
        Box::pin(async move { head.judge(asked.await) })
    }

    fn resource(&self, target: &str) -> String {
        self.origin.resource(target)
    }
}

impl Head {
    /// The same answer, or a failure in its place. A success that is no representation by itself (203 and the like)
    /// becomes one where the route says so.
    pub(super) fn judge(&self, fetched: Fetched) -> Fetched {
        let Fetched { outcome, raw, wire_bytes, waited } = fetched;
        let unexpected = |detail: String| {
            let outcome = Outcome::Failed(Failure::new(FailureKind::Unexpected, detail));
            Fetched { outcome, raw: None, wire_bytes, waited }
        };
        let wrong_status = |status: StatusCode| {
            unexpected(format!("the answer is {status}, which is not among the statuses of `expect`"))
        };
        let wrong_type =
            || unexpected(format!("the answer's media type is not {}, which `expect` names", self.media));
        let outcome = match outcome {
            Outcome::Fresh(_) if !self.statuses.contains(&StatusCode::OK) => {
                return wrong_status(StatusCode::OK);
            }
            Outcome::Fresh(representation) if !self.media.matches(&representation.fields) => {
                return wrong_type();
            }
            Outcome::Answered(answer) if self.statuses.contains(&answer.status) => {
                if !self.media.matches(&answer.fields) {
                    return wrong_type();
                }
                representation(answer)
            }
            // What passes through for its type passes by this, too; what it holds cannot be looked at.
            Outcome::Unfit(_) if raw.as_ref().is_some_and(|raw| !self.media.matches(raw.headers())) => {
                return wrong_type();
            }
            outcome => outcome,
        };
        Fetched { outcome, raw, wire_bytes, waited }
    }
}

fn representation(answer: Answer) -> Outcome {
    match form_of(&answer.fields) {
        Some(form) => Outcome::Fresh(Representation { body: answer.body, form, fields: answer.fields }),
        None => Outcome::Answered(answer),
    }
}
