//! The field controls of routes: what is accepted, what is wrong and where, and what they become.

use tidegate_core::json::{
    FieldControls, Identities, JsonPath, MAX_DEPTH, Pointer, Step, Tolerance, parse as document,
};

use super::super::*;
use super::{ORIGIN, check_route, errors, parse, unset};

const ROUTE: &str = "path = \"/\"\norigin = \"a\"\n";

fn settings(lines: &str, environment: Environment<'_>) -> Arc<FieldSettings> {
    let text = format!("{ORIGIN}[[route]]\n{ROUTE}{lines}");
    let config =
        Config::parse("t", &text, environment).unwrap_or_else(|errors| panic!("{}", render(&errors)));
    config.routes[0].live().expect("the route is live").fields.clone()
}

/// The lines stand from line 7 on.
fn check(lines: &str, expected: &[&str]) {
    check_route(&format!("{ROUTE}{lines}"), expected);
}

#[test]
fn what_is_written_is_what_decides() {
    let path = |text| JsonPath::parse(text).unwrap();
    let settings = settings(
        "payload = \"/a~1b/0\"\nignore = [\"$.at\", '$[\"b\"][?@.test]']\n\
         tolerance = { \"$.rows[*].last\" = 0.01, '$.n' = 1, \"$.m\" = 1_000.5, \"$.x\" = 0x10, \"$.z\" = 0 }\n\
         [route.identity]\n\"$.rows\" = \"sku\"\n\"$..rows\" = \"\"\n",
        &unset,
    );
    let tolerances = [("$.rows[*].last", 0.01), ("$.n", 1.0), ("$.m", 1000.5), ("$.x", 16.0), ("$.z", 0.0)];
    let tolerances = tolerances.map(|(text, most)| (path(text), Tolerance::new(most).unwrap()));
    let expected = FieldControls::new(
        Pointer::parse("/a~1b/0").unwrap(),
        vec![path("$.at"), path("$['b'][?@.test]")],
        tolerances.to_vec(),
    );
    assert_eq!(settings.controls(), expected);
    let identities = vec![(path("$.rows"), "sku".to_owned()), (path("$..rows"), String::new())];
    assert_eq!(settings.identities(), Identities::new(identities).unwrap());
    // In the order of the file: the second path would select this array as well.
    assert_eq!(settings.identities().at([Step::Name("rows")]), Some("sku"));
}

#[test]
fn nothing_written_is_no_control() {
    for lines in ["", "payload = \"\"\nignore = []\ntolerance = {}\nidentity = {}\n"] {
        let settings = settings(lines, &unset);
        assert!(settings.controls().is_none() && settings.identities().is_empty());
    }
}

