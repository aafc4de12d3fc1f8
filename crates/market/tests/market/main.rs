//! The market over loopback, as its clients see it.

mod http;
mod running;
mod support;
