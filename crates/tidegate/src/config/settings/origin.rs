//! The settings of `[[origin]]`: where an API is, and how it is asked.

use super::super::kind::{Kind, Section, Setting};
use super::{HOUR, MINUTE, time};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Origin,
        key: "name",
        kind: Kind::Name,
        default: None,
        example: "\"market\"",
        about: "The name that routes refer to, unique among the origins: 1 to 64 letters, digits, `-`, `_` or `.`.",
        reason: "It also names the origin in logs, where its URL does not belong.",
    },
    Setting {
        section: Section::Origin,
        key: "url",
        kind: Kind::Url,
        default: None,
        example: "\"http://127.0.0.1:9100\"",
        about: "Where the API is: `http` or `https`, host, optional port, optional path that is put in front of every \
                request's path. No user name, query or fragment.",
        reason: "Credentials in a URL end up in logs; clients' own credentials are forwarded instead.",
    },
    Setting {
        section: Section::Origin,
        key: "connect_timeout",
        kind: time(10, 5 * MINUTE),
        default: Some("2s"),
        example: "\"2s\"",
        about: "How long connecting may take. At most `head_timeout`.",
        reason: "An origin that does not accept within two seconds is away; clients are told so.",
    },
    Setting {
        section: Section::Origin,
        key: "head_timeout",
        kind: time(10, HOUR),
        default: Some("10s"),
        example: "\"10s\"",
        about: "How long the origin may take to answer with the head of a response.",
        reason: "Longer than a slow query, shorter than the patience of whoever waits.",
    },
    Setting {
        section: Section::Origin,
        key: "body_timeout",
        kind: time(10, 24 * HOUR),
        default: Some("30s"),
        example: "\"30s\"",
        about: "How long the body of a fetched representation may take. It is absolute: dripping bytes do not extend it.",
        reason: "It ends transfers that would hold a feed's only fetch for ever. What is passed through has no such limit.",
    },
    Setting {
        section: Section::Origin,
        key: "follow_redirects",
        kind: Kind::Count(0, 20),
        default: Some("0"),
        example: "5",
        about: "How many redirects of a `GET` or `HEAD` the gateway follows itself: within the origin's `url`, and to public \
                addresses elsewhere, never from `https` to `http`. Other hosts get neither credentials nor any other field \
                that may hold some. `0` passes redirects on to clients.",
        reason: "Where an API redirects is the client's to know, until you say that it is the gateway's.",
    },
];
