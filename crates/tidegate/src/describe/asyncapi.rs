//! The AsyncAPI 3.0 document: each live route as a channel with its messages, and the connections that carry several.
//!
//! The application of the document is the gateway: it *sends* updates and *receives* commands.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use tidegate_wire::websocket::SUBPROTOCOL;

use super::messages::{self, COMMANDS, CONTROL, EVENTS, HEARTBEAT, Message, STREAM, WEBSOCKET};
use super::{
    BEARER, HOST, Offered, Surface, VERSION, object, reference, schemas, security_schemes, slug, ways,
};
use crate::config::Template;

const ABOUT: &str = "The paths that can be followed, as channels. The application is the gateway: it sends updates and receives \
    commands. A channel that is a path is asked for by a GET with `Accept: text/event-stream`: `event` names the message, \
    `id` is its position, `data` its payload.";

/// The channels and operations so far.
struct Parts<'a> {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    taken: HashSet<String>,
    offered: &'a Offered,
}

/// The document for what is live.
pub(crate) fn asyncapi(surface: &Surface, offered: &Offered) -> Value {
    let mut parts = Parts { channels: Map::new(), operations: Map::new(), taken: HashSet::new(), offered };
    // These have their names first.
    let several = several_channels(&mut parts);
    for route in surface.live() {
        parts.live(&route.template, &route.pattern, route.verified);
    }
    if surface.open {
        let template =
            Template { text: String::from("/~/{url}"), names: vec![String::from("url")], rest: true };
        parts.live(&template, "/~/**", false);
    }
    let gateway = "As the gateway itself is reached; a proxy before it may speak another protocol.";
    let mut servers = json!({
        "gateway": {"host": HOST, "protocol": surface.scheme, "description": gateway},
    });
    if offered.endpoint(WEBSOCKET) {
        let protocol = if surface.scheme == "https" { "wss" } else { "ws" };
        servers["websocket"] = json!({"host": HOST, "protocol": protocol, "description": gateway});
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Tidegate: live paths", "version": VERSION, "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {
            "messages": components(offered, several),
            "schemas": schemas::schemas(offered),
            "securitySchemes": security_schemes(surface),
        },
    })
}

impl Parts<'_> {
    /// A channel with its operations: what the gateway sends there, and what it receives.
    fn add(
        &mut self,
        name: &str,
        mut channel: Value,
        sends: &[String],
        receives: &[String],
        bindings: Option<Value>,
    ) {
        let mut listed = Map::new();
        for message in sends.iter().chain(receives) {
            listed.insert(message.clone(), reference(&format!("components/messages/{message}")));
        }
        channel["messages"] = Value::Object(listed);
        for (action, names) in [("send", sends), ("receive", receives)] {
            if names.is_empty() {
                continue;
            }
            let messages: Vec<_> = names
                .iter()
                .map(|message| reference(&format!("channels/{name}/messages/{message}")))
                .collect();
            let mut operation = json!({
                "action": action,
                "channel": reference(&format!("channels/{name}")),
                "messages": messages,
            });
            if let Some(bindings) = &bindings {
                operation["bindings"] = bindings.clone();
            }
            self.operations.insert(format!("{action}-{name}"), operation);
        }
        self.channels.insert(name.to_owned(), channel);
    }

    /// A path that can be followed.
    fn live(&mut self, template: &Template, pattern: &str, verified: bool) {
        let name = slug(&template.text, &mut self.taken);
        let mut channel = json!({
            "address": template.text,
            "title": pattern,
            "servers": [reference("servers/gateway")],
        });
        if !template.names.is_empty() {
            channel["parameters"] = parameters(template);
        }
        let query = ways::offered(self.offered).map(|way| {
            let mut schema = way.schema(self.offered);
            // Beside a reference nothing counts (draft-07), so what is said of it goes around it.
            schema = match schema.get("$ref") {
                Some(_) => json!({"allOf": [schema]}),
                None => schema,
            };
            schema["description"] = Value::from(way.about);
            (way.parameter, schema)
        });
        let query = json!({"type": "object", "properties": object(query)});
        let bindings = json!({"http": {"method": "GET", "query": query, "bindingVersion": "0.3.0"}});
        let sends: Vec<_> =
            messages::updates(self.offered).iter().map(|message| message.name.to_owned()).collect();
        self.add(&name, channel, &sends, &[], Some(bindings));
        if verified {
            // Only what is sent needs it: it is the answer to a request that bears it.
            self.operations[&format!("send-{name}")]["security"] =
                json!([reference(&format!("components/securitySchemes/{BEARER}"))]);
        }
    }
}

