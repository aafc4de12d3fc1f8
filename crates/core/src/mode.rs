//! How a subscriber wants to be told of changes.

use std::fmt;
use std::str::FromStr;

/// What the updates after the first snapshot are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// RFC 6902 patches, or snapshots where these are shorter.
    #[default]
    Patch,
    /// RFC 7396 merge patches where one can say what changed and is shorter, else snapshots.
    Merge,
    /// Each change whole.
    Snapshot,
    /// There are none: one snapshot, and the stream ends.
    First,
}

impl Mode {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Mode; 4] = [Mode::Patch, Mode::Merge, Mode::Snapshot, Mode::First];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Patch => "patch",
            Mode::Merge => "merge",
            Mode::Snapshot => "snapshot",
            Mode::First => "first",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseModeError;

impl fmt::Display for ParseModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a mode; the modes are `patch`, `merge`, `snapshot` and `first`")
    }
}

impl std::error::Error for ParseModeError {}

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Mode, ParseModeError> {
        Mode::ALL.into_iter().find(|mode| mode.name() == text).ok_or(ParseModeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_the_error_lists_them() {
        for mode in Mode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
            assert!(ParseModeError.to_string().contains(&format!("`{mode}`")));
        }
        for text in ["", "Patch", "patch ", "diff"] {
            assert_eq!(text.parse::<Mode>(), Err(ParseModeError), "{text:?}");
        }
    }
}
