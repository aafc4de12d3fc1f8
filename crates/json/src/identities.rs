//! Which member identifies the rows of an array.

/// Which member identifies the rows of which arrays; what is not named is detected.
#[derive(Debug, Clone, Default)]
pub struct Identities {}
