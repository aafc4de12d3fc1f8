//! The program's parts. `main.rs` only puts them together.

pub mod watch;
