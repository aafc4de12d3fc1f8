//! JSON documents that keep the origin's number texts and member order, and the patches between them.
//!
//! - [`Value`]: the tree. [`Number`] keeps its text: `1.10` stays `1.10`.
//! - [`parse()`]: strict RFC 8259, with every refusal a kind of its own; [`compact()`] for a text that stays text.
//! - [`Patch`], [`apply()`], [`apply_in_place()`]: RFC 6902 over RFC 6901 pointers.
//! - [`diff()`]: from two values to a patch that is right.
//! - [`JsonPath`]: RFC 9535, by evaluation and by location; [`FieldControls`]: which differences count.
//!
//! Every function here that walks a document recurses over its nesting. [`MAX_DEPTH`] bounds that: parse with it
//! (or less), and nothing in this module overflows a stack; patches cannot deepen a document beyond it.

mod apply;
mod change;
mod compact;
mod delta;
mod diff;
mod document;
mod fields;
mod identities;
mod keys;
mod merge;
mod number;
mod overlay;
mod parse;
mod patch;
mod path;
mod pointer;
#[cfg(test)]
mod properties;
mod prove;
mod search;
mod strings;
mod value;
mod write;

pub use apply::{ApplyError, ApplyErrorKind, apply_in_place, patched};
pub use change::{
    Advance, ApplyTextError, Change, Failed, advance, advance_to, advance_unproven, apply, compose,
    concatenate, diff, tree_diff,
};
pub use compact::compact;
pub use delta::{Delta, Rewound};
pub use document::Document;
pub use fields::{FieldControls, Tolerance};
pub use identities::{Identities, NotLocal};
pub use merge::merge_patch;
pub use number::{Number, ParseNumberError, equal_numerically};
pub use parse::{MAX_DEPTH, ParseError, ParseErrorKind, parse};
pub use patch::{Op, OpError, Patch, PatchError};
pub use path::{JsonPath, ParsePathError, Reached, Step, location};
pub use pointer::{ParsePointerError, Pointer};
pub use prove::{Unproven, prove};
pub use value::{Object, Value};
