//! RFC 6902 patches: the operations, and their text.

use std::fmt;

use super::write::{Sink, write, write_string};
use super::{MAX_DEPTH, ParseError, ParsePointerError, Pointer, Value, parse};

/// Operations that are applied one after another; a patch applies whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch(pub Vec<Op>);

/// One operation (RFC 6902 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Inserts an element before the index (or at the end, with `-`), or sets a member, or the document.
    Add {
        /// Where; all but the last token must exist.
        path: Pointer,
        /// What.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// What; it must exist.
        path: Pointer,
    },
    /// Puts a value in the place of what is there.
    Replace {
        /// Where; it must exist.
        path: Pointer,
        /// What.
        value: Value,
    },
    /// A remove at `from`, then an add of what was removed at `path`.
    Move {
        /// What; it must exist, and `path` must not lie inside it.
        from: Pointer,
        /// Where to, as of the document without what moves.
        path: Pointer,
    },
    /// An add of what is at `from`.
    Copy {
        /// What; it must exist.
        from: Pointer,
        /// Where to.
        path: Pointer,
    },
    /// Fails the patch unless the value there equals this one, with numbers compared by what they denote.
    Test {
        /// Where; it must exist.
        path: Pointer,
        /// What must be there.
        value: Value,
    },
}

impl Op {
    /// The operation's target.
    pub fn path(&self) -> &Pointer {
        match self {
            Op::Add { path, .. }
            | Op::Remove { path }
            | Op::Replace { path, .. }
            | Op::Move { path, .. }
            | Op::Copy { path, .. }
            | Op::Test { path, .. } => path,
        }
    }

    /// The operation's name in the text.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Add { .. } => "add",
            Op::Remove { .. } => "remove",
            Op::Replace { .. } => "replace",
            Op::Move { .. } => "move",
            Op::Copy { .. } => "copy",
            Op::Test { .. } => "test",
        }
    }

    fn from_value(value: Value) -> Result<Op, OpError> {
        let Value::Object(mut members) = value else { return Err(OpError::NotAnObject) };
        let operation = RawOp::read(|name| {
            let member = members.get(name)?;
            Some((member.as_str().map(str::to_owned), ()))
        })?;
        let mut value = || members.swap_remove("value").ok_or(OpError::MissingMember("value"));
        let from = operation.from.ok_or(OpError::MissingMember("from"));
        let path = operation.path;
        Ok(match operation.kind {
            OpKind::Add => Op::Add { path, value: value()? },
            OpKind::Remove => Op::Remove { path },
            OpKind::Replace => Op::Replace { path, value: value()? },
            OpKind::Move => Op::Move { from: from?, path },
            OpKind::Copy => Op::Copy { from: from?, path },
            OpKind::Test => Op::Test { path, value: value()? },
        })
    }

    fn write(&self, out: &mut impl Sink) {
        out.put("{\"op\":\"");
        out.put(self.name());
        out.put("\"");
        if let Op::Move { from, .. } | Op::Copy { from, .. } = self {
            out.put(",\"from\":");
            write_string(out, from.as_str());
        }
        out.put(",\"path\":");
        write_string(out, self.path().as_str());
        if let Op::Add { value, .. } | Op::Replace { value, .. } | Op::Test { value, .. } = self {
            out.put(",\"value\":");
            write(out, value);
        }
        out.put("}");
    }
}

/// The kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpKind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// An operation as its members say it; every kind has the members that it needs.
pub(crate) struct RawOp<V> {
    pub(crate) kind: OpKind,
    pub(crate) path: Pointer,
    pub(crate) from: Option<Pointer>,
    pub(crate) value: Option<V>,
}

