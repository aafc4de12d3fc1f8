//! The JSON messages: what a line of JSON, a WebSocket message and the data of a multiplexed event hold.

use serde_json::{Map, Value, json};
use tidegate_wire::request::{MAX_FIELDS, MAX_SUB, MAX_TEXT};

use super::{Offered, object, ways};

/// The path of the WebSocket endpoint.
pub(super) const WEBSOCKET: &str = "/.tidegate/ws";

/// The path of multiplexed Server-Sent Events.
pub(super) const EVENTS: &str = "/.tidegate/events";

/// A message of the gateway, or of a client.
pub(super) struct Message {
    /// What it is called in the documents.
    pub(super) name: &'static str,
    /// The name of its schema.
    pub(super) schema: &'static str,
    pub(super) about: &'static str,
}

/// Those that carry state: what every stream has.
pub(super) fn updates(offered: &Offered) -> Vec<&'static Message> {
    let merges = offered.parameter(ways::MODE);
    UPDATES.iter().filter(|message| message.name != "merge" || merges).collect()
}

const UPDATES: &[Message] = &[
    Message { name: "snapshot", schema: "SnapshotMessage", about: "The whole document." },
    Message {
        name: "patch",
        schema: "PatchMessage",
        about: "A JSON Patch (RFC 6902) from the position before to this one.",
    },
    Message {
        name: "merge",
        schema: "MergeMessage",
        about: "A merge patch (RFC 7396), in the mode `merge`.",
    },
    Message {
        name: "status",
        schema: "StatusMessage",
        about: "How current the data is. It moves no position.",
    },
];

/// What only a connection with several subscriptions has.
pub(super) const CONTROL: &[Message] = &[
    Message { name: "open", schema: "OpenMessage", about: "The subscription exists." },
    Message {
        name: "error",
        schema: "ErrorMessage",
        about: "The subscription was refused; without `sub`, a message could not be read. Without `retry_in_ms` do not try the \
                same again.",
    },
    Message {
        name: "end",
        schema: "EndMessage",
        about: "The subscription has ended. Its number is free again.",
    },
];

/// What begins a stream of multiplexed events.
pub(super) const STREAM: Message = Message {
    name: "stream",
    schema: "StreamOpened",
    about: "The first event, `open`: the name of the stream.",
};

/// What says that a connection is alive.
pub(super) const HEARTBEAT: Message =
    Message { name: "heartbeat", schema: "HeartbeatMessage", about: "Nothing else was sent for a while." };

/// What clients send where there are several subscriptions.
pub(super) const COMMANDS: &[Message] = &[
    Message { name: "subscribe", schema: "Subscribe", about: "Asks for one more subscription." },
    Message { name: "unsubscribe", schema: "Unsubscribe", about: "Ends one." },
];

/// The schemas of what is offered.
pub(super) fn schemas(offered: &Offered) -> Map<String, Value> {
    let mut schemas = Map::new();
    let multiplexed = offered.endpoint(WEBSOCKET) || offered.endpoint(EVENTS);
    if !multiplexed && !offered.lines {
        return schemas;
    }
    let mut add = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    let position = || json!({"$ref": "#/components/schemas/Position"});
    let update =
        |event: &str, data: Value| message(event, &["id", "data"], [("id", position()), ("data", data)]);
    add(
        "SnapshotMessage",
        update("snapshot", json!({"description": "The document; a string where it is no JSON."})),
    );
    add("PatchMessage", update("patch", json!({"$ref": "#/components/schemas/JsonPatch"})));
    if offered.parameter(ways::MODE) {
        add("MergeMessage", update("merge", json!({"description": "A merge patch (RFC 7396)."})));
    }
    let retry = json!({"type": "integer", "description": "In the first of a subscription: after how many milliseconds to come \
                                                          back if the connection is lost."});
    let status = json!({"$ref": "#/components/schemas/Status"});
    add("StatusMessage", message("status", &["data"], [("retry", retry), ("data", status)]));
    add("HeartbeatMessage", message("heartbeat", &[], []));
    if !multiplexed {
        return schemas;
    }
    let retry_in =
        || json!({"type": "integer", "minimum": 0, "description": "When to try again, in milliseconds."});
    let opened = json!({
        "type": "object",
        "properties": {"content_type": {"type": "string", "description": "The media type of the document."}},
    });
    add("OpenMessage", message("open", &["data"], [("data", opened)]));
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    add("ErrorMessage", message("error", &["data"], [("data", problem), ("retry_in_ms", retry_in())]));
    let ended = json!({"type": "object", "properties": {"retry_in_ms": retry_in()}});
    add("EndMessage", message("end", &["data"], [("data", ended)]));
    let stream = json!({"type": "string", "description": "The name of the stream, by which what it follows is changed."});
    add("StreamOpened", json!({"type": "object", "properties": {"stream": stream}, "required": ["stream"]}));
    add("Subscribe", subscribe(offered));
    add("Unsubscribe", command("unsubscribe", &["op", "sub"], []));
    schemas
}

