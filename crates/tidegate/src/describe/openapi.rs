//! The OpenAPI 3.1 document: the gateway's own endpoints, and what it adds to each live path.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};
use tidegate_wire::problem::PROBLEM_JSON;
use tidegate_wire::request::MAX_REQUESTS;
use tidegate_wire::{CONTENT_TYPE_FIELD, ProblemKind};

use super::ways::{self, EVENT_STREAM, LINES, MODE, WAIT};
use super::{
    BEARER, LiveRoute, Offered, Surface, VERSION, messages, object, reference, schemas, security_schemes,
    shape, slug,
};
use crate::config::Template;

const ABOUT: &str = "Every live path can be read once or followed. `Accept` decides: `text/event-stream` is a snapshot and then \
    a patch whenever the data changes. What the API behind it answers is the API's own to describe: here is what the \
    gateway adds.";

/// The document for what is live.
pub(crate) fn openapi(surface: &Surface, offered: &Offered) -> Value {
    let mut paths = own_paths(offered);
    // A path that is not live is described nowhere, and yet it is not there for a wider pattern.
    let passed = surface.routes.iter().filter(|route| route.live.is_none());
    let mut taken: HashSet<_> = passed.map(|route| shape(&route.pattern.template().text)).collect();
    let mut ids: HashSet<String> = own_ids(&paths);
    for route in surface.live() {
        for template in templates(&route.template, &mut taken) {
            let item = path_item(route, &template, offered, &mut ids);
            paths.insert(template.text, item);
        }
    }
    if surface.open {
        paths.insert(String::from("/~/{url}"), open_item(offered, &mut ids));
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Tidegate: live paths", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/", "description": "Where this document is from."}],
        "tags": [
            {"name": "live", "description": "Paths that can be followed."},
            {"name": "gateway", "description": "What the gateway itself answers."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(offered),
            "parameters": parameters(offered),
            "headers": headers(),
            "responses": responses(offered),
            "securitySchemes": security_schemes(surface),
        },
    })
}

/// The paths of a pattern that are not taken yet. `**` stands for no segment, too, and a parameter of OpenAPI for one: where
/// a narrower pattern has those paths, what is left lies deeper.
fn templates(template: &Template, taken: &mut HashSet<String>) -> Vec<Template> {
    let mut found = Vec::new();
    let mut add = |template: Template| {
        let free = taken.insert(shape(&template.text));
        found.extend(free.then_some(template));
        free
    };
    if !template.rest {
        add(template.clone());
        return found;
    }
    let (names, _) = template.names.split_at(template.names.len() - 1);
    let base = template.text.rsplit_once('/').map_or("", |(base, _)| base);
    let text = if base.is_empty() { "/" } else { base };
    add(Template { text: text.to_owned(), names: names.to_vec(), rest: false });
    let mut deeper = template.clone();
    while !add(deeper.clone()) {
        deeper = deeper.deeper();
    }
    found
}

fn path_item(route: &LiveRoute, template: &Template, offered: &Offered, ids: &mut HashSet<String>) -> Value {
    let mut parameters = path_parameters(template);
    parameters.extend(
        parameter_names(offered).into_iter().map(|name| reference(&format!("components/parameters/{name}"))),
    );
    let mut item = Map::new();
    item.insert(String::from("parameters"), Value::from(parameters));
    item.insert(String::from("x-tidegate-pattern"), Value::from(route.pattern.clone()));
    let mut add = |method: &str, summary: &str, body: bool| {
        let id = slug(&format!("{method}{}", template.text), ids);
        let mut operation = json!({
            "operationId": id,
            "tags": ["live"],
            "summary": summary,
            "responses": read_responses(),
        });
        if route.verified {
            operation["security"] = json!([{BEARER: []}]);
        }
        if body {
            operation["requestBody"] = json!({"content": {"*/*": {"schema": {}}}});
        }
        item.insert(method.to_owned(), operation);
    };
    add("get", "Read it once, or follow it", false);
    // The others have no place in OpenAPI 3.1.
    if route.methods.iter().any(|method| method == "post") {
        add("post", "Ask once, or follow the answer; the content is part of the question", true);
    }
    Value::Object(item)
}

