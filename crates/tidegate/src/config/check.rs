//! What settings mean to each other, and the checked configuration made of them.
//!
//! Owns the second step: names are unique and known, routes can be reached, bounds are in order. It runs on whatever
//! the first step could read, so that one wrong value hides no other error; and it reports nothing that follows from
//! an error that is reported already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::error::Problem;
use super::fields;
use super::header::parse_ignorable;
use super::kind::OrAuto;
use super::pattern::PathPattern;
use super::read::{At, Fields, Reader, nearest};
use super::url::{CorsOrigins, OriginUrl, WebOrigin};
use super::value::{Sourced, ValueError};
use super::{Limits, LivePolicy, OriginConfig, OriginName, RouteConfig, RoutePolicy};

/// An origin, as far as it could be read.
pub(super) struct OriginDraft {
    name: Option<At<OriginName>>,
    origin: Option<Arc<OriginConfig>>,
}

/// A route, as far as it could be read.
struct RouteDraft {
    pattern: Option<At<PathPattern>>,
    line: usize,
    route: Option<RouteConfig>,
}

/// One web origin of the list, or the sign for all.
#[derive(PartialEq)]
enum WebOriginOrStar {
    Star,
    One(WebOrigin),
}

pub(super) fn cors(reader: &mut Reader<'_>, top: &Fields<'_>) -> Option<CorsOrigins> {
    let list = read_cors_list(reader, top)?;
    let star = list.iter().find(|at| matches!(*at.value, WebOriginOrStar::Star));
    match star {
        Some(_) if list.len() == 1 => Some(CorsOrigins::Any),
        Some(at) => {
            reader.report(&at.span.clone().unwrap_or(0..0), Problem::StarNotAlone);
            None
        }
        None if list.is_empty() => Some(CorsOrigins::None),
        None => {
            let origins = list.into_iter().filter_map(|at| match &*at.value {
                WebOriginOrStar::One(origin) => {
                    let origin = origin.clone();
                    Some(at.value.map(|_| origin))
                }
                WebOriginOrStar::Star => None,
            });
            Some(CorsOrigins::List(origins.collect()))
        }
    }
}

fn read_cors_list(reader: &mut Reader<'_>, top: &Fields<'_>) -> Option<Vec<At<WebOriginOrStar>>> {
    reader.list(top, "cors_origins", |text| match text {
        "*" => Ok(WebOriginOrStar::Star),
        text => WebOrigin::parse(text).map(WebOriginOrStar::One),
    })
}

/// Connections beside those of streams, where nothing is written.
const SPARE_CONNECTIONS: usize = 1024;
/// The connections that are allowed where nothing is written and streams do not need more.
const USUAL_CONNECTIONS: usize = 16_384;

