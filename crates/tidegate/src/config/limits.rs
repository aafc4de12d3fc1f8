//! `[limits]`: the bounds of memory and of connections, and what they mean to each other.

use std::time::Duration;

use super::error::Problem;
use super::kind::OrAuto;
use super::quantity::ByteSize;
use super::read::{At, Fields, Reader};
use super::value::Sourced;

/// The bounds of memory and of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The largest representation, decoded.
    pub max_body: Sourced<ByteSize>,
    /// The most feeds at once.
    pub max_feeds: Sourced<usize>,
    /// The most feeds at once that are of one caller each.
    pub max_private_feeds: Sourced<usize>,
    /// The most streams at once.
    pub max_streams: Sourced<usize>,
    /// The most streams of one feed at once.
    pub max_streams_per_feed: Sourced<usize>,
    /// The most streams on one connection that carries several.
    pub max_subscriptions: Sourced<usize>,
    /// The most time without a byte on such a connection.
    pub subscriptions_heartbeat: Sourced<Duration>,
    /// The most connections of clients at once, those of streams included.
    pub max_connections: Sourced<usize>,
    /// The most connections of one address at once; of IPv6, of one /64 network.
    pub max_connections_per_address: Sourced<usize>,
    /// The most requests, streams included, of one connection of HTTP/2 at once; 0 where it is not spoken.
    pub max_h2_streams: Sourced<usize>,
    /// The most connections that are accepted in a second.
    pub max_connects_per_second: Sourced<usize>,
    /// The most bytes of a stream that the system holds for a slow client.
    pub send_buffer: Sourced<ByteSize>,
    /// The most bytes of old versions that unfinished writes keep in memory.
    pub max_pinned: Sourced<ByteSize>,
    /// The memory of the process beyond which load is shed; `auto` is a part of what the machine has.
    pub memory: Sourced<OrAuto<ByteSize>>,
    /// How many threads write to streams; `auto` is one for each core.
    pub shards: Sourced<OrAuto<usize>>,
    /// The most bytes of earlier versions that a feed keeps.
    pub window: Sourced<ByteSize>,
    /// The most earlier versions that a feed keeps.
    pub window_versions: Sourced<usize>,
    /// How long a client may take for the head of a request.
    pub request_head_timeout: Sourced<Duration>,
    /// How long a plain read may wait for something newer.
    pub max_wait: Sourced<Duration>,
}

/// Connections beside those of streams, where nothing is written.
const SPARE_CONNECTIONS: usize = 1024;
/// The connections that are allowed where nothing is written and streams do not need more.
const USUAL_CONNECTIONS: usize = 16_384;

pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Limits> {
    reader.unknown_keys(fields);
    let max_body = reader.size(fields, "max_body");
    let max_feeds = reader.count(fields, "max_feeds");
    let private_feeds = reader.count_or_auto(fields, "max_private_feeds");
    let max_streams = reader.count(fields, "max_streams");
    let per_feed = reader.count_or_auto(fields, "max_streams_per_feed");
    let max_subscriptions = reader.count(fields, "max_subscriptions");
    let heartbeat = reader.time(fields, "subscriptions_heartbeat");
    let connections = reader.count_or_auto(fields, "max_connections");
    let per_address = reader.count_or_auto(fields, "max_connections_per_address");
    let per_second = reader.count(fields, "max_connects_per_second");
    let max_h2_streams = reader.count(fields, "max_h2_streams");
    let send_buffer = reader.size(fields, "send_buffer");
    let max_pinned = reader.size(fields, "max_pinned");
    let memory = reader.size_or_auto(fields, "memory");
    let shards = reader.count_or_auto(fields, "shards");
    let window = reader.size(fields, "window");
    let window_versions = reader.count(fields, "window_versions");
    let request_head_timeout = reader.time(fields, "request_head_timeout");
    let max_wait = reader.time(fields, "max_wait");
    let streams = max_streams?;
    let feeds = max_feeds?;
    let private_feeds = or_auto(private_feeds?, &feeds, |feeds| feeds.div_ceil(2));
    at_most(reader, ("max_private_feeds", &private_feeds), ("max_feeds", &feeds));
    let max_connections = or_auto(connections?, &streams, |streams| {
        USUAL_CONNECTIONS.max(streams.saturating_add(SPARE_CONNECTIONS))
    });
    let per_feed = or_auto(per_feed?, &streams, |streams| streams);
    let per_address = or_auto(per_address?, &max_connections, |connections| connections);
    at_most(reader, ("max_streams", &streams), ("max_connections", &max_connections));
    at_most(reader, ("max_streams_per_feed", &per_feed), ("max_streams", &streams));
    at_most(reader, ("max_connections_per_address", &per_address), ("max_connections", &max_connections));
    Some(Limits {
        max_body: max_body?.value,
        max_feeds: feeds.value,
        max_private_feeds: private_feeds.value,
        max_streams: streams.value,
        max_streams_per_feed: per_feed.value,
        max_subscriptions: max_subscriptions?.value,
        subscriptions_heartbeat: heartbeat?.value,
        max_connections: max_connections.value,
        max_connections_per_address: per_address.value,
        max_connects_per_second: per_second?.value,
        max_h2_streams: max_h2_streams?.value,
        send_buffer: send_buffer?.value,
        max_pinned: max_pinned?.value,
        memory: memory?.value,
        shards: shards?.value,
        window: window?.value,
        window_versions: window_versions?.value,
        request_head_timeout: request_head_timeout?.value,
        max_wait: max_wait?.value,
    })
}

/// A count, or what follows from another where it is `auto`. What follows is not written, so it has no place; and where
/// the other came from the environment, it is shown as the other is.
fn or_auto(at: At<OrAuto<usize>>, other: &At<usize>, auto: impl FnOnce(usize) -> usize) -> At<usize> {
    match *at.value {
        OrAuto::Set(count) => At { value: at.value.map(|_| count), span: at.span },
        OrAuto::Auto => At { value: other.value.clone().map(auto), span: None },
    }
}

/// Reports a part that is more than its whole, where both are written: one that is not follows the other or is a default
/// that nobody chose.
fn at_most(reader: &mut Reader<'_>, part: (&'static str, &At<usize>), whole: (&'static str, &At<usize>)) {
    if *part.1.value > *whole.1.value
        && let (Some(span), Some(limit)) = (part.1.span.clone(), &whole.1.span)
    {
        let problem = Problem::MoreThan {
            key: part.0,
            shown: part.1.value.to_string(),
            limit_key: whole.0,
            limit_shown: whole.1.value.to_string(),
            limit_line: reader.source.line(limit.start),
        };
        reader.report(&span, problem);
    }
}
