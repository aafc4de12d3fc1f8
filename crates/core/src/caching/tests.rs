//! The table of RFC 9111, by section: what an answer's and a request's fields say, and what follows.

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fields(list: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    map
}

fn control(text: &str) -> Control {
    Control::of(&fields(&[("cache-control", text)]), false)
}

fn demand(text: &str) -> Demand {
    Demand::of(&fields(&[("cache-control", text)]))
}

/// What may be kept for others: §3, §3.5, §5.2.2.
#[test]
fn what_may_be_kept() {
    for (section, text, authorized, expected) in [
        ("3", "", false, true),
        ("3", "x-extension, max-age=5", false, true),
        ("5.2.2.5", "no-store", false, false),
        ("5.2", "No-Store", false, false),
        ("5.2", "x=\"a, no-store\"", false, true),
        ("5.2", "x=\"a\\\", no-store\"", false, true),
        ("5.2.2.7", "private", false, false),
        ("5.2.2.7", "private=\"x-user\"", false, false),
        ("5.2.2.9", "public", false, true),
        ("5.2.2.4", "no-cache", false, true),
        ("5.2.2.3", "must-understand, no-store", false, true),
        ("5.2.2.3", "must-understand, private", false, false),
        ("3.5", "", true, false),
        ("3.5", "max-age=5", true, false),
        ("3.5", "public", true, true),
        ("3.5", "s-maxage=5", true, true),
        ("3.5", "must-revalidate", true, true),
        ("3.5", "proxy-revalidate", true, false),
        ("3.5", "public, private", true, false),
        ("3.5", "public, no-store", true, false),
    ] {
        let control = Control::of(&fields(&[("cache-control", text)]), authorized);
        assert_eq!(control.storable, expected, "§{section} {text:?} {authorized}");
    }
    let cookie = fields(&[("set-cookie", "a=1"), ("cache-control", "public, max-age=5")]);
    assert!(!Control::of(&cookie, false).storable, "§7.3, and further than it goes");
    let strange = [(header::CACHE_CONTROL, HeaderValue::from_bytes(b"max-age=5, \xff").unwrap())];
    assert!(
        !Control::of(&strange.into_iter().collect(), false).storable,
        "what cannot be read is the strictest"
    );
    let twice = fields(&[("cache-control", "max-age=5"), ("cache-control", "no-store")]);
    assert!(!Control::of(&twice, false).storable, "§5.2: several lines are one list");
}

#[test]
fn one_answer_for_all_who_wait() {
    for (text, authorized, expected) in [
        ("", false, true),
        ("no-cache", false, true),
        ("no-store", false, false),
        // It is about 200s that are understood; this is any answer (§5.2.2.3).
        ("must-understand, no-store", false, false),
        ("private", false, false),
        ("", true, false),
        ("public", true, true),
    ] {
        assert_eq!(
            may_collapse(&fields(&[("cache-control", text)]), authorized),
            expected,
            "{text} {authorized}"
        );
    }
}

/// §4.2.1, and §4.2.2, which is not used.
#[test]
fn how_long_an_answer_is_fresh() {
    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let check = |fields: &[(&str, &str)], expected: Option<u64>| {
        assert_eq!(lifetime(&self::fields(fields)), expected.map(Duration::from_secs), "{fields:?}");
    };
    let control = |value: &'static str| ("cache-control", value);
    check(&[], None);
    check(&[DATE, ("last-modified", "Sun, 06 Nov 1994 08:49:00 GMT")], None);
    check(&[control("max-age=30")], Some(30));
    check(&[control("max-age=\"30\"")], Some(30));
    check(&[control("MAX-AGE=30, s-maxage=5")], Some(5));
    check(&[control("max-age=30"), control("max-age=30")], Some(30));
    check(&[control("max-age=30, max-age=31")], Some(0));
    check(&[control("max-age=-1")], Some(0));
    check(&[control("max-age")], Some(0));
    check(&[control("max-age=99999999999999999999")], Some(1 << 31));
    check(&[control("no-store")], None);
    check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60));
    check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:48:37 GMT")], Some(0));
    check(&[DATE, ("expires", "0")], Some(0));
    check(&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(0));
    check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("expires", "0")], Some(0));
    check(&[DATE, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), control("max-age=5")], Some(5));
}