#[test]
fn the_example_tells_what_it_says() {
    let config = parse(EXAMPLE).unwrap();
    let fields = &config.route("/quotes/SPY").unwrap().live().unwrap().fields;
    let value = |text: &str| document(text.as_bytes(), MAX_DEPTH).unwrap();
    let sent = value(r#"{"generated_at":1,"rows":[{"symbol":"A","last":101.10}]}"#);
    let counts = |text: &str| fields.controls().counts(&sent, &value(text));
    assert!(!counts(r#"{"generated_at":2,"rows":[{"symbol":"A","last":101.11}]}"#));
    assert!(counts(r#"{"generated_at":2,"rows":[{"symbol":"A","last":101.12}]}"#));
    assert_eq!(fields.identities().at([Step::Name("rows")]), Some("symbol"));
    let accounts = &config.route("/accounts/1").unwrap().live().unwrap().fields;
    assert_eq!(accounts.controls().payload().as_str(), "/data");
}

#[test]
fn pointers() {
    check(
        "payload = \"data\"\n",
        &["t:7:11 `payload`: \"data\" does not begin with `/`, as a JSON Pointer does"],
    );
    check(
        "payload = \"$.data\"\n",
        &["t:7:11 `payload`: \"$.data\" does not begin with `/`, as a JSON Pointer does"],
    );
    check(
        "payload = \"/a~\"\n",
        &["t:7:11 `payload`: \"/a~\" has a `~` that is followed by neither `0` nor `1`"],
    );
    check("payload = [\"/a\"]\n", &["t:7:11 `payload` is a list, expected a JSON Pointer as a string"]);
}

#[test]
fn paths_are_refused_where_they_go_wrong() {
    let end = "is not a JSONPath: at character";
    check(
        "ignore = [\"$.a\", \"rows\", \"$.é b\", '$[01]', \"$.\"]\n",
        &[
            &format!("t:7:19 `ignore`: \"rows\" {end} 1, expected `$`, the whole document"),
            &format!("t:7:31 `ignore`: \"$.é b\" {end} 5, expected `.`, `[` or the end"),
            &format!(
                "t:7:38 `ignore`: \"$[01]\" {end} 3, expected an integer without leading zeros, between -(2^53-1) and \
                 2^53-1"
            ),
            &format!("t:7:47 `ignore`: \"$.\" {end} 3, expected a name or `*` after `.`"),
        ],
    );
    // Written with escapes, a text is not the file's: all of it is meant.
    check(
        "ignore = [\"$[\\\"a\\\"] \"]\n",
        &[&format!(
            "t:7:11 `ignore`: \"$[\"a\"] \" {end} 7, expected the end: no white space follows a path"
        )],
    );
    check(
        "tolerance = { \"$.a b\" = 1 }\nidentity = { 'a' = \"id\" }\n",
        &[
            &format!("t:7:20 `tolerance`: \"$.a b\" {end} 5, expected `.`, `[` or the end"),
            &format!("t:8:15 `identity`: \"a\" {end} 1, expected `$`, the whole document"),
        ],
    );
    let rendered = render(&parse(&format!("{ORIGIN}[[route]]\n{ROUTE}ignore = [\"$.a-b\"]\n")).unwrap_err());
    assert_eq!(
        rendered,
        "t:7:15: error: `ignore`: \"$.a-b\" is not a JSONPath: at character 4, expected `.`, `[` or the end; such a name \
         is written `['…']`\n 7 | ignore = [\"$.a-b\"]\n   |               ^\n  help: write a path of RFC 9535: \
         \"$.rows[*].last\", \"$..updated\", \"$['last-price'][0]\"\n"
    );
}

#[test]
fn ignored_paths() {
    check("ignore = \"$.a\"\n", &["t:7:10 `ignore` is a string, expected a list of strings"]);
    check("ignore = [1]\n", &["t:7:11 `ignore` is an integer, expected a list of strings"]);
    check("ignore = [\"$.a\", \"$['a']\"]\n", &["t:7:18 `ignore`: \"$['a']\" is listed twice"]);
    check(
        "ignore = [\"$\"]\n",
        &["t:7:11 `ignore`: \"$\" selects the whole document, so that no change would ever be told"],
    );
}

#[test]
fn tolerances() {
    check(
        "tolerance = 0.01\n",
        &["t:7:13 `tolerance` is a float, expected a table of JSONPaths with numbers"],
    );
    check(
        "tolerance = { '$.a' = \"0.01\", '$.b' = true }\n",
        &[
            "t:7:23 `tolerance` is a string, expected a table of JSONPaths with numbers",
            "t:7:39 `tolerance` is a boolean, expected a table of JSONPaths with numbers",
        ],
    );
    check(
        "tolerance = { '$.a' = -0.01, '$.b' = nan, '$.c' = inf, '$.d' = -1, '$.e' = 1e999 }\n",
        &[
            "t:7:23 `tolerance`: \"-0.01\" is not a finite number of at least 0",
            "t:7:38 `tolerance`: \"nan\" is not a finite number of at least 0",
            "t:7:51 `tolerance`: \"inf\" is not a finite number of at least 0",
            "t:7:64 `tolerance`: \"-1\" is not a finite number of at least 0",
            "t:7:76 `tolerance`: \"1e999\" is not a finite number of at least 0",
        ],
    );
    check(
        "tolerance = { \"$['a']\" = 1, '$.a' = 2, '$.b' = 1 }\n",
        &["t:7:29 `tolerance`: \"$.a\" is listed twice"],
    );
}

#[test]
fn identities() {
    check(
        "identity = \"sku\"\n",
        &["t:7:12 `identity` is a string, expected a table of JSONPaths with strings"],
    );
    check(
        "identity = { '$.a' = 1 }\n",
        &["t:7:22 `identity` is an integer, expected a table of JSONPaths with strings"],
    );
    let not_local =
        "has a filter, a slice or a negative index, or is too long, to name arrays by their place";
    check(
        "[route.identity]\n'$.a[?@.x].b' = \"id\"\n'$[1:]' = \"id\"\n'$[-1]' = \"id\"\n'$..*' = \"id\"\n\"$[ * ]\" = \"id\"\n\
         '$.*' = \"x\"\n",
        &[
            &format!("t:8:1 `identity`: \"$.a[?@.x].b\" {not_local}"),
            &format!("t:9:1 `identity`: \"$[1:]\" {not_local}"),
            &format!("t:10:1 `identity`: \"$[-1]\" {not_local}"),
            "t:13:1 `identity`: \"$.*\" is listed twice",
        ],
    );
}

#[test]
fn none_of_them_on_a_route_that_is_not_live() {
    check(
        "live = false\npayload = \"/a\"\nignore = []\ntolerance = {}\nidentity = { 'x' = 1 }\n",
        &[
            "t:8:1 `payload` has no effect: the route is not live",
            "t:9:1 `ignore` has no effect: the route is not live",
            "t:10:1 `tolerance` has no effect: the route is not live",
            "t:11:1 `identity` has no effect: the route is not live",
            "t:11:15 `identity`: \"x\" is not a JSONPath: at character 1, expected `$`, the whole document",
            "t:11:20 `identity` is an integer, expected a table of JSONPaths with strings",
        ],
    );
}

#[test]
fn from_the_environment() {
    let environment = |name: &str| match name {
        "POINTER" => Some(String::from("/data")),
        "NAME" => Some(String::from("rows")),
        "MOST" => Some(String::from("0.5")),
        "BAD" => Some(String::from("a b-secret")),
        _ => None,
    };
    let lines = "payload = \"${POINTER}\"\nignore = [\"$.${NAME}[*].at\"]\n\
                 tolerance = { \"$.${NAME}[*].last\" = \"${MOST}\", '$.n' = \"${NONE:-2}\" }\n\
                 identity = { \"$.${NAME}\" = \"${NAME}\" }\n";
    let found = settings(lines, &environment);
    assert_eq!(found.payload.as_str(), "/data");
    assert_eq!(found.ignore[0].as_str(), "$.rows[*].at");
    assert_eq!((found.tolerance[0].1.get(), found.tolerance[1].1.get()), (0.5, 2.0));
    assert_eq!(found.identities().at([Step::Name("rows")]), Some("rows"));
    let printed = format!("{found:?}");
    assert!(!printed.contains("rows") && !printed.contains("0.5") && !printed.contains("data"), "{printed}");

    let text = format!(
        "{ORIGIN}[[route]]\n{ROUTE}ignore = [\"$.${{BAD}}\", \"$.${{UNSET}}\"]\ntolerance = {{ '$.a' = \"${{BAD}}\" }}\n"
    );
    assert_eq!(
        errors(&text, &environment),
        [
            "t:7:11 `ignore`: \"$.${BAD}\" is not a JSONPath",
            "t:7:26 the environment variable `UNSET` is not set",
            "t:8:23 `tolerance`: \"${BAD}\" is not a finite number of at least 0",
        ]
    );
}
