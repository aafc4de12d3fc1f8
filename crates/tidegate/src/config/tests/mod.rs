//! Whole files: what they mean, and everything that is wrong with them.

mod attack;
mod credentials;
mod expect;
mod fields;
mod limits;
mod open;
mod origin_tls;
mod recipes;
mod sharing;
mod tls;
mod verifier;

use super::*;
use crate::identity::Verifier;

const ORIGIN: &str = "[[origin]]\nname = \"a\"\nurl = \"http://h\"\n";
const ROUTE: &str = "[[route]]\npath = \"/**\"\norigin = \"a\"\n";

/// One with a secret of 32 bytes.
const VERIFIER: &str =
    "[[verifier]]\nname = \"login\"\nsecrets = { main = \"0123456789abcdef0123456789abcdef\" }\n";

fn unset(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::parse("t", text, &unset)
}

/// The errors of a file, one line each: `line:column message`.
fn errors(text: &str, environment: Environment<'_>) -> Vec<String> {
    let errors = Config::parse("t", text, environment).err().unwrap_or_default();
    errors.iter().map(|e| format!("{} {}", e.place, e.problem.message())).collect()
}

/// Parses `head`, then an origin and a route that are right.
fn check_top(head: &str, expected: &[&str]) {
    assert_eq!(errors(&format!("{head}{ORIGIN}{ROUTE}"), &unset), expected, "{head}");
}

fn check_origin(lines: &str, expected: &[&str]) {
    let text = format!("{ROUTE}[[origin]]\n{lines}");
    assert_eq!(errors(&text, &unset), expected, "{lines}");
}

fn check_route(lines: &str, expected: &[&str]) {
    let text = format!("{ORIGIN}[[route]]\n{lines}");
    assert_eq!(errors(&text, &unset), expected, "{lines}");
}

/// Routes with these patterns, one after the other.
fn with_patterns(patterns: &[&str]) -> String {
    let routes = patterns.iter().map(|pattern| format!("[[route]]\npath = \"{pattern}\"\norigin = \"a\"\n"));
    ORIGIN.to_owned() + &routes.collect::<String>()
}

#[test]
fn the_example_means_what_it_says() {
    let config = Config::parse("t", EXAMPLE, &unset).unwrap();
    assert_eq!(*config.listen, "0.0.0.0:8080".parse().unwrap());
    assert!(config.cors.allows("https://app.example.com"));
    assert_eq!(*config.limits.max_streams, 20_000);
    assert_eq!(config.origins[0].url.uri().to_string(), "http://127.0.0.1:9100/");
    assert_eq!(*config.origins[1].head_timeout, Duration::from_secs(5));
    let route = config.route("/quotes/SPY").unwrap();
    assert_eq!(*route.live().unwrap().pace.poll, Duration::from_millis(250));
    assert_eq!(*route.live().unwrap().ignore_headers[0], "accept-language");
    assert_eq!(
        *config.route("/quotes/SPY/trades").unwrap().live().unwrap().pace.poll,
        Duration::from_secs(1)
    );
    assert_eq!(config.route("/accounts").unwrap().origin.name.as_str(), "accounts");
    assert_eq!(config.route("/anything").unwrap().policy, RoutePolicy::PassThrough);
}

/// What is not written where there are no tokens.
fn optional(credentials: &CredentialConfig) -> String {
    assert_eq!(credentials.oauth2, None);
    String::new()
}

