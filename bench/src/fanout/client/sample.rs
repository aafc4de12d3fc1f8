//! The document of a connection that is checked to the last byte.
//!
//! Only a sample of the connections keeps one: applying each patch in each client would measure the client.

use tidegate_json::{MAX_DEPTH, Patch, Value, apply_in_place, parse};

use crate::fanout::scan::Event;

/// A copy of the resource, kept as any client would.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    value: Option<Value>,
    /// Events that could not be applied.
    pub(crate) failures: u64,
}

impl Sample {
    /// Takes an event: a patch is applied, anything else that is JSON and not a status is the whole document.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        let taken = match event.kind {
            b"status" => true,
            b"patch" => self.patch(event.data),
            _ => {
                self.value = parse(event.data, MAX_DEPTH).ok();
                self.value.is_some()
            }
        };
        self.failures += u64::from(!taken);
    }

    fn patch(&mut self, text: &[u8]) -> bool {
        let (Some(value), Ok(patch)) = (&mut self.value, Patch::parse(text)) else { return false };
        apply_in_place(value, &patch).is_ok()
    }

    /// Whether it holds exactly this text's value: numbers by their text, members in any order.
    pub(crate) fn holds(&self, text: &[u8]) -> bool {
        parse(text, MAX_DEPTH).ok().is_some_and(|expected| self.value.as_ref() == Some(&expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(kind: &'a str, data: &'a str) -> Event<'a> {
        Event { kind: kind.as_bytes(), id: b"", data: data.as_bytes() }
    }

    #[test]
    fn snapshots_patches_and_plain_messages() {
        let mut sample = Sample::default();
        sample.take(&event("patch", "[]"));
        assert_eq!(sample.failures, 1, "a patch of nothing");
        sample.take(&event("snapshot", r#"{"a":1.10,"b":2}"#));
        sample.take(&event("status", r#"{"state":"live"}"#));
        assert!(sample.holds(br#"{"a":1.10,"b":2}"#));
        assert!(!sample.holds(br#"{"a":1.1,"b":2}"#), "numbers keep their text");
        sample.take(&event("patch", r#"[{"op":"replace","path":"/a","value":7}]"#));
        assert!(sample.holds(br#"{"a":7,"b":2}"#));
        sample.take(&event("patch", r#"[{"op":"remove","path":"/x"}]"#));
        sample.take(&event("", "[3]"));
        assert!(sample.holds(b"[3]"));
        assert_eq!(sample.failures, 2);
    }
}
