//! The settings of `[open]`: which URLs clients may name themselves, and what those get.

use super::super::kind::{Kind, Section, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Open,
        key: "allow",
        kind: Kind::Targets,
        default: None,
        example: "[\"https://api.example.com/**\"]",
        about: "The URLs that may be asked, as patterns: scheme, host, port where it is not the scheme's usual one (`*` for \
                any), and a path pattern as in `[[route]]`. A `*` in place of a label at the left of the host stands for \
                exactly one label: `https://*.example.org/v1/**`. `[\"*\"]` allows every URL, with a warning at start.",
        reason: "Whoever may name any URL can have the gateway ask in its own name; so you say which.",
    },
    Setting {
        section: Section::Open,
        key: "allow_private",
        kind: Kind::Networks,
        default: Some(""),
        example: "[\"10.1.0.0/16\", \"127.0.0.1\"]",
        about: "Networks that may be connected to although they are not public, as addresses with the length of a prefix. \
                A URL has to be allowed as well.",
        reason: "Private, loopback, link-local and reserved addresses are refused, whatever name leads to them: there are \
                 this machine, its neighbours and a cloud's credentials.",
    },
    Setting {
        section: Section::Open,
        key: "forward_headers",
        kind: Kind::HeaderNames,
        default: Some(""),
        example: "[\"Authorization\", \"X-Api-Key\"]",
        about: "Request header fields that targets get as the client sent them, beside `Accept` and `Accept-Language`; they \
                are part of what is shared by whom. They go to every URL that is allowed, and not on to another host by \
                redirect. `Cookie` is never forwarded.",
        reason: "What a client sends to the gateway is meant for the gateway until you know better.",
    },
    Setting {
        section: Section::Open,
        key: "max_redirects",
        kind: Kind::Count(0, 20),
        default: Some("5"),
        example: "5",
        about: "How many redirects are followed for one fetch; 0 passes them on. Each is checked like a URL that a client \
                names.",
        reason: "Two or three are usual; more is mostly a circle.",
    },
    Setting {
        section: Section::Open,
        key: "max_open_origins",
        kind: Kind::Count(1, 100_000),
        default: Some("256"),
        example: "256",
        about: "How many origins (scheme, host and port) may be in use at once. Unused ones make room; beyond it, requests \
                for another get 503 and `Retry-After`.",
        reason: "Each has a pool of connections of its own.",
    },
];