#[test]
fn what_is_not_written_has_its_documented_default() {
    let config = parse(&format!("{ORIGIN}{ROUTE}[open]\nallow = [\"*\"]\n")).unwrap();
    let (origin, live) = (&config.origins[0], config.routes[0].live().unwrap());
    let open = config.open.as_ref().unwrap();
    let verified = parse(&format!("{ORIGIN}{ROUTE}verifier = \"login\"\n{VERIFIER}")).unwrap();
    let Verifier::Jwt(verifier) = &*verified.routes[0].callers.as_ref().unwrap().verifier.verifier;
    let shown = |value: &Sourced<Duration>| display_duration(**value);
    // What is documented as `auto` is known when the file is checked.
    let auto = |value: &Sourced<usize>, expected: usize| {
        assert_eq!(**value, expected);
        String::from("auto")
    };
    let found = [
        ("listen", config.listen.to_string()),
        ("max_body", config.limits.max_body.to_string()),
        ("max_feeds", config.limits.max_feeds.to_string()),
        ("max_private_feeds", auto(&config.limits.max_private_feeds, 5_000)),
        ("max_streams", config.limits.max_streams.to_string()),
        ("max_streams_per_feed", auto(&config.limits.max_streams_per_feed, 10_000)),
        ("max_subscriptions", config.limits.max_subscriptions.to_string()),
        ("subscriptions_heartbeat", shown(&config.limits.subscriptions_heartbeat)),
        ("max_connections", auto(&config.limits.max_connections, 16_384)),
        ("max_connections_per_address", auto(&config.limits.max_connections_per_address, 16_384)),
        ("max_h2_streams", config.limits.max_h2_streams.to_string()),
        ("max_connects_per_second", config.limits.max_connects_per_second.to_string()),
        ("send_buffer", config.limits.send_buffer.to_string()),
        ("max_pinned", config.limits.max_pinned.to_string()),
        ("memory", config.limits.memory.to_string()),
        ("shards", config.limits.shards.to_string()),
        ("window", config.limits.window.to_string()),
        ("window_versions", config.limits.window_versions.to_string()),
        ("request_head_timeout", shown(&config.limits.request_head_timeout)),
        ("max_wait", shown(&config.limits.max_wait)),
        ("connect_timeout", shown(&origin.connect_timeout)),
        ("head_timeout", shown(&origin.head_timeout)),
        ("body_timeout", shown(&origin.body_timeout)),
        ("max_concurrent", origin.budget.max_concurrent.to_string()),
        ("headers", origin.credentials.headers.iter().map(|(name, _)| name.to_string()).collect()),
        ("oauth2_token_url", optional(&origin.credentials)),
        ("oauth2_client_id", optional(&origin.credentials)),
        ("oauth2_client_secret", optional(&origin.credentials)),
        ("oauth2_scope", optional(&origin.credentials)),
        ("oauth2_audience", optional(&origin.credentials)),
        ("oauth2_secret_in_body", origin.credentials.oauth2.is_some().to_string()),
        ("max_requests_per_second", origin.budget.max_requests_per_second.to_string()),
        ("addresses", origin.connections.addresses.iter().map(ToString::to_string).collect()),
        (
            "http2",
            match *origin.connections.http2 {
                HttpVersions::Auto => "auto",
                _ => "another",
            }
            .to_owned(),
        ),
        ("ca", origin.tls.authorities.iter().map(|ca| ca.file.to_string()).collect()),
        ("client_certificate", origin.tls.client.iter().map(|tls| tls.certificate.to_string()).collect()),
        ("client_key", origin.tls.client.iter().map(|tls| tls.key.to_string()).collect()),
        ("max_connection_age", shown(&origin.connections.max_age)),
        ("host", config.routes[0].host.to_string()),
        ("mount", config.routes[0].mount.to_string()),
        ("follow_redirects", origin.follow_redirects.to_string()),
        ("verifier", config.routes[0].callers.iter().map(|_| "some").collect()),
        ("claim_headers", config.routes[0].callers.iter().map(|_| "some").collect()),
        ("partition_by", config.routes[0].callers.iter().map(|_| "some").collect()),
        ("algorithms", String::new()),
        ("public_keys", String::new()),
        ("secrets", verifier.keys.iter().skip(1).map(|(name, _)| name.clone()).collect()),
        ("issuer", verifier.issuer.clone()),
        ("audience", verifier.audience.clone()),
        ("leeway", display_duration(verifier.leeway)),
        ("live", config.routes[0].live().is_some().to_string()),
        ("poll", shown(&live.pace.poll)),
        (
            "poll_max",
            match *live.pace.poll_max {
                OrAuto::Auto => "auto",
                OrAuto::Set(_) => "set",
            }
            .to_owned(),
        ),
        ("obey_lifetime", live.pace.obey_lifetime.to_string()),
        ("linger", shown(&live.linger)),
        ("stale_if_error", shown(&live.stale_if_error)),
        ("heartbeat", shown(&live.heartbeat)),
        ("conflate", live.conflate.to_string()),
        (
            "cors_origins",
            match config.cors {
                CorsOrigins::None => "",
                _ => "some",
            }
            .to_owned(),
        ),
        ("describe", config.describe.to_string()),
        ("ignore_headers", live.ignore_headers.iter().map(ToString::to_string).collect()),
        ("ignore_query", live.sharing.ignore_query.iter().map(ToString::to_string).collect()),
        ("cookies", live.sharing.cookies.as_ref().map_or("all", |_| "some").to_owned()),
        ("safe_methods", live.sharing.safe_methods.iter().map(ToString::to_string).collect()),
        ("max_query_body", live.sharing.max_query_body.to_string()),
        ("graphql", live.sharing.graphql.to_string()),
        ("payload", live.fields.payload.to_string()),
        ("ignore", live.fields.ignore.iter().map(ToString::to_string).collect()),
        ("tolerance", live.fields.tolerance.iter().map(|(path, _)| path.to_string()).collect()),
        ("status", live.expect.status.iter().map(|status| status.as_str().to_owned()).collect()),
        ("type", live.expect.media.to_string()),
        ("pointer", live.expect.pointer.iter().map(ToString::to_string).collect()),
        ("schema", live.expect.schema.as_ref().map(|(path, _)| path.to_string()).unwrap_or_default()),
        ("identity", live.fields.identity.iter().map(|(path, _)| path.to_string()).collect()),
        ("allow_private", open.allow_private.iter().map(ToString::to_string).collect()),
        ("forward_headers", open.forward_headers.iter().map(ToString::to_string).collect()),
        ("max_redirects", open.max_redirects.to_string()),
        ("max_open_origins", open.max_open_origins.to_string()),
    ];
    let documented: Vec<_> = settings().filter_map(|s| Some((s.key, s.default?.to_owned()))).collect();
    assert_eq!(documented.len(), found.len());
    for (key, value) in found {
        assert!(documented.contains(&(key, value.clone())), "{key} is {value}");
    }
}

