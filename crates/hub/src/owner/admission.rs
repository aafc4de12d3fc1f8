//! Who waits for what, and who is let in: subscribers and readers, from their asking to their answer.
//!
//! Invariant: everybody who waits is answered exactly once; whoever is refused, or has left, is not counted any more.

use std::time::Duration;

use http::{StatusCode, header};
use tidegate_core::caching::{Demand, Forward};
use tidegate_core::json::Selection;
use tidegate_core::{Failure, FailureKind, Fetching, Position, Resumed, Settled, State, Time};
use tokio::sync::oneshot;

use super::messages::Refusal;
use super::reads::{JSON, is_outage};
use super::views::NoView;
use super::{Action, Attached, Current, Forwarded, Newcomer, Owner, PortFactory, Reply, Resume};
use crate::shard::{FeedCommand, Manner, NewSubscriber, Start};

/// How often it is looked for subscribers who left while they waited.
const LOOK_FOR_DEPARTED: Duration = Duration::from_millis(100);

/// Somebody who waits for a fetch.
pub(super) enum Waiter {
    Subscriber {
        own: bool,
        newcomer: Newcomer,
        reply: oneshot::Sender<Reply<Attached>>,
    },
    Reader {
        own: bool,
        demand: Demand,
        selection: Option<Selection>,
        why: Forward,
        reply: oneshot::Sender<Reply<Current>>,
    },
}

impl Waiter {
    /// Whether the fetch was begun for this one. Only it may have what the origin meant for one caller.
    fn is_own(&self) -> bool {
        match self {
            Waiter::Subscriber { own, .. } | Waiter::Reader { own, .. } => *own,
        }
    }
}

impl<F: PortFactory> Owner<F> {
    /// Has somebody wait for a fetch, or for one before it that is under way.
    pub(super) fn wait(&mut self, fetch: Fetching, waiter: Waiter) {
        self.waiting.push((fetch, waiter));
        if let Some(awaited) = &self.awaited {
            awaited.send_replace(true);
        }
    }

    /// Attaches a subscriber to its shard, at the position that it can prove; or refuses it, where what it selected is not to
    /// be had.
    pub(super) fn admit(&mut self, now: Time, waiter: Waiter) {
        let (Waiter::Subscriber { newcomer, .. }, Some(head)) = (&waiter, self.outlet.head.clone()) else {
            return;
        };
        let Newcomer { id, shard, resume, coding, wish, terms, .. } = *newcomer;
        let mut content_type =
            self.feed.meta().and_then(|meta| meta.fields.get(header::CONTENT_TYPE).cloned());
        let feed = &self.feed;
        let (view, head, start) = match newcomer.selection.clone() {
            None => {
                let start = starting(resume, |position| feed.resume(position));
                self.outlet.attached(shard, start, terms, coding);
                (self.outlet.id, head, start)
            }
            Some(selection) => match self.views.of(self.id, feed, &selection) {
                Ok(viewed) => {
                    // Whatever it is part of, it is JSON.
                    content_type = Some(JSON);
                    let start = starting(resume, |position| viewed.resume(feed, position));
                    viewed.outlet.attached(shard, start, terms, coding);
                    (viewed.outlet.id, viewed.outlet.head.clone().unwrap_or(head), start)
                }
                Err(NoView::Unselectable(why)) => {
                    return self.refuse(now, waiter, Refusal::Unselectable(why));
                }
                Err(NoView::Full) => return self.refuse(now, waiter, Refusal::TooManyViews),
            },
        };
        let Waiter::Subscriber { reply, .. } = waiter else { return };
        let is_current = start == Start::At(head.offset());
        self.counters.streamed();
        let subscriber = NewSubscriber {
            id,
            start,
            admitted: Box::new(move || {
                reply.send(Reply::Have(Attached { content_type, is_current })).is_ok()
            }),
            manner: Manner { heartbeat: self.route.heartbeat, conflate: self.route.conflate },
            view,
            terms,
            wish,
            port: self.ports.port(view, shard),
            head,
            status: self.status_view(),
            counters: self.counters.clone(),
        };
        self.actions.push(Action::Tell(shard, FeedCommand::Attach(Box::new(subscriber))));
    }

    /// Lets go of subscribers that left while they waited: each would keep a place until the fetch ends.
    pub(super) fn forget_departed(&mut self, now: Time) {
        if now < self.looked + LOOK_FOR_DEPARTED {
            return;
        }
        self.looked = now;
        let left = |waiter: &Waiter| matches!(waiter, Waiter::Subscriber { reply, .. } if reply.is_closed());
        for (_, waiter) in self.waiting.extract_if(.., |(_, waiter)| left(waiter)) {
            if let Waiter::Subscriber { newcomer, .. } = waiter {
                self.feed.handle_unsubscribe(now, newcomer.wish);
            }
        }
    }

