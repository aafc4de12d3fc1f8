//! The gateway over loopback: raw clients on one side, scripted origins on the other.
//!
//! Everything that is awaited has a deadline, which only ever fails a test; no test measures time or sleeps to order
//! events.

mod admission;
mod attacks;
mod budget;
mod caching;
mod common;
mod cors;
mod credentials;
mod curses;
mod documents;
mod door;
mod failures;
mod fields;
mod forwarding;
mod gzip;
mod handover;
mod http2;
mod http2_attacks;
mod leaving;
mod moods;
mod mount;
mod neighbours;
mod open;
mod origins;
mod own;
mod pace;
mod private_feeds;
mod process;
mod reads;
mod redirects;
mod resume;
mod safe_methods;
mod sharing;
mod sharing_attacks;
mod sharing_rules;
mod shutdown;
mod slow;
mod soak;
mod streams;
mod tls;
mod writes;