#[test]
fn every_example_and_default_is_accepted_where_it_is_documented() {
    // The files of `[tls]` have to exist: `tls` has their test, and that of the origins' files; `verifier` that of keys.
    for setting in settings().filter(|setting| setting.section != Section::Tls) {
        let is_material = matches!(setting.kind, Kind::File | Kind::PublicKeys | Kind::Secrets);
        let example = (!is_material).then(|| setting.example.to_owned());
        for value in [example, setting.default_toml()].into_iter().flatten() {
            let line = format!("{} = {value}\n", setting.key);
            let with = |section: Section, required: &str| match setting.section == section {
                false => required.to_owned(),
                true => {
                    let others = required.lines().filter(|l| !l.starts_with(&format!("{} =", setting.key)));
                    others.map(|l| format!("{l}\n")).collect::<String>() + &line
                }
            };
            // All three of these or none: empty is as good as not written.
            let of_all_three = ["oauth2_token_url", "oauth2_client_id", "oauth2_client_secret"];
            let is_none = value == "\"\"" && of_all_three.contains(&setting.key);
            let tokens = match setting.key.starts_with("oauth2_") && !is_none {
                true => {
                    "oauth2_token_url = \"http://i\"\noauth2_client_id = \"a\"\noauth2_client_secret = \"b\"\n"
                }
                false => "",
            };
            let origin = format!("[[origin]]\nname = \"market\"\nurl = \"http://h\"\n{tokens}");
            let verifies = match setting.key {
                "partition_by" => "verifier = \"login\"\n",
                "claim_headers" => "verifier = \"login\"\npartition_by = [\"tenant\"]\n",
                _ => "",
            };
            let route = format!("[[route]]\npath = \"/market/**\"\norigin = \"market\"\n{verifies}");
            // What a verifier has to have: a key of the kind that its algorithms are of.
            let keys = match setting.key {
                "secrets" => format!("public_keys = {{ a = {:?} }}\n", verifier::public("RS256")),
                "algorithms" if value != "[]" => {
                    format!("public_keys = {{ a = {:?} }}\n", verifier::public("RS256"))
                }
                _ => "secrets = { main = \"0123456789abcdef0123456789abcdef\" }\n".to_owned(),
            };
            let verifier = format!("[[verifier]]\nname = \"login\"\n{keys}");
            let text = with(Section::Top, "")
                + &with(Section::Limits, "[limits]\n")
                + &with(Section::Origin, &origin)
                + &with(Section::Verifier, &verifier)
                + &with(Section::Route, &route)
                + &with(Section::Open, "[open]\nallow = [\"*\"]\n");
            let set = |_: &str| Some(String::from("x"));
            assert_eq!(errors(&text, &set), [""; 0], "{text}");
        }
    }
}

