//! The members of a request, each read as what it has to be.

use std::fmt;

use http::uri::PathAndQuery;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{MAX_FIELDS, MAX_SUB, MAX_TEXT};

/// An object's members, each of which is there once, at most [`MAX_FIELDS`] of them.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(String, &RawValue)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(de::Error::custom(format_args!("`{}` is there twice", short(&name))));
                    }
                    if members.len() == MAX_FIELDS {
                        let error = format_args!("an object may have at most {MAX_FIELDS} members");
                        return Err(de::Error::custom(error));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The subscription's number, where it is one.
    pub(super) fn sub(&self) -> Option<u32> {
        Member::new(self, "sub").sub().ok()
    }

    /// Whether all members are among the valid ones.
    pub(super) fn check(&self, what: &str, valid: &[&[&str]]) -> Result<(), String> {
        match self.0.iter().find(|(name, _)| !valid.concat().contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let valid: Vec<String> = valid.concat().iter().map(|name| format!("`{name}`")).collect();
                Err(format!("`{}` is no member of {what}, which are {}", short(name), valid.join(", ")))
            }
        }
    }
}

/// One member, by its name. `null` is not the same as its absence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    name: &'a str,
    value: Option<&'a RawValue>,
}

impl<'a> Member<'a> {
    pub(super) fn new(members: &Members<'a>, name: &'a str) -> Member<'a> {
        Member { name, value: members.get(name) }
    }

    fn number(self, most: u32, what: &str) -> Result<Option<u32>, String> {
        match self.value.map(|value| serde_json::from_str(value.get()).ok()) {
            None => Ok(None),
            Some(Some(number)) if number <= most => Ok(Some(number)),
            Some(_) => Err(format!("`{}` has to be {what}, an integer from 0 to {most}", self.name)),
        }
    }

    pub(super) fn sub(self) -> Result<u32, String> {
        let number = self.number(MAX_SUB, "the subscription's number")?;
        number.ok_or_else(|| {
            format!("`sub` is missing: the subscription's number, an integer from 0 to {MAX_SUB}")
        })
    }

    pub(super) fn seconds(self) -> Result<Option<u32>, String> {
        // RFC 9111 §1.2.2: what is more counts as this.
        self.number(MAX_SUB, "a number of seconds")
    }

    pub(super) fn text(self) -> Result<Option<String>, String> {
        match self.value.map(read_text) {
            None => Ok(None),
            Some(Some(text)) if text.len() <= MAX_TEXT => Ok(Some(text)),
            Some(Some(_)) => Err(format!("`{}` may have at most {MAX_TEXT} bytes", self.name)),
            Some(None) => Err(format!("`{}` has to be a string", self.name)),
        }
    }

    /// A position. One that is none of ours is allowed: what cannot be resumed from begins anew.
    pub(super) fn position(self) -> Result<Option<String>, String> {
        match self.text()? {
            Some(text) if text.len() > 128 || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(format!("`{}` has to be a position, as updates have it in their `id`", self.name))
            }
            text => Ok(text.filter(|text| !text.is_empty())),
        }
    }

    pub(super) fn target(self) -> Result<PathAndQuery, String> {
        let text = self.text()?.ok_or_else(|| format!("`{}` is missing: {TARGET}", self.name))?;
        target(&text).ok_or_else(|| format!("`{}` has to be {TARGET}", self.name))
    }
}

/// What a target has to be, for an error's text.
pub(super) const TARGET: &str = "a path with its query, percent-encoded, such as \"/quotes?venue=XNAS\"";

/// A target in origin form (RFC 9112 §3.2.1): no scheme, no authority, no fragment, and nothing that a request line could
/// not hold.
pub(super) fn target(text: &str) -> Option<PathAndQuery> {
    let is_target = text.len() <= MAX_TEXT
        && text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_target { text.parse().ok() } else { None }
}

/// A string; `None` where it is anything else.
pub(super) fn read_text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A name that somebody made up, for an error's text.
pub(super) fn short(name: &str) -> &str {
    name.char_indices().nth(64).map_or(name, |(end, _)| &name[..end])
}
