//! The updates of a Braid subscription, as draft-toomim-httpbis-braid-http-04 has them (§3, §4) and as the client of npm's
//! braid-http reads them (checked with version 1.3.80).
//!
//! An update is fields, a blank line and content, whose length is in bytes. A snapshot has its `Content-Length` among the
//! update's fields. A patch comes as `Patches: 1` with fields of its own (§3.5), so that nobody takes it for the
//! representation: `Content-Type` says what sort of patch it is, and because that client takes no patch without a
//! `Content-Range`, there is one. Its unit is none of JSON ranges, which would say that the content replaces what it names:
//! `json-patch` and `merge-patch` are units of ours, and `*` is the whole document, which such patches are about.
//!
//! Blank lines between updates say nothing (§4.2).

use bytes::Bytes;
use tidegate_core::Form;

use crate::format::{Kind, Update};

/// A blank line between updates keeps the connection alive.
pub const HEARTBEAT: Bytes = Bytes::from_static(b"\r\n");

/// An update: its fields, a blank line, its content, and a blank line.
pub fn update(update: Update<'_>) -> Bytes {
    let Update { kind, position, parent, form, text } = update;
    let mut out = format!("Version: \"{position}\"\r\n");
    if let Some(parent) = parent {
        out.push_str(&format!("Parents: \"{parent}\"\r\n"));
    }
    out.push_str(match (kind, form) {
        (Kind::Snapshot, Form::Json) => "Content-Type: application/json\r\n",
        (Kind::Snapshot, Form::Text) => "Content-Type: text/plain; charset=utf-8\r\n",
        (Kind::Patch, _) => {
            "Patches: 1\r\n\r\nContent-Type: application/json-patch+json\r\nContent-Range: json-patch *\r\n"
        }
        (Kind::Merge, _) => {
            "Patches: 1\r\n\r\nContent-Type: application/merge-patch+json\r\nContent-Range: merge-patch *\r\n"
        }
    });
    out.push_str(&format!("Content-Length: {}\r\n\r\n", text.len()));
    out.push_str(text);
    out.push_str("\r\n\r\n");
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::{Binding, Epoch, Offset, Position};

    #[test]
    fn each_kind_of_update() {
        let check = |kind, form, text: &str, fields: &str| {
            let position = |offset| Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(0) };
            let parent = (kind != Kind::Snapshot).then(|| position(1));
            let bytes = super::update(Update { kind, position: position(2), parent, form, text });
            let expected = format!("Version: \"0000000000001.2.0000000\"\r\n{fields}\r\n\r\n{text}\r\n\r\n");
            assert_eq!(std::str::from_utf8(&bytes), Ok(&*expected));
        };
        let json = "Content-Type: application/json\r\nContent-Length: 4";
        check(Kind::Snapshot, Form::Json, "\"ü\"", json);
        check(Kind::Snapshot, Form::Text, "", "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 0");
        check(
            Kind::Patch,
            Form::Json,
            "[]",
            "Parents: \"0000000000001.1.0000000\"\r\nPatches: 1\r\n\r\n\
             Content-Type: application/json-patch+json\r\nContent-Range: json-patch *\r\nContent-Length: 2",
        );
        check(
            Kind::Merge,
            Form::Json,
            "{}",
            "Parents: \"0000000000001.1.0000000\"\r\nPatches: 1\r\n\r\n\
             Content-Type: application/merge-patch+json\r\nContent-Range: merge-patch *\r\nContent-Length: 2",
        );
    }
}