#[test]
fn keys_that_are_no_settings() {
    let check = |head: &str, message: &str, help: &str| {
        let errors = parse(&format!("{head}\n{ORIGIN}{ROUTE}")).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{head}: {errors:?}") };
        assert_eq!((error.problem.message().as_str(), error.problem.help().as_str()), (message, help));
    };
    check("lisen = 1", "unknown key `lisen`", "did you mean `listen`?");
    check("Cors-Origins = []", "unknown key `Cors-Origins`", "did you mean `cors_origins`?");
    check("[[routes]]", "unknown key `routes`", "did you mean `route`?");
    check("poll = \"1s\"", "unknown key `poll`", "it belongs in [[route]]");
    check("[limits]\nlisten = 1", "unknown key `listen` in [limits]", "it belongs in the top of the file");
    check(
        "password = \"x\"",
        "unknown key `password`",
        "valid keys in the top of the file: listen, cors_origins, describe, tls, limits, origin, verifier, route, open",
    );
    check(
        "[limits]\nfoo = 1",
        "unknown key `foo` in [limits]",
        &format!("valid keys in [limits]: {}", Section::Limits.keys().join(", ")),
    );
    check(
        "\"a\\u001b[31m\" = 1",
        "unknown key `a\u{fffd}[31m`",
        "valid keys in the top of the file: listen, cors_origins, describe, tls, limits, origin, verifier, route, open",
    );
}

#[test]
fn values_at_the_top_and_limits() {
    check_top(
        "listen = \"localhost:80\"\n",
        &["t:1:10 `listen`: \"localhost:80\" is not an IP address with a port"],
    );
    check_top("listen = 8080\n", &["t:1:10 `listen` is an integer, expected an address as a string"]);
    check_top("cors_origins = \"*\"\n", &["t:1:16 `cors_origins` is a string, expected a list of strings"]);
    check_top("cors_origins = [1]\n", &["t:1:17 `cors_origins` is an integer, expected a list of strings"]);
    check_top("cors_origins = [\"x\"]\n", &["t:1:17 `cors_origins`: \"x\" is not a web origin"]);
    check_top(
        "cors_origins = [\n  \"*\",\n  \"http://h\"]\n",
        &["t:2:3 `cors_origins`: \"*\" allows any web origin, yet others are listed"],
    );
    check_top(
        "cors_origins = [\"http://h\", \"http://H:80\"]\n",
        &["t:1:29 `cors_origins`: \"http://H:80\" is listed twice"],
    );
    check_top("limits = 1\n", &["t:1:10 `limits` is an integer, expected a table"]);
    check_top(
        "[limits]\nmax_body = 1\nmax_feeds = 0\nmax_streams = -1\nwindow = \"2 GiB\"\nwindow_versions = 1.5\n",
        &[
            "t:2:12 `max_body` is an integer, expected a size as a string",
            "t:3:13 `max_feeds`: \"0\" is not between 1 and 10000000",
            "t:4:15 `max_streams`: \"-1\" is not a whole number",
            "t:5:10 `window`: \"2 GiB\" is not between 1 KiB and 1 GiB",
            "t:6:19 `window_versions` is a float, expected a whole number",
        ],
    );
    check_top("[limits]\nmax_feeds = \"10\"\n", &["t:2:13 `max_feeds` is a string, expected a whole number"]);
    check_top("[limits]\nmax_feeds = 0x10\nwindow_versions = 1_000\n", &[]);
    check_top(
        "[limits]\nmax_feeds = 99999999999999999999\n",
        &["t:2:13 `max_feeds`: \"99999999999999999999\" is not a whole number"],
    );
}

