//! The program's parts: everything that touches HTTP, origins, configuration and the terminal.

pub mod origin;
pub mod proxy;
