//! What has to hold of the documents, whatever the configuration and whatever the version offers.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;
use tidegate_wire::{Continuity, Problem, ProblemKind, State, Status, Timestamp};

use super::messages::{EVENTS, WEBSOCKET};
use super::*;
use crate::config::render;

const LEAST: Offered = Offered {
    parameters: &["tidegate.accept", "tidegate.last-event-id", "tidegate.max-age"],
    endpoints: &["/.tidegate/asyncapi.json", "/.tidegate/openapi.json"],
    lines: false,
    braid: false,
};

const MOST: Offered = Offered {
    parameters: &[
        "tidegate.accept",
        "tidegate.last-event-id",
        "tidegate.max-age",
        "tidegate.select",
        "tidegate.mode",
        "tidegate.rate",
        "tidegate.wait",
        "tidegate.after",
    ],
    endpoints: &["/.tidegate/asyncapi.json", "/.tidegate/openapi.json", EVENTS, WEBSOCKET],
    lines: true,
    braid: true,
};

const ROUTES: &str = r#"
[[origin]]
name = "secret-name"
url = "http://10.1.2.3:9100/hidden-prefix"
headers = { "X-Api-Key" = "hunter2" }

[[route]]
path = "/**"
origin = "secret-name"

[[route]]
path = "/quotes/**"
origin = "secret-name"
safe_methods = ["POST", "QUERY"]

[[route]]
path = "/quotes/{symbol}"
origin = "secret-name"
poll = "333ms"

[[route]]
path = "/quotes/*/trades"
origin = "secret-name"

[[route]]
path = "/admin/**"
origin = "secret-name"
live = false
"#;

fn config(text: &str) -> Config {
    let environment = |name: &str| (name == "PREFIX").then(|| String::from("from-the-environment"));
    Config::parse("t", text, &environment).unwrap_or_else(|errors| panic!("{}", render(&errors)))
}

fn surface(text: &str) -> Surface {
    Surface::of(&config(text)).under(&HostPattern::default())
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn addresses(document: &Value) -> BTreeSet<&str> {
    let channels = document["channels"].as_object().unwrap().values();
    channels.map(|channel| channel["address"].as_str().unwrap()).collect()
}

/// Every reference leads somewhere.
fn assert_whole(document: &Value) {
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&target[1..]).is_some(), "{target}");
        }
        match value {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
}

fn all(offered: &Offered) -> [Value; 2] {
    let surface = surface(&format!("{ROUTES}[open]\nallow = [\"*\"]\n"));
    [openapi(&surface, offered), asyncapi(&surface, offered)]
}

#[test]
fn every_reference_leads_somewhere() {
    for offered in [LEAST, MOST] {
        for document in all(&offered) {
            assert_whole(&document);
        }
    }
}

