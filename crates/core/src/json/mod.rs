//! JSON documents that keep the origin's number texts and member order, and the patches between them.
//!
//! - [`Value`]: the tree. [`Number`] keeps its text: `1.10` stays `1.10`.
//! - [`parse()`]: strict RFC 8259, with every refusal a kind of its own.
//! - [`Patch`], [`apply`]: RFC 6902 over RFC 6901 pointers.
//! - [`diff()`]: from two values to a patch that is right.

mod stub;
mod value;
pub use stub::*;

pub use value::{Number, Object, Value};
