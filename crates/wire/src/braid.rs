//! The updates of a Braid subscription (draft-toomim-httpbis-braid-http).

use bytes::Bytes;
use tidegate_core::Form;

use crate::format::{Kind, Update};

/// Blank lines between updates keep the connection alive.
pub const HEARTBEAT: Bytes = Bytes::from_static(b"\r\n");

/// An update: its fields, a blank line, its content, and a blank line.
pub fn update(update: Update<'_>) -> Bytes {
    let Update { kind, position, parent, form, text } = update;
    let content_type = match (kind, form) {
        (Kind::Patch, _) => "application/json-patch+json",
        (Kind::Merge, _) => "application/merge-patch+json",
        (Kind::Snapshot, Form::Json) => "application/json",
        (Kind::Snapshot, Form::Text) => "text/plain; charset=utf-8",
    };
    let mut out = format!("Version: \"{position}\"\r\n");
    if let Some(parent) = parent {
        out.push_str(&format!("Parents: \"{parent}\"\r\n"));
    }
    if kind != Kind::Snapshot {
        out.push_str("Patches: 1\r\n\r\n");
    }
    out.push_str(&format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", text.len()));
    out.push_str("\r\n");
    out.push_str(text);
    out.push_str("\r\n\r\n");
    out.into()
}
