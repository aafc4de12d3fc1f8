//! A route's field controls: which differences of its documents are told.
//!
//! Owns the four settings, what makes each of them wrong, and the way from them to what the documents' crate takes. It
//! does not know what they mean to a document: `tidegate_json::FieldControls` says that.

use tidegate_core::json::{FieldControls, Identities, JsonPath, ParsePointerError, Pointer, Tolerance};

use super::read::{Fields, Reader};
use super::value::{PointerError, Sourced, ValueError};

/// A route's field controls, checked. Kept apart, because each may come from the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSettings {
    /// Where the payload is; the root for whole documents.
    pub payload: Sourced<Pointer>,
    /// What is ignored; never the whole document.
    pub ignore: Vec<Sourced<JsonPath>>,
    /// How much the numbers at these paths may differ. No two paths are equal.
    pub tolerance: Vec<(Sourced<JsonPath>, Sourced<Tolerance>)>,
    /// The members that identify the rows of the arrays at these paths, in the order of the file. No two paths are
    /// equal, and a location is enough to decide each.
    pub identity: Vec<(Sourced<JsonPath>, Sourced<String>)>,
}

impl FieldSettings {
    /// What decides whether a difference is told.
    pub fn controls(&self) -> FieldControls {
        let ignored = self.ignore.iter().map(|path| JsonPath::clone(path)).collect();
        let tolerances =
            self.tolerance.iter().map(|(path, tolerance)| (JsonPath::clone(path), **tolerance)).collect();
        FieldControls::new(Pointer::clone(&self.payload), ignored, tolerances)
    }

    /// What identifies rows.
    pub fn identities(&self) -> Identities {
        let paths = self
            .identity
            .iter()
            .map(|(path, member)| (JsonPath::clone(path), String::clone(member)))
            .collect();
        // Reading refused every path that is not local, and only such a path makes an error.
        Identities::new(paths).unwrap_or_default()
    }
}

/// The field controls of a route's table. `None` if anything in them is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<FieldSettings> {
    let payload = reader.value(fields, "payload", pointer);
    let ignore = reader.list(fields, "ignore", ignorable);
    let tolerance = reader.entries(fields, "tolerance", path, tolerance);
    let identity = reader.entries(fields, "identity", local_path, |text| Ok(text.to_owned()));
    Some(FieldSettings {
        payload: payload?.value,
        ignore: ignore?.into_iter().map(|at| at.value).collect(),
        tolerance: tolerance?,
        identity: identity?,
    })
}

pub(super) fn pointer(text: &str) -> Result<Pointer, ValueError> {
    Pointer::parse(text).map_err(|error| {
        ValueError::Pointer(match error {
            ParsePointerError::NoLeadingSlash => PointerError::NoSlash,
            ParsePointerError::BadEscape => PointerError::Escape,
        })
    })
}

fn path(text: &str) -> Result<JsonPath, ValueError> {
    JsonPath::parse(text).map_err(|error| ValueError::Path(Some(error)))
}

fn ignorable(text: &str) -> Result<JsonPath, ValueError> {
    let path = path(text)?;
    if path.selects([]) == Some(true) { Err(ValueError::IgnoresAll) } else { Ok(path) }
}

fn local_path(text: &str) -> Result<JsonPath, ValueError> {
    let path = path(text)?;
    if path.is_local() { Ok(path) } else { Err(ValueError::NotLocal) }
}

fn tolerance(text: &str) -> Result<Tolerance, ValueError> {
    text.parse().ok().and_then(Tolerance::new).ok_or(ValueError::Tolerance)
}