#[test]
fn origins() {
    check_origin("name = \"a\"\n", &["t:4:1 [[origin]] has no `url`"]);
    check_origin("url = \"http://h\"\n", &["t:4:1 [[origin]] has no `name`"]);
    check_origin(
        "name = \"a b\"\nurl = \"h\"\n",
        &[
            "t:5:8 `name`: \"a b\" is not a name: 1 to 64 letters, digits, `-`, `_` or `.`",
            "t:6:7 `url`: \"h\" is not an absolute URL",
        ],
    );
    check_origin(
        "name = \"a\"\nurl = \"http://h\"\nconnect_timeout = \"20s\"\n",
        &["t:7:19 `connect_timeout` (20s) is longer than `head_timeout` (10s)"],
    );
    check_origin(
        "name = \"a\"\nurl = \"http://h\"\nhead_timeout = \"1s\"\n",
        &["t:7:16 `connect_timeout` (2s) is longer than `head_timeout` (1s)"],
    );
    check_origin(
        "name = \"a\"\nurl = \"http://h\"\n[[origin]]\nname = \"a\"\nurl = \"http://i\"\n",
        &["t:8:8 the origin on line 5 has the name \"a\" already"],
    );
    let single = errors(&format!("[origin]\nname = \"a\"\n{ROUTE}"), &unset);
    assert_eq!(single[0], "t:1:1 `origin` is a table, expected a list of tables");
    assert_eq!(errors("", &unset), ["t there is no [[origin]]", "t there is no [[route]]"]);
    assert_eq!(
        errors("origin = []\nroute = [\"x\"]", &unset),
        ["t:1:10 there is no [[origin]]", "t:2:10 `route` is a string, expected a list of tables"]
    );
    let one_line = "origin = [{name = \"a\", url = \"http://h\"}, {name = \"a\", url = \"http://h\"}]\n";
    assert_eq!(
        errors(&format!("{one_line}{ROUTE}"), &unset),
        ["t:1:51 the origin on line 1 has the name \"a\" already"]
    );
}

#[test]
fn routes() {
    check_route("", &["t:4:1 [[route]] has no `path`", "t:4:1 [[route]] has no `origin`"]);
    check_route(
        "path = \"x\"\norigin = \"b\"\nlive = \"yes\"\npoll = 500\nlinger = \"2h\"\nheartbeat = \"soon\"\n",
        &[
            "t:5:8 `path`: \"x\" does not begin with `/`",
            "t:6:10 there is no origin named \"b\"",
            "t:7:8 `live` is a string, expected true or false",
            "t:8:8 `poll` is an integer, expected a duration as a string",
            "t:9:10 `linger`: \"2h\" is not between 0ms and 1h",
            "t:10:13 `heartbeat`: \"soon\" is not a duration",
        ],
    );
    check_route(
        "path = \"/\"\norigin = \"a\"\nlive = false\npoll = \"1s\"\nignore_headers = []\n",
        &[
            "t:8:1 `poll` has no effect: the route is not live",
            "t:9:1 `ignore_headers` has no effect: the route is not live",
        ],
    );
    check_route(
        "path = \"/\"\norigin = \"a\"\nignore_headers = [\"Cookie\", \"TE\", \"X-A\", \"x-a\", \"\"]\n",
        &[
            "t:7:19 `ignore_headers`: \"Cookie\" carries credentials, or may carry them",
            "t:7:29 `ignore_headers`: \"TE\" belongs to a single connection and is never forwarded",
            "t:7:42 `ignore_headers`: \"x-a\" is listed twice",
            "t:7:49 `ignore_headers`: \"\" is not a header field name",
        ],
    );
}

#[test]
fn an_origin_that_could_not_be_read_is_no_second_error() {
    let text = format!("[[origin]]\nname = \"a!\"\nurl = \"http://h\"\n{ROUTE}");
    assert_eq!(errors(&text, &unset).len(), 1);
    let text = format!("[[origin]]\nname = \"a\"\nurl = \"h\"\n{ROUTE}");
    assert_eq!(errors(&text, &unset).len(), 1);
}

