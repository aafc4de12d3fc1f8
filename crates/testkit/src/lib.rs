//! Test helpers: origins that do exactly what a test says.

mod origin;

pub use origin::{OriginConnection, RecordedRequest, ScriptedOrigin, ServedOrigin};