    pub(super) fn refuse(&mut self, now: Time, waiter: Waiter, how: Refusal) {
        match waiter {
            Waiter::Subscriber { newcomer, reply, .. } => {
                let _ = reply.send(how.into_reply());
                self.feed.handle_unsubscribe(now, newcomer.wish);
            }
            Waiter::Reader { reply, .. } => {
                let _ = reply.send(how.into_reply());
            }
        }
    }

    pub(super) fn settle(&mut self, now: Time, fetch: Fetching, settled: Settled) {
        if let Some(kind) = self.failure_of(&settled) {
            self.counters.failed(kind);
        }
        let ready: Vec<_> =
            self.waiting.extract_if(.., |(awaited, _)| *awaited <= fetch).map(|(_, waiter)| waiter).collect();
        for waiter in ready {
            let own = waiter.is_own();
            match (&settled, waiter) {
                (Settled::Confirmed, Waiter::Reader { selection, why, reply, .. }) => {
                    let fetched = self.fetched(now, own, why);
                    let _ = reply.send(self.part(selection.as_ref(), fetched));
                }
                (Settled::Confirmed, waiter) => self.admit(now, waiter),
                (Settled::Failed(_), waiter @ Waiter::Subscriber { .. })
                    if self.outlet.head.is_some() && self.feed.status().state != State::Gone =>
                {
                    self.admit(now, waiter);
                }
                (Settled::Failed(failure), Waiter::Reader { demand, selection, why, reply, .. }) => {
                    let reply_to = match self.kept_for_error(now, &demand, Forwarded { why, status: None }) {
                        Some(kept) => Reply::Have(kept),
                        None if self.is_forbidden() && !demand.insists() => {
                            Reply::Unconfirmed(failure.clone())
                        }
                        None => self.failed(own, failure).into_reply(),
                    };
                    let _ = reply.send(self.part(selection.as_ref(), reply_to));
                }
                (Settled::Failed(failure), waiter) => {
                    let refusal = self.failed(own, failure);
                    self.refuse(now, waiter, refusal);
                }
                // The last good state is worth more to a stream than an answer that ends it for good.
                (Settled::Answered(answer), waiter @ Waiter::Subscriber { .. })
                    if answer.passes()
                        && self.outlet.head.is_some()
                        && self.feed.status().state != State::Gone =>
                {
                    self.admit(now, waiter);
                }
                (Settled::Answered(answer), Waiter::Reader { demand, selection, why, reply, .. })
                    if is_outage(answer.status) && self.feed.reusable_on_error(now, &demand) =>
                {
                    let forwarded = Forwarded { why, status: Some(answer.status) };
                    let kept = self.kept_for_error(now, &demand, forwarded);
                    let kept = kept.map_or(Reply::Bypass, Reply::Have);
                    let _ = reply.send(self.part(selection.as_ref(), kept));
                }
                (Settled::Answered(answer), waiter) => {
                    let refusal = match own || self.may_share(&answer.fields) {
                        true => Refusal::Answered(answer.clone()),
                        false => Refusal::Bypass,
                    };
                    self.refuse(now, waiter, refusal);
                }
                (Settled::Unfit(unfit), waiter) => {
                    let raw = if own { self.raw.take() } else { None };
                    let refusal = raw.map_or(Refusal::Bypass, |raw| Refusal::Raw(raw, Some(*unfit)));
                    self.refuse(now, waiter, refusal);
                }
                (Settled::Split(vary), waiter) => self.refuse(now, waiter, Refusal::Split(vary.clone())),
            }
        }
    }

    /// How a fetch failed, if it did. Where nothing is streamed, an answer that cannot be is none: it passes through.
    fn failure_of(&self, settled: &Settled) -> Option<FailureKind> {
        match settled {
            Settled::Confirmed | Settled::Split(_) => None,
            Settled::Failed(failure) => Some(failure.kind),
            Settled::Answered(answer) if self.outlet.head.is_some() || is_error(answer.status) => {
                Some(FailureKind::Status(answer.status))
            }
            Settled::Unfit(unfit) if self.outlet.head.is_some() => Some(unfit.as_failure().kind),
            Settled::Answered(_) | Settled::Unfit(_) => None,
        }
    }

    fn failed(&mut self, own: bool, failure: &Failure) -> Refusal {
        match self.raw.take_if(|_| own) {
            Some(raw) => Refusal::Raw(raw, None),
            None => Refusal::Failed(failure.clone()),
        }
    }
}

/// Where a newcomer stands, which asked to go on from somewhere. `resume` says how a position stands to what it wants.
fn starting(resume: Resume, position: impl FnOnce(Position) -> Resumed) -> Start {
    match resume {
        Resume::Nowhere => Start::Fresh,
        Resume::Foreign => Start::Unproven,
        Resume::From(from) => match position(from) {
            Resumed::From(offset) => Start::At(offset),
            Resumed::Unproven => Start::Unproven,
        },
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
