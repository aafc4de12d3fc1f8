//! Which member identifies the rows of an array.

/// Which member identifies the rows of which arrays; what is not named is detected.
#[derive(Debug, Clone, Default)]
pub struct Identities {}

/// The members that may identify a row, best first.
const USUAL: [&str; 8] = ["id", "_id", "key", "symbol", "uuid", "ticker", "name", "code"];

impl Identities {
    /// Whether a member of this key (as it stands in a text) probably identifies its row. `is_first_text`: it is a
    /// string and the first of its row.
    pub(crate) fn may_identify(&self, raw_key: &[u8], is_first_text: bool) -> bool {
        is_first_text || USUAL.iter().any(|name| name.as_bytes() == raw_key)
    }

    /// The member that identifies the rows of the array at this pointer (as it stands inside a JSON string), where one
    /// was named.
    pub(crate) fn of(&self, _path: &[u8]) -> Option<&str> {
        None
    }

    /// How good a name is for an identity, the best first.
    pub(crate) fn rank(raw_key: &[u8]) -> usize {
        USUAL.iter().position(|name| name.as_bytes() == raw_key).unwrap_or(USUAL.len())
    }
}