/// A message of the gateway.
fn message<const N: usize>(event: &str, required: &[&str], members: [(&str, Value); N]) -> Value {
    let mut properties = Map::new();
    properties.insert(String::from("sub"), subscription());
    properties.insert(String::from("event"), json!({"const": event}));
    properties.extend(members.map(|(name, schema)| (name.to_owned(), schema)));
    let required: Vec<_> = std::iter::once("event").chain(required.iter().copied()).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn command<const N: usize>(op: &str, required: &[&str], members: [(&str, Value); N]) -> Value {
    let mut properties = Map::new();
    properties.insert(String::from("op"), json!({"const": op}));
    properties.insert(String::from("sub"), subscription());
    properties.extend(members.map(|(name, schema)| (name.to_owned(), schema)));
    // A misspelt wish is an error, unlike a member of a message of the gateway that a client does not know.
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn subscription() -> Value {
    json!({
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_SUB,
        "description": "The number of the subscription on this connection, chosen by the client.",
    })
}

fn subscribe(offered: &Offered) -> Value {
    let mut schema = command(
        "subscribe",
        &["op", "sub", "url"],
        [
            (
                "url",
                json!({"type": "string", "format": "uri-reference", "maxLength": MAX_TEXT, "examples": ["/quotes?x=1"]}),
            ),
            ("id", json!({"$ref": "#/components/schemas/Position"})),
            (
                "headers",
                json!({
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "maxProperties": MAX_FIELDS,
                    "description": "Request header fields; they win over those that the connection began with.",
                }),
            ),
        ],
    );
    // What the parameters say, the members of the same names say.
    let asked = ["tidegate.mode", "tidegate.select", "tidegate.rate", "tidegate.max-age"];
    let members = ways::offered(offered).filter(|way| asked.contains(&way.parameter)).map(|way| {
        let name = way.parameter.trim_start_matches("tidegate.").replace('-', "_");
        (name, way.schema(offered))
    });
    let members: Map<String, Value> = members.collect();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.extend(members);
    }
    schema
}

/// The data of an event alone, as Server-Sent Events have it: what its message has in `data`.
pub(super) fn data(message: &Message) -> Value {
    match message.name {
        "patch" => json!({"$ref": "#/components/schemas/JsonPatch"}),
        "status" => json!({"$ref": "#/components/schemas/Status"}),
        "merge" => object([("description", Value::from("A merge patch (RFC 7396)."))]),
        _ => object([("description", Value::from("The document."))]),
    }
}

/// What a client says of a subscription where nothing but subscriptions can be said: a command without its name.
pub(super) fn subscription_of(schemas: &Map<String, Value>) -> Value {
    let mut schema = schemas.get("Subscribe").cloned().unwrap_or_else(|| json!({}));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.remove("op");
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != "op");
    }
    schema
}
