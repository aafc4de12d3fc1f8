//! The program's parts. `main.rs` only puts them together.

pub mod check;
pub mod cli;
pub mod config;
