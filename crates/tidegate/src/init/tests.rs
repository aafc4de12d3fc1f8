//! What becomes of documents, held against what the configuration means.

use serde_json::json;

use super::*;
use crate::check;
use crate::config::RoutePolicy;

const MARKET: &str = include_str!("../../../../testdata/openapi/market.json");
const SHOP: &str = include_str!("../../../../testdata/openapi/shop.yaml");
const LEGACY: &str = include_str!("../../../../testdata/openapi/legacy.json");
const EMPTY: &str = include_str!("../../../../testdata/openapi/empty.json");
const BROKEN: &str = include_str!("../../../../testdata/openapi/broken.json");

fn written(text: &str, origin: Option<&str>) -> Written {
    from_document(&Document::parse("api.json", text).unwrap(), origin).unwrap()
}

fn config(written: &Written) -> Config {
    Config::parse("t", &written.text, &|_| None)
        .unwrap_or_else(|errors| panic!("{}\nin\n{}", render(&errors), written.text))
}

/// The routes of a document, each with its origin's URL; those that are not live have a `-` in front.
fn routes(written: &Written) -> Vec<String> {
    let shown = |route: &crate::config::RouteConfig| {
        let mark = if matches!(route.policy, RoutePolicy::Live(_)) { "" } else { "-" };
        format!("{mark}{} {}", route.pattern, route.origin.url)
    };
    let mut routes: Vec<_> = config(written).routes.iter().map(shown).collect();
    routes.sort();
    routes
}

/// The comments that stand directly above the route of a pattern.
fn above<'a>(written: &'a Written, pattern: &str) -> Vec<&'a str> {
    let path = format!("path = \"{pattern}\"");
    let lines: Vec<_> = written.text.lines().collect();
    let at =
        lines.iter().position(|line| *line == path).unwrap_or_else(|| panic!("{pattern}: {}", written.text));
    let comments = lines[..at - 1].iter().rev().take_while(|line| line.starts_with('#'));
    let mut comments: Vec<_> = comments.map(|line| line.trim_start_matches("# ")).collect();
    comments.reverse();
    comments
}

#[test]
fn a_market() {
    let written = written(MARKET, None);
    let url = "https://api.market.example/v2";
    let expected = ["-/** ", "-/quotes/export ", "/orders ", "/quotes ", "/quotes/{symbol} ", "/status "];
    assert_eq!(routes(&written), expected.map(|route| format!("{route}{url}")));
    let sharing =
        "They are in the sharing key: only callers with the same ones share a feed (docs/SHARING.md).";
    let orders = [
        "Orders of the caller",
        "The document calls it deprecated.",
        "Needs credentials (token: http bearer, session: cookie sid).",
        sharing,
    ];
    assert_eq!(above(&written, "/orders"), orders);
    assert_eq!(
        above(&written, "/quotes"),
        ["All quotes of the market", "Each query is a resource of its own: limit, symbols"]
    );
    assert_eq!(
        above(&written, "/quotes/{symbol}"),
        ["One quote", "Needs credentials (token: http bearer).", sharing]
    );
    // A live pattern would take it.
    assert_eq!(above(&written, "/quotes/export"), ["/quotes/export answers with text/csv, not with JSON."]);
    for line in [
        "#   /orders/{order_id}/receipt answers with a redirect (302)",
        "#   /ping answers without a body (204)",
        "#   /quotes/{symbol}/logo answers with image/png, not with JSON",
        "#   /ticks has a stream of its own (text/event-stream)",
        "# The document names another server: https://sandbox.market.example/v2",
        "# cookies = [\"sid\"] # the others then divide nobody",
    ] {
        assert!(written.text.lines().any(|written| written == line), "{line}\nin\n{}", written.text);
    }
}

#[test]
fn a_shop_in_yaml() {
    let written = written(SHOP, None);
    let shop = "https://eu.shop.example:8443/api";
    let expected = [
        format!("-/** {shop}"),
        format!("/caf%C3%A9/%C3%A9t%C3%A9 {shop}"),
        String::from("/images/{name} https://cdn.shop.example/"),
        String::from("/prices https://prices.shop.example/live"),
        format!("/products {shop}"),
        format!("/products/{{product_id}} {shop}"),
        format!("/v1.2/stock-levels/{{warehouse_code}}/{{_1st}} {shop}"),
    ];
    assert_eq!(routes(&written), expected);
    let one = above(&written, "/products/{product_id}");
    assert_eq!(one[0], "One product, with its stock.");
    assert!(one[1].starts_with("No pattern tells these apart: /products/{product-id}"), "{one:?}");
}