/// Which of the kept answers answer a request without asking: §4.2, §5.2.2, RFC 5861 §3.
#[test]
fn what_is_used_again() {
    use Forward::{Request, Stale};
    use Reuse::{Fresh, WhileRevalidate};
    for (section, answer, request, age, confirmed, expected) in [
        ("4.2", "max-age=10", "", 9, false, Ok(Fresh)),
        ("4.2", "max-age=10", "", 10, false, Err(Stale)),
        ("4.2.2", "", "", 0, false, Err(Stale)),
        ("4.2.2", "", "", 100, true, Ok(Fresh)),
        ("4.2.4", "max-age=10", "", 100, true, Ok(Fresh)),
        ("5.2.2.1", "s-maxage=5, max-age=10", "", 6, false, Err(Stale)),
        ("5.2.2.10", "s-maxage=5", "", 4, false, Ok(Fresh)),
        ("5.2.2.10", "s-maxage=5", "", 5, true, Err(Stale)),
        ("5.2.2.2", "max-age=5, must-revalidate", "", 4, true, Ok(Fresh)),
        ("5.2.2.2", "max-age=5, must-revalidate", "", 5, true, Err(Stale)),
        ("5.2.2.2", "must-revalidate", "", 5, true, Ok(Fresh)),
        ("5.2.2.8", "max-age=5, proxy-revalidate", "", 5, true, Err(Stale)),
        ("5.2.2.4", "no-cache", "", 0, true, Err(Stale)),
        ("5.2.2.4", "no-cache, max-age=10", "", 0, true, Err(Stale)),
        ("5.2.2.4", "no-cache=\"x-a\", max-age=10", "", 0, false, Ok(Fresh)),
        ("5.2.1.4", "max-age=10", "no-cache", 0, true, Err(Request)),
        ("5.2.1.4", "max-age=10", "no-cache, max-stale", 11, false, Err(Stale)),
        ("5.2.1.1", "max-age=10", "max-age=0", 0, true, Err(Request)),
        ("5.2.1.1", "max-age=10", "max-age=5", 5, false, Ok(Fresh)),
        ("5.2.1.1", "max-age=10", "max-age=5", 6, false, Err(Request)),
        ("5.2.1.1", "", "max-age=5", 6, true, Err(Request)),
        ("5.2.1.1", "max-age=10", "max-age=50", 11, false, Err(Stale)),
        ("5.2.1.1", "max-age=10", "max-age=many", 0, false, Err(Request)),
        ("5.2.1.3", "max-age=10", "min-fresh=5", 5, false, Ok(Fresh)),
        ("5.2.1.3", "max-age=10", "min-fresh=5", 6, false, Err(Request)),
        ("5.2.1.3", "max-age=10", "min-fresh=5, max-stale", 12, false, Err(Stale)),
        ("5.2.1.3", "", "min-fresh=1", 0, true, Err(Request)),
        ("5.2.1.2", "max-age=10", "max-stale", 1000, false, Ok(Reuse::Stale)),
        ("5.2.1.2", "max-age=10", "max-stale=5", 15, false, Ok(Reuse::Stale)),
        ("5.2.1.2", "max-age=10", "max-stale=5", 16, false, Err(Stale)),
        ("5.2.1.2", "max-age=10", "max-stale=x", 11, false, Err(Stale)),
        ("5.2.1.2", "max-age=10", "max-age=12, max-stale=5", 11, false, Ok(Reuse::Stale)),
        ("5.2.1.2", "max-age=10", "max-age=12, max-stale=5", 13, false, Err(Stale)),
        ("5.2.1.2", "max-age=10, must-revalidate", "max-stale", 11, false, Err(Stale)),
        ("5.2.1.2", "no-cache", "max-stale", 0, false, Err(Stale)),
        ("RFC 5861 3", "max-age=10, stale-while-revalidate=5", "", 15, false, Ok(WhileRevalidate)),
        ("RFC 5861 3", "max-age=10, stale-while-revalidate=5", "", 16, false, Err(Stale)),
        ("RFC 5861 3", "max-age=10, stale-while-revalidate=5", "max-age=20", 11, false, Err(Stale)),
        ("RFC 5861 3", "s-maxage=10, stale-while-revalidate=5", "", 11, false, Err(Stale)),
        ("RFC 5861 3", "max-age=10, must-revalidate, stale-while-revalidate=5", "", 11, false, Err(Stale)),
        ("RFC 5861 3", "max-age=10, stale-while-revalidate=x", "", 11, false, Err(Stale)),
    ] {
        let reuse = control(answer).reuse(&demand(request), seconds(age), confirmed);
        assert_eq!(
            reuse, expected,
            "§{section}: {answer:?}, asked for with {request:?}, {age} s old, {confirmed}"
        );
    }
}

