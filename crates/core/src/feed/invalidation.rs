//! What a write to the resource does to its feed (RFC 9111 §4.4).
//!
//! Whoever made the write has its answer already, or gets it next. From then on nothing that was asked for earlier may
//! pass for what the write left behind:
//! - A fetch under way is suspect: its answer may be older than the write. It is thrown away when it comes, and made
//!   again; so there is still one fetch at a time.
//! - The head waits for validation: plain readers and new subscribers wait for a fetch that began after the write.
//! - A watched feed is fetched at once. One that nobody watches waits for whoever comes next.

use super::{Feed, InFlight};
use crate::time::Time;

/// So many answers in a row are thrown away because of writes. The one after them is taken though it is suspect, and
/// another fetch follows it: a resource that is written all the time still moves, and is still never confirmed by an
/// answer that may be older than the last write.
const MOST_DISCARDED: u32 = 3;

impl Feed {
    /// The resource was written to, or may have been. To be told before the writer is.
    pub fn handle_invalidated(&mut self, now: Time) {
        if self.ended {
            return;
        }
        self.invalidated = true;
        if let Some(current) = &mut self.in_flight {
            current.suspect = true;
        } else if self.is_polling(now) {
            self.begin_fetch(now);
        }
        // A message may find a feed that was just begun, and has nobody yet.
        self.retire_if_idle(now);
    }

    /// Whether a write came that no fetch has seen the result of.
    pub fn is_invalidated(&self) -> bool {
        self.invalidated
    }

    /// Whether the answer of a fetch is to be thrown away, and asked for again.
    pub(super) fn discards(&mut self, current: &InFlight) -> bool {
        let discards = current.suspect && self.discarded < MOST_DISCARDED;
        self.discarded = if discards { self.discarded + 1 } else { 0 };
        discards
    }
}