#[test]
fn routes_that_take_each_others_requests() {
    let check = |patterns: &[&str], expected: &[&str]| {
        assert_eq!(errors(&with_patterns(patterns), &unset), expected, "{patterns:?}");
    };
    check(&["/a", "/b", "/*", "/**"], &[]);
    check(&["/a", "/a"], &["t:8:8 \"/a\" matches the same paths as \"/a\" on line 5"]);
    check(&["/{x}/**", "/{y}/**"], &["t:8:8 \"/{y}/**\" matches the same paths as \"/{x}/**\" on line 5"]);
    check(
        &["/a/**", "/b/**", "/a/*/**", "/a"],
        &["t:5:8 no request reaches \"/a/**\": \"/a\" (line 14), \"/a/*/**\" (line 11) take all of them"],
    );
}

#[test]
fn the_order_in_the_file_does_not_decide() {
    let sorted = ["/quotes", "/quotes/SPY/**", "/quotes/{symbol}", "/quotes/**", "/**"];
    let mut reversed = sorted;
    reversed.reverse();
    for patterns in [sorted, reversed] {
        let config = parse(&with_patterns(&patterns)).unwrap();
        let found: Vec<_> = config.routes.iter().map(|route| route.pattern.to_string()).collect();
        assert_eq!(found, sorted);
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(config.route(path).map(|r| r.pattern.to_string()).as_deref(), expected, "{path}");
        };
        check("/quotes", Some("/quotes"));
        check("/quotes/SPY", Some("/quotes/SPY/**"));
        check("/quotes/SPY/trades", Some("/quotes/SPY/**"));
        check("/quotes/QQQ", Some("/quotes/{symbol}"));
        check("/quotes/QQQ/trades", Some("/quotes/**"));
        check("/", Some("/**"));
        check("*", None);
    }
    assert!(parse(&with_patterns(&["/a"])).unwrap().route("/b").is_none());
}

#[test]
fn a_host_has_routes_of_its_own() {
    let route =
        |host: &str, path: &str| format!("[[route]]\nhost = \"{host}\"\npath = \"{path}\"\norigin = \"a\"\n");
    let text =
        [("", "/**"), ("*.b", "/**"), ("a.b", "/x"), ("", "/x"), ("A.b", "/**")].map(|(h, p)| route(h, p));
    let config = parse(&format!("{ORIGIN}{}", text.concat())).unwrap();
    let order: Vec<_> =
        config.routes.iter().map(|route| format!("{}{}", route.host, route.pattern)).collect();
    assert_eq!(order, ["a.b/x", "a.b/**", "*.b/**", "/x", "/**"]);
    let twice = format!("{ORIGIN}{}{}", route("a.b", "/x"), route("A.B", "/x"));
    let errors = parse(&twice).unwrap_err();
    assert!(
        matches!(&errors[..], [error] if matches!(error.problem, Problem::SamePath { .. })),
        "{errors:?}"
    );
}

#[test]
fn a_path_lies_below_the_place_of_its_api() {
    let check = |mount: &str, path: &str, expected: &[&str]| {
        let text = format!("{ORIGIN}[[route]]\nmount = \"{mount}\"\npath = \"{path}\"\norigin = \"a\"\n");
        let found: Vec<_> = errors(&text, &unset);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, part)| found.contains(part)), "{found:?}");
    };
    check("", "/**", &[]);
    check("/m", "/m", &[]);
    check("/m/n", "/m/n/{id}", &[]);
    check("/m", "/mx/**", &["does not begin with the route's `mount`, \"/m\""]);
    check("/m", "/**", &["does not begin with"]);
    check("/m/n", "/m/*", &["does not begin with"]);
    check("m", "/m", &["does not begin with `/`"]);
    check("/m/", "/m/**", &["has a wildcard or a slash at its end"]);
    check("/*", "/m/**", &["has a wildcard or a slash at its end"]);
}

#[test]
fn no_route_lies_where_the_gateway_itself_answers() {
    let check = |path: &str, expected: &[&str]| {
        check_route(&format!("path = \"{path}\"\norigin = \"a\"\n"), expected);
    };
    let own = |path| format!("t:5:8 `path`: \"{path}\" lies where the gateway itself answers");
    for path in ["/.tidegate", "/.tidegate/**", "/.tidegate/{x}", "/.tidegate/"] {
        check(path, &[&own(path)]);
    }
    // A pattern that only could match it is a route for everything else.
    for path in ["/**", "/.tidegates", "/*/openapi.json", "/a/.tidegate/x"] {
        check(path, &[]);
    }
}

