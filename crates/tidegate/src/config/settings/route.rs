//! The settings of `[[route]]`: which requests it is for, and how their resources are kept live.

use std::time::Duration;

use super::super::kind::{Kind, Section, Setting};
use super::super::quantity::ByteSize;
use super::{HOUR, MIB, MINUTE, time};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Route,
        key: "path",
        kind: Kind::Pattern,
        default: None,
        example: "\"/quotes/**\"",
        about: "Which paths the route is for. See *Patterns and precedence*.",
        reason: "A path that no route matches gets 404 from the gateway.",
    },
    Setting {
        section: Section::Route,
        key: "host",
        kind: Kind::Host,
        default: Some(""),
        example: "\"api.example.com\"",
        about: "Which host the route is for, by the request's `Host` without its port: a name, or `*.` before one for the \
                names with exactly one label more. Empty: every host. See *Patterns and precedence*.",
        reason: "Most gateways stand in for one host; with several, each API can have its own.",
    },
    Setting {
        section: Section::Route,
        key: "mount",
        kind: Kind::Path,
        default: Some(""),
        example: "\"/market\"",
        about: "The path under which clients see the API, which the origin does not know: it is taken off the request's path \
                before the path of the origin's URL is put in front, and put back in `Location`, `Content-Location`, `Link` \
                and the paths of cookies (those with the prefix `__Host-` keep `/`, or browsers would refuse them). `path` has to begin with it. The origin is told in `X-Forwarded-Prefix`, where a \
                request is passed through.",
        reason: "Most APIs are seen where they are; several behind one host need a path each.",
    },
    Setting {
        section: Section::Route,
        key: "origin",
        kind: Kind::Name,
        default: None,
        example: "\"market\"",
        about: "The name of the origin that answers.",
        reason: "Written out even where there is only one, so that adding a second changes no route.",
    },
    Setting {
        section: Section::Route,
        key: "verifier",
        kind: Kind::Name,
        default: Some(""),
        example: "\"login\"",
        about: "The name of the `[[verifier]]` whose tokens callers have to bear (`Authorization: Bearer`), whatever they \
                ask. Without a valid one the gateway answers 401, and a stream ends when its token expires. Empty: \
                callers are not looked at.",
        reason: "The origin looks at its callers itself, until you say that the gateway is to.",
    },
    Setting {
        section: Section::Route,
        key: "claim_headers",
        kind: Kind::ClaimHeaders,
        default: Some(""),
        example: "{ \"X-Tenant\" = \"tenant\" }",
        about: "Header fields that tell the origin of claims: each with the claim's name. They are the gateway's on every \
                request of the route: what clients send under these names is dropped. On a live route each of the claims \
                has to be in `partition_by`. A claim that is not visible ASCII is refused with 403.",
        reason: "An origin that believes its gateway needs no token; what it is told of must divide callers, or one would \
                 get the answer to another.",
    },
    Setting {
        section: Section::Route,
        key: "live",
        kind: Kind::Flag,
        default: Some("true"),
        example: "true",
        about: "Whether GETs can be subscribed to. If not, everything is passed through, and the settings below are \
                errors.",
        reason: "It is what the gateway is for.",
    },
    Setting {
        section: Section::Route,
        key: "poll",
        kind: time(5, 24 * HOUR),
        default: Some("500ms"),
        example: "\"500ms\"",
        about: "How fresh the data is to be: the interval, from the start of one fetch to the next, at which the origin is \
                asked for what changes about as often as that. There is no shorter one. See *How often the origin is asked*.",
        reason: "Feels live on a screen and is one conditional request, however many clients watch. At the least, 5 ms, \
                 that is 200 requests a second for each feed, and as many comparisons: for origins next door and few feeds.",
    },
    Setting {
        section: Section::Route,
        key: "poll_max",
        kind: Kind::TimeOrAuto(Duration::from_millis(5), Duration::from_millis(24 * HOUR)),
        default: Some("auto"),
        example: "\"1m\"",
        about: "The longest interval, for what does not change. In between, the interval follows the changes. `auto` is twice \
                `poll`; less than `poll` is an error.",
        reason: "Subscribers are told it as `fresh_within_ms`, so it is not far from `poll` until you say that it may be. \
                 Many resources that are quiet at most times are asked a tenth as often with a minute.",
    },
    Setting {
        section: Section::Route,
        key: "obey_lifetime",
        kind: Kind::Flag,
        default: Some("true"),
        example: "false",
        about: "Whether an answer that the origin calls fresh (`Cache-Control`, `Expires`, less its `Age`) is left alone for \
                so long, up to an hour, although `poll` is shorter.",
        reason: "The origin knows when asking earlier is of no use, be it only because a cache before it would answer. Write \
                 `false` where it says a lifetime for browsers and changes sooner.",
    },
    Setting {
        section: Section::Route,
        key: "linger",
        kind: time(0, HOUR),
        default: Some("10s"),
        example: "\"10s\"",
        about: "How long polling goes on after the last subscriber left.",
        reason: "A page that reloads, or a network that changes, resumes without a gap.",
    },
    Setting {
        section: Section::Route,
        key: "stale_if_error",
        kind: time(0, 24 * HOUR),
        default: Some("1h"),
        example: "\"1h\"",
        about: "How long a plain read still gets the last good version while the origin fails (no answer, 500, 502, 503, \
                504), from when that version stopped being fresh. It counts where the origin does not say \
                `stale-if-error` itself, and never against `must-revalidate`, `proxy-revalidate`, `s-maxage` or \
                `no-cache`. Streams are `stale` for as long as it takes.",
        reason: "An outage of minutes should not empty screens; after an hour an error is more honest than the data. `\"0s\"` \
                 shows every failure.",
    },
    Setting {
        section: Section::Route,
        key: "heartbeat",
        kind: time(1_000, 5 * MINUTE),
        default: Some("15s"),
        example: "\"15s\"",
        about: "How long a stream may be silent before a heartbeat is sent on it.",
        reason: "Below the time-outs of common proxies, of which the shortest are 30 s, and of our clients, which take 45 s of \
                 silence for a dead connection.",
    },
    Setting {
        section: Section::Route,
        key: "conflate",
        kind: Kind::Flag,
        default: Some("true"),
        example: "true",
        about: "What a stream gets that fell behind, because its client or the gateway was busy: the net effect of what it \
                missed as one update (`true`), or every update, joined in as few writes as possible, as long as the window \
                holds them (`false`).",
        reason: "Whoever shows the present is served best by the shortest way to it; write `false` where each step counts.",
    },
    Setting {
        section: Section::Route,
        key: "ignore_headers",
        kind: Kind::HeaderNames,
        default: Some(""),
        example: "[\"Accept-Language\"]",
        about: "Request header fields that do not choose the content here, so that requests that differ in them share \
                a feed. Fields that carry credentials are refused: sharing across credentials is never allowed.",
        reason: "Every field is taken to choose the content until you know better.",
    },
    Setting {
        section: Section::Route,
        key: "ignore_query",
        kind: Kind::QueryNames,
        default: Some(""),
        example: "[\"_\", \"utm_*\"]",
        about: "Query parameters that do not choose the content here: they are left out of the key and of what the \
                origin is asked when feeds and plain reads share. Names are compared decoded; `*` at the end stands \
                for anything. The rest of the query stays as it is, in its order.",
        reason: "Every parameter is taken to choose the content until you know better; what only avoids caches or \
                 counts campaigns makes each visitor a feed.",
    },
    Setting {
        section: Section::Route,
        key: "cookies",
        kind: Kind::CookieNames,
        default: Some("all"),
        example: "[\"session\"]",
        about: "The cookies that choose the content here: only these are in the key, and only these reach the origin \
                when feeds and plain reads share; `[]` for none. What is passed through keeps all its cookies.",
        reason: "Any cookie may be a session until you know better; one of an analytics script is another for each \
                 visitor.",
    },
    Setting {
        section: Section::Route,
        key: "partition_by",
        kind: Kind::Claims,
        default: Some(""),
        example: "[\"tenant\"]",
        about: "The claims of the token, by their names, that divide callers: who is equal in all of them shares, and their \
                `Authorization` is neither in the key nor sent when feeds and plain reads share. A text, a whole number or \
                a flag; a token that lacks one of them gets 403. See [SHARING.md](SHARING.md). Empty: each token divides.",
        reason: "Only you know what the origin chooses by: its tenants, or each of its users. Tokens change every few \
                 minutes, and each would be a feed of its own.",
    },
    Setting {
        section: Section::Route,
        key: "safe_methods",
        kind: Kind::Methods,
        default: Some(""),
        example: "[\"QUERY\"]",
        about: "Methods beside `GET` and `HEAD` whose requests change nothing here, so that they can be streamed, polled, \
                repeated and shared; their content is part of the key. `POST`, `QUERY`, `SEARCH`, `REPORT`, `PROPFIND`.",
        reason: "A request that may change something must be sent once, by whom it is from: only you know which do not.",
    },
    Setting {
        section: Section::Route,
        key: "max_query_body",
        kind: Kind::Size(ByteSize(1), ByteSize(16 * MIB)),
        default: Some("64 KiB"),
        example: "\"64 KiB\"",
        about: "The largest content of a request by one of `safe_methods`, or with `graphql`. Beyond it, a stream is \
                refused with 413, and anything else is passed through.",
        reason: "Each feed keeps the content that it asks with; a large GraphQL query has a few KiB.",
    },
    Setting {
        section: Section::Route,
        key: "graphql",
        kind: Kind::Flag,
        default: Some("false"),
        example: "true",
        about: "Whether `POST`s here are GraphQL: those that are queries beyond doubt are safe as if declared by \
                `safe_methods`; mutations, subscriptions, persisted queries, batches and whatever cannot be read are \
                passed through once, as they are.",
        reason: "A mutation that was polled would be done again and again.",
    },
    Setting {
        section: Section::Route,
        key: "payload",
        kind: Kind::Pointer,
        default: Some(""),
        example: "\"/data\"",
        about: "Where the data is inside an envelope, as a JSON Pointer (RFC 6901): only differences inside it are \
                told. Where either document lacks it, every difference is. See *Which differences are told*.",
        reason: "The whole document is the data until you say otherwise; an envelope is often new with every answer.",
    },
    Setting {
        section: Section::Route,
        key: "ignore",
        kind: Kind::Paths,
        default: Some(""),
        example: "[\"$.generated_at\", \"$..updated\"]",
        about: "Which parts are as if absent when documents are compared, as JSONPaths (RFC 9535).",
        reason: "Every difference is told until you know that it means nothing; a time of creation makes each answer a \
                 new version.",
    },
    Setting {
        section: Section::Route,
        key: "tolerance",
        kind: Kind::Tolerances,
        default: Some(""),
        example: "{ \"$.rows[*].last\" = 0.01 }",
        about: "By how much the numbers at these JSONPaths may differ from those told last and still be the same, in \
                their own unit.",
        reason: "Numbers count by their text until you know what is noise. Slow drift is told as soon as it adds up.",
    },
    Setting {
        section: Section::Route,
        key: "identity",
        kind: Kind::Members,
        default: Some(""),
        example: "{ \"$.rows\" = \"sku\" }",
        about: "Which member identifies the rows of the arrays at these JSONPaths, which are made of names, indexes from \
                0, `*` and `..`. It only makes patches smaller.",
        reason: "It is detected where rows have a member whose values differ; name it where that guesses wrong.",
    },
];
