//! The ways to ask: each reserved query parameter, the header field that says the same, and what both may hold.

use serde_json::{Value, json};

use super::Offered;

/// One way to ask for something.
pub(super) struct Way {
    /// The reserved query parameter.
    pub(super) parameter: &'static str,
    /// The header field that says the same; `None` where only a parameter does, or a field that OpenAPI leaves to itself.
    pub(super) header: Option<&'static str>,
    /// What it does, in Markdown.
    pub(super) about: &'static str,
    schema: fn(&Offered) -> Value,
    /// What the header field holds where that is not what the parameter does.
    header_schema: Option<fn() -> Value>,
}

impl Way {
    /// What the parameter may hold, as JSON Schema.
    pub(super) fn schema(&self, offered: &Offered) -> Value {
        (self.schema)(offered)
    }

    /// What the header field may hold, as JSON Schema.
    pub(super) fn header_schema(&self, offered: &Offered) -> Value {
        self.header_schema.map_or_else(|| self.schema(offered), |schema| schema())
    }
}

/// The ways that this version offers.
pub(super) fn offered(offered: &Offered) -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| offered.parameter(way.parameter))
}

/// The media types that a live route can be asked for.
pub(super) fn media_types(offered: &Offered) -> Vec<&'static str> {
    let mut types = vec!["application/json", EVENT_STREAM];
    types.extend(offered.lines.then_some(LINES));
    types
}

/// The media type of Server-Sent Events.
pub(super) const EVENT_STREAM: &str = tidegate_wire::EVENT_STREAM;

/// The media type of lines of JSON.
pub(super) const LINES: &str = tidegate_wire::NDJSON;

/// What the parameter `tidegate.mode` makes of updates.
pub(super) const MODE: &str = "tidegate.mode";

/// The parameter that makes a plain read wait.
pub(super) const WAIT: &str = "tidegate.wait";

pub(super) const WAYS: &[Way] = &[
    Way {
        parameter: "tidegate.accept",
        // OpenAPI ignores a parameter for `Accept`: the media types of the answers say it.
        header: None,
        about: "What `Accept` says, for clients that cannot set header fields.",
        schema: |offered| json!({"type": "string", "examples": media_types(offered)}),
        header_schema: None,
    },
    Way {
        parameter: "tidegate.last-event-id",
        header: Some("Last-Event-ID"),
        about: "The position to go on from: the `id` of the last event, or the `ETag` of a plain answer without its quotes. \
                An unknown one gets a snapshot, never an error. The header field wins.",
        schema: |_| json!({"$ref": "#/components/schemas/Position"}),
        header_schema: None,
    },
    Way {
        parameter: "tidegate.max-age",
        header: Some("Cache-Control"),
        about: "On streams: how old the data may become, in seconds above 0. The origin is then asked no more often, unless \
                others need it. A header field with a `max-age` above 0 wins. On plain reads `Cache-Control` has its \
                meaning in RFC 9111.",
        schema: |_| json!({"type": "integer", "minimum": 0}),
        header_schema: Some(|| json!({"type": "string", "examples": ["max-age=30"]})),
    },
    Way {
        parameter: "tidegate.select",
        header: Some("Tidegate-Select"),
        about: "The part to send: a JSON Pointer (RFC 6901: empty, or beginning with `/`) gives the value there, `null` where \
                there is none; a JSONPath (RFC 9535, beginning with `$`) gives the array of its nodes. The header field wins.",
        schema: |_| json!({"type": "string", "pattern": "^($|/|\\$)", "examples": ["/rows/0", "$.rows[*].last"]}),
        header_schema: None,
    },
    Way {
        parameter: MODE,
        header: Some("Tidegate-Mode"),
        about: "How updates are sent: `patch`, JSON Patches (RFC 6902); `merge`, merge patches (RFC 7396) where one can say the \
                change, else snapshots; `snapshot`, each change whole; `first`, one snapshot, then the end. The header \
                field wins.",
        schema: |_| json!({"type": "string", "enum": ["patch", "merge", "snapshot", "first"], "default": "patch"}),
        header_schema: None,
    },
    Way {
        parameter: "tidegate.rate",
        header: Some("Tidegate-Rate"),
        about: "At most one update in this time, the net effect of what happened in it: `10ms` to `1h`. The header field wins.",
        schema: |_| json!({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$", "examples": ["250ms", "2s"]}),
        header_schema: None,
    },
    Way {
        parameter: WAIT,
        header: Some("Prefer"),
        about: "Long-poll: a plain read is held for at most so many seconds until there is something newer than \
                `tidegate.after`, or than `If-None-Match`; 304 if nothing came. `Preference-Applied` says how long it was held \
                at most.",
        schema: |_| json!({"type": "integer", "minimum": 1}),
        header_schema: Some(|| json!({"type": "string", "examples": ["wait=30"]})),
    },
    Way {
        parameter: "tidegate.after",
        header: Some("If-None-Match"),
        about: "The position that the reader has: what `If-None-Match` says, in a form that gives each state a URL of its own, \
                so that a shared cache can make one request of many.",
        schema: |_| json!({"$ref": "#/components/schemas/Position"}),
        header_schema: Some(|| json!({"type": "string", "examples": ["\"31twj9z95rea1.5.0bcdyd4\""]})),
    },
];
