//! What an answer says about how often its origin may be asked.
//!
//! Understood are the fields of the IETF's draft (`RateLimit: "default";r=50;t=30` with `RateLimit-Policy`), of its
//! earlier versions (`RateLimit: limit=100, remaining=50, reset=30` and `RateLimit-Remaining` with `RateLimit-Reset`),
//! the customary `X-RateLimit-…`, and `Retry-After` (RFC 9110 §10.2.3). What is none of these says nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, StatusCode, header};

use super::quota::Told;

/// The customary pairs: what is left, and when there is more.
const PAIRS: [(&str, &str); 3] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];

/// Numbers from here on are no spans but times: seconds since 1970, 2001 and later.
const SECONDS_SINCE_1970: f64 = 1e9;

/// Numbers from here on are milliseconds since 1970.
const MILLISECONDS_SINCE_1970: f64 = 1e12;

/// How many requests are left, and for how long.
pub(super) fn quota(fields: &HeaderMap, now: SystemTime) -> Option<Told> {
    let pairs = PAIRS.iter().filter_map(|(remaining, reset)| {
        let remaining = number(text(fields, remaining)?)?;
        told(remaining, text(fields, reset)?, now)
    });
    rate_limit(fields).into_iter().chain(pairs).min_by(|a, b| tightness(*a).total_cmp(&tightness(*b)))
}

/// For how long whoever asks too much is to leave the origin alone. `Retry-After` beside 503 speaks of one resource as
/// often as of them all, so it is left to that resource's feed.
pub(super) fn pause(status: StatusCode, fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let value = fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    (!wait.is_zero()).then_some(wait)
}

/// Requests left for a second: of several limits the one with the least binds, and of several that are used up the one
/// that lasts longest.
fn tightness(told: Told) -> f64 {
    match told.remaining {
        0 => -told.reset.as_secs_f64(),
        remaining => remaining as f64 / told.reset.as_secs_f64(),
    }
}

/// The tightest limit of `RateLimit`.
fn rate_limit(fields: &HeaderMap) -> Option<Told> {
    let values = || fields.get_all("ratelimit").iter().filter_map(|value| value.to_str().ok());
    let limits = values().flat_map(|value| split(value, ',')).filter_map(|member| {
        let remaining = number(parameter(member, "r")?)?;
        let window = || window(fields, name(member));
        let reset = parameter(member, "t").or_else(window).and_then(number)?;
        span(remaining, reset)
    });
    // The dictionary of earlier drafts.
    let member =
        |wanted| values().flat_map(|value| split(value, ',')).find_map(|member| member_value(member, wanted));
    let earlier = || span(number(member("remaining")?)?, number(member("reset")?)?);
    limits.min_by(|a, b| tightness(*a).total_cmp(&tightness(*b))).or_else(earlier)
}

/// The window of a policy, from `RateLimit-Policy`: where a limit does not say when it is renewed.
fn window<'a>(fields: &'a HeaderMap, policy: &str) -> Option<&'a str> {
    let values = fields.get_all("ratelimit-policy").iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| split(value, ','))
        .find(|member| name(member) == policy)
        .and_then(|member| parameter(member, "w"))
}

/// A member's item, without its parameters.
fn name(member: &str) -> &str {
    split(member, ';').next().unwrap_or_default().trim()
}

fn parameter<'a>(member: &'a str, wanted: &str) -> Option<&'a str> {
    split(member, ';').skip(1).find_map(|parameter| member_value(parameter, wanted))
}

/// The value of `key=value`, where the key is this one.
fn member_value<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let (key, value) = text.split_once('=')?;
    (key.trim() == wanted).then(|| value.trim())
}

/// The parts of a structured field between these separators, but not those within quotes (RFC 9651 §3.3.3).
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let is_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted && !is_escaped => escaped = true,
            '"' if !is_escaped => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    })
}

fn text<'a>(fields: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    fields.get(HeaderName::from_static(name))?.to_str().ok()
}

