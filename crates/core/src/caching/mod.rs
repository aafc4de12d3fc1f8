//! What caching fields mean for plain reads from memory (RFC 9111, RFC 5861).
//!
//! A live feed may hold what it streams, `no-store` included, for its own subscribers while they watch. Plain reads
//! are stricter: they are served from memory where a shared cache could serve them. [`Control`] is what the origin's
//! answer says, [`Demand`] what the request says, [`Control::reuse`] what follows.
//!
//! Ages (§4.2.3) are counted from the start of the request that brought the answer, which includes the response delay,
//! and from the `Age` that came with it. The apparent age, the local clock less `Date`, is left out, as §4.2.3 allows:
//! it guards against caches of HTTP/1.0 that say no `Age`, and an origin whose clock is behind would make every answer
//! stale. So no wall clock is needed here. What says no lifetime has none: nothing is guessed from `Last-Modified`
//! (§4.2.2).

mod demand;
mod directives;
mod reuse;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::demand::Demand;
use self::directives::{Directives, LONGEST};
pub use self::reuse::{Forward, Reuse};

/// What the fields of a 200 say about its use for later readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Whether a later reader with an equal key may have it at all.
    pub storable: bool,
    /// Each use needs a validation (`no-cache`, §5.2.2.4).
    pub always_validated: bool,
    /// It may not be used stale (§4.2.4): `must-revalidate`, `proxy-revalidate`, `s-maxage` (§5.2.2.2, .8, .10).
    pub never_stale: bool,
    /// How long it is fresh, from when it was made; `None` where the origin does not say.
    pub lifetime: Option<Duration>,
    /// For so long after that it may be used while it is fetched anew (RFC 5861 §3).
    pub while_revalidate: Option<Duration>,
    /// For so long after that it may be used if the origin fails (RFC 5861 §4).
    pub if_error: Option<Duration>,
    /// Fields that each use without a validation has to leave out (`no-cache="field"`, §5.2.2.4).
    pub withheld: Vec<HeaderName>,
}

impl Control {
    /// Reads the fields of a 200. `authorized`: the request carried `Authorization`.
    pub fn of(fields: &HeaderMap, authorized: bool) -> Control {
        let directives = Directives::of(fields);
        // §5.2.2.3: for whom understands the status, `no-store` beside it was for those that do not.
        let no_store = directives.has("no-store") && !directives.has("must-understand");
        let seconds = |name| directives.seconds(name).and_then(|seconds| seconds.valid());
        Control {
            storable: !no_store && is_shareable(&directives, fields, authorized),
            always_validated: directives.has_bare("no-cache"),
            never_stale: ["must-revalidate", "proxy-revalidate", "s-maxage"]
                .iter()
                .any(|name| directives.has(name)),
            lifetime: lifetime_by(&directives, fields),
            while_revalidate: seconds("stale-while-revalidate"),
            if_error: seconds("stale-if-error"),
            withheld: directives.names("no-cache").collect(),
        }
    }
}

/// Whether one answer of any status may go to several requests with an equal key that wait for it at the same time.
/// `authorized`: they carry `Authorization`.
pub fn may_collapse(fields: &HeaderMap, authorized: bool) -> bool {
    let directives = Directives::of(fields);
    !directives.has("no-store") && is_shareable(&directives, fields, authorized)
}

/// Whether it is meant for others, too. `private="field"` concerns that field only (§5.2.2.7); we stay on the safe side.
/// A `Set-Cookie` is for one reader, whatever else is said.
fn is_shareable(directives: &Directives, fields: &HeaderMap, authorized: bool) -> bool {
    // §3.5.
    let allowed = ["public", "s-maxage", "must-revalidate"].iter().any(|name| directives.has(name));
    (!authorized || allowed) && !directives.has("private") && !fields.contains_key(header::SET_COOKIE)
}

/// For how long the origin calls an answer fresh, from when it was made: `s-maxage`, then `max-age`, then `Expires` less
/// `Date` (RFC 9111 §4.2.1). `None` where it does not say; zero where what it says is not valid, or is said twice and
/// differs. Nothing is guessed from `Last-Modified` (§4.2.2).
pub fn lifetime(fields: &HeaderMap) -> Option<Duration> {
    lifetime_by(&Directives::of(fields), fields)
}

fn lifetime_by(directives: &Directives, fields: &HeaderMap) -> Option<Duration> {
    if let Some(seconds) = directives.seconds("s-maxage").or_else(|| directives.seconds("max-age")) {
        return Some(seconds.or_none_at_all());
    }
    let mut expires = fields.get_all(header::EXPIRES).iter();
    let (first, more) = (expires.next()?, expires.next());
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?.trim()).ok();
    let lifetime = match (more, date(first), fields.get(header::DATE).and_then(date)) {
        (None, Some(expires), Some(made)) => expires.duration_since(made).unwrap_or_default(),
        // "0" and other nonsense means already expired (§5.3), and so does a date that nothing can be compared with.
        _ => Duration::ZERO,
    };
    Some(lifetime.min(LONGEST))
}