#[test]
fn nothing_of_origins_and_policies_is_told() {
    for offered in [LEAST, MOST] {
        for document in all(&offered) {
            let text = document.to_string();
            for secret in
                ["secret-name", "10.1.2.3", "9100", "hidden-prefix", "hunter2", "X-Api-Key", "333", "admin"]
            {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[test]
fn what_came_from_the_environment_is_left_out() {
    let text = format!("{ROUTES}\n[[route]]\npath = \"/${{PREFIX}}/x\"\norigin = \"secret-name\"\n");
    let surface = surface(&text);
    for document in [openapi(&surface, &MOST), asyncapi(&surface, &MOST)] {
        assert!(!document.to_string().contains("from-the-environment"));
        assert!(document.to_string().contains("/quotes/{symbol}"));
    }
}

#[test]
fn each_live_path_stands_once_and_is_a_client_s_to_fill_in() {
    let document = openapi(&surface(ROUTES), &LEAST);
    let live: Vec<_> = keys(&document["paths"]).into_iter().filter(|path| !path.starts_with("/.")).collect();
    let expected = [
        "/",
        "/quotes",
        "/quotes/{segment1}/trades",
        // One segment is the narrower route's; what is deeper is left for this one.
        "/quotes/{segment1}/{rest}",
        "/quotes/{symbol}",
        "/{rest}",
    ];
    assert_eq!(live, expected);
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let named: Vec<_> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let parameters = item.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let given: Vec<_> = parameters
            .iter()
            .filter(|given| given["in"] == "path")
            .filter_map(|given| given["name"].as_str())
            .collect();
        assert_eq!(named, given, "{path}");
        for operation in item.as_object().unwrap().values().filter(|value| value.get("responses").is_some()) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
        }
    }
    assert!(document["paths"]["/quotes"].get("post").is_some());
    assert!(document["paths"]["/quotes/{symbol}"].get("post").is_none());
}

#[test]
fn one_channel_for_each_live_route_and_the_gateway_is_who_sends() {
    let document = asyncapi(&surface(ROUTES), &LEAST);
    let expected = ["/quotes/{rest}", "/quotes/{segment1}/trades", "/quotes/{symbol}", "/{rest}"];
    assert_eq!(addresses(&document), BTreeSet::from(expected));
    for operation in document["operations"].as_object().unwrap().values() {
        assert_eq!(operation["action"], "send");
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        let listed = &document.pointer(&channel[1..]).unwrap()["messages"];
        for message in operation["messages"].as_array().unwrap() {
            let name = message["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(listed.get(name).is_some(), "{name}");
        }
    }
    let document = asyncapi(&surface(ROUTES), &MOST);
    assert!(addresses(&document).is_superset(&BTreeSet::from([WEBSOCKET, EVENTS])));
    assert_eq!(document["operations"]["receive-websocket"]["action"], "receive");
    assert_eq!(document["servers"]["websocket"]["protocol"], "ws");
}

#[test]
fn what_is_not_offered_is_not_described() {
    for document in all(&LEAST) {
        let text = document.to_string();
        for later in [
            "tidegate.mode",
            "tidegate.wait",
            "x-ndjson",
            "/.tidegate/ws",
            "/.tidegate/events",
            "Subscribe",
            "erge",
        ] {
            assert!(!text.contains(later), "{later} in {text}");
        }
    }
    let [openapi, _] = all(&MOST);
    for parameter in MOST.parameters {
        assert!(openapi["components"]["parameters"].get(parameter).is_some(), "{parameter}");
    }
}

#[test]
fn every_reserved_parameter_has_a_description() {
    let [openapi, _] = all(&Offered { parameters: &crate::edge::RESERVED, ..LEAST });
    for parameter in crate::edge::RESERVED {
        assert!(openapi["components"]["parameters"].get(parameter).is_some(), "{parameter}");
    }
}

#[test]
fn every_problem_is_told_with_its_status() {
    let [openapi, asyncapi] = all(&LEAST);
    for document in [&openapi, &asyncapi] {
        let known = document["components"]["schemas"]["ProblemType"]["anyOf"][0]["oneOf"].as_array().unwrap();
        let told: Vec<_> = known.iter().map(|one| one["const"].as_str().unwrap().to_owned()).collect();
        let all: Vec<_> = ProblemKind::ALL.iter().map(|&kind| Problem::new(kind).kind.to_string()).collect();
        assert_eq!(told, all);
    }
    for kind in ProblemKind::ALL {
        let name = format!("Problem{}", kind.status().as_u16());
        let text = openapi["components"]["responses"][&name]["description"].as_str().unwrap();
        assert!(text.contains(kind.code()), "{name}: {text}");
    }
}

#[test]
fn a_host_has_what_a_request_to_it_can_reach() {
    let text = r#"
[[origin]]
name = "a"
url = "http://127.0.0.1:1"
[[route]]
path = "/all"
origin = "a"
[[route]]
path = "/admin"
origin = "a"
[[route]]
path = "/wild"
host = "*.example.com"
origin = "a"
[[route]]
path = "/one"
host = "api.example.com"
origin = "a"
[[route]]
path = "/all/**"
host = "api.example.com"
origin = "a"
live = false
"#;
    let surface = Surface::of(&config(text));
    let expected = [
        ("api.example.com", ["/admin", "/one", "/wild"].as_slice()),
        ("*.example.com", &["/admin", "/all", "/wild"]),
        ("", &["/admin", "/all"]),
    ];
    let hosts = surface.hosts();
    assert_eq!(hosts.len(), expected.len());
    for (host, (shown, paths)) in hosts.iter().zip(expected) {
        assert_eq!(host.to_string(), shown);
        assert_eq!(
            addresses(&asyncapi(&surface.under(host), &LEAST)),
            paths.iter().copied().collect(),
            "{shown}"
        );
    }
}

#[test]
fn the_host_has_its_place_in_one_document_and_nowhere_else() {
    let [openapi, asyncapi] = all(&MOST);
    assert!(!openapi.to_string().contains(WRITTEN_HOST));
    assert_eq!(asyncapi.to_string().matches(WRITTEN_HOST).count(), 2);
}
#[test]
fn who_has_to_bear_a_token_is_told() {
    let text = ROUTES.replace("poll = \"333ms\"", "verifier = \"login\"");
    let verifier =
        "[[verifier]]\nname = \"login\"\nsecrets = { main = \"${KEY}\" }\nalgorithms = [\"HS256\"]\n";
    let text = format!("{verifier}{text}");
    let environment = |name: &str| (name == "KEY").then(|| "k".repeat(64));
    let config =
        Config::parse("t", &text, &environment).unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let surface = Surface::of(&config).under(&HostPattern::default());
    let (openapi, asyncapi) = (openapi(&surface, &LEAST), asyncapi(&surface, &LEAST));
    let security = |path: &str| openapi["paths"][path]["get"].get("security").is_some();
    assert_eq!((security("/quotes/{symbol}"), security("/quotes")), (true, false));
    let security = |name: &str| asyncapi["operations"][name].get("security").is_some();
    assert_eq!((security("send-quotes-symbol"), security("send-quotes-rest")), (true, false));
    for document in [openapi, asyncapi] {
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert_whole(&document);
        assert!(!document.to_string().contains("kkk"));
    }
}

/// The schemas are those of what is written on the wire: they take it, and nothing of another kind.
#[test]
fn what_is_on_the_wire_is_what_the_schemas_say() {
    let [document, _] = all(&MOST);
    let check = |name: &str, text: &str, expected: bool| {
        let schema = serde_json::json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": {"schemas": document["components"]["schemas"]},
        });
        let value: Value = serde_json::from_str(text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert_eq!(validator.is_valid(&value), expected, "{name}: {text}");
    };
    let since = Timestamp::from_unix_ms(1_769_851_800_250);
    let cause = Problem::new(ProblemKind::OriginUnreachable).with_detail("refused");
    let status = Status {
        state: State::Stale,
        cause: Some(cause.clone()),
        retry_in_ms: Some(812),
        continuity: Some(Continuity::Unproven),
        ..Status::live(since, 525)
    };
    for status in [Status::live(since, 525), status] {
        check("Status", &status.to_json(), true);
        check(
            "StatusMessage",
            &format!(r#"{{"sub":3,"event":"status","retry":1397,"data":{}}}"#, status.to_json()),
            true,
        );
    }
    check("Status", r#"{"state":"dead","since":"2026-01-31T09:30:00Z","fresh_within_ms":1}"#, false);
    check("Problem", &cause.to_json(), true);
    check("Problem", r#"{"title":"without a type"}"#, false);
    check("Position", r#""31twj9z95rea1.1.0bcdyd4""#, true);
    check("Position", r#""\"quoted\"""#, false);
    let patch = r#"[{"op":"add","path":"/a","value":null},{"op":"remove","path":""},{"op":"move","from":"/a~1","path":"/b"}]"#;
    check("JsonPatch", patch, true);
    check("JsonPatch", r#"[{"op":"replace","path":"/a"}]"#, false);
    check("JsonPatch", r#"[{"op":"test","path":"/a","value":1}]"#, false);
    check("PatchMessage", &format!(r#"{{"event":"patch","id":"a.2.b","data":{patch}}}"#), true);
    check("PatchMessage", r#"{"event":"snapshot","id":"a.2.b","data":[]}"#, false);
    check("SnapshotMessage", r#"{"sub":3,"event":"snapshot","id":"a.1.b","data":{"price":1.10}}"#, true);
    check("MergeMessage", r#"{"event":"merge","id":"a.1.b","data":{"price":null}}"#, true);
    check("HeartbeatMessage", r#"{"event":"heartbeat"}"#, true);
    check("OpenMessage", r#"{"sub":3,"event":"open","data":{"content_type":"application/json"}}"#, true);
    check(
        "ErrorMessage",
        &format!(r#"{{"event":"error","data":{},"retry_in_ms":1200}}"#, cause.to_json()),
        true,
    );
    check("EndMessage", r#"{"sub":3,"event":"end","data":{}}"#, true);
    let subscribe = r#"{"op":"subscribe","sub":3,"url":"/quotes?x=1","id":"a.1.b","mode":"merge","select":"$.a","rate":"1s",
                        "max_age":30,"headers":{"authorization":"Bearer x"}}"#;
    check("Subscribe", subscribe, true);
    check("Subscribe", r#"{"op":"subscribe","sub":2147483648,"url":"/"}"#, false);
    check("Subscribe", r#"{"op":"subscribe","sub":1,"url":"/","mode":"all"}"#, false);
    check("Subscribe", r#"{"op":"subscribe","sub":1,"url":"/","mod":"merge"}"#, false);
    check("Unsubscribe", r#"{"op":"unsubscribe","sub":1}"#, true);
    check("StreamOpened", r#"{"stream":"8b1f6c0e2d4a49d3a7c5e9f00b1d2c3e"}"#, true);
}

/// What the golden files hold is what the schemas say of it.
#[test]
fn golden_lines_are_messages() {
    let [document, _] = all(&MOST);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/wire");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // These two have more than the gateway writes: what readers are to pass over, and all that RFC 6902 allows.
        let more =
            ["unknown", "pointers"].map(Some).contains(&path.file_stem().and_then(|stem| stem.to_str()));
        if more || path.extension() != Some("ndjson".as_ref()) {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let event = value["event"].as_str().unwrap();
            let name = format!("{}{}Message", event[..1].to_uppercase(), &event[1..]);
            let schema = serde_json::json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": {"schemas": document["components"]["schemas"]},
            });
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {line}: {errors:?}", path.display());
            found += 1;
        }
    }
    assert!(found > 20, "only {found} were found");
}
