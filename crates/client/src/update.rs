//! What a live resource tells its holder.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::json::{Patch, Value};
use tidegate_wire::Status;

use crate::Disconnect;

/// Where the updates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The server's stream.
    Stream,
    /// The URL offers no stream: it is asked again and again, and the changes are worked out here.
    Polling,
}

/// One thing that happened to a live resource. [`Live::document`](crate::Live::document) is the document as of the
/// update that was returned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// The server answers. Given once for each connection of a stream, and once where the URL is polled.
    Connected {
        /// Where the updates will come from.
        source: Source,
    },
    /// The document is new as a whole.
    Snapshot {
        /// Where it stands in the resource's history; opaque.
        position: String,
        /// The size of what was received for it, as text.
        bytes: usize,
    },
    /// The document changed, by this patch.
    Patched {
        /// Where it stands now; opaque.
        position: String,
        /// The changes, already applied.
        patch: Arc<Patch>,
        /// The size of what was received for it, as text. While polling: of the patch, not of the answer.
        bytes: usize,
    },
    /// The document changed, by this RFC 7396 merge patch. Only in [`Mode::Merge`](crate::Mode::Merge).
    Merged {
        /// Where it stands now; opaque.
        position: String,
        /// The changes, already applied.
        patch: Arc<Value>,
        /// The size of what was received for it, as text.
        bytes: usize,
    },
    /// How fresh the document is kept.
    Status(Status),
    /// There is no connection. The document stays; the client tries again by itself.
    Disconnected {
        /// Why.
        cause: Disconnect,
        /// When it tries again, from now.
        retry_in: Duration,
    },
}

impl Update {
    /// Whether the document is another one now.
    pub fn is_change(&self) -> bool {
        matches!(self, Update::Snapshot { .. } | Update::Patched { .. } | Update::Merged { .. })
    }
}
