//! Which member identifies the rows of an array.
//!
//! Owns the choice for a location, and which members are worth a try where none was named. It only guides how rows are
//! matched with each other: whatever it says, patches are right.

use std::borrow::Cow;
use std::fmt;

use crate::pointer::{array_index, unescape};
use crate::{JsonPath, Step, strings};

/// Which member identifies the rows of which arrays; what is not named is detected. None by default.
///
/// Invariant: every path is local, so that a location is enough to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    paths: Vec<(JsonPath, String)>,
}

/// The members that may identify a row, best first.
const USUAL: [&str; 8] = ["id", "_id", "key", "symbol", "uuid", "ticker", "name", "code"];

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
    /// assert_eq!(identities.at([Step::Name("shops"), Step::Index(3), Step::Name("rows")]), Some("sku"));
    /// assert_eq!(identities.at([Step::Name("shops")]), None);
    /// ```
    pub fn at<'a>(&self, location: impl IntoIterator<Item = Step<'a>> + Clone) -> Option<&str> {
        // Every path is local, so each of them answers.
        let selected = |path: &JsonPath| path.selects(location.clone()) == Some(true);
        self.paths.iter().find(|(path, _)| selected(path)).map(|(_, member)| member.as_str())
    }

    /// The member that identifies the rows of the array at this pointer (as it stands inside a JSON string), where one
    /// was named.
    ///
    /// The pointer does not tell the member `0` from the first element, so `0` is taken for both.
    pub(crate) fn of(&self, path: &[u8]) -> Option<&str> {
        if self.paths.is_empty() {
            return None;
        }
        let text = strings::decode(path);
        let tokens: Vec<Cow<'_, str>> = text.split('/').skip(1).map(unescape).collect();
        let selected = |path: &JsonPath| {
            let reached = tokens.iter().try_fold(path.start()?, |reached, token| {
                let named = path.step(reached, Step::Name(token));
                let indexed = array_index(token).map(|index| path.step(reached, Step::Index(index)));
                Some(indexed.map_or(named, |indexed| named.or(indexed)))
            })?;
            Some(path.is_selected(reached))
        };
        self.paths.iter().find(|(path, _)| selected(path) == Some(true)).map(|(_, member)| member.as_str())
    }

    /// Whether a member of this key (as it stands in a text) probably identifies its row. `is_first_text`: it is a
    /// string and the first of its row.
    pub(crate) fn may_identify(&self, raw_key: &[u8], is_first_text: bool) -> bool {
        let named = || self.paths.iter().any(|(_, member)| strings::is(raw_key, member.as_bytes()));
        is_first_text || USUAL.iter().any(|name| name.as_bytes() == raw_key) || named()
    }

    /// Whether rows are usually identified by a member of this name.
    pub(crate) fn is_usual(name: &[u8]) -> bool {
        Identities::rank(name) < USUAL.len()
    }

    /// How good a name is for an identity, the best first.
    pub(crate) fn rank(raw_key: &[u8]) -> usize {
        USUAL.iter().position(|name| name.as_bytes() == raw_key).unwrap_or(USUAL.len())
    }

    /// The paths with their members, for whoever walks a document and takes [`JsonPath::start`] down with them.
    pub fn paths(&self) -> &[(JsonPath, String)] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Document, MAX_DEPTH, Pointer, diff, location, parse, prove};

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
            assert_eq!(identities.at(array_at.iter().copied()), member, "{array}");
            // Alone, the pointer's text leaves open what `0` is.
            let without_document = if array == "/0" { Some("never") } else { member };
            assert_eq!(identities.of(array.as_bytes()), without_document, "{array}");
        }
        assert_eq!(Identities::default().at([Step::Name("rows")]), None);
        assert!(Identities::default().is_empty());
    }

    #[test]
    fn pointers_as_they_stand_in_patches() {
        let identities = identities(&[(r#"$['a/b']['~\\"'].é[1]"#, "id")]).unwrap();
        for (pointer, member) in [
            (r#"/a~1b/~0\\\"/é/1"#, Some("id")),
            (r#"/a~1b/~0\\\"/\u00e9/1"#, Some("id")),
            (r#"/a~1b/~0\\\"/é/01"#, None),
            (r#"/a~1b/~0\\\"/é"#, None),
        ] {
            assert_eq!(identities.of(pointer.as_bytes()), member, "{pointer}");
        }
        assert!(identities.may_identify(b"id", false) && identities.may_identify(b"sku", true));
        assert!(!identities.may_identify(b"sku", false));
        let named = Identities::new(vec![(JsonPath::parse("$").unwrap(), "sku".into())]).unwrap();
        assert!(named.may_identify(b"sku", false) && named.may_identify(br"\u0073ku", false));
    }

    #[test]
    fn a_named_member_finds_the_rows_that_a_guess_would_not() {
        let row = |sku: usize, place: usize| {
            let unchanged = format!("[{}]", vec![(100 + sku).to_string(); 40].join(","));
            format!(r#"{{"id":{place},"sku":{sku},"list":{unchanged}}}"#)
        };
        let rows = |rows: &[(usize, usize)]| {
            let rows: Vec<_> = rows.iter().map(|&(sku, place)| row(sku, place)).collect();
            Document::parse(format!(r#"{{"rows":[{}]}}"#, rows.join(",")), MAX_DEPTH).expect("a document")
        };
        // What is called `id` is only the place of a row. The first row goes to the end.
        let (old, new) = (rows(&[(1, 0), (2, 1), (3, 2)]), rows(&[(2, 0), (3, 1), (1, 2)]));
        let patch = |identities: &Identities| match diff(&old, &new, identities) {
            Change::Patch(patch) => {
                assert_eq!(prove(&old, &patch, &new), Ok(()));
                String::from_utf8_lossy(&patch).into_owned()
            }
            Change::Whole => String::new(),
            Change::None => panic!("the two differ"),
        };
        assert!(!patch(&Identities::default()).contains("move"));
        assert!(patch(&identities(&[("$.rows", "sku")]).unwrap()).contains("move"));
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
