//! The gateway over loopback: raw clients on one side, scripted origins on the other.
//!
//! Everything that is awaited has a deadline, which only ever fails a test; no test measures time or sleeps to order
//! events.

mod attacks;
mod common;
mod cors;
mod documents;
mod failures;
mod fields;
mod forwarding;
mod process;
mod reads;
mod resume;
mod sharing;
mod slow;
mod streams;
