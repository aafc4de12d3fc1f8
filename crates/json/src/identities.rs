//! Which member identifies the rows of an array.
//!
//! Owns the choice for a location. It only guides how rows are matched with each other: whatever it says, patches are
//! right.

use std::fmt;

use crate::{JsonPath, Step};

/// Which member identifies the rows of which arrays; what is not named is detected. None by default.
///
/// Invariant: every path is local, so that a location is enough to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    paths: Vec<(JsonPath, String)>,
}

/// A path depends on more of a document than a location: see [`JsonPath::is_local`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLocal;

impl fmt::Display for NotLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path has a filter, a slice or a negative index")
    }
}

impl std::error::Error for NotLocal {}

impl Identities {
    /// The paths of arrays, each with the member of their rows. Where several select an array, the first holds.
    pub fn new(paths: Vec<(JsonPath, String)>) -> Result<Identities, NotLocal> {
        if paths.iter().all(|(path, _)| path.is_local()) { Ok(Identities { paths }) } else { Err(NotLocal) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The member that identifies the rows of the array at a location.
    ///
    /// Costs the number of steps times the number of segments of all paths, and nothing if there are none.
    ///
    /// ```
    /// use tidegate_json::{Identities, JsonPath, Step};
    /// let identities = Identities::new(vec![(JsonPath::parse("$..rows").unwrap(), "sku".into())]).unwrap();
    /// assert_eq!(identities.of([Step::Name("shops"), Step::Index(3), Step::Name("rows")]), Some("sku"));
    /// assert_eq!(identities.of([Step::Name("shops")]), None);
    /// ```
    pub fn of<'a>(&self, location: impl IntoIterator<Item = Step<'a>> + Clone) -> Option<&str> {
        // Every path is local, so each of them answers.
        let selected = |path: &JsonPath| path.selects(location.clone()) == Some(true);
        self.paths.iter().find(|(path, _)| selected(path)).map(|(_, member)| member.as_str())
    }

    /// The paths with their members, for whoever walks a document and takes [`JsonPath::start`] down with them.
    pub fn paths(&self) -> &[(JsonPath, String)] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_DEPTH, Pointer, location, parse};

    fn identities(paths: &[(&str, &str)]) -> Result<Identities, NotLocal> {
        let paths = paths.iter().map(|&(path, member)| (JsonPath::parse(path).unwrap(), member.to_owned()));
        Identities::new(paths.collect())
    }

    #[test]
    fn the_first_path_that_selects_the_array_holds() {
        let document =
            parse(br#"{"rows":[{"rows":[]}],"shops":[{"rows":[]}],"0":[]}"#, MAX_DEPTH).expect("a document");
        let paths = [("$.rows", "sku"), ("$.shops[*]['rows']", "id"), ("$..rows", "name"), ("$[0]", "never")];
        let identities = identities(&paths).unwrap();
        for (array, member) in [
            ("", None),
            ("/rows", Some("sku")),
            ("/rows/0/rows", Some("name")),
            ("/shops", None),
            ("/shops/0/rows", Some("id")),
            ("/0", None),
        ] {
            let array_at = location(&Pointer::parse(array).unwrap(), &document).expect("it is there");
            assert_eq!(identities.of(array_at.iter().copied()), member, "{array}");
        }
        assert_eq!(Identities::default().of([Step::Name("rows")]), None);
        assert!(Identities::default().is_empty());
    }

    #[test]
    fn only_paths_that_a_location_decides() {
        for (path, accepted) in [
            ("$", true),
            ("$.rows", true),
            ("$[0]['a', 'b'][*]", true),
            ("$..rows", true),
            ("$[-1]", false),
            ("$[0:2]", false),
            ("$[:]", false),
            ("$[?@.rows].rows", false),
            ("$.rows[0, ?@.a]", false),
        ] {
            assert_eq!(identities(&[(path, "id")]).is_ok(), accepted, "{path}");
        }
    }
}
