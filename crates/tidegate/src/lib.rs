//! The program's parts: everything that touches HTTP, origins, configuration and the terminal. `main.rs` only puts
//! them together.

pub mod check;
pub mod cli;
pub mod config;
pub mod demo;
mod der;
mod describe;
pub mod edge;
pub mod expect;
pub mod identity;
pub mod init;
pub mod logging;
pub mod memory;
pub mod origin;
pub mod proxy;
mod replay;
pub mod serve;
pub mod signals;
pub mod watch;