#[test]
fn swagger() {
    let written = written(LEGACY, None);
    let url = "http://legacy.example.com:8080/rest";
    let expected = ["-/** ", "/events/ ", "/people/{id} ", "/people/{name}/ "];
    assert_eq!(routes(&written), expected.map(|route| format!("{route}{url}")));
    assert_eq!(above(&written, "/events/")[..2], ["Events", "Each query is a resource of its own: since"]);
    assert!(written.text.contains("/events/{id}/photo answers with a file"));
    assert!(written.text.contains("/report answers with application/pdf, not with JSON"));
}

#[test]
fn nothing_to_route() {
    let empty = written(EMPTY, None);
    assert_eq!(routes(&empty), ["-/** http://127.0.0.1:9100/"]);
    assert!(empty.notes[0].starts_with("api.json#/servers: it names no host"), "{:?}", empty.notes);
    assert!(empty.notes[1].starts_with("api.json#/paths: there is no GET"), "{:?}", empty.notes);
    let webhooks = r#"{"openapi":"3.1.0","info":{},"webhooks":{}}"#;
    assert_eq!(routes(&written(webhooks, Some("http://h:1/x/"))), ["-/** http://h:1/x"]);
}

#[test]
fn what_is_wrong_is_told_and_nothing_gets_out_of_its_comment() {
    let broken = written(BROKEN, None);
    assert!(!broken.text.contains("hunter2") && !broken.notes.concat().contains("hunter2"));
    let expected = ["-/** ", "/bad-answer ", "/q%22uote%0A ", "/queue ", "/{id} ", "/*/x "];
    let mut expected = expected.map(|route| format!("{route}http://127.0.0.1:9100/"));
    expected.sort();
    assert_eq!(routes(&broken), expected);
    for note in [
        "api.json#/servers/0: left out: its URL is not an http or https URL",
        "api.json#/servers/1: left out: its variable `nowhere` has no default",
        "api.json#/servers/2: left out: it has no `url`",
        "api.json#/servers/3: left out: its URL holds a user name or a password",
        "api.json#/servers/4: left out: its URL holds a query",
        "api.json#/paths/~1nowhere: no route of its own: it refers to #/components/pathItems/Missing, which is not in",
        "api.json#/paths/~1elsewhere: no route of its own: it refers to another file",
        "api.json#/paths/~1circle: no route of its own: its references lead in a circle",
        "api.json#/paths/~1a~1~1b: no route of its own: its path has an empty segment",
        "api.json#/paths/~1bad-answer/get/responses/200: it refers to #/components/responses/missing",
        "api.json#/paths/~1bad-answer/get/parameters/0: it refers to #/components/parameters/missing",
    ] {
        assert!(broken.notes.iter().any(|told| told.starts_with(note)), "{note} in {:#?}", broken.notes);
    }
}

#[test]
fn where_the_api_is_can_be_said() {
    let shop = written(SHOP, Some("http://127.0.0.1:9100/api/"));
    assert!(
        routes(&shop).iter().all(|route| route.ends_with(" http://127.0.0.1:9100/api")),
        "{:?}",
        routes(&shop)
    );
    assert_eq!(shop.notes.len(), 1, "{:?}", shop.notes);
    let shop = written(SHOP, Some("http://127.0.0.1:9100"));
    assert!(
        shop.notes[0].contains("the paths begin with /api, which --origin does not end with"),
        "{:?}",
        shop.notes
    );
}

