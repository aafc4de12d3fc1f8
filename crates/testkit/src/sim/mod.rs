//! A deterministic simulation of the gateway in virtual time: no runtime, no threads, no sockets.
//!
//! [`World`] steps the real owners and shards together with a model of everything around them: origins whose JSON
//! documents change at random and that fail in every way they can ([`Api`]), connections that take one frame and
//! hand it on byte by byte as they are allowed ([`Pipe`]), and clients that decode, apply, break off and resume
//! ([`Client`]). A [`Script`] says what happens; proptest makes scripts and shrinks those that show a fault.
//!
//! Invariants:
//! - The same script gives the same run.
//! - The world judges by its own model: contents are compared by a canonical text that the model makes itself, so an
//!   error of the code under test cannot hide in its own comparison.
//! - Messages keep their order on each way between two parties and nothing else, which is what the real channels
//!   promise.

mod api;
mod check;
mod client;
mod content;
mod document;
mod feeds;
mod pipe;
mod reader;
mod script;
mod world;

pub use api::{Api, Fault};
pub use check::{Promise, Tally, Violation};
pub use client::{Client, ResumeWith};
pub use document::{Doc, Edit, canonical};
pub use pipe::{Pipe, PipeSink};
pub use script::{Act, Script, Setup, script};
pub use world::World;