pub(super) fn limits(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Limits> {
    reader.unknown_keys(fields);
    let max_body = reader.size(fields, "max_body");
    let max_feeds = reader.count(fields, "max_feeds");
    let max_streams = reader.count(fields, "max_streams");
    let per_feed = reader.count_or_auto(fields, "max_streams_per_feed");
    let connections = reader.count_or_auto(fields, "max_connections");
    let per_address = reader.count_or_auto(fields, "max_connections_per_address");
    let per_second = reader.count(fields, "max_connects_per_second");
    let send_buffer = reader.size(fields, "send_buffer");
    let max_pinned = reader.size(fields, "max_pinned");
    let memory = reader.size_or_auto(fields, "memory");
    let shards = reader.count_or_auto(fields, "shards");
    let window = reader.size(fields, "window");
    let window_versions = reader.count(fields, "window_versions");
    let request_head_timeout = reader.time(fields, "request_head_timeout");
    let streams = max_streams?;
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
        max_feeds: max_feeds?.value,
        max_streams: streams.value,
        max_streams_per_feed: per_feed.value,
        max_connections: max_connections.value,
        max_connections_per_address: per_address.value,
        max_connects_per_second: per_second?.value,
        send_buffer: send_buffer?.value,
        max_pinned: max_pinned?.value,
        memory: memory?.value,
        shards: shards?.value,
        window: window?.value,
        window_versions: window_versions?.value,
        request_head_timeout: request_head_timeout?.value,
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

pub(super) fn origins(reader: &mut Reader<'_>, tables: &[Fields<'_>]) -> Vec<OriginDraft> {
    let mut drafts: Vec<OriginDraft> = Vec::with_capacity(tables.len());
    let mut first_by_name: HashMap<String, usize> = HashMap::new();
    for fields in tables {
        reader.unknown_keys(fields);
        let name = reader.value(fields, "name", OriginName::parse);
        let url = reader.value(fields, "url", OriginUrl::parse);
        let connect = reader.time(fields, "connect_timeout");
        let head = reader.time(fields, "head_timeout");
        let body_timeout = reader.time(fields, "body_timeout");
        if let (Some(connect), Some(head)) = (&connect, &head) {
            bounds(reader, ("connect_timeout", connect), ("head_timeout", head));
        }
        if let Some(At { value, span: Some(span) }) = &name {
            let first = *first_by_name.entry(value.as_str().to_owned()).or_insert(span.start);
            if first != span.start {
                let first_line = reader.source.line(first);
                reader.report(span, Problem::SameName { shown: value.to_string(), first_line });
            }
        }
        let build = || {
            Some(Arc::new(OriginConfig {
                name: name.clone()?.value,
                url: url?.value,
                connect_timeout: connect?.value,
                head_timeout: head?.value,
                body_timeout: body_timeout?.value,
            }))
        };
        let origin = build();
        drafts.push(OriginDraft { name, origin });
    }
    drafts
}

/// Reports a bound that exceeds its own bound, at whichever of the two the file holds.
fn bounds(reader: &mut Reader<'_>, low: (&'static str, &At<Duration>), high: (&'static str, &At<Duration>)) {
    let show = |at: &At<Duration>| at.value.clone().map(super::quantity::display_duration).to_string();
    if *low.1.value > *high.1.value
        && let Some(span) = low.1.span.as_ref().or(high.1.span.as_ref())
    {
        let problem =
            Problem::Exceeds { key: low.0, shown: show(low.1), limit_key: high.0, limit_shown: show(high.1) };
        reader.report(span, problem);
    }
}

impl OriginDraft {
    pub(super) fn finish(self) -> Option<Arc<OriginConfig>> {
        self.origin
    }
}

/// The routes in order of precedence. Shorter than `tables` if some could not be made.
pub(super) fn routes(
    reader: &mut Reader<'_>,
    tables: &[Fields<'_>],
    origins: &[OriginDraft],
) -> Vec<RouteConfig> {
    let mut drafts: Vec<_> = tables.iter().map(|fields| route(reader, fields, origins)).collect();
    drafts.retain(|draft| draft.pattern.is_some());
    // A stable sort: of two equal patterns the one that stands first in the file is the first.
    drafts.sort_by(|a, b| match (&a.pattern, &b.pattern) {
        (Some(a), Some(b)) => a.value.precedence(&b.value),
        _ => std::cmp::Ordering::Equal,
    });
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(At { value, span: Some(span) }) = &draft.pattern
            && let Some(problem) = shadowed(value, &drafts[..index])
        {
            reader.report(span, problem);
        }
    }
    drafts.into_iter().filter_map(|draft| draft.route).collect()
}

/// What is wrong with a pattern that stands after `earlier`, if no request reaches it.
fn shadowed(pattern: &Sourced<PathPattern>, earlier: &[RouteDraft]) -> Option<Problem> {
    let earlier = || earlier.iter().filter_map(|draft| Some((&draft.pattern.as_ref()?.value, draft.line)));
    if let Some((first, first_line)) = earlier().find(|(first, _)| **first == *pattern) {
        let (shown, first_shown) = (pattern.to_string(), first.to_string());
        return Some(Problem::SamePath { shown, first_shown, first_line });
    }
    if pattern.reachable(earlier().map(|(earlier, _)| &**earlier)) {
        return None;
    }
    let by = earlier().filter(|(earlier, _)| pattern.overlaps(earlier));
    let by = by.map(|(earlier, line)| (earlier.to_string(), line)).collect();
    Some(Problem::Unreachable { shown: pattern.to_string(), by })
}

/// The settings of a route that mean nothing where everything is passed through.
const LIVE_ONLY: [&str; 9] = [
    "poll",
    "linger",
    "heartbeat",
    "conflate",
    "ignore_headers",
    "payload",
    "ignore",
    "tolerance",
    "identity",
];

fn route(reader: &mut Reader<'_>, table: &Fields<'_>, origins: &[OriginDraft]) -> RouteDraft {
    reader.unknown_keys(table);
    let pattern = reader.value(table, "path", PathPattern::parse);
    let name = reader.value(table, "origin", OriginName::parse);
    let live = reader.value(table, "live", parse_flag);
    let poll = reader.time(table, "poll");
    let linger = reader.time(table, "linger");
    let heartbeat = reader.time(table, "heartbeat");
    let conflate = reader.value(table, "conflate", parse_flag);
    let ignored = reader.list(table, "ignore_headers", parse_ignorable);
    let controls = fields::read(reader, table);
    let is_live = live.as_ref().map(|live| *live.value);
    if is_live == Some(false) {
        for key in LIVE_ONLY {
            if let Some(span) = table.key_span(key) {
                reader.report(&span, Problem::NotLive { key });
            }
        }
    }
    let origin = name.and_then(|name| find_origin(reader, &name, origins));
    let build = || {
        let policy = if is_live? {
            RoutePolicy::Live(LivePolicy {
                poll: poll?.value,
                linger: linger?.value,
                heartbeat: heartbeat?.value,
                conflate: conflate?.value,
                ignore_headers: ignored?.into_iter().map(|at| at.value).collect(),
                fields: Arc::new(controls?),
            })
        } else {
            RoutePolicy::PassThrough
        };
        Some(RouteConfig { pattern: pattern.clone()?.value, origin: origin?, policy })
    };
    let route = build();
    let line =
        pattern.as_ref().and_then(|at| at.span.as_ref()).map_or(0, |span| reader.source.line(span.start));
    RouteDraft { pattern, line, route }
}

fn find_origin(
    reader: &mut Reader<'_>,
    name: &At<OriginName>,
    origins: &[OriginDraft],
) -> Option<Arc<OriginConfig>> {
    let names = || origins.iter().filter_map(|draft| draft.name.as_ref().map(|at| &at.value));
    let same = |draft: &&OriginDraft| draft.name.as_ref().is_some_and(|at| *at.value == *name.value);
    if let Some(draft) = origins.iter().find(same) {
        return draft.origin.clone();
    }
    // The name of an origin that could not be read may be the one meant: its own error is enough.
    let all_names_known = names().count() == origins.len();
    if let (Some(span), true) = (&name.span, all_names_known) {
        // A suggestion is near to what was written, so it would tell what a variable holds.
        let candidates = names().filter(|known| !known.is_hidden() && !name.value.is_hidden());
        let suggestion =
            nearest(name.value.as_str(), candidates.map(|known| known.as_str())).map(str::to_owned);
        let known = names().map(ToString::to_string).collect();
        reader.report(span, Problem::UnknownOrigin { shown: name.value.to_string(), suggestion, known });
    }
    None
}

fn parse_flag(text: &str) -> Result<bool, ValueError> {
    text.parse().map_err(|_| ValueError::Flag)
}
