//! What a fetch's outcome means for the feed: a version, a confirmation, a failure, an end.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::state::{Cause, Meta, State, Status};
use super::{Ended, Feed, Output, Policy, Settled, Unproven};
use crate::document::{Change, Document, DocumentError, Form, Rules, Step};
use crate::failure::{Failure, FailureKind};
use crate::position::{Offset, Position};
use crate::representation::{Answer, Outcome, Representation, Unfit, Validators, retry_after};
use crate::sharing::Vary;
use crate::time::Time;
use crate::window::Version;

impl Feed {
    /// `sent` is when the request left, which the answer confirms.
    pub(super) fn judge(&mut self, now: Time, sent: Time, outcome: Outcome) -> Settled {
        if let Some(vary) = self.uncovered_vary(&outcome) {
            if !self.window.is_empty() {
                self.end(Ended::Split);
            }
            self.ended = true;
            return Settled::Split(vary);
        }
        match outcome {
            Outcome::NotModified { fields } => self.confirmed_unmodified(now, sent, fields),
            Outcome::Fresh(representation) => self.judge_fresh(now, sent, representation),
            Outcome::Answered(answer) => self.judge_answer(now, answer),
            Outcome::Unfit(Unfit::Slow) if self.window.is_empty() => Settled::Unfit(Unfit::Slow),
            Outcome::Unfit(unfit) => {
                self.failed(now, unfit.as_failure());
                Settled::Unfit(unfit)
            }
            Outcome::Failed(failure) => {
                self.failed(now, failure.clone());
                Settled::Failed(failure)
            }
        }
    }

    fn uncovered_vary(&self, outcome: &Outcome) -> Option<Vary> {
        let vary = match outcome {
            Outcome::NotModified { fields } => Vary::of(fields),
            Outcome::Fresh(representation) => representation.vary(),
            // It says nothing of the representation that is being streamed, and must not cost anybody the stream.
            Outcome::Answered(answer) if answer.passes() && !self.window.is_empty() => return None,
            Outcome::Answered(answer) => Vary::of(&answer.fields),
            Outcome::Unfit(_) | Outcome::Failed(_) => return None,
        };
        (!vary.is_covered_by(&self.considered)).then_some(vary)
    }

    fn confirmed_unmodified(&mut self, now: Time, started: Time, fields: HeaderMap) -> Settled {
        match &mut self.meta {
            Some(meta) if self.status.state != State::Gone => {
                meta.confirm(started, fields);
                self.now_confirmed(now);
                Settled::Confirmed
            }
            _ => {
                let failure =
                    Failure::new(FailureKind::NotHttp, "a 304 answered a request that was not conditional");
                self.failed(now, failure.clone());
                Settled::Failed(failure)
            }
        }
    }

    fn judge_fresh(&mut self, now: Time, started: Time, representation: Representation) -> Settled {
        let vary = representation.vary();
        let Representation { body, form, fields } = representation;
        let returns = self.status.state == State::Gone;
        let meta = Meta::new(started, fields, self.authorized);
        let same_form = self.head().is_none_or(|head| head.form == form);
        let is_heads_body = self.head().is_some_and(|head| head.body == body);
        if !returns && same_form && self.head().is_some() && self.last_body == body {
            self.confirmed_by(meta, is_heads_body);
            self.now_confirmed(now);
            return Settled::Confirmed;
        }
        if !same_form && !returns && !self.is_believed_otherwise(now) {
            let failure = Failure::new(FailureKind::TypeChanged, changed_to(form));
            self.failed(now, failure.clone());
            return Settled::Failed(failure);
        }
        let step = match self.step(&body, form, returns) {
            Ok(step) => step,
            Err(error) => {
                let failure = Failure::new(FailureKind::Malformed, error.to_string());
                self.failed(now, failure.clone());
                return Settled::Failed(failure);
            }
        };
        if let Some(Err(detail)) = self.policy.expect.as_ref().map(|expect| expect.check(&step.document)) {
            let failure = Failure::new(FailureKind::Unexpected, detail);
            self.failed(now, failure.clone());
            return Settled::Failed(failure);
        }
        if !same_form {
            // The heads of the streams have named the media type that their clients parse: only a new stream can
            // name another.
            self.end(Ended::Split);
            return Settled::Split(vary);
        }
        self.tell_unproven(&step, &body);
        self.last_body = body.clone();
        self.head_is_last = step.change != Change::Uncounted;
        if matches!(step.change, Change::None | Change::Uncounted) {
            self.confirmed_by(meta, is_heads_body);
        } else {
            self.publish(body, form, step, meta.validators.clone());
            if returns {
                self.window.forget_before_head();
            }
            self.meta = Some(meta);
        }
        self.now_confirmed(now);
        Settled::Confirmed
    }

