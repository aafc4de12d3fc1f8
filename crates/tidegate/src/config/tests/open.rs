//! `[open]`.

use super::*;

fn check_open(lines: &str, expected: &[&str]) {
    let text = format!("{ORIGIN}{ROUTE}[open]\n{lines}");
    assert_eq!(errors(&text, &unset), expected, "{lines}");
}

#[test]
fn it_is_off_until_its_table_is_there() {
    assert_eq!(parse(&format!("{ORIGIN}{ROUTE}")).unwrap().open, None);
    let everything = parse(&format!("{ORIGIN}{ROUTE}[open]\nallow = [\"*\"]\n")).unwrap().open.unwrap();
    assert!(everything.allows_everything());
    let some = "allow = [\"https://api.example.com/**\", \"http://localhost:*/v1/*\"]\n";
    let some = parse(&format!("{ORIGIN}{ROUTE}[open]\n{some}")).unwrap().open.unwrap();
    assert!(!some.allows_everything());
}

#[test]
fn the_settings_of_routes_and_the_time_outs_of_origins_hold_here_too() {
    let lines = "allow = [\"*\"]\npoll = \"2s\"\nlinger = \"1m\"\nignore = [\"$.at\"]\nhead_timeout = \"3s\"\n\
                 connect_timeout = \"1s\"\n";
    let open = parse(&format!("{ORIGIN}{ROUTE}[open]\n{lines}")).unwrap().open.unwrap();
    assert_eq!(*open.live.pace.poll, Duration::from_secs(2));
    assert_eq!(*open.live.linger, Duration::from_secs(60));
    assert_eq!(open.live.fields.ignore.len(), 1);
    assert_eq!(*open.time_outs.head, Duration::from_secs(3));
    assert_eq!(*open.time_outs.connect, Duration::from_secs(1));
}

#[test]
fn what_is_wrong_says_its_place() {
    check_open("", &["t:7:1 [open] has no `allow`"]);
    check_open("allow = []\n", &["t:8:1 [open] has no `allow`"]);
    check_open("allow = \"*\"\n", &["t:8:9 `allow` is a string, expected a list of strings"]);
    let all = "allow = [\"*\"]\n";
    check_open("allow = [\"*\", \"*\"]\n", &["t:8:15 `allow`: \"*\" is listed twice"]);
    check_open(
        "allow = [\"https://h\", \"h/**\"]\n",
        &[
            "t:8:10 `allow`: \"https://h\" has no path",
            "t:8:23 `allow`: \"h/**\" begins with neither `http://` nor `https://`",
        ],
    );
    check_open(
        &format!("{all}allow_private = [\"10.0.0.1/8\"]\n"),
        &["t:9:18 `allow_private`: \"10.0.0.1/8\" is not a network of addresses"],
    );
    check_open(
        &format!("{all}forward_headers = [\"Cookie\"]\n"),
        &["t:9:20 `forward_headers`: \"Cookie\" is never forwarded to a host that a client names"],
    );
    check_open(
        &format!("{all}max_redirects = 21\n"),
        &["t:9:17 `max_redirects`: \"21\" is not between 0 and 20"],
    );
    check_open(&format!("{all}poll = \"1ms\"\n"), &["t:9:8 `poll`: \"1ms\" is not between 5ms and 24h"]);
    for key in ["origin", "live", "path", "name", "url", "cookies", "graphql"] {
        let errors = errors(&format!("{ORIGIN}{ROUTE}[open]\n{all}{key} = \"x\"\n"), &unset);
        assert!(errors[0].contains(&format!("`{key}`")), "{errors:?}");
    }
}
