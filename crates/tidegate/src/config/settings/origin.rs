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
        key: "max_concurrent",
        kind: Kind::Count(1, 65_536),
        default: Some("64"),
        example: "64",
        about: "Fetches under way at one time: polls, and the reads that feeds make for whoever asks. They take turns: \
                what somebody waits for goes first, routes and feeds get the same share, and feeds that are answered \
                slowly leave room for the others. What passes through is not counted.",
        reason: "As many as a usual connection pool or worker pool behind an API takes without a queue of its own.",
    },
    Setting {
        section: Section::Origin,
        key: "max_requests_per_second",
        kind: Kind::CountOrAuto(1, 1_000_000),
        default: Some("auto"),
        example: "50",
        about: "Fetches begun in a second, with bursts of a tenth of it at most. `auto` is without a limit. Whatever is \
                set, the limits that the origin itself tells are obeyed: `Retry-After`, `RateLimit`, `X-RateLimit-…`.",
        reason: "A route's `poll` and `max_concurrent` bound it already; set it where the API's terms name a number.",
    },
];