fn path_parameters(template: &Template) -> Vec<Value> {
    let last = template.names.len().saturating_sub(1);
    let parameters = template.names.iter().enumerate().map(|(index, name)| {
        let mut parameter =
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        if template.rest && index == last {
            parameter["description"] =
                Value::from("All that follows: any number of segments, with the slashes between them.");
            parameter["x-tidegate-segments"] = Value::from("any");
        }
        parameter
    });
    parameters.collect()
}

fn open_item(offered: &Offered, ids: &mut HashSet<String>) -> Value {
    let template = Template { text: String::from("/~/{url}"), names: vec![String::from("url")], rest: true };
    let route = LiveRoute {
        template: template.clone(),
        pattern: String::from("/~/**"),
        methods: Vec::new(),
        verified: false,
    };
    let mut item = path_item(&route, &template, offered, ids);
    item["description"] = Value::from(
        "A URL of another API, written out after `/~/` as it is: `/~/https://api.example.com/path?query`. Which ones may be \
         asked is the operator's to say.",
    );
    item
}

/// The names of the components that are parameters, of each way the query parameter and the header field.
fn parameter_names(offered: &Offered) -> Vec<String> {
    let both = ways::offered(offered).flat_map(|way| {
        std::iter::once(way.parameter.to_owned()).chain(way.header.map(|header| format!("header.{header}")))
    });
    let mut names: Vec<_> = both.collect();
    names.extend(offered.braid.then(|| String::from("header.Subscribe")));
    names
}

fn parameters(offered: &Offered) -> Map<String, Value> {
    let mut parameters = Map::new();
    for way in ways::offered(offered) {
        let query = json!({"name": way.parameter, "in": "query", "description": way.about, "schema": way.schema(offered)});
        parameters.insert(way.parameter.to_owned(), query);
        if let Some(name) = way.header {
            let description = format!("The same as the query parameter `{}`.", way.parameter);
            let schema = way.header_schema(offered);
            let field = json!({"name": name, "in": "header", "description": description, "schema": schema});
            parameters.insert(format!("header.{name}"), field);
        }
    }
    if offered.braid {
        let about =
            "Follow by the Braid protocol (draft-toomim-httpbis-braid-http): the answer has status 209.";
        let field =
            json!({"name": "Subscribe", "in": "header", "description": about, "schema": {"const": "true"}});
        parameters.insert(String::from("header.Subscribe"), field);
    }
    parameters
}

const HEADERS: &[(&str, &str)] = &[
    ("ETag", "The position of this representation, in quotes; with `.gzip` appended for its gzip form."),
    ("Age", "For how many seconds it has been known (RFC 9111)."),
    ("Cache-Status", "Where it came from (RFC 9211)."),
    ("Vary", "What chooses between the answers of this URL, `Accept` among it."),
    (CONTENT_TYPE_FIELD, "The media type of the representation that is streamed."),
    ("Retry-After", "After how many seconds to come back (RFC 9110)."),
    ("Preference-Applied", "`wait=…` where the answer was held, or could have been (RFC 7240)."),
    ("Cache-Control", "For how long the document may be used."),
];

fn headers() -> Map<String, Value> {
    let header = |&(name, about): &(&str, &str)| {
        let schema = match name {
            "Age" | "Retry-After" => json!({"type": "integer", "minimum": 0}),
            _ => json!({"type": "string"}),
        };
        (name.to_owned(), json!({"description": about, "schema": schema}))
    };
    HEADERS.iter().map(header).collect()
}

fn header_references(names: &[&str]) -> Value {
    object(names.iter().map(|&name| (name, reference(&format!("components/headers/{name}")))))
}