/// What is served where the origin fails: §4.2.4, §4.3.3, RFC 5861 §4.
#[test]
fn what_is_used_where_the_origin_fails() {
    const ALLOWED: u64 = 60;
    for (section, answer, request, age, expected) in [
        ("4.2.4", "", "", 60, true),
        ("4.2.4", "", "", 61, false),
        ("4.2.4", "max-age=10", "", 70, true),
        ("4.2.4", "max-age=10", "", 71, false),
        ("4.2.4", "no-cache", "", 0, false),
        ("4.2.4", "max-age=10, must-revalidate", "", 10, false),
        ("4.2.4", "max-age=10, must-revalidate", "", 9, true),
        ("4.2.4", "max-age=10, proxy-revalidate", "", 10, false),
        ("4.2.4", "s-maxage=10", "", 10, false),
        ("RFC 5861 4", "max-age=10, stale-if-error=5", "", 15, true),
        ("RFC 5861 4", "max-age=10, stale-if-error=5", "", 16, false),
        ("RFC 5861 4", "max-age=10, stale-if-error=100", "", 110, true),
        ("RFC 5861 4", "stale-if-error=0", "", 1, false),
        ("RFC 5861 4", "stale-if-error=100, must-revalidate", "", 1, false),
        ("RFC 5861 4", "", "stale-if-error=5", 5, true),
        ("RFC 5861 4", "", "stale-if-error=5", 6, false),
        ("RFC 5861 4", "", "stale-if-error=500", 500, true),
        ("RFC 5861 4", "no-cache", "stale-if-error=500", 0, false),
        ("RFC 5861 4", "", "no-cache, stale-if-error=5", 5, true),
        ("5.2.1.4", "", "no-cache", 0, false),
        ("5.2.1.1", "", "max-age=0", 0, false),
        ("5.2.1.1", "", "max-age=5", 5, true),
        ("5.2.1.1", "", "max-age=5", 6, false),
        ("5.2.1.3", "max-age=10", "min-fresh=5", 6, false),
    ] {
        let used = control(answer).reusable_on_error(&demand(request), seconds(age), seconds(ALLOWED));
        assert_eq!(used, expected, "§{section}: {answer:?}, asked for with {request:?}, {age} s old");
    }
}

/// §5.2.2.4: these fields go to nobody for whom the origin was not asked.
#[test]
fn fields_that_are_withheld() {
    let names = control("no-cache=\"Set-Cookie, x-a\", no-cache=x-b, max-age=5").withheld;
    assert_eq!(names, ["set-cookie", "x-a", "x-b"]);
    assert!(control("no-cache").withheld.is_empty());
}

/// §5.2.1, §5.4.
#[test]
fn what_a_request_demands() {
    assert_eq!(demand(""), Demand::default());
    assert_eq!(demand("no-cache"), Demand::VALIDATED);
    assert!(demand("only-if-cached, max-stale").only_if_cached && demand("no-store").no_store);
    for (list, insists) in [
        (&[("cache-control", "no-cache")][..], true),
        (&[("cache-control", "max-age=0")], true),
        (&[("cache-control", "max-age=10, max-age=5")], true),
        (&[("cache-control", "max-age=10")], false),
        (&[("cache-control", "no-store")], false),
        (&[("pragma", "no-cache")], true),
        (&[("pragma", "x, No-Cache")], true),
        (&[("pragma", "no-cache"), ("cache-control", "max-age=10")], false),
        (&[("accept", "no-cache")], false),
    ] {
        assert_eq!(Demand::of(&fields(list)).insists(), insists, "{list:?}");
    }
}
