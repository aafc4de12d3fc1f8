//! Tidegate's pure core: documents, diffs, positions, windows, the feed's state machine and the poll schedule.
//!
//! Nothing here reads a clock, draws a random number or opens a socket: time and seeds are arguments, and what
//! should happen is returned, not done. So the hard parts are tested in virtual time.

pub mod json;
mod position;

pub use position::{Binding, Epoch, Offset, ParsePositionError, Position};
