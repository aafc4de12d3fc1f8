//! `Cache-Control`, taken apart (RFC 9111 §5.2).

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

/// The longest time that is believed; what is more counts as this (RFC 9111 §1.2.2).
pub(super) const LONGEST: Duration = Duration::from_secs(1 << 31);

/// The directives of all `Cache-Control` fields, names in lower case.
pub(super) struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    pub(super) fn of(fields: &HeaderMap) -> Directives {
        let mut directives = Vec::new();
        for value in fields.get_all(header::CACHE_CONTROL) {
            // A value that is not ASCII could hide anything: taken as the strictest.
            let Ok(text) = value.to_str() else {
                directives.push(("no-store".to_owned(), None));
                continue;
            };
            for directive in split_outside_quotes(text) {
                let (name, argument) = match directive.split_once('=') {
                    Some((name, argument)) => (name, Some(argument.trim().trim_matches('"').to_owned())),
                    None => (directive, None),
                };
                let name = name.trim().to_ascii_lowercase();
                if !name.is_empty() {
                    directives.push((name, argument));
                }
            }
        }
        Directives(directives)
    }

    /// Whether a directive is there, with an argument or without one.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(directive, _)| directive == name)
    }

    /// Whether a directive is there without an argument.
    pub(super) fn has_bare(&self, name: &str) -> bool {
        self.0.iter().any(|(directive, argument)| directive == name && argument.is_none())
    }

    /// The seconds of a directive (RFC 9111 §1.2.2), if it is there.
    pub(super) fn seconds(&self, name: &str) -> Option<Seconds> {
        let mut found = None;
        for (_, argument) in self.0.iter().filter(|(directive, _)| directive == name) {
            let text = argument.as_deref().unwrap_or_default();
            let seconds = match () {
                () if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => Seconds::Invalid,
                // All digits, so parsing fails only where they are too many.
                () => Seconds::Valid(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST)),
            };
            if found.is_some_and(|earlier| earlier != seconds) {
                return Some(Seconds::Invalid);
            }
            found = Some(seconds);
        }
        found
    }

    /// The field names that a directive lists in its argument.
    pub(super) fn names(&self, name: &str) -> impl Iterator<Item = HeaderName> {
        let lists = self.0.iter().filter(move |(directive, _)| directive == name);
        let lists = lists.filter_map(|(_, argument)| argument.as_deref());
        lists.flat_map(|list| list.split(',')).filter_map(|member| member.trim().parse().ok())
    }
}

/// What a directive says in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seconds {
    /// So many.
    Valid(Duration),
    /// No number, or said twice and not the same: to be read in the strictest way (RFC 9111 §4.2.1).
    Invalid,
}

impl Seconds {
    /// As a lifetime: what is not valid makes stale.
    pub(super) fn or_none_at_all(self) -> Duration {
        self.valid().unwrap_or_default()
    }

    /// As a permission or a wish: what is not valid was not said.
    pub(super) fn valid(self) -> Option<Duration> {
        match self {
            Seconds::Valid(seconds) => Some(seconds),
            Seconds::Invalid => None,
        }
    }
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}
