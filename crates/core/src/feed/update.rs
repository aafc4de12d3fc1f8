//! What a subscriber at some position needs to be at the head.

use std::sync::Arc;

use bytes::Bytes;

use super::Feed;
use crate::document::{Change, Document, change};
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
        match self.window.get(position.offset) {
            Some(version) if ours => Resumed::From(version.position.offset),
            _ => Resumed::Unproven,
        }
    }

    /// The step from the version at `from` to the head; `None` while there is no head.
    ///
    /// Costs a diff of the two documents when `from` is not the version just before the head.
    pub fn update_from(&self, from: Offset) -> Option<Update> {
        let head = self.head()?;
        if from == head.position.offset {
            return Some(Update::None);
        }
        let patch = match (&head.patch, self.window.get(from)) {
            (Some(patch), _) if from.next() == head.position.offset => Some(patch.clone()),
            (_, Some(version)) => match self.change_since(version) {
                Change::Patch(patch) => Some(patch),
                // The net effect is nothing, but the position has to move. Text is never patched, not even with
                // nothing: whoever reads a stream of text need not know what a patch is.
                Change::None if matches!(self.document, Some(Document::Json { .. })) => {
                    Some(Bytes::from_static(b"[]"))
                }
                Change::None | Change::Whole => None,
            },
            (_, None) => None,
        };
        Some(match patch {
            Some(patch) => Update::Patch { to: head.clone(), patch },
            None => Update::Snapshot(head.clone()),
        })
    }

    fn change_since(&self, version: &Version) -> Change {
        // It was a document when it was published, so it is one now; if not, the whole is always right.
        match (Document::new(&version.body, version.form, self.policy.max_depth), &self.document) {
            (Ok(old), Some(head)) => change(&old, head),
            _ => Change::Whole,
        }
    }
}
