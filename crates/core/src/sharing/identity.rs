//! Who a caller is, where somebody vouches for it: what divides callers in the place of the token that says so.
//!
//! Invariants:
//! - Two identities are equal in a key only if verifier, names, kinds and values of all their claims are: `1` and `"1"`
//!   are two, and no value can be made to look like a name.
//! - A field that tells the origin of a claim is made from a claim of the same identity. So whatever it chooses is in
//!   the key.
//! - Such a field is one line of visible characters, whatever the claim holds.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// What a claim holds. Other kinds are no identity: lists and objects have no one text, and fractions no one value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ClaimValue {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i128),
    /// True or false.
    Flag(bool),
}

/// A claim cannot be told in a header field; why, to be read after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untellable(&'static str);

impl fmt::Display for Untellable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Who a caller is, as far as its route divides callers.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    verifier: String,
    /// Each claim with its kind and value as bytes.
    claims: Vec<(String, Vec<u8>)>,
    told: Vec<(HeaderName, HeaderValue)>,
}

impl Identity {
    /// What `verifier` vouches for. `told` are the fields that tell the origin of claims, each with the claim's name; what
    /// names no claim of these is left out.
    ///
    /// # Errors
    /// The name of a claim that cannot be told in a field, and why.
    pub fn new(
        verifier: &str,
        claims: Vec<(String, ClaimValue)>,
        told: &[(HeaderName, String)],
    ) -> Result<Identity, (String, Untellable)> {
        let mut fields = Vec::with_capacity(told.len());
        for (field, claim) in told {
            let Some((_, value)) = claims.iter().find(|(name, _)| name == claim) else { continue };
            let value = value.in_a_field().map_err(|error| (claim.clone(), error))?;
            fields.push((field.clone(), value));
        }
        let claims = claims.into_iter().map(|(name, value)| (name, value.bytes())).collect();
        Ok(Identity { verifier: verifier.to_owned(), claims, told: fields })
    }

    /// Tells the origin of the claims: in these fields, and in nothing that a client sent under their names.
    pub fn tell(&self, fields: &mut HeaderMap) {
        take_out(fields, self.told.iter().map(|(name, _)| name));
        for (name, value) in &self.told {
            fields.insert(name.clone(), value.clone());
        }
    }

    /// The claims, each with bytes that are equal only for equal values of one kind.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.claims.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// What is in a key, part by part; never nothing.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let claims = self.claims().flat_map(|(name, value)| [name.as_bytes(), value]);
        std::iter::once(self.verifier.as_bytes()).chain(claims)
    }
}

/// Says which claims there are, and not what they hold.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.claims.iter().map(|(name, _)| name).collect();
        f.debug_struct("Identity").field("verifier", &self.verifier).field("claims", &names).finish()
    }
}

impl fmt::Debug for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClaimValue::Text(_) => "a text",
            ClaimValue::Whole(_) => "a number",
            ClaimValue::Flag(_) => "a flag",
        })
    }
}

impl ClaimValue {
    fn bytes(&self) -> Vec<u8> {
        match self {
            ClaimValue::Text(text) => [b"t", text.as_bytes()].concat(),
            ClaimValue::Whole(number) => format!("n{number}").into_bytes(),
            ClaimValue::Flag(flag) => format!("f{flag}").into_bytes(),
        }
    }

    fn in_a_field(&self) -> Result<HeaderValue, Untellable> {
        let text = match self {
            ClaimValue::Text(text) => text.clone(),
            ClaimValue::Whole(number) => number.to_string(),
            ClaimValue::Flag(flag) => flag.to_string(),
        };
        if text.is_empty() {
            return Err(Untellable("is empty"));
        }
        // What readers make of other bytes, and of space at the ends, differs (RFC 9110 §5.5).
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Untellable("holds characters that are not visible ASCII"));
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(Untellable("begins or ends with a space"));
        }
        HeaderValue::from_str(&text).map_err(|_| Untellable("is not what a header field can hold"))
    }
}

/// Takes fields out of a request, with those that origins may take for them: many make one name of `x-tenant` and
/// `x_tenant` (RFC 3875 §4.1.18).
pub fn take_out<'a>(fields: &mut HeaderMap, names: impl Iterator<Item = &'a HeaderName>) {
    for name in names {
        let alike: Vec<HeaderName> =
            fields.keys().filter(|sent| is_alike(sent.as_str(), name.as_str())).cloned().collect();
        for name in alike {
            fields.remove(name);
        }
    }
}

/// Whether an origin may take one name for the other.
pub fn is_alike(sent: &str, name: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    sent.bytes().map(plain).eq(name.bytes().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: ClaimValue) -> Result<String, String> {
        let fields = [(HeaderName::from_static("x-tenant"), "tenant".to_owned())];
        let identity = Identity::new("v", vec![("tenant".to_owned(), value)], &fields);
        let identity = identity.map_err(|(name, error)| format!("{name} {error}"))?;
        let mut fields = HeaderMap::new();
        fields.append("x-tenant", HeaderValue::from_static("forged"));
        fields.append("x_tenant", HeaderValue::from_static("forged"));
        identity.tell(&mut fields);
        assert_eq!(fields.len(), 1);
        Ok(fields["x-tenant"].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_claim_is_told_in_one_line_or_not_at_all() {
        let text = |text: &str| told(ClaimValue::Text(text.to_owned()));
        assert_eq!(text("acme, inc."), Ok("acme, inc.".to_owned()));
        assert_eq!(told(ClaimValue::Whole(-7)), Ok("-7".to_owned()));
        assert_eq!(told(ClaimValue::Flag(true)), Ok("true".to_owned()));
        for bad in ["", " ", "a ", " a", "a\r\nx-admin: 1", "a\nb", "a\tb", "a\0", "ä", "\u{7f}", "\u{2028}"]
        {
            assert!(text(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_it_holds_is_not_shown() {
        let claims = vec![("sub".to_owned(), ClaimValue::Text("s3cret".to_owned()))];
        assert!(!format!("{claims:?}").contains("s3cret"));
        let shown = format!("{:?}", Identity::new("v", claims, &[]).unwrap());
        assert!(shown.contains("sub") && !shown.contains("s3cret"), "{shown}");
    }
}