impl<V> RawOp<V> {
    /// Reads an operation. `member` gives a member: its text, where it is a string, and whatever stands for its value.
    pub(crate) fn read(
        member: impl Fn(&'static str) -> Option<(Option<String>, V)>,
    ) -> Result<RawOp<V>, OpError> {
        let string = |name: &'static str| match member(name) {
            None => Err(OpError::MissingMember(name)),
            Some((None, _)) => Err(OpError::NotAString(name)),
            Some((Some(text), _)) => Ok(text),
        };
        let pointer = |name: &'static str| {
            Pointer::parse(&string(name)?).map_err(|error| OpError::BadPointer { member: name, error })
        };
        let name = string("op")?;
        let kind = match name.as_str() {
            "add" => OpKind::Add,
            "remove" => OpKind::Remove,
            "replace" => OpKind::Replace,
            "move" => OpKind::Move,
            "copy" => OpKind::Copy,
            "test" => OpKind::Test,
            _ => return Err(OpError::UnknownOp(name)),
        };
        let from = match kind {
            OpKind::Move | OpKind::Copy => Some(pointer("from")?),
            _ => None,
        };
        let path = pointer("path")?;
        let value = match kind {
            OpKind::Add | OpKind::Replace | OpKind::Test => {
                Some(member("value").ok_or(OpError::MissingMember("value"))?.1)
            }
            _ => None,
        };
        Ok(RawOp { kind, path, from, value })
    }
}

impl Patch {
    /// Parses a patch. Members that RFC 6902 does not name are ignored; the values in it may nest to
    /// [`MAX_DEPTH`].
    ///
    /// ```
    /// use tidegate_json::Patch;
    /// let text = r#"[{"op":"replace","path":"/last","value":101.10},{"op":"remove","path":"/bid"}]"#;
    /// assert_eq!(Patch::parse(text.as_bytes())?.to_text(), text);
    /// # Ok::<(), tidegate_json::PatchError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Patch, PatchError> {
        // A value in a patch lies two levels down: in the array, in the operation.
        Patch::from_value(parse(text, MAX_DEPTH + 2)?)
    }

    /// Reads a patch from its parsed text.
    pub fn from_value(value: Value) -> Result<Patch, PatchError> {
        let Value::Array(operations) = value else { return Err(PatchError::NotAnArray) };
        let read = |(index, value)| Op::from_value(value).map_err(|error| PatchError::Op { index, error });
        operations.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Patch)
    }

    /// Whether it changes and tests nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patch as compact JSON, number texts as they are in its values.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Appends the patch as compact JSON, which is UTF-8.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    fn write(&self, out: &mut impl Sink) {
        out.put("[");
        for (place, operation) in self.0.iter().enumerate() {
            if place > 0 {
                out.put(",");
            }
            operation.write(out);
        }
        out.put("]");
    }
}

impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Why a text is not a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchError {
    /// It is not a document. A member that an operation has twice is refused here (RFC 6902 appendix A.13).
    Json(ParseError),
    /// It is a document, but not an array.
    NotAnArray,
    /// An operation is wrong.
    Op {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        error: OpError,
    },
}

/// Why a value is not an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpError {
    /// It is not an object.
    NotAnObject,
    /// It lacks a member that its kind needs.
    MissingMember(&'static str),
    /// This member must be a string.
    NotAString(&'static str),
    /// RFC 6902 has no operation of this name.
    UnknownOp(String),
    /// A member that should be a pointer is none.
    BadPointer {
        /// `path` or `from`.
        member: &'static str,
        /// What is wrong with it.
        error: ParsePointerError,
    },
}

impl From<ParseError> for PatchError {
    fn from(error: ParseError) -> Self {
        PatchError::Json(error)
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::Json(error) => error.fmt(f),
            PatchError::NotAnArray => f.write_str("a patch is an array of operations"),
            PatchError::Op { index, error } => write!(f, "operation {index}: {error}"),
        }
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpError::NotAnObject => f.write_str("not an object"),
            OpError::MissingMember(member) => write!(f, "no `{member}`"),
            OpError::NotAString(member) => write!(f, "`{member}` is not a string"),
            OpError::UnknownOp(name) => write!(f, "unknown operation {name:?}"),
            OpError::BadPointer { member, error } => write!(f, "`{member}`: {error}"),
        }
    }
}

