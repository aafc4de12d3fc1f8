//! What a route says about what chooses the content: what is accepted, what is wrong and where.

use tidegate_core::{CookieNames, IgnoredQuery};

use super::super::*;
use super::{ORIGIN, check_route, parse};

const ROUTE: &str = "path = \"/\"\norigin = \"a\"\n";

fn settings(lines: &str) -> Arc<SharingSettings> {
    let config = parse(&format!("{ORIGIN}[[route]]\n{ROUTE}{lines}"));
    let config = config.unwrap_or_else(|errors| panic!("{}", render(&errors)));
    config.routes[0].live().expect("the route is live").sharing.clone()
}

/// The lines stand from line 7 on.
fn check(lines: &str, expected: &[&str]) {
    check_route(&format!("{ROUTE}{lines}"), expected);
}

#[test]
fn what_is_written_is_what_decides() {
    let written = settings(
        "ignore_query = [\"_\", \"utm_*\", \"filter[x]\", \"größe\"]\ncookies = [\"session\", \"__Host-x\"]\n\
         safe_methods = [\"POST\", \"QUERY\"]\nmax_query_body = \"1 KiB\"\ngraphql = true\n",
    );
    assert_eq!(written.ignored_query(), IgnoredQuery::new(["_", "utm_*", "filter[x]", "größe"]));
    let names = ["session", "__Host-x"].map(str::to_owned);
    assert_eq!(written.cookie_names(), Some(CookieNames::new(names)));
    assert_eq!(
        written.safe_methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        ["POST", "QUERY"]
    );
    assert_eq!((written.max_query_body.0, *written.graphql), (1024, true));
}

#[test]
fn no_cookie_is_not_the_same_as_all() {
    assert_eq!(settings("").cookie_names(), None);
    assert_eq!(settings("cookies = \"all\"\n").cookie_names(), None);
    assert_eq!(settings("cookies = []\n").cookie_names(), Some(CookieNames::new([])));
}

#[test]
fn what_is_wrong_is_told() {
    let query = "is not the name of a query parameter as it is when decoded";
    check(
        "ignore_query = [\"\", \"a*b\", \"a=b\", \"a&b\", \"%5f\", \"a+b\", \"_\", \"_\"]\n",
        &[
            &format!("t:7:17 `ignore_query`: \"\" {query}"),
            &format!("t:7:21 `ignore_query`: \"a*b\" {query}"),
            &format!("t:7:28 `ignore_query`: \"a=b\" {query}"),
            &format!("t:7:35 `ignore_query`: \"a&b\" {query}"),
            &format!("t:7:42 `ignore_query`: \"%5f\" {query}"),
            &format!("t:7:49 `ignore_query`: \"a+b\" {query}"),
            "t:7:61 `ignore_query`: \"_\" is listed twice",
        ],
    );
    check(
        "cookies = \"session\"\n",
        &["t:7:11 `cookies` is a string, expected a list of strings, or \"all\""],
    );
    check(
        "cookies = [\"a b\", \"$Version\", \"\"]\n",
        &[
            "t:7:12 `cookies`: \"a b\" is not the name of a cookie",
            "t:7:19 `cookies`: \"$Version\" is not the name of a cookie",
            "t:7:31 `cookies`: \"\" is not the name of a cookie",
        ],
    );
    check(
        "safe_methods = [\"GET\", \"post\", \"DELETE\", \"CONNECT\"]\n",
        &[
            "t:7:17 `safe_methods`: \"GET\" is not a method that can be declared safe",
            "t:7:24 `safe_methods`: \"post\" is not a method that can be declared safe",
            "t:7:32 `safe_methods`: \"DELETE\" is not a method that can be declared safe",
            "t:7:42 `safe_methods`: \"CONNECT\" is not a method that can be declared safe",
        ],
    );
    check(
        "max_query_body = \"1 GiB\"\n",
        &["t:7:18 `max_query_body`: \"1 GiB\" is not between 1 B and 16 MiB"],
    );
}

#[test]
fn none_of_it_on_a_route_that_is_not_live() {
    check(
        "live = false\nignore_query = []\ncookies = []\nsafe_methods = []\nmax_query_body = \"1 KiB\"\ngraphql = true\n",
        &[
            "t:8:1 `ignore_query` has no effect: the route is not live",
            "t:9:1 `cookies` has no effect: the route is not live",
            "t:10:1 `safe_methods` has no effect: the route is not live",
            "t:11:1 `max_query_body` has no effect: the route is not live",
            "t:12:1 `graphql` has no effect: the route is not live",
        ],
    );
}
