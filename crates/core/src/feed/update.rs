//! What a subscriber at some position needs to be at the head.

use std::sync::Arc;

use bytes::Bytes;

use super::Feed;
use crate::document::{Document, Form};
use crate::json;
use crate::position::{Offset, Position};
use crate::window::Version;

/// How a client's last position stands to the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is a version in the window: continue from there.
    From(Offset),
    /// It is unknown, too old, or of another feed: begin with a snapshot.
    Unproven,
}

/// One step to the head.
#[derive(Debug, Clone)]
pub enum Update {
    /// Already there.
    None,
    /// The net effect of all changes in between, as one RFC 6902 patch.
    Patch {
        /// The version it leads to.
        to: Arc<Version>,
        /// The operations, a JSON array.
        patch: Bytes,
    },
    /// The head, whole: because it is smaller, or because what lies between is not known any more.
    Snapshot(Arc<Version>),
}

impl Feed {
    /// How `position` stands to this feed.
    pub fn resume(&self, position: Position) -> Resumed {
        let ours = position.epoch == self.epoch && position.binding == self.binding;
        match self.window.position_of(position.offset) {
            Some(kept) if ours => Resumed::From(kept.offset),
            _ => Resumed::Unproven,
        }
    }

    /// The step from the version at `from` to the head; `None` while there is no head.
    ///
    /// Costs a comparison of the two documents when `from` is not the version just before the head. The patch is never
    /// longer than the patches in between one after another, nor than the snapshot.
    pub fn update_from(&self, from: Offset) -> Option<Update> {
        let head = self.head()?;
        if from == head.position.offset {
            return Some(Update::None);
        }
        let patch = match &head.patch {
            Some(patch) if from.next() == head.position.offset => Some(patch.clone()),
            _ => self.composed_since(from),
        };
        Some(match patch {
            Some(patch) => Update::Patch { to: head.clone(), patch },
            None => Update::Snapshot(head.clone()),
        })
    }

    /// The merge patch (RFC 7396) from the version at `from` to the head, where there is one that says exactly what
    /// changed and is shorter than the whole. Costs parsing the older text and a comparison.
    pub fn merge_from(&self, from: Offset) -> Option<Bytes> {
        let Document::Json(head) = self.head()?.document() else { return None };
        let (body, Form::Json) = self.window.body_of(from)? else { return None };
        let old = json::Document::parse(body, self.policy.max_depth).ok()?;
        json::merge_patch(&old, head)
    }

    /// The net effect since a version; none where that is not known, or the whole is shorter.
    fn composed_since(&self, from: Offset) -> Option<Bytes> {
        // Text is never patched, not even with nothing: whoever reads a stream of text need not know what a patch is.
        let Document::Json(head) = self.head()?.document() else { return None };
        let (body, Form::Json) = self.window.body_of(from)? else { return None };
        let patch = match net_effect(&body, head, self.policy.max_depth, &self.policy.identities) {
            NetEffect::Unknown => return None,
            // The net effect is nothing, but the position has to move.
            NetEffect::Nothing => return Some(Bytes::from_static(b"[]")),
            NetEffect::Patch(patch) => patch,
        };
        let most = patch.as_ref().map_or(head.text_len(), Bytes::len);
        // Each of them was proven, so all of them are right one after another.
        self.window.patches_since(from, most).or(patch)
    }
}

/// What lies between two texts.
pub(crate) enum NetEffect {
    /// Nothing can be said; the whole is always right.
    Unknown,
    /// Nothing.
    Nothing,
    /// This patch; none where the whole is shorter.
    Patch(Option<Bytes>),
}

/// What leads from an older text to a document.
pub(crate) fn net_effect(
    body: &Bytes,
    head: &json::Document,
    max_depth: usize,
    identities: &json::Identities,
) -> NetEffect {
    // It was a document when it was published, but perhaps none that can be patched.
    match json::advance_to(body, head, max_depth, identities).map(|advance| advance.change) {
        Err(_) => NetEffect::Unknown,
        Ok(json::Change::None) => NetEffect::Nothing,
        Ok(json::Change::Patch(patch)) => NetEffect::Patch(Some(patch)),
        Ok(json::Change::Whole) => NetEffect::Patch(None),
    }
}
