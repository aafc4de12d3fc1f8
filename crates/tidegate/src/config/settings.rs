//! Every setting, documented once.
//!
//! This table is the only place that knows the settings' names, kinds, limits, defaults and reasons. The reader takes
//! defaults and limits from it, errors take their lists of valid keys and their examples, and `docs/CONFIG.md` is made
//! from it.
//!
//! Invariant: each default is a text that its setting accepts (a test holds every one against the reader).

use std::time::Duration;

use super::kind::{Kind, Section, Setting};
use super::quantity::ByteSize;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

const fn time(least_ms: u64, most_ms: u64) -> Kind {
    Kind::Time(Duration::from_millis(least_ms), Duration::from_millis(most_ms))
}

/// All settings, in the order in which they are documented.
pub const SETTINGS: &[Setting] = &[
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
        section: Section::Tls,
        key: "certificate",
        kind: Kind::File,
        default: None,
        example: "\"certificate.pem\"",
        about: "A file with the server's certificate in PEM form, and after it those that lead to a root which clients \
                trust, each followed by the one that signed it. A relative path is taken from the folder of the \
                configuration file.",
        reason: "It is what certificate authorities' tools call the full chain; without the middle of it, some clients do not \
                 trust it.",
    },
    Setting {
        section: Section::Tls,
        key: "key",
        kind: Kind::File,
        default: None,
        example: "\"key.pem\"",
        about: "A file with the certificate's private key in PEM form: PKCS #8, or the older forms of RSA and EC keys. It \
                must not be encrypted. RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, and Ed25519 are accepted.",
        reason: "ECDSA on P-256 is the cheapest when everybody connects at once: a signature of RSA takes many times \
                 as long.",
    },
    Setting {
        section: Section::Limits,
        key: "max_body",
        kind: Kind::Size(ByteSize(KIB), ByteSize(GIB)),
        default: Some("16 MiB"),
        example: "\"16 MiB\"",
        about: "The largest representation that is kept and streamed, after decoding.",
        reason: "Far above usual answers; it bounds what one misbehaving resource costs, compressed bombs included.",
    },
    Setting {
        section: Section::Limits,
        key: "max_feeds",
        kind: Kind::Count(1, 10_000_000),
        default: Some("10000"),
        example: "10000",
        about: "How many feeds (live resources, each under one sharing key) may exist at once. Beyond it, streams get \
                503 and `Retry-After`, and plain reads are passed through.",
        reason: "Each feed polls the origin and holds a window.",
    },
    Setting {
        section: Section::Limits,
        key: "max_streams",
        kind: Kind::Count(1, 10_000_000),
        default: Some("10000"),
        example: "10000",
        about: "How many streams may be open at once. Beyond it, requests get 503 and `Retry-After`.",
        reason: "Each stream is a socket; the operating system's limit of open files has to be higher.",
    },
    Setting {
        section: Section::Limits,
        key: "max_streams_per_feed",
        kind: Kind::CountOrAuto(1, 10_000_000),
        default: Some("auto"),
        example: "1000",
        about: "How many of them may be of one feed. Beyond it, requests get 503 and `Retry-After`. `auto` is \
                `max_streams`; more than `max_streams` is an error.",
        reason: "One feed may have everybody until you decide that another must have room beside it.",
    },
    Setting {
        section: Section::Limits,
        key: "max_connections",
        kind: Kind::CountOrAuto(1, 10_000_000),
        default: Some("auto"),
        example: "16384",
        about: "How many connections of clients may be open at once, those of streams included. Beyond it, a new one \
                gets 503 and `Retry-After` before its request is read, and those that are open go on. `auto` is 16384, or \
                `max_streams` and 1024 more where that is greater; fewer than a written `max_streams` is an error.",
        reason: "A stream is a connection, and plain requests need some beside them.",
    },
    Setting {
        section: Section::Limits,
        key: "max_connections_per_address",
        kind: Kind::CountOrAuto(1, 10_000_000),
        default: Some("auto"),
        example: "100",
        about: "How many of them one address may have; of IPv6, a /64 network counts as one address. `auto` is \
                `max_connections`; more than `max_connections` is an error.",
        reason: "Behind a proxy, or a company's gateway, all clients have one address: lower it only where clients connect \
                 directly.",
    },
    Setting {
        section: Section::Limits,
        key: "max_connects_per_second",
        kind: Kind::Count(1, 10_000_000),
        default: Some("10000"),
        example: "10000",
        about: "How many connections a second are accepted, in bursts of at most one second's. Beyond it, a new one gets \
                503 and `Retry-After`, spread so that not all come back at once.",
        reason: "When everybody reconnects at once they are let in within seconds, and those who are connected are served \
                 meanwhile.",
    },
    Setting {
        section: Section::Limits,
        key: "send_buffer",
        kind: Kind::Size(ByteSize(4 * KIB), ByteSize(64 * MIB)),
        default: Some("128 KiB"),
        example: "\"128 KiB\"",
        about: "How many bytes of a stream the system may hold for a client that has not taken them yet. The system may \
                round it, and counts its own bookkeeping.",
        reason: "It fills the way to a client 100 ms away at 10 Mbit/s. What it holds is old when it arrives, and is memory \
                 that `memory` does not see.",
    },
    Setting {
        section: Section::Limits,
        key: "max_pinned",
        kind: Kind::Size(ByteSize(64 * KIB), ByteSize(64 * GIB)),
        default: Some("64 MiB"),
        example: "\"64 MiB\"",
        about: "How many bytes of old versions may stay in memory because a slow client has taken only a part of an \
                update. Beyond it, the stream that has waited longest is closed and told when to come back.",
        reason: "A client that comes back costs one snapshot; keep it above `max_body`, or a slow client can never take the \
                 largest one.",
    },
    Setting {
        section: Section::Limits,
        key: "memory",
        kind: Kind::SizeOrAuto(ByteSize(32 * MIB), ByteSize(16_384 * GIB)),
        default: Some("auto"),
        example: "\"2 GiB\"",
        about: "How much memory the process may take. From 90 % of it on, new connections and streams get 503; beyond it, \
                streams are closed, each told when to come back. `auto` is 80 % of the memory of the machine, or of the \
                cgroup's (version 2) limit where that is lower.",
        reason: "Some clients that come back later are better than the system ending the process with all of them. The \
                 rest is for what the system holds for sockets.",
    },
    Setting {
        section: Section::Limits,
        key: "shards",
        kind: Kind::CountOrAuto(1, 256),
        default: Some("auto"),
        example: "4",
        about: "How many threads write to streams, each to its own part of them. `auto` is one for each core that the \
                process may use.",
        reason: "They do nearly all of the work under load; more of them than cores only wait for each other.",
    },
    Setting {
        section: Section::Limits,
        key: "window",
        kind: Kind::Size(ByteSize(KIB), ByteSize(GIB)),
        default: Some("4 MiB"),
        example: "\"4 MiB\"",
        about: "How many bytes a feed's versions may take, so that clients resume with a patch: the newest whole, and of each \
                earlier one what the next lacks, the patch that led to it, and its validators.",
        reason: "What falls out of it is answered with a snapshot, so a small one costs bandwidth and never correctness.",
    },
    Setting {
        section: Section::Limits,
        key: "window_versions",
        kind: Kind::Count(1, 65_536),
        default: Some("128"),
        example: "128",
        about: "How many earlier versions a feed keeps, whatever their size.",
        reason: "About a minute of a resource that changes twice a second, the time that a reconnect may take.",
    },
    Setting {
        section: Section::Limits,
        key: "request_head_timeout",
        kind: time(100, 5 * MINUTE),
        default: Some("30s"),
        example: "\"30s\"",
        about: "How long a client may take for the head of a request, and how long a connection may be idle between \
                two. It is absolute: dripping bytes do not extend it.",
        reason: "A connection that says nothing is a socket that others may need.",
    },
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
        key: "origin",
        kind: Kind::Name,
        default: None,
        example: "\"market\"",
        about: "The name of the origin that answers.",
        reason: "Written out even where there is only one, so that adding a second changes no route.",
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
        about: "How often the origin is asked while somebody subscribes, from the start of one fetch to the next.",
        reason: "Feels live on a screen and is one conditional request, however many clients watch. At the least, 5 ms, \
                 that is 200 requests a second for each feed, and as many comparisons: for origins next door and few feeds.",
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