impl std::error::Error for PatchError {}

impl std::error::Error for OpError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_round_trips() {
        let text = concat!(
            r#"[{"op":"add","path":"/a~1b/-","value":{"x":[1.10,null]}},{"op":"remove","path":"/"},"#,
            r#"{"op":"replace","path":"","value":1E5},{"op":"move","from":"/a","path":"/b\"\n"},"#,
            r#"{"op":"copy","from":"/é","path":"/c"},{"op":"test","path":"/d","value":"t"}]"#
        );
        let patch = Patch::parse(text.as_bytes()).unwrap();
        assert_eq!(patch.to_text(), text);
        assert_eq!(patch.to_string(), text);
        let mut bytes = Vec::new();
        patch.write_to(&mut bytes);
        assert_eq!(bytes, text.as_bytes());
        assert_eq!(Patch::parse(b"[]"), Ok(Patch::default()));
        assert!(Patch::default().is_empty() && !patch.is_empty());
    }

    #[test]
    fn order_and_other_members_do_not_matter() {
        let patch = br#"[{"value":null,"x":{"op":"add"},"path":"/a","from":7,"op":"add"}]"#;
        assert_eq!(Patch::parse(patch).unwrap().to_text(), r#"[{"op":"add","path":"/a","value":null}]"#);
    }

    #[test]
    fn refuses_and_names_the_operation() {
        let good = r#"{"op":"remove","path":"/a"}"#;
        for (op, error, message) in [
            ("7", OpError::NotAnObject, "operation 1: not an object"),
            ("{}", OpError::MissingMember("op"), "operation 1: no `op`"),
            (r#"{"op":1,"path":""}"#, OpError::NotAString("op"), "operation 1: `op` is not a string"),
            (
                r#"{"op":"spam","path":""}"#,
                OpError::UnknownOp("spam".into()),
                "operation 1: unknown operation \"spam\"",
            ),
            (r#"{"op":"add","value":1}"#, OpError::MissingMember("path"), "operation 1: no `path`"),
            (r#"{"op":"add","path":""}"#, OpError::MissingMember("value"), "operation 1: no `value`"),
            (r#"{"op":"replace","path":""}"#, OpError::MissingMember("value"), "operation 1: no `value`"),
            (r#"{"op":"test","path":""}"#, OpError::MissingMember("value"), "operation 1: no `value`"),
            (r#"{"op":"remove"}"#, OpError::MissingMember("path"), "operation 1: no `path`"),
            (r#"{"op":"move","path":""}"#, OpError::MissingMember("from"), "operation 1: no `from`"),
            (r#"{"op":"copy","from":""}"#, OpError::MissingMember("path"), "operation 1: no `path`"),
            (
                r#"{"op":"remove","path":null}"#,
                OpError::NotAString("path"),
                "operation 1: `path` is not a string",
            ),
            (
                r#"{"op":"copy","from":"x","path":""}"#,
                OpError::BadPointer { member: "from", error: ParsePointerError::NoLeadingSlash },
                "operation 1: `from`: a pointer is empty or begins with `/`",
            ),
        ] {
            let refused = Patch::parse(format!("[{good},{op}]").as_bytes()).expect_err(op);
            assert_eq!(refused, PatchError::Op { index: 1, error });
            assert_eq!(refused.to_string(), message);
        }
        assert_eq!(Patch::parse(good.as_bytes()), Err(PatchError::NotAnArray));
        assert!(matches!(
            Patch::parse(br#"[{"op":"add","op":"remove","path":""}]"#),
            Err(PatchError::Json(_))
        ));
    }

    #[test]
    fn the_deepest_document_fits_in_a_patch() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let patch = |depth| format!(r#"[{{"op":"add","path":"","value":{}}}]"#, nested(depth));
        assert!(Patch::parse(patch(MAX_DEPTH).as_bytes()).is_ok());
        assert!(Patch::parse(patch(MAX_DEPTH + 1).as_bytes()).is_err());
    }
}
