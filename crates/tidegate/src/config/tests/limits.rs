//! Limits that depend on each other, and those that the gateway may find out by itself.

use super::super::*;
use super::{ORIGIN, ROUTE, check_top, parse, unset};

fn limits(lines: &str, environment: Environment<'_>) -> Limits {
    let text = format!("[limits]\n{lines}{ORIGIN}{ROUTE}");
    Config::parse("t", &text, environment).unwrap_or_else(|errors| panic!("{}", render(&errors))).limits
}

#[test]
fn what_is_not_written_follows_what_is() {
    let check = |lines: &str, expected: (usize, usize, usize, usize)| {
        let limits = limits(lines, &unset);
        let found = (
            *limits.max_connections,
            *limits.max_connections_per_address,
            *limits.max_streams,
            *limits.max_streams_per_feed,
        );
        assert_eq!(found, expected, "{lines}");
    };
    check("", (16_384, 16_384, 10_000, 10_000));
    check("max_streams = 15_360\n", (16_384, 16_384, 15_360, 15_360));
    check("max_streams = 15_361\n", (16_385, 16_385, 15_361, 15_361));
    check("max_streams = 10_000_000\n", (10_001_024, 10_001_024, 10_000_000, 10_000_000));
    check("max_connections = 20_000\n", (20_000, 20_000, 10_000, 10_000));
    // Only what somebody wrote contradicts: the default of streams is a bound among others.
    check("max_connections = 50\n", (50, 50, 10_000, 10_000));
    check("max_connections_per_address = 7\nmax_streams_per_feed = 5\n", (16_384, 7, 10_000, 5));
    check(
        "max_streams = 100\nmax_connections = \"auto\"\nmax_connections_per_address = \"auto\"\n\
         max_streams_per_feed = \"auto\"\n",
        (16_384, 16_384, 100, 100),
    );
    check("max_streams = 100\nmax_connections = 100\nmax_streams_per_feed = 100\n", (100, 100, 100, 100));
}

#[test]
fn parts_that_are_more_than_their_whole() {
    check_top(
        "[limits]\nmax_streams = 101\nmax_streams_per_feed = 102\nmax_connections = 100\n\
         max_connections_per_address = 103\n",
        &[
            "t:2:15 `max_streams` (101) is more than `max_connections` (100) on line 4",
            "t:3:24 `max_streams_per_feed` (102) is more than `max_streams` (101) on line 2",
            "t:5:31 `max_connections_per_address` (103) is more than `max_connections` (100) on line 4",
        ],
    );
    let errors =
        parse(&format!("[limits]\nmax_connections = 1\nmax_streams = 2\n{ORIGIN}{ROUTE}")).unwrap_err();
    assert_eq!(errors[0].problem.help(), "lower `max_streams` or raise `max_connections`");
}

#[test]
fn what_follows_from_a_variable_is_not_printed() {
    let environment = |_: &str| Some(String::from("54321"));
    let limits = limits("max_streams = \"${STREAMS}\"\nshards = \"${SHARDS:-auto}\"\n", &|name| {
        (name == "STREAMS").then(|| environment(name)).flatten()
    });
    assert_eq!((*limits.max_connections, *limits.shards), (55_345, OrAuto::Auto));
    assert!(!format!("{limits:?}").contains("5434") && !format!("{limits:?}").contains("5534"));
    assert_eq!(limits.max_connections.to_string(), "${STREAMS}");
    check_top("[limits]\nshards = \"${NONE:-4}\"\nmemory = \"${NONE:-1 GiB}\"\n", &[]);
}

#[test]
fn auto_or_an_amount() {
    let found = limits("shards = 4\nmemory = \"2 GiB\"\n", &unset);
    assert_eq!((*found.shards, *found.memory), (OrAuto::Set(4), OrAuto::Set(ByteSize(2 << 30))));
    assert_eq!((found.shards.or(9), limits("", &unset).shards.or(9)), (4, 9));
    assert_eq!(*limits("shards = \"auto\"\nmemory = \"auto\"\n", &unset).memory, OrAuto::Auto);
    check_top(
        "[limits]\nshards = \"4\"\nmemory = 100\nmax_connections = \"many\"\n",
        &[
            "t:2:10 `shards` is a string, expected a whole number, or \"auto\"",
            "t:3:10 `memory` is an integer, expected a size as a string, or \"auto\"",
            "t:4:19 `max_connections` is a string, expected a whole number, or \"auto\"",
        ],
    );
    check_top(
        "[limits]\nshards = 257\nmemory = \"1 MiB\"\nmax_connections = \"${N:-x}\"\nmax_connects_per_second = 0\n\
         send_buffer = \"1 B\"\n",
        &[
            "t:2:10 `shards`: \"257\" is not between 1 and 256",
            "t:3:10 `memory`: \"1 MiB\" is not between 32 MiB and 16384 GiB",
            "t:4:19 `max_connections`: \"${N}\" is neither a whole number nor auto",
            "t:5:27 `max_connects_per_second`: \"0\" is not between 1 and 10000000",
            "t:6:15 `send_buffer`: \"1 B\" is not between 4 KiB and 64 MiB",
        ],
    );
    check_top("[limits]\nmemory = \"half\"\n", &["t:2:10 `memory`: \"half\" is neither a size nor auto"]);
}

#[test]
fn conflating_is_a_matter_of_the_route() {
    let conflate = |line: &str| {
        let config = parse(&format!("{ORIGIN}{ROUTE}{line}")).unwrap();
        *config.routes[0].live().unwrap().conflate
    };
    assert!(conflate(""));
    assert!(!conflate("conflate = false\n"));
    super::check_route(
        "path = \"/\"\norigin = \"a\"\nlive = false\nconflate = true\n",
        &["t:8:1 `conflate` has no effect: the route is not live"],
    );
}
