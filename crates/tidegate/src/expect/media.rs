//! Patterns of media types: `application/json`, `application/*+json`, `text/*`.

use std::fmt;

use http::{HeaderMap, header};

/// A media type without parameters, in which one `*` of the subtype stands for any text; empty for every type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaPattern(String);

impl MediaPattern {
    /// Reads a pattern; none if it is not one.
    pub fn parse(text: &str) -> Option<MediaPattern> {
        // RFC 9110 §5.6.2, but for the star itself.
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'+-.^_`|~".contains(c);
        let is_pattern = text.split_once('/').is_some_and(|(kind, subtype)| {
            let stars = subtype.matches('*').count();
            let names = subtype.chars().all(|c| c == '*' || token(c));
            !kind.is_empty() && kind.chars().all(token) && !subtype.is_empty() && names && stars <= 1
        });
        (text.is_empty() || is_pattern).then(|| MediaPattern(text.to_ascii_lowercase()))
    }

    /// Whether it stands for every type.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an answer with these fields is of this type.
    pub fn matches(&self, fields: &HeaderMap) -> bool {
        let Some(found) = media_type(fields) else { return self.is_any() };
        match self.0.split_once('*') {
            _ if self.is_any() => true,
            None => found == self.0,
            Some((before, after)) => {
                found.len() >= before.len() + after.len()
                    && found.starts_with(before)
                    && found.ends_with(after)
            }
        }
    }
}

impl fmt::Display for MediaPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The media type of an answer without its parameters (RFC 9110 §8.3.1); none where it is not said, or twice.
fn media_type(fields: &HeaderMap) -> Option<String> {
    let mut values = fields.get_all(header::CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Some(value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase())
}
