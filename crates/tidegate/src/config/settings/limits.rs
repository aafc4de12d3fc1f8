//! The settings of `[limits]`: the bounds of memory and of connections.

use super::super::kind::{Kind, Section, Setting};
use super::super::quantity::ByteSize;
use super::{GIB, KIB, MIB, MINUTE, time};

pub(super) const SETTINGS: &[Setting] = &[
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
        key: "max_private_feeds",
        kind: Kind::CountOrAuto(1, 10_000_000),
        default: Some("auto"),
        example: "2000",
        about: "How many of the feeds may be of one caller each: their keys hold credentials, cookies or fields that are not \
                known, or the origin forbids sharing with `Vary: *`. Beyond it, streams get 503 and `Retry-After`, and plain \
                reads are passed through. `auto` is half of `max_feeds`.",
        reason: "One header that differs for every visitor turns one poll into thousands; what all share stays live. The \
                 log names what the keys differ in.",
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
        key: "max_subscriptions",
        kind: Kind::Count(1, 65_536),
        default: Some("256"),
        example: "256",
        about: "How many streams one WebSocket, or one multiplexed event stream, may carry at once. Each counts as a stream \
                against the other limits. Beyond it, a subscription is refused.",
        reason: "A page needs some dozens; a client that asks for every resource there is should not have them all on one \
                 connection, whose messages come one after the other.",
    },
    Setting {
        section: Section::Limits,
        key: "subscriptions_heartbeat",
        kind: time(1_000, 5 * MINUTE),
        default: Some("15s"),
        example: "\"15s\"",
        about: "How long a WebSocket, or a multiplexed event stream, may be silent before a heartbeat is sent on it, whatever \
                routes its subscriptions are of. A WebSocket whose client answers no ping for three times as long is closed.",
        reason: "As for a route's `heartbeat`: below the time-outs of common proxies and of our clients.",
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
        key: "max_h2_streams",
        kind: Kind::Count(0, 10_000),
        default: Some("100"),
        example: "100",
        about: "How many requests a connection of HTTP/2 may have at once, streams included; a client asks for more when \
                one of them ends. With 0 the gateway speaks HTTP/1.1 alone, also over TLS.",
        reason: "RFC 9113 advises no fewer, and a page needs far fewer. One address may have as many streams as \
                 `max_connections_per_address` times this. An HTTP/2 client that reads one stream costs several times \
                 the memory of one on HTTP/1.1, whose socket serves the stream alone.",
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
        section: Section::Limits,
        key: "max_wait",
        kind: time(1000, 60 * MINUTE),
        default: Some("1m"),
        example: "\"30s\"",
        about: "How long a plain read may wait for something newer than what its client has (`Prefer: wait`, \
                `tidegate.wait`), in whole seconds. Who asks for more waits for so long.",
        reason: "Proxies commonly cut an answer that does not begin within a minute; put it below what stands in front of \
                 the gateway.",
    },
];
