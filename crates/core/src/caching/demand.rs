//! What a plain reader demands of its answer (RFC 9111 §5.2.1, RFC 5861 §4).

use std::time::Duration;

use http::{HeaderMap, header};

use super::directives::{Directives, LONGEST};

/// What a request's fields say about the answers that it takes. The default takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Only one that the origin confirms from now on: `no-cache`, or `Pragma: no-cache` of old.
    pub validated: bool,
    /// Of at most this age.
    pub max_age: Option<Duration>,
    /// That stays fresh for so long.
    pub min_fresh: Option<Duration>,
    /// One that has been stale for at most so long will do.
    pub max_stale: Option<Duration>,
    /// So stale it may be if the origin fails.
    pub stale_if_error: Option<Duration>,
    /// The origin is not to be asked for this.
    pub only_if_cached: bool,
    /// The answer is not to be kept, unless it is already.
    pub no_store: bool,
}

impl Demand {
    /// Only an answer that the origin confirms from now on.
    pub const VALIDATED: Demand = Demand {
        validated: true,
        max_age: None,
        min_fresh: None,
        max_stale: None,
        stale_if_error: None,
        only_if_cached: false,
        no_store: false,
    };

    /// What these fields of a request say. What is not valid counts as the strictest for `max-age`, and as unsaid
    /// otherwise.
    pub fn of(fields: &HeaderMap) -> Demand {
        if !fields.contains_key(header::CACHE_CONTROL) {
            // RFC 9111 §5.4: only where there is no `Cache-Control`.
            let old = fields.get_all(header::PRAGMA).iter();
            let validated = old.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
            let validated = validated.map(str::trim).any(|value| value.eq_ignore_ascii_case("no-cache"));
            return Demand { validated, ..Demand::default() };
        }
        let directives = Directives::of(fields);
        let seconds = |name| directives.seconds(name).and_then(|seconds| seconds.valid());
        // Without an argument it takes whatever is there (§5.2.1.2).
        let any_stale = directives.has_bare("max-stale").then_some(LONGEST);
        Demand {
            validated: directives.has("no-cache"),
            max_age: directives.seconds("max-age").map(|seconds| seconds.or_none_at_all()),
            min_fresh: seconds("min-fresh"),
            max_stale: seconds("max-stale").or(any_stale),
            stale_if_error: seconds("stale-if-error"),
            only_if_cached: directives.has("only-if-cached"),
            no_store: directives.has("no-store"),
        }
    }

    /// Nothing will do that the origin confirmed before the request.
    pub fn insists(&self) -> bool {
        self.validated || self.max_age == Some(Duration::ZERO)
    }

    /// Nobody is to be asked on this request's behalf and have the answer kept.
    pub fn only_reads(&self) -> bool {
        self.only_if_cached || self.no_store
    }
}