fn parameters(template: &Template) -> Value {
    let last = template.names.len() - 1;
    object(template.names.iter().enumerate().map(|(index, name)| {
        let about = match template.rest && index == last {
            true => "All that follows: any number of segments, also none, with the slashes between them.",
            false => "One segment of the path.",
        };
        (name.clone(), json!({"description": about}))
    }))
}

/// The channels that carry several subscriptions; whether there are any.
fn several_channels(parts: &mut Parts<'_>) -> bool {
    let offered = parts.offered;
    let names =
        |messages: &[Message]| messages.iter().map(|message| several(message.name)).collect::<Vec<_>>();
    let mut sends: Vec<_> = messages::updates(offered).iter().map(|message| several(message.name)).collect();
    sends.extend(names(CONTROL));
    let commands = names(COMMANDS);
    let mut any = false;
    if offered.endpoint(WEBSOCKET) {
        any = true;
        let with_heartbeat: Vec<_> = sends.iter().cloned().chain([several(HEARTBEAT.name)]).collect();
        let protocol = json!({"type": "string", "const": SUBPROTOCOL});
        let headers = json!({"type": "object", "properties": {"Sec-WebSocket-Protocol": protocol}});
        let channel = json!({
            "address": WEBSOCKET,
            "title": "Many subscriptions on one WebSocket",
            "servers": [reference("servers/websocket")],
            "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
        });
        let name = slug("websocket", &mut parts.taken);
        parts.add(&name, channel, &with_heartbeat, &commands, None);
    }
    if offered.endpoint(EVENTS) {
        any = true;
        let channel = json!({
            "address": EVENTS,
            "title": "Several subscriptions on one stream of Server-Sent Events",
            "description": "The event `open` comes first; all others are plain events, whose data is the payload.",
            "servers": [reference("servers/gateway")],
        });
        let name = slug("events", &mut parts.taken);
        sends.insert(0, several(STREAM.name));
        parts.add(&name, channel, &sends, &[], Some(http("GET")));
        let channel = json!({
            "address": format!("{EVENTS}/{{stream}}"),
            "title": "Changes of what such a stream follows",
            "description": "The content of a request is an array of such commands.",
            "servers": [reference("servers/gateway")],
            "parameters": {"stream": {"description": "The name that the stream told in `open`."}},
        });
        let name = slug("events-commands", &mut parts.taken);
        parts.add(&name, channel, &[], &commands, Some(http("POST")));
    }
    any
}

fn http(method: &str) -> Value {
    json!({"http": {"method": method, "bindingVersion": "0.3.0"}})
}

/// What a message is called where it is one of several subscriptions' on a connection.
fn several(name: &str) -> String {
    format!("{name}-of-several")
}

fn components(offered: &Offered, several_too: bool) -> Map<String, Value> {
    let mut components = Map::new();
    for message in messages::updates(offered) {
        components.insert(message.name.to_owned(), event(message));
        if several_too {
            components.insert(several(message.name), whole(message));
        }
    }
    if several_too {
        for message in CONTROL.iter().chain(COMMANDS).chain([&HEARTBEAT, &STREAM]) {
            components.insert(several(message.name), whole(message));
        }
    }
    components
}

/// A message as Server-Sent Events have it: its name and position are beside the payload.
fn event(message: &Message) -> Value {
    let mut fields = json!({"event": {"type": "string", "const": message.name}});
    match message.name {
        "status" => {
            fields["retry"] =
                json!({"type": "integer", "description": "After how many milliseconds to come back."});
        }
        _ => fields["id"] = json!({"$ref": "#/components/schemas/Position"}),
    }
    json!({
        "name": message.name,
        "title": message.name,
        "summary": message.about,
        "headers": {"type": "object", "properties": fields},
        "payload": messages::data(message),
    })
}

/// A message that says all of itself.
fn whole(message: &Message) -> Value {
    json!({
        "name": message.name,
        "title": message.name,
        "summary": message.about,
        "payload": {"$ref": format!("#/components/schemas/{}", message.schema)},
    })
}
