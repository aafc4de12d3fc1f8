//! The HTTP edge: which way a request goes, and the answers that are the gateway's own.
//!
//! ```text
//! request ─▶ preflight? ─▶ the gateway's own? ─▶ route (or a URL: the open mode) ─▶ who asks? ─▶ reserved parameters ─▶ a read of a live route?
//!                                                             │ no          │ yes
//!                                                          forwarded   stream or plain, from the hub;
//!                                                                      what cannot be shared is forwarded
//! ```
//!
//! It must not know how a feed works; it asks the hub, and turns what the hub says into HTTP, here and nowhere else.

pub mod admission;
pub(crate) mod answer;
pub(crate) mod asked;
mod asks;
mod build;
mod cache_status;
mod carried;
mod client_io;
mod connection;
mod content;
mod cors;
mod door;
mod gate;
mod gateway;
mod graphql;
mod http2;
mod identity;
mod live;
mod open;
mod own;
mod part;
mod plain;
mod query;
mod refusal;
pub mod refused_sockets;
pub(crate) mod server;
mod stream;
pub mod tls;
mod wait;
mod writes;

pub use build::BuildError;
pub use gateway::Gateway;
pub use query::RESERVED;
pub use server::{ListenError, listen};