    /// An answer came that leaves the head as it is. Its fields hold, but those that describe another body than the head's.
    fn confirmed_by(&mut self, meta: Meta, is_heads_body: bool) {
        match &mut self.meta {
            Some(known) if !is_heads_body => known.replace(meta),
            _ => self.meta = Some(meta),
        }
    }

    /// Has a patch that did not stand its proof counted and logged.
    pub(super) fn tell_unproven(&mut self, step: &Step, body: &Bytes) {
        if let (Some(failed), Some(head)) = (&step.unproven, self.head()) {
            let unproven = Unproven { failed: failed.clone(), old: head.body.clone(), new: body.clone() };
            self.outputs.push_back(Output::Unproven(Box::new(unproven)));
        }
    }

    /// The document in a body, and what leads there from the head: the whole, where there is no head or its resource was
    /// gone meanwhile.
    fn step(&self, body: &Bytes, form: Form, returns: bool) -> Result<Step, DocumentError> {
        let Policy { max_depth, identities, controls, .. } = &self.policy;
        match self.head() {
            Some(head) => {
                let rules = Rules { max_depth: *max_depth, identities, controls };
                let step = head.document().follow(body, form, rules)?;
                Ok(if returns { Step { change: Change::Whole, ..step } } else { step })
            }
            None => Document::new(body, form, *max_depth).map(Step::whole),
        }
    }

    fn publish(&mut self, body: Bytes, form: Form, step: Step, validators: Validators) {
        let offset = self.head().map_or(Offset::FIRST, |head| head.position.offset.next());
        let position = Position { epoch: self.epoch, offset, binding: self.binding };
        let patch = match step.change {
            Change::Patch(patch) => Some(patch),
            Change::None | Change::Uncounted | Change::Whole => None,
        };
        let version = Arc::new(Version::new(position, body, form, step.document, patch, validators));
        self.window.push(version.clone(), step.back);
        self.outputs.push_back(Output::Publish(version));
    }

    fn judge_answer(&mut self, now: Time, answer: Answer) -> Settled {
        let failure = Failure {
            retry_after: retry_after(&answer.fields),
            ..Failure::new(
                FailureKind::Status(answer.status),
                format!("the origin answered {}", answer.status),
            )
        };
        let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if self.window.is_empty() {
            // Nothing to keep, nothing to tell: the answer itself is passed on to whoever asked.
        } else if refused && self.credentialed {
            self.end(Ended::Refused(failure));
        } else if is_gone(answer.status)
            && self.status.state != State::Gone
            && self.is_believed_gone(answer.status == StatusCode::GONE)
        {
            self.now_gone(now, failure);
        } else {
            self.failed(now, failure);
        }
        Settled::Answered(answer)
    }

    fn end(&mut self, ended: Ended) {
        self.ended = true;
        self.outputs.push_back(Output::End(ended));
    }

    pub(super) fn set_state(&mut self, now: Time, state: State, cause: Option<Cause>) {
        // The time of the next try is known once the schedule was asked.
        let retry_at = cause.is_some().then_some(now);
        let sequence = self.status.sequence + 1;
        self.status = Status { state, since: now, cause, retry_at, sequence };
        self.outputs.push_back(Output::Status);
    }
}

/// What is wrong with a document of another sort than the one that is being streamed.
fn changed_to(form: Form) -> &'static str {
    match form {
        Form::Json => "the answer is JSON, and other text is being streamed; if it stays so, the streams end",
        Form::Text => "the answer is no JSON, which is being streamed; if it stays so, the streams end",
    }
}

fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}
