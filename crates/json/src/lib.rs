//! JSON texts that keep their number texts and member order, and the smallest right patches between them.
//!
//! - [`Document`]: a text, checked and indexed. [`advance()`] takes the text that came after it, and says what leads there:
//!   nothing, an RFC 6902 patch that was proven, or the whole. [`diff()`] does for two documents, and [`prove()`] proves.
//! - [`apply()`] applies a patch to a document; [`compose()`] makes one patch of several; [`merge_patch()`] makes an RFC
//!   7396 merge patch where one can say exactly what changed, and proves it; [`apply_merge()`] applies one.
//! - [`Delta`], [`Rewound`]: many versions kept as what each lacks of the next; [`advance_to()`] leads from any of them to
//!   the newest.
//! - [`Selection`]: the part of a document that a reader wants, as a document.
//! - [`FieldControls`], [`Identities`], [`JsonPath`]: which differences count, and what identifies a row.
//! - [`Value`], [`parse()`], [`Patch`], [`apply_in_place()`], [`merge_in_place()`]: trees, for those who hold them. [`Number`] keeps its text:
//!   `1.10` stays `1.10`.
//!
//! ```
//! use tidegate_json::{Change, Document, Identities, MAX_DEPTH, advance, apply};
//! let mut board = Document::parse(r#"[{"id":1,"last":101.1},{"id":2,"last":7}]"#, MAX_DEPTH)?;
//! let mut held = board.clone();
//! for body in [r#"[{"id":1,"last":101.10},{"id":2,"last":7}]"#, r#"[{"id":2,"last":7},{"id":1,"last":101.10}]"#] {
//!     let step = advance(&board, body.into(), MAX_DEPTH, &Identities::default())?;
//!     held = match &step.change {
//!         Change::None => held,
//!         Change::Patch(patch) => apply(&held, patch).expect("a patch that was proven applies"),
//!         Change::Whole => step.document.clone(),
//!     };
//!     board = step.document;
//!     assert_eq!(held, board);
//! }
//! # Ok::<(), tidegate_json::ParseError>(())
//! ```
//!
//! What is equal: numbers by their text (`1.0` and `1.00` differ, `-0` and `0` too, and nothing is ever rounded), strings
//! by what they say, whatever their escapes, members in any order, elements in theirs.
//!
//! Costs: [`advance()`] costs about a comparison of bytes where scalars changed in place, and at most a few times the
//! parsing of both texts where anything else changed; some ten times for texts that are made to be slow (hundreds of
//! levels, long keys). A document takes its text, 4 bytes for each value and 24 more for each container
//! beside it: about half of the text again for usual documents, at most some ten times the text for one of nothing but
//! empty arrays. Comparing two takes some hundred bytes meanwhile for each element of an array whose elements change
//! places; arrays that do so over more than two million elements are replaced.
//!
//! Every function here that walks a document recurses over its nesting. [`MAX_DEPTH`] bounds that: parse with it
//! (or less), and nothing in this crate overflows a stack; patches cannot deepen a document beyond it.

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
mod select;
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
pub use merge::{apply_merge, merge_in_place, merge_patch};
pub use number::{Number, ParseNumberError, equal_numerically};
pub use parse::{MAX_DEPTH, ParseError, ParseErrorKind, parse};
pub use patch::{Op, OpError, Patch, PatchError};
pub use path::{JsonPath, ParsePathError, Reached, Step, location};
pub use pointer::{ParsePointerError, Pointer};
pub use prove::{Unproven, prove};
pub use select::{ParseSelectionError, SelectError, Selection};
pub use value::{Object, Value};
