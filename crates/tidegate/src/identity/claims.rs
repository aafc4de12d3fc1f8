//! What a token says: a JSON object whose names are unique.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tidegate_core::ClaimValue;

/// The members of a token's header or payload. A name that stands twice makes the token invalid: of two readers one
/// might take the first and the other the last (RFC 7515 §4, RFC 7519 §4).
#[derive(Default)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads a JSON object. `None` if it is none, or if a name of it stands twice.
    pub(super) fn parse(bytes: &[u8]) -> Option<Members> {
        serde_json::from_slice(bytes).ok()
    }

    /// What stands under a name; `null` is as good as nothing.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

/// The claims of a token that was verified. Never shown: they may say who somebody is.
pub struct Claims(pub(super) Members);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").finish()
    }
}

/// Why a claim cannot say who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is not there, or `null`.
    Missing,
    /// It is neither a text, nor a whole number of 64 bits, nor a flag.
    Kind,
}

impl Claims {
    /// The claim of this name, as a part of an identity.
    ///
    /// # Errors
    /// If there is none, or if it is of a kind that has no one text. A number with a fraction, an exponent or more than
    /// 64 bits is none: reading it could make two of them equal.
    pub fn identifying(&self, name: &str) -> Result<ClaimValue, Unusable> {
        match self.0.get(name).ok_or(Unusable::Missing)? {
            Value::String(text) => Ok(ClaimValue::Text(text.clone())),
            Value::Bool(flag) => Ok(ClaimValue::Flag(*flag)),
            Value::Number(number) => {
                let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                whole.map(ClaimValue::Whole).ok_or(Unusable::Kind)
            }
            _ => Err(Unusable::Kind),
        }
    }
}