#[test]
fn servers() {
    let check = |servers: serde_json::Value, expected: &str| {
        let text = json!({"openapi": "3.0.0", "info": {}, "servers": servers, "paths": {}}).to_string();
        assert_eq!(routes(&written(&text, None)), [format!("-/** {expected}")], "{text}");
    };
    let placeholder = "http://127.0.0.1:9100/";
    check(json!([]), placeholder);
    check(json!([{"url": "/"}]), placeholder);
    check(json!([{"url": "."}]), placeholder);
    check(json!([{"url": "/v1"}]), "http://127.0.0.1:9100/v1");
    check(json!([{"url": "v1/"}]), "http://127.0.0.1:9100/v1");
    check(json!([{"url": "//api.example.com/v1"}]), "https://api.example.com/v1");
    check(json!([{"url": "http://[::1]:8080/"}]), "http://[::1]:8080/");
    check(json!([{"url": "https://{a}/{b", "variables": {"a": {"default": "h"}}}]), placeholder);
    check(
        json!([{"url": "https://{a}", "variables": {"a": {"enum": ["one.example", "two.example"]}}}]),
        "https://one.example/",
    );
    check(json!([{"url": "https://{a}", "variables": {"a": {"default": "x\" y"}}}]), placeholder);
    check(json!([{"url": "wss://h"}, {"url": "https://h"}]), "https://h/");
}

#[test]
fn what_is_no_document_says_where_and_what_to_do() {
    let check = |text: &str, place: &str, what: &str| {
        let error =
            Document::parse("d", text).and_then(|document| from_document(&document, None)).unwrap_err();
        assert!(error.place.starts_with(place) && error.what.contains(what), "{text}: {error}");
        assert!(!error.help.is_empty());
    };
    check("{\"openapi\":", "d:1:11", "not valid JSON: EOF while parsing");
    check("openapi: [\nx: }", "d:", "not valid YAML");
    check("{}", "d#", "neither `openapi` nor `swagger`");
    check("", "d#", "no OpenAPI document");
    check("just text", "d#", "no OpenAPI document");
    check("{\"openapi\":\"4.0.0\"}", "d#/openapi", "4.0.0");
    check("{\"swagger\":\"1.2\"}", "d#/swagger", "1.2");
    check("{\"openapi\":\"3.0.0\",\"paths\":[]}", "d#/paths", "no object");
    // Aliases that would grow to more than any memory.
    let laughs: String = (1..30)
        .map(|n| format!("a{n}: &a{n} [{0},{0},{0},{0},{0},{0},{0},{0}]\n", format!("*a{}", n - 1)))
        .collect();
    check(&format!("openapi: 3.1.0\na0: &a0 [x]\n{laughs}"), "d", "not valid YAML");
}

#[test]
fn without_a_document_all_is_live() {
    let written = write::minimal("https://api.example.com/v1/");
    assert_eq!(routes(&written), ["/** https://api.example.com/v1"]);
    // What is commented out is right, too.
    let uncommented: String = written
        .text
        .lines()
        .filter(|line| !line.contains("${"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("[[") || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = config(&Written { text: uncommented, notes: Vec::new() });
    assert_eq!(config.routes.len(), 2);
}

#[test]
fn the_program() {
    let folder = std::env::temp_dir().join(format!("tidegate-init-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.join("tidegate.toml");
    let run = |from: &str, force: bool| {
        let args = InitArgs { from: Some(from.to_owned()), origin: None, out: Some(out.clone()), force };
        let (mut told, mut shown) = (Vec::new(), Vec::new());
        let code = super::run(&args, &mut MARKET.as_bytes(), &mut shown, &mut told).unwrap();
        assert!(shown.is_empty());
        (code, String::from_utf8(told).unwrap().replace(&folder.display().to_string(), "F"))
    };
    let (code, told) = run("-", false);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.starts_with("Written to F/tidegate.toml. Next: tidegate check --config F/tidegate.toml\nnote: "),
        "{told}"
    );
    let (mut shown, mut wrong) = (Vec::new(), Vec::new());
    assert_eq!(check::run(&out, &|_| None, &mut shown, &mut wrong).unwrap(), check::EXIT_RIGHT);

    std::fs::write(&out, "mine").unwrap();
    let there = "F/tidegate.toml: error: the file is there already\n  help: add --force to replace it, or name another with --out\n";
    assert_eq!(run("-", false), (1, there.to_owned()));
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    assert_eq!(run("-", true).0, 0);
    assert!(std::fs::read_to_string(&out).unwrap().contains("/quotes/{symbol}"));

    let (code, told) = run("https://api.example.com/openapi.json", true);
    assert_eq!(code, 1);
    assert!(told.contains("curl -fsS URL | tidegate init --from -"), "{told}");
    let (code, told) = run("no/such/file.json", true);
    assert_eq!(code, 1);
    assert!(told.starts_with("no/such/file.json: error: it cannot be read: "), "{told}");
    std::fs::remove_dir_all(&folder).unwrap();
}
