//! `[route.expect]`: what is accepted, and what is said of a schema that is none.

use std::path::PathBuf;

use http::StatusCode;
use tidegate_core::json::Pointer;

use super::super::*;
use super::{ORIGIN, check_route, parse, unset};

const ROUTE: &str = "path = \"/**\"\norigin = \"a\"\n";

fn check(lines: &str, expected: &[&str]) {
    check_route(&format!("{ROUTE}{lines}"), expected);
}

#[test]
fn what_is_written_is_what_is_expected() {
    let text = format!(
        "{ORIGIN}[[route]]\n{ROUTE}expect = {{ status = [200, 203], type = \"Application/*+JSON\", pointer = [\"\", \"/a~1b/0\"] }}\n"
    );
    let config = parse(&text).unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let expect = &config.routes[0].live().unwrap().expect;
    assert_eq!(expect.head().statuses, [StatusCode::OK, StatusCode::NON_AUTHORITATIVE_INFORMATION]);
    assert_eq!(expect.head().media.to_string(), "application/*+json");
    assert_eq!(expect.content().pointers, [Pointer::root(), Pointer::parse("/a~1b/0").unwrap()]);
    assert!(expect.content().schema.is_none());
}

#[test]
fn nothing_written_expects_what_every_answer_has_to_be() {
    for lines in
        ["", "expect = {}\n", "[route.expect]\nstatus = [200]\ntype = \"\"\npointer = []\nschema = \"\"\n"]
    {
        let config = parse(&format!("{ORIGIN}[[route]]\n{ROUTE}{lines}")).unwrap();
        let expect = &config.routes[0].live().unwrap().expect;
        assert!(expect.head().is_usual() && expect.content().is_any(), "{lines}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check("expect = 1\n", &["t:7:10 `expect` is an integer, expected a table"]);
    check("expect = { statuses = [200] }\n", &["t:7:12 unknown key `statuses` in [route.expect]"]);
    check("pointer = [\"/a\"]\n", &["t:7:1 unknown key `pointer` in [[route]]"]);
    check("expect = { status = 200 }\n", &["t:7:21 `status` is an integer, expected a list of status codes"]);
    for code in ["204", "206", "301", "404", "0", "99999"] {
        let message = format!("t:7:22 `status`: \"{code}\" is not the status of a success with content");
        check(&format!("expect = {{ status = [{code}] }}\n"), &[&message]);
    }
    check("expect = { type = \"json\" }\n", &["t:7:19 `type`: \"json\" is not a media type"]);
    check(
        "expect = { pointer = [\"a\"] }\n",
        &["t:7:23 `pointer`: \"a\" does not begin with `/`, as a JSON Pointer does"],
    );
    check(
        "live = false\nexpect = { pointer = [\"/a\"] }\n",
        &["t:8:1 `expect` has no effect: the route is not live"],
    );
}

/// A folder of the test's own, removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_schema_is_read_from_the_configurations_folder() {
    let folder = Folder(std::env::temp_dir().join(format!("tidegate-expect-{}", std::process::id())));
    std::fs::create_dir(&folder.0).unwrap();
    let file = folder.0.join("t.toml");
    std::fs::write(&file, format!("{ORIGIN}[[route]]\n{ROUTE}expect = {{ schema = \"rows.json\" }}\n"))
        .unwrap();
    let load = |schema: &str| {
        std::fs::write(folder.0.join("rows.json"), schema).unwrap();
        Config::load(&file, &unset)
    };
    let config = load(r#"{"required":["rows"]}"#).unwrap_or_else(|errors| panic!("{}", render(&errors)));
    assert!(config.routes[0].live().unwrap().expect.content().schema.is_some());
    for (schema, expected) in [
        ("{", ":7:21: `schema`: \"rows.json\" is no JSON (line 1, column 1)"),
        (r#"{"type":1}"#, ":7:21: `schema`: \"rows.json\" is no JSON Schema at /type: "),
        (r#"{"$ref":"other.json"}"#, ":7:21: `schema`: \"rows.json\" refers to what it does not hold: "),
    ] {
        let errors = load(schema).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].to_string().contains(expected), "{}", errors[0]);
    }
    std::fs::remove_file(folder.0.join("rows.json")).unwrap();
    let errors = Config::load(&file, &unset).unwrap_err();
    assert!(errors[0].to_string().contains("`schema`: \"rows.json\" cannot be read"), "{}", errors[0]);
}
