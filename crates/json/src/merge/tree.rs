//! The same for trees, for those who hold one.

use crate::{Object, Value};

/// Applies a merge patch (RFC 7396 §2) to a tree. It cannot fail: every JSON value is a merge patch.
///
/// Members that it changes keep their places, and new ones come behind the others, in the patch's order. Costs the size of
/// the patch, and for each member that is removed a move of those behind it.
///
/// ```
/// use tidegate_json::{MAX_DEPTH, merge_in_place, parse};
/// let mut value = parse(br#"{"a":1.10,"b":{"c":[1],"d":2}}"#, MAX_DEPTH)?;
/// merge_in_place(&mut value, &parse(br#"{"b":{"c":[null],"d":null},"e":{"g":null}}"#, MAX_DEPTH)?);
/// assert_eq!(value.to_text(), r#"{"a":1.10,"b":{"c":[null]},"e":{}}"#);
/// # Ok::<(), tidegate_json::ParseError>(())
/// ```
pub fn merge_in_place(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *value = patch.clone();
        return;
    };
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Object::new());
    }
    let Value::Object(members) = value else { return };
    for (name, change) in changes {
        match change {
            Value::Null => {
                members.shift_remove(name);
            }
            _ => merge_in_place(members.entry(name.clone()).or_insert(Value::Null), change),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Document, MAX_DEPTH, apply_merge, parse};

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("null"), Just("1.10"), Just("\"x\""), Just("[null,{\"a\":null}]")];
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            })
        })
    }

    proptest! {
        #[test]
        fn trees_and_texts_come_to_the_same(old in json(), patch in json()) {
            let read = |text: &str| parse(text.as_bytes(), MAX_DEPTH).unwrap();
            let mut value = read(&old);
            merge_in_place(&mut value, &read(&patch));
            let merged = apply_merge(&Document::parse(old, MAX_DEPTH).unwrap(), patch.as_bytes()).unwrap();
            let text = value.to_text();
            prop_assert_eq!(text.as_bytes(), &merged.text()[..]);
        }
    }
}
