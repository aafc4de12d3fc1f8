//! What the origin says chose an answer.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, header};

use super::fields::is_set_aside;

/// What the origin says chose an answer (RFC 9110 §12.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vary {
    any: bool,
    names: BTreeSet<String>,
}

impl Vary {
    /// Nothing but the request line and the content.
    pub fn none() -> Vary {
        Vary::default()
    }

    /// The union of all `Vary` fields of an answer; a member that is no field name counts as `*`.
    pub fn of(fields: &HeaderMap) -> Vary {
        let mut vary = Vary::none();
        for value in fields.get_all(header::VARY) {
            let members =
                value.to_str().unwrap_or("*").split(',').map(str::trim).filter(|name| !name.is_empty());
            for member in members {
                match HeaderName::from_bytes(member.as_bytes()) {
                    Ok(name) if member != "*" => {
                        vary.names.insert(name.as_str().to_owned());
                    }
                    _ => vary.any = true,
                }
            }
        }
        vary
    }

    /// This field alone.
    pub fn naming(name: &HeaderName) -> Vary {
        Vary { any: false, names: BTreeSet::from([name.as_str().to_owned()]) }
    }

    /// `Vary: *`: no other request may have this answer.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Both together.
    pub fn union(mut self, other: &Vary) -> Vary {
        self.any |= other.any;
        self.names.extend(other.names.iter().cloned());
        self
    }

    /// Whether it names this field.
    pub(super) fn names(&self, name: &HeaderName) -> bool {
        self.names.contains(name.as_str())
    }

    /// Whether a key that was made with `considered` tells apart everything that this names.
    ///
    /// Fields that every key holds need not be considered, nor do those that the gateway makes itself for everyone
    /// (`Accept-Encoding` among them: it removes the coding, so that everyone gets the same representation).
    ///
    /// A field of which the route leaves out a part, or all of it (`ignore_headers`; `Cookie` where `cookies` names
    /// those that matter), is covered as well. That is not because the origin's word counts for less than the route's,
    /// but because the shared fetch carries no more of the field than the key holds: what was left out cannot have
    /// chosen the answer, for the origin never saw it.
    pub fn is_covered_by(&self, considered: &Vary) -> bool {
        considered.any
            || (!self.any
                && self.names.iter().all(|name| considered.names.contains(name) || !is_set_aside(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vary(value: &str) -> Vary {
        Vary::of(&[(header::VARY, value.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn a_key_covers_what_it_holds() {
        let none = Vary::none();
        assert!(vary("Accept-Encoding").is_covered_by(&none));
        assert!(vary("Cookie, Authorization, Accept-Language, Accept").is_covered_by(&none));
        assert!(!vary("Origin").is_covered_by(&none));
        assert!(!vary("sec-ch-ua").is_covered_by(&none));
        assert!(vary("Origin").is_covered_by(&vary("origin, user-agent")));
        assert!(!vary("*").is_covered_by(&vary("origin")));
        assert!(vary("*").is_covered_by(&vary("*")));
        assert!(vary("bad name").is_any());
    }
}
