//! Which parts of requests split the feeds of one resource: one analytics header in the keys turns one poll into
//! thousands, and nothing else would tell.
//!
//! Owns the counting, and what the operator is told. Bounded in everything, and it keeps no value: only names, and
//! hashes that mean nothing outside of this process.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use tidegate_core::{PartName, SharedRequest};
use tracing::warn;

/// So many values of one part, among the feeds of one resource, are worth a word.
const MANY: usize = 64;

/// Resources that are watched at one time; beyond it, watching begins anew.
const MOST_RESOURCES: usize = 256;

/// Parts that are watched of one resource. Clients choose the names, so there is a limit.
const MOST_PARTS: usize = 16;

/// Parts that are told in all.
const MOST_TOLD: usize = 256;

/// The longest name that is told, in bytes.
const LONGEST_NAME: usize = 64;

/// What splits a resource into many feeds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Split {
    Field(String),
    Cookie(String),
    Claim(String),
    VaryAny,
}

impl Split {
    fn of(name: PartName<'_>) -> Split {
        match name {
            PartName::Field(name) => Split::Field(name.to_owned()),
            PartName::Cookie(name) => Split::Cookie(name.to_owned()),
            PartName::Claim(name) => Split::Claim(name.to_owned()),
        }
    }

    fn is_short(&self) -> bool {
        match self {
            Split::Field(name) | Split::Cookie(name) | Split::Claim(name) => name.len() <= LONGEST_NAME,
            Split::VaryAny => true,
        }
    }

    /// What helps.
    fn remedy(&self) -> &'static str {
        match self {
            Split::Cookie(_) => {
                "name the cookies that choose the content in the route's `cookies`, `[]` if none does"
            }
            Split::Field(name) if name == "authorization" => {
                "callers with different credentials never share, unless a verified identity divides them instead \
                 (`partition_by`); `max_private_feeds` bounds their feeds"
            }
            Split::Claim(_) => {
                "if it does not choose the content, leave it out of the route's `partition_by`; `max_private_feeds` \
                 bounds such feeds"
            }
            Split::Field(_) => {
                "if it does not choose the content and carries no credentials, name it in the route's `ignore_headers`"
            }
            Split::VaryAny => {
                "the origin forbids sharing with `Vary: *`; `max_private_feeds` bounds such feeds"
            }
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Split::Field(name) => write!(f, "the header field `{name}`"),
            Split::Cookie(name) => write!(f, "the cookie `{name}`"),
            Split::Claim(name) => write!(f, "the claim `{name}`"),
            Split::VaryAny => f.write_str("`Vary: *`"),
        }
    }
}

/// The parts of new feeds' keys, counted.
#[derive(Default)]
pub(crate) struct Splits {
    hasher: RandomState,
    /// The hashes of the values that each part had, by the resource's hash.
    seen: HashMap<u64, HashMap<Split, HashSet<u64>>>,
    told: HashSet<(String, Split)>,
}

impl Splits {
    /// A feed is made for this request: logs what has turned out to split its route, each once.
    pub(crate) fn note(&mut self, scope: &str, request: &SharedRequest) {
        for split in self.found(scope, request) {
            warn!(
                scope,
                "{MANY} feeds of one resource differ in {split}, and each polls the origin: {}",
                split.remedy()
            );
        }
    }

    fn found(&mut self, scope: &str, request: &SharedRequest) -> Vec<Split> {
        let resource = self.hasher.hash_one(request.resource());
        if self.seen.len() >= MOST_RESOURCES && !self.seen.contains_key(&resource) {
            self.seen.clear();
        }
        let seen = self.seen.entry(resource).or_default();
        let mut parts: Vec<(Split, u64)> =
            request.parts().map(|(name, value)| (Split::of(name), self.hasher.hash_one(value))).collect();
        if request.considered().is_any() {
            // Such a key is like no other.
            parts.push((Split::VaryAny, self.hasher.hash_one(request.key())));
        }
        let mut found = Vec::new();
        for (split, value) in parts {
            let watched = split.is_short() && (seen.contains_key(&split) || seen.len() < MOST_PARTS);
            let known = (scope.to_owned(), split);
            if !watched || self.told.contains(&known) || self.told.len() >= MOST_TOLD {
                continue;
            }
            let values = seen.entry(known.1.clone()).or_default();
            values.insert(value);
            if values.len() >= MANY {
                seen.remove(&known.1);
                found.push(known.1.clone());
                self.told.insert(known);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use tidegate_core::{Asked, SharingPolicy, SharingRules, Vary};

    use super::*;

    fn request(target: &str, list: &[(&'static str, String)], vary: &Vary, nonce: u64) -> SharedRequest {
        let fields: HeaderMap = list
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let asked = Asked { method: &Method::GET, target, fields: &fields, body: &Bytes::new() };
        let policy = SharingPolicy::default();
        SharedRequest::new(asked, SharingRules { scope: "r", policy: &policy, identity: None, vary, nonce })
    }

    fn found(splits: &mut Splits, requests: impl Iterator<Item = SharedRequest>) -> Vec<Split> {
        requests.flat_map(|request| splits.found("r", &request)).collect()
    }

    #[test]
    fn what_differs_is_named_once() {
        let mut splits = Splits::default();
        let none = Vary::none();
        let requests = |from: usize| {
            (from..from + 200).map(|number| {
                let cookie = format!("theme=dark; _ga={number}");
                let language = ["de", "en"][number % 2].to_owned();
                request(
                    "/q",
                    &[("cookie", cookie), ("accept-language", language), ("x", "1".into())],
                    &none,
                    0,
                )
            })
        };
        assert_eq!(found(&mut splits, requests(0)), [Split::Cookie("_ga".to_owned())]);
        assert_eq!(found(&mut splits, requests(1000)), []);
    }

    #[test]
    fn the_same_callers_again_are_not_many() {
        let mut splits = Splits::default();
        let none = Vary::none();
        let same =
            (0..1000).map(|number| request("/q", &[("authorization", (number % 9).to_string())], &none, 0));
        assert_eq!(found(&mut splits, same), []);
        let apart =
            (0..1000).map(|number| request(&format!("/{number}"), &[("x", number.to_string())], &none, 0));
        assert_eq!(found(&mut splits, apart), []);
    }

    #[test]
    fn an_origin_that_forbids_sharing_is_named() {
        let any = Vary::of(&[(http::header::VARY, HeaderValue::from_static("*"))].into_iter().collect());
        let requests = (0..100).map(|nonce| request("/q", &[], &any, nonce));
        assert_eq!(found(&mut Splits::default(), requests), [Split::VaryAny]);
    }

    #[test]
    fn names_that_clients_make_up_fill_nothing() {
        let mut splits = Splits::default();
        let none = Vary::none();
        for number in 0..2000 {
            let mut fields = HeaderMap::new();
            let name = HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
            fields.insert(name, HeaderValue::from(number));
            let policy = SharingPolicy::default();
            let rules = SharingRules { scope: "r", policy: &policy, identity: None, vary: &none, nonce: 0 };
            let target = format!("/{}", number % 600);
            assert_eq!(splits.found("r", &SharedRequest::new(Asked::get(&target, &fields), rules)), []);
        }
        assert!(splits.seen.len() <= MOST_RESOURCES);
        assert!(splits.seen.values().all(|parts| parts.len() <= MOST_PARTS));
    }
}