/// What a read of a live path may be answered with. The origin's own errors come as they are.
fn read_responses() -> Value {
    let mut found = Map::new();
    found.insert(String::from("200"), reference("components/responses/Read"));
    found.insert(String::from("304"), reference("components/responses/NotModified"));
    for status in problems().keys() {
        found.insert(status.to_string(), reference(&format!("components/responses/Problem{status}")));
    }
    found.insert(String::from("default"), json!({"description": "What the API behind the gateway answers."}));
    Value::Object(found)
}

/// The problems by their status.
fn problems() -> BTreeMap<u16, Vec<ProblemKind>> {
    let mut problems: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for &kind in ProblemKind::ALL {
        problems.entry(kind.status().as_u16()).or_default().push(kind);
    }
    problems
}

fn responses(offered: &Offered) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert(String::from("Read"), read(offered));
    let held = if offered.parameter(WAIT) { " With a wait: nothing newer came in time." } else { "" };
    let not_modified = json!({
        "description": format!("The reader has the current representation.{held}"),
        "headers": header_references(&["ETag", "Age", "Cache-Status", "Vary"]),
    });
    responses.insert(String::from("NotModified"), not_modified);
    for (status, kinds) in problems() {
        let listed: Vec<_> =
            kinds.iter().map(|kind| format!("- `{}`: {}", kind.code(), kind.title())).collect();
        let mut response = json!({
            "description": format!("One of these:\n{}", listed.join("\n")),
            "content": {PROBLEM_JSON: {"schema": reference("components/schemas/Problem")}},
        });
        if status == 503 {
            response["headers"] = header_references(&["Retry-After"]);
        }
        responses.insert(format!("Problem{status}"), response);
    }
    responses
}

/// The answer to a read: once, or as a stream.
fn read(offered: &Offered) -> Value {
    let events =
        messages::updates(offered).into_iter().map(|message| (message.name, messages::data(message)));
    let mut content = json!({
        "application/json": {"schema": {"description": "The representation, once."}},
        EVENT_STREAM: {
            "schema": {
                "type": "string",
                "description": "Server-Sent Events until either side closes. `x-tidegate-events` says what the data of each \
                                event is. Those that carry state have the position as their `id`.",
            },
            "x-tidegate-events": object(events),
            "example": EXAMPLE,
        },
    });
    if offered.lines {
        let lines = messages::updates(offered).into_iter().chain([&messages::HEARTBEAT]);
        let lines: Vec<_> =
            lines.map(|message| reference(&format!("components/schemas/{}", message.schema))).collect();
        content[LINES] = json!({
            "schema": {
                "type": "string",
                "description": "One JSON object a line until either side closes; `x-tidegate-lines` says which there are.",
            },
            "x-tidegate-lines": {"oneOf": lines},
        });
    }
    let modes = if offered.parameter(MODE) { " The parameters say in which form." } else { "" };
    let mut names = vec!["ETag", "Age", "Cache-Status", "Vary", CONTENT_TYPE_FIELD];
    names.extend(offered.parameter(WAIT).then_some("Preference-Applied"));
    json!({
        "description": format!("The representation, once, or as a stream of updates.{modes}"),
        "headers": header_references(&names),
        "content": content,
    })
}

