//! The settings at the top of the file.

use super::super::kind::{Kind, Section, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Top,
        key: "listen",
        kind: Kind::Address,
        default: Some("127.0.0.1:8080"),
        example: "\"127.0.0.1:8080\"",
        about: "The address and port on which clients are served. Port 0 lets the system choose one.",
        reason: "Only this machine can reach the gateway until you decide otherwise; `0.0.0.0:8080` opens it to all.",
    },
    Setting {
        section: Section::Top,
        key: "cors_origins",
        kind: Kind::WebOrigins,
        default: Some(""),
        example: "[\"https://app.example.com\"]",
        about: "The web origins whose pages may read answers; `[\"*\"]` allows any, without credentials.",
        reason: "Pages of other sites read nothing until you name them.",
    },
    Setting {
        section: Section::Top,
        key: "describe",
        kind: Kind::Flag,
        default: Some("true"),
        example: "false",
        about: "Whether the gateway describes itself: `/.tidegate/openapi.json` (OpenAPI 3.1) and \
                `/.tidegate/asyncapi.json` (AsyncAPI 3.0) say which paths are live for the request's host and how they \
                are read. Patterns that hold something from the environment or a file are left out; origins are never named.",
        reason: "Tools and people find out how to subscribe without asking; write `false` where the live paths are \
                 nobody's to know.",
    },
];
