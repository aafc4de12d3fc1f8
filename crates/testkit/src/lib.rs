//! Test helpers: origins that do exactly what a test says, a proxy that does what a scenario says, sinks that take exactly what a test allows, virtual time.

mod moods;
mod origin;
mod pem;
mod proxy;
pub mod sim;

pub use moods::{Mood, MoodyOrigin};
pub use origin::{OriginConnection, RecordedRequest, ScriptedOrigin, ServedOrigin};
pub use pem::pem;
pub use proxy::{Act, BadProxy, Rule};