const EXAMPLE: &str = "event: snapshot
id: 31twj9z95rea1.1.0bcdyd4
data: {\"price\":1.10,\"size\":5}

event: status
retry: 1397
data: {\"state\":\"live\",\"since\":\"2026-01-31T09:30:00.250Z\",\"fresh_within_ms\":525}

event: patch
id: 31twj9z95rea1.2.0bcdyd4
data: [{\"op\":\"replace\",\"path\":\"/price\",\"value\":1.20}]

";

fn own_ids(paths: &Map<String, Value>) -> HashSet<String> {
    let operations = paths.values().filter_map(Value::as_object).flat_map(Map::values);
    operations.filter_map(|operation| operation.get("operationId")?.as_str().map(str::to_owned)).collect()
}

/// The gateway's own endpoints, of those that there are.
fn own_paths(offered: &Offered) -> Map<String, Value> {
    let mut paths = Map::new();
    for &path in offered.endpoints {
        match path {
            messages::WEBSOCKET => drop(paths.insert(path.to_owned(), websocket())),
            messages::EVENTS => {
                paths.insert(path.to_owned(), events(offered));
                paths.insert(format!("{path}/{{stream}}"), events_control());
            }
            _ => drop(paths.insert(path.to_owned(), document(path))),
        }
    }
    paths
}

fn own(id: &str, summary: &str, responses: Value) -> Value {
    json!({"operationId": id, "tags": ["gateway"], "summary": summary, "responses": responses})
}

fn with_problems(statuses: &[u16], mut responses: Value) -> Value {
    for status in statuses {
        responses[status.to_string()] = reference(&format!("components/responses/Problem{status}"));
    }
    responses
}

fn document(path: &str) -> Value {
    let (id, summary) = match path.rsplit('/').next() {
        Some("openapi.json") => ("openapi", "This document (OpenAPI 3.1)"),
        _ => ("asyncapi", "The live paths as channels, with their messages (AsyncAPI 3.0)"),
    };
    let responses = json!({
        "200": {
            "description": "The document, for the host of the request.",
            "headers": header_references(&["ETag", "Cache-Control"]),
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "304": {"description": "The reader has it."},
    });
    json!({"get": own(id, summary, with_problems(&[404, 405], responses))})
}

fn websocket() -> Value {
    let responses = json!({"101": {"description": "A WebSocket; the AsyncAPI document has its messages."}});
    let summary = "Many subscriptions on one connection (RFC 6455), with the subprotocol `tidegate.v1`";
    let refused = [ProblemKind::NotAHandshake, ProblemKind::OriginNotAllowed, ProblemKind::Overloaded];
    let refused = refused.map(|kind| kind.status().as_u16());
    json!({"get": own("websocket", summary, with_problems(&refused, responses))})
}

fn events(offered: &Offered) -> Value {
    let responses = || {
        let stream = json!({
            "200": {
                "description": "Server-Sent Events: `open` with the name of the stream, then messages whose data is JSON.",
                "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
            },
        });
        with_problems(&[400, 503], stream)
    };
    let mut get = own("followSeveral", "Follow several paths on one stream", responses());
    let url = json!({
        "name": "url",
        "in": "query",
        "required": true,
        "description": "A path with its query; one for each subscription, which are numbered from 1 on in this order.",
        "schema": {"type": "array", "items": {"type": "string", "format": "uri-reference"}, "minItems": 1, "maxItems": MAX_REQUESTS},
        "explode": true,
    });
    let for_all = ["tidegate.mode", "tidegate.select", "tidegate.rate", "tidegate.max-age"];
    let named = ways::offered(offered).filter(|way| for_all.contains(&way.parameter));
    let named = named.map(|way| reference(&format!("components/parameters/{}", way.parameter)));
    get["parameters"] = Value::from(std::iter::once(url).chain(named).collect::<Vec<_>>());
    let mut post = own(
        "followSeveralWithOptions",
        "Follow several paths on one stream, each in its own way",
        responses(),
    );
    // As a command, without its name.
    let wanted = messages::subscription_of(&schemas::schemas(offered));
    post["requestBody"] = json_body(json!({"type": "array", "items": wanted, "maxItems": MAX_REQUESTS}));
    json!({"get": get, "post": post})
}

fn events_control() -> Value {
    let responses = json!({"202": {"description": "Taken; what comes of it is told on the stream."}});
    let mut post =
        own("changeSeveral", "Change what a stream follows", with_problems(&[400, 404], responses));
    let commands: Vec<_> = messages::COMMANDS
        .iter()
        .map(|command| reference(&format!("components/schemas/{}", command.schema)))
        .collect();
    post["requestBody"] =
        json_body(json!({"type": "array", "items": {"oneOf": commands}, "maxItems": MAX_REQUESTS}));
    json!({
        "parameters": [{
            "name": "stream",
            "in": "path",
            "required": true,
            "description": "The name that the stream told in `open`.",
            "schema": {"type": "string"},
        }],
        "post": post,
    })
}

fn json_body(schema: Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}
