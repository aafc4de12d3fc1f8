//! What plain readers get of the feed's head, from memory or after a fetch.
//!
//! Whether the head may be used is core's to say; here it is put together, and what was meant for one caller is kept from
//! the others.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tidegate_core::caching::{self, Demand, Forward, Reuse};
use tidegate_core::json::Selection;
use tidegate_core::{Position, Serving, State, Time, Validators, Vary};

use super::{Current, Forwarded, Owner, PortFactory, Reply, Source};

/// What a part of JSON is.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Header fields that are true of the whole and not of a part.
pub const OF_THE_WHOLE: [&str; 13] = [
    "accept-ranges",
    "content-length",
    "content-encoding",
    "content-disposition",
    "content-location",
    "content-range",
    "content-digest",
    "content-md5",
    "repr-digest",
    "digest",
    "etag",
    "last-modified",
    "trailer",
];

impl<F: PortFactory> Owner<F> {
    /// For a plain reader for whom the origin is not asked.
    pub(super) fn served(&self, now: Time, demand: &Demand, serving: Serving) -> Reply<Current> {
        let reuse = match serving {
            Serving::Kept(reuse) => reuse,
            Serving::Failing if self.feed.reusable_on_error(now, demand) => Reuse::IfError,
            Serving::Failing => {
                return match &self.feed.status().cause {
                    Some(cause) if self.is_forbidden() => Reply::Unconfirmed(cause.clone()),
                    Some(cause) => Reply::Failed(cause.clone()),
                    None => Reply::Bypass,
                };
            }
            Serving::Nothing => return Reply::Nothing,
            Serving::Unshared | Serving::After(..) => return Reply::Bypass,
        };
        self.current(now, Source::Memory, Some(reuse), None).map_or(Reply::Bypass, Reply::Have)
    }

    /// For a plain reader whose fetch confirmed the head.
    pub(super) fn fetched(&self, now: Time, own: bool, why: Forward) -> Reply<Current> {
        let stored = self.feed.meta().is_some_and(|meta| meta.control.storable);
        // A 304 brings back an answer, with its `Set-Cookie`, that was made for somebody else.
        let is_its_own = own && !self.unmodified;
        if !is_its_own && !stored {
            return Reply::Bypass;
        }
        let status = if self.unmodified { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let source = if own { Source::Fetched } else { Source::Collapsed };
        let forwarded = Forwarded { why, status: Some(status) };
        self.current(now, source, None, Some(forwarded)).map_or(Reply::Bypass, Reply::Have)
    }

    /// The last good version for a plain reader whose fetch failed, where that will do.
    pub(super) fn kept_for_error(&self, now: Time, demand: &Demand, forwarded: Forwarded) -> Option<Current> {
        let reusable = self.feed.reusable_on_error(now, demand);
        reusable.then(|| self.current(now, Source::Memory, Some(Reuse::IfError), Some(forwarded)))?
    }

    /// Whether it is the head's own fields, or a write, that forbid to serve it unconfirmed.
    pub(super) fn is_forbidden(&self) -> bool {
        let has_head = self.feed.status().state != State::Gone;
        self.feed.meta().filter(|_| has_head).is_some_and(|meta| {
            let forbids = meta.control.always_validated || meta.control.never_stale;
            meta.control.storable && (forbids || self.feed.is_invalidated())
        })
    }

    /// The head for a plain reader.
    fn current(
        &self,
        now: Time,
        source: Source,
        reuse: Option<Reuse>,
        forwarded: Option<Forwarded>,
    ) -> Option<Current> {
        let (published, meta) = (self.outlet.head.clone()?, self.feed.meta()?);
        let mut fields = meta.fields.clone();
        if source != Source::Fetched {
            meta.control.withheld.iter().for_each(|name| _ = fields.remove(name));
        }
        let age_s = meta.age_at(now).as_secs();
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let ttl_s = meta.control.lifetime.map(|lifetime| seconds(lifetime) - seconds(meta.age_at(now)));
        let stored = meta.control.storable;
        Some(Current { published, fields, age_s, ttl_s, stored, source, reuse, forwarded })
    }

    /// The answer for a reader that wants this part of it.
    pub(super) fn part(&mut self, selection: Option<&Selection>, reply: Reply<Current>) -> Reply<Current> {
        match (selection, reply) {
            (Some(selection), Reply::Have(mut current)) => match self.views.glimpse(&self.feed, selection) {
                Ok(published) => {
                    current.published = published;
                    OF_THE_WHOLE.iter().for_each(|name| _ = current.fields.remove(*name));
                    current.fields.insert(header::CONTENT_TYPE, JSON);
                    Reply::Have(current)
                }
                Err(why) => Reply::Unselectable(why),
            },
            (_, reply) => reply,
        }
    }

    /// The validators that the origin gave for the version at a position. For a part those of the head, where that has
    /// the part as its reader knows it: a write that is bound to them cannot overwrite another.
    pub(super) fn validators_at(&mut self, position: Position) -> Option<Validators> {
        let head = self.feed.head()?.position;
        if position.epoch != head.epoch || position.binding == head.binding {
            return self.feed.validators_at(position);
        }
        let selection = self.views.selection_of(head, position)?;
        let part = self.views.glimpse(&self.feed, &selection).ok()?;
        (part.version().position == position).then(|| self.feed.validators_at(head))?
    }

    /// Whether an answer to one caller may go to another with an equal key.
    pub(super) fn may_share(&self, fields: &HeaderMap) -> bool {
        Vary::of(fields).is_covered_by(self.request.considered())
            && caching::may_collapse(fields, self.request.fields().contains_key(header::AUTHORIZATION))
    }
}

/// What counts as the origin being away (RFC 5861 §4).
pub(super) fn is_outage(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}
