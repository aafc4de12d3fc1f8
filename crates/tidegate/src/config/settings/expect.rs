//! The settings of `[route.expect]`: which answers are taken for a route's representations.

use super::super::kind::{Kind, Section, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Expect,
        key: "status",
        kind: Kind::Statuses,
        default: Some("200"),
        example: "[200, 203]",
        about: "The statuses whose answers are representations: of 2xx all but 204, 205 and 206. Of others than 200, bodies \
                up to 1 MiB are taken in.",
        reason: "200 is the one that says so; some APIs behind other proxies answer 203, and 202 while they compute.",
    },
    Setting {
        section: Section::Expect,
        key: "type",
        kind: Kind::MediaType,
        default: Some(""),
        example: "\"application/json\"",
        about: "The media type, without parameters; one `*` in the subtype stands for any text: `\"application/*+json\"`.",
        reason: "Where it is empty, what was streamed first decides, and an error page is not believed for a while. Name it, \
                 and it is never believed, nor given to plain readers.",
    },
    Setting {
        section: Section::Expect,
        key: "pointer",
        kind: Kind::Pointers,
        default: Some(""),
        example: "[\"/data/rows\"]",
        about: "What every document has, as JSON Pointers (RFC 6901), and not as `null`. `\"\"` is the whole document.",
        reason: "An envelope around an error, or a sudden `null`, is JSON like any other until you say what is missing in it.",
    },
    Setting {
        section: Section::Expect,
        key: "schema",
        kind: Kind::File,
        default: Some(""),
        example: "\"rows.schema.json\"",
        about: "A file with the JSON Schema (draft 4 to 2020-12) that every document is valid against. Nothing that it refers \
                to is fetched, formats are not checked, and patterns are those of Rust's `regex`.",
        reason: "Checking costs a parse and a walk of each document that differs; a pointer costs less.",
    },
];
