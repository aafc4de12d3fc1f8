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
    Setting {
        section: Section::Origin,
        key: "headers",
        kind: Kind::HeaderFields,
        default: Some(""),
        example: "{ \"X-Api-Key\" = \"${API_KEY}\" }",
        about: "Fields that go with every request to the origin, fetched or passed through, in the place of a client's of the same \
                name. Write secrets as `${NAME}` or `${file:PATH}`; values are never printed.",
        reason: "So clients need no credentials of the API. Whoever reaches a route of this origin then reads what the gateway may \
                 read, and a client's own field of that name divides no feeds.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_token_url",
        kind: Kind::Url,
        default: Some(""),
        example: "\"https://id.example.com/oauth2/token\"",
        about: "Where the gateway gets its own tokens (OAuth 2.0 client credentials), which it sends as `Authorization` in the \
                place of a client's. Needs `oauth2_client_id` and `oauth2_client_secret`. Without it there are no tokens.",
        reason: "A token is fetched when first needed and renewed before it expires, once for everyone; after a 401 a fetch is made \
                 once more with a new one.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_client_id",
        kind: Kind::Text,
        default: Some(""),
        example: "\"gateway\"",
        about: "Who the gateway is at the token endpoint.",
        reason: "The issuer gives it.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_client_secret",
        kind: Kind::Text,
        default: Some(""),
        example: "\"${CLIENT_SECRET}\"",
        about: "How it proves that. Never printed.",
        reason: "From the environment or a file, so that the configuration can be shown and kept.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_scope",
        kind: Kind::Text,
        default: Some(""),
        example: "\"quotes:read\"",
        about: "What the tokens are to allow, names with spaces between. Empty for what the issuer gives by default.",
        reason: "Less is safer: name what reading needs.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_audience",
        kind: Kind::Text,
        default: Some(""),
        example: "\"https://api.example.com\"",
        about: "For whom the tokens are. Empty where the issuer does not ask for it.",
        reason: "Some issuers serve several APIs.",
    },
    Setting {
        section: Section::Origin,
        key: "oauth2_secret_in_body",
        kind: Kind::Flag,
        default: Some("false"),
        example: "true",
        about: "Whether the secret is sent in the body of the token request, and not in `Authorization`.",
        reason: "RFC 6749 §2.3.1 has every issuer understand `Authorization`; some do not.",
    },
];
