//! What a stream's messages make of the document.
//!
//! A message is taken whole or not at all. What cannot be taken ends the connection, and the position with it, so that
//! the next one begins with a snapshot: whatever a proxy on the way does to the events, nothing is built on what may be
//! missing. See [`is_behind`] for how repeated and reordered events are told.

use std::sync::Arc;

use tidegate_core::Mode;
use tidegate_core::json::{self, Patch};
use tidegate_wire::{Message, json_message};

use super::decoder::Arrived;
use super::{Machine, Now, Pending, Phase};
use crate::order::is_behind;
use crate::{Disconnect, Document, Error, Update};

impl Machine {
    /// Takes what has arrived. Gives what that changes for the holder.
    pub(super) fn take_arrived(&mut self, now: Now, arrived: &Arrived) -> Option<Update> {
        match self.take(arrived) {
            Ok(update) => {
                if matches!(update, Some(Update::Snapshot { .. })) && self.settings.wishes.mode == Mode::First
                {
                    self.end(Error::Complete);
                }
                update
            }
            Err(what) => {
                self.position = None;
                // What comes after it builds on it.
                self.pending.retain(|pending| matches!(pending, Pending::Update(_)));
                if matches!(self.phase, Phase::Streaming { .. }) {
                    self.disconnect(now, Disconnect::Malformed(what), None);
                }
                None
            }
        }
    }

    fn take(&mut self, arrived: &Arrived) -> Result<Option<Update>, String> {
        let (retry, message) = arrived.read().map_err(|error| error.to_string())?;
        if let Some(ms) = retry {
            self.backoff.set_server_retry(ms);
        }
        let update = match message {
            Message::Unknown => return Ok(None),
            Message::Status(status) => Update::Status(status),
            Message::Snapshot { position, text } => {
                self.check_order(position)?;
                let unquoted = match self.streams_json || !arrived.quotes_text() {
                    true => None,
                    false => Some(json_message::read_string(text).map_err(|error| error.to_string())?),
                };
                self.document = Some(match unquoted {
                    Some(text) => Document::Text(text),
                    None => Document::read(text, self.streams_json),
                });
                self.position = Some(position.to_owned());
                Update::Snapshot { position: position.to_owned(), bytes: text.len() }
            }
            Message::Patch { position, text } => {
                if self.is_repeated(position)? {
                    return Ok(None);
                }
                let patch = Patch::parse(text.as_bytes()).map_err(|error| format!("a patch ({error})"))?;
                let value = self.value("a patch")?;
                json::apply_in_place(value, &patch)
                    .map_err(|error| format!("a patch that does not fit the document ({error})"))?;
                let position = self.moved_to(position);
                Update::Patched { position, patch: Arc::new(patch), bytes: text.len() }
            }
            Message::Merge { position, text } => {
                if self.is_repeated(position)? {
                    return Ok(None);
                }
                let patch = json::parse(text.as_bytes(), json::MAX_DEPTH)
                    .map_err(|error| format!("a merge patch ({error})"))?;
                json::merge_in_place(self.value("a merge patch")?, &patch);
                let position = self.moved_to(position);
                Update::Merged { position, patch: Arc::new(patch), bytes: text.len() }
            }
        };
        if let Phase::Streaming { worked, .. } = &mut self.phase {
            *worked = true;
        }
        Ok(Some(update))
    }

    /// Within an epoch nothing goes backwards: whatever does was kept or reordered on the way.
    fn check_order(&self, position: &str) -> Result<(), String> {
        match &self.position {
            Some(held) if is_behind(position, held) => {
                Err(format!("an event that is older than what it sent before ({position} after {held})"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the document is at this position already. An error where a step to it cannot begin here.
    fn is_repeated(&self, position: &str) -> Result<bool, String> {
        match &self.position {
            None => Err("a change without a snapshot before it".to_owned()),
            Some(held) if held == position => Ok(true),
            Some(_) => self.check_order(position).map(|()| false),
        }
    }

    fn value(&mut self, what: &str) -> Result<&mut json::Value, String> {
        match &mut self.document {
            Some(Document::Json(value)) => Ok(value),
            _ => Err(format!("{what} of what is not JSON")),
        }
    }

    fn moved_to(&mut self, position: &str) -> String {
        self.position = Some(position.to_owned());
        position.to_owned()
    }
}
