//! The JSON Schemas that both documents refer to, in the vocabulary that OpenAPI 3.1 (2020-12) and AsyncAPI 3.0 (a
//! superset of draft-07) have in common.

use serde_json::{Map, Value, json};
use tidegate_wire::{Blame, Problem, ProblemKind, State};

use super::{Offered, messages, object};

/// All of them by name; references are to `#/components/schemas/…`.
pub(super) fn schemas(offered: &Offered) -> Map<String, Value> {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    add("Position", position());
    add("JsonPatch", json_patch());
    add("Status", status());
    add("Problem", problem());
    add("ProblemType", problem_type());
    schemas.extend(messages::schemas(offered));
    schemas
}

fn position() -> Value {
    json!({
        "type": "string",
        "description": "A place in the history of a resource. Opaque: the same text is the `id` of an event and, in quotes, \
                        the `ETag`.",
        "pattern": "^[0-9a-z.]+$",
        "maxLength": 42,
        "examples": ["31twj9z95rea1.5.0bcdyd4"],
    })
}

/// RFC 6902, of the operations that the gateway writes.
fn json_patch() -> Value {
    let pointer =
        json!({"type": "string", "description": "A JSON Pointer (RFC 6901).", "pattern": "^(/.*)?$"});
    let operation = |names: &[&str], required: &[&str], more: Value| {
        let mut properties = Map::new();
        properties.insert(String::from("op"), json!({"enum": names}));
        properties.insert(String::from("path"), pointer.clone());
        if let Value::Object(more) = more {
            properties.extend(more);
        }
        json!({"type": "object", "properties": properties, "required": required})
    };
    json!({
        "type": "array",
        "description": "A JSON Patch (RFC 6902) from the position before to this one. It leads to exactly what the origin \
                        served: keep the texts of numbers if they matter to you.",
        "items": {"oneOf": [
            operation(&["add", "replace"], &["op", "path", "value"], json!({"value": {}})),
            operation(&["remove"], &["op", "path"], json!({})),
            operation(&["move", "copy"], &["op", "path", "from"], json!({"from": pointer})),
        ]},
        "examples": [[{"op": "replace", "path": "/price", "value": 1.25}]],
    })
}

fn status() -> Value {
    let states = [State::Live, State::Stale, State::Gone].map(State::as_str);
    json!({
        "type": "object",
        "description": "How current the data is. Right after the first update of a stream, and with each change.",
        "properties": {
            "state": {
                "enum": states,
                "description": "`live`: confirmed with the origin within `fresh_within_ms`. `stale`: the last good state, not \
                                confirmed since `since`. `gone`: the resource is no more, or no more for these credentials.",
            },
            "since": {"type": "string", "format": "date-time", "description": "When the state began; for `stale`, the last confirmation."},
            "fresh_within_ms": {"type": "integer", "minimum": 0, "description": "The most time between two confirmations while live."},
            "cause": {"$ref": "#/components/schemas/Problem"},
            "retry_in_ms": {"type": "integer", "minimum": 0, "description": "When the origin is asked next, from now on."},
            "continuity": {"const": "unproven", "description": "The position to resume from proved nothing: a snapshot came."},
        },
        "required": ["state", "since", "fresh_within_ms"],
        "examples": [{"state": "live", "since": "2026-01-31T09:30:00.250Z", "fresh_within_ms": 525}],
    })
}

fn problem() -> Value {
    let example = Problem::new(ProblemKind::NoRoute).with_detail("no route matches /x");
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "type": {"$ref": "#/components/schemas/ProblemType"},
            "title": {"type": "string", "description": "The same for every problem of a type."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What happened this time, and what helps."},
            "origin_status": {"type": "integer", "description": "What the origin answered with, where that is the cause."},
        },
        "required": ["type"],
        "examples": [serde_json::from_str::<Value>(&example.to_json()).unwrap_or_default()],
    })
}

/// Who has to change something, as the documents call it.
fn whose(blame: Blame) -> &'static str {
    match blame {
        Blame::Client => "client",
        Blame::Origin => "origin",
        Blame::Gateway => "gateway",
    }
}

fn problem_type() -> Value {
    let known = ProblemKind::ALL.iter().map(|&kind| {
        json!({
            "const": Problem::new(kind).kind.to_string(),
            "title": kind.title(),
            "x-status": kind.status().as_u16(),
            "x-blame": whose(kind.blame()),
        })
    });
    let known: Vec<_> = known.collect();
    object([
        (
            "description",
            Value::from(
                "The codes are stable, and the set may grow. `x-blame` is who has to change something for the problem to \
                 go away.",
            ),
        ),
        (
            "anyOf",
            json!([{"oneOf": known}, {"type": "string", "format": "uri", "description": "One of a later version."}]),
        ),
    ])
}