#[test]
fn text_that_is_not_toml() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let errors = parse(text).unwrap_err();
        let found: Vec<_> = errors.iter().map(|e| (e.place.to_string(), e.problem.help())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(place, help)| (place.to_string(), help.to_string())).collect();
        assert_eq!(found, expected, "{text}: {errors:?}");
        assert!(errors.iter().all(|e| matches!(e.problem, Problem::Syntax { .. })));
    };
    let quotes = "put text between quotes, as in `poll = \"500ms\"`; numbers, true and false stand without";
    check("poll = 500ms\nlisten = /x\n", &[("t:1:8", quotes), ("t:2:10", quotes)]);
    check("listen = \n", &[("t:1:10", "write a value after the `=`, as in `poll = \"500ms\"`")]);
    check("listen\n", &[("t:1:7", "write `key = value`, as in `poll = \"500ms\"`")]);
    check(
        "[[route]\n",
        &[("t:1:9", "a header is alone on its line: [limits], [tls], [[origin]] or [[route]]")],
    );
    check(
        "listen = \"a\"\nlisten = \"b\"\n",
        &[("t:2:1", "write each key, and each [table], once; remove one of the two")],
    );
    check(
        "listen = \"a\n",
        &[("t:1:12", "close every quote and bracket, and put a comma between the values of a list")],
    );
}

#[test]
fn variables() {
    let environment = |name: &str| (name == "PORT").then(|| String::from("9100"));
    let text = "listen = \"127.0.0.1:${PORT}\"\n[limits]\nmax_feeds = \"${PORT}\"\nmax_streams = \"${NONE:-7}\"\n\
                [[origin]]\nname = \"a\"\nurl = \"http://h:${PORT}\"\n\
                [[route]]\npath = \"/${PORT}\"\norigin = \"${NONE:-a}\"\nlive = \"${LIVE:-false}\"\n";
    let config = Config::parse("t", text, &environment).unwrap();
    assert_eq!(config.listen.port(), 9100);
    assert_eq!((*config.limits.max_feeds, *config.limits.max_streams), (9100, 7));
    assert!(config.route("/9100").unwrap().live().is_none());
    assert_eq!(
        errors(text, &unset),
        [
            "t:1:21 the environment variable `PORT` is not set",
            "t:3:14 the environment variable `PORT` is not set",
            "t:7:17 the environment variable `PORT` is not set",
            "t:9:10 the environment variable `PORT` is not set",
        ]
    );
    check_top("listen = \"${X\"\n", &["t:1:10 `${` without a `}` after it"]);
    check_top("listen = \"$${X}\"\n", &["t:1:10 `listen`: \"${X}\" is not an IP address with a port"]);
    check_top(
        "cors_origins = [\"http://${AB}.${A}\"]\n",
        &[
            "t:1:25 the environment variable `AB` is not set",
            "t:1:31 the environment variable `A` is not set",
        ],
    );
}

#[test]
fn one_origin_without_a_file() {
    let options = SingleOrigin {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        poll: Some(Duration::from_millis(50)),
        ..SingleOrigin::default()
    };
    let config = Config::for_origin("http://127.0.0.1:9100/v1", options).unwrap();
    assert_eq!(config.listen.port(), 0);
    let route = config.route("/any/path").unwrap();
    assert_eq!(route.origin.url.prefix(), "/v1");
    assert!(Arc::ptr_eq(&route.origin, &config.origins[0]));
    assert_eq!(*route.live().unwrap().pace.poll, Duration::from_millis(50));
    assert_eq!(*route.live().unwrap().linger, Duration::from_secs(10));

    let options = SingleOrigin { poll: Some(Duration::from_millis(1)), ..SingleOrigin::default() };
    let errors = Config::for_origin("http://u:pw@h", options).unwrap_err();
    let text = render(&errors);
    assert_eq!(
        text,
        "--origin: error: `--origin`: \"http://****@h\" holds a user name or a password\n  help: remove it: a URL \
         ends up in logs; let clients send their own `Authorization`, which is forwarded\n\
         --poll: error: `--poll`: \"1ms\" is not between 5ms and 24h\n  help: write at least 5ms and at most 24h\n"
    );
}
