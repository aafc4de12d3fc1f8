//! What a client holds of a representation, and what patches do to it.

use tidegate_core::json::{self, Patch, Value};
use tidegate_wire::Kind;

use super::api::canonical_text;
use super::document::canonical;

/// A representation as a client has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Json(Value),
    Whole(String),
}

impl Content {
    pub(super) fn of(text: &str) -> Content {
        match json::parse(text.as_bytes(), json::MAX_DEPTH) {
            Ok(value) => Content::Json(value),
            Err(_) => Content::Whole(text.to_owned()),
        }
    }

    pub(super) fn canonical(&self) -> String {
        match self {
            Content::Json(value) => canonical(value),
            Content::Whole(text) => canonical_text(text.as_bytes()),
        }
    }

    /// What comes of it by a step of this kind; none where that cannot be applied to it.
    pub(super) fn after(&self, kind: Kind, step: &str) -> Option<Content> {
        let Content::Json(value) = self else { return None };
        Some(Content::Json(match kind {
            Kind::Snapshot => return None,
            Kind::Patch => json::patched(value, &Patch::parse(step.as_bytes()).ok()?).ok()?,
            Kind::Merge => {
                let mut value = value.clone();
                merge(&mut value, json::parse(step.as_bytes(), json::MAX_DEPTH).ok()?);
                value
            }
        }))
    }
}

/// RFC 7396 §2, as it stands there. The model's own: what makes merge patches must not judge them.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if target.as_object().is_none() {
        *target = Value::Object(json::Object::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        match change {
            Value::Null => _ = members.shift_remove(&name),
            change => merge(members.entry(name).or_insert(Value::Null), change),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of RFC 7396, Appendix A.
    #[test]
    fn merging_follows_the_rfc() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(Content::of(target).after(Kind::Merge, patch), Some(Content::of(expected)), "{patch}");
        }
    }
}