/// A number of at least 0. Some APIs write a list (`100, 100;window=60`): its first member counts.
fn number(text: &str) -> Option<f64> {
    let first = text.split([',', ';']).next()?.trim();
    first.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// A limit whose renewal is a span of time, or a time.
fn told(remaining: f64, reset: &str, now: SystemTime) -> Option<Told> {
    let reset = match number(reset) {
        Some(reset) if reset < SECONDS_SINCE_1970 => reset,
        Some(reset) => {
            let scale = if reset < MILLISECONDS_SINCE_1970 { 1.0 } else { 1000.0 };
            reset / scale - now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64()
        }
        None => httpdate::parse_http_date(reset.trim()).ok()?.duration_since(now).ok()?.as_secs_f64(),
    };
    span(remaining, reset)
}

/// A limit that lasts; one that is renewed by now says nothing.
fn span(remaining: f64, reset: f64) -> Option<Told> {
    let reset = Duration::try_from_secs_f64(reset).ok().filter(|reset| !reset.is_zero())?;
    Some(Told { remaining: remaining as u64, reset })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2033-05-18 03:33:20 UTC
    const NOW: u64 = 2_000_000_000;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in list {
            fields.append(*name, value.parse().unwrap());
        }
        fields
    }

    #[test]
    fn limits_are_read_in_every_form_that_is_in_use() {
        let check = |list: &[(&'static str, &str)], expected: Option<(u64, u64)>| {
            let expected =
                expected.map(|(remaining, reset)| Told { remaining, reset: Duration::from_secs(reset) });
            assert_eq!(quota(&fields(list), now()), expected, "{list:?}");
        };
        check(&[("ratelimit", "\"default\";r=50;t=30")], Some((50, 30)));
        check(&[("ratelimit", "\"a;b,c\\\"\" ; t=30 ;r=0")], Some((0, 30)));
        check(&[("ratelimit", "\"second\";r=9;t=1, \"day\";r=86;t=8600")], Some((86, 8600)));
        check(&[("ratelimit", "\"second\";r=0;t=1"), ("ratelimit", "\"day\";r=0;t=8600")], Some((0, 8600)));
        check(
            &[("ratelimit", "\"a\";r=5"), ("ratelimit-policy", "\"b\";q=1;w=9, \"a\";q=100;w=60")],
            Some((5, 60)),
        );
        check(&[("ratelimit", "\"a\";r=5")], None);
        check(&[("ratelimit", "\"a\";r=-5;t=4")], None);
        check(&[("ratelimit", "limit=100, remaining=40, reset=20")], Some((40, 20)));
        check(
            &[("ratelimit-limit", "100"), ("ratelimit-remaining", "7"), ("ratelimit-reset", "3")],
            Some((7, 3)),
        );
        check(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "30")], Some((7, 30)));
        check(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "2000000042")], Some((7, 42)));
        check(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "2000000042000")], Some((7, 42)));
        check(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "1999999999")], None);
        check(&[("x-rate-limit-remaining", "7, 7;w=1"), ("x-rate-limit-reset", "5")], Some((7, 5)));
        check(&[("x-ratelimit-remaining", "7")], None);
        check(&[("x-ratelimit-remaining", "many"), ("x-ratelimit-reset", "30")], None);
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1e300")], None);
        check(
            &[("ratelimit", "\"a\";r=50;t=30"), ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "9")],
            Some((1, 9)),
        );
        check(&[("retry-after", "30")], None);
    }

    #[test]
    fn whoever_asks_too_much_is_told_for_how_long_to_stop() {
        let check = |status: u16, value: &str, expected: Option<u64>| {
            let status = StatusCode::from_u16(status).unwrap();
            let found = pause(status, &fields(&[("retry-after", value)]), now());
            assert_eq!(found, expected.map(Duration::from_secs), "{status} {value}");
        };
        check(429, "30", Some(30));
        check(429, " 30 ", Some(30));
        check(429, "Wed, 18 May 2033 03:34:00 GMT", Some(40));
        check(429, "Wed, 18 May 2033 03:33:00 GMT", None);
        check(503, "30", None);
        check(429, "0", None);
        check(429, "soon", None);
        check(500, "30", None);
        check(301, "30", None);
    }
}
